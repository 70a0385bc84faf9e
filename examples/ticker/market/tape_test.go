package market_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/examples/ticker/market"
)

// write puts n quotes on a tape and returns how many found room.
func write(ctx context.Context, tape *market.Tape, n int) (written int) {
	for range n {
		if !tape.Write(ctx, market.Quote{Symbol: "ACME", Price: 1}) {
			break
		}
		written++
	}
	return written
}

func TestReadersGetEveryQuoteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := market.NewTape(8)
		done := make(chan uint64)
		for after := range uint64(3) {
			go func() {
				last := after
				for q, err := range tape.Read(t.Context(), after) {
					if err != nil || q.Number != last+1 {
						panic(fmt.Sprint(q, err))
					}
					last = q.Number
				}
				done <- last
			}()
		}
		synctest.Wait()
		require.Equal(t, 1000, write(t.Context(), tape, 1000))
		tape.End()
		for range 3 {
			require.EqualValues(t, 1000, <-done)
		}
		require.Zero(t, write(t.Context(), tape, 1), "after the end")
		require.EqualValues(t, 1000, tape.Newest())
	})
}

func TestWriterWaitsForTheSlowestReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 200
		tape := market.NewTape(size)
		leave := make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() {
			for range tape.Read(t.Context(), 0) { // at the first quote
				<-leave
				return
			}
		})
		require.Equal(t, 1, write(t.Context(), tape, 1))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		written := make(chan int)
		again := func(n int) { written <- write(ctx, tape, n) }
		go again(10 * size)
		synctest.Wait()
		require.EqualValues(t, 1+size/2, tape.Newest(), "half a tape behind the first")

		cancel()
		require.Equal(t, size/2, <-written, "its context has ended")
		ctx = t.Context()
		go again(10 * size)
		synctest.Wait()
		close(leave)
		require.Equal(t, 10*size, <-written, "nobody reads any more")
		reader.Wait()
	})
}

func TestWhatIsNoLongerOnTheTape(t *testing.T) {
	tape := market.NewTape(10)
	require.Equal(t, 15, write(t.Context(), tape, 15))
	tape.End()
	for _, err := range tape.Read(t.Context(), 4) {
		require.ErrorIs(t, err, market.ErrLost)
	}
	first := uint64(0)
	for q, err := range tape.Read(t.Context(), 5) {
		require.NoError(t, err)
		first = q.Number
		break
	}
	require.EqualValues(t, 6, first)
	for range tape.Read(t.Context(), 99) {
		t.Fatal("there is nothing after the end")
	}
}

func TestReadersEnd(t *testing.T) {
	cause := errors.New("enough")
	for name, end := range map[string]func(*market.Tape, context.CancelCauseFunc){
		"with the tape":    func(tape *market.Tape, _ context.CancelCauseFunc) { tape.End() },
		"when it stops":    func(tape *market.Tape, _ context.CancelCauseFunc) { tape.Stop(); tape.Stop() },
		"with the context": func(_ *market.Tape, cancel context.CancelCauseFunc) { cancel(cause) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				tape := market.NewTape(10)
				ended := make(chan error)
				go func() {
					var last error
					for _, err := range tape.Read(ctx, 0) {
						last = err
					}
					ended <- last
				}()
				synctest.Wait()
				end(tape, cancel)
				require.Equal(t, context.Cause(ctx), <-ended)
			})
		})
	}
}

// A reader that is behind gets the rest of a tape that ended, and nothing more of one
// that was stopped.
func TestStop(t *testing.T) {
	for _, stop := range []bool{false, true} {
		tape := market.NewTape(1000)
		require.Equal(t, 100, write(t.Context(), tape, 100))
		tape.End()
		n := 0
		for _, err := range tape.Read(t.Context(), 0) {
			require.NoError(t, err)
			if n++; n == 10 && stop {
				tape.Stop()
			}
		}
		if stop {
			require.Equal(t, 10, n)
			<-tape.Stopped()
		} else {
			require.Equal(t, 100, n)
		}
	}
}
