package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// serve offers what m handles until the end of the test.
func serve(t testing.TB, m *mediator.Mediator, n *natsmediator.Node, opts ...natsmediator.ServeOption) *natsmediator.Service {
	t.Helper()
	s, err := natsmediator.Serve(t.Context(), m, n, "shop", opts...)
	require.NoError(t, err)
	return s
}

// remotely returns a mediator whose place is handled by h, through NATS.
func remotely(t testing.TB, h func(context.Context, place) (order, error), opts ...natsmediator.RemoteOption) *mediator.Mediator {
	t.Helper()
	n := embed(t)
	serve(t, wired(t, mediator.Handle(h)), n)
	return wired(t, natsmediator.Remote[place](n, "shop", opts...))
}

func TestSendGoesThere(t *testing.T) {
	n := embed(t, natsmediator.Codecs(natsmediator.Gob()))
	shipped := make(chan string, 1)
	serve(t, wired(t,
		mediator.Handle(placed),
		mediator.HandleCommand(func(_ context.Context, c ship) error { shipped <- c.SKU; return nil }),
	), n)
	for _, encoding := range []string{"", "application/json", "application/x-gob"} {
		m := wired(t,
			natsmediator.Remote[place](n, "shop", natsmediator.Encoding(encoding)),
			natsmediator.Remote[ship](n, "shop", natsmediator.Encoding(encoding)))
		o, err := mediator.Send(t.Context(), m, place{SKU: "apple", Qty: 3})
		require.NoError(t, err)
		require.Equal(t, order{SKU: "apple", Cents: 300}, o)
		require.NoError(t, mediator.Exec(t.Context(), m, ship{SKU: "pear"}))
		require.Equal(t, "pear", <-shipped)
	}
}

// fixed is a request of a fixed size.
type fixed struct {
	mediator.Returns[[]byte]
	A uint32
	B float64
}

func TestSendInBinary(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(func(_ context.Context, q fixed) ([]byte, error) { return fmt.Appendf(nil, "%d %v", q.A, q.B), nil })), n)
	m := wired(t, natsmediator.Remote[fixed](n, "shop", natsmediator.Encoding("application/octet-stream")))
	b, err := mediator.Send(t.Context(), m, fixed{A: 7, B: .5})
	require.NoError(t, err)
	require.Equal(t, "7 0.5", string(b))

	m = wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Encoding("application/octet-stream")))
	_, err = mediator.Send(t.Context(), m, place{})
	require.ErrorContains(t, err, "it has no fixed size and no AppendBinary")
}

func TestManySendAtOnce(t *testing.T) {
	m := remotely(t, placed)
	var callers sync.WaitGroup
	for i := range 32 {
		callers.Go(func() {
			for k := range 20 {
				o, err := mediator.Send(t.Context(), m, place{SKU: "x", Qty: 100*i + k})
				if err != nil || o.Cents != 100*(100*i+k) {
					t.Errorf("%+v, %v", o, err)
				}
			}
		})
	}
	callers.Wait()
}

func TestLocalSendsDoNotGoThroughNATS(t *testing.T) {
	n := embed(t)
	m := wired(t, mediator.Handle(placed))
	serve(t, m, n)
	before := rawConn(t, n).Stats()
	_, err := mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	require.Equal(t, before, rawConn(t, n).Stats())
}

func TestDeadlineTravels(t *testing.T) {
	left := make(chan time.Duration, 1)
	handler := func(ctx context.Context, _ place) (order, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return order{}, errors.New("no deadline")
		}
		left <- time.Until(deadline)
		return order{}, nil
	}
	m := remotely(t, handler)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := mediator.Send(ctx, m, place{})
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), (<-left).Seconds(), 60)

	_, err = mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	require.InDelta(t, natsmediator.DefaultTimeout.Seconds(), (<-left).Seconds(), 25)

	m = remotely(t, handler, natsmediator.Timeout(30*time.Minute))
	_, err = mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	require.InDelta(t, 1800, (<-left).Seconds(), 60)
}

