package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
)

// Shipped is an event with an identity, whose order matters within an order.
type Shipped struct {
	Parcel string
	Order  string
}

func (s Shipped) EventID() string      { return s.Parcel }
func (s Shipped) PartitionKey() string { return s.Order }

func ExampleDurable() {
	ctx := context.Background()
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	mailed := make(chan Shipped)
	m, err := mediator.New(
		natsmediator.Durable[Shipped](node),
		mediator.Subscribe(func(ctx context.Context, s Shipped) error {
			mailed <- s
			return nil
		}, mediator.Group("mail")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mediator.Publish(ctx, m, Shipped{Parcel: "p1", Order: "o1"})) // it is stored
	fmt.Println(<-mailed)
	fmt.Println(errors.Join(m.Close(ctx), node.Close(ctx)))
	// Output:
	// <nil>
	// {p1 o1}
	// <nil>
}

func ExampleDeadLetters() {
	ctx := context.Background()
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	broken, put := true, make(chan struct{})
	letters := notifying{deadletter.NewMemory(), put}
	m, err := mediator.New(
		natsmediator.Durable[Shipped](node, natsmediator.DeadLetters(letters), natsmediator.Attempts(3), natsmediator.Backoff(time.Millisecond, time.Second)),
		mediator.Subscribe(func(ctx context.Context, s Shipped) error {
			if event, ok := natsmediator.EventFrom(ctx); ok {
				fmt.Println("attempt", event.Attempt, "of", event.ID)
			}
			if broken {
				return errors.New("the mail server is down")
			}
			return nil
		}, mediator.Group("mail")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = mediator.Publish(ctx, m, Shipped{Parcel: "p1", Order: "o1"})
	<-put
	broken = false
	fmt.Println(deadletter.Redrive(ctx, m, letters))
	fmt.Println(errors.Join(m.Close(ctx), node.Close(ctx)))
	// Output:
	// attempt 1 of p1
	// attempt 2 of p1
	// attempt 3 of p1
	// attempt 4 of p1
	// 1 redriven, 0 failed, 0 skipped <nil>
	// <nil>
}

// notifying tells of a letter that was put.
type notifying struct {
	deadletter.Store
	put chan struct{}
}

func (n notifying) Put(ctx context.Context, l deadletter.Letter) error {
	defer close(n.put)
	return n.Store.Put(ctx, l)
}

func ExampleOutbox() {
	ctx := context.Background()
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(filepath.Join(dir, "nats"))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := boltmediator.Open(filepath.Join(dir, "outbox.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := mediator.New(natsmediator.Durable[Shipped](node, natsmediator.Outbox(store)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mediator.Publish(ctx, m, Shipped{Parcel: "p1", Order: "o1"})) // it is synced in outbox.db
	fmt.Println(m.Close(ctx))                                                 // it is relayed
	status, err := node.Status(ctx)
	fmt.Println(len(status.Outboxes), err)
	fmt.Println(errors.Join(node.Close(ctx), store.Close()))
	// Output:
	// <nil>
	// <nil>
	// 0 <nil>
	// <nil>
}

func ExampleNode_Status() {
	ctx := context.Background()
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := mediator.New(
		natsmediator.Durable[Shipped](node, natsmediator.Publishing(mediator.Named("shipped"))),
		mediator.Subscribe(func(context.Context, Shipped) error { return nil }, mediator.Group("mail")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := node.Status(ctx)
	fmt.Println(status.Groups, status.Letters, err)
	fmt.Println(errors.Join(m.Close(ctx), node.Close(ctx)))
	// Output:
	// [{shipped mail 0 0 0}] 0 <nil>
	// <nil>
}

func ExampleEventSubject() {
	partition := natsmediator.Partition("o1", natsmediator.DefaultPartitions)
	fmt.Println(natsmediator.EventSubject(natsmediator.DefaultNamespace, "shop.Shipped", 1, partition))
	// Output: mediator.evt.shop.Shipped.v1.5
}
