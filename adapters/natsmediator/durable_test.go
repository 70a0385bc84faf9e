package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// paid is the event of most tests.
type paid struct{ Order int }

func (paid) MessageName() string { return "shop.Paid" }

// moved has a key and an ID of its own.
type moved struct {
	Account string
	N       int
	ID      string `json:",omitempty"`
}

func (moved) MessageName() string    { return "bank.Moved" }
func (e moved) PartitionKey() string { return e.Account }
func (e moved) EventID() string      { return e.ID }

type numbered interface{ number() int }

func (e paid) number() int { return e.Order }

// seen counts what subscribers get.
type seen struct {
	mu  sync.Mutex
	all map[string][]int
	err error
}

func (s *seen) add(group string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string][]int{}
	}
	s.all[group] = append(s.all[group], n)
	return s.err
}

func (s *seen) of(group string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all[group])
}

func (s *seen) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// on subscribes a group.
func (s *seen) on(group string) mediator.Option {
	return mediator.Subscribe(func(_ context.Context, e paid) error { return s.add(group, e.Order) }, mediator.Group(group))
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, 5*time.Millisecond, what)
}

// consumerInfo is what the server knows of a group of paid.
func consumerInfo(t testing.TB, n *natsmediator.Node, consumer string) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := natsmediator.JetStream(n).Consumer(t.Context(), paidStream, consumer)
	require.NoError(t, err)
	info, err := c.Info(t.Context())
	require.NoError(t, err)
	return info
}

// allSettled tells whether the group of paid, or the advisories, to which the last message
// of the stream belongs, has settled it and all before it.
func allSettled(t testing.TB, n *natsmediator.Node, consumer string) bool {
	t.Helper()
	s, err := natsmediator.JetStream(n).Stream(t.Context(), paidStream)
	require.NoError(t, err)
	return consumerInfo(t, n, consumer).AckFloor.Stream >= s.CachedInfo().State.LastSeq
}

const paidStream = "mediator_evt_shop%2EPaid%2Ev1"

func TestDurableReachesEveryGroup(t *testing.T) {
	n := embed(t)
	var s seen
	m := wired(t, natsmediator.Durable[paid](n), s.on("stock"), s.on("mail"),
		mediator.Subscribe(func(_ context.Context, e numbered) error { return s.add("audit", e.number()) }, mediator.Group("audit")))
	for i := range 20 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	for _, g := range []string{"stock", "mail", "audit"} {
		eventually(t, g, func() bool { return len(s.of(g)) == 20 })
		got := s.of(g)
		slices.Sort(got)
		for i, v := range got {
			require.Equal(t, i, v, g)
		}
		eventually(t, "acknowledged", func() bool { return consumerInfo(t, n, g).NumAckPending == 0 })
	}
}

func TestDurablePublishersAndConsumersInProcessesOfTheirOwn(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	publisher := wired(t, natsmediator.Durable[paid](connect(t, n)))
	for i := range 10 {
		require.NoError(t, mediator.Publish(t.Context(), publisher, paid{i}))
	}
	var s seen
	for range 2 { // two instances of one service
		wired(t, natsmediator.Durable[paid](connect(t, n)), s.on("stock"))
	}
	eventually(t, "what was stored before they came", func() bool { return len(s.of("stock")) == 10 })
	for i := range 10 {
		require.NoError(t, mediator.Publish(t.Context(), publisher, paid{10 + i}))
	}
	eventually(t, "each event by one of them", func() bool {
		return len(s.of("stock")) == 20 && consumerInfo(t, n, "stock").NumAckPending == 0
	})
	got := s.of("stock")
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 20)
}

