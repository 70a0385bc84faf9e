package behaviors_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// scopesOf are the scopes of a source's readings with the name.
func scopesOf(b mediator.Behavior, name string) (scopes []string) {
	for r := range b.(behaviors.Source).Readings() {
		if r.Name == name {
			scopes = append(scopes, fmt.Sprint(r.Scope, "=", r.Value))
		}
	}
	return scopes
}

func TestABulkheadPerHandlerHasPlacesForEach(t *testing.T) {
	for name, want := range map[string][]string{
		"":   {"ask=1", "told to mail=1", "told to stock=1"},
		"db": {"db: ask=1", "db: told to mail=1", "db: told to stock=1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, PerHandler: true, Name: name})
			release := make(chan struct{})
			hold := func(context.Context, told) error { <-release; return nil }
			m := newMediator(t, mediator.Use(b),
				mediator.Handle(func(context.Context, ask) (int, error) { <-release; return 1, nil }, mediator.Named("ask")),
				mediator.Subscribe(hold, mediator.Named("told"), mediator.Group("mail")),
				mediator.Subscribe(hold, mediator.Group("stock")))
			require.Empty(t, scopesOf(b, "running"), "nothing was called yet")
			done := make(chan error, 2)
			go func() { _, err := mediator.Send(t.Context(), m, ask{}); done <- err }()
			synctest.Wait()
			go func() { done <- mediator.Publish(t.Context(), m, told{}, mediator.Parallel(2)) }()
			synctest.Wait()
			require.ElementsMatch(t, want, scopesOf(b, "running"))
			_, err := mediator.Send(t.Context(), m, ask{})
			var full *behaviors.FullError
			require.ErrorAs(t, err, &full)
			require.Equal(t, want[0], full.Scope+"=1")
			require.EqualError(t, full, "bulkhead of "+full.Scope+" is full: 1 run, 0 wait")
			require.Contains(t, scopesOf(b, "rejections"), full.Scope+"=1")
			close(release)
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			for range b.(behaviors.Source).Readings() {
				break
			}
		})
	}
}

func TestTheReadingsOfNamedBulkheadsAndLimitsAreTheirOwn(t *testing.T) {
	recorder := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(recorder),
		mediator.Use(behaviors.Bulkhead(behaviors.BulkheadConfig{Name: "all"}), behaviors.RateLimitWith(unlimited{}, behaviors.RateLimitConfig{Name: "all"})),
		mediator.Handle(func(context.Context, ask) (int, error) { return 1, nil }, mediator.Use(
			behaviors.Bulkhead(behaviors.BulkheadConfig{Name: "db"}),
			behaviors.RateLimitWith(behaviors.NewLimiter(0.001, 1), behaviors.RateLimitConfig{Name: "db"}))))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	_, err = mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, behaviors.ErrLimited)
	rejections := map[string]float64{}
	for _, r := range recorder.Snapshot().Readings {
		if r.Name == "rejections" {
			rejections[r.Behavior+" "+r.Scope] += r.Value
		}
	}
	require.Equal(t, map[string]float64{"bulkhead all": 0, "bulkhead db": 0, "ratelimit all": 0, "ratelimit db": 1}, rejections)
	require.Panics(t, func() { behaviors.RateLimitWith(nil, behaviors.RateLimitConfig{}) })
	require.Panics(t, func() { behaviors.RateLimitWith(unlimited{}, behaviors.RateLimitConfig{MaxWait: -1}) })
}

// number is a message with a name for each instance of it.
type number[N any] struct{}

type numbered interface{ isNumbered() }

func (number[N]) isNumbered() {}

// A subscriber to an interface has places for each name; there is no end to those that
// subscribers come and go with.
func TestABulkheadPerHandlerIsBoundedInTheNumberOfScopes(t *testing.T) {
	b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, PerHandler: true})
	m := newMediator(t, mediator.Use(b), mediator.Subscribe(func(context.Context, numbered) error { return nil }, mediator.Group("any")))
	require.NoError(t, mediator.Publish(t.Context(), m, number[int]{}))
	require.NoError(t, mediator.Publish(t.Context(), m, number[string]{}))
	require.NoError(t, mediator.Publish(t.Context(), m, number[int]{}))
	require.Len(t, scopesOf(b, "running"), 2)
	for i := range 1010 {
		stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, mediator.Group(fmt.Sprint(i)))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		stop()
	}
	scopes := scopesOf(b, "running")
	require.Len(t, scopes, 1001)
	require.Equal(t, "(other)=0", scopes[1000])
}

func TestABulkheadPerHandlerAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, PerHandler: true}))
}

type tenant struct{}

func tenantOf(ctx context.Context, _ mediator.Call) string {
	name, _ := ctx.Value(tenant{}).(string)
	return name
}

func of(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, tenant{}, name)
}

// A tenant that fills its places takes none from the others.
func TestABulkheadByKeyHasPlacesForEach(t *testing.T) {
	for name, want := range map[string][]string{"": {"acme=1", "bolt=1"}, "db": {"db: ask: acme=1", "db: ask: bolt=1", "db: told to mail: acme=1"}} {
		synctest.Test(t, func(t *testing.T) {
			perHandler := name != ""
			b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Key: tenantOf, PerHandler: perHandler, Name: name})
			require.False(t, b.(mediator.CallScoper).ScopedCall())
			release := make(chan struct{})
			m := newMediator(t, mediator.Use(b),
				mediator.Handle(func(context.Context, ask) (int, error) { <-release; return 1, nil }, mediator.Named("ask")),
				mediator.Subscribe(func(context.Context, told) error { <-release; return nil }, mediator.Named("told"), mediator.Group("mail")))
			done := make(chan error)
			for _, name := range []string{"acme", "bolt"} {
				go func() { _, err := mediator.Send(of(t.Context(), name), m, ask{}); done <- err }()
				synctest.Wait()
				_, err := mediator.Send(of(t.Context(), name), m, ask{})
				require.ErrorIs(t, err, behaviors.ErrFull)
				require.ErrorContains(t, err, name)
			}
			ended := 2
			if perHandler {
				go func() { done <- mediator.Publish(of(t.Context(), "acme"), m, told{}) }()
				ended = 3
			}
			synctest.Wait()
			require.ElementsMatch(t, want, scopesOf(b, "running"))
			close(release)
			for range ended {
				require.NoError(t, <-done)
			}
		})
	}
}

func TestABulkheadBoundsItsKeys(t *testing.T) {
	b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Key: tenantOf})
	m := newMediator(t, mediator.Use(b), mediator.Handle(func(context.Context, ask) (int, error) { return 1, nil }))
	for i := range 1010 {
		_, err := mediator.Send(of(t.Context(), fmt.Sprint(i)), m, ask{})
		require.NoError(t, err)
	}
	scopes := scopesOf(b, "running")
	require.Len(t, scopes, 1001)
	require.Contains(t, scopes, "(other)=0")
}