func TestHandlerThatIsLateIsATimeout(t *testing.T) {
	ended := make(chan error, 1)
	m := remotely(t, func(ctx context.Context, _ place) (order, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return order{}, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := mediator.Send(ctx, m, place{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorIs(t, <-ended, context.DeadlineExceeded)
}

func TestNoServiceIsNoHandlerAtOnce(t *testing.T) {
	n := embed(t)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	start := time.Now()
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), natsmediator.DefaultTimeout/2)
	remote, ok := errors.AsType[*natsmediator.RemoteError](err)
	require.True(t, ok)
	require.Equal(t, "shop", remote.Service)
	require.Equal(t, "shop.Place", remote.Name)
	require.Equal(t, "no_handler", remote.Code)
}

func TestCancelTravels(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	m := remotely(t, func(ctx context.Context, _ place) (order, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return order{}, ctx.Err()
	})
	why := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := mediator.Send(ctx, m, place{})
		result <- err
	}()
	<-began
	cancel(why)
	second := time.After(time.Second)
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-second:
		require.Fail(t, "the handler's context was not cancelled within a second")
	}
	err := <-result
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, why)

	_, err = mediator.Send(ctx, m, place{})
	require.ErrorIs(t, err, why, "a context that has ended already")
}

func TestCancelBeforeTheRequestIsSeen(t *testing.T) {
	n := embed(t)
	var ran atomic.Bool
	serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) { ran.Store(true); return order{}, nil })), n)
	nc := rawConn(t, n)
	require.NoError(t, nc.Publish("mediator.cancel.shop", []byte("early")))
	require.NoError(t, nc.Flush())
	require.Eventually(t, func() bool {
		// The two come by different subscriptions, so the cancel may be seen later.
		ran.Store(false)
		reply, err := nc.RequestMsgWithContext(t.Context(), &nats.Msg{Subject: natsmediator.Subject("mediator", "shop", "shop.Place", 1),
			Header: nats.Header{"ce-id": {"early"}}, Data: []byte("{}")})
		require.NoError(t, err)
		return reply.Header.Get("Nats-Service-Error-Code") == "canceled" && !ran.Load() || requireAgain(nc, t)
	}, patience, time.Millisecond)
}

