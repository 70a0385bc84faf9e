package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// askFor handles ask with f.
func askFor(f func(ctx context.Context) error) mediator.Option {
	return mediator.Handle(func(ctx context.Context, q ask) (int, error) { return q.N, f(ctx) }, mediator.Named("ask"))
}

var errSoldOut = behaviors.Business(errors.New("sold out"))

func TestRecorderCountsEndings(t *testing.T) {
	errCause := errors.New("the user closed the page")
	ended := func(ctx context.Context) error { return context.Cause(ctx) }
	for _, test := range []struct {
		name    string
		handler func(ctx context.Context) error
		ctx     func(ctx context.Context) context.Context
		want    behaviors.Ending
	}{
		{name: "success", handler: func(context.Context) error { return nil }, want: behaviors.Succeeded},
		{name: "error", handler: func(context.Context) error { return io.EOF }, want: behaviors.Failed},
		{name: "canceled inside", handler: func(context.Context) error { return context.Canceled }, want: behaviors.Failed},
		{name: "deadline", handler: func(context.Context) error { return context.DeadlineExceeded }, want: behaviors.TimedOut},
		{name: "open", handler: func(context.Context) error { return fmt.Errorf("x: %w", behaviors.ErrOpen) }, want: behaviors.Rejected},
		{name: "limited", handler: func(context.Context) error { return behaviors.ErrLimited }, want: behaviors.Rejected},
		{name: "full", handler: func(context.Context) error { return behaviors.ErrFull }, want: behaviors.Rejected},
		{name: "memory", handler: func(context.Context) error { return behaviors.ErrMemory }, want: behaviors.Rejected},
		{name: "invalid", handler: func(context.Context) error { return behaviors.ErrInvalid }, want: behaviors.Declined},
		{name: "answer of the business", handler: func(context.Context) error { return fmt.Errorf("x: %w", errSoldOut) }, want: behaviors.Declined},
		{name: "answer of its own", handler: func(context.Context) error { return businessError{true} }, want: behaviors.Declined},
		{name: "no answer", handler: func(context.Context) error { return businessError{false} }, want: behaviors.Failed},
		{name: "recovered", handler: func(context.Context) error { return errors.Join(io.EOF, &mediator.PanicError{Value: 1}) }, want: behaviors.Panicked},
		{name: "goexit elsewhere", handler: func(context.Context) error { return mediator.ErrGoexit }, want: behaviors.Exited},
		{name: "no time to wait", handler: func(context.Context) error {
			return fmt.Errorf("%w: it would take longer: %w", behaviors.ErrFull, context.DeadlineExceeded)
		}, want: behaviors.Rejected},
		{name: "invalid, with a deadline in it", handler: func(context.Context) error {
			return errors.Join(behaviors.ErrInvalid, context.DeadlineExceeded)
		}, want: behaviors.Declined},
		{name: "answer in a panic", handler: func(context.Context) error { return &mediator.PanicError{Value: errSoldOut} }, want: behaviors.Panicked},
		{name: "answer beside a goexit", handler: func(context.Context) error { return errors.Join(errSoldOut, mediator.ErrGoexit) }, want: behaviors.Exited},
		{name: "answer beside a failure", handler: func(context.Context) error { return errors.Join(io.EOF, errSoldOut) }, want: behaviors.Declined},
		{name: "answer beside a rejection", handler: func(context.Context) error { return errors.Join(behaviors.ErrFull, errSoldOut) }, want: behaviors.Declined},
		{name: "answer past the deadline", handler: func(ctx context.Context) error { return errors.Join(errSoldOut, ctx.Err()) },
			ctx: pastDeadline, want: behaviors.Declined},
		{name: "answer to a caller who has canceled", handler: func(context.Context) error { return errSoldOut },
			ctx: canceledContext(nil), want: behaviors.Declined},
		{name: "caller canceled, marked as an answer", handler: func(ctx context.Context) error { return behaviors.Business(ctx.Err()) },
			ctx: canceledContext(nil), want: behaviors.Canceled},
		{name: "rejected past the deadline", handler: func(ctx context.Context) error { return errors.Join(behaviors.ErrFull, ctx.Err()) },
			ctx: pastDeadline, want: behaviors.TimedOut},
		{name: "caller canceled", handler: ended, ctx: canceledContext(nil), want: behaviors.Canceled},
		{name: "caller canceled with a cause", handler: ended, ctx: canceledContext(errCause), want: behaviors.Canceled},
		{name: "error of a canceled call", handler: func(context.Context) error { return io.EOF }, ctx: canceledContext(nil), want: behaviors.Failed},
		{name: "caller's deadline", handler: ended, ctx: pastDeadline, want: behaviors.TimedOut},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := behaviors.NewRecorder()
			m := newMediator(t, mediator.Use(r), askFor(test.handler))
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(ctx)
			}
			_, err := mediator.Send(ctx, m, ask{})
			require.Equal(t, test.want, behaviors.EndingOf(ctx, err))
			requireOnly(t, r.Snapshot().Message("ask"), test.want)
		})
	}
}

