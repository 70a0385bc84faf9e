package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func TestListenAndStop(t *testing.T) {
	behaviors := 0
	m := newMediator(t, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		behaviors++
		return next(ctx, c)
	})))
	var got []string
	listen := func(name string) func() {
		stop, err := mediator.Listen(m, func(_ context.Context, c created) error { got = append(got, name+c.ID); return nil })
		require.NoError(t, err)
		return stop
	}
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "0"}))
	a := listen("a")
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "1"}))
	b := listen("b")
	stopAll, err := mediator.Listen(m, func(_ context.Context, e event) error { got = append(got, "event"); return nil })
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "2"}))
	a()
	a()
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "3"}))
	stopAll()
	require.NoError(t, mediator.Publish[any](t.Context(), m, created{ID: "4"}))
	b()
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "5"}))
	require.Equal(t, []string{"a1", "a2", "b2", "event", "b3", "event", "b4"}, got)
	require.Equal(t, len(got), behaviors)
}

func TestListenReportsMistakes(t *testing.T) {
	m := newMediator(t, mediator.Subscribe(onOrder, mediator.Group("g"), mediator.Named("order")))
	for want, listen := range map[string]func() (func(), error){
		"the handler is nil":    func() (func(), error) { return mediator.Listen[order](m, nil) },
		`Group "g" is taken`:    func() (func(), error) { return mediator.Listen(m, onOrder, mediator.Group("g")) },
		`Named "order" and "x"`: func() (func(), error) { return mediator.Listen(m, onOrder, mediator.Named("x")) },
		`both named "order"`: func() (func(), error) {
			return mediator.Listen(m, func(context.Context, int) error { return nil }, mediator.Named("order"))
		},
		"Typed is for requests": func() (func(), error) { return mediator.Listen(m, onOrder, mediator.Typed(typedNoop)) },
		"Capacity makes no":     func() (func(), error) { return mediator.Listen(m, onOrder, mediator.Capacity(2)) },
	} {
		stop, err := listen()
		require.ErrorContains(t, err, want)
		stop()
	}
	require.NoError(t, mediator.Publish(t.Context(), m, order{}))
}

func TestManyListenersOfOneFunction(t *testing.T) {
	m := newMediator(t)
	heard := 0
	var stops []func()
	for range 2000 {
		stop, err := mediator.Listen(m, func(context.Context, created) error { heard++; return nil })
		require.NoError(t, err)
		stops = append(stops, stop)
	}
	require.NoError(t, mediator.Publish(t.Context(), m, created{}))
	require.Equal(t, 2000, heard)
	for _, stop := range stops {
		stop()
	}
	require.NoError(t, mediator.Publish(t.Context(), m, created{}))
	require.Equal(t, 2000, heard)
}

func TestStopInsideTheHandler(t *testing.T) {
	for _, how := range []mediator.SharedPublish{mediator.Sequential(), mediator.Parallel(0)} {
		m := newMediator(t, how)
		var calls atomic.Int64
		var stop func()
		stop, err := mediator.Listen(m, func(context.Context, created) error {
			calls.Add(1)
			stop()
			return nil
		})
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, mediator.Publish(t.Context(), m, created{}))
		}
		require.EqualValues(t, 1, calls.Load())
	}
}

func TestStopDoesNotWaitForARunningHandler(t *testing.T) {
	m := newMediator(t)
	entered, release := make(chan struct{}), make(chan struct{})
	stop, err := mediator.Listen(m, func(context.Context, created) error {
		close(entered)
		<-release
		return nil
	})
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- mediator.Publish(context.Background(), m, created{}) }()
	<-entered
	stop()
	require.NoError(t, mediator.Publish(t.Context(), m, created{}), "a second call would close entered again")
	close(release)
	require.NoError(t, <-done)
}

func TestAStoppedListenerIsPassedByInAPublishUnderWay(t *testing.T) {
	for _, how := range []mediator.PublishOption{mediator.Sequential(), mediator.Parallel(1)} {
		m := newMediator(t)
		var stop func()
		_, err := mediator.Listen(m, func(context.Context, created) error { stop(); return nil })
		require.NoError(t, err)
		stop, err = mediator.Listen(m, func(context.Context, created) error { t.Error("called after stop"); return nil })
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, how))
	}
}

// A retry that is between two attempts when the subscription is stopped.
func TestNoBehaviorStartsACallAfterStop(t *testing.T) {
	var stop func()
	attempts := 0
	again := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); !errors.Is(err, errBoom) {
			return err
		}
		stop()
		return next(ctx, c)
	})
	for _, publish := range []func(m *mediator.Mediator) error{
		func(m *mediator.Mediator) error { return mediator.Publish(t.Context(), m, created{}) },
		func(m *mediator.Mediator) error { return mediator.Publish[event](t.Context(), m, created{}) },
		func(m *mediator.Mediator) error {
			return mediator.Publish(t.Context(), m, created{}, mediator.Parallel(0))
		},
	} {
		m := newMediator(t)
		var err error
		attempts = 0
		stop, err = mediator.Listen(m, func(context.Context, event) error { attempts++; return errBoom }, mediator.Use(again, noop))
		require.NoError(t, err)
		require.NoError(t, publish(m))
		require.Equal(t, 1, attempts)
	}
}