// requireAgain cancels the call again for the next try.
func requireAgain(nc *nats.Conn, t *testing.T) bool {
	require.NoError(t, nc.Publish("mediator.cancel.shop", []byte("early")))
	require.NoError(t, nc.Flush())
	return false
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	var reply atomic.Pointer[error]
	answer := func(err error) { reply.Store(&err) }
	handler := func(context.Context, place) (order, error) { return order{}, *reply.Load() }
	codes := natsmediator.ErrorCode("out_of_stock", errOutOfStock)
	n := embed(t, codes, natsmediator.Listen("127.0.0.1:0"))
	serve(t, wired(t, mediator.Handle(handler)), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	stranger := wired(t, natsmediator.Remote[place](connect(t, n), "shop"))

	for _, sentinel := range append(slices.Collect(maps.Values(sentinels)), context.Canceled, context.DeadlineExceeded, errOutOfStock) {
		err := fmt.Errorf("apple: %w", sentinel)
		answer(err)
		_, err = mediator.Send(t.Context(), m, place{})
		require.ErrorIs(t, err, sentinel)
		require.EqualError(t, err, "service shop: shop.Place: apple: "+sentinel.Error())

		_, err = mediator.Send(t.Context(), stranger, place{})
		remote, ok := errors.AsType[*natsmediator.RemoteError](err)
		require.True(t, ok)
		require.NotEmpty(t, remote.Code)
		require.Equal(t, !errors.Is(sentinel, errOutOfStock), errors.Is(err, sentinel), "without its code, it is only a text: %v", sentinel)
	}

	err := errors.Join(errOutOfStock, behaviors.ErrLimited)
	answer(err)
	_, err = mediator.Send(t.Context(), m, place{})
	require.ErrorIs(t, err, errOutOfStock)
	require.ErrorIs(t, err, behaviors.ErrLimited, "an error may be several")

	err = errors.New("just so\nand\x00so\r\nthere")
	answer(err)
	_, got := mediator.Send(t.Context(), m, place{})
	remote, ok := errors.AsType[*natsmediator.RemoteError](got)
	require.True(t, ok)
	require.Equal(t, err.Error(), remote.Message)
	require.Empty(t, remote.Code)
	require.Empty(t, remote.Unwrap())
	require.Zero(t, remote.RetryAfter())

	err = errors.New(strings.Repeat("é", 1<<20))
	answer(err)
	_, got = mediator.Send(t.Context(), m, place{})
	require.ErrorContains(t, got, "éé…", "a text of 2 MiB fits all the same")
}

// soldOut says itself that it is an answer.
type soldOut struct{ answer bool }

func (soldOut) Error() string    { return "sold out" }
func (s soldOut) Business() bool { return s.answer }

// "Sold out" would be asked for again and again, and would open a breaker, where the
// same handler in the same process does neither.
func TestAnswersOfTheBusinessStayAnswers(t *testing.T) {
	n := embed(t)
	var answer error
	var calls int
	asked := func() error { calls++; return answer }
	serve(t, wired(t,
		mediator.Handle(func(context.Context, place) (order, error) { return order{}, asked() }),
		mediator.HandleStream(func(context.Context, count) iterSeq {
			return func(yield func(int, error) bool) { yield(0, asked()) }
		})), n)
	there := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	// One process on the way, which knows nothing of it.
	_, err := natsmediator.Serve(t.Context(), wired(t, mediator.Handle(func(ctx context.Context, q place) (order, error) {
		return mediator.Send(ctx, there, q)
	})), n, "agent")
	require.NoError(t, err)
	agent := wired(t, natsmediator.Remote[place](n, "agent"))

	for _, c := range []struct {
		err    error
		answer bool
	}{
		{behaviors.Business(errors.New("sold out")), true},
		{fmt.Errorf("place: %w", soldOut{true}), true},
		{soldOut{false}, false},
		{fmt.Errorf("place: %w", behaviors.ErrInvalid), true},
		{errors.New("connection reset"), false},
		{&mediator.PanicError{Value: soldOut{true}}, false},
	} {
		answer, calls = c.err, 0
		_, sent := mediator.Send(t.Context(), there, place{})
		_, forwarded := mediator.Send(t.Context(), agent, place{})
		_, streamed := collect(mediator.Stream(t.Context(), there, count{}))
		require.Equal(t, 3, calls)
		for _, err := range []error{sent, forwarded, streamed} {
			var remote *natsmediator.RemoteError
			require.ErrorAs(t, err, &remote)
			require.Equal(t, c.answer, behaviors.OutcomeOf(err) == behaviors.OutcomeIgnored, "%v", c.err)
			if c.answer {
				require.False(t, behaviors.Retryable(err), "%v", c.err)
				continue
			}
			_, panicked := errors.AsType[*mediator.PanicError](err)
			joined := errors.Join(err, behaviors.Business(errOutOfStock))
			require.Equal(t, panicked, behaviors.OutcomeOf(joined) != behaviors.OutcomeIgnored, "one is enough: %v", c.err)
		}
	}
}

// reasons is an error that cannot be compared.
type reasons []string

func (r reasons) Error() string { return strings.Join(r, ", ") }

func (r reasons) Is(target error) bool {
	other, ok := target.(reasons)
	return ok && slices.Equal(r, other)
}

func TestErrorCodeOfWhatCannotBeCompared(t *testing.T) {
	n := embed(t, natsmediator.ErrorCode("late", reasons{"late"}), natsmediator.ErrorCode("lost", reasons{"lost"}))
	serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) { return order{}, reasons{"lost"} })), n)
	_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop")), place{})
	require.ErrorIs(t, err, reasons{"lost"})
	require.NotErrorIs(t, err, reasons{"late"})
}

type soon struct{}

func (soon) Error() string             { return "come back" }
func (soon) Unwrap() error             { return behaviors.ErrLimited }
func (soon) RetryAfter() time.Duration { return 1500 * time.Millisecond }

func TestRetryAfterTravels(t *testing.T) {
	m := remotely(t, func(context.Context, place) (order, error) { return order{}, fmt.Errorf("no: %w", soon{}) })
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorIs(t, err, behaviors.ErrLimited)
	var told interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &told)
	require.Equal(t, 1500*time.Millisecond, told.RetryAfter())
}

