package natsmediator_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// While the store of letters is away, for longer than the server delivers an event, only
// the storing is tried again.
func TestDurableWhileTheStoreOfLettersIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		attempts int
	}{
		"attempts are used up":      {errOutOfStock, 2},
		"an answer of the business": {behaviors.Business(fmt.Errorf("%w: %w", errOutOfStock, hasty{time.Hour})), 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := embed(t, natsmediator.ServerOptions(noSync))
			store := &refusing{Store: deadletter.NewMemory()}
			var s seen
			s.fail(c.err)
			m := wired(t, s.on("stock"), natsmediator.Durable[paid](n, natsmediator.Attempts(2), natsmediator.DeadLetters(store),
				natsmediator.Backoff(time.Millisecond, 2*time.Millisecond)))
			require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
			most := consumerInfo(t, n, "stock").Config.MaxDeliver
			eventually(t, "tried again", func() bool { return store.count() > most+5 })
			store.accept()
			eventually(t, "a letter", func() bool { return countOf(t, store) == 1 })
			l := firstLetter(t, store)
			require.Contains(t, l.Errors, errOutOfStock.Error())
			require.Equal(t, c.attempts, l.Attempts)
			require.Len(t, s.of("stock"), c.attempts)
		})
	}
}

// failedOnce is a subscriber that has failed for good with the first event, while store
// takes no letter, and does no more.
func failedOnce(t *testing.T) (n *natsmediator.Node, m *mediator.Mediator, s *seen, store *refusing) {
	t.Helper()
	n, s, store = embed(t, natsmediator.ServerOptions(noSync)), new(seen), &refusing{Store: deadletter.NewMemory()}
	s.fail(errOutOfStock)
	m = wired(t, s.on("stock"), natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.DeadLetters(store),
		natsmediator.Backoff(time.Millisecond, 2*time.Millisecond)))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "tried again", func() bool { return store.count() > 2 })
	s.fail(nil)
	return n, m, s, store
}

// A stream that is made again counts from one: what failed before that is another event.
func TestDurableWhileTheStoreOfLettersIsAwayAndTheStreamIsGone(t *testing.T) {
	n, m, s, store := failedOnce(t)
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), paidStream))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	require.EqualValues(t, 1, storedEvents(t, n, paidStream)[0].Sequence)
	store.accept()
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 2 })
	require.Equal(t, []int{1, 2}, s.of("stock"))
	require.Zero(t, countOf(t, store))
}

// What another process settled makes room, not what is noted again.
func TestFailuresAreBounded(t *testing.T) {
	var f natsmediator.Failures
	for i := range uint64(natsmediator.MostFailures) {
		f.Note(i, errOutOfStock)
	}
	f.Note(0, errOutOfStock)
	f.Note(natsmediator.MostFailures, errFull)
	require.ErrorIs(t, f.Of(0), errOutOfStock)
	require.NoError(t, f.Of(1), "it was the oldest")
	require.ErrorIs(t, f.Of(2), errOutOfStock)
	require.ErrorIs(t, f.Of(natsmediator.MostFailures), errFull)
}

// What nobody asks for any more is forgotten.
func TestFailuresEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f natsmediator.Failures
		f.Note(1, errOutOfStock)
		f.Note(2, errFull)
		time.Sleep(natsmediator.FailureLife)
		require.ErrorIs(t, f.Of(1), errOutOfStock)
		time.Sleep(time.Second)
		require.NoError(t, f.Of(2))
		require.ErrorIs(t, f.Of(1), errOutOfStock, "it was asked for")
	})
}

// The events of a consumer that is made again begin anew.
func TestDurableWhileTheStoreOfLettersIsAwayAndTheConsumerIsGone(t *testing.T) {
	n, _, s, store := failedOnce(t)
	require.NoError(t, natsmediator.JetStream(n).DeleteConsumer(t.Context(), paidStream, "stock"))
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 2 })
	store.accept()
	eventually(t, "settled", func() bool { return allSettled(t, n, "stock") })
	require.Zero(t, countOf(t, store))
}

// Advisories that come again, as when the word that one was settled is lost, are about a
// letter that is there.
func TestDurableLettersThatAreThereAreNotCounted(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	store := deadletter.NewMemory()
	recorder := behaviors.NewRecorder()
	var s seen
	s.fail(errOutOfStock)
	m := wired(t, mediator.Use(recorder), natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.DeadLetters(store)), s.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "a letter", func() bool { return countOf(t, store) == 1 })
	for range 3 {
		_, err := natsmediator.JetStream(n).Publish(t.Context(), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+paidStream+".stock",
			[]byte(`{"stream":"`+paidStream+`","consumer":"stock","stream_seq":1,"deliveries":31}`))
		require.NoError(t, err)
	}
	eventually(t, "advisories settled", func() bool { return allSettled(t, n, "%advisories") })
	l := firstLetter(t, store)
	require.Equal(t, 1, l.Attempts, "it knows more")
	require.Contains(t, l.Errors, errOutOfStock.Error())
	require.InDelta(t, 1, readings(recorder)["letters shop.Paid to stock"], 0)
}
