package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// must is for what an example has no word for.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// shop is a node with a service that handles place and count.
func shop(ctx context.Context, opts ...natsmediator.NodeOption) (n *natsmediator.Node, end func()) {
	dir := must(os.MkdirTemp("", "nats"))
	n = must(natsmediator.Embed(dir, opts...))
	m := must(mediator.New(mediator.Handle(placed), mediator.HandleStream(counted)))
	must(natsmediator.Serve(ctx, m, n, "shop"))
	return n, func() { _ = errors.Join(n.Close(ctx), m.Close(ctx), os.RemoveAll(dir)) }
}

func ExampleRemote() {
	ctx := context.Background()
	node, end := shop(ctx)
	defer end()

	m := must(mediator.New(natsmediator.Remote[place](node, "shop")))
	fmt.Println(mediator.Send(ctx, m, place{SKU: "apple", Qty: 3}))

	m = must(mediator.New(natsmediator.Remote[place](node, "chop",
		natsmediator.Timeout(time.Second),
		natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Millisecond})))))
	_, err := mediator.Send(ctx, m, place{SKU: "apple", Qty: 3})
	fmt.Println(errors.Is(err, mediator.ErrNoHandler))
	// Output:
	// {apple 300} <nil>
	// true
}

func ExampleRemoteStream() {
	ctx := context.Background()
	node, end := shop(ctx)
	defer end()
	m := must(mediator.New(natsmediator.RemoteStream[count](node, "shop", natsmediator.Window(8), natsmediator.Heartbeat(time.Second))))
	for i, err := range mediator.Stream(ctx, m, count{From: 1, To: 1_000_000}) {
		if err != nil || i > 3 {
			break // the handler over there ends too
		}
		fmt.Println(i)
	}
	// Output:
	// 1
	// 2
	// 3
}

func ExampleEmbed() {
	dir := must(os.MkdirTemp("", "nats"))
	defer func() { _ = os.RemoveAll(dir) }()
	node := must(natsmediator.Embed(dir,
		natsmediator.Namespace("shop"),
		natsmediator.Listen("127.0.0.1:0"),
		natsmediator.MaxStore(1<<30),
		natsmediator.Logger(slog.New(slog.DiscardHandler)),
		natsmediator.ServerOptions(func(o *server.Options) { o.MaxPayload = 4 << 20 }),
	))
	_, err := natsmediator.Embed(dir)
	fmt.Println(errors.Is(err, natsmediator.ErrLocked))

	other := must(natsmediator.Connect(node.URL(), natsmediator.Namespace("shop"), natsmediator.ClientOptions(nats.Name("till"))))
	fmt.Println(other.Close(context.Background()), node.Close(context.Background()))
	// Output:
	// true
	// <nil> <nil>
}

func ExampleServe() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "nats"))
	defer func() { _ = os.RemoveAll(dir) }()
	node := must(natsmediator.Embed(dir, natsmediator.ErrorCode("out_of_stock", errOutOfStock)))
	defer func() { _ = node.Close(ctx) }()
	service := must(mediator.New(mediator.Handle(func(context.Context, place) (order, error) {
		return order{}, fmt.Errorf("apples: %w", errOutOfStock)
	})))
	s := must(natsmediator.Serve(ctx, service, node, "shop",
		natsmediator.Only("shop.Place"), natsmediator.Version(2),
		natsmediator.Concurrency(16), natsmediator.Queue(64), natsmediator.Streams(4), natsmediator.Timeout(time.Minute)))

	m := must(mediator.New(natsmediator.Remote[place](node, "shop", natsmediator.Version(2))))
	_, err := mediator.Send(ctx, m, place{})
	fmt.Println(err)
	fmt.Println(errors.Is(err, errOutOfStock))
	fmt.Println(s.Close(ctx))
	// Output:
	// service shop: shop.Place: apples: out of stock
	// true
	// <nil>
}

func ExampleConnect() {
	_, err := natsmediator.Connect("nats://127.0.0.1:1")
	fmt.Println(err)
	// Output:
	// natsmediator: connect to nats://127.0.0.1:1: nats: no servers available for connection
}

// point is an item that brings its own form along.
type point struct{ X, Y int16 }

type points struct{ mediator.Yields[point] }

func ExampleBinary() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "nats"))
	defer func() { _ = os.RemoveAll(dir) }()
	node := must(natsmediator.Embed(dir))
	defer func() { _ = node.Close(ctx) }()
	service := must(mediator.New(mediator.HandleStream(func(context.Context, points) iter.Seq2[point, error] {
		return func(yield func(point, error) bool) { _ = yield(point{1, 2}, nil) && yield(point{3, 4}, nil) }
	})))
	must(natsmediator.Serve(ctx, service, node, "shapes"))
	m := must(mediator.New(natsmediator.RemoteStream[points](node, "shapes", natsmediator.Encoding(natsmediator.Binary().ContentType()))))
	for p, err := range mediator.Stream(ctx, m, points{}) {
		fmt.Println(p, err)
	}
	// Output:
	// {1 2} <nil>
	// {3 4} <nil>
}

func ExampleGob() {
	ctx := context.Background()
	node, end := shop(ctx, natsmediator.Codecs(natsmediator.Gob()))
	defer end()
	m := must(mediator.New(natsmediator.Remote[place](node, "shop", natsmediator.Encoding("application/x-gob"))))
	fmt.Println(mediator.Send(ctx, m, place{SKU: "apple", Qty: 3}))
	// Output:
	// {apple 300} <nil>
}

func ExampleWithTrace() {
	ctx := natsmediator.WithTrace(context.Background(), natsmediator.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
	fmt.Println(natsmediator.TraceFrom(ctx).Parent)
	// Output:
	// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
}

func ExamplePropagate() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "nats"))
	defer func() { _ = os.RemoveAll(dir) }()
	node := must(natsmediator.Embed(dir, natsmediator.Propagate(users{})))
	defer func() { _ = node.Close(ctx) }()
	service := must(mediator.New(mediator.HandleCommand(func(ctx context.Context, _ ship) error {
		fmt.Println("for", ctx.Value(userKey{}))
		return nil
	})))
	must(natsmediator.Serve(ctx, service, node, "shop"))
	m := must(mediator.New(natsmediator.Remote[ship](node, "shop", natsmediator.Named("shop.Ship"))))
	fmt.Println(mediator.Exec(context.WithValue(ctx, userKey{}, "eve"), m, ship{}))
	// Output:
	// for eve
	// <nil>
}

func ExampleSubject() {
	fmt.Println(natsmediator.Subject("mediator", "shop", "orders.Place now", 1))
	fmt.Println(natsmediator.StreamSubject("mediator", "shop", "ticker.Quotes", 2))
	// Output:
	// mediator.req.shop.orders.Place%20now.v1
	// mediator.str.shop.ticker.Quotes.v2
}