func TestDurableForServiceAndFromNow(t *testing.T) {
	n := embed(t)
	var a, b seen
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.ForService("billing")), a.on("log"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "the first", func() bool { return len(a.of("log")) == 1 })
	wired(t, natsmediator.Durable[paid](n, natsmediator.ForService("shipping"), natsmediator.FromNow()), b.on("log"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	eventually(t, "the second", func() bool { return len(b.of("log")) == 1 && len(a.of("log")) == 2 })
	require.Equal(t, []int{2}, b.of("log"))
}

func TestDurableOrderOfAKey(t *testing.T) {
	n := embed(t)
	var mu sync.Mutex
	got := map[string][]int{}
	running := map[string]int{}
	failed := map[string]bool{}
	on := func(ctx context.Context, e moved) error {
		mu.Lock()
		running[e.Account]++
		if running[e.Account] > 1 {
			t.Errorf("two of %s at the same time", e.Account)
		}
		fails := e.N%7 == 3 && !failed[e.Account+strconv.Itoa(e.N)]
		failed[e.Account+strconv.Itoa(e.N)] = true
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		defer mu.Unlock()
		running[e.Account]--
		if fails {
			return errOutOfStock
		}
		got[e.Account] = append(got[e.Account], e.N)
		return nil
	}
	var ms []*mediator.Mediator
	for range 3 { // that share the group
		ms = append(ms, wired(t, natsmediator.Durable[moved](n, natsmediator.Backoff(time.Millisecond, 2*time.Millisecond)),
			mediator.Subscribe(on, mediator.Group("ledger"))))
	}
	const each = 20
	var wg sync.WaitGroup
	for a := range 10 {
		wg.Go(func() {
			for i := range each {
				if err := mediator.Publish(t.Context(), ms[a%3], moved{Account: fmt.Sprint("a", a), N: i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := make([]int, each)
	for i := range want {
		want[i] = i
	}
	eventually(t, "all", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for a := range 10 {
			if len(got[fmt.Sprint("a", a)]) < each {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	for a, ns := range got {
		require.Equal(t, want, ns, a)
	}
}

func TestDurableStoresAnIDOnce(t *testing.T) {
	n := embed(t)
	m := wired(t, natsmediator.Durable[moved](n))
	for range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, moved{Account: "a", N: 1, ID: "only \"one\"\r\n"}))
	}
	require.NoError(t, mediator.Publish(t.Context(), m, moved{Account: "a", N: 2}))
	require.NoError(t, mediator.Publish(t.Context(), m, moved{Account: "a", N: 2}), "without an ID of its own each is another")
	s, err := natsmediator.JetStream(n).Stream(t.Context(), "mediator_evt_bank%2EMoved%2Ev1")
	require.NoError(t, err)
	require.EqualValues(t, 3, s.CachedInfo().State.Msgs)
	msg, err := s.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, natsmediator.EventSubject("mediator", "bank.Moved", 1, natsmediator.Partition("a", natsmediator.DefaultPartitions)), msg.Subject)
	require.Equal(t, "1.0", msg.Header.Get("ce-specversion"))
	require.Equal(t, "bank.Moved", msg.Header.Get("ce-type"))
	require.Equal(t, "application/json", msg.Header.Get("ce-datacontenttype"))
	require.Equal(t, "only%20%22one%22%0D%0A", msg.Header.Get("ce-id"))
	require.Equal(t, msg.Header.Get("ce-id"), msg.Header.Get("Nats-Msg-Id"))
}

func TestDurableHandsOnTraceAndIdentity(t *testing.T) {
	n := embed(t)
	type delivery struct {
		trace natsmediator.Trace
		event natsmediator.Event
	}
	got := make(chan delivery, 2)
	first := true
	m := wired(t, natsmediator.Durable[moved](n, natsmediator.Backoff(time.Millisecond, time.Millisecond)),
		mediator.Subscribe(func(ctx context.Context, e moved) error {
			event, ok := natsmediator.EventFrom(ctx)
			require.True(t, ok)
			got <- delivery{natsmediator.TraceFrom(ctx), event}
			if first {
				first = false
				return errOutOfStock
			}
			return nil
		}, mediator.Group("ledger")))
	trace := natsmediator.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "a=b"}
	require.NoError(t, mediator.Publish(natsmediator.WithTrace(t.Context(), trace), m, moved{Account: "a", ID: "an id"}))
	for attempt := 1; attempt <= 2; attempt++ {
		d := <-got
		require.Equal(t, trace, d.trace)
		require.WithinDuration(t, time.Now(), d.event.Stored, time.Minute)
		d.event.Stored = time.Time{}
		require.Equal(t, natsmediator.Event{ID: "an id", Group: "ledger", Attempt: attempt, Sequence: 1,
			Partition: strconv.Itoa(natsmediator.Partition("a", 8))}, d.event)
	}
	_, ok := natsmediator.EventFrom(t.Context())
	require.False(t, ok)
}

// A handler that takes much longer than AckWait, with others that wait behind it,
// runs once for each event.
func TestDurableSlowHandlersAreNotRepeated(t *testing.T) {
	n := embed(t)
	var s seen
	const ackWait, events = 900 * time.Millisecond, 3
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.AckWait(ackWait), natsmediator.Workers(1), natsmediator.Prefetch(5)),
		mediator.Subscribe(func(ctx context.Context, e paid) error {
			_ = s.add("slow", e.Order)
			select { // the time is the server's
			case <-time.After(ackWait * 5 / 4):
			case <-ctx.Done():
			}
			return nil
		}, mediator.Group("slow")))
	for i := range events {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	eventually(t, "all settled", func() bool { return allSettled(t, n, "slow") })
	require.Len(t, s.of("slow"), events)
}

// What is delivered again to the process that has it in hand is not handled twice.
func TestDurableAnEventInHandIsNotBegunAgain(t *testing.T) {
	n := embed(t)
	var s seen
	release := make(chan struct{})
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Workers(4)),
		mediator.Subscribe(func(ctx context.Context, e paid) error {
			_ = s.add("stock", e.Order)
			if e.Order == 1 {
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			return nil
		}, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "begun", func() bool { return len(s.of("stock")) == 1 })
	// As if it had not been heard of for too long.
	require.NoError(t, natsmediator.Conn(n).Publish(fmt.Sprintf("$JS.ACK.%s.stock.1.1.1.%d.0", paidStream, time.Now().UnixNano()), []byte("-NAK")))
	eventually(t, "delivered again", func() bool { return consumerInfo(t, n, "stock").NumRedelivered == 1 })
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	eventually(t, "what comes after it", func() bool { return slices.Contains(s.of("stock"), 2) })
	close(release)
	eventually(t, "settled", func() bool { return consumerInfo(t, n, "stock").NumAckPending == 0 })
	require.Equal(t, []int{1, 2}, s.of("stock"))
}

func TestDurablePoisonBecomesADeadLetterAndIsRedriven(t *testing.T) {
	n := embed(t)
	var s seen
	s.fail(fmt.Errorf("warehouse: %w", errOutOfStock))
	var stock []natsmediator.Event
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(3), natsmediator.Backoff(time.Millisecond, 5*time.Millisecond)),
		mediator.Subscribe(func(ctx context.Context, e paid) error {
			event, _ := natsmediator.EventFrom(ctx)
			stock = append(stock, event)
			return s.add("stock", e.Order)
		}, mediator.Group("stock")),
		mediator.Subscribe(func(_ context.Context, e paid) error { _ = s.add("mail", e.Order); return nil }, mediator.Group("mail")))
	trace := natsmediator.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	terminated, err := rawConn(t, n).SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED." + paidStream + ".stock")
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(natsmediator.WithTrace(t.Context(), trace), m, paid{7}))
	letters := natsmediator.Letters(n)
	advisory, err := terminated.NextMsg(patience)
	require.NoError(t, err)
	require.Contains(t, string(advisory.Data), "warehouse: out of stock")
	require.Equal(t, 1, countOf(t, letters), "the letter is there when the event is given up")
	eventually(t, "no event is left", func() bool { return consumerInfo(t, n, "stock").NumAckPending == 0 })
	require.Equal(t, []int{7, 7, 7}, s.of("stock"))
	require.Equal(t, []int{1, 2, 3}, []int{stock[0].Attempt, stock[1].Attempt, stock[2].Attempt})

	l := firstLetter(t, letters)
	require.Equal(t, "shop.Paid", l.Name)
	require.Equal(t, "stock", l.Group)
	require.Equal(t, mediator.KindNotification, l.Kind)
	require.JSONEq(t, `{"Order":7}`, string(l.Body))
	require.Equal(t, "application/json", l.ContentType)
	require.Equal(t, 3, l.Attempts)
	require.Contains(t, l.Errors, "warehouse: out of stock")
	require.Contains(t, l.Errors, "out of stock")
	require.Equal(t, trace.Parent, l.Headers["traceparent"])
	require.Equal(t, stock[0].ID, l.Headers["ce-id"])

	report, err := deadletter.Redrive(t.Context(), m, letters)
	require.NoError(t, err)
	require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
	s.fail(nil)
	report, err = deadletter.Redrive(t.Context(), m, letters, deadletter.Context(natsmediator.Redriven))
	require.NoError(t, err)
	require.Equal(t, "1 redriven, 0 failed, 0 skipped", report.String())
	require.Zero(t, countOf(t, letters))
	require.Equal(t, []int{7, 7, 7, 7, 7}, s.of("stock"))
	for i, redriven := range stock[3:] {
		require.True(t, redriven.Stored.Equal(stock[0].Stored))
		want := stock[0]
		want.Attempt, want.Stored = 4+i, redriven.Stored
		require.Equal(t, want, redriven, "also without Redriven")
	}
	require.Equal(t, natsmediator.Trace{Parent: "p"}, natsmediator.TraceFrom(natsmediator.Redriven(t.Context(), deadletter.Letter{
		Headers: map[string]string{"traceparent": "p"}})), "another's letter")
	require.Equal(t, []int{7}, s.of("mail"), "to the one group alone")
}

// hasty is an error that says when to come back.
type hasty struct{ after time.Duration }

func (hasty) Error() string               { return "not now" }
func (h hasty) RetryAfter() time.Duration { return h.after }

// Attempts are not nearer to each other than Backoff says, less the quarter that is
// left to chance, or than the error wants.
func TestDurableBackoffGrows(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	const first, most, wanted = 40 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond
	begun := make(chan time.Time, 10)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(5), natsmediator.Backoff(first, most)),
		mediator.Subscribe(func(ctx context.Context, _ paid) error {
			begun <- time.Now()
			if e, _ := natsmediator.EventFrom(ctx); e.Attempt == 4 {
				return hasty{wanted}
			}
			return errOutOfStock
		}, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
	last := <-begun
	for _, least := range []time.Duration{first * 3 / 4, 2 * first * 3 / 4, most * 3 / 4, wanted} {
		next := <-begun
		require.GreaterOrEqual(t, next.Sub(last), least)
		last = next
	}
}

// What a handler depends on may be away for minutes before events become dead letters.
func TestDurableDefaultsOutlastAnOutageOfMinutes(t *testing.T) {
	for range 100 {
		require.GreaterOrEqual(t, natsmediator.Waits(), 10*time.Minute)
		require.LessOrEqual(t, natsmediator.Waits(), 15*time.Minute)
	}
}

func countOf(t testing.TB, s deadletter.Store) int {
	t.Helper()
	n, err := s.Count(t.Context(), deadletter.Filter{})
	require.NoError(t, err)
	return n
}

func firstLetter(t testing.TB, s deadletter.Store) deadletter.Letter {
	t.Helper()
	ls, _, err := s.List(t.Context(), deadletter.Filter{}, "", 1)
	require.NoError(t, err)
	require.NotEmpty(t, ls)
	return ls[0]
}

// A handler may fail in every way there is.
func TestDurableHandlersThatPanicOrEndTheirGoroutine(t *testing.T) {
	n := embed(t)
	store := deadletter.NewMemory()
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(2), natsmediator.Backoff(time.Millisecond, time.Millisecond), natsmediator.DeadLetters(store)),
		mediator.Subscribe(func(_ context.Context, e paid) error {
			switch e.Order {
			case 0:
				panic("torn")
			case 1:
				runtime.Goexit()
			}
			return nil
		}, mediator.Group("odd")))
	for i := range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	eventually(t, "two letters", func() bool { return countOf(t, store) == 2 })
	eventually(t, "all settled", func() bool { return allSettled(t, n, "odd") })
	byBody := map[string]deadletter.Letter{}
	for l, err := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
		require.NoError(t, err)
		byBody[string(l.Body)] = l
		require.Equal(t, 2, l.Attempts)
	}
	require.NotEmpty(t, byBody[`{"Order":0}`].Stack)
	require.Contains(t, strings.Join(byBody[`{"Order":0}`].Errors, " "), "torn")
	require.Contains(t, strings.Join(byBody[`{"Order":1}`].Errors, " "), mediator.ErrGoexit.Error())
}

