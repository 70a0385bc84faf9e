package mediatortest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
)

// The messages of [Transport].
type (
	// Ask is a request.
	Ask struct {
		mediator.Returns[Answer]
		Text   string
		Number int64
		List   []string
	}
	// Answer is its response.
	Answer struct {
		Text   string
		Number int64
		List   []string
	}
	// Tell is a command.
	Tell struct {
		mediator.Command
		Text string
	}
	// Count is a stream request, for the numbers from 0 to below Items.
	Count struct {
		mediator.Yields[Answer]
		Items int
	}
)

// Transport tests that requests, commands and streams behave the same wherever
// their handlers are: each promise of Send, Exec and Stream, in a subtest. connect
// returns a mediator by which [Ask], [Tell] and [Count] reach handlers, which are
// what the Option wires: for an adapter, in another mediator. connect ends what it
// makes by t.Cleanup.
func Transport(t *testing.T, connect func(t testing.TB, handlers mediator.Option) *mediator.Mediator) {
	for _, c := range transportChecks {
		t.Run(c.name, func(t *testing.T) {
			far := &farSide{ended: make(chan error, 16), reached: make(chan struct{}, 16)}
			c.check(&transportTest{TB: t, m: connect(t, far.handlers()), far: far, ctx: t.Context(), patience: patience})
		})
	}
}

var transportChecks = []struct {
	name  string
	check func(t *transportTest)
}{
	{"ResponsesComeBack", checkAnswers},
	{"ManyAtOnce", checkManyAtOnce},
	{"ErrorsComeBack", checkErrors},
	{"CancelReachesTheHandler", checkCancel},
	{"DeadlineReachesTheHandler", checkDeadline},
	{"StreamsAreWholeAndInOrder", checkWholeStream},
	{"AStreamsErrorComesLastAndOnce", checkStreamError},
	{"EachRangeIsARun", checkRanges},
	{"LeavingAStreamEndsTheHandler", checkLeaving},
	{"CancelEndsAStream", checkStreamCancel},
}

// What the handlers do on demand.
const (
	askFull = "full" // fail with mediator.ErrQueueFull
	askWait = "wait" // wait for the end of the context
	askTime = "time" // answer with the milliseconds that are left, -1 without a deadline
)

// farSide is the handlers.
type farSide struct {
	reached chan struct{} // a handler waits
	ended   chan error    // why the context of a handler that waited has ended
}

func (s *farSide) handlers() mediator.Option {
	return mediator.Options(mediator.Handle(s.ask), mediator.HandleCommand(s.tell), mediator.HandleStream(s.count))
}

func (s *farSide) wait(ctx context.Context) error {
	s.reached <- struct{}{}
	<-ctx.Done()
	s.ended <- ctx.Err()
	return ctx.Err()
}

func (s *farSide) ask(ctx context.Context, q Ask) (Answer, error) {
	switch q.Text {
	case askFull:
		return Answer{}, mediator.ErrQueueFull
	case askWait:
		return Answer{}, s.wait(ctx)
	case askTime:
		left := int64(-1)
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline).Milliseconds()
		}
		return Answer{Number: left}, nil
	}
	return Answer{Text: q.Text, Number: q.Number, List: q.List}, nil
}

func (s *farSide) tell(ctx context.Context, c Tell) error {
	_, err := s.ask(ctx, Ask{Text: c.Text})
	return err
}

// count fails behind the items if their number is odd, and waits behind them if it
// is negative.
func (s *farSide) count(ctx context.Context, q Count) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		for i := range max(q.Items, -q.Items) {
			if !yield(Answer{Text: "item", Number: int64(i)}, nil) {
				s.ended <- ctx.Err()
				return
			}
		}
		switch {
		case q.Items < 0:
			yield(Answer{}, s.wait(ctx))
		case q.Items%2 == 1:
			yield(Answer{}, mediator.ErrQueueFull)
		}
	}
}

// transportTest is a mediator whose handlers may be far away.
type transportTest struct {
	testing.TB
	m        *mediator.Mediator
	far      *farSide
	ctx      context.Context
	patience time.Duration
}

func (t *transportTest) wantIs(what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: want an error that is %q, got %v", what, target, err)
	}
}

// waitFor receives from c, or fails.
func waitFor[T any](t *transportTest, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(t.patience):
		t.Fatalf("%s: nothing for %v", what, t.patience)
	}
	return v
}

