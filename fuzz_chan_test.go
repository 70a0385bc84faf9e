package mediator_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// FuzzChanStream bridges a handler that sends to a ChanStream, both with some
// capacity, and has it end in every way there is, while the consumer, the context
// and the mediator end the stream at a moment of their own, in any order and at
// once: items come in order, a stream without an error is complete, Err does not
// change once C is closed, and no handler runs on.
func FuzzChanStream(f *testing.F) {
	for ending := range uint8(6) {
		f.Add(ending, uint8(1<<ending), ending%4, ending, ending%3)
	}
	f.Fuzz(func(t *testing.T, ending, ends, at, capacity, outCapacity uint8) {
		const n = 6
		var running atomic.Int32
		m, err := mediator.New(mediator.HandleStreamChan(func(ctx context.Context, _ count, out chan<- int) error {
			running.Add(1)
			defer running.Add(-1)
			for i := range n {
				switch {
				case ending%6 == 1:
					select {
					case out <- i:
						continue
					case <-ctx.Done():
						return ctx.Err()
					}
				case i < n/2 || ending%6 == 0:
				case ending%6 == 2:
					close(out)
					return errBoom
				case ending%6 == 3:
					panic(errBoom)
				case ending%6 == 4:
					runtime.Goexit()
				case ending%6 == 5:
					close(out)
					<-ctx.Done()
					return errBoom
				}
				out <- i
			}
			return nil
		}, mediator.Capacity(int(outCapacity%4))))
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		s := mediator.StreamChan(ctx, m, count{}, mediator.Capacity(int(capacity%4)))

		var enders sync.WaitGroup
		end := func() {
			if ends&1 != 0 || ending%6 == 5 { // the handler waits for its context
				enders.Go(func() { _ = s.Close() })
			}
			if ends&2 != 0 {
				enders.Go(func() { cancel(errTimeout) })
			}
			if ends&4 != 0 {
				enders.Go(func() { _ = m.Close(context.Background()) })
			}
			if ends&8 != 0 {
				_ = s.Close()
			}
		}
		moment := int(at % n)
		if moment == 0 || ending%6 == 5 {
			end()
		}
		next := 0
		for item := range s.C {
			require.Equal(t, next, item)
			if next++; next == moment && ending%6 != 5 {
				end()
			}
			if next == moment && ends&16 != 0 { // stops to receive
				_ = s.Close()
			}
		}
		why := s.Err()
		if why == nil {
			require.Equal(t, n, next, "it was cut off and looks complete")
		}
		_ = s.Close()
		enders.Wait()
		require.NoError(t, m.Close(context.Background()))
		require.Equal(t, why, s.Err())
		require.Zero(t, running.Load(), "a handler that runs on")
	})
}
