package console_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// wiring and sample are the events, as a page reads them.
type wiring struct {
	Routes []struct {
		Kind, Name, Group, Handler, Message, Gives string
		Relay, Interface, Recorded                 bool
		Behaviors                                  []struct {
			Name, Type, ID string
			Some           bool
		}
	}
	Breakers []struct {
		ID     string
		Routes []string
	}
	Recorder, Monitor bool
}

type figures struct {
	Rate, Errors, Items                 *float64
	P50, P99                            *int64
	InFlight, Calls, Failed, ItemsTotal uint64
	Endings                             map[string]uint64
}

type sample struct {
	Time          int64
	First, Closed bool
	Total, Rest   *figures
	Routes        []*figures
	Readings      map[string][]struct {
		Scope, Name, State string
		Value              float64
	}
	Breakers []struct {
		ID, State string
		More      int
		Circuits  []struct {
			Key, State          string
			Bytes               []byte
			Since, Retry        int64
			Successes, Failures int
			Changes, Rejected   uint64
		}
	}
	Streams struct {
		Running []struct {
			ID, Name, Status string
			Findings         []string
			Started          int64
			Items            uint64
			Rate             *float64
			Queued, Pressure bool
			Depth, Capacity  int
			Dropped, Skipped uint64
		}
		More       int
		Status     string
		Components []struct{ Name, Status, Error string }
	}
	Letters *struct {
		Count int
		Error string
	}
	Problems []string
}

func (w wiring) names() (all []string) {
	for _, r := range w.Routes {
		name := r.Kind + " " + r.Name
		if r.Group != "" {
			name += " to " + r.Group
		}
		for _, b := range r.Behaviors {
			name += " > " + b.Name
		}
		all = append(all, name)
	}
	return all
}

func passOn(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) }

func askTwice(ctx context.Context, q ask, next func(context.Context, ask) (int, error)) (int, error) {
	if _, err := next(ctx, q); err != nil {
		return 0, err
	}
	return next(ctx, q)
}

func TestWiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := behaviors.NewRecorder()
		m := newMediator(t,
			mediator.Use(recorder, behaviors.Recover()),
			mediator.Handle(handleAsk, mediator.Named("<script>alert(1)</script>"), mediator.Typed(askTwice), mediator.Use(mediator.Around(passOn))),
			mediator.HandleCommand(handleDo, mediator.Use(behaviors.When(behaviors.IsKind(mediator.KindRequest), behaviors.CircuitBreaker(behaviors.BreakerConfig{})))),
			mediator.HandleStream(handleCount),
			mediator.Subscribe(hear, mediator.Group("mail")),
			mediator.Subscribe(func(context.Context, loud) error { return nil }, mediator.Group("audit")),
		)
		p := open(t, console.Handler(m))
		w := next[wiring](t, p, "wiring")
		require.Equal(t, "text/event-stream", p.header.Get("Content-Type"))
		require.Equal(t, []string{
			"request <script>alert(1)</script> > Recorder > Recover > console_test.askTwice > console_test.passOn",
			"request console_test.do > Recorder > Recover > CircuitBreaker",
			"notification console_test.loud to audit > Recorder > Recover",
			"notification console_test.told to mail > Recorder > Recover",
			"stream console_test.count > Recorder > Recover",
		}, w.names())
		require.True(t, w.Recorder)
		require.False(t, w.Monitor)
		require.Equal(t, "console_test.handleAsk", w.Routes[0].Handler)
		require.Equal(t, "int", w.Routes[0].Gives)
		require.Empty(t, w.Routes[1].Gives, "a command")
		require.True(t, w.Routes[1].Behaviors[2].Some, "for requests alone")
		require.False(t, w.Routes[1].Behaviors[1].Some)
		require.True(t, w.Routes[2].Interface)
		require.Len(t, w.Breakers, 1)
		require.Equal(t, []string{"console_test.do"}, w.Breakers[0].Routes)
		require.Equal(t, w.Routes[1].Behaviors[2].ID, w.Breakers[0].ID)
		require.Equal(t, w.Routes[0].Behaviors[0].ID, w.Routes[4].Behaviors[0].ID, "the same Recorder")

		next[sample](t, p, "sample")
		stop, err := mediator.Listen(m, hear, mediator.Group("late"))
		require.NoError(t, err)
		require.Contains(t, next[wiring](t, p, "wiring").names(), "notification console_test.told to late > Recorder > Recover")
		stop()
		require.NotContains(t, next[wiring](t, p, "wiring").names(), "notification console_test.told to late > Recorder > Recover")
	})
}

