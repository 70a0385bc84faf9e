package natsmediator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

type tenantKey struct{}

// tenants carries one, as a tracing library does its baggage.
type tenants struct{}

func (tenants) Inject(ctx context.Context, h natsmediator.Carrier) {
	if v, ok := ctx.Value(tenantKey{}).(string); ok {
		h.Set("x-tenant", v)
		h.Set("baggage", strings.Repeat("b", 4000))
	}
}

func (tenants) Extract(ctx context.Context, h natsmediator.Carrier) context.Context {
	if v := h.Get("x-tenant"); v != "" && len(h.Get("baggage")) == 4000 {
		return context.WithValue(ctx, tenantKey{}, v)
	}
	return ctx
}

// A redriven handler has what came along with the event, and its ID.
func TestDurableRedrivenHasWhatThePropagatorCarried(t *testing.T) {
	n := embed(t, natsmediator.Propagate(tenants{}))
	store := deadletter.NewMemory()
	type delivery struct {
		tenant any
		id     string
	}
	var got []delivery
	failing := true
	m := wired(t, natsmediator.Durable[moved](n, natsmediator.Attempts(1), natsmediator.DeadLetters(store)),
		mediator.Subscribe(func(ctx context.Context, e moved) error {
			event, _ := natsmediator.EventFrom(ctx)
			got = append(got, delivery{ctx.Value(tenantKey{}), event.ID})
			if failing {
				return errOutOfStock
			}
			return nil
		}, mediator.Group("ledger")))
	ctx := context.WithValue(t.Context(), tenantKey{}, "acme")
	require.NoError(t, mediator.Publish(ctx, m, moved{Account: "a", ID: "m 1"}))
	eventually(t, "a letter", func() bool { return countOf(t, store) == 1 })
	require.Equal(t, "acme", firstLetter(t, store).Headers["x-tenant"])
	for key := range firstLetter(t, store).Headers {
		require.False(t, strings.HasPrefix(key, "Nats-"), key)
	}
	failing = false
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Equal(t, []delivery{{"acme", "m 1"}, {"acme", "m 1"}}, got)
}

// Whatever headers an event has, its letter has its body.
func TestDurableLettersOfEventsWithLargeHeaders(t *testing.T) {
	n := embed(t)
	wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.Backoff(time.Millisecond, time.Millisecond)),
		mediator.Subscribe(func(context.Context, paid) error { return errOutOfStock }, mediator.Group("g")))
	_, err := natsmediator.JetStream(n).PublishMsg(t.Context(), &nats.Msg{Subject: natsmediator.EventSubject("mediator", "shop.Paid", 1, 0), Data: []byte(`{"Order":5}`),
		Header: nats.Header{"a": {strings.Repeat("&", 50<<10)}, "ce-id": {"7"}, "x-tenant": {"acme"}}})
	require.NoError(t, err)
	letters := natsmediator.Letters(n)
	eventually(t, "a letter", func() bool { return countOf(t, letters) == 1 })
	l := firstLetter(t, letters)
	require.JSONEq(t, `{"Order":5}`, string(l.Body))
	require.Equal(t, "7", l.Headers["ce-id"])
	require.Empty(t, l.Headers["a"], "what does not fit is left out whole")
	require.Equal(t, "acme", l.Headers["x-tenant"])
}
