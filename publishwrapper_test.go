package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// around notes where it stands around whole publishes.
type around struct {
	mediator.BehaviorFunc
	log  *journal
	name string
	err  error
}

func (a *around) WrapPublish(ctx context.Context, name string, publish func(context.Context) error) error {
	a.log.add(a.name + " begins " + name)
	err := publish(context.WithValue(ctx, a, a.name))
	a.log.add(a.name + " ends")
	return errors.Join(err, a.err)
}

func through(next mediator.Next) mediator.Next { return next }

func TestAPublishIsWrappedAsAWhole(t *testing.T) {
	var log journal
	boom := errors.New("boom")
	outer := &around{through, &log, "outer", boom}
	inner := &around{through, &log, "inner", nil}
	onHandler := &around{through, &log, "a handler's", nil}
	heard := func(group string) mediator.HandlerOption { return mediator.Group(group) }
	note := func(group string) func(context.Context, created) error {
		return func(ctx context.Context, _ created) error {
			log.add(fmt.Sprint(group, " with ", ctx.Value(outer), " and ", ctx.Value(inner)))
			return nil
		}
	}
	m := newMediator(t, mediator.Use(outer, inner),
		mediator.Subscribe(note("a"), heard("a"), mediator.Use(onHandler)), mediator.Subscribe(note("b"), heard("b")))
	want := []string{"outer begins mediator_test.created", "inner begins mediator_test.created",
		"a with outer and inner", "b with outer and inner", "inner ends", "outer ends"}
	for name, publish := range map[string]func() error{
		"typed":     func() error { return mediator.Publish(t.Context(), m, created{}) },
		"boxed":     func() error { return mediator.Publish(t.Context(), m, any(created{})) },
		"one only":  func() error { return mediator.Publish(t.Context(), m, created{}, mediator.Parallel(1)) },
		"for later": func() error { return mediator.PublisherFor[created](m)(t.Context(), created{}) },
		"by name": func() error {
			_, err := mediator.Dispatch(t.Context(), m, "mediator_test.created", func(any) error { return nil })
			return err
		},
	} {
		log.lines = nil
		require.ErrorIs(t, publish(), boom, name)
		require.Equal(t, want, log.lines, name)
	}

	log.lines = nil
	err := mediator.DispatchTo(t.Context(), m, "mediator_test.created", "b", func(any) error { return nil })
	require.NoError(t, err)
	require.Equal(t, []string{"b with <nil> and <nil>"}, log.lines, "one group is not a publish")

	log.lines = nil
	require.ErrorIs(t, mediator.Publish(t.Context(), m, "nobody hears this"), boom)
	require.Len(t, log.lines, 4)

	log.lines = nil
	require.ErrorIs(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()), boom)
	require.NoError(t, m.Close(t.Context()))
	require.ElementsMatch(t, want, log.lines)
}

func TestARelayIsNotWrapped(t *testing.T) {
	var log journal
	m := newMediator(t, mediator.Use(&around{through, &log, "outer", nil}),
		mediator.Relay(func(context.Context, created) error { log.add("relayed"); return nil }))
	require.NoError(t, mediator.Publish(t.Context(), m, created{}))
	require.Equal(t, []string{"relayed"}, log.lines)
}

// wrapper is a WrapPublish alone.
type wrapper struct {
	mediator.BehaviorFunc
	wrap func(ctx context.Context, publish func(context.Context) error) error
}

func (w *wrapper) WrapPublish(ctx context.Context, _ string, publish func(context.Context) error) error {
	return w.wrap(ctx, publish)
}

func TestAPublishIsWrappedOnce(t *testing.T) {
	var late func(context.Context) error
	release, entered := make(chan struct{}), make(chan struct{})
	for name, tc := range map[string]struct {
		wrap  func(ctx context.Context, publish func(context.Context) error) error
		heard int
		want  string
	}{
		"once":  {func(ctx context.Context, publish func(context.Context) error) error { return publish(ctx) }, 1, ""},
		"never": {func(context.Context, func(context.Context) error) error { return nil }, 0, "WrapPublish returned nil without calling publish"},
		"refused": {func(_ context.Context, publish func(context.Context) error) error {
			late = publish
			return errTimeout
		}, 0, "timed out"},
		"twice": {func(ctx context.Context, publish func(context.Context) error) error {
			return errors.Join(publish(ctx), publish(ctx))
		}, 1, "the call is over"},
		"kept": {func(ctx context.Context, publish func(context.Context) error) error {
			late = publish
			return publish(ctx)
		}, 1, ""},
		"left": {func(ctx context.Context, publish func(context.Context) error) error {
			go func() { _ = publish(ctx) }()
			<-entered
			return nil
		}, 1, "returned nil while its publish was running"},
	} {
		t.Run(name, func(t *testing.T) {
			var heard atomic.Int32
			done := make(chan struct{})
			m := newMediator(t, mediator.Use(&wrapper{through, tc.wrap}), mediator.Subscribe(func(context.Context, created) error {
				heard.Add(1)
				if name == "left" {
					close(entered)
					<-release
				}
				close(done)
				return nil
			}))
			err := mediator.Publish(t.Context(), m, created{})
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.want)
			}
			if name == "left" {
				close(release)
				<-done
			}
			if late != nil {
				require.ErrorIs(t, late(t.Context()), mediator.ErrCallOver)
			}
			require.EqualValues(t, tc.heard, heard.Load())
		})
	}
}
