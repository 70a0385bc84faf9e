package benchmarks_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/common"
	"github.com/failsafe-go/failsafe-go/policy"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/fsmediator/mediator"
)

// failsafePolicies are the four of the six layers that failsafe-go has.
func failsafePolicies[R any](s sizes) []failsafe.Policy[R] {
	return []failsafe.Policy[R]{
		ratelimiter.NewBursty[R](uint(s.burst), s.period),
		bulkhead.New[R](uint(s.places)),
		retrypolicy.NewBuilder[R]().WithMaxRetries(3).WithBackoff(s.retryDelay, 30*s.retryDelay).Build(),
		circuitbreaker.NewBuilder[R]().WithFailureRateThreshold(s.failureRatio, uint(s.minCalls), s.window).Build(),
	}
}

// newFailsafe composes the four policies and counts by a listener, the way that its documentation shows. There is
// no histogram of latencies and no count of calls in flight. Panics are recovered outside, see [recovered].
func newFailsafe[R any](s sizes) (executor failsafe.Executor[R], counted func() int) {
	var calls, nanoseconds atomic.Int64
	executor = failsafe.With(failsafePolicies[R](s)...).OnDone(func(e failsafe.ExecutionDoneEvent[R]) {
		calls.Add(1)
		nanoseconds.Add(e.ElapsedTime().Nanoseconds())
	})
	return executor, func() int { return int(calls.Load()) }
}

// recovered turns a panic into an error.
func recovered[R any](f func() (R, error)) (r R, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// openFailsafe has the executor in a behavior.
func openFailsafe(tb testing.TB, s sizes, h handler) guarded {
	executor, counted := newFailsafe[struct{}](s)
	g := layered(func(sizes) []mediator.Behavior {
		return []mediator.Behavior{promising(func(next mediator.Next) mediator.Next {
			return func(ctx context.Context, c mediator.Call) error {
				_, err := recovered(func() (struct{}, error) {
					return executor.WithContext(ctx).Get(func() (struct{}, error) { return struct{}{}, next(ctx, c) })
				})
				return err
			}
		})}
	})(tb, s, h)
	g.counted = counted
	return g
}

// openFailsafeAlone has the executor around the handler, without a mediator.
func openFailsafeAlone(_ testing.TB, s sizes, h handler) guarded {
	executor, counted := newFailsafe[receipt](s)
	return guarded{counted: counted, call: func(ctx context.Context, o order) (receipt, error) {
		return recovered(func() (receipt, error) {
			return executor.WithContext(ctx).Get(func() (receipt, error) { return h(ctx, o) })
		})
	}}
}

// openFailsafePolicies is openFailsafeAlone with all six layers as policies of the executor, two of them written for
// it.
func openFailsafePolicies(_ testing.TB, s sizes, h handler) guarded {
	m := new(metricsPolicy[receipt])
	policies := append([]failsafe.Policy[receipt]{recoverPolicy[receipt]{}, m}, failsafePolicies[receipt](s)...)
	executor := failsafe.With(policies...)
	return guarded{
		counted: func() int { return int(m.calls.Load()) },
		call: func(ctx context.Context, o order) (receipt, error) {
			return executor.WithContext(ctx).Get(func() (receipt, error) { return h(ctx, o) })
		},
	}
}

type executionOf[R any] = func(failsafe.Execution[R]) *common.PolicyResult[R]

// recoverPolicy turns a panic of what is inside into an error.
type recoverPolicy[R any] struct{}

func (p recoverPolicy[R]) ToExecutor(R) any {
	e := new(recoverExecutor[R])
	e.Executor = e
	return e
}

type recoverExecutor[R any] struct{ policy.BaseExecutor[R] }

func (e *recoverExecutor[R]) Apply(inner executionOf[R]) executionOf[R] {
	run := e.BaseExecutor.Apply(inner)
	return func(exec failsafe.Execution[R]) (result *common.PolicyResult[R]) {
		defer func() {
			if v := recover(); v != nil {
				result = &common.PolicyResult[R]{Error: fmt.Errorf("panic: %v", v), Done: true}
			}
		}()
		return run(exec)
	}
}

// metricsPolicy counts calls and failures and adds up the time they took.
type metricsPolicy[R any] struct{ calls, failures, nanoseconds atomic.Int64 }

func (p *metricsPolicy[R]) ToExecutor(R) any {
	e := &metricsExecutor[R]{p: p}
	e.Executor = e
	return e
}

type metricsExecutor[R any] struct {
	policy.BaseExecutor[R]
	p *metricsPolicy[R]
}

func (e *metricsExecutor[R]) PreExecute(policy.ExecutionInternal[R]) *common.PolicyResult[R] {
	e.p.calls.Add(1)
	return nil
}

func (e *metricsExecutor[R]) PostExecute(exec policy.ExecutionInternal[R], result *common.PolicyResult[R]) *common.PolicyResult[R] {
	e.p.nanoseconds.Add(exec.ElapsedTime().Nanoseconds())
	if result.Error != nil {
		e.p.failures.Add(1)
	}
	return result
}
