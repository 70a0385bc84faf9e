package behaviors_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// constructors are the exported functions of the package in the folder that return
// behaviors.
func constructors(t *testing.T, dir string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			switch types.ExprString(f.Type.Results.List[0].Type) {
			case "mediator.Behavior", "[]mediator.Behavior", "*Breaker", "*Recorder":
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// remembers is a behavior of someone else's that has met its neighbors.
type remembers struct {
	noop
	met map[mediator.Behavior]bool
}

func (r *remembers) CheckWiring(outer, inner []mediator.Behavior) []string {
	for _, b := range slices.Concat(outer, inner) {
		r.met[b] = true
	}
	return nil
}

// A behavior of ours can be the key of a map, also as its neighbors see it.
func TestBehaviorsCanBeCompared(t *testing.T) {
	one := func(b mediator.Behavior) []mediator.Behavior { return []mediator.Behavior{b} }
	always := behaviors.IsKind(mediator.KindRequest)
	quiet, limiter := slog.New(slog.DiscardHandler), behaviors.NewLimiter(1, 1)
	fallback := func() mediator.Behavior {
		return behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil })
	}
	all := map[string][]mediator.Behavior{
		"Log":            one(behaviors.Log(quiet)),
		"LogWith":        one(behaviors.LogWith(quiet, behaviors.LogConfig{})),
		"Recover":        one(behaviors.Recover()),
		"Timeout":        one(behaviors.Timeout(time.Second)),
		"Retry":          one(behaviors.Retry(behaviors.RetryConfig{})),
		"CircuitBreaker": one(behaviors.CircuitBreaker(behaviors.BreakerConfig{})),
		"RateLimit":      one(behaviors.RateLimit(limiter)),
		"RateLimitWait":  one(behaviors.RateLimitWait(limiter, time.Second)),
		"RateLimitWith":  one(behaviors.RateLimitWith(limiter, behaviors.RateLimitConfig{})),
		"RateLimitBy":    one(behaviors.RateLimitBy(func(context.Context, mediator.Call) string { return "" }, func(string) behaviors.Limiter { return limiter })),
		"Bulkhead":       one(behaviors.Bulkhead(behaviors.BulkheadConfig{})),
		"MemoryGuard":    one(behaviors.MemoryGuard(behaviors.MemoryGuardConfig{})),
		"Fallback":       one(fallback()),
		"Validate":       one(behaviors.Validate()),
		"NewRecorder":    one(behaviors.NewRecorder()),
		"When":           one(behaviors.When(always, fallback())),
		"Slow":           one(behaviors.Slow(behaviors.SlowConfig{})),
		"Hedge":          one(behaviors.Hedge(behaviors.HedgeConfig{})),
		"Coalesce":       one(behaviors.Coalesce(func(mediator.Call) string { return "" })),
		"CoalesceBy":     one(behaviors.CoalesceBy(func(context.Context, mediator.Call) string { return "" })),
		"Except":         behaviors.Except(always, fallback()),
		"Standard": behaviors.Standard(behaviors.StandardConfig{Logger: quiet, Limiter: limiter, Timeout: time.Second,
			Bulkhead: &behaviors.BulkheadConfig{}, Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{}, DeadLetters: noop{}}),
		"StreamingResilience": behaviors.StreamingResilience(),
		"StreamingPlatinum":   behaviors.StreamingPlatinum(),
	}
	require.NotEmpty(t, constructors(t, "."))
	for _, name := range constructors(t, ".") {
		require.NotEmpty(t, all[name], "%s is missing here", name)
	}
	for name, bs := range all {
		third := &remembers{met: map[mediator.Behavior]bool{}}
		beside := append(slices.Clone(bs), third, behaviors.When(always, third))
		beside = append(beside, behaviors.Except(always, third)...)
		for i, b := range bs {
			require.True(t, reflect.ValueOf(b).Comparable(), "%s: number %d is a %T", name, i, b)
		}
		wired(t, beside)
		for _, b := range bs {
			require.True(t, third.met[b], name)
		}
	}
}
