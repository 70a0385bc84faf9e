package natsmediator_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// outboxFile returns a store, closed at the end of the test.
func outboxFile(t testing.TB) *boltmediator.Store {
	t.Helper()
	s, err := boltmediator.Open(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

const movedStream = "mediator_evt_bank%2EMoved%2Ev1"

// storedEvents are the messages of a stream, in order.
func storedEvents(t testing.TB, n *natsmediator.Node, stream string) (all []*jetstream.RawStreamMsg) {
	t.Helper()
	s, err := natsmediator.JetStream(n).Stream(t.Context(), stream)
	require.NoError(t, err)
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		all = append(all, msg)
	}
	return all
}

func messages(t testing.TB, n *natsmediator.Node, stream string) int {
	t.Helper()
	s, err := natsmediator.JetStream(n).Stream(t.Context(), stream)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

func TestOutboxRelaysInOrderAndInBatches(t *testing.T) {
	for name, refuses := range map[string]bool{"atomic batches": false, "a server that refuses them": true} {
		t.Run(name, func(t *testing.T) {
			n := embed(t, natsmediator.ServerOptions(func(o *server.Options) {
				if refuses {
					o.JetStreamLimits.MaxBatchSize = 1
				}
			}))
			file := outboxFile(t)
			var mu sync.Mutex
			got := map[string][]int{}
			m := wired(t, natsmediator.Durable[moved](n, natsmediator.Outbox(file)),
				mediator.Subscribe(func(_ context.Context, e moved) error {
					mu.Lock()
					defer mu.Unlock()
					got[e.Account] = append(got[e.Account], e.N)
					return nil
				}, mediator.Group("ledger")))
			const accounts, each = 8, 100
			var wg sync.WaitGroup
			for a := range accounts {
				wg.Go(func() {
					for i := range each {
						if err := mediator.Publish(t.Context(), m, moved{Account: fmt.Sprint("a", a), N: i}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			eventually(t, "all handled", func() bool {
				mu.Lock()
				defer mu.Unlock()
				sum := 0
				for _, ns := range got {
					sum += len(ns)
				}
				return sum == accounts*each
			})
			for a, ns := range got {
				require.True(t, slices.IsSorted(ns), a)
			}
			all := storedEvents(t, n, movedStream)
			require.Len(t, all, accounts*each)
			batched := slices.ContainsFunc(all, func(m *jetstream.RawStreamMsg) bool { return m.Header.Get("Nats-Batch-Id") != "" })
			require.Equal(t, !refuses, batched)
			eventually(t, "the file is empty", func() bool { return file.Outbox(movedStream).Depth() == 0 })
		})
	}
}

// A batch with an event that is stored already is refused by the server. The others
// are stored in its place, in order.
func TestOutboxSuppressesWhatIsStored(t *testing.T) {
	n := embed(t)
	file := outboxFile(t)
	straight := wired(t, natsmediator.Durable[moved](n))
	require.NoError(t, mediator.Publish(t.Context(), straight, moved{Account: "a", N: 5, ID: "5"}))
	o := file.Outbox(movedStream)
	// What a process left that died before it could note that it was relayed.
	var records [][]byte
	for i := range 10 {
		msg := &nats.Msg{Subject: natsmediator.EventSubject("mediator", "bank.Moved", 1, i%2), Data: fmt.Appendf(nil, `{"Account":"a","N":%d}`, i),
			Header: nats.Header{"Nats-Msg-Id": {fmt.Sprint(i)}}}
		records = append(records, natsmediator.EncodeRecord(msg))
	}
	require.NoError(t, o.Append(t.Context(), records...))
	wired(t, natsmediator.Durable[moved](n, natsmediator.Outbox(file)))
	eventually(t, "relayed", func() bool { return o.Depth() == 0 })
	bySubject := map[string][]string{}
	for _, msg := range storedEvents(t, n, movedStream)[1:] {
		bySubject[msg.Subject] = append(bySubject[msg.Subject], msg.Header.Get("Nats-Msg-Id"))
	}
	require.Equal(t, map[string][]string{
		natsmediator.EventSubject("mediator", "bank.Moved", 1, 0): {"0", "2", "4", "6", "8"},
		natsmediator.EventSubject("mediator", "bank.Moved", 1, 1): {"1", "3", "7", "9"},
	}, bySubject)
}

func TestOutboxTakesEventsWhileTheServerIsAway(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	url := n.URL()
	client, err := natsmediator.Connect(url, natsmediator.ClientOptions(nats.ReconnectWait(20*time.Millisecond)))
	require.NoError(t, err)
	closeLast(t, client.Close)
	file := outboxFile(t)
	m := wired(t, natsmediator.Durable[paid](client, natsmediator.Outbox(file)))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{0}))
	eventually(t, "relayed", func() bool { return file.Outbox(paidStream).Depth() == 0 })
	require.NoError(t, n.Close(t.Context()))
	for i := 1; i < 50; i++ {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	require.Equal(t, 49, file.Outbox(paidStream).Depth())
	require.ErrorIs(t, natsmediator.Check(client, natsmediator.CheckConfig{Outbox: 48})(t.Context()), natsmediator.ErrOutbox)
	require.NotErrorIs(t, natsmediator.Check(client, natsmediator.CheckConfig{Outbox: 49})(t.Context()), natsmediator.ErrOutbox)
	eventually(t, "the check sees it", func() bool { return natsmediator.Check(client, natsmediator.CheckConfig{})(t.Context()) != nil })

	n, err = natsmediator.Embed(dir, natsmediator.Listen(strings.TrimPrefix(url, "nats://")))
	require.NoError(t, err)
	closeLast(t, n.Close)
	eventually(t, "relayed", func() bool { return file.Outbox(paidStream).Depth() == 0 })
	require.Equal(t, 50, messages(t, n, paidStream))
	eventually(t, "the check is well", func() bool { return natsmediator.Check(client, natsmediator.CheckConfig{})(t.Context()) == nil })
}

func TestOutboxCloseRelaysWhatIsLeftAndKeepsTheRest(t *testing.T) {
	n := embed(t)
	file := outboxFile(t)
	m, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Outbox(file)))
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	require.NoError(t, m.Close(t.Context()))
	require.Zero(t, file.Outbox(paidStream).Depth())
	require.Equal(t, 100, messages(t, n, paidStream))
	m, err = mediator.New(natsmediator.Durable[paid](n, natsmediator.Outbox(file)))
	require.NoError(t, err, "the outbox is free again")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, m.Close(ctx))
}

func TestOutboxMistakes(t *testing.T) {
	n := embed(t)
	file := outboxFile(t)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Outbox(file, boltmediator.MaxDepth(1, 1<<20))))
	_, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Outbox(file)))
	require.ErrorContains(t, err, "another mediator has the same Outbox")
	_, err = mediator.New(natsmediator.Durable[moved](n, natsmediator.Outbox(file)), mediator.OnStart(func(*mediator.Mediator) error { return errOutOfStock }))
	require.ErrorIs(t, err, errOutOfStock)
	_ = m

	require.ErrorIs(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[large](n, natsmediator.Outbox(file))), large{strings.Repeat("x", 1<<20)}),
		natsmediator.ErrTooLarge)
}

