package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"golang.org/x/time/rate"
)

func ExampleRateLimit() {
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error { return nil },
		mediator.Use(behaviors.RateLimit(behaviors.NewLimiter(0.1, 2)))))
	if err != nil {
		panic(err)
	}
	for range 3 {
		err := mediator.Exec(context.Background(), m, debit{})
		var later interface{ RetryAfter() time.Duration }
		if errors.As(err, &later) {
			fmt.Println("limited:", errors.Is(err, behaviors.ErrLimited), "come back in", later.RetryAfter().Round(time.Second))
			continue
		}
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// limited: true come back in 10s
}

// Any limiter with Allow and Wait will do.
func ExampleRateLimit_other() {
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error { return nil },
		mediator.Use(behaviors.RateLimit(rate.NewLimiter(0.1, 1)))))
	if err != nil {
		panic(err)
	}
	for range 2 {
		fmt.Println(mediator.Exec(context.Background(), m, debit{}))
	}
	// Output:
	// <nil>
	// rate limit reached
}

func ExampleRateLimitWait() {
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error { return nil },
		mediator.Use(behaviors.RateLimitWait(behaviors.NewLimiter(1000, 1), time.Second))))
	if err != nil {
		panic(err)
	}
	begun := time.Now()
	for range 11 {
		if err := mediator.Exec(context.Background(), m, debit{}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(time.Since(begun) >= 10*time.Millisecond)
	// Output:
	// true
}

func ExampleNewLimiter() {
	l := behaviors.NewLimiter(0.5, 1)
	fmt.Println(l.Allow(), l.Allow(), l.RetryAfter().Round(time.Second))

	err := l.WaitAtMost(context.Background(), time.Second)
	fmt.Println(errors.Is(err, behaviors.ErrLimited))
	// Output:
	// true false 2s
	// true
}

func ExampleRateLimitWith() {
	// Each has rejections of its own in what a Recorder, Prometheus and the console show.
	tenants := behaviors.RateLimitWith(behaviors.NewLimiter(100, 20), behaviors.RateLimitConfig{Name: "tenants"})
	mails := behaviors.RateLimitWith(behaviors.NewLimiter(5, 5), behaviors.RateLimitConfig{Name: "mails", MaxWait: time.Second})
	for _, limit := range []mediator.Behavior{tenants, mails} {
		for r := range limit.(behaviors.Source).Readings() {
			fmt.Println(r.Scope, r.Name, r.Value)
		}
	}
	// Output:
	// tenants rejections 0
	// mails rejections 0
}

// tenantKey is where a login leaves who calls.
type tenantKey struct{}

func ExampleRateLimitBy() {
	tenantOf := func(ctx context.Context, _ mediator.Call) string {
		tenant, _ := ctx.Value(tenantKey{}).(string)
		return tenant
	}
	atOnce := map[string]int{"acme": 2} // and one a minute
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error { return nil },
		mediator.Use(behaviors.RateLimitBy(tenantOf, func(tenant string) behaviors.Limiter {
			return behaviors.NewLimiter(1./60, max(atOnce[tenant], 1))
		}))))
	if err != nil {
		panic(err)
	}
	for _, tenant := range []string{"acme", "acme", "acme", "globex"} {
		err := mediator.Exec(context.WithValue(context.Background(), tenantKey{}, tenant), m, debit{})
		fmt.Println(tenant, errors.Is(err, behaviors.ErrLimited))
	}
	// Output:
	// acme false
	// acme false
	// acme true
	// globex false
}