func TestPanicAndGoexitAreAnswered(t *testing.T) {
	m := remotely(t, func(_ context.Context, q place) (order, error) {
		if q.SKU == "goexit" {
			runtime.Goexit()
		}
		if q.SKU == "error" {
			panic(errOutOfStock)
		}
		if q.SKU == "panic" {
			panic("on fire")
		}
		return placed(context.Background(), q)
	})
	for range 3 { // what answers is there again afterwards
		_, err := mediator.Send(t.Context(), m, place{SKU: "panic"})
		p, ok := errors.AsType[*mediator.PanicError](err)
		require.True(t, ok)
		require.Equal(t, "on fire", p.Value)
		require.Nil(t, p.Stack)
		_, err = mediator.Send(t.Context(), m, place{SKU: "error"})
		require.ErrorContains(t, err, "panic: out of stock")
		_, err = mediator.Send(t.Context(), m, place{SKU: "goexit"})
		require.ErrorIs(t, err, mediator.ErrGoexit)
		_, err = mediator.Send(t.Context(), m, place{SKU: "apple"})
		require.NoError(t, err)
	}
}

func TestInstancesShareTheRequests(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	var counts [2]atomic.Int64
	for i := range counts {
		serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) {
			counts[i].Add(1)
			return order{}, nil
		})), connect(t, n))
	}
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	for range 200 {
		_, err := mediator.Send(t.Context(), m, place{})
		require.NoError(t, err)
	}
	require.EqualValues(t, 200, counts[0].Load()+counts[1].Load())
	require.NotZero(t, counts[0].Load())
	require.NotZero(t, counts[1].Load())
}

func TestBehaviorsStandAroundTheCall(t *testing.T) {
	var tries atomic.Int64
	handler := func(context.Context, place) (order, error) {
		if tries.Add(1) < 3 {
			return order{}, behaviors.ErrLimited
		}
		return order{Cents: 1}, nil
	}
	m := remotely(t, handler, natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{
		Retries: 3, Delay: time.Millisecond, RetryIf: behaviors.ErrorIs(behaviors.ErrLimited)})))
	o, err := mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	require.Equal(t, 1, o.Cents)
	require.EqualValues(t, 3, tries.Load())
}

func TestVersionsSideBySide(t *testing.T) {
	n := embed(t)
	answer := func(cents int) *mediator.Mediator {
		return wired(t, mediator.Handle(func(context.Context, place) (order, error) { return order{Cents: cents}, nil }))
	}
	serve(t, answer(1), n)
	serve(t, answer(2), n, natsmediator.Version(2))
	for major := 1; major <= 2; major++ {
		o, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Version(major))), place{})
		require.NoError(t, err)
		require.Equal(t, major, o.Cents)
	}
	_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Version(3))), place{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
}

func TestNamespacesAreApart(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	serve(t, wired(t, mediator.Handle(placed)), n)
	other := connect(t, n, natsmediator.Namespace("other"))
	_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](other, "shop")), place{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
}

func TestNamesThatNATSDoesNotTake(t *testing.T) {
	n := embed(t)
	for _, name := range []string{"a b", "a.*", ">", "..", "naïve", "per%cent", "tab\tand\nline", "a.b.c", "x%20y"} {
		service := wired(t, mediator.Handle(func(context.Context, place) (order, error) { return order{SKU: name}, nil }, mediator.Named(name)))
		s, err := natsmediator.Serve(t.Context(), service, n, "shop")
		require.NoError(t, err, name)
		o, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Named(name))), place{})
		require.NoError(t, err, name)
		require.Equal(t, name, o.SKU)
		require.NoError(t, s.Close(t.Context()))
	}
}

func TestServeOffersWhatIsHandledHere(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(placed)), n)
	middle := wired(t,
		natsmediator.Remote[place](n, "shop"),
		mediator.HandleCommand(func(context.Context, ship) error { return nil }),
	)
	s, err := natsmediator.Serve(t.Context(), middle, n, "middle")
	require.NoError(t, err)
	_, err = mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "middle")), place{})
	require.ErrorIs(t, err, mediator.ErrNoHandler, "it would go round in circles")
	require.NoError(t, mediator.Exec(t.Context(), wired(t, natsmediator.Remote[ship](n, "middle")), ship{}))
	require.NoError(t, s.Close(t.Context()))

	for want, opts := range map[string][]natsmediator.ServeOption{
		`Only("shop.Place"): it is handled by another service itself`: {natsmediator.Only("shop.Place")},
		`Only("Ship"): no handler; there are shop.Ship`:               {natsmediator.Only("Ship")},
	} {
		_, err := natsmediator.Serve(t.Context(), middle, n, "middle", opts...)
		require.ErrorContains(t, err, want)
	}
	_, err = natsmediator.Serve(t.Context(), wired(t, natsmediator.Remote[place](n, "shop")), n, "middle")
	require.ErrorContains(t, err, "the mediator handles no request and no stream itself")
	_, err = natsmediator.Serve(t.Context(), middle, n, "mid.dle")
	require.ErrorContains(t, err, "has to be made of letters")
	_, err = natsmediator.Serve(t.Context(), nil, n, "middle")
	require.ErrorContains(t, err, "the mediator is nil")
	_, err = natsmediator.Serve(t.Context(), middle, nil, "middle")
	require.ErrorContains(t, err, "the node is nil")
}

