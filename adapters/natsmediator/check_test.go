package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestCheckStatus(t *testing.T) {
	n := embed(t)
	release := make(chan struct{})
	m := wired(t, natsmediator.Durable[moved](n, natsmediator.Outbox(outboxFile(t))),
		mediator.Subscribe(func(ctx context.Context, _ moved) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		}, mediator.Group("ledger")))
	for range 5 {
		require.NoError(t, mediator.Publish(t.Context(), m, moved{Account: "a"}))
	}
	require.NoError(t, natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "a"}))
	want := natsmediator.Status{Letters: 1,
		Groups:   []natsmediator.GroupStatus{{Event: "bank.Moved", Group: "ledger", Lag: 4, InHand: 1}},
		Outboxes: []natsmediator.OutboxStatus{{Event: "bank.Moved"}}}
	eventually(t, "relayed and begun", func() bool {
		s, err := n.Status(t.Context())
		require.NoError(t, err)
		require.Positive(t, s.RoundTrip)
		require.Positive(t, s.Write)
		s.RoundTrip, s.Write = 0, 0
		return fmt.Sprint(s) == fmt.Sprint(want)
	})
	require.NoError(t, natsmediator.Check(n, natsmediator.CheckConfig{})(t.Context()))
	require.NoError(t, natsmediator.Check(n, natsmediator.CheckConfig{Lag: -1, Letters: -1, Outbox: -1})(t.Context()))
	require.ErrorIs(t, natsmediator.Check(n, natsmediator.CheckConfig{Lag: 3})(t.Context()), natsmediator.ErrLag)
	require.NoError(t, natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "b"}))
	require.ErrorIs(t, natsmediator.Check(n, natsmediator.CheckConfig{Letters: 1})(t.Context()), natsmediator.ErrLetters)
	close(release)
	eventually(t, "no lag is left", func() bool { return natsmediator.Check(n, natsmediator.CheckConfig{Lag: 1})(t.Context()) == nil })
	require.NoError(t, m.Close(t.Context()))
	s, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.Groups, "those of mediators that are open")
	require.Empty(t, s.Outboxes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, natsmediator.Check(n, natsmediator.CheckConfig{})(ctx), context.Canceled)
}

func TestCheckOfANodeWithoutItsServer(t *testing.T) {
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	client := connect(t, n)
	check := natsmediator.Check(client, natsmediator.CheckConfig{})
	require.NoError(t, check(t.Context()))
	require.NoError(t, n.Close(t.Context()))
	require.ErrorIs(t, natsmediator.Check(n, natsmediator.CheckConfig{})(t.Context()), mediator.ErrClosed)
	eventually(t, "noticed", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return check(ctx) != nil
	})
}

func TestCheckSeesThatTheStoreIsFull(t *testing.T) {
	n := embed(t, natsmediator.MaxStore(1<<20), natsmediator.ServerOptions(noSync))
	m := wired(t, natsmediator.Durable[large](n))
	check := natsmediator.Check(n, natsmediator.CheckConfig{})
	require.NoError(t, check(t.Context()))
	stored := 0
	var err error
	for range 100 {
		if err = mediator.Publish(t.Context(), m, large{strings.Repeat("x", 50<<10)}); err != nil {
			break
		}
		stored++
	}
	require.ErrorContains(t, err, "resource")
	require.Error(t, check(t.Context()))
	require.Equal(t, stored, messages(t, n, "mediator_evt_natsmediator_test%2Elarge%2Ev1"), "what was acknowledged is there")
}

func TestCheckSeesThatAStreamIsFull(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	m := wired(t, natsmediator.Durable[large](n, natsmediator.Retention(time.Hour, 1<<20)))
	check := natsmediator.Check(n, natsmediator.CheckConfig{})
	require.NoError(t, check(t.Context()))
	var err error
	for i := 0; err == nil && i < 2000; i++ {
		err = mediator.Publish(t.Context(), m, large{strings.Repeat("x", 1<<10)})
	}
	require.ErrorContains(t, err, "maximum bytes exceeded")
	require.ErrorIs(t, check(t.Context()), natsmediator.ErrStreamFull)
}

func ExampleCheck() {
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	check := natsmediator.Check(node, natsmediator.CheckConfig{Lag: 1_000})
	ctx := context.Background()
	fmt.Println(check(ctx)) // as the Func of a health.Check
	_ = node.Close(ctx)
	fmt.Println(check(ctx) == nil)
	// Output:
	// <nil>
	// false
}

// A stream that takes nothing any more, for a reason that its state does not tell, as
// after its server's disk was full.
func TestCheckSeesThatEventsAreNotStored(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	m := wired(t, natsmediator.Durable[paid](n))
	check := natsmediator.Check(n, natsmediator.CheckConfig{})
	require.NoError(t, mediator.Publish(t.Context(), m, paid{}))
	js, err := jetstream.New(rawConn(t, n))
	require.NoError(t, err)
	s, err := js.StreamNameBySubject(t.Context(), "mediator.evt.>")
	require.NoError(t, err)
	limited := func(most int64) {
		stream, err := js.Stream(t.Context(), s)
		require.NoError(t, err)
		c := stream.CachedInfo().Config
		c.MaxMsgs, c.Discard = most, jetstream.DiscardNew
		_, err = js.UpdateStream(t.Context(), c)
		require.NoError(t, err)
	}
	limited(1)
	require.NoError(t, check(t.Context()))
	failure := mediator.Publish(t.Context(), m, paid{})
	require.ErrorContains(t, failure, "maximum messages exceeded")
	err = check(t.Context())
	require.ErrorContains(t, err, "publish of ")
	require.ErrorContains(t, err, "maximum messages exceeded")
	limited(-1)
	require.Error(t, check(t.Context()), "nobody knows yet")
	require.NoError(t, mediator.Publish(t.Context(), m, paid{}))
	require.NoError(t, check(t.Context()))
}

func TestFailureOfAnAttemptIsRememberedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a natsmediator.Attempt
		broken := errors.New("broken")
		ctx, cancel := context.WithCancel(t.Context())
		a.Note(ctx, natsmediator.ErrTooLarge)
		require.NoError(t, a.Failure())
		a.Note(ctx, broken)
		time.Sleep(time.Minute)
		require.ErrorIs(t, a.Failure(), broken)
		require.ErrorContains(t, a.Failure(), "the last one, 1m0s ago: broken")
		time.Sleep(time.Second)
		require.NoError(t, a.Failure())
		cancel()
		a.Note(ctx, broken)
		require.NoError(t, a.Failure(), "its caller cancelled it")
	})
}
