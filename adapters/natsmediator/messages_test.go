package natsmediator_test

import (
	"context"
	"errors"
	"iter"

	"github.com/fsmediator/mediator"
)

// place is the request of most tests, priceOf the stream.
type place struct {
	mediator.Returns[order] `json:"-"`
	SKU                     string
	Qty                     int
}

func (place) MessageName() string { return "shop.Place" }

type order struct {
	SKU   string
	Cents int
}

type count struct {
	mediator.Yields[int] `json:"-"`
	From, To             int
}

func (count) MessageName() string { return "shop.Count" }

type ship struct {
	mediator.Command `json:"-"`
	SKU              string
}

func (ship) MessageName() string { return "shop.Ship" }

var errOutOfStock = errors.New("out of stock")

func placed(_ context.Context, q place) (order, error) {
	return order{SKU: q.SKU, Cents: 100 * q.Qty}, nil
}

func counted(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := q.From; i < q.To; i++ {
			if !yield(i, nil) {
				return
			}
		}
	}
}

type iterSeq = iter.Seq2[int, error]
