package natsmediator_test

import (
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// streamConfig is that of the stream of paid.
func streamConfig(t *testing.T, n *natsmediator.Node) jetstream.StreamConfig {
	t.Helper()
	s, err := natsmediator.JetStream(n).Stream(t.Context(), paidStream)
	require.NoError(t, err)
	return s.CachedInfo().Config
}

func TestDurableVersionsAreApart(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	var first, second seen
	old := wired(t, natsmediator.Durable[paid](n), first.on("stock"))
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.EventVersion(2)), second.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), old, paid{1}))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	stored := storedEvents(t, n, "mediator_evt_shop%2EPaid%2Ev2")
	require.Len(t, stored, 1)
	require.Equal(t, natsmediator.EventSubject("mediator", "shop.Paid", 2, 0), stored[0].Subject)
	eventually(t, "handled", func() bool { return len(first.of("stock")) == 1 && len(second.of("stock")) == 1 })
	require.Equal(t, []int{1}, first.of("stock"))
	require.Equal(t, []int{2}, second.of("stock"))
}

// Processes of different encodings read each other's events.
func TestDurableEncodingOfEvents(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync), natsmediator.Codecs(natsmediator.Gob()))
	gob := natsmediator.Gob().ContentType()
	var s seen
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.EventEncoding(gob)), s.on("stock"))
	plain := wired(t, natsmediator.Durable[paid](n))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	require.NoError(t, mediator.Publish(t.Context(), plain, paid{2}))
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 2 })
	require.ElementsMatch(t, []int{1, 2}, s.of("stock"))
	stored := storedEvents(t, n, paidStream)
	require.Equal(t, gob, stored[0].Header.Get("ce-datacontenttype"))
	require.NotContains(t, string(stored[0].Data), "{")
	require.Equal(t, "application/json", stored[1].Header.Get("ce-datacontenttype"))
}

func TestDurableKeepsEventsForTheirRetention(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	m := wired(t, natsmediator.Durable[paid](n))
	require.Equal(t, natsmediator.DefaultRetention, streamConfig(t, n).MaxAge)
	require.EqualValues(t, -1, streamConfig(t, n).MaxBytes)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	const age = 300 * time.Millisecond
	wired(t, natsmediator.Durable[paid](n, natsmediator.Retention(age, 1<<20)))
	wired(t, natsmediator.Durable[paid](n)) // leaves what there is
	require.Equal(t, age, streamConfig(t, n).MaxAge)
	require.EqualValues(t, 1<<20, streamConfig(t, n).MaxBytes)
	eventually(t, "it is too old", func() bool { return messages(t, n, paidStream) == 0 })
}

func TestDurableStoresAnIDOnceWithinItsWindow(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	wired(t, natsmediator.Durable[paid](n))
	require.Equal(t, natsmediator.DefaultDedupWindow, streamConfig(t, n).Duplicates)
	wired(t, natsmediator.Durable[paid](n, natsmediator.DedupWindow(time.Hour)))
	wired(t, natsmediator.Durable[paid](n)) // leaves what there is
	require.Equal(t, time.Hour, streamConfig(t, n).Duplicates)
	wired(t, natsmediator.Durable[paid](n, natsmediator.Retention(time.Minute, 0)))
	require.Equal(t, time.Minute, streamConfig(t, n).Duplicates, "what is gone is not looked for")

	require.Greater(t, natsmediator.DefaultDedupWindow, patience)
	m := wired(t, natsmediator.Durable[moved](n, natsmediator.DedupWindow(300*time.Millisecond)))
	eventually(t, "it is stored again", func() bool {
		require.NoError(t, mediator.Publish(t.Context(), m, moved{ID: "m 1"}))
		return messages(t, n, movedStream) == 2
	})
}
