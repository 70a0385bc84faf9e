package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

type created struct{ ID string }

func (created) Event() {}

type shipped struct{ ID string }

func (*shipped) Event() {}

// hear appends name and the outcome given.
func hear(log *[]string, name string, outcome func() error) mediator.Option {
	var mu sync.Mutex
	return mediator.Subscribe(func(_ context.Context, c created) error {
		mu.Lock()
		*log = append(*log, name+":"+c.ID)
		mu.Unlock()
		return outcome()
	}, mediator.Group(name))
}

func fine() error { return nil }

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

// Faults 1 and 12 of publishing in the system reimplemented here: the first
// error only, and a panic that keeps the rest from running.
func TestFault12EverySubscriberRunsAndEveryErrorIsJoined(t *testing.T) {
	for name, opts := range map[string][]mediator.PublishOption{
		"default": nil, "sequential": {mediator.Sequential()}, "parallel": {mediator.Parallel(0)}, "two at once": {mediator.Parallel(2)},
		"the last option holds": {mediator.Parallel(1), mediator.Sequential()},
	} {
		t.Run(name, func(t *testing.T) {
			for _, bs := range [][]mediator.Behavior{nil, noops(2)} {
				var mu sync.Mutex
				ran := map[string]bool{}
				sub := func(name string, outcome func() error) mediator.Option {
					return mediator.Subscribe(func(context.Context, created) error {
						mu.Lock()
						ran[name] = true
						mu.Unlock()
						return outcome()
					}, mediator.Group(name))
				}
				m := newMediator(t, mediator.Use(bs...),
					sub("a", fine),
					sub("b", func() error { return errBoom }),
					sub("c", func() error { panic("oh no") }),
					sub("d", func() error { return fmt.Errorf("wrapped: %w", &codeError{7}) }),
					sub("e", func() error { panic(context.Canceled) }),
					sub("f", fine))
				err := mediator.Publish(t.Context(), m, created{}, opts...)
				require.Len(t, ran, 6)
				require.ErrorIs(t, err, errBoom)
				require.ErrorIs(t, err, context.Canceled, "an error that was panicked with")
				var code *codeError
				require.ErrorAs(t, err, &code)
				require.Equal(t, 7, code.code)
				var p *mediator.PanicError
				require.ErrorAs(t, err, &p)
				require.Equal(t, "oh no", p.Value)
				require.Contains(t, string(p.Stack), "notify_test.go")
				require.EqualError(t, err, "mediator: publish mediator_test.created to b: boom\n"+
					"mediator: publish mediator_test.created to c: panic: oh no\n"+
					"mediator: publish mediator_test.created to d: wrapped: code 7\n"+
					"mediator: publish mediator_test.created to e: panic: context canceled")
				require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 4)
			}
		})
	}
}

func TestASingleSubscriberThatFails(t *testing.T) {
	var outcome func() error
	var log []string
	m := newMediator(t, hear(&log, "only", func() error { return outcome() }))
	outcome = func() error { return errBoom }
	err := mediator.Publish(t.Context(), m, created{ID: "1"})
	require.ErrorIs(t, err, errBoom)
	var e *mediator.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, mediator.Error{Op: "publish", Name: "mediator_test.created", Group: "only", Err: errBoom}, *e)
	outcome = func() error { panic("oh no") }
	require.ErrorContains(t, mediator.Publish(t.Context(), m, created{ID: "2"}), "panic: oh no")
	outcome = fine
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "3"}))
	require.Equal(t, []string{"only:1", "only:2", "only:3"}, log)
}

func TestSequentialKeepsTheOrderOfRegistration(t *testing.T) {
	var log []string
	m := newMediator(t, hear(&log, "a", fine), mediator.Subscribe(func(_ context.Context, e event) error {
		log = append(log, "interface")
		return nil
	}), hear(&log, "b", fine))
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "1"}))
	require.Equal(t, []string{"a:1", "interface", "b:1"}, log)
}

