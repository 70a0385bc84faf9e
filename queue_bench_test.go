package mediator_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
)

// queued is a behavior with a plain queue.
func queued(c mediator.QueueConfig) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, call mediator.Call, next mediator.Next) error {
		return mediator.NewQueue(c).Run(ctx, call, next)
	})
}

type pricesOf struct {
	mediator.Yields[price]
	N int
}

type price struct {
	Seq      int
	Bid, Ask float64
}

func BenchmarkQueue(b *testing.B) {
	m, err := mediator.New(mediator.HandleStream(func(_ context.Context, q pricesOf) iter.Seq2[price, error] {
		return func(yield func(price, error) bool) {
			for i := range q.N {
				if !yield(price{Seq: i}, nil) {
					return
				}
			}
		}
	}, mediator.Use(queued(mediator.QueueConfig{Capacity: 1024}))))
	require.NoError(b, err)
	b.ReportAllocs()
	sum := 0
	for q, err := range mediator.Stream(context.Background(), m, pricesOf{N: b.N}) {
		if err != nil {
			b.Fatal(err)
		}
		sum += q.Seq
	}
}

func BenchmarkQueueChan(b *testing.B) {
	c := make(chan price, 1024)
	go func() {
		defer close(c)
		for i := range b.N {
			c <- price{Seq: i}
		}
	}()
	sum := 0
	for q := range c {
		sum += q.Seq
	}
}
