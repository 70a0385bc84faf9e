package console_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// moody is a store and a behavior that do not do what they should.
type moody struct {
	deadletter.Store
	counts atomic.Int64
	take   time.Duration
	err    error
	panics atomic.Bool
}

func (s *moody) Count(context.Context, deadletter.Filter) (int, error) {
	s.counts.Add(1)
	time.Sleep(s.take)
	if s.panics.Load() {
		panic("out of order")
	}
	return 0, s.err
}

func (s *moody) Wrap(next mediator.Next) mediator.Next { return next }

func (s *moody) Readings() iter.Seq[behaviors.Reading] { panic("no reading") }

func TestWhatFailsIsShownAndHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &moody{Store: deadletter.NewMemory(), err: errRefused}
		m := newMediator(t, mediator.HandleCommand(handleDo, mediator.Use(behaviors.NewRecorder(), store)))
		p := open(t, console.Handler(m, console.DeadLetters(store)))
		s := next[sample](t, p, "sample")
		require.Equal(t, "refused", s.Letters.Error)
		require.Contains(t, s.Problems, "console_test.moody panicked: no reading")
		require.Contains(t, s.Problems, "Recorder: the source *console_test.moody: panic: no reading")
		store.panics.Store(true)
		s = next[sample](t, p, "sample")
		require.Contains(t, s.Problems, "the store of dead letters panicked: out of order")
		require.Equal(t, "the store panicked", s.Letters.Error)
	})
}

// stuck is a store that does not answer until it is let go, whatever its context says.
type stuck struct {
	deadletter.Store
	goOn  chan struct{}
	asked atomic.Int64
}

func (s *stuck) Count(ctx context.Context, f deadletter.Filter) (int, error) {
	s.asked.Add(1)
	<-s.goOn
	return s.Store.Count(context.WithoutCancel(ctx), f)
}

// What a store does that does not mind its context is not to hold up who leaves, nor a
// server that is shut down: but there is never more than one count on its way.
func TestACountThatGoesOnHoldsUpNoPageThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuck{Store: deadletter.NewMemory(), goOn: make(chan struct{})}
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "x"}))
		h := console.Handler(newMediator(t), console.DeadLetters(store))
		for range 5 {
			p := open(t, h)
			next[sample](t, p, "sample")
			began := time.Now()
			p.end()
			<-p.ended
			require.LessOrEqual(t, time.Since(began), time.Second)
		}
		require.EqualValues(t, 1, store.asked.Load())
		p := open(t, h)
		require.Nil(t, next[sample](t, p, "sample").Letters)
		for range 3 {
			next[sample](t, p, "sample")
		}
		require.Equal(t, "the store does not answer", next[sample](t, p, "sample").Letters.Error)
		close(store.goOn)
		s := next[sample](t, p, "sample")
		require.Empty(t, s.Letters.Error)
		require.Equal(t, 1, s.Letters.Count)
		require.EqualValues(t, 2, store.asked.Load())
	})
}

// minding is a store that counts until its context ends.
type minding struct {
	deadletter.Store
	ended atomic.Int64
}

func (s *minding) Count(ctx context.Context, _ deadletter.Filter) (int, error) {
	<-ctx.Done()
	time.Sleep(10 * time.Millisecond)
	s.ended.Add(1)
	return 0, ctx.Err()
}

func TestACountEndsWithTheLastPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &minding{Store: deadletter.NewMemory()}
		p := open(t, console.Handler(newMediator(t), console.DeadLetters(store)))
		next[sample](t, p, "sample")
		p.end()
		<-p.ended
		require.EqualValues(t, 1, store.ended.Load(), "it is waited for")
	})
}

func TestAStoreThatDoesNotAnswerHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuck{Store: deadletter.NewMemory(), goOn: make(chan struct{})}
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "x"}))
		p := open(t, console.Handler(newMediator(t, mediator.Handle(handleAsk)), console.DeadLetters(store)))
		began := time.Now()
		require.Nil(t, next[sample](t, p, "sample").Letters, "it is not known yet")
		for range 3 {
			next[sample](t, p, "sample")
		}
		require.Less(t, time.Since(began), 4*time.Second, "a sample a second")
		require.Equal(t, "the store does not answer", next[sample](t, p, "sample").Letters.Error)
		close(store.goOn)
		s := next[sample](t, p, "sample")
		require.Empty(t, s.Letters.Error)
		require.Equal(t, 1, s.Letters.Count)
	})
}

// capricious is a behavior whose methods panic once the mediator is wired.
type capricious struct{ wired atomic.Bool }

func (c *capricious) Wrap(next mediator.Next) mediator.Next { return next }