func pastDeadline(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, -1)
	cancel()
	return ctx
}

func canceledContext(cause error) func(ctx context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		return ctx
	}
}

// requireOnly says that there was one call, which ended that way.
func requireOnly(t *testing.T, m behaviors.MessageStats, want behaviors.Ending) {
	t.Helper()
	for _, e := range behaviors.Endings() {
		n := 0
		if e == want {
			n = 1
		}
		require.EqualValues(t, n, m.Count(e), "%v", e)
		require.EqualValues(t, n, m.LatencyOf(e).Count(), "%v", e)
	}
	require.EqualValues(t, 1, m.Started)
	require.EqualValues(t, 1, m.Ended())
	require.Zero(t, m.InFlight)
}

func TestRecorderCountsPanicsAndGoexitExactly(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), mediator.Handle(func(_ context.Context, q ask) (int, error) {
		switch q.N % 3 {
		case 0:
			panic(q.N)
		case 1:
			runtime.Goexit()
		}
		return 0, nil
	}))
	const calls = 300
	var wg sync.WaitGroup
	for n := range calls {
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil && v != any(n) {
					t.Errorf("recovered %v, want %d", v, n)
				}
			}()
			_, _ = mediator.Send(t.Context(), m, ask{N: n})
		})
	}
	wg.Wait()
	total := r.Snapshot().Total()
	require.EqualValues(t, calls/3, total.Count(behaviors.Panicked))
	require.EqualValues(t, calls/3, total.Count(behaviors.Exited))
	require.EqualValues(t, calls/3, total.Count(behaviors.Succeeded))
	require.EqualValues(t, calls, total.Started)
	require.Zero(t, total.InFlight)
}

func TestRecorderLetsThePanicThroughWithItsStack(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Recover(), behaviors.NewRecorder()), askFor(explode))
	_, err := mediator.Send(t.Context(), m, ask{})
	var p *mediator.PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, "boom", p.Value)
	require.Contains(t, string(p.Stack), "explode", "the stack shows where it began")
}

// touchy is an error that cannot be compared.
type touchy struct{}

func (touchy) Error() string { return "touchy" }
func (touchy) Is(error) bool { panic("do not compare me") }

func TestRecorderLosesNoCallWhoseErrorPanics(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { return touchy{} }))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.Equal(t, touchy{}, err, "the caller gets it as it is")
	requireOnly(t, r.Snapshot().Total(), behaviors.Failed)
}

func explode(context.Context) error { panic("boom") }

func TestRecorderTakesTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { time.Sleep(time.Second); return nil }))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = mediator.Send(t.Context(), m, ask{})
		}()
		synctest.Wait()
		s := r.Snapshot().Message("ask")
		require.EqualValues(t, 1, s.InFlight)
		require.Zero(t, s.Ended())
		<-done
		s = r.Snapshot().Message("ask")
		require.Zero(t, s.InFlight)
		requireClose(t, time.Second, s.Latency().Quantile(.5))
		require.InDelta(t, 1, s.Rate(), 1e-9)
	})
}

