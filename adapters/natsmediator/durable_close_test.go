package natsmediator_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// Instances of a group are closed in order, one at a time, while events arrive. None of
// these waits for the AckWait of one that is gone, which is longer than the test waits.
func TestDurableCloseStrandsNoEvent(t *testing.T) {
	t.Run("with a key", func(t *testing.T) {
		closeWhileEventsArrive(t, func(i int) moved { return moved{Account: strconv.Itoa(i % 20), N: i} }, func(e moved) int { return e.N })
	})
	t.Run("without", func(t *testing.T) {
		closeWhileEventsArrive(t, func(i int) paid { return paid{i} }, func(e paid) int { return e.Order })
	})
}

func closeWhileEventsArrive[N any](t *testing.T, event func(i int) N, number func(N) int) {
	const restarts, between = 24, 25
	require.Greater(t, natsmediator.DefaultAckWait, patience)
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	var mu sync.Mutex
	handled := map[int]bool{}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(handled)
	}
	begin := func() (end func()) {
		node, err := natsmediator.Connect(n.URL())
		require.NoError(t, err)
		m, err := mediator.New(natsmediator.Durable[N](node), mediator.Subscribe(func(_ context.Context, e N) error {
			mu.Lock()
			defer mu.Unlock()
			handled[number(e)] = true
			return nil
		}, mediator.Group("g")))
		require.NoError(t, err)
		return func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			require.NoError(t, m.Close(ctx))
			require.NoError(t, node.Close(ctx))
		}
	}
	publisher := wired(t, natsmediator.Durable[N](n))
	instances := [2]func(){begin(), begin()}
	t.Cleanup(func() {
		for _, end := range instances {
			end()
		}
	})
	var wanted int
	publish := func() {
		for range between {
			if err := mediator.Publish(t.Context(), publisher, event(wanted)); err != nil {
				t.Error(err)
			}
			wanted++
		}
	}
	for i := range restarts {
		var publishing sync.WaitGroup
		publishing.Go(publish)
		instances[i%2]()
		instances[i%2] = begin()
		publishing.Wait()
		eventually(t, "all that was published", func() bool { return count() == wanted })
	}
}

// An event that waits in processes that end is delivered again each time. That is no
// attempt of a handler's, of which none makes a letter of it.
func TestDurableEventsGivenBackAreNoDeadLetters(t *testing.T) {
	n := embed(t)
	var s seen
	wiring := []mediator.Option{natsmediator.Durable[paid](n, natsmediator.Attempts(1)), s.on("stock")}
	first, err := mediator.New(wiring...)
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()), "the consumer is there")
	require.NoError(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[paid](n)), paid{7}))
	c, err := natsmediator.JetStream(n).Consumer(t.Context(), paidStream, "stock")
	require.NoError(t, err)
	for range 8 {
		msg, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
		require.NoError(t, msg.Nak())
	}
	wired(t, wiring...)
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 1 })
	require.Zero(t, countOf(t, natsmediator.Letters(n)))
}

// Close does not wait for a request to end that brings nothing.
func TestDurableCloseOfWhatIsIdleIsQuick(t *testing.T) {
	n := embed(t)
	var s seen
	m, err := mediator.New(natsmediator.Durable[paid](n), s.on("stock"), s.on("mail"))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 1 && len(s.of("mail")) == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, m.Close(ctx))
}

// A process that is deployed with a shorter AckWait takes nothing from one that has an
// event in hand.
func TestDurableShorterAckWaitOfAnotherProcess(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	const shorter = 600 * time.Millisecond
	var s seen
	on := mediator.Subscribe(func(ctx context.Context, e paid) error {
		_ = s.add("slow", e.Order)
		select { // the time is the server's
		case <-time.After(4 * shorter):
		case <-ctx.Done():
		}
		return nil
	}, mediator.Group("slow"))
	m := wired(t, natsmediator.Durable[paid](n), on)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "begun", func() bool { return len(s.of("slow")) == 1 })
	wired(t, natsmediator.Durable[paid](connect(t, n), natsmediator.AckWait(shorter)), on)
	require.Equal(t, shorter, consumerInfo(t, n, "slow").Config.AckWait)
	eventually(t, "settled", func() bool { return consumerInfo(t, n, "slow").NumAckPending == 0 })
	require.Equal(t, []int{1}, s.of("slow"))
}
