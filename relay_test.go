package mediator_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

const createdName = "mediator_test.created"

// storing is the function of a Relay: it keeps what is published.
type storing struct {
	mu     sync.Mutex
	stored []string
	err    error
}

func (s *storing) put(_ context.Context, c created) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = append(s.stored, c.ID)
	return s.err
}

func TestPublishOfARelayedTypeGoesToTheRelayAlone(t *testing.T) {
	for _, behaviors := range []int{0, 2} {
		s, log := &storing{}, []string{}
		m := newMediator(t, mediator.Use(noops(behaviors)...), mediator.Relay(s.put), hear(&log, "a", fine), hear(&log, "b", fine),
			mediator.Subscribe(func(context.Context, event) error { log = append(log, "event"); return nil }, mediator.Group("audit")))
		ctx := t.Context()
		require.NoError(t, mediator.Publish(ctx, m, created{ID: "1"}))
		require.NoError(t, mediator.Publish(ctx, m, created{ID: "2"}, mediator.Parallel(0)))
		require.NoError(t, mediator.Publish[any](ctx, m, created{ID: "3"}))
		require.NoError(t, mediator.Publish[event](ctx, m, created{ID: "4"}))
		require.NoError(t, mediator.PublisherFor[created](m)(ctx, created{ID: "5"}))
		v, err := mediator.Dispatch(ctx, m, createdName, fromJSON(`{"ID":"6"}`))
		require.NoError(t, err)
		require.Nil(t, v)
		require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, s.stored)
		require.Empty(t, log)

		require.NoError(t, mediator.Publish(ctx, m, &shipped{}), "another type of the interface")
		require.Equal(t, []string{"event"}, log)
		require.NoError(t, mediator.DispatchTo(ctx, m, createdName, "a", fromJSON(`{"ID":"1"}`)))
		require.NoError(t, mediator.DispatchTo(ctx, m, createdName, "audit", fromJSON(`{"ID":"1"}`)))
		require.Equal(t, []string{"event", "a:1", "event"}, log)
		require.ErrorIs(t, mediator.DispatchTo(ctx, m, createdName, "c", fromJSON(`{}`)), mediator.ErrNoHandler)
		require.Len(t, s.stored, 6, "DispatchTo does not go by the relay")
	}
}

func TestARelayOfAPublisherWithoutSubscribers(t *testing.T) {
	s := &storing{}
	m := newMediator(t, mediator.Relay(s.put, mediator.Named("created")))
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "1"}))
	_, err := mediator.Dispatch(t.Context(), m, "created", fromJSON(`{"ID":"2"}`))
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, s.stored)
	_, err = mediator.Dispatch(t.Context(), m, "created", fromJSON(`[`))
	require.ErrorContains(t, err, "dispatch created: decode *mediator_test.created")
	err = mediator.DispatchTo(t.Context(), m, "created", "g", fromJSON(`{}`))
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "dispatch created to g: no handler: no subscriber has this group")
}

func TestListenDoesNotDisplaceARelay(t *testing.T) {
	s, log := &storing{}, []string{}
	m := newMediator(t, mediator.Relay(s.put), hear(&log, "a", fine))
	ctx := t.Context()
	stop, err := mediator.Listen(m, func(_ context.Context, c created) error { log = append(log, "late:"+c.ID); return nil }, mediator.Group("late"))
	require.NoError(t, err)
	stopAll, err := mediator.Listen(m, func(context.Context, any) error { log = append(log, "any"); return nil }, mediator.Group("any"))
	require.NoError(t, err)
	publish := func(id string) {
		require.NoError(t, mediator.Publish(ctx, m, created{ID: id}))
		require.NoError(t, mediator.Publish[any](ctx, m, created{ID: id}))
	}
	publish("1")
	require.Empty(t, log)
	require.NoError(t, mediator.DispatchTo(ctx, m, createdName, "late", fromJSON(`{"ID":"1"}`)))
	require.NoError(t, mediator.DispatchTo(ctx, m, createdName, "any", fromJSON(`{"ID":"1"}`)))
	stop()
	stopAll()
	publish("2")
	require.ErrorIs(t, mediator.DispatchTo(ctx, m, createdName, "late", fromJSON(`{}`)), mediator.ErrNoHandler)
	require.Equal(t, []string{"late:1", "any"}, log)
	require.Equal(t, []string{"1", "1", "2", "2"}, s.stored)
}

