package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
)

type OrderPaid struct{ Receipt int }

func ExampleOpen() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "letters")
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "letters.db")

	closed := errors.New("warehouse is closed")
	run := func(use func(m *mediator.Mediator, s *boltmediator.Store)) {
		store, err := boltmediator.Open(path, boltmediator.Retain(deadletter.Retention{Age: 30 * 24 * time.Hour}))
		if err != nil {
			panic(err)
		}
		defer func() { _ = store.Close() }()
		m, err := mediator.New(
			mediator.Use(deadletter.Behavior(store)),
			mediator.Subscribe(func(context.Context, OrderPaid) error { return closed }, mediator.Group("stock")),
		)
		if err != nil {
			panic(err)
		}
		use(m, store)
	}

	run(func(m *mediator.Mediator, _ *boltmediator.Store) {
		fmt.Println(mediator.Publish(ctx, m, OrderPaid{Receipt: 7}))
	})
	closed = nil
	run(func(m *mediator.Mediator, s *boltmediator.Store) { // another process, another day
		fmt.Println(deadletter.Redrive(ctx, m, s))
	})
	// Output:
	// mediator: publish boltmediator_test.OrderPaid to stock: warehouse is closed
	// 1 redriven, 0 failed, 0 skipped <nil>
}