func TestDurableGivesUpAtOnce(t *testing.T) {
	only := func(err error) bool { return errors.Is(err, errOutOfStock) }
	for name, c := range map[string]struct {
		opts     []natsmediator.DurableOption
		err      error
		attempts int
	}{
		"as it was told":                     {[]natsmediator.DurableOption{natsmediator.GiveUpIf(only)}, errOutOfStock, 1},
		"an answer of the business":          {nil, behaviors.Business(errOutOfStock), 1},
		"a message that is invalid":          {nil, fmt.Errorf("%w: no order", behaviors.ErrInvalid), 1},
		"not what GiveUpIf leaves":           {[]natsmediator.DurableOption{natsmediator.GiveUpIf(func(error) bool { return false })}, behaviors.Business(errOutOfStock), 2},
		"not what is no answer":              {nil, errOutOfStock, 2},
		"not for an error that panics in As": {nil, moody{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			n := embed(t, natsmediator.ServerOptions(noSync))
			var s seen
			s.fail(c.err)
			m := wired(t, natsmediator.Durable[paid](n, append(c.opts, natsmediator.Attempts(2), natsmediator.Backoff(time.Millisecond, time.Millisecond))...), s.on("stock"))
			require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
			letters := natsmediator.Letters(n)
			eventually(t, "a letter", func() bool { return countOf(t, letters) == 1 })
			require.Equal(t, c.attempts, firstLetter(t, letters).Attempts)
			require.Len(t, s.of("stock"), c.attempts)
		})
	}
}