func TestWhatARelayEndsWith(t *testing.T) {
	outcome := func() error { return errBoom }
	for _, behaviors := range []int{0, 2} {
		log := []string{}
		m := newMediator(t, mediator.Use(noops(behaviors)...), mediator.Parallel(2), hear(&log, "a", fine),
			mediator.Relay(func(context.Context, created) error { return outcome() }))
		outcome = func() error { return errBoom }
		err := mediator.Publish(t.Context(), m, created{})
		require.ErrorIs(t, err, errBoom)
		require.EqualError(t, err, "mediator: publish mediator_test.created: boom")
		var e *mediator.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, mediator.Error{Op: "publish", Name: createdName, Err: errBoom}, *e)

		outcome = func() error { panic(errBoom) }
		err = mediator.Publish(t.Context(), m, created{})
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorIs(t, err, errBoom)
		require.Contains(t, string(p.Stack), "relay_test.go")

		outcome = func() error { runtime.Goexit(); return nil }
		ended := make(chan bool)
		go func() {
			returned := false
			defer func() { ended <- !returned }()
			_ = mediator.Publish(context.Background(), m, created{})
			returned = true
		}()
		require.True(t, <-ended, "as by a subscriber, the publisher's goroutine is ended")
		require.Empty(t, log)
	}
}

func TestBehaviorsOfARelay(t *testing.T) {
	var seen []string
	look := func(where string) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			seen = append(seen, where+" "+c.Kind().String()+" "+c.Name()+" to "+c.Handler()+c.Message().(created).ID)
			return next(ctx, c)
		})
	}
	s := &storing{}
	a, b := picky{"a"}, picky{"b"}
	m := newMediator(t, mediator.OnWarning(func(w string) { seen = append(seen, w) }), mediator.Use(a, look("outer")),
		mediator.Relay(s.put, mediator.Use(look("inner"), b), mediator.Named("created")),
		mediator.Subscribe(func(context.Context, created) error { return nil }, mediator.Group("g")))
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "1"}))
	require.NoError(t, mediator.Publish[any](t.Context(), m, created{ID: "2"}))
	require.Equal(t, []string{"mediator: a: stands outside b (around created)",
		"outer notification created to 1", "inner notification created to 1",
		"outer notification created to 2", "inner notification created to 2"}, seen)
	require.Equal(t, []string{"1", "2"}, s.stored)
	bs := m.Behaviors("created", "")
	require.Len(t, bs, 4)
	require.Equal(t, []any{a, b}, []any{bs[0], bs[3]})
	require.Len(t, m.Behaviors("created", "g"), 2)
}

func TestARelayInTheBackground(t *testing.T) {
	stored, errs := make(chan string), make(chan error, 1)
	m := newMediator(t, mediator.OnError(func(_ context.Context, err error) { errs <- err }),
		mediator.Subscribe(func(context.Context, created) error { t.Error("called"); return nil }),
		mediator.Relay(func(_ context.Context, c created) error { stored <- c.ID; return errBoom }))
	require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "1"}, mediator.Background()), "it returns before the relay")
	require.Equal(t, "1", <-stored)
	require.ErrorIs(t, <-errs, errBoom)
}

func TestARelayAfterClose(t *testing.T) {
	s := &storing{}
	m, err := mediator.New(mediator.Relay(s.put), mediator.Subscribe(func(context.Context, created) error { return nil }, mediator.Group("g")))
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, created{}), mediator.ErrClosed)
	require.ErrorIs(t, mediator.DispatchTo(t.Context(), m, createdName, "g", fromJSON(`{}`)), mediator.ErrClosed)
	require.Empty(t, s.stored)
}