func TestWhatIsSentHasNoMarkup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Handle(handleAsk, mediator.Named("<script>alert(1)</script>\ndata: {}\n\n")))
		for e := range open(t, console.Handler(m)).events {
			require.NotContains(t, e.data, "<")
			require.NotContains(t, e.data, ">")
			if e.name == "sample" {
				return
			}
		}
	})
}

func TestTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := behaviors.NewRecorder()
		m := newMediator(t,
			mediator.Use(recorder),
			mediator.Handle(func(ctx context.Context, q ask) (int, error) { time.Sleep(10 * time.Millisecond); return q.N, nil }),
			mediator.HandleCommand(handleDo),
			mediator.HandleStream(handleCount),
			mediator.Subscribe(hear, mediator.Group("mail")),
			mediator.Subscribe(func(context.Context, loud) error { return nil }, mediator.Group("audit")),
		)
		p := open(t, console.Handler(m))
		first := next[sample](t, p, "sample")
		require.True(t, first.First)
		require.Nil(t, first.Total.Rate, "there is no sample before it")
		require.Zero(t, *next[sample](t, p, "sample").Total.Rate, "no call yet")
		for i := range 20 {
			_, err := mediator.Send(t.Context(), m, ask{N: i})
			require.NoError(t, err)
			_ = mediator.Exec(t.Context(), m, do{What: []string{"fail", ""}[i%2]})
			require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		}
		for range mediator.Stream(t.Context(), m, count{To: 30}) {
		}
		// In the order of the wiring: ask, do, loud to audit, told to mail, count.
		second := next[sample](t, p, "sample")
		require.False(t, second.First)
		require.Len(t, second.Routes, 5)
		asked, done, audit, mail, counted := second.Routes[0], second.Routes[1], second.Routes[2], second.Routes[3], second.Routes[4]
		require.InDelta(t, 20, *asked.Rate, 0.001, "in one second")
		require.Zero(t, *asked.Errors)
		require.InDelta(t, 10*time.Millisecond, *asked.P50, float64(time.Millisecond))
		require.InDelta(t, 10*time.Millisecond, *asked.P99, float64(time.Millisecond))
		require.InDelta(t, 10, *done.Errors, 0.001)
		require.Equal(t, map[string]uint64{"succeeded": 10, "failed": 10}, done.Endings)
		require.EqualValues(t, 10, done.Failed)
		require.InDelta(t, 20, *audit.Rate, 0.001, "what it gets has the name of the type")
		require.InDelta(t, 20, *mail.Rate, 0.001)
		require.InDelta(t, 30, *counted.Items, 0.001)
		require.EqualValues(t, 30, counted.ItemsTotal)
		require.InDelta(t, 81, *second.Total.Rate, 0.001)
		require.Nil(t, second.Rest)

		third := next[sample](t, p, "sample")
		require.Zero(t, *third.Routes[0].Rate)
		require.Nil(t, third.Routes[0].P50, "nothing ended")
		require.EqualValues(t, 20, third.Routes[0].Calls)
		require.Zero(t, *third.Routes[4].Items)
	})
}

func TestAnswersOfTheBusinessAreNoErrorsOfThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(behaviors.NewRecorder()), mediator.HandleCommand(func(_ context.Context, c do) error {
			if c.What == "fail" {
				return errRefused
			}
			return behaviors.Business(errRefused)
		}))
		p := open(t, console.Handler(m))
		next[sample](t, p, "sample")
		for i := range 20 {
			require.ErrorIs(t, mediator.Exec(t.Context(), m, do{What: []string{"fail", "", "", ""}[i%4]}), errRefused)
		}
		s := next[sample](t, p, "sample")
		require.Equal(t, map[string]uint64{"declined": 15, "failed": 5}, s.Routes[0].Endings, "it shows them")
		require.EqualValues(t, 5, s.Routes[0].Failed)
		require.InDelta(t, 5, *s.Routes[0].Errors, 0.001)
		require.InDelta(t, 20, *s.Routes[0].Rate, 0.001)
		require.InDelta(t, 5, *s.Total.Errors, 0.001)
	})
}

func TestFiguresWithoutARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := behaviors.NewRecorder()
		m := newMediator(t, mediator.HandleCommand(handleDo))
		other := newMediator(t, mediator.Handle(handleAsk, mediator.Use(recorder)))
		_, err := mediator.Send(t.Context(), other, ask{})
		require.NoError(t, err)

		p := open(t, console.Handler(m))
		w := next[wiring](t, p, "wiring")
		require.False(t, w.Recorder, "so the page tells how to add one")
		require.False(t, w.Routes[0].Recorded)
		s := next[sample](t, p, "sample")
		require.Nil(t, s.Routes[0])
		require.Nil(t, s.Total)

		p = open(t, console.Handler(m, console.Recorder(recorder)))
		require.True(t, next[wiring](t, p, "wiring").Recorder)
		s = next[sample](t, p, "sample")
		require.EqualValues(t, 0, s.Routes[0].Calls)
		require.EqualValues(t, 1, s.Rest.Calls)
		require.EqualValues(t, 1, s.Total.Calls)
	})
}

func TestBreakersAndReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: 10 * time.Second})
		m := newMediator(t, mediator.HandleCommand(handleDo,
			mediator.Use(behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 3}), breaker, behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Millisecond}))))
		p := open(t, console.Handler(m))
		w := next[wiring](t, p, "wiring")
		s := next[sample](t, p, "sample")
		require.Equal(t, "closed", s.Breakers[0].State)
		require.Empty(t, s.Breakers[0].Circuits)
		require.Error(t, mediator.Exec(t.Context(), m, do{What: "fail"}))
		require.ErrorIs(t, mediator.Exec(t.Context(), m, do{What: "fail"}), behaviors.ErrOpen)

		s = next[sample](t, p, "sample")
		require.Equal(t, w.Breakers[0].ID, s.Breakers[0].ID)
		require.Equal(t, "open", s.Breakers[0].State)
		circuit := s.Breakers[0].Circuits[0]
		require.Equal(t, "console_test.do", circuit.Key)
		require.Equal(t, "open", circuit.State)
		require.Positive(t, circuit.Retry)
		require.Positive(t, circuit.Rejected)
		require.EqualValues(t, 1, circuit.Changes)

		behaviorsOf := w.Routes[0].Behaviors
		require.Equal(t, "Bulkhead", behaviorsOf[0].Name)
		require.Equal(t, "running", s.Readings[behaviorsOf[0].ID][0].Name)
		retries := s.Readings[behaviorsOf[2].ID]
		require.Equal(t, "retries", retries[0].Name)
		require.Equal(t, "console_test.do", retries[0].Scope)
		require.Positive(t, retries[0].Value)
	})
}

func TestOfManyCircuitsTheOpenOnesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(c mediator.Call) string { return c.Message().(do).What }})
		m := newMediator(t, mediator.HandleCommand(handleDo, mediator.Use(breaker)))
		for i := range 150 {
			require.NoError(t, mediator.Exec(t.Context(), m, do{What: fmt.Sprintf("%03d", i)}))
		}
		breaker.Isolate("149")
		s := next[sample](t, open(t, console.Handler(m)), "sample")
		require.Len(t, s.Breakers[0].Circuits, 100)
		require.Equal(t, "149", s.Breakers[0].Circuits[0].Key)
		require.Equal(t, "000", s.Breakers[0].Circuits[1].Key)
		require.Equal(t, 50, s.Breakers[0].More)
	})
}

func TestLettersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		m := newMediator(t, mediator.HandleCommand(handleDo, mediator.Use(deadletter.Behavior(store))))
		require.Nil(t, next[sample](t, open(t, console.Handler(m)), "sample").Letters)
		p := open(t, console.Handler(m, console.DeadLetters(store)))
		require.Zero(t, next[sample](t, p, "sample").Letters.Count)
		require.Error(t, mediator.Exec(t.Context(), m, do{What: "fail"}))
		require.Equal(t, 1, next[sample](t, p, "sample").Letters.Count)
	})
}
