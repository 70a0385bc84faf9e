package deadletter_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
)

func ExamplePutTimeout() {
	m, _ := newShop(stuckStore{deadletter.NewMemory()}, deadletter.PutTimeout(time.Millisecond))
	err := mediator.Publish(context.Background(), m, OrderPaid{Receipt: 7})
	var lost *deadletter.StoreError
	fmt.Println(errors.As(err, &lost), errors.Is(err, context.DeadlineExceeded))
	fmt.Println(string(lost.Letter.Body))
	// Output:
	// true true
	// {"Receipt":7}
}

// stuckStore puts nothing, as one on a network that is down.
type stuckStore struct{ deadletter.Store }

func (stuckStore) Put(ctx context.Context, _ deadletter.Letter) error {
	<-ctx.Done()
	return ctx.Err()
}

func ExampleOnLetter() {
	m, _ := newShop(deadletter.NewMemory(), deadletter.OnLetter(func(_ context.Context, l deadletter.Letter, err error) {
		fmt.Println("alert:", l.Name, "to", l.Group, err)
	}))
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 7})
	// Output: alert: deadletter_test.OrderPaid to stock <nil>
}

func ExampleCancelled() {
	ctx, cancel := context.WithCancel(context.Background())
	for _, opts := range [][]deadletter.Option{nil, {deadletter.Cancelled()}} {
		store := deadletter.NewMemory()
		m, err := mediator.New(
			mediator.Use(deadletter.Behavior(store, opts...)),
			mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
				cancel() // the caller leaves
				return Receipt{}, ctx.Err()
			}),
		)
		if err != nil {
			panic(err)
		}
		_, _ = mediator.Send(ctx, m, Charge{Cents: 1250})
		fmt.Println(store.Count(context.Background(), deadletter.Filter{}))
		ctx, cancel = context.WithCancel(context.Background())
	}
	cancel()
	// Output:
	// 0 <nil>
	// 1 <nil>
}

// xmlCodec is a Codec of a user's.
type xmlCodec struct{}

func (xmlCodec) ContentType() string                  { return "application/xml" }
func (xmlCodec) Encode(message any) ([]byte, error)   { return xml.Marshal(message) }
func (xmlCodec) Decode(body []byte, target any) error { return xml.Unmarshal(body, target) }

func ExampleCodecs() {
	ctx := context.Background()
	store := deadletter.NewMemory()
	m, mend := newShop(store, deadletter.Codecs(xmlCodec{}))
	_ = mediator.Publish(ctx, m, OrderPaid{Receipt: 7})
	for l := range deadletter.All(ctx, store, deadletter.Filter{}) {
		fmt.Printf("%s: %s\n", l.ContentType, l.Body)
	}
	mend()
	fmt.Println(deadletter.Redrive(ctx, m, store, deadletter.Codecs(xmlCodec{})))
	// Output:
	// application/xml: <OrderPaid><Receipt>7</Receipt></OrderPaid>
	// 1 redriven, 0 failed, 0 skipped <nil>
}

func ExampleJSON() {
	body, err := deadletter.JSON().Encode(OrderPaid{Receipt: 7})
	fmt.Println(string(body), err)
	// Output: {"Receipt":7} <nil>
}

func ExampleNewID() {
	first, second := deadletter.NewID(), deadletter.NewID()
	fmt.Println(len(first), first < second)
	// Output: 36 true
}

func ExampleCheckID() {
	fmt.Println(deadletter.CheckID("order-7"))
	fmt.Println(deadletter.CheckID(""))
	// Output:
	// <nil>
	// unusable letter ID: it has 0 bytes, not 1 to 255
}

func ExampleAll() {
	ctx := context.Background()
	store := deadletter.NewMemory()
	for _, l := range []deadletter.Letter{{ID: "2", Group: "mail"}, {ID: "1", Group: "stock"}, {ID: "3", Group: "stock"}} {
		if err := store.Put(ctx, l); err != nil {
			panic(err)
		}
	}
	for l, err := range deadletter.All(ctx, store, deadletter.Filter{Group: "stock"}) {
		fmt.Println(l.ID, err)
	}
	// Output:
	// 1 <nil>
	// 3 <nil>
}

// failed returns a store with the letters of so many receipts, and the mended
// mediator that they failed in.
func failed(receipts int) (*deadletter.Memory, *mediator.Mediator) {
	store := deadletter.NewMemory()
	m, mend := newShop(store)
	for n := range receipts {
		_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: n})
	}
	mend()
	return store, m
}

