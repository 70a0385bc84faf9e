package behaviors_test

import (
	"context"
	"iter"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// ways are those in which a stream of two items ends without an error of the
// handler's own, and the handler's panic.
var ways = map[string]struct {
	items   func(yield func(int, error) bool)
	consume func(items iter.Seq2[int, error])
	want    behaviors.Ending
}{
	"to its end":            {twoItems, consumeAll, behaviors.Succeeded},
	"consumer's break":      {twoItems, consumeOne, behaviors.Stopped},
	"consumer's panic":      {twoItems, consumeAndPanic, behaviors.Stopped},
	"consumer's Goexit":     {twoItems, consumeAndExit, behaviors.Stopped},
	"handler's panic":       {func(func(int, error) bool) { panic("handler") }, consumeAll, behaviors.Panicked},
	"handler's later panic": {func(yield func(int, error) bool) { yield(1, nil); panic("handler") }, consumeAll, behaviors.Panicked},
	"handler's Goexit":      {func(yield func(int, error) bool) { yield(1, nil); runtime.Goexit() }, consumeAll, behaviors.Exited},
	"handler's error":       {func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, errFaulty) }, consumeAll, behaviors.Failed},
}

func twoItems(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }

func consumeAll(items iter.Seq2[int, error]) {
	for range items {
	}
}

func consumeOne(items iter.Seq2[int, error]) {
	for range items {
		break
	}
}

func consumeAndPanic(items iter.Seq2[int, error]) {
	for range items {
		panic("consumer")
	}
}

func consumeAndExit(items iter.Seq2[int, error]) {
	for range items {
		runtime.Goexit()
	}
}

// unwound runs f on a goroutine of its own, and returns what it panicked with.
func unwound(f func()) (v any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { v = recover() }()
		f()
	}()
	<-done
	return v
}

func TestRecorderAndLogTellTheConsumersStopFromTheHandlersFailure(t *testing.T) {
	for name, way := range ways {
		for _, inner := range [][]mediator.Behavior{nil, {behaviors.Recover()}} {
			r := behaviors.NewRecorder()
			var l logged
			stream := counter(t, append([]mediator.Behavior{behaviors.Log(l.logger(slog.LevelInfo)), r}, inner...)...)
			v := unwound(func() { way.consume(stream(way.items)) })
			if name == "consumer's panic" {
				require.Equal(t, "consumer", v, "it is not swallowed")
			}
			m := r.Snapshot().Total()
			require.EqualValues(t, 1, m.Count(way.want), name)
			require.EqualValues(t, 1, m.Ended(), name)
			require.Zero(t, m.InFlight, name)
			lines := l.lines(t)
			require.Len(t, lines, 1, name)
			require.Equal(t, way.want.String(), lines[0]["msg"], name)
			require.Equal(t, behaviors.LogLevel(way.want).String(), lines[0]["level"], name)
		}
	}
}

func TestBreakerTellsTheConsumersStopFromTheHandlersFailure(t *testing.T) {
	for name, way := range ways {
		for _, inner := range [][]mediator.Behavior{nil, {behaviors.Recover()}} {
			b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
			stream := counter(t, append([]mediator.Behavior{b}, inner...)...)
			unwound(func() { way.consume(stream(way.items)) })
			want := behaviors.StateOpen
			if way.want == behaviors.Succeeded || way.want == behaviors.Stopped {
				want = behaviors.StateClosed
			}
			require.Equal(t, want, b.State(), name)
		}
	}
}

func TestConsumersPanicLeavesNoTrialRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Trials: 4})
		stream := counter(t, b)
		consumeAll(stream(ways["handler's error"].items))
		require.Equal(t, behaviors.StateOpen, b.State())
		time.Sleep(time.Minute)
		for i := range 3 {
			require.Equal(t, "consumer", unwound(func() { consumeAndPanic(stream(twoItems)) }))
			require.Equal(t, behaviors.StateHalfOpen, b.State())
			require.Zero(t, b.Snapshot()[0].TrialsRunning)
			require.Equal(t, i+1, b.Snapshot()[0].TrialsSucceeded, "by its first item")
		}
		consumeOne(stream(twoItems))
		require.Equal(t, behaviors.StateClosed, b.State(), "what a consumer has enough of works")
	})
}

func TestRetryDoesNotRepeatAfterTheConsumersPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		stream := counter(t, behaviors.Retry(behaviors.RetryConfig{
			Stream:  behaviors.Redeliver,
			RetryIf: func(error) bool { return true },
			OnRetry: func(context.Context, behaviors.RetryEvent) { t.Error("a retry for nobody") },
		}), behaviors.Recover())
		begun := time.Now()
		require.Equal(t, "consumer", unwound(func() {
			consumeAndPanic(stream(func(yield func(int, error) bool) { runs++; twoItems(yield) }))
		}))
		require.Equal(t, 1, runs)
		require.Zero(t, time.Since(begun), "it does not wait either")
	})
}
