package watch_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/watch"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type ask struct {
	mediator.Returns[int]
	N int
}

type told struct{ N int }

func (told) About() string { return "it" }

type fact interface{ About() string }

type list struct{ mediator.Yields[int] }

var errBroken = errors.New("broken")

// again runs next so many times, and in forks as often as that.
func again(times, forks int) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		for range times {
			err = next(ctx, c)
		}
		for range forks {
			fork, failed := c.Fork()
			if failed != nil {
				return failed
			}
			err = errors.Join(err, next(ctx, fork))
		}
		return err
	})
}

// seen notes what watches the calls, and how many runs it counts in them.
type seen struct {
	by   []*watch.Call
	runs []int
}

func (s *seen) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		s.by = append(s.by, watch.Of(c))
		err := next(context.Background(), c) //nolint:contextcheck // as some behaviors do
		s.runs = append(s.runs, watch.RunsOf(c))
		return err
	}
}

func newMediator(t *testing.T, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(context.WithoutCancel(t.Context()))) })
	return m
}

func fill(any) error { return nil }

func TestTheCallIsWatchedThroughItsWholePipeline(t *testing.T) {
	defer watch.Start()()
	require.True(t, watch.Any())
	typed := mediator.Typed(func(ctx context.Context, q ask, next func(context.Context, ask) (int, error)) (int, error) {
		q.N++
		return next(ctx, q)
	})
	stopped := mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { return errBroken })
	for name, tc := range map[string]struct {
		inner []mediator.HandlerOption
		runs  int
		own   int // as the Call of the outermost behavior has it
	}{
		"alone":                           {runs: 1, own: 1},
		"twice":                           {inner: []mediator.HandlerOption{mediator.Use(again(2, 0))}, runs: 2, own: 2},
		"twice, twice":                    {inner: []mediator.HandlerOption{mediator.Use(again(2, 0), again(2, 0))}, runs: 4, own: 4},
		"forks alone":                     {inner: []mediator.HandlerOption{mediator.Use(again(0, 2))}, runs: 2, own: 2},
		"and forks of forks":              {inner: []mediator.HandlerOption{mediator.Use(again(1, 2), again(1, 1))}, runs: 6, own: 6},
		"not at all":                      {inner: []mediator.HandlerOption{mediator.Use(stopped)}},
		"through a typed layer":           {inner: []mediator.HandlerOption{typed, mediator.Use(again(3, 0)), typed}, runs: 3, own: 1},
		"not at all within a typed layer": {inner: []mediator.HandlerOption{typed, mediator.Use(stopped)}, own: 1},
	} {
		t.Run(name, func(t *testing.T) {
			outer, inner := new(seen), new(seen)
			runs := 0
			opts := append(append([]mediator.HandlerOption{mediator.Named("ask")}, tc.inner...), mediator.Use(inner))
			m := newMediator(t, mediator.Use(outer), mediator.Handle(func(context.Context, ask) (int, error) { runs++; return 0, nil }, opts...))
			dispatch := func(ctx context.Context) { _, _ = mediator.Dispatch(ctx, m, "ask", fill) }
			for range 3 { // frames are used again
				runs, *outer, *inner = 0, seen{}, seen{}
				w := &watch.Call{Kind: uint8(mediator.KindRequest), Name: "ask"}
				dispatch(watch.With(t.Context(), w))
				require.True(t, w.Taken())
				require.Equal(t, tc.runs, runs)
				require.Equal(t, tc.runs, w.Runs())
				for _, by := range append(outer.by, inner.by...) {
					require.Same(t, w, by)
				}
				require.Equal(t, []int{tc.own}, outer.runs)

				dispatch(t.Context())
				require.Equal(t, 2*tc.runs, runs)
				require.Equal(t, tc.runs, w.Runs(), "it is another call")
				require.Nil(t, outer.by[1])
				require.Equal(t, []int{tc.own, tc.own}, outer.runs)
			}
		})
	}
}

// The usual run is counted when another begins, or when it is given up: nobody may have
// asked before.
func TestARunThatIsGivenUpIsCounted(t *testing.T) {
	s := new(seen)
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	attempts, runs := 0, 0
	givesUp := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if attempts++; attempts > 1 {
			return next(ctx, c)
		}
		go func() {
			defer close(ended)
			_ = next(ctx, c)
		}()
		<-begun
		return errBroken
	})
	m := newMediator(t, mediator.Use(s, again(2, 0), givesUp), mediator.Handle(func(context.Context, ask) (int, error) {
		if runs++; runs == 1 {
			close(begun)
			<-release
		}
		return 0, nil
	}))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	close(release)
	<-ended
	require.Equal(t, []int{2}, s.runs)
}

