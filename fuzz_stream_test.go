package mediator_test

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// FuzzStreamMisuse runs a stream within behaviors that retry, give up, come late
// or twice at once, as the bytes of chain say, by handlers that heed the stop or
// not, and has the consumer leave after some items. Whatever they do: the loop body
// never runs twice at once, each run's items come in order, an error comes last and
// once, a stream without one is complete, and no handler runs on.
func FuzzStreamMisuse(f *testing.F) {
	f.Add([]byte{0, 1, 2}, uint8(0), uint8(7), uint8(5))
	f.Add([]byte{1, 3, 0, 3}, uint8(1), uint8(9), uint8(4))
	f.Add([]byte{4, 1, 5}, uint8(2), uint8(3), uint8(40))
	f.Add([]byte{6, 7, 2, 4}, uint8(3), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, chain []byte, handler, leaveAfter, length uint8) {
		if len(chain) > 6 {
			chain = chain[:6]
		}
		var stragglers sync.WaitGroup
		var bs []mediator.Behavior
		for _, kind := range chain {
			bs = append(bs, streamMisuse(int(kind), &stragglers))
		}
		n := int(length % 64)
		h := &fuzzedHandler{failAt: -1}
		if handler >= 128 {
			h.failAt = n / 2
		}
		how := []mediator.Option{
			mediator.HandleStream(h.heeding), mediator.HandleStream(h.ignoring),
			mediator.HandleStreamChan(h.sending), mediator.HandleStreamChan(h.blasting, mediator.Capacity(3)),
		}[handler%4]
		m := newMediator(t, mediator.Use(bs...), how)

		var inBody atomic.Int32
		items, last, complete, left := 0, -1, n == 0, false
		var end error
		for item, err := range mediator.Stream(t.Context(), m, count{N: n}) {
			if inBody.Add(1) != 1 {
				t.Error("the loop body runs twice at once")
			}
			for range 3 { // time for a behavior to give up
				runtime.Gosched()
			}
			require.NoError(t, end, "the error comes last and once")
			if end = err; err != nil {
				require.Zero(t, item)
			} else {
				require.True(t, item == last+1 || item == 0, "%d after %d", item, last)
				last, complete = item, complete || item == n-1
				items++
			}
			inBody.Add(-1)
			if left = err == nil && items > int(leaveAfter); left {
				break
			}
		}
		require.True(t, left || end != nil || complete, "it was cut off and looks complete")
		stragglers.Wait()
		require.Zero(t, h.running.Load(), "handlers that run on")
	})
}

// streamMisuse is one of each thing that a behavior should and should not do. None
// swallows an error.
func streamMisuse(kind int, stragglers *sync.WaitGroup) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		switch kind % 8 {
		case 1: // retries
			if next(ctx, c) == nil {
				return nil
			}
		case 2: // gives up at once
			stragglers.Go(func() { _ = next(ctx, c) })
			return errTimeout
		case 3: // gives up when some items have come
			some, done := make(chan struct{}), make(chan error, 1)
			seen := 0
			stragglers.Go(func() {
				done <- next(ctx, c.OnItem(func() {
					if seen++; seen == 2 {
						close(some)
					}
				}))
			})
			select {
			case err := <-done:
				return err
			case <-some:
				return errTimeout
			}
		case 4: // two at once
			stragglers.Go(func() { _ = next(ctx, c) })
		case 5: // late
			err := next(ctx, c)
			stragglers.Go(func() { _ = next(ctx, c); _ = c.Message(); _ = c.Stopped(); _ = c.Interrupt(errBoom) })
			return err
		case 6: // interrupts from elsewhere
			stragglers.Go(func() { _ = c.Interrupt(errBoom) })
		case 7: // ends the context at an item
			own, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			seen := 0
			return next(own, c.OnItem(func() {
				if seen++; seen == 3 {
					cancel(errTimeout)
				}
			}))
		}
		return next(ctx, c)
	})
}

// fuzzedHandler is a handler of all sorts; failAt is the item it fails in place of.
type fuzzedHandler struct {
	failAt  int
	running atomic.Int32
}

func (h *fuzzedHandler) heeding(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		h.running.Add(1)
		defer h.running.Add(-1)
		for i := range q.N {
			if i == h.failAt {
				yield(0, errBoom)
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (h *fuzzedHandler) ignoring(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		h.running.Add(1)
		defer h.running.Add(-1)
		for i := range q.N {
			if i == h.failAt {
				yield(0, errBoom)
			}
			yield(i, nil)
		}
	}
}

func (h *fuzzedHandler) sending(ctx context.Context, q count, out chan<- int) error {
	h.running.Add(1)
	defer h.running.Add(-1)
	defer close(out)
	for i := range q.N {
		if i == h.failAt {
			return errBoom
		}
		select {
		case out <- i:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (h *fuzzedHandler) blasting(_ context.Context, q count, out chan<- int) error {
	h.running.Add(1)
	defer h.running.Add(-1)
	for i := range q.N {
		if i == h.failAt {
			return errBoom
		}
		out <- i
	}
	return nil
}