// brokenLetters fails until it is mended.
type brokenLetters struct {
	deadletter.Store
	mu   sync.Mutex
	err  error
	puts int
}

func (b *brokenLetters) Put(ctx context.Context, l deadletter.Letter) error {
	b.mu.Lock()
	b.puts++
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.Store.Put(ctx, l)
}

func TestDurableKeepsAnEventUntilItsLetterIsStored(t *testing.T) {
	n := embed(t)
	store := &brokenLetters{Store: deadletter.NewMemory(), err: errors.New("disk full")}
	var s seen
	s.fail(errOutOfStock)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.Backoff(time.Millisecond, time.Millisecond), natsmediator.DeadLetters(store)),
		s.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
	puts := func() int {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.puts
	}
	eventually(t, "several tries", func() bool { return puts() >= 3 })
	require.Equal(t, 1, consumerInfo(t, n, "stock").NumAckPending)
	store.mu.Lock()
	store.err = nil
	store.mu.Unlock()
	eventually(t, "the letter", func() bool { return countOf(t, store) == 1 })
	eventually(t, "settled", func() bool { return consumerInfo(t, n, "stock").NumAckPending == 0 })
}

// What the server has delivered as often as it may is found by its advisory.
func TestDurableWhatTheServerGivesUpIsADeadLetter(t *testing.T) {
	n := embed(t)
	var s seen
	wiring := []mediator.Option{natsmediator.Durable[paid](n, natsmediator.Attempts(1)), s.on("stock")}
	first, err := mediator.New(wiring...)
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()), "the consumers are there")
	require.NoError(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[paid](n)), paid{7}))

	c, err := natsmediator.JetStream(n).Consumer(t.Context(), paidStream, "stock")
	require.NoError(t, err)
	deliveries := c.CachedInfo().Config.MaxDeliver
	for range deliveries { // a process that takes it, and dies of it, each time
		msg, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
		require.NoError(t, msg.Nak())
	}
	wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(1)), s.on("stock"))
	letters := natsmediator.Letters(n)
	eventually(t, "a letter", func() bool { return countOf(t, letters) == 1 })
	l := firstLetter(t, letters)
	require.Equal(t, "stock", l.Group)
	require.JSONEq(t, `{"Order":7}`, string(l.Body))
	require.Equal(t, deliveries, l.Attempts)
	require.Empty(t, s.of("stock"))
}

