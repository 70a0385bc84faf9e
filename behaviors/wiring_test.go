package behaviors_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestBehaviorsAreNamedAfterTheirConstructors(t *testing.T) {
	answer := func(context.Context, error) (int, error) { return 0, nil }
	key := func(mediator.Call) string { return "" }
	for want, b := range map[string]mediator.Behavior{
		"Retry":          behaviors.Retry(behaviors.RetryConfig{}),
		"CircuitBreaker": behaviors.CircuitBreaker(behaviors.BreakerConfig{}),
		"Bulkhead":       behaviors.Bulkhead(behaviors.BulkheadConfig{}),
		"RateLimit":      behaviors.RateLimit(unlimited{}),
		"MemoryGuard":    behaviors.MemoryGuard(behaviors.MemoryGuardConfig{}),
		"Slow":           behaviors.Slow(behaviors.SlowConfig{}),
		"Log":            behaviors.Log(slog.Default()),
		"Recorder":       behaviors.NewRecorder(),
		"Recover":        behaviors.Recover(),
		"Timeout":        behaviors.Timeout(time.Second),
		"Fallback":       behaviors.Fallback(answer),
		"Validate":       behaviors.Validate(),
		"Hedge":          behaviors.Hedge(behaviors.HedgeConfig{}),
		"Coalesce":       behaviors.Coalesce(key),
	} {
		require.Equal(t, want, nameOf(b))
		require.Equal(t, want, nameOf(behaviors.When(behaviors.IsNamed("x"), b)), "When is what it holds")
	}
	require.Equal(t, "RateLimit", nameOf(behaviors.RateLimitWait(unlimited{}, time.Second)))
	require.Equal(t, "Log", nameOf(behaviors.LogWith(slog.Default(), behaviors.LogConfig{})))
}

// wired returns the warnings about shared behaviors around a request and a stream
// that have behaviors of their own.
func wired(t *testing.T, shared []mediator.Behavior, own ...mediator.Behavior) (warnings []string) {
	t.Helper()
	m, err := mediator.New(
		mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(shared...),
		mediator.Handle(func(context.Context, ask) (int, error) { return 0, nil }, mediator.Named("shop.ask"), mediator.Use(own...)),
		mediator.HandleStream(numbers, mediator.Named("shop.numbers")))
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	return warnings
}

func TestNewWarnsOfAPackageThatTheHandlersBehaviorsMakeWrong(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	standard := func() []mediator.Behavior {
		return behaviors.Standard(behaviors.StandardConfig{Logger: quiet, Recorder: behaviors.NewRecorder(),
			Bulkhead: &behaviors.BulkheadConfig{}, Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{}})
	}
	require.Empty(t, wired(t, standard()))
	recorder := behaviors.NewRecorder()
	for name, tc := range map[string]struct {
		shared []mediator.Behavior
		own    mediator.Behavior
		want   []string
	}{
		"Fallback": {standard(), behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil }), []string{
			"mediator: Retry: there is a Fallback inside: what it answers for is never retried; put the Fallback outside (around shop.ask)",
			"mediator: CircuitBreaker: Fallback stands inside and hides failures from the breaker: put it outside (around shop.ask)",
		}},
		"Retry": {standard(), behaviors.Retry(behaviors.RetryConfig{}), []string{
			"mediator: Retry: there is another Retry inside: where this one retries what that gave up on, attempts multiply; keep one of them (around shop.ask)",
		}},
		"Retry, sometimes": {standard(), behaviors.When(behaviors.IsNamed("shop.ask"), behaviors.Retry(behaviors.RetryConfig{})), []string{
			"mediator: Retry: there is another Retry inside: where this one retries what that gave up on, attempts multiply; keep one of them (around shop.ask)",
		}},
		"Recover inside Bulkhead": {[]mediator.Behavior{behaviors.Bulkhead(behaviors.BulkheadConfig{})}, behaviors.Recover(), []string{
			"mediator: Bulkhead: Recover stands inside only: put it outside, where it covers all behaviors (around shop.ask)",
		}},
		"Recover once more": {standard(), behaviors.Recover(), nil},
		"Hedge around Retry": {[]mediator.Behavior{behaviors.Hedge(behaviors.HedgeConfig{})}, behaviors.Retry(behaviors.RetryConfig{}), []string{
			"mediator: Hedge: there is a Retry inside: each hedge would be retried by itself; put the Retry outside (around shop.ask)",
		}},
		"Log twice": {[]mediator.Behavior{behaviors.Log(quiet)}, behaviors.Log(quiet), []string{
			"mediator: Log: another Log to the same logger stands around it, so each call is logged twice: remove one (around shop.ask)",
		}},
		"Log twice, sometimes": {[]mediator.Behavior{behaviors.When(behaviors.IsNamed("shop.ask"), behaviors.Log(quiet))}, behaviors.Log(quiet), []string{
			"mediator: Log: another Log to the same logger stands around it, so each call is logged twice: remove one (around shop.ask)",
		}},
		"Recorder twice, sometimes": {[]mediator.Behavior{behaviors.When(behaviors.IsNamed("shop.ask"), recorder)}, recorder, []string{
			"mediator: Recorder: the same Recorder stands around the handler more than once, so it counts every call as often: remove one, or make another Recorder (around shop.ask)",
		}},
		"Log of attempts": {standard(), behaviors.Log(quiet), nil},
	} {
		require.Equal(t, tc.want, wired(t, tc.shared, tc.own), name)
	}
}