func TestMistakesOfRelays(t *testing.T) {
	relay := func(context.Context, created) error { return nil }
	for want, opt := range map[string]mediator.Option{
		"relay of mediator_test.created: duplicate handler: the relays mediator_test.storing.put and mediator_test.TestMistakesOfRelays.func1": mediator.Options(
			mediator.Relay((&storing{}).put), mediator.Relay(relay)),
		"relay of mediator_test.event: mediator_test.event is an interface: relay each type that implements it": mediator.Relay(func(context.Context, event) error { return nil }),
		"relay of mediator_test.created: the function is nil":                                                   mediator.Relay[created](nil),
		"relay of mediator_test.created: Group makes no sense on a relay":                                       mediator.Relay(relay, mediator.Group("g")),
		"relay of mediator_test.created: Capacity makes no sense on a relay":                                    mediator.Relay(relay, mediator.Capacity(1)),
		"stands around a relay: Typed is for requests":                                                          mediator.Relay(relay, mediator.Typed(typedNoop)),
		"relay of mediator_test.created: a nil HandlerOption":                                                   mediator.Relay(relay, nil),
		`mediator_test.created is Named "a" and "b": a message has one name`:                                    mediator.Options(mediator.Relay(relay, mediator.Named("a")), mediator.Subscribe(relay, mediator.Named("b"))),
		`mediator_test.created and mediator_test.order are both named "order"`:                                  mediator.Options(mediator.Relay(relay, mediator.Named("order")), mediator.Subscribe(onOrder, mediator.Named("order"))),
	} {
		m, err := mediator.New(opt)
		require.Nil(t, m)
		require.ErrorContains(t, err, want)
	}
	m := newMediator(t, mediator.Relay(relay, mediator.Named("x")), mediator.Handle(place1, mediator.Named("place")))
	for _, taken := range []string{"x", "place"} {
		_, err := mediator.Listen(m, onOrder, mediator.Named(taken))
		require.ErrorContains(t, err, "are both named")
	}
	_, err := mediator.New(mediator.Relay(relay), mediator.Relay(relay))
	require.ErrorIs(t, err, mediator.ErrDuplicateHandler)
}

func TestOneRelayMayWireTwoMediators(t *testing.T) {
	s := &storing{}
	opt := mediator.Relay(s.put, mediator.Use(noop))
	for range 2 {
		require.NoError(t, mediator.Publish(t.Context(), newMediator(t, opt), created{ID: "1"}))
	}
	require.Equal(t, []string{"1", "1"}, s.stored)
}

// Publish, DispatchTo, Listen and its stop of a relayed type, all at once: nothing
// that is published reaches a subscriber.
func TestRelayUnderLoad(t *testing.T) {
	var relayed, delivered atomic.Int64
	m := newMediator(t, mediator.Relay(func(context.Context, created) error { relayed.Add(1); return nil }),
		mediator.Subscribe(func(_ context.Context, c created) error {
			if c.ID != "delivered" {
				t.Errorf("%q reached a subscriber", c.ID)
			}
			delivered.Add(1)
			return nil
		}, mediator.Group("g")))
	const each = 1000
	var wg sync.WaitGroup
	run := func(f func()) {
		wg.Go(func() {
			for range each {
				f()
			}
		})
	}
	ctx := t.Context()
	for range 2 {
		run(func() {
			if err := mediator.Publish(ctx, m, created{ID: "published"}); err != nil {
				t.Error(err)
			}
		})
		run(func() {
			if err := mediator.DispatchTo(ctx, m, createdName, "g", func(target any) error {
				target.(*created).ID = "delivered"
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		run(func() {
			stop, err := mediator.Listen(m, func(_ context.Context, e event) error { t.Error("called"); return nil })
			if err != nil {
				t.Error(err)
			}
			_ = m.Inspect()
			stop()
		})
	}
	wg.Wait()
	require.EqualValues(t, 2*each, relayed.Load())
	require.EqualValues(t, 2*each, delivered.Load())
}