// What was not handled must not look as if it had been: not to a behavior, which may
// keep what has failed, nor to who delivers to the group alone, and deletes what was
// delivered.
func TestStoppedSubscriberIsNoSuccess(t *testing.T) {
	var stop func()
	var seen []error
	behavior := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		stop()
		err := next(ctx, c)
		seen = append(seen, err)
		return err
	})
	wrapping := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		return nil
	})
	joining := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return errors.Join(errBoom, next(ctx, c)) // an attempt before
	})
	listen := func(opts ...mediator.HandlerOption) *mediator.Mediator {
		m := newMediator(t)
		var err error
		stop, err = mediator.Listen(m, func(context.Context, created) error { t.Error("called after stop"); return nil }, append(opts, mediator.Group("g"))...)
		require.NoError(t, err)
		return m
	}
	for _, how := range []mediator.PublishOption{mediator.Sequential(), mediator.Parallel(0)} {
		require.NoError(t, mediator.Publish(t.Context(), listen(mediator.Use(behavior)), created{}, how))
		require.NoError(t, mediator.Publish(t.Context(), listen(mediator.Use(wrapping, behavior)), created{}, how))
		require.ErrorIs(t, mediator.Publish(t.Context(), listen(mediator.Use(joining, behavior)), created{}, how), errBoom)
	}
	require.Equal(t, slices.Repeat([]error{mediator.ErrUnsubscribed}, 6), seen)

	m := listen(mediator.Use(behavior))
	const name = "mediator_test.created"
	err := mediator.DispatchTo(t.Context(), m, name, "g", func(any) error { return nil })
	require.ErrorIs(t, err, mediator.ErrUnsubscribed)
	for _, opts := range [][]mediator.HandlerOption{nil, {mediator.Use(noop)}} {
		m := listen(opts...)
		err := mediator.DispatchTo(t.Context(), m, name, "g", func(any) error { stop(); return nil })
		require.ErrorIs(t, err, mediator.ErrUnsubscribed)
	}
}

// keen notes between whom it stands.
type keen struct {
	mediator.BehaviorFunc
	log *journal
}

func (k *keen) note(what string, outer, inner []mediator.Behavior) {
	k.log.add(fmt.Sprint(what, " ", len(outer), " ", len(inner)))
}

func (k *keen) CheckWiring(outer, inner []mediator.Behavior) []string {
	k.note("in", outer, inner)
	return nil
}

func (k *keen) LeaveWiring(outer, inner []mediator.Behavior) { k.note("out", outer, inner) }

func TestAStopTellsTheBehaviors(t *testing.T) {
	var log journal
	m := newMediator(t, mediator.Use(&keen{through, &log}, noop), mediator.Subscribe(onOrder))
	stop, err := mediator.Listen(m, func(context.Context, created) error { return nil }, mediator.Use(noop, &keen{through, &log}))
	require.NoError(t, err)
	require.Equal(t, []string{"in 0 1", "in 0 3", "in 3 0"}, log.lines)
	stop()
	stop()
	require.Equal(t, []string{"in 0 1", "in 0 3", "in 3 0", "out 0 3", "out 3 0"}, log.lines)

	_, err = mediator.Listen[created](m, nil, mediator.Use(&keen{through, &log}))
	require.Error(t, err)
	require.Len(t, log.lines, 5)
}

// The handler was not stopped, but what it called.
func TestASubscriberWhoseOwnCallWasUnsubscribedHasFailed(t *testing.T) {
	var m *mediator.Mediator
	var stop func()
	m = newMediator(t, mediator.Subscribe(func(ctx context.Context, _ order) error {
		return mediator.DispatchTo(ctx, m, "mediator_test.created", "g", func(any) error { stop(); return nil })
	}))
	var err error
	stop, err = mediator.Listen(m, func(context.Context, created) error { return nil }, mediator.Group("g"))
	require.NoError(t, err)
	require.ErrorIs(t, mediator.Publish(t.Context(), m, order{}), mediator.ErrUnsubscribed)
}

func TestListenAndStopUnderLoad(t *testing.T) {
	var steady atomic.Int64
	m := newMediator(t, mediator.Subscribe(func(context.Context, created) error { steady.Add(1); return nil }))
	const publishers, each = 4, 2000
	end := make(chan struct{})
	var publishing, listening sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for range each {
				if err := mediator.Publish(context.Background(), m, created{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		listening.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				var stopped atomic.Bool
				stop, err := mediator.Listen(m, func(context.Context, created) error {
					if stopped.Load() {
						t.Error("a call started after stop had returned")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				stop()
				stopped.Store(true)
			}
		})
	}
	publishing.Wait()
	close(end)
	listening.Wait()
	require.EqualValues(t, publishers*each, steady.Load(), "no publish missed the steady subscriber")
}

func TestListenDuringClose(t *testing.T) {
	m, err := mediator.New()
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			stop, err := mediator.Listen(m, func(context.Context, created) error { return nil })
			stop()
			if err != nil {
				return
			}
		}
	})
	require.NoError(t, m.Close(t.Context()))
	wg.Wait()
}
