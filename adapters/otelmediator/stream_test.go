package otelmediator_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// every yields N items, one each time d has passed, and then err.
func every(d time.Duration, err error) func(context.Context, ticks) iter.Seq2[int, error] {
	return func(_ context.Context, q ticks) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.N {
				time.Sleep(d)
				if !yield(i, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
}

func TestStreamIsASpanWithEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior(otelmediator.Stall(3*time.Second))),
			mediator.HandleStream(every(2*time.Second, nil), mediator.Named("ticks")))
		n := 0
		for _, err := range mediator.Stream(t.Context(), m, ticks{N: 3}) {
			require.NoError(t, err)
			if n++; n == 2 {
				time.Sleep(5 * time.Second)
			}
		}
		s := r.span(t, "stream ticks")
		require.Equal(t, trace.SpanKindInternal, s.SpanKind)
		require.Equal(t, "stream", attrs(s.Attributes)["messaging.operation.name"])
		require.EqualValues(t, 3, attrs(s.Attributes)["fsmediator.stream.items"])
		require.Equal(t, "succeeded", attrs(s.Attributes)["fsmediator.ending"])
		require.Equal(t, map[string]any{"fsmediator.duration": 2.0}, event(t, s, "fsmediator.first_item"))
		require.Equal(t, map[string]any{"fsmediator.duration": 7.0}, event(t, s, "fsmediator.stall"))
		require.Equal(t, 11*time.Second, s.EndTime.Sub(s.StartTime))

		got := r.metrics(t)
		require.Equal(t, map[string]int64{"": 3}, sums(t, got["fsmediator.stream.items"], none))
		first := got["fsmediator.stream.first_item.duration"].Data.(metricdata.Histogram[float64]).DataPoints
		require.Len(t, first, 1)
		require.InDelta(t, 2, first[0].Sum, 1e-9)
	})
}

func TestStreamThatEndsInAStallTellsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(every(6*time.Second, errDeclined)))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for _, err := range mediator.Stream(ctx, m, ticks{N: 3}) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		s := r.span(t, "stream otelmediator_test.ticks")
		require.Equal(t, "timed out", attrs(s.Attributes)["fsmediator.ending"])
		require.EqualValues(t, 0, attrs(s.Attributes)["fsmediator.stream.items"])
		require.False(t, hasEvent(s, "fsmediator.first_item"))
		require.True(t, hasEvent(s, "fsmediator.stall"))
		require.Equal(t, codes.Error, s.Status.Code)
	})
}

func TestItemsAreCountedWhileTheStreamRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(every(300*time.Millisecond, nil)))
		var seen []int64
		for _, err := range mediator.Stream(t.Context(), m, ticks{N: 10}) {
			require.NoError(t, err)
			seen = append(seen, sums(t, r.metrics(t)["fsmediator.stream.items"], none)[""])
		}
		require.Equal(t, []int64{1, 1, 1, 1, 5, 5, 5, 5, 9, 9}, seen, "the first at once, then once a second")
		require.EqualValues(t, 10, sums(t, r.metrics(t)["fsmediator.stream.items"], none)[""])
	})
}

func TestConsumerThatLeavesIsNoError(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(every(0, nil)))
	for _, err := range mediator.Stream(t.Context(), m, ticks{N: 9}) {
		require.NoError(t, err)
		break
	}
	require.PanicsWithValue(t, "the consumer's", func() {
		for range mediator.Stream(t.Context(), m, ticks{N: 9}) {
			panic("the consumer's")
		}
	})
	spans := r.all("stream otelmediator_test.ticks")
	require.Len(t, spans, 2)
	for _, s := range spans {
		require.Equal(t, "stopped", attrs(s.Attributes)["fsmediator.ending"])
		require.NotContains(t, attrs(s.Attributes), "error.type")
		require.Equal(t, codes.Unset, s.Status.Code)
		require.EqualValues(t, 1, attrs(s.Attributes)["fsmediator.stream.items"])
		require.False(t, hasEvent(s, "exception"))
	}
}

func TestStreamThatPanicsIsAnError(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(func(context.Context, ticks) iter.Seq2[int, error] {
		return func(func(int, error) bool) { panic("the handler's") }
	}))
	require.PanicsWithValue(t, "the handler's", func() {
		for range mediator.Stream(t.Context(), m, ticks{}) {
		}
	})
	require.Equal(t, "panic", attrs(r.span(t, "stream otelmediator_test.ticks").Attributes)["error.type"])
}

func TestStreamBehindAQueueAndARetry(t *testing.T) {
	r := newRig()
	runs := 0
	boundary := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return mediator.NewQueue(mediator.QueueConfig{Capacity: 4}).Run(ctx, c, next)
	})
	retry := behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errDeclined), Stream: behaviors.SkipDelivered, OnRetry: otelmediator.OnRetry})
	m := newMediator(t, mediator.Use(r.behavior(), boundary, retry, r.behavior(otelmediator.SpansOnly())),
		mediator.HandleStream(func(ctx context.Context, q ticks) iter.Seq2[int, error] {
			if runs++; runs == 1 {
				return every(0, errDeclined)(ctx, ticks{N: q.N / 2})
			}
			return every(0, nil)(ctx, q)
		}))
	n := 0
	for _, err := range mediator.Stream(t.Context(), m, ticks{N: 1000}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1000, n)
	spans := r.all("stream otelmediator_test.ticks")
	require.Len(t, spans, 3)
	require.EqualValues(t, 500, attrs(spans[0].Attributes)["fsmediator.stream.items"])
	require.EqualValues(t, 2, attrs(spans[1].Attributes)["fsmediator.attempt"])
	require.EqualValues(t, 1000, attrs(spans[2].Attributes)["fsmediator.stream.items"])
	require.EqualValues(t, 2, event(t, spans[2], "fsmediator.retry")["fsmediator.attempt"])
}