// An event of which nothing is heard is given up before the server does.
func TestDurableWhatNoProcessSurvivesIsADeadLetter(t *testing.T) {
	n := embed(t)
	var s seen
	first, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Attempts(2)), s.on("stock"))
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()))
	m := wired(t, natsmediator.Durable[paid](n))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
	c, err := natsmediator.JetStream(n).Consumer(t.Context(), paidStream, "stock")
	require.NoError(t, err)
	for range 2 + 10 {
		msg, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
		require.NoError(t, msg.Nak())
	}
	wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(2)), s.on("stock"))
	letters := natsmediator.Letters(n)
	eventually(t, "a letter", func() bool { return countOf(t, letters) == 1 })
	require.Contains(t, firstLetter(t, letters).Errors[0], "no attempt came to an end")
	require.Empty(t, s.of("stock"))
}

func TestDurableCloseFinishesHandlersAndLosesNothing(t *testing.T) {
	n := embed(t)
	var s seen
	started, release := make(chan int, 100), make(chan struct{})
	var once sync.Once
	on := func(ctx context.Context, e paid) error {
		started <- e.Order
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		return s.add("slow", e.Order)
	}
	m, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Workers(2)), mediator.Subscribe(on, mediator.Group("slow")))
	require.NoError(t, err)
	for i := range 30 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	<-started
	<-started
	closed := make(chan error, 1)
	go func() { closed <- m.Close(t.Context()) }()
	select {
	case err := <-closed:
		t.Fatal("closed while handlers run", err)
	case <-time.After(50 * time.Millisecond): // it must not
	}
	once.Do(func() { close(release) })
	require.NoError(t, <-closed)
	done := len(s.of("slow"))
	require.GreaterOrEqual(t, done, 2)
	require.Less(t, done, 30, "what had not begun was given back")
	require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{99}), mediator.ErrClosed)

	wired(t, natsmediator.Durable[paid](n), mediator.Subscribe(on, mediator.Group("slow")))
	eventually(t, "the rest", func() bool { return len(s.of("slow")) == 30 })
	got := s.of("slow")
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 30)
}