func TestOnlyOffersASelection(t *testing.T) {
	n := embed(t)
	service := wired(t, mediator.Handle(placed), mediator.HandleCommand(func(context.Context, ship) error { return nil }))
	serve(t, service, n, natsmediator.Only("shop.Ship"))
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.Remote[ship](n, "shop"))
	require.NoError(t, mediator.Exec(t.Context(), m, ship{}))
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
}

func TestRemoteOptionsThatMakeNoSense(t *testing.T) {
	n := embed(t)
	for want, f := range map[string]func(){
		"Remote: the name \"a b\"":                             func() { natsmediator.Remote[place](n, "a b") },
		"Remote: the node is nil":                              func() { natsmediator.Remote[place](nil, "shop") },
		"Remote: option 1 of 1 is nil":                         func() { natsmediator.Remote[place](n, "shop", nil) },
		"Remote: Encoding: unknown content type \"x/y\"":       func() { natsmediator.Remote[place](n, "shop", natsmediator.Encoding("x/y")) },
		"Remote: Window and Heartbeat make no sense":           func() { natsmediator.Remote[place](n, "shop", natsmediator.Window(1)) },
		"RemoteStream: Timeout makes no sense on a stream":     func() { natsmediator.RemoteStream[count](n, "shop", natsmediator.Timeout(1)) },
		"Window(0): it has to be from 1 to 4096":               func() { natsmediator.Window(0) },
		"Heartbeat(1ns): it has to be from 10ms to 1m0s":       func() { natsmediator.Heartbeat(1) },
		"Version(0): it has to be positive":                    func() { natsmediator.Version(0) },
		"Timeout(-1ns): it has to be positive":                 func() { natsmediator.Timeout(-1) },
		"Concurrency(0): it has to be positive":                func() { natsmediator.Concurrency(0) },
		"Queue(-1): it must not be negative":                   func() { natsmediator.Queue(-1) },
		"Streams(0): it has to be positive":                    func() { natsmediator.Streams(0) },
		"Serve: option 1 of 1 is nil":                          func() { _, _ = natsmediator.Serve(t.Context(), wired(t), n, "shop", nil) },
		"Codecs: the content type \"A/B\" is no media type in": func() { natsmediator.Codecs(oddCodec{}) },
	} {
		want = "natsmediator: " + want
		require.PanicsWithValue(t, panicText{want}, func() {
			defer func() { panic(panicText{recover()}.from(want)) }()
			f()
		})
	}
}

type oddCodec struct{ natsmediator.Codec }

func (oddCodec) ContentType() string { return "A/B" }

// goexiting returns a mediator whose requests are handled one at a time, and whose
// handler ends its goroutine if it is asked to, once it has been told to go on.
func goexiting(t *testing.T, n *natsmediator.Node, first chan struct{}) *mediator.Mediator {
	serve(t, wired(t, mediator.Handle(func(_ context.Context, q place) (order, error) {
		if q.SKU == "goexit" {
			first <- struct{}{}
			<-first
			runtime.Goexit()
		}
		return order{}, nil
	})), n, natsmediator.Concurrency(1))
	return wired(t, natsmediator.Remote[place](n, "shop"))
}

// anything is a request whose response may be nil.
type anything struct {
	mediator.Returns[any] `json:"-"`
	Value                 any
}

func TestResponseThatIsANilInterface(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(func(_ context.Context, q anything) (any, error) { return q.Value, nil })), n)
	m := wired(t, natsmediator.Remote[anything](n, "shop"))
	for _, v := range []any{nil, "", "text", 1.5, []any{}} {
		got, err := mediator.Send(t.Context(), m, anything{Value: v})
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
}
