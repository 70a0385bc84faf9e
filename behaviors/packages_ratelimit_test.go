package behaviors_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// byTenant is a limit of so many at once for each tenant.
func byTenant(burst int) mediator.Behavior {
	return behaviors.RateLimitBy(tenantIn, func(string) behaviors.Limiter { return behaviors.NewLimiter(0.001, burst) })
}

func tenantIn(ctx context.Context, _ mediator.Call) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

func ofTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// In front of Standard nobody saw what it refused; behind, what it refused waited in
// Retry and held the places of others.
func TestStandardHasAPlaceForALimitByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines logged
		recorder := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(behaviors.Standard(behaviors.StandardConfig{
			Logger: lines.logger(slog.LevelInfo), Recorder: recorder, RateLimit: byTenant(5),
			Retry: &behaviors.RetryConfig{}, Bulkhead: &behaviors.BulkheadConfig{Limit: 20},
		})...), mediator.Handle(func(context.Context, ask) (int, error) { return 0, nil }, mediator.Named("shop.ask")),
			mediator.HandleStream(numbers),
			mediator.Subscribe(func(context.Context, told) error { return nil }))
		var wg sync.WaitGroup
		begun := time.Now()
		for range 100 {
			wg.Go(func() { _, _ = mediator.Send(ofTenant(t.Context(), "A"), m, ask{}) })
		}
		synctest.Wait()
		_, err := mediator.Send(ofTenant(t.Context(), "B"), m, ask{})
		require.NoError(t, err)
		wg.Wait()
		require.Equal(t, begun, time.Now(), "nothing is retried")
		seen := recorder.Snapshot().Message("shop.ask")
		require.Equal(t, [2]uint64{101, 95}, [2]uint64{seen.Started, seen.Count(behaviors.Rejected)})
		require.Len(t, lines.lines(t), 101)
		require.ErrorIs(t, drain(mediator.Stream(ofTenant(t.Context(), "A"), m, upTo{})), behaviors.ErrLimited)
		require.NoError(t, mediator.Publish(ofTenant(t.Context(), "A"), m, told{}), "not around subscribers")
	})
}

func TestStandardsRateLimitStandsWhereThatOfItsLimiterDoes(t *testing.T) {
	all := func(c behaviors.StandardConfig) []string {
		c.Bulkhead, c.Retry = &behaviors.BulkheadConfig{}, &behaviors.RetryConfig{}
		return namesOf(behaviors.Standard(c))
	}
	require.Equal(t, all(behaviors.StandardConfig{Limiter: unlimited{}}), all(behaviors.StandardConfig{RateLimit: byTenant(1)}))
	requirePanics(t, "Standard: Limiter and RateLimit", func() { all(behaviors.StandardConfig{Limiter: unlimited{}, RateLimit: byTenant(1)}) })
}

func TestALimitOfWhatComesFromOutsideAloneLetsNestedRequestsPass(t *testing.T) {
	var m *mediator.Mediator
	m = newMediator(t, quietStandard(behaviors.StandardConfig{
		RateLimit: behaviors.When(behaviors.IsNamed("outside"), behaviors.RateLimit(behaviors.NewLimiter(0.001, 1)))}),
		askFor(func(context.Context) error { return nil }),
		mediator.HandleCommand(func(ctx context.Context, _ nested) error { _, err := mediator.Send(ctx, m, ask{}); return err }, mediator.Named("outside")))
	require.NoError(t, mediator.Exec(t.Context(), m, nested{}))
	require.ErrorIs(t, mediator.Exec(t.Context(), m, nested{}), behaviors.ErrLimited)
}

func TestNewWarnsOfALimitByKeyWhoseCallsKeepPlacesWhileTheyAreRetried(t *testing.T) {
	limit, retry := byTenant(1), behaviors.Retry(behaviors.RetryConfig{})
	bulkhead := behaviors.Bulkhead(behaviors.BulkheadConfig{})
	one := func(bs ...mediator.Behavior) []mediator.Behavior { return bs }
	quiet := slog.New(slog.DiscardHandler)
	warning := []string{"mediator: RateLimit: it stands inside of a Retry that a Bulkhead stands around: calls over the limit of one key wait there for the " +
		"next attempt and keep places that those of other keys need; put it outside, see StandardConfig.RateLimit (around shop.ask)"}
	for name, tc := range map[string]struct {
		shared []mediator.Behavior
		own    mediator.Behavior
		want   []string
	}{
		"behind Standard": {behaviors.Standard(behaviors.StandardConfig{Logger: quiet, Retry: &behaviors.RetryConfig{}, Bulkhead: &behaviors.BulkheadConfig{}}), limit, warning},
		"in Standard": {behaviors.Standard(behaviors.StandardConfig{Logger: quiet, RateLimit: limit,
			Retry: &behaviors.RetryConfig{}, Bulkhead: &behaviors.BulkheadConfig{}}), noop{}, nil},
		"by hand":                      {one(bulkhead, retry), limit, warning},
		"sometimes":                    {one(bulkhead, retry), behaviors.When(behaviors.IsNamed("shop.ask"), limit), warning},
		"between them":                 {one(bulkhead, limit), retry, nil},
		"the Bulkhead inside of Retry": {one(retry, bulkhead), limit, nil},
		"no Bulkhead":                  {one(retry), limit, nil},
		"one limit for all":            {one(bulkhead, retry), behaviors.RateLimit(unlimited{}), nil},
		"an exception's":               {behaviors.Except(behaviors.IsNamed("shop.ask"), bulkhead, retry), limit, nil},
	} {
		require.Equal(t, tc.want, wired(t, tc.shared, tc.own), name)
	}
}
