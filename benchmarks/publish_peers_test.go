package benchmarks_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/asaskevich/EventBus"
	"github.com/stretchr/testify/require"
)

const topic = "order:placed"

// openLoop calls the subscribers from a slice of funcs and joins their errors.
func openLoop(_ testing.TB, subs []*tally) publishRun {
	hs := make([]func(context.Context, order) error, len(subs))
	for i, s := range subs {
		hs[i] = s.on
	}
	publish := func(ctx context.Context, o order) error { return callAll(ctx, hs, o) }
	return publishRun{publish: publish, loop: func(ctx context.Context, b *testing.B) {
		for b.Loop() {
			if err := callAll(ctx, hs, sample); err != nil {
				b.Fatal(err)
			}
		}
	}}
}

func callAll(ctx context.Context, hs []func(context.Context, order) error, o order) error {
	var errs []error
	for _, h := range hs {
		if err := h(ctx, o); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// openEventBus subscribes to a topic with synchronous callbacks, the default of EventBus. Its Publish reports no
// errors.
func openEventBus(tb testing.TB, subs []*tally) publishRun {
	bus := EventBus.New()
	for _, s := range subs {
		require.NoError(tb, bus.Subscribe(topic, s.on))
	}
	return publishRun{
		publish: func(ctx context.Context, o order) error {
			bus.Publish(topic, ctx, o)
			return nil
		},
		loop: func(ctx context.Context, b *testing.B) {
			for b.Loop() {
				bus.Publish(topic, ctx, sample)
			}
		},
	}
}

// openWatermill subscribes goroutines to a GoChannel. A message of watermill carries bytes, so an order travels
// as JSON; Publish waits for the acks, to mean what it means elsewhere: that the subscribers have run.
func openWatermill(tb testing.TB, subs []*tally) publishRun {
	ps := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
	var running sync.WaitGroup
	tb.Cleanup(func() {
		require.NoError(tb, ps.Close())
		running.Wait()
	})
	for _, s := range subs {
		msgs, err := ps.Subscribe(context.Background(), topic)
		require.NoError(tb, err)
		running.Go(func() {
			for msg := range msgs {
				var o order
				if err := json.Unmarshal(msg.Payload, &o); err == nil {
					_ = s.on(msg.Context(), o)
				}
				msg.Ack()
			}
		})
	}
	publish := func(_ context.Context, o order) error {
		payload, err := json.Marshal(o)
		if err != nil {
			return err
		}
		return ps.Publish(topic, message.NewMessage(watermill.NewUUID(), payload))
	}
	return publishRun{publish: publish, loop: func(ctx context.Context, b *testing.B) {
		for b.Loop() {
			if err := publish(ctx, sample); err != nil {
				b.Fatal(err)
			}
		}
	}}
}
