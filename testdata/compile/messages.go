// Package cases is compiled by a test, one case at a time, together with these
// messages.
package cases

import "github.com/fsmediator/mediator"

type Order struct{ ID int }

type PlaceOrder struct {
	mediator.Returns[Order]
	SKU string
}

type CancelOrder struct {
	mediator.Command
	ID int
}

type Prices struct {
	mediator.Yields[float64]
	SKU string
}

type Get[T any] struct {
	mediator.Returns[T]
	Key string
}

type All[T any] struct{ mediator.Yields[T] }

type OrderCreated struct{ ID int }

// Draft has no marker.
type Draft struct{ SKU string }