func TestWhatTheHandlerDoesIsNotWatched(t *testing.T) {
	defer watch.Start()()
	s := new(seen)
	var m *mediator.Mediator
	depth := 0
	m = newMediator(t, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return s.Wrap(func(_ context.Context, c mediator.Call) error { return next(ctx, c) })(ctx, c)
	})),
		mediator.Subscribe(func(ctx context.Context, n told) error {
			if depth++; depth > 1 {
				return nil
			}
			return errors.Join(mediator.Publish(ctx, m, n), mediator.DispatchTo(ctx, m, "told", "g", fill))
		}, mediator.Named("told"), mediator.Group("g")),
		mediator.HandleStream(func(ctx context.Context, _ list) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if depth++; depth == 1 {
					for range mediator.Stream(ctx, m, list{}) {
					}
				}
				yield(1, nil)
			}
		}, mediator.Named("list")))
	w := &watch.Call{Kind: uint8(mediator.KindNotification), Name: "told", Group: "g"}
	require.NoError(t, mediator.DispatchTo(watch.With(t.Context(), w), m, "told", "g", fill))
	require.Equal(t, []*watch.Call{w, nil, nil}, s.by)
	require.Equal(t, 1, w.Runs())

	*s, depth = seen{}, 0
	w = &watch.Call{Kind: uint8(mediator.KindStream), Name: "list"}
	ctx := watch.With(t.Context(), w)
	for range mediator.Stream(ctx, m, list{}) {
		for range mediator.Stream(ctx, m, list{}) { // of the consumer, meanwhile
		}
	}
	for range mediator.Stream(ctx, m, list{}) {
	}
	require.Equal(t, []*watch.Call{w, nil, nil, w}, s.by)
	require.Equal(t, []int{1, 1, 1, 1}, s.runs)
	require.Equal(t, 2, w.Runs())
}

// A subscriber is reached in ways of several kinds.
func TestTheRunsOfSubscribersAreCounted(t *testing.T) {
	defer watch.Start()()
	around := mediator.Use(again(2, 0))
	m := newMediator(t,
		mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Named("told"), mediator.Group("plain")),
		mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Group("around"), around),
		mediator.Subscribe(func(context.Context, fact) error { return nil }, mediator.Group("fact")),
		mediator.Subscribe(func(context.Context, fact) error { return nil }, mediator.Group("fact around"), around))
	for group, opts := range map[string][]mediator.HandlerOption{"listener": nil, "listener around": {around}} {
		stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, append(opts, mediator.Group(group))...)
		require.NoError(t, err)
		defer stop()
	}
	runs := func(group string, decode func(any) error) (int, error) {
		w := &watch.Call{Kind: uint8(mediator.KindNotification), Name: "told", Group: group}
		err := mediator.DispatchTo(watch.With(t.Context(), w), m, "told", group, decode)
		require.True(t, w.Taken())
		return w.Runs(), err
	}
	for group, want := range map[string]int{"plain": 1, "around": 2, "fact": 1, "fact around": 2, "listener": 1, "listener around": 2} {
		n, err := runs(group, fill)
		require.NoError(t, err)
		require.Equal(t, want, n, group)
	}
	for name, opts := range map[string][]mediator.HandlerOption{
		"before":             nil,
		"before, and around": {mediator.Use(again(1, 0))},
	} {
		stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, append(opts, mediator.Group(name))...)
		require.NoError(t, err)
		n, err := runs(name, func(any) error { stop(); return nil })
		require.ErrorIs(t, err, mediator.ErrUnsubscribed)
		require.Zero(t, n, name)
	}
	var stop func()
	stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, mediator.Group("between"),
		mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { stop(); return next(ctx, c) })))
	require.NoError(t, err)
	n, err := runs("between", fill)
	require.ErrorIs(t, err, mediator.ErrUnsubscribed)
	require.Zero(t, n)
}

func TestOnlyTheCallThatIsMeantIsWatched(t *testing.T) {
	s := new(seen)
	m := newMediator(t, mediator.Use(s), mediator.Handle(func(context.Context, ask) (int, error) { return 0, nil }, mediator.Named("ask")))
	w := &watch.Call{Kind: uint8(mediator.KindRequest), Name: "ask"}
	dispatch := func(w *watch.Call) { _, _ = mediator.Dispatch(watch.With(t.Context(), w), m, "ask", fill) }
	require.False(t, watch.Any())
	dispatch(w)
	require.False(t, w.Taken(), "nobody watches")
	defer watch.Start()()
	for _, other := range []*watch.Call{{Kind: w.Kind, Name: "other"}, {Kind: uint8(mediator.KindStream), Name: "ask"}, {Kind: w.Kind, Name: "ask", Group: "g"}} {
		dispatch(other)
		require.False(t, other.Taken())
	}
	_, _ = mediator.Send(watch.With(t.Context(), w), m, ask{})
	require.False(t, w.Taken(), "it is not made by its name")
	dispatch(w)
	require.True(t, w.Taken())
	require.Len(t, s.by, 6)
	require.Zero(t, watch.RunsOf(mediator.Call{}))
	require.Nil(t, watch.Of(nil))
}

// What is left of a call when it has ended is not watched, and no other's runs are its.
func TestWhatComesAfterTheCallIsNotCountedIn(t *testing.T) {
	defer watch.Start()()
	forks := 2
	s := new(seen)
	var kept context.Context
	m := newMediator(t, mediator.Use(s, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return again(1, forks).Wrap(next)(ctx, c)
	})), mediator.Handle(func(context.Context, ask) (int, error) { return 0, nil }, mediator.Named("ask"), mediator.Use(mediator.Around(
		func(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) }))),
	)
	for range 2 {
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		forks = 0
	}
	require.Equal(t, []int{3, 1}, s.runs)

	plain := newMediator(t, mediator.Subscribe(func(ctx context.Context, _ told) error { kept = ctx; return nil }, mediator.Named("told"), mediator.Group("g")))
	w := &watch.Call{Kind: uint8(mediator.KindNotification), Name: "told", Group: "g"}
	require.NoError(t, mediator.DispatchTo(watch.With(t.Context(), w), plain, "told", "g", fill))
	require.NoError(t, mediator.DispatchTo(kept, plain, "told", "g", fill))
	require.Equal(t, 1, w.Runs())
}