func TestNewWarnsOnceForAllHandlersItIsAbout(t *testing.T) {
	retry := func() mediator.Behavior { return behaviors.Retry(behaviors.RetryConfig{}) }
	require.Equal(t, []string{
		"mediator: Retry: there is another Retry inside: where this one retries what that gave up on, attempts multiply; keep one of them (around shop.ask, shop.numbers)",
	}, wired(t, []mediator.Behavior{retry(), retry()}))
}

func TestNewWarnsOfARetryThatCouldOutlastTheBreakAndDoesNot(t *testing.T) {
	breaker := func() mediator.Behavior {
		return behaviors.When(behaviors.IsNamed("shop.ask"), behaviors.CircuitBreaker(behaviors.BreakerConfig{Break: time.Minute}))
	}
	const warning = "mediator: Retry: MaxTotal would outlast the Break of the CircuitBreaker inside, but MaxDelay does not: " +
		"while it is open, calls fail at once; for them to wait, make MaxDelay 1m0s at least (around shop.ask)"
	for name, tc := range map[string]struct {
		retry behaviors.RetryConfig
		want  []string
	}{
		"it could":             {behaviors.RetryConfig{MaxDelay: 10 * time.Second, MaxTotal: 2 * time.Minute}, []string{warning}},
		"it does":              {behaviors.RetryConfig{MaxDelay: time.Minute, MaxTotal: 2 * time.Minute}, nil},
		"it could not":         {behaviors.RetryConfig{MaxDelay: 10 * time.Second, MaxTotal: time.Minute}, nil},
		"no limit was set":     {behaviors.RetryConfig{MaxDelay: 10 * time.Second}, nil},
		"the default of 30s":   {behaviors.RetryConfig{MaxTotal: 2 * time.Minute}, nil},
		"nothing but defaults": {behaviors.RetryConfig{}, nil},
	} {
		require.Equal(t, tc.want, wired(t, []mediator.Behavior{behaviors.Retry(tc.retry)}, breaker()), name)
	}
	retry := behaviors.Retry(behaviors.RetryConfig{MaxDelay: 10 * time.Second, MaxTotal: 2 * time.Minute})
	require.Equal(t, []string{breakerOutsideOfRetry}, wired(t, []mediator.Behavior{breaker()}, retry), "a breaker outside is none to wait for")
}

const breakerOutsideOfRetry = "mediator: CircuitBreaker: there is a Retry inside: all attempts of a call count as one, " +
	"and they go on when the breaker opens; put the Retry outside (around shop.ask)"

func TestNewWarnsOfABreakerAroundARetry(t *testing.T) {
	retry, breaker := behaviors.Retry(behaviors.RetryConfig{}), behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	require.Equal(t, []string{breakerOutsideOfRetry}, wired(t, []mediator.Behavior{breaker}, retry))
	require.Empty(t, wired(t, []mediator.Behavior{retry}, breaker))
	requests, streams := behaviors.IsKind(mediator.KindRequest), behaviors.IsKind(mediator.KindStream)
	require.Empty(t, wired(t, []mediator.Behavior{behaviors.When(streams, breaker)}, behaviors.When(requests, retry)), "never around one call")
}

