package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsmediator/mediator/adapters/boltmediator"
)

// A relay takes what was accepted to where it belongs, in order, and removes it
// once it is there. What it had not removed when it ended is there for the next.
func ExampleStore_Outbox() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "outbox")
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "shop.db")

	store, err := boltmediator.Open(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(store.Outbox("orders").Append(ctx, []byte("placed 7"), []byte("paid 7"))) // both or none
	fmt.Println(store.Close())

	store, err = boltmediator.Open(path) // another process
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	outbox := store.Outbox("orders")
	for after := uint64(0); outbox.Depth() > 0; {
		records, err := outbox.Next(ctx, after, 100)
		if err != nil {
			panic(err)
		}
		for _, r := range records {
			fmt.Printf("%d %s\n", r.ID, r.Data) // send it
			after = r.ID
		}
		if err := outbox.Ack(ctx, after); err != nil {
			panic(err)
		}
	}
	// Output:
	// <nil>
	// <nil>
	// 1 placed 7
	// 2 paid 7
}

func ExampleMaxDepth() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "outbox")
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := boltmediator.Open(filepath.Join(dir, "shop.db"))
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()

	outbox := store.Outbox("orders", boltmediator.MaxDepth(1, 1<<20))
	fmt.Println(outbox.Append(ctx, []byte("placed 7")))
	err = outbox.Append(ctx, []byte("placed 8"))
	fmt.Println(errors.Is(err, boltmediator.ErrFull), outbox.Depth())
	fmt.Println(outbox.Ack(ctx, 1))
	fmt.Println(outbox.Append(ctx, []byte("placed 8")), outbox.Depth())
	// Output:
	// <nil>
	// true 1
	// <nil>
	// <nil> 1
}