func TestParallelRunsThemAtTheSameTime(t *testing.T) {
	for limit, want := range map[int]int{0: 5, -1: 5, 2: 2, 1: 1, 9: 5} {
		synctest.Test(t, func(t *testing.T) {
			var running, peak atomic.Int64
			gate := make(chan struct{})
			opts := []mediator.Option{mediator.Parallel(limit)}
			for range 5 {
				opts = append(opts, mediator.Subscribe(func(context.Context, created) error {
					peak.Store(max(peak.Load(), running.Add(1)))
					<-gate
					running.Add(-1)
					return nil
				}))
			}
			m := newMediator(t, opts...)
			done := make(chan error)
			go func() { done <- mediator.Publish(t.Context(), m, created{}) }()
			for range 5 {
				synctest.Wait()
				gate <- struct{}{}
			}
			require.NoError(t, <-done)
			require.EqualValues(t, want, peak.Load())
		})
	}
}

func TestGoexitInASequentialSubscriberEndsThePublisherAfterTheRest(t *testing.T) {
	for _, options := range [][]mediator.Option{nil, {mediator.Subscribe(func(context.Context, created) error { return errBoom })}} {
		var log []string
		var lost error
		opts := append([]mediator.Option{
			mediator.OnError(func(_ context.Context, err error) { lost = err }),
			hear(&log, "a", func() error { runtime.Goexit(); return nil })}, options...)
		opts = append(opts, hear(&log, "b", func() error { runtime.Goexit(); return nil }), hear(&log, "c", func() error { panic("oh no") }), hear(&log, "d", fine))
		m := newMediator(t, opts...)
		done := make(chan bool)
		go func() {
			returned := false
			defer func() { done <- returned }()
			_ = mediator.Publish(context.Background(), m, created{ID: "1"})
			returned = true
		}()
		require.False(t, <-done)
		require.Equal(t, []string{"a:1", "b:1", "c:1", "d:1"}, log)
		require.ErrorContains(t, lost, "to c: panic: oh no", "errors that no caller receives go to the hook")
		if options != nil {
			require.ErrorIs(t, lost, errBoom)
		}
	}
	// a single one
	m := newMediator(t, mediator.Subscribe(func(context.Context, created) error { runtime.Goexit(); return nil }))
	done := make(chan bool)
	go func() {
		defer close(done)
		_ = mediator.Publish(context.Background(), m, created{ID: "1"})
		done <- true
	}()
	require.False(t, <-done)
}

func TestNoErrorIsLostWhereGoexitFollowsAPanic(t *testing.T) {
	exit := func() error { runtime.Goexit(); return nil }
	burst := func() error { panic("oh no") }
	failing := func() error { return errBoom }
	for _, outcomes := range [][]func() error{{exit, burst, exit, failing}, {burst, exit, failing}, {failing, exit, exit, burst}, {burst, failing, exit}} {
		var log []string
		var lost []error
		opts := []mediator.Option{mediator.OnError(func(_ context.Context, err error) { lost = append(lost, err) })}
		for i, outcome := range outcomes {
			opts = append(opts, hear(&log, fmt.Sprint(i), outcome))
		}
		m := newMediator(t, opts...)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = mediator.Publish(context.Background(), m, created{})
		}()
		<-done
		require.Len(t, log, len(outcomes))
		require.Len(t, lost, 1, "told once")
		require.ErrorIs(t, lost[0], errBoom)
		var p *mediator.PanicError
		require.ErrorAs(t, lost[0], &p)
	}
}

func TestGoexitInAParallelSubscriberIsAnError(t *testing.T) {
	var log []string
	m := newMediator(t, mediator.Parallel(1), hear(&log, "a", func() error { runtime.Goexit(); return nil }), hear(&log, "b", fine))
	err := mediator.Publish(t.Context(), m, created{ID: "1"})
	require.ErrorIs(t, err, mediator.ErrGoexit)
	require.ErrorContains(t, err, "to a: handler called runtime.Goexit")
	require.Equal(t, []string{"a:1", "b:1"}, log)
}