func ExampleRate() {
	store, m := failed(3)
	begun := time.Now()
	fmt.Println(deadletter.Redrive(context.Background(), m, store, deadletter.Rate(1000)))
	fmt.Println(time.Since(begun) >= 2*time.Millisecond)
	// Output:
	// 3 redriven, 0 failed, 0 skipped <nil>
	// true
}

func ExampleAtMost() {
	store, m := failed(3)
	for range 2 {
		fmt.Println(deadletter.Redrive(context.Background(), m, store, deadletter.AtMost(2)))
	}
	// Output:
	// 2 redriven, 0 failed, 0 skipped <nil>
	// 1 redriven, 0 failed, 0 skipped <nil>
}

func ExampleOnOutcome() {
	store, m := failed(2)
	report, err := deadletter.Redrive(context.Background(), m, store,
		deadletter.OnOutcome(func(_ context.Context, o deadletter.Outcome) {
			fmt.Printf("%s: %v\n", o.Letter.Body, o.Status)
		}))
	fmt.Println(len(report.Outcomes), report, err)
	// Output:
	// {"Receipt":0}: redriven
	// {"Receipt":1}: redriven
	// 0 2 redriven, 0 failed, 0 skipped <nil>
}

// A redrive continues the trace of the call that failed.
func ExampleContext() {
	type key struct{}
	ctx := context.Background()
	store := deadletter.NewMemory()
	var traced any
	m, err := mediator.New(
		mediator.Use(deadletter.Behavior(store)),
		mediator.HandleCommand(func(ctx context.Context, _ Ship) error {
			traced = ctx.Value(key{})
			return nil
		}, mediator.Named("shop.Ship")),
	)
	if err != nil {
		panic(err)
	}
	letter := deadletter.Letter{
		ID: "1", Name: "shop.Ship", Kind: mediator.KindRequest, Body: []byte("{}"), ContentType: "application/json",
		Headers: map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
	if err := store.Put(ctx, letter); err != nil {
		panic(err)
	}
	fmt.Println(deadletter.Redrive(ctx, m, store, deadletter.Context(func(ctx context.Context, l deadletter.Letter) context.Context {
		return context.WithValue(ctx, key{}, l.Headers["traceparent"])
	})))
	fmt.Println(traced)
	// Output:
	// 1 redriven, 0 failed, 0 skipped <nil>
	// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
}

type Ship struct{ mediator.Command }

func ExampleStreams() {
	ctx := context.Background()
	store := deadletter.NewMemory()
	closed := errors.New("exchange is closed")
	m, err := mediator.New(
		mediator.Use(deadletter.Behavior(store)),
		mediator.HandleStream(func(_ context.Context, r Rates) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if closed != nil {
					yield(0, closed)
					return
				}
				yield(98, nil)
			}
		}),
	)
	if err != nil {
		panic(err)
	}
	show := func(ctx context.Context, r Rates) error {
		for rate, err := range mediator.Stream(ctx, m, r) {
			if err != nil {
				return err
			}
			fmt.Println(r.Currency, rate)
		}
		return nil
	}
	fmt.Println(show(ctx, Rates{Currency: "EUR"}))
	closed = nil
	fmt.Println(deadletter.Redrive(ctx, m, store, deadletter.Streams(func(ctx context.Context, _ deadletter.Letter, decode func(any) error) error {
		var r Rates
		if err := decode(&r); err != nil {
			return err
		}
		return show(ctx, r)
	})))
	// Output:
	// exchange is closed
	// EUR 98
	// 1 redriven, 0 failed, 0 skipped <nil>
}

func ExampleMaxWait() {
	limit := behaviors.RateLimit(behaviors.NewLimiter(1000, 1)) // a letter a millisecond
	m, err := mediator.New(mediator.Use(limit), mediator.HandleCommand(func(context.Context, Place) error { return nil }, mediator.Named("orders.Place")))
	if err != nil {
		panic(err)
	}
	ctx, store := context.Background(), deadletter.NewMemory()
	defer func() { _ = m.Close(ctx) }()
	for range 5 {
		err = errors.Join(err, store.Put(ctx, deadletter.Letter{ID: deadletter.NewID(), Kind: mediator.KindRequest, Name: "orders.Place",
			Body: []byte("{}"), ContentType: "application/json"}))
	}
	report, failed := deadletter.Redrive(ctx, m, store, deadletter.MaxWait(time.Minute))
	fmt.Println(report, failed, err)
	// Output:
	// 5 redriven, 0 failed, 0 skipped <nil> <nil>
}
