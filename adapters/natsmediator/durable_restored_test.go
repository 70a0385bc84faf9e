package natsmediator_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// astray dials connections whose events go where nobody listens, as they do while a stream
// has no leader.
type astray struct{ on atomic.Bool }

func (a *astray) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return astrayConn{c, a}, err
}

type astrayConn struct {
	net.Conn
	a *astray
}

func (c astrayConn) Write(b []byte) (int, error) {
	if c.a.on.Load() {
		b = bytes.ReplaceAll(b, []byte("HPUB mediator.evt."), []byte("HPUB mediator.off."))
	}
	return c.Conn.Write(b)
}

// A process with older options than others leaves a stream that is there as it is,
// whatever the server answers meanwhile.
func TestDurableLeavesAStreamThatIsThereAsItIs(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	var a astray
	client := connect(t, n, natsmediator.ClientOptions(nats.SetCustomDialer(&a)))
	old := wired(t, natsmediator.Durable[paid](client, natsmediator.Retention(time.Hour, 1<<20), natsmediator.DedupWindow(time.Minute)))
	wired(t, natsmediator.Durable[paid](n, natsmediator.Retention(48*time.Hour, 1<<30), natsmediator.DedupWindow(time.Hour)))
	before := streamConfig(t, n)
	require.Equal(t, 48*time.Hour, before.MaxAge)
	a.on.Store(true)
	require.ErrorIs(t, mediator.Publish(t.Context(), old, paid{1}), jetstream.ErrNoStreamResponse)
	a.on.Store(false)
	require.NoError(t, mediator.Publish(t.Context(), old, paid{1}))
	require.Equal(t, before, streamConfig(t, n))
}

// A process without the options of others makes the stream again as it was.
func TestDurableMakesAStreamAgainAsItWas(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	first, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Retention(48*time.Hour, 1<<30), natsmediator.DedupWindow(time.Hour)))
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()))
	before := streamConfig(t, n)
	m := wired(t, natsmediator.Durable[paid](n))
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	require.Equal(t, before, streamConfig(t, n))
}

// Groups that begin with what is published from now on were there when what is in a stream
// that is made again was published.
func TestDurableFromNowGetsAllOfAStreamThatIsMadeAgain(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	began, released := make(chan struct{}, 10), make(chan struct{})
	var s seen
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.FromNow(), natsmediator.Prefetch(1)),
		mediator.Subscribe(func(_ context.Context, p paid) error {
			began <- struct{}{}
			<-released
			return s.add("stock", p.Order)
		}, mediator.Group("stock")))
	release := sync.OnceFunc(func() { close(released) })
	defer release()
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	<-began
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	release()
	eventually(t, "both", func() bool { return len(s.of("stock")) == 2 })
	require.NoError(t, mediator.Publish(t.Context(), m, paid{3}))
	eventually(t, "all", func() bool { return len(s.of("stock")) == 3 })
	require.Equal(t, []int{1, 2, 3}, s.of("stock"))
}

// What one process had in hand does not settle what another has in its place.
func TestDurableEventInHandDoesNotSettleThatOfAnotherProcess(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	process := func() (began chan natsmediator.Event, outcome chan error) {
		began, outcome = make(chan natsmediator.Event, 10), make(chan error, 10)
		wired(t, natsmediator.Durable[paid](connect(t, n), natsmediator.Prefetch(1), natsmediator.Backoff(time.Millisecond, time.Millisecond)),
			mediator.Subscribe(func(ctx context.Context, _ paid) error {
				e, _ := natsmediator.EventFrom(ctx)
				began <- e
				select {
				case err := <-outcome:
					return err
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}, mediator.Group("stock")))
		return began, outcome
	}
	next := func(from ...chan natsmediator.Event) natsmediator.Event {
		t.Helper()
		from = append(from, nil)
		select {
		case e := <-from[0]:
			return e
		case e := <-from[1]:
			return e
		case <-time.After(patience):
			require.Fail(t, "no event")
			return natsmediator.Event{}
		}
	}
	m := wired(t, natsmediator.Durable[paid](n))
	oldBegan, oldOutcome := process()
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	require.EqualValues(t, 1, next(oldBegan).Sequence)
	began, outcome := process()
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	e := next(began)
	require.EqualValues(t, 1, e.Sequence)
	require.Equal(t, 1, e.Attempt)
	eventually(t, "both know that it is another stream", func() bool {
		return consumerInfo(t, n, "%advisories").NumWaiting == 2
	})
	oldOutcome <- nil
	eventually(t, "the old one asks for more", func() bool { return consumerInfo(t, n, "stock").NumWaiting == 1 })
	outcome <- errOutOfStock
	oldOutcome <- nil
	outcome <- nil
	require.Equal(t, 2, next(began, oldBegan).Attempt)
	eventually(t, "settled", func() bool { return allSettled(t, n, "stock") })
}

// Those that publish while a stream cannot be made again wait for one attempt together, and
// then try again, for another process may have made it.
func TestDurablePublishersWaitTogetherForTheirStream(t *testing.T) {
	n, as := guarded(t, map[string]allow{"publisher": {publish: []string{"mediator.evt.>", "$JS.API.STREAM.INFO.>"}, subscribe: []string{"_INBOX.>"}}})
	wired(t, natsmediator.Durable[paid](n))
	const publishers = 20
	for name, made := range map[string]bool{"gone": false, "made by another": true} {
		t.Run(name, func(t *testing.T) {
			client := as("publisher")
			m := wired(t, natsmediator.Durable[paid](client))
			before := streamConfig(t, n)
			require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
			ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
			defer cancel()
			outcomes := make(chan error, publishers)
			for i := range publishers {
				go func() { outcomes <- mediator.Publish(ctx, m, paid{i}) }()
			}
			eventually(t, "it is denied", func() bool {
				err := rawConn(t, client).LastError()
				return err != nil && strings.Contains(err.Error(), "STREAM.CREATE")
			})
			create := func() {
				_, err := natsmediator.JetStream(n).CreateStream(t.Context(), before)
				require.NoError(t, err)
			}
			if made {
				create()
			}
			var errs []error
			eventually(t, "all have an outcome", func() bool {
				select {
				case err := <-outcomes:
					errs = append(errs, err)
				default:
				}
				return len(errs) == publishers
			})
			for _, err := range errs {
				if made {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, "the stream cannot be made again, if it is gone")
				}
			}
			if !made {
				create()
			}
		})
	}
}
