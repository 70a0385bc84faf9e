package prommediator_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	"github.com/fsmediator/mediator/behaviors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

type traceKey struct{}

func traced(id string) context.Context {
	return context.WithValue(context.Background(), traceKey{}, id)
}

func traceOf(ctx context.Context) map[string]string {
	id, ok := ctx.Value(traceKey{}).(string)
	if !ok {
		return nil
	}
	return map[string]string{"trace_id": id}
}

// traces returns the traces that a histogram's classic buckets show.
func traces(h *dto.Histogram) (ids []string) {
	for _, b := range h.GetBucket() {
		if e := b.GetExemplar(); e != nil {
			ids = append(ids, e.GetLabel()[0].GetValue())
		}
	}
	return ids
}

func TestExemplarsShowTheTrace(t *testing.T) {
	recorder, exemplars := behaviors.NewRecorder(), prommediator.NewExemplars(traceOf)
	m := newMediator(t, mediator.Use(exemplars, recorder), mediator.Handle(handle))
	registry := registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars), prommediator.Buckets(3600)))
	send(t, m, 1)
	got := scrape(t, registry, expfmt.TypeProtoDelim)
	require.Empty(t, traces(one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "succeeded"}).GetHistogram()))

	for id, cents := range map[string]int{"good": 1, "bad": -1} {
		_, err := mediator.Send(traced(id), m, charge{Cents: cents})
		require.Equal(t, cents < 0, err != nil)
	}
	got = scrape(t, registry, expfmt.TypeProtoDelim)
	for ending, id := range map[model.LabelValue]string{"succeeded": "good", "failed": "bad"} {
		h := one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": ending}).GetHistogram()
		require.Equal(t, []string{id}, traces(h))
		require.Len(t, h.GetExemplars(), 1, "of the native histogram")
		require.LessOrEqual(t, h.GetBucket()[0].GetExemplar().GetValue(), 3600.0)
		require.Positive(t, h.GetBucket()[0].GetExemplar().GetTimestamp().GetSeconds())
	}
	body, _ := get(t, registry, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	require.Contains(t, string(body), `# {trace_id="good"}`)
}

func TestExemplarsByEnding(t *testing.T) {
	recorder, exemplars := behaviors.NewRecorder(), prommediator.NewExemplars(traceOf)
	m := newMediator(t, mediator.Use(exemplars, recorder),
		mediator.Handle(func(_ context.Context, c charge) (int, error) {
			if c.Cents == 0 {
				runtime.Goexit()
			}
			panic("out of paper")
		}), mediator.HandleStream(tick))
	require.PanicsWithValue(t, "out of paper", func() { _, _ = mediator.Send(traced("panic"), m, charge{Cents: 1}) })
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = mediator.Send(traced("goexit"), m, charge{}) })
	wg.Wait()
	for range mediator.Stream(traced("break"), m, ticks{N: 2}) {
		break
	}
	require.PanicsWithValue(t, "the consumer's", func() {
		for range mediator.Stream(traced("consumer"), m, ticks{N: 2}) {
			panic("the consumer's")
		}
	})
	duration := scrape(t, registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars), prommediator.Buckets(3600))), expfmt.TypeProtoDelim)["fsmediator_call_duration_seconds"]
	for ending, id := range map[model.LabelValue]string{"panicked": "panic", "exited": "goexit", "stopped": "consumer"} {
		require.Equal(t, []string{id}, traces(one(t, duration, model.LabelSet{"ending": ending}).GetHistogram()))
	}
}

func TestExemplarsThatPrometheusRefusesAreLeftOut(t *testing.T) {
	recorder, exemplars := behaviors.NewRecorder(), prommediator.NewExemplars(traceOf)
	m := newMediator(t, mediator.Use(exemplars, recorder), mediator.Handle(handle))
	for _, id := range []string{strings.Repeat("x", 200), "\xff"} {
		_, err := mediator.Send(traced(id), m, charge{})
		require.NoError(t, err)
	}
	got := scrape(t, registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars))), expfmt.TypeProtoDelim)
	h := one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "succeeded"}).GetHistogram()
	require.EqualValues(t, 2, h.GetSampleCount())
	require.Empty(t, traces(h))
}

func TestExemplarsAreBounded(t *testing.T) {
	const names = prommediator.MaxExemplars + 10
	recorder, exemplars := behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: names}), prommediator.NewExemplars(traceOf)
	for i := range names {
		m := newMediator(t, mediator.Use(exemplars, recorder), mediator.Handle(handle, mediator.Named(fmt.Sprintf("charge.%04d", i))))
		_, err := mediator.Send(traced("any"), m, charge{})
		require.NoError(t, err)
	}
	shown := 0
	for _, m := range scrape(t, registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars), prommediator.Buckets(3600))), expfmt.TypeProtoDelim)["fsmediator_call_duration_seconds"].GetMetric() {
		shown += len(traces(m.GetHistogram()))
	}
	require.Equal(t, prommediator.MaxExemplars, shown)
}

// wrapping panics when a nil pointer to it is asked anything.
type wrapping struct{ error }

func (w *wrapping) Unwrap() error { return w.error }

func TestAStreamThatIsStoppedWithAnErrorThatPanicsWhenItIsAsked(t *testing.T) {
	recorder, exemplars := behaviors.NewRecorder(), prommediator.NewExemplars(traceOf)
	fails := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); err != nil {
			return err
		}
		return (*wrapping)(nil)
	})
	m := newMediator(t, mediator.Use(exemplars, recorder, fails), mediator.HandleStream(tick))
	registry := registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars), prommediator.Buckets(3600)))
	for range mediator.Stream(traced("left"), m, ticks{N: 3}) {
		break
	}
	got := scrape(t, registry, expfmt.TypeProtoDelim)
	require.Equal(t, []string{"left"}, traces(one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "failed"}).GetHistogram()))
}
