package browser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
)

type (
	placeOrder struct {
		mediator.Returns[receipt]
		SKU string `json:"sku"`
		Qty int    `json:"qty"`
	}
	receipt struct{ ID string }

	chargeCard struct {
		mediator.Command
		OrderID string `json:"order_id"`
		Cents   int    `json:"cents"`
	}
	orderPlaced struct {
		OrderID string `json:"order_id"`
	}
	watchPrices struct {
		mediator.Yields[price]
		SKU string
	}
	price struct{ Cents int }

	hostile struct{ mediator.Command }
)

// hostileName is markup where a name is expected.
const hostileName = `<script>window.hurt = 1</script><img src=x onerror="window.hurt = 2">`

// shop is what the tests look at.
type shop struct {
	*mediator.Mediator
	letters *deadletter.Memory
	breaker *behaviors.Breaker
	down    atomic.Bool // the payment provider is
	url     string      // of the console
}

func (s *shop) place(ctx context.Context, q placeOrder) (receipt, error) {
	return receipt{ID: "o-" + q.SKU}, pause(ctx, time.Duration(rand.ExpFloat64()*float64(time.Millisecond)))
}

func (s *shop) charge(ctx context.Context, c chargeCard) error {
	if s.down.Load() {
		return fmt.Errorf("charge %d cents for %s: %w", c.Cents, c.OrderID, errors.Join(errors.New("provider: connection reset"), errors.New(hostileName)))
	}
	return pause(ctx, time.Duration((1+rand.ExpFloat64())*float64(2*time.Millisecond)))
}

func watch(ctx context.Context, _ watchPrices) iter.Seq2[price, error] {
	return func(yield func(price, error) bool) {
		for yield(price{}, nil) {
			if pause(ctx, time.Millisecond) != nil {
				return
			}
		}
	}
}

// pause is how long something takes.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newShop wires a shop and serves its console until the end of the test.
func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{letters: deadletter.NewMemory()}
	s.breaker = behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 3, Break: time.Hour})
	monitor := health.New(health.Config{Interval: time.Second})
	m, err := mediator.New(
		mediator.Use(behaviors.NewRecorder(), monitor, deadletter.Behavior(s.letters), behaviors.Recover()),
		mediator.Handle(s.place, mediator.Named("orders.place"), mediator.Use(behaviors.Validate(), behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 64}), behaviors.Timeout(time.Second))),
		mediator.HandleCommand(s.charge, mediator.Named("payments.charge"), mediator.Use(
			behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Millisecond, MaxDelay: 2 * time.Millisecond}), s.breaker, behaviors.Timeout(time.Second))),
		mediator.HandleCommand(func(context.Context, hostile) error { return nil }, mediator.Named(hostileName)),
		mediator.Subscribe(func(context.Context, orderPlaced) error { return nil }, mediator.Named("orders.placed"), mediator.Group("inventory")),
		mediator.Subscribe(func(context.Context, orderPlaced) error { return nil }, mediator.Group("mail")),
		mediator.HandleStream(watch, mediator.Named("prices.watch"), mediator.Use(backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 64}))),
	)
	require.NoError(t, err)
	s.Mediator = m
	serve(t, s, console.Handler(m, console.DeadLetters(s.letters), console.Interval(200*time.Millisecond),
		console.Authorize(func(*http.Request, console.Action) error { return nil })))
	return s
}

// serve serves a console under a prefix.
func serve(t *testing.T, s *shop, h http.Handler) {
	mux := http.NewServeMux()
	mux.Handle("/ops/console/", http.StripPrefix("/ops/console", h))
	server := httptest.NewServer(mux)
	s.url = server.URL + "/ops/console/"
	t.Cleanup(func() {
		require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) // which ends the pages
		server.Close()
	})
}

// busy has customers in the shop until the end of the test.
func (s *shop) busy(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	var customers sync.WaitGroup
	t.Cleanup(func() {
		leave()
		customers.Wait()
	})
	for range 4 {
		customers.Go(func() {
			for i := 0; pause(ctx, time.Duration(rand.IntN(16))*time.Millisecond) == nil; i++ {
				id := fmt.Sprintf("o-%d", i)
				_, _ = mediator.Send(ctx, s.Mediator, placeOrder{SKU: "CUP-BLUE", Qty: 1})
				_ = mediator.Publish(ctx, s.Mediator, orderPlaced{OrderID: id})
				if i%4 == 0 {
					_ = mediator.Exec(ctx, s.Mediator, chargeCard{OrderID: id, Cents: 1250})
				}
			}
		})
	}
	customers.Go(func() {
		for range mediator.Stream(ctx, s.Mediator, watchPrices{SKU: "CUP-BLUE"}) {
			_ = pause(ctx, 3*time.Millisecond)
		}
	})
}

// fail makes so many dead letters.
func (s *shop) fail(t *testing.T, n int) {
	t.Helper()
	s.down.Store(true)
	for i := range n {
		s.breaker.Reset()
		require.Error(t, mediator.Exec(t.Context(), s.Mediator, chargeCard{OrderID: fmt.Sprintf("o-%d", i), Cents: 1250 + i}))
	}
	s.breaker.Reset()
	s.down.Store(false)
}
