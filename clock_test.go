package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// sharer promises to take no time.
type sharer struct{ mediator.Behavior }

func (sharer) ScopedCall() bool  { return true }
func (sharer) SharesClock() bool { return true }

// clocked is readings of the clock of calls, before and after what it is around.
type clocked []time.Duration

// note notes the clock and then lets a second pass, unseen.
func (w *clocked) note(c mediator.Call) {
	*w = append(*w, c.Now())
	time.Sleep(time.Second)
}

// seconds is what the noted readings are after the first.
func (w *clocked) seconds() (all []float64) {
	for _, at := range *w {
		all = append(all, (at - (*w)[0]).Seconds())
	}
	*w = nil
	return all
}

func (w *clocked) behavior() mediator.Behavior {
	return sharer{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		w.note(c)
		err := next(ctx, c)
		w.note(c)
		return err
	})}
}

func TestBehaviorsShareAReadingOfTheClock(t *testing.T) {
	var w clocked
	waits := sharer{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		c.Waited()
		err := next(ctx, c)
		c.Waited()
		return err
	})}
	fails := sharer{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return errors.Join(next(ctx, c), next(ctx, c))
	})}
	recovers := confined{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return retried(func() error { return next(ctx, c) })
	})}
	for name, c := range map[string]struct {
		between []mediator.Behavior
		panics  bool
		want    []float64 // outer and inner before the handler, inner and outer after it
	}{
		"directly":                        {want: []float64{0, 0, 3, 3}},
		"through another that shares":     {between: []mediator.Behavior{sharer{noop}}, want: []float64{0, 0, 3, 3}},
		"through one that waits":          {between: []mediator.Behavior{waits}, want: []float64{0, 1, 3, 4}},
		"through one that may take time":  {between: []mediator.Behavior{scoped{noop}}, want: []float64{0, 1, 3, 4}},
		"two that may":                    {between: []mediator.Behavior{scoped{noop}, scoped{noop}}, want: []float64{0, 1, 3, 4}},
		"a panic through one that may":    {between: []mediator.Behavior{recovers}, panics: true, want: []float64{0, 1, 3}},
		"with one that may keep the Call": {between: []mediator.Behavior{noop}, want: []float64{0, 1, 3, 4}},
		// The handler runs twice; the second time the inner one goes by what the first left.
		"two runs": {between: []mediator.Behavior{fails}, want: []float64{0, 0, 3, 3, 6, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outer, inner := w.behavior(), w.behavior()
				m := newMediator(t, mediator.Use(outer), mediator.Use(c.between...), mediator.Use(inner), mediator.Handle(func(context.Context, get[int]) (int, error) {
					time.Sleep(time.Second)
					if c.panics {
						panic("oh no")
					}
					return 1, nil
				}))
				for range 3 { // a call begins with a reading of its own
					_, err := mediator.Send(t.Context(), m, get[int]{})
					require.Equal(t, c.panics, err != nil)
					require.Equal(t, c.want, w.seconds())
				}
			})
		})
	}
}

// Streams have items that come at any time, and a Call that belongs to nothing has no
// one to share with.
func TestTheClockIsNotSharedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w clocked
		m := newMediator(t, mediator.Use(w.behavior(), w.behavior()), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { yield(1, nil) }
		}))
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
		}
		require.Equal(t, []float64{0, 1, 2, 3}, w.seconds())
		w.note(mediator.Call{})
		mediator.Call{}.Waited()
		w.note(mediator.Call{})
		require.Equal(t, []float64{0, 1}, w.seconds())
	})
}

// What one behavior measures is right whatever the others promise.
func TestNowMeasuresWhatIsInside(t *testing.T) {
	slow := func(answer bool) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			c.Now()
			time.Sleep(time.Second)
			if answer {
				return c.SetResponse(1)
			}
			return next(ctx, c)
		})
	}
	forks := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		return errors.Join(err, next(ctx, fork), c.SetResponse(fork.Response()))
	})
	for name, tc := range map[string]struct {
		outside, inside []mediator.Behavior
		took            time.Duration
	}{
		"one that takes its time, innermost":     {outside: []mediator.Behavior{sharer{noop}}, inside: []mediator.Behavior{scoped{slow(false)}}, took: 2 * time.Second},
		"one that answers in place of the next":  {outside: []mediator.Behavior{sharer{noop}}, inside: []mediator.Behavior{scoped{slow(true)}}, took: time.Second},
		"one that answers, outside of a sharer":  {inside: []mediator.Behavior{scoped{slow(true)}, sharer{noop}}, took: time.Second},
		"one that answers, alone":                {inside: []mediator.Behavior{scoped{slow(true)}}, took: time.Second},
		"one that forks":                         {inside: []mediator.Behavior{sharer{forks}, sharer{noop}}, took: time.Second},
		"the outermost takes its time":           {outside: []mediator.Behavior{scoped{slow(false)}, sharer{noop}}, took: time.Second},
		"one that keeps its Call, and so guards": {outside: []mediator.Behavior{sharer{noop}}, inside: []mediator.Behavior{slow(true)}, took: time.Second},
	} {
		for _, shares := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", sharing ", shares), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var took time.Duration
					measure := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
						begun := c.Now()
						err := next(ctx, c)
						took = c.Now() - begun
						return err
					})
					promised := mediator.Behavior(scoped{measure})
					if shares {
						promised = sharer{measure}
					}
					m := newMediator(t, mediator.Use(tc.outside...), mediator.Use(promised), mediator.Use(tc.inside...), mediator.Handle(func(context.Context, get[int]) (int, error) {
						time.Sleep(time.Second)
						return 1, nil
					}))
					for range 2 {
						_, err := mediator.Send(t.Context(), m, get[int]{})
						require.NoError(t, err)
						require.Equal(t, tc.took, took)
					}
				})
			})
		}
	}
}