func TestDurableCloseCutsHandlersShortWhenItsTimeIsOver(t *testing.T) {
	n := embed(t)
	var s seen
	started := make(chan struct{}, 10)
	m, err := mediator.New(natsmediator.Durable[paid](n), mediator.Subscribe(func(ctx context.Context, e paid) error {
		started <- struct{}{}
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), mediator.ErrClosed)
		return ctx.Err()
	}, mediator.Group("stock")))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{7}))
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = m.Close(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "1 events were cut short")
	wired(t, natsmediator.Durable[paid](n), s.on("stock"))
	eventually(t, "delivered again", func() bool { return len(s.of("stock")) == 1 })
}

func TestDurableNodeClosedAheadOfTheMediator(t *testing.T) {
	n, err := natsmediator.Embed(t.TempDir())
	require.NoError(t, err)
	var s seen
	m := wired(t, natsmediator.Durable[paid](n), s.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "handled", func() bool { return len(s.of("stock")) == 1 })
	require.NoError(t, n.Close(t.Context()))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{2}), mediator.ErrClosed)
	_, err = mediator.New(natsmediator.Durable[paid](n))
	require.ErrorIs(t, err, mediator.ErrClosed)
}

func TestDurableMistakes(t *testing.T) {
	n := embed(t)
	wired(t, natsmediator.Durable[moved](n))
	_, err := mediator.New(natsmediator.Durable[moved](n, natsmediator.Partitions(4)))
	require.ErrorContains(t, err, `it has "8" partitions, not 4`)
	_, err = mediator.New(natsmediator.Durable[numbered](n))
	require.ErrorContains(t, err, "is an interface")
	_, err = mediator.New(natsmediator.Durable[onPointer](n))
	require.ErrorContains(t, err, "has the method PartitionKey on its pointer only")
	_, err = mediator.New(natsmediator.Durable[paid](n), natsmediator.Durable[paid](n))
	require.ErrorIs(t, err, mediator.ErrDuplicateHandler)
	_, err = mediator.New(
		mediator.OnStart(func(m *mediator.Mediator) error { return mediator.Publish(t.Context(), m, paid{}) }), natsmediator.Durable[paid](n))
	require.ErrorContains(t, err, "has not started")

	m := wired(t, natsmediator.Durable[large](n))
	require.NoError(t, mediator.Publish(t.Context(), m, large{strings.Repeat("x", 900<<10)}))
	err = mediator.Publish(t.Context(), m, large{strings.Repeat("x", 1<<20)})
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.ErrorContains(t, err, "fit")
	require.ErrorIs(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[moved](n)), moved{ID: strings.Repeat("i", 62<<10)}), natsmediator.ErrTooLarge)
	require.ErrorContains(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[chan int](n)), make(chan int)), "encode chan int as application/json")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, mediator.Publish(ctx, m, large{}), context.Canceled)
}

type onPointer struct{}

func (*onPointer) PartitionKey() string { return "" }

type large struct{ Text string }