func TestOutboxThatIsFull(t *testing.T) {
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	client, err := natsmediator.Connect(n.URL())
	require.NoError(t, err)
	closeLast(t, client.Close)
	file := outboxFile(t)
	m := wired(t, natsmediator.Durable[paid](client, natsmediator.Outbox(file, boltmediator.MaxDepth(3, 1<<20))))
	require.NoError(t, n.Close(t.Context()))
	for i := range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{3}), boltmediator.ErrFull)
}

func TestOutboxOfAStoreThatIsClosed(t *testing.T) {
	n := embed(t)
	file, err := boltmediator.Open(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Outbox(file)))
	require.NoError(t, file.Close())
	require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{}), boltmediator.ErrClosed)
}

func FuzzOutboxRecords(f *testing.F) {
	f.Add([]byte("{}\n"), "s", "k", "v")
	f.Add([]byte("\x01\x01a\x01\x01k\x01\x01vbody"), "a.b", "Nats-Msg-Id", "1")
	f.Add([]byte("\x01\x01a\x7f"), "", "", "\xff")
	f.Add([]byte("\x01\x01a\x01\x01k\xff\xff\xff\xff\x0f"), "a", "k", "v")
	f.Add([]byte(`{"subject":"a"}`), "a", "k", "v")
	f.Fuzz(func(t *testing.T, data []byte, subject, key, value string) {
		if msg, err := natsmediator.DecodeRecord(data); err != nil {
			require.ErrorIs(t, err, natsmediator.ErrMalformed)
		} else {
			require.NotEmpty(t, msg.Subject)
		}
		msg := &nats.Msg{Subject: subject + "x", Header: nats.Header{key: {value}}, Data: data}
		again, err := natsmediator.DecodeRecord(natsmediator.EncodeRecord(msg))
		require.NoError(t, err)
		require.Equal(t, msg.Subject, again.Subject)
		require.Equal(t, msg.Header, again.Header)
		require.Equal(t, string(msg.Data), string(again.Data))
	})
}