func (c *capricious) BehaviorName() string {
	if c.wired.Load() {
		panic("no name")
	}
	return "Capricious"
}

// The sampler is a goroutine of its own: a panic there would end the program of who
// opens a page.
func TestABehaviorWithoutANameHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, breaker := new(capricious), behaviors.CircuitBreaker(behaviors.BreakerConfig{})
		m := newMediator(t, mediator.Use(b, breaker), mediator.HandleCommand(handleDo))
		b.wired.Store(true)
		p := open(t, console.Handler(m))
		require.Equal(t, []string{"request console_test.do > console_test.capricious > CircuitBreaker"}, next[wiring](t, p, "wiring").names())
		require.Contains(t, console.Graph(m).Mermaid(), "console_test.capricious → CircuitBreaker")
		s := next[sample](t, p, "sample")
		require.Equal(t, []string{"the name of a behavior panicked, so its type is shown, console_test.capricious: no name"}, s.Problems)
		require.Len(t, s.Breakers, 1)
		require.Len(t, s.Routes, 1)
		b.wired.Store(false)
		require.Equal(t, []string{"request console_test.do > Capricious > CircuitBreaker"}, next[wiring](t, p, "wiring").names())
		require.Empty(t, next[sample](t, p, "sample").Problems)
	})
}

// reader is a behavior that reads as its function does.
type reader func(yield func(behaviors.Reading) bool)

func (r *reader) Wrap(next mediator.Next) mediator.Next { return next }

func (r *reader) Readings() iter.Seq[behaviors.Reading] { return iter.Seq[behaviors.Reading](*r) }

func TestASourceThatEndsItsGoroutineHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exits := reader(func(func(behaviors.Reading) bool) { runtime.Goexit() })
		reads := reader(func(yield func(behaviors.Reading) bool) { yield(behaviors.Reading{Name: "depth", Value: 3}) })
		m := newMediator(t, mediator.Use(&exits, &reads), mediator.HandleCommand(handleDo))
		p := open(t, console.Handler(m))
		wired := next[wiring](t, p, "wiring").Routes[0].Behaviors
		for range 3 {
			s := next[sample](t, p, "sample")
			require.Equal(t, []string{"console_test.reader ended its goroutine"}, s.Problems)
			require.NotContains(t, s.Readings, wired[0].ID)
			require.Equal(t, "depth", s.Readings[wired[1].ID][0].Name)
		}
	})
}

// The page must not move when nothing has changed.
func TestProblemsHaveAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sources []mediator.Behavior
		var want []string
		for i := range 8 {
			source := reader(func(func(behaviors.Reading) bool) { panic(fmt.Sprintf("number %d", i)) })
			sources = append(sources, &source)
			want = append(want, fmt.Sprintf("console_test.reader panicked: number %d", i))
		}
		p := open(t, console.Handler(newMediator(t, mediator.Use(sources...), mediator.HandleCommand(handleDo))))
		for range 5 {
			require.Equal(t, want, next[sample](t, p, "sample").Problems)
		}
	})
}

// exiting is an error that ends who asks for its text.
type exiting struct{}

func (exiting) Error() string {
	runtime.Goexit()
	return ""
}

func TestAPanicThatCannotBeToldHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := reader(func(func(behaviors.Reading) bool) { panic(exiting{}) })
		p := open(t, console.Handler(newMediator(t, mediator.Use(&panics), mediator.HandleCommand(handleDo))))
		for range 3 {
			require.Equal(t, []string{"console_test.reader ended its goroutine"}, next[sample](t, p, "sample").Problems)
		}
	})
}

func TestASourceThatBlocksHoldsUpTheSamplesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		blocks := reader(func(func(behaviors.Reading) bool) { <-goOn })
		h := console.Handler(newMediator(t, mediator.Use(&blocks), mediator.HandleCommand(handleDo)))
		p := open(t, h)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, http.StatusOK, get(t, h, "/").Code)
		began := time.Now()
		close(goOn)
		require.GreaterOrEqual(t, began.UnixMilli()-next[sample](t, p, "sample").Time, time.Hour.Milliseconds(), "the sample that it was asked for")
		require.Empty(t, next[sample](t, p, "sample").Problems)
	})
}

func TestASlowStoreIsAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &moody{Store: deadletter.NewMemory(), take: time.Second}
		p := open(t, console.Handler(newMediator(t), console.DeadLetters(store)))
		began := time.Now()
		for time.Since(began) < 3*time.Minute {
			next[sample](t, p, "sample")
		}
		require.LessOrEqual(t, store.counts.Load(), int64(3*60/20+1), "a twentieth of the time")
		require.GreaterOrEqual(t, store.counts.Load(), int64(3))
	})
}