// What is as large as it may be can fail, too.
func TestDurableLettersOfLargeEvents(t *testing.T) {
	n := embed(t)
	m := wired(t, natsmediator.Durable[large](n, natsmediator.Attempts(1)), mediator.Subscribe(func(_ context.Context, e large) error {
		return errors.New(strings.Repeat("y", 1<<20))
	}, mediator.Group("g")))
	text := strings.Repeat("x", 1<<20-64<<10-1024)
	require.NoError(t, mediator.Publish(t.Context(), m, large{text}))
	// Others than this package may publish more.
	js := natsmediator.JetStream(n)
	_, err := js.Publish(t.Context(), natsmediator.EventSubject("mediator", "natsmediator_test.large", 1, 0), []byte(`{"Text":"`+strings.Repeat("z", 1<<20-11)+`"}`))
	require.NoError(t, err)
	letters := natsmediator.Letters(n)
	eventually(t, "letters", func() bool { return countOf(t, letters) == 2 })
	var sizes []int
	for l, err := range deadletter.All(t.Context(), letters, deadletter.Filter{}) {
		require.NoError(t, err)
		sizes = append(sizes, len(l.Body))
		require.NotEmpty(t, l.Errors)
	}
	require.Equal(t, []int{len(text) + len(`{"Text":""}`), 0}, sizes)
}

func TestDurableOptionsThatMakeNoSense(t *testing.T) {
	n := embed(t)
	for want, f := range map[string]func(){
		"natsmediator: Durable: the node is nil":                       func() { natsmediator.Durable[paid](nil) },
		"natsmediator: Durable: option 1 of 1 is nil":                  func() { natsmediator.Durable[paid](n, nil) },
		"natsmediator: Durable: EventEncoding: unknown content":        func() { natsmediator.Durable[paid](n, natsmediator.EventEncoding("x/y")) },
		"natsmediator: EventVersion(0): it has to be positive":         func() { natsmediator.EventVersion(0) },
		"natsmediator: Partitions(257): it has to be 1 to 256":         func() { natsmediator.Partitions(257) },
		"natsmediator: Partition(0): it has to be positive":            func() { natsmediator.Partition("", 0) },
		"natsmediator: Workers(0): it has to be positive":              func() { natsmediator.Workers(0) },
		"natsmediator: Prefetch(-1): it has to be positive":            func() { natsmediator.Prefetch(-1) },
		"natsmediator: Attempts(0): it has to be positive":             func() { natsmediator.Attempts(0) },
		"natsmediator: Backoff(2s, 1s): the first has to be":           func() { natsmediator.Backoff(2*time.Second, time.Second) },
		"natsmediator: AckWait(1ms): it has to be at least 100ms":      func() { natsmediator.AckWait(time.Millisecond) },
		"natsmediator: DeadLetters: the store is nil":                  func() { natsmediator.DeadLetters(nil) },
		"natsmediator: GiveUpIf: the function is nil":                  func() { natsmediator.GiveUpIf(nil) },
		"natsmediator: Outbox: the store is nil":                       func() { natsmediator.Outbox(nil) },
		"natsmediator: Replicas(2): it has to be 1, 3 or 5":            func() { natsmediator.Replicas(2) },
		"natsmediator: Retention(0s, 1): the age has to be positive":   func() { natsmediator.Retention(0, 1) },
		"natsmediator: DedupWindow(1ms): it has to be at least 100ms":  func() { natsmediator.DedupWindow(time.Millisecond) },
		"natsmediator: ForService: the name \"a.b\" has to be made of": func() { natsmediator.ForService("a.b") },
		"natsmediator: Letters: the node is nil":                       func() { natsmediator.Letters(nil) },
		"natsmediator: Letters: option 1 of 1 is nil":                  func() { natsmediator.Letters(n, nil) },
		"natsmediator: Check: the node is nil":                         func() { natsmediator.Check(nil, natsmediator.CheckConfig{}) },
	} {
		require.PanicsWithValue(t, panicText{want}, func() {
			defer func() { panic(panicText{recover()}.from(want)) }()
			f()
		})
	}
}

