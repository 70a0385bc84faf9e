package natsmediator_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// What somebody deletes is made again, and that is told, since events are lost by it, or
// come again.
func TestDurableWarnsWhenItMakesAgainWhatIsGone(t *testing.T) {
	var log lines
	n := embed(t, natsmediator.Logger(log.logger()), natsmediator.ServerOptions(noSync))
	var s seen
	m := wired(t, natsmediator.Durable[paid](n), s.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "the first", func() bool { return len(s.of("stock")) == 1 })
	require.NoError(t, natsmediator.JetStream(n).DeleteConsumer(t.Context(), paidStream, "stock"))
	told := log.eventuallyOne(t, "a consumer was gone")
	require.Equal(t, slog.LevelWarn, told.level)
	require.Contains(t, told.text, "gets all events again")
	eventually(t, "the first again", func() bool { return len(s.of("stock")) == 2 })

	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.Equal(t, slog.LevelWarn, log.eventuallyOne(t, "the stream of an event was gone").level)
	eventually(t, "another", func() bool { return mediator.Publish(t.Context(), m, paid{2}) == nil })
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 3 })
}

// One that only publishes makes it again, too: at once, or from its outbox.
func TestDurablePublisherWhoseStreamIsGone(t *testing.T) {
	for name, opts := range map[string][]natsmediator.DurableOption{
		"straight": nil,
		"outbox":   {natsmediator.Outbox(outboxFile(t))},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			n := embed(t, natsmediator.Logger(log.logger()), natsmediator.ServerOptions(noSync))
			m := wired(t, natsmediator.Durable[paid](n, opts...))
			require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
			eventually(t, "there", func() bool { return messages(t, n, paidStream) == 1 })
			require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
			var publishing sync.WaitGroup
			for i := range 5 {
				publishing.Go(func() {
					if err := mediator.Publish(t.Context(), m, paid{i}); err != nil {
						t.Error(err)
					}
				})
			}
			publishing.Wait()
			require.Equal(t, slog.LevelWarn, log.eventuallyOne(t, "the stream of an event was gone").level)
			eventually(t, "stored", func() bool { return messages(t, n, paidStream) == 5 })
		})
	}
}

// What the server does not let it make is said.
func TestDurablePublisherThatMayNotMakeItsStreamAgain(t *testing.T) {
	n, as := guarded(t, map[string]allow{"publisher": {publish: []string{"mediator.evt.>", "$JS.API.STREAM.INFO.>"}, subscribe: []string{"_INBOX.>"}}})
	wired(t, natsmediator.Durable[paid](n))
	m := wired(t, natsmediator.Durable[paid](as("publisher")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := mediator.Publish(ctx, m, paid{2})
	require.ErrorIs(t, err, jetstream.ErrNoStreamResponse)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "the stream cannot be made again, if it is gone")
	require.ErrorContains(t, err, `Permissions Violation for Publish to "$JS.API.STREAM.CREATE`)
}

func TestDurableWarnsOfAGroupThatWasAnotherPrograms(t *testing.T) {
	var log lines
	n := embed(t, natsmediator.Logger(log.logger()), natsmediator.ServerOptions(noSync))
	var s seen
	begin := func(opts ...natsmediator.DurableOption) {
		m, err := mediator.New(natsmediator.Durable[moved](n, opts...), mediator.Subscribe(func(_ context.Context, e moved) error { return s.add("ledger", e.N) }, mediator.Group("ledger")))
		require.NoError(t, err)
		require.NoError(t, m.Close(t.Context()))
	}
	begin()
	begin()
	require.Empty(t, log.with("another program"), "it is the same one")
	js := natsmediator.JetStream(n)
	c, err := js.Consumer(t.Context(), movedStream, "ledger%p3")
	require.NoError(t, err)
	config := c.CachedInfo().Config
	require.Contains(t, config.Metadata["mediator-program"], "natsmediator")
	config.Metadata["mediator-program"] = "example.com/other"
	_, err = js.UpdateConsumer(t.Context(), movedStream, config)
	require.NoError(t, err)
	begin(natsmediator.ForService("mine"))
	require.Empty(t, log.with("another program"), "with a service they are two groups")
	begin()
	told := log.eventuallyOne(t, "another program")
	require.Equal(t, slog.LevelWarn, told.level)
	require.Equal(t, "example.com/other", told.attrs["other"])
	require.Equal(t, "ledger", told.attrs["group"])
}

// A process that only publishes, into an outbox, starts without a server.
func TestOutboxOfAProcessThatStartsAheadOfTheServer(t *testing.T) {
	dir := t.TempDir()
	first, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	url := first.URL()
	require.NoError(t, first.Close(t.Context()))

	client, err := natsmediator.Connect(url, natsmediator.ClientOptions(nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond)))
	require.NoError(t, err)
	closeLast(t, client.Close)
	file := outboxFile(t)
	m := wired(t, natsmediator.Durable[paid](client, natsmediator.Outbox(file)))
	for i := range 20 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	require.Equal(t, 20, file.Outbox(paidStream).Depth())
	n, err := natsmediator.Embed(dir, natsmediator.Listen(strings.TrimPrefix(url, "nats://")))
	require.NoError(t, err)
	closeLast(t, n.Close)
	eventually(t, "relayed", func() bool { return file.Outbox(paidStream).Depth() == 0 })
	require.Equal(t, 20, messages(t, n, paidStream))
}

// A stream that is made again counts from one: what was in hand before that has the place
// of another event, which neither waits for it nor is settled with it.
func TestDurableEventsInHandWhenTheirStreamIsDeleted(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	began, released := make(chan natsmediator.Event, 3), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Backoff(time.Millisecond, time.Millisecond)),
		mediator.Subscribe(func(ctx context.Context, p paid) error {
			e, _ := natsmediator.EventFrom(ctx)
			began <- e
			switch {
			case p.Order == 1:
				<-released
			case e.Attempt == 1:
				release()
				return errOutOfStock
			}
			return nil
		}, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	<-began
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	for attempt := 1; attempt <= 2; attempt++ {
		select {
		case e := <-began:
			require.EqualValues(t, 1, e.Sequence)
			require.Equal(t, attempt, e.Attempt)
		case <-time.After(patience):
			release()
			require.Fail(t, "the other event", "attempt %d", attempt)
		}
	}
	eventually(t, "settled", func() bool { return allSettled(t, n, "stock") })
}
