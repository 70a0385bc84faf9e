package mediator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// A subscriber that stops itself is a call that goes on for as long as stop waits.
func TestASubscriberThatStopsItselfIsNotWaitedFor(t *testing.T) {
	for name, listen := range map[string]func(m *mediator.Mediator, stop *func()) (func(), error){
		"plain": func(m *mediator.Mediator, stop *func()) (func(), error) {
			return mediator.Listen(m, func(context.Context, created) error { (*stop)(); return nil })
		},
		"within behaviors": func(m *mediator.Mediator, stop *func()) (func(), error) {
			return mediator.Listen(m, func(context.Context, created) error { (*stop)(); return nil }, mediator.Use(noops(8)...))
		},
		"to an interface": func(m *mediator.Mediator, stop *func()) (func(), error) {
			return mediator.Listen(m, func(context.Context, event) error { (*stop)(); return nil })
		},
	} {
		for _, how := range []mediator.SharedPublish{mediator.Sequential(), mediator.Parallel(0)} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMediator(t, how)
					var stop func()
					stop, err := listen(m, &stop)
					require.NoError(t, err)
					begun := time.Now()
					require.NoError(t, mediator.Publish(t.Context(), m, created{}))
					require.Zero(t, time.Since(begun))
				})
			})
		}
	}
}

// left notes when it is told that it stands around nothing.
type left struct {
	mediator.BehaviorFunc
	note func()
}

func (*left) CheckWiring(_, _ []mediator.Behavior) []string { return nil }
func (l *left) LeaveWiring(_, _ []mediator.Behavior)        { l.note() }

// Calls that had begun have a moment to end, before the behaviors let go of what they use.
func TestBehaviorsLeaveWhenTheHandlerIsCalledNoMore(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"a call that ends": 5 * time.Millisecond, "one that does not": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, was := time.Now(), time.Duration(-1)
				m := newMediator(t)
				stop, err := mediator.Listen(m, func(context.Context, created) error { time.Sleep(lasts); return nil },
					mediator.Use(&left{through, func() { was = time.Since(begun) }}))
				require.NoError(t, err)
				done := make(chan error)
				go func() { done <- mediator.Publish(context.Background(), m, created{}) }()
				synctest.Wait()
				stop()
				require.Equal(t, min(lasts, 20*time.Millisecond), was)
				require.NoError(t, <-done)
			})
		})
	}
}