func TestRecorderKeepsKindsAndSubscribersApart(t *testing.T) {
	r := behaviors.NewRecorder()
	fails := func(context.Context, told) error { return io.EOF }
	m := newMediator(t, mediator.Use(r),
		mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Group("a"), mediator.Named("told")),
		mediator.Subscribe(fails, mediator.Group("b")),
		mediator.HandleStream(numbers, mediator.Named("numbers")))
	require.Error(t, mediator.Publish(t.Context(), m, told{}))
	for range mediator.Stream(t.Context(), m, upTo{N: 5}) {
	}
	s := r.Snapshot()
	require.Len(t, s.Entries, 3)
	require.Equal(t, "numbers", s.Entries[0].Name)
	require.Equal(t, mediator.KindStream, s.Entries[0].Kind)
	require.EqualValues(t, 5, s.Entries[0].Items)
	for i, group := range []string{"a", "b"} {
		e := s.Entries[i+1]
		require.Equal(t, "told", e.Name)
		require.Equal(t, group, e.Handler)
		require.Equal(t, mediator.KindNotification, e.Kind)
		require.EqualValues(t, i, e.Count(behaviors.Failed))
	}
	both := s.Message("told")
	require.EqualValues(t, 2, both.Started)
	require.Empty(t, both.Handler)
	require.EqualValues(t, 3, s.Total().Started)
	require.Zero(t, s.Message("unknown").Started)
}

func TestRecorderCountsItemsOfStreamsInFlight(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), mediator.HandleStream(numbers))
	seen := 0
	for range mediator.Stream(t.Context(), m, upTo{N: 10}) {
		seen++
		total := r.Snapshot().Total()
		require.EqualValues(t, seen, total.Items)
		require.EqualValues(t, 1, total.InFlight)
		if seen == 4 {
			break
		}
	}
	total := r.Snapshot().Total()
	requireOnly(t, total, behaviors.Stopped)
	require.EqualValues(t, 4, total.Items)
}

func TestRecorderCountsStreamsThatFail(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, io.EOF) }
	}))
	for range mediator.Stream(t.Context(), m, upTo{}) {
	}
	total := r.Snapshot().Total()
	requireOnly(t, total, behaviors.Failed)
	require.EqualValues(t, 1, total.Items)
}

// shape is what a subscriber to an interface gets many types of.
type shape interface{ sides() int }

type (
	triangle struct{}
	square   struct{}
)

func (triangle) sides() int { return 3 }
func (square) sides() int   { return 4 }

func TestRecorderOfASubscriberToAnInterface(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), mediator.Subscribe(func(context.Context, shape) error { return nil }))
	for range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, triangle{}))
		require.NoError(t, mediator.Publish(t.Context(), m, square{}))
		require.NoError(t, mediator.Publish(t.Context(), m, square{}))
	}
	require.EqualValues(t, 3, r.Snapshot().Message("behaviors_test.triangle").Ended())
	require.EqualValues(t, 6, r.Snapshot().Message("behaviors_test.square").Ended())
}

func TestRecorderIsBoundedInTheNumberOfNames(t *testing.T) {
	r := behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: 3})
	m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { return nil }), mediator.HandleStream(numbers))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	for i := range 20 {
		stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, mediator.Group(fmt.Sprint("group ", i)))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		stop()
	}
	for range mediator.Stream(t.Context(), m, upTo{N: 5}) {
	}
	s := r.Snapshot()
	require.Len(t, s.Entries, 4)
	require.Equal(t, behaviors.OtherName, s.Entries[3].Name)
	require.Zero(t, s.Entries[3].Kind)
	require.EqualValues(t, 19, s.Entries[3].Started)
	require.EqualValues(t, 5, s.Entries[3].Items)
	require.EqualValues(t, 22, s.Total().Started)
}

func TestRecorderNeedsAboutFourKiBAName(t *testing.T) {
	require.InEpsilon(t, 4<<10, int(behaviors.BytesAName), .1)
}

func TestRecorderRefusesAConfigThatMakesNoSense(t *testing.T) {
	require.PanicsWithValue(t, "behaviors: NewRecorder: MaxNames is -1: it cannot be negative",
		func() { behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: -1}) })
	require.Panics(t, func() { behaviors.NewRecorder(behaviors.RecorderConfig{}, behaviors.RecorderConfig{}) })
	require.Panics(t, func() { behaviors.NewRecorder().Watch(nil) })
}

func TestRecorderTwiceAroundAHandlerIsWarnedOf(t *testing.T) {
	r := behaviors.NewRecorder()
	var warnings []string
	_, err := mediator.New(mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(r), mediator.Handle(func(_ context.Context, q ask) (int, error) { return 0, nil }, mediator.Use(r)))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "more than once")
}
