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

// temporary returns the path of a file that is not there yet, and what removes it.
func temporary() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "letters")
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, "letters.db"), func() { _ = os.RemoveAll(dir) }
}

func ExampleRetain() {
	ctx := context.Background()
	path, remove := temporary()
	defer remove()
	store, err := boltmediator.Open(path, boltmediator.Retain(deadletter.Retention{
		Letters: 2,
		OnDrop:  func(l deadletter.Letter) { fmt.Println("dropped", l.ID) },
	}))
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	for _, id := range []string{"1", "2", "3"} {
		if err := store.Put(ctx, deadletter.Letter{ID: id}); err != nil {
			panic(err)
		}
	}
	fmt.Println(store.Count(ctx, deadletter.Filter{}))
	// Output:
	// dropped 1
	// 2 <nil>
}

func ExampleLockTimeout() {
	path, remove := temporary()
	defer remove()
	store, err := boltmediator.Open(path)
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	_, err = boltmediator.Open(path, boltmediator.LockTimeout(time.Millisecond)) // as another process would
	fmt.Println(errors.Is(err, boltmediator.ErrLocked))
	// Output: true
}

func ExampleReadOnly() {
	ctx := context.Background()
	path, remove := temporary()
	defer remove()
	store, err := boltmediator.Open(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(store.Put(ctx, deadletter.Letter{ID: "1"}), store.Close())

	store, err = boltmediator.Open(path, boltmediator.ReadOnly())
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	fmt.Println(store.Count(ctx, deadletter.Filter{}))
	fmt.Println(store.Delete(ctx, "1"))
	// Output:
	// <nil> <nil>
	// 1 <nil>
	// boltmediator: delete "1": store is read-only
}
