package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
)

// newShop returns a mediator with a subscriber that fails until it is mended.
func newShop(s deadletter.Store, opts ...deadletter.Option) (m *mediator.Mediator, mend func()) {
	err := errors.New("warehouse is closed")
	m, wiring := mediator.New(
		mediator.Use(deadletter.Behavior(s, opts...)),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return err }, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return nil }, mediator.Group("mail")),
	)
	if wiring != nil {
		panic(wiring)
	}
	return m, func() { err = nil }
}

func Example() {
	ctx := context.Background()
	store := deadletter.NewMemory()
	m, mend := newShop(store)

	fmt.Println(mediator.Publish(ctx, m, OrderPaid{Receipt: 7}))
	for l := range deadletter.All(ctx, store, deadletter.Filter{}) {
		fmt.Printf("%s to %s: %s %v\n", l.Name, l.Group, l.Body, l.Errors)
	}

	mend()
	fmt.Println(deadletter.Redrive(ctx, m, store, deadletter.Filter{Group: "stock"}, deadletter.Rate(100)))
	fmt.Println(store.Count(ctx, deadletter.Filter{}))
	// Output:
	// mediator: publish deadletter_test.OrderPaid to stock: warehouse is closed
	// deadletter_test.OrderPaid to stock: {"Receipt":7} [warehouse is closed]
	// 1 redriven, 0 failed, 0 skipped <nil>
	// 0 <nil>
}

func ExampleBehavior() {
	store := deadletter.NewMemory()
	m, _ := newShop(store,
		deadletter.PutTimeout(time.Second),
		deadletter.OnLetter(func(_ context.Context, l deadletter.Letter, err error) { fmt.Println(l.Group, err) }),
	)
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 7})
	// Output: stock <nil>
}

func ExampleNewMemory() {
	store := deadletter.NewMemory(deadletter.Retention{
		Letters: 2,
		OnDrop:  func(l deadletter.Letter) { fmt.Println("dropped", l.ID) },
	})
	for _, id := range []string{"a", "b", "c"} {
		_ = store.Put(context.Background(), deadletter.Letter{ID: id})
	}
	fmt.Println(store.Dropped())
	// Output:
	// dropped a
	// 1
}

func ExampleRedrive() {
	ctx := context.Background()
	store := deadletter.NewMemory()
	m, mend := newShop(store)
	_ = mediator.Publish(ctx, m, OrderPaid{Receipt: 7})

	for range 2 {
		report, err := deadletter.Redrive(ctx, m, store)
		for _, o := range report.Outcomes {
			fmt.Println(o.Status, o.Letter.Attempts, o.Err, err)
		}
		mend()
	}
	// Output:
	// failed 2 mediator: publish deadletter_test.OrderPaid to stock: warehouse is closed <nil>
	// redriven 2 <nil> <nil>
}

func ExampleHeaders() {
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	store := deadletter.NewMemory()
	m, _ := newShop(store, deadletter.Headers(func(ctx context.Context) map[string]string {
		return map[string]string{"traceparent": ctx.Value(key{}).(string)}
	}))
	_ = mediator.Publish(ctx, m, OrderPaid{})
	for l := range deadletter.All(ctx, store, deadletter.Filter{}) {
		fmt.Println(l.Headers)
	}
	// Output: map[traceparent:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01]
}

func ExampleIf() {
	store := deadletter.NewMemory()
	m, _ := newShop(store, deadletter.If(func(_ context.Context, c mediator.Call, _ error) bool { return c.Handler() != "stock" }))
	_ = mediator.Publish(context.Background(), m, OrderPaid{})
	fmt.Println(store.Count(context.Background(), deadletter.Filter{}))
	// Output: 0 <nil>
}

// The last lines of a main whose mediator is given ten seconds to drain.
func ExampleKeepUndone() {
	type Shipped struct{ Order int }
	store := deadletter.NewMemory() // or a boltmediator.Store, for the next process to redrive
	shipping := make(chan struct{})
	m, err := mediator.New(mediator.BackgroundQueue(10, 1),
		mediator.Subscribe(func(ctx context.Context, _ Shipped) error { close(shipping); <-ctx.Done(); return ctx.Err() }, mediator.Group("mail")),
		mediator.OnError(func(context.Context, error) {}))
	if err != nil {
		panic(err)
	}
	for order := range 3 {
		_ = mediator.Publish(context.Background(), m, Shipped{order}, mediator.Background())
	}
	<-shipping

	ctx, cancel := context.WithCancel(context.Background()) // ten seconds, in an example that has none
	cancel()
	closed := m.Close(ctx)
	fmt.Println(closed)
	kept, err := deadletter.KeepUndone(context.Background(), m, store, closed)
	fmt.Println(kept, "kept for a redrive,", err)
	// Output:
	// mediator: close: notifications not handled: 2, goroutines still running: 1: context canceled
	// 2 kept for a redrive, <nil>
}