// Whatever somebody puts into the stream becomes a letter, and holds up nothing.
func TestDurableMalformedEvents(t *testing.T) {
	n := embed(t, natsmediator.Codecs(natsmediator.Gob()))
	store := deadletter.NewMemory()
	var s seen
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.DeadLetters(store)), s.on("stock"))
	js := natsmediator.JetStream(n)
	bad := []*nats.Msg{
		{Data: nil},
		{Data: []byte("{")},
		{Data: []byte(`{"Order":"x"}`)},
		{Data: []byte("{}"), Header: nats.Header{"ce-datacontenttype": {"text/none"}}},
		{Data: []byte("{}"), Header: nats.Header{"ce-specversion": {"9"}}},
		{Data: []byte("{}"), Header: nats.Header{"ce-type": {"other"}}},
		{Data: []byte("\x7f\xff\xff\xff"), Header: nats.Header{"ce-datacontenttype": {"application/x-gob"}}},
	}
	for _, msg := range bad {
		msg.Subject = natsmediator.EventSubject("mediator", "shop.Paid", 1, 0)
		_, err := js.PublishMsg(t.Context(), msg)
		require.NoError(t, err)
	}
	foreign := &nats.Msg{Subject: natsmediator.EventSubject("mediator", "shop.Paid", 1, 77), Data: []byte(`{"Order":5}`),
		Header: nats.Header{"traceparent": {strings.Repeat("z", 1000)}, "Mediator-Timeout": {"x"}}}
	_, err := js.PublishMsg(t.Context(), foreign)
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{6}))
	eventually(t, "the good ones", func() bool { return len(s.of("stock")) == 2 })
	eventually(t, "letters", func() bool { return countOf(t, store) == len(bad) })
	eventually(t, "all settled", func() bool { return allSettled(t, n, "stock") })
	require.Equal(t, 1, firstLetter(t, store).Attempts, "there is no use in trying again")
	require.Len(t, s.of("stock"), 2)

	for _, data := range []string{"", "{", "{}", `{"stream":"other","consumer":"x","stream_seq":1}`, `{"stream":"` + paidStream + `","consumer":"stock"}`,
		`{"stream":"` + paidStream + `","consumer":"gone","stream_seq":1}`,
		`{"stream":"` + paidStream + `","consumer":"a.b","stream_seq":1}`, `{"stream":"` + paidStream + `","consumer":"stock","stream_seq":99999}`} {
		_, err := js.Publish(t.Context(), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+paidStream+".stock", []byte(data))
		require.NoError(t, err)
	}
	eventually(t, "advisories settled", func() bool { return allSettled(t, n, "%advisories") })
	require.Equal(t, len(bad), countOf(t, store))
}

func FuzzDurableEvents(f *testing.F) {
	n, err := natsmediator.Embed(f.TempDir(), natsmediator.Codecs(natsmediator.Gob()),
		natsmediator.ServerOptions(noSync))
	require.NoError(f, err)
	closeLast(f, n.Close)
	store := deadletter.NewMemory()
	handled := make(chan struct{}, 1)
	wired(f, natsmediator.Durable[moved](n, natsmediator.Partitions(1), natsmediator.DeadLetters(store)),
		mediator.Subscribe(func(context.Context, moved) error { handled <- struct{}{}; return nil }, mediator.Group("g")))
	js := natsmediator.JetStream(n)
	for _, body := range []string{"", "{}", `{"Account":"a","N":1}`, "\x00\xff", strings.Repeat("[", 10_000)} {
		f.Add([]byte(body), "", "", "", "", "")
		f.Add([]byte(body), "1.0", "bank.Moved", "application/json", "id", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		f.Add([]byte(body), "2", "%", "application/x-gob; x=\"", "%zz", "\x7f")
	}
	before := 0
	f.Fuzz(func(t *testing.T, body []byte, version, name, contentType, id, trace string) {
		h := nats.Header{}
		for key, value := range map[string]string{"ce-specversion": version, "ce-type": name, "ce-datacontenttype": contentType, "ce-id": id, "traceparent": trace} {
			h.Set(key, strings.NewReplacer("\r", "", "\n", "", ":", "").Replace(value))
		}
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: natsmediator.EventSubject("mediator", "bank.Moved", 1, 0), Header: h, Data: body})
		if err != nil {
			return // the server refuses it
		}
		eventually(t, "handled, or a letter", func() bool {
			select {
			case <-handled:
				return true
			default:
			}
			n := countOf(t, store)
			defer func() { before = n }()
			return n > before
		})
	})
}

func TestPartitionIsStable(t *testing.T) {
	// The offset basis and the values of FNV-1a, which others can compute as well.
	require.Equal(t, int(uint32(2166136261)%8), natsmediator.Partition("", 8))
	require.Equal(t, int(uint32(0xe40c292c)%8), natsmediator.Partition("a", 8))
	seen := map[int]int{}
	for range 1000 {
		seen[natsmediator.Partition(strconv.Itoa(rand.Int()), 8)]++
	}
	require.Len(t, seen, 8)
}
