package behaviors_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// slowCalls returns c with an OnSlow that appends to what it returns.
func slowCalls(c behaviors.SlowConfig) (behaviors.SlowConfig, *[]behaviors.SlowCall) {
	var calls []behaviors.SlowCall
	c.OnSlow = func(_ context.Context, s behaviors.SlowCall) { calls = append(calls, s) }
	return c, &calls
}

func takes(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return err }
}

// warning over a threshold
func TestSlowWarnsOverTheThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, got := slowCalls(behaviors.SlowConfig{})
		exec := actor(t, behaviors.Slow(c))
		require.NoError(t, exec(t.Context(), takes(500*time.Millisecond, nil)))
		require.Empty(t, *got)
		require.ErrorIs(t, exec(t.Context(), takes(501*time.Millisecond, errDown)), errDown)
		require.Panics(t, func() {
			_ = exec(t.Context(), func(context.Context) error { time.Sleep(time.Second); panic("boom") })
		})
		want := behaviors.SlowCall{Kind: mediator.KindRequest, Name: actName, Reason: behaviors.SlowCompletion}
		first, second := want, want
		first.Took, first.Err = 501*time.Millisecond, errDown
		second.Took = time.Second
		require.Equal(t, []behaviors.SlowCall{first, second}, *got)
	})
}

func TestSlowWarnsOfANotificationsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, got := slowCalls(behaviors.SlowConfig{Over: time.Second})
		m := newMediator(t, mediator.Use(behaviors.Slow(c)),
			mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Group("fast")),
			mediator.Subscribe(func(context.Context, told) error { time.Sleep(time.Minute); return nil }, mediator.Group("late")))
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		require.Len(t, *got, 1)
		require.Equal(t, "late", (*got)[0].Handler)
	})
}

// streams: first item
func TestSlowWarnsOfALateFirstItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, got := slowCalls(behaviors.SlowConfig{})
		stream := counter(t, behaviors.Slow(c))
		after := func(d time.Duration, items int) func(yield func(int, error) bool) {
			return func(yield func(int, error) bool) {
				time.Sleep(d)
				for i := range items {
					if !yield(i, nil) {
						return
					}
					time.Sleep(time.Hour)
				}
			}
		}
		for range stream(after(5*time.Second, 2)) {
		}
		require.Empty(t, *got)
		for range stream(after(6*time.Second, 2)) {
		}
		for range stream(after(7*time.Second, 0)) {
		}
		require.Equal(t, []behaviors.SlowCall{
			{Kind: mediator.KindStream, Name: "behaviors_test.count", Reason: behaviors.SlowFirstItem, Took: 6 * time.Second, Items: 1},
			{Kind: mediator.KindStream, Name: "behaviors_test.count", Reason: behaviors.SlowFirstItem, Took: 7 * time.Second},
		}, *got)
	})
}

// streams: rate
func TestSlowWarnsOfALowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every := func(d time.Duration, items int) func(yield func(int, error) bool) {
			return func(yield func(int, error) bool) {
				for i := range items {
					if !yield(i, nil) {
						return
					}
					time.Sleep(d)
				}
			}
		}
		for _, run := range []struct {
			gap   time.Duration
			items int
			rate  float64
			after int // items
		}{
			{100 * time.Millisecond, 1000, 0, 0},
			{50 * time.Millisecond, 1000, 0, 0},
			{125 * time.Millisecond, 1000, 8, 101},
			{time.Second, 3, 0, 0},       // ends before it says much
			{5 * time.Second, 3, 0.2, 3}, // took as long as a batch
		} {
			c, got := slowCalls(behaviors.SlowConfig{MinRate: 10})
			for range counter(t, behaviors.Slow(c))(every(run.gap, run.items)) {
			}
			if run.rate == 0 {
				require.Empty(t, *got)
				continue
			}
			require.Len(t, *got, 1, "once a run")
			require.Equal(t, behaviors.SlowRate, (*got)[0].Reason)
			require.InDelta(t, run.rate, (*got)[0].Rate, 0.01)
			require.Equal(t, run.after, (*got)[0].Items)
		}
	})
}

// via slog
func TestSlowLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		exec := actor(t, behaviors.Slow(behaviors.SlowConfig{Logger: l}))
		require.ErrorIs(t, exec(t.Context(), takes(time.Second, errDown)), errDown)
		require.Equal(t, "level=WARN msg=\"slow call\" message=behaviors_test.act kind=request reason=completion took=1s error=down\n", out.String())
	})
}

func TestSlowAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.Slow(behaviors.SlowConfig{Over: time.Hour}))
}

func TestSlowRefusesAConfigurationThatMakesNoSense(t *testing.T) {
	requirePanics(t, "Over is -1ns", func() { behaviors.Slow(behaviors.SlowConfig{Over: -1}) })
	requirePanics(t, "MinRate -1", func() { behaviors.Slow(behaviors.SlowConfig{MinRate: -1}) })
}

func BenchmarkSlow(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("slow", func(b *testing.B) { benchSend(b, behaviors.Slow(behaviors.SlowConfig{Over: time.Hour})) })
}
