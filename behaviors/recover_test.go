package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func panicking(_ context.Context, q ask) (int, error) {
	if q.N > 0 {
		panic(errFlaky)
	}
	panic("bug")
}

func TestRecoverTurnsAPanicIntoAnError(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Recover()), mediator.Handle(panicking),
		mediator.Subscribe(func(context.Context, told) error { panic("bug") }),
		mediator.HandleStream(func(context.Context, letters) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) { yield("a", nil); panic("bug") }
		}),
		mediator.HandleStreamChan(func(_ context.Context, _ inner, out chan<- string) error { panic("elsewhere") }))
	_, send := mediator.Send(t.Context(), m, ask{})
	got, stream := collect(t.Context(), m, "")
	require.Equal(t, "a", got)
	for _, err := range []error{send, mediator.Publish(t.Context(), m, told{}), stream} {
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "bug", p.Value)
		require.Contains(t, string(p.Stack), "recover_test.go")
	}
	_, err := mediator.Send(t.Context(), m, ask{N: 1})
	require.ErrorIs(t, err, errFlaky, "a panic with an error is that error")
	for _, err := range mediator.Stream(t.Context(), m, inner{}) {
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "elsewhere", p.Value)
	}
}

func TestRecoverLetsGoexitAndTheConsumersPanicThrough(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Recover()),
		mediator.Handle(func(context.Context, ask) (int, error) { runtime.Goexit(); return 0, nil }),
		mediator.HandleStream((&broken{}).handle))
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_, _ = mediator.Send(t.Context(), m, ask{})
		returned = true
	}()
	<-done
	require.False(t, returned)
	require.PanicsWithValue(t, "consumer", func() {
		for range mediator.Stream(t.Context(), m, letters{Of: "ab"}) {
			panic("consumer")
		}
	})
}

// A behavior that panics while its next still runs, as a home-made timeout may, is no
// reason to refuse the attempt after it.
func TestWhatAPanicLeftRunningEndsWithRecover(t *testing.T) {
	for _, kind := range []mediator.Kind{mediator.KindRequest, mediator.KindStream} {
		started, release, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		impatient := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if behaviors.Attempt(ctx) > 1 {
				return next(ctx, c)
			}
			go func() { late <- next(ctx, c) }()
			<-started
			panic("too slow")
		})
		hang := func(ctx context.Context) {
			if behaviors.Attempt(ctx) == 1 {
				close(started)
				<-release
			}
		}
		retry := behaviors.Retry(behaviors.RetryConfig{Delay: 1, RetryIf: behaviors.ErrorAs[*mediator.PanicError]()})
		m := newMediator(t, mediator.Use(noop{}, retry, behaviors.Recover(), impatient),
			mediator.Handle(func(ctx context.Context, q ask) (int, error) { hang(ctx); return q.N, nil }),
			mediator.HandleStream(func(ctx context.Context, _ letters) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) { hang(ctx); yield("a", nil) }
			}))
		if kind == mediator.KindRequest {
			n, err := mediator.Send(t.Context(), m, ask{N: 7})
			require.NoError(t, err)
			require.Equal(t, 7, n)
		} else {
			got, err := collect(t.Context(), m, "")
			require.NoError(t, err)
			require.Equal(t, "a", got)
		}
		close(release)
		require.ErrorIs(t, <-late, mediator.ErrCallOver)
	}
}

// Fault of the system reimplemented here: a panic in one subscriber kept the rest
// from running.
func TestFault12RecoveredSubscriberKeepsNobodyFromRunning(t *testing.T) {
	ran := 0
	count := func(context.Context, told) error { ran++; return nil }
	m := newMediator(t, mediator.Use(behaviors.Recover()), mediator.Subscribe(count, mediator.Group("a")),
		mediator.Subscribe(func(context.Context, told) error { panic("bug") }, mediator.Group("b")), mediator.Subscribe(count, mediator.Group("c")))
	var p *mediator.PanicError
	require.ErrorAs(t, mediator.Publish(t.Context(), m, told{}), &p)
	require.Equal(t, 2, ran)
}

func TestRecoverPassesErrors(t *testing.T) {
	want := errors.New("own")
	m := newMediator(t, mediator.Use(behaviors.Recover()), always(want, new(int)))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.Equal(t, want, err)
	requireNoAllocs(t, behaviors.Recover())
}

func BenchmarkRecover(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("recover", func(b *testing.B) { benchSend(b, behaviors.Recover()) })
}