func TestNewWarnsOfWhatTakesTwoPlacesACall(t *testing.T) {
	one := func(bs ...mediator.Behavior) []mediator.Behavior { return bs }
	bulkhead, perHandler := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1}), behaviors.Bulkhead(behaviors.BulkheadConfig{PerHandler: true})
	limiter := behaviors.NewLimiter(100, 10)
	limit := behaviors.RateLimit(limiter)
	never := behaviors.Not(behaviors.IsKind(mediator.KindRequest))
	byKey := behaviors.RateLimitBy(func(context.Context, mediator.Call) string { return "" }, func(string) behaviors.Limiter { return limiter })
	full := []string{"mediator: Bulkhead: the same Bulkhead stands around it, so a call takes two places, " +
		"and can wait for the one that it has: remove one, or make another Bulkhead (around shop.ask)"}
	limited := []string{"mediator: RateLimit: a RateLimit with the same Limiter stands around it, so a call counts twice: " +
		"remove one, or make another Limiter (around shop.ask)"}
	for name, tc := range map[string]struct {
		shared []mediator.Behavior
		own    mediator.Behavior
		want   []string
	}{
		"the same Bulkhead":                  {one(bulkhead), bulkhead, full},
		"the same Bulkhead, per handler":     {one(perHandler), perHandler, full},
		"the same Bulkhead, sometimes":       {one(bulkhead), behaviors.When(never, bulkhead), full},
		"the same Bulkhead, in an exception": {behaviors.Except(never, bulkhead), bulkhead, nil},
		"another Bulkhead":                   {one(bulkhead), perHandler, nil},
		"the same RateLimit":                 {one(limit), limit, limited},
		"the same Limiter":                   {one(limit), behaviors.RateLimitWait(limiter, time.Second), limited},
		"the same RateLimitBy":               {one(byKey), byKey, limited},
		"the same Limiter, one or the other": {one(behaviors.When(behaviors.Not(never), limit)), behaviors.When(never, limit), nil},
		"another Limiter":                    {one(limit), behaviors.RateLimit(behaviors.NewLimiter(100, 10)), nil},
		"a Limiter that is equal":            {one(behaviors.RateLimit(unlimited{})), behaviors.RateLimit(unlimited{}), nil},
		"a Limiter that cannot be compared":  {one(behaviors.RateLimit(pair{limiter, nil})), behaviors.RateLimit(pair{limiter, nil}), nil},
	} {
		require.Equal(t, tc.want, wired(t, tc.shared, tc.own), name)
	}
}

// pair is a Limiter that cannot be compared.
type pair struct {
	*behaviors.GCRA
	names []string
}

// Two Whens may never hold at once, so neither stands inside of the other for sure.
func TestFoundWarningOfWhatStandsInTwoWhens(t *testing.T) {
	fallback := behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil })
	retry, breaker := behaviors.Retry(behaviors.RetryConfig{}), behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	recorder, store, monitor := behaviors.NewRecorder(), deadletter.NewMemory(), health.New(health.Config{})
	control := backpressure.Of(backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest}))
	for name, tc := range map[string]struct{ outer, inner mediator.Behavior }{
		"letters of another's retries": {retry, deadletter.Behavior(store)},
		"one store":                    {deadletter.Behavior(store), deadletter.Behavior(store)},
		"one Monitor":                  {monitor, monitor},
		"one Recorder":                 {recorder, recorder},
		"one Control":                  {control, control},
		"Retry, DropOldest":            {retry, control},
		"Retry, Fallback":              {retry, fallback},
		"Breaker, Fallback":            {breaker, fallback},
		"Hedge, Retry":                 {behaviors.Hedge(behaviors.HedgeConfig{}), retry},
	} {
		t.Run(name, func(t *testing.T) {
			requests, streams := behaviors.IsKind(mediator.KindRequest), behaviors.IsKind(mediator.KindStream)
			require.Empty(t, wired(t, []mediator.Behavior{behaviors.When(requests, tc.outer), behaviors.When(streams, tc.inner)}))
			require.NotEmpty(t, wired(t, []mediator.Behavior{tc.outer, tc.inner}))
			require.NotEmpty(t, wired(t, []mediator.Behavior{tc.outer, behaviors.When(streams, tc.inner)}))
		})
	}
}