func checkAnswers(t *transportTest) {
	for _, q := range []Ask{{}, {Text: "å∫ç \x00 <>&\"", Number: -1 << 53, List: []string{"", "a"}}} {
		got, err := mediator.Send(t.ctx, t.m, q)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Answer{Text: q.Text, Number: q.Number, List: q.List}); !reflect.DeepEqual(want, got) {
			t.Fatalf("want %+v, got %+v", want, got)
		}
	}
	if err := mediator.Exec(t.ctx, t.m, Tell{Text: "x"}); err != nil {
		t.Fatal(err)
	}
}

func checkManyAtOnce(t *transportTest) {
	var all sync.WaitGroup
	for i := range int64(64) {
		all.Go(func() {
			if got, err := mediator.Send(t.ctx, t.m, Ask{Number: i}); err != nil || got.Number != i {
				t.Errorf("want %d, got %d, %v", i, got.Number, err)
			}
		})
	}
	all.Wait()
}

func checkErrors(t *transportTest) {
	_, err := mediator.Send(t.ctx, t.m, Ask{Text: askFull})
	t.wantIs("Send", err, mediator.ErrQueueFull)
	t.wantIs("Exec", mediator.Exec(t.ctx, t.m, Tell{Text: askFull}), mediator.ErrQueueFull)
}

func checkCancel(t *transportTest) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	over := make(chan error, 1)
	go func() {
		_, err := mediator.Send(ctx, t.m, Ask{Text: askWait})
		over <- err
	}()
	waitFor(t, "the handler is reached", t.far.reached)
	cancel()
	t.wantIs("the caller", waitFor(t, "the caller", over), context.Canceled)
	t.wantIs("the handler", waitFor(t, "the handler", t.far.ended), context.Canceled)
}

func checkDeadline(t *transportTest) {
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	got, err := mediator.Send(ctx, t.m, Ask{Text: askTime})
	if err != nil || got.Number < 1 || got.Number > time.Minute.Milliseconds() {
		t.Fatalf("want at most a minute, got %d ms, %v", got.Number, err)
	}
	ctx, cancel = context.WithTimeout(t.ctx, 50*time.Millisecond)
	defer cancel()
	_, err = mediator.Send(ctx, t.m, Ask{Text: askWait})
	t.wantIs("the caller", err, context.DeadlineExceeded)
	if waitFor(t, "the handler", t.far.ended) == nil {
		t.Fatal("the handler's context has not ended")
	}
}

// read ranges over a stream, and returns how many items came and the error.
func (t *transportTest) read(ctx context.Context, q Count, each func(n int)) (n int, end error) {
	t.Helper()
	for item, err := range mediator.Stream(ctx, t.m, q) {
		switch {
		case end != nil:
			t.Fatalf("behind the error came %+v, %v", item, err)
		case err != nil:
			end = err
		case item.Number != int64(n) || item.Text != "item":
			t.Fatalf("item %d is %+v", n, item)
		default:
			n++
			each(n)
		}
	}
	return n, end
}

func checkWholeStream(t *transportTest) {
	for _, items := range []int{0, 2, 3000} {
		if n, err := t.read(t.ctx, Count{Items: items}, func(int) {}); n != items || err != nil {
			t.Fatalf("want %d items, got %d, %v", items, n, err)
		}
	}
}

func checkStreamError(t *transportTest) {
	for _, items := range []int{1, 301} {
		n, err := t.read(t.ctx, Count{Items: items}, func(int) {})
		t.wantIs("the end", err, mediator.ErrQueueFull)
		if n != items {
			t.Fatalf("want %d items ahead of the error, got %d", items, n)
		}
	}
}

func checkRanges(t *transportTest) {
	s := mediator.Stream(t.ctx, t.m, Count{Items: 4})
	for range 2 {
		n := 0
		for _, err := range s {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 4 {
			t.Fatalf("want 4 items, got %d", n)
		}
	}
}

func checkLeaving(t *transportTest) {
	for _, err := range mediator.Stream(t.ctx, t.m, Count{Items: 1 << 30}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if waitFor(t, "the handler", t.far.ended) == nil {
		t.Fatal("the handler's context has not ended")
	}
}

func checkStreamCancel(t *transportTest) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	n, over := 0, make(chan error, 1)
	go func() {
		var end error
		for _, err := range mediator.Stream(ctx, t.m, Count{Items: -2}) {
			if end = err; err != nil {
				continue
			}
			if n++; n == 2 {
				cancel()
			}
		}
		over <- end
	}()
	t.wantIs("the end", waitFor(t, "the stream", over), context.Canceled)
	if n != 2 {
		t.Fatalf("want 2 items, got %d", n)
	}
}
