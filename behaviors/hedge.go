package behaviors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// HedgeConfig configures a [Hedge]. Its zero value means the defaults.
type HedgeConfig struct {
	// Delay is how long a request may take until it is sent a second time, and the
	// second until a third. Default: the Quantile of the latest 256 successes of the
	// handler; no request is hedged before there were 32.
	Delay time.Duration
	// Quantile is used without a Delay, above 0 and below 1. Default: 0.95 (Dean and
	// Barroso, "The Tail at Scale", CACM 2013), so that one request in twenty is
	// sent again.
	Quantile float64
	// Hedges is how many times more a request is sent at most. Default: 1.
	Hedges int
	// Budget bounds the hedges by a share of the requests. Default: a Budget for each
	// handler, with the defaults of [BudgetConfig].
	Budget *Budget
}

// Hedge sends a request that takes long a second time, and answers with what
// succeeds first. The other's context is cancelled, with [ErrHedged] as its
// cause, and waited for: nothing runs on when the call has returned. If all fail,
// their errors are joined, but for those of guards inside that turned one away
// while another was handled. A failure before the second is sent is returned at
// once.
//
// It is for requests that may be handled twice, at the same time: put it around
// handlers one by one, and outside of what must see each of the two, such as a
// Bulkhead. Notifications and streams pass through it.
//
// A panic of one of them ends the other and goes on in the caller, as a
// [*mediator.PanicError] if it was not on the caller's goroutine;
// [runtime.Goexit] there is [mediator.ErrGoexit]. It panics if c makes no sense.
// It allocates, for the context that it can cancel.
func Hedge(c HedgeConfig) mediator.Behavior {
	switch {
	case c.Delay < 0:
		panic(fmt.Sprintf("behaviors: Hedge: Delay is negative: %v", c.Delay))
	case c.Hedges < 0:
		panic(fmt.Sprintf("behaviors: Hedge: Hedges is negative: %d", c.Hedges))
	case !(c.Quantile >= 0 && c.Quantile < 1):
		panic(fmt.Sprintf("behaviors: Hedge: Quantile is %v, not between 0 and 1", c.Quantile))
	case c.Delay > 0 && c.Quantile > 0:
		panic("behaviors: Hedge: Delay and Quantile contradict each other")
	}
	orDefault(&c.Quantile, 0.95)
	orDefault(&c.Hedges, 1)
	return &hedge{c}
}

// ErrHedged is the cause with which [Hedge] cancels the context of a request that
// another was faster than.
var ErrHedged = errors.New("another attempt was faster")

type hedge struct{ HedgeConfig }

// BehaviorName returns "Hedge".
func (h *hedge) BehaviorName() string { return "Hedge" }

// CheckWiring warns of a Retry inside, and of one outside with the same Budget.
func (h *hedge) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	if hasBehavior(inner, "Retry") {
		warnings = append(warnings, "there is a Retry inside: each hedge would be retried by itself; put the Retry outside")
	}
	if slices.ContainsFunc(outer, h.sharesBudget) {
		warnings = append(warnings, "a Retry outside has the same Budget, so a call earns in it twice, and it allows twice its share: give each its own")
	}
	return warnings
}

func (h *hedge) sharesBudget(b mediator.Behavior) bool {
	r, ok := unwrap.Innermost(b).(*retry)
	return ok && neighbor.Surely(b) && r.Budget == h.Budget && h.Budget != nil && !h.Budget.unlimited
}

func (h *hedge) Wrap(next mediator.Next) mediator.Next {
	budget := h.Budget
	if budget == nil {
		budget = NewBudget(BudgetConfig{})
	}
	latest := &quantile{q: h.Quantile}
	return func(ctx context.Context, c mediator.Call) error {
		if c.Kind() != mediator.KindRequest {
			return next(ctx, c)
		}
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		budget.earn()
		delay := h.Delay
		if delay == 0 {
			delay = latest.value()
		}
		begun := nanos()
		var err error
		if delay == 0 {
			err = next(ctx, c)
		} else {
			r := &race{call: c, next: next, budget: budget, delay: delay, left: h.Hedges}
			err = r.run(ctx)
		}
		if err == nil && h.Delay == 0 {
			latest.add(nanos() - begun)
		}
		return err
	}
}
