package cases

import (
	"context"
	"iter"

	"github.com/fsmediator/mediator"
)

func call(ctx context.Context, m *mediator.Mediator) {
	// error: type PlaceOrder … does not satisfy mediator.StreamRequest … missing method embedsYields
	for range mediator.Stream(ctx, m, PlaceOrder{}) {
	}

	// error: type Draft … missing method embedsYields
	for range mediator.Stream(ctx, m, Draft{}) {
	}

	// error: type PlaceOrder … missing method embedsYields
	mediator.StreamChan(ctx, m, PlaceOrder{})

	var text string
	// error: value of type float64 … as string value
	for text = range mediator.Stream(ctx, m, Prices{}) {
		_ = text
	}
}

func place(context.Context, PlaceOrder) iter.Seq2[Order, error]       { return nil }
func names(context.Context, Prices) iter.Seq2[string, error]          { return nil }
func plain(context.Context, Prices) iter.Seq[float64]                 { return nil }
func late(context.Context, Prices) (iter.Seq2[float64, error], error) { return nil, nil }
func namesTo(context.Context, Prices, chan<- string) error            { return nil }
func both(context.Context, Prices, chan float64) error                { return nil }

func wire() {
	// error: type PlaceOrder … missing method embedsYields
	mediator.HandleStream(place)

	// error: type Prices … wrong type for method embedsYields … have embedsYields(float64)
	mediator.HandleStream(names)

	// error: iter.Seq[float64] … does not match … iter.Seq2[T, error]
	mediator.HandleStream(plain)

	// error: (iter.Seq2[float64, error], error) … does not match … iter.Seq2[T, error]
	mediator.HandleStream(late)

	// error: type Prices … wrong type for method embedsYields … have embedsYields(float64)
	mediator.HandleStreamChan(namesTo)

	// error: chan float64 … does not match … chan<- T
	mediator.HandleStreamChan(both)
}