func TestInterfaceSubscriptionsReceiveEveryType(t *testing.T) {
	for _, bs := range [][]mediator.Behavior{nil, noops(2)} {
		var got []string
		m := newMediator(t, mediator.Use(bs...),
			mediator.Subscribe(func(_ context.Context, e event) error { got = append(got, fmt.Sprintf("event %T", e)); return nil }),
			mediator.Subscribe(func(_ context.Context, e any) error { got = append(got, fmt.Sprintf("any %T", e)); return nil }),
			mediator.Subscribe(func(_ context.Context, c created) error { got = append(got, "created "+c.ID); return nil }))
		ctx := t.Context()
		for range 2 {
			got = nil
			require.NoError(t, mediator.Publish(ctx, m, created{ID: "1"}))
			require.NoError(t, mediator.Publish(ctx, m, &shipped{}))
			require.NoError(t, mediator.Publish(ctx, m, shipped{}))
			require.NoError(t, mediator.Publish(ctx, m, 42))
			require.Equal(t, []string{
				"event mediator_test.created", "any mediator_test.created", "created 1",
				"event *mediator_test.shipped", "any *mediator_test.shipped", "any mediator_test.shipped", "any int"}, got)

			got = nil
			var e event = created{ID: "2"} // by dynamic type
			require.NoError(t, mediator.Publish(ctx, m, e))
			require.NoError(t, mediator.Publish[any](ctx, m, e))
			require.NoError(t, mediator.Publish[any](ctx, m, e, mediator.Parallel(1)))
			require.Equal(t, []string{
				"event mediator_test.created", "any mediator_test.created", "created 2",
				"event mediator_test.created", "any mediator_test.created", "created 2",
				"event mediator_test.created", "any mediator_test.created", "created 2"}, got)
		}
		var none event
		require.ErrorIs(t, mediator.Publish(ctx, m, none), mediator.ErrMessageType)
	}
}

func TestPublishWithoutSubscribersIsNoError(t *testing.T) {
	m := newMediator(t)
	require.NoError(t, mediator.Publish(t.Context(), m, created{}))
	require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Parallel(0)))
	require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
	require.ErrorContains(t, mediator.Publish(t.Context(), m, created{}, nil), "a nil PublishOption")
}

func TestPublishingInsideAHandlerDoesNotDeadlock(t *testing.T) {
	for _, how := range [][]mediator.Option{nil, {mediator.Parallel(1)}} {
		var m *mediator.Mediator
		depth := 0
		m = newMediator(t, append(how, mediator.Use(noop), mediator.Subscribe(func(ctx context.Context, n int) error {
			if depth = max(depth, n); n == 10 {
				return errBoom
			}
			stop, err := mediator.Listen(m, func(context.Context, int) error { return nil })
			defer stop()
			return errors.Join(err, mediator.Publish(ctx, m, n+1))
		}))...)
		require.ErrorIs(t, mediator.Publish(t.Context(), m, 0), errBoom)
		require.Equal(t, 10, depth)
	}
}

func TestDefaultGroupsAreTheFunctionsNames(t *testing.T) {
	var groups []string
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		groups = append(groups, c.Handler())
		return next(ctx, c)
	})
	s := &stock{}
	m := newMediator(t, mediator.Use(look), mediator.Subscribe(onOrder), mediator.Subscribe(s.reserve), mediator.Subscribe(s.reserve),
		mediator.Subscribe(stock{}.look), mediator.Subscribe(generic[order]), mediator.Subscribe(onOrder, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, order{}))
	require.Equal(t, []string{"mediator_test.onOrder", "mediator_test.stock.reserve", "mediator_test.stock.reserve#2",
		"mediator_test.stock.look", "mediator_test.generic", "stock"}, groups)
}

type stock struct{}

func (*stock) reserve(context.Context, order) error { return nil }
func (stock) look(context.Context, order) error     { return nil }
func generic[N any](context.Context, N) error       { return nil }
