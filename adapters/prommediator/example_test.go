package prommediator_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// charged is a Recorder that has seen a call.
func charged(bs ...mediator.Behavior) *behaviors.Recorder {
	recorder := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(append(bs, recorder)...), mediator.Handle(handle, mediator.Named("billing.charge")))
	if err != nil {
		panic(err)
	}
	if _, err := mediator.Send(traced("4bf92f35"), m, charge{Cents: 5}); err != nil {
		panic(err)
	}
	return recorder
}

// gathered is what a registry with c exports by the name.
func gathered(c prometheus.Collector, name string) *dto.MetricFamily {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	all, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	i := slices.IndexFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	return all[i]
}

func ExampleNewCollector() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prommediator.NewCollector(charged()))
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		fmt.Println(f.GetName())
	}
	// Output:
	// fsmediator_call_duration_seconds
	// fsmediator_calls_in_flight
	// fsmediator_calls_started_total
	// fsmediator_readings_left_out
	// fsmediator_sources_unwatched_total
}

func ExampleConstLabels() {
	registry := prometheus.NewRegistry()
	for _, shop := range []string{"north", "south"} {
		registry.MustRegister(prommediator.NewCollector(charged(), prommediator.ConstLabels(prometheus.Labels{"shop": shop})))
	}
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	fmt.Println(len(families[1].GetMetric()), "shops")
	// Output: 2 shops
}

func ExampleBuckets() {
	c := prommediator.NewCollector(charged(), prommediator.Buckets(0.1, 1, 10))
	h := gathered(c, "fsmediator_call_duration_seconds").GetMetric()[0].GetHistogram()
	for _, b := range h.GetBucket() {
		fmt.Println(b.GetUpperBound())
	}
	// Output:
	// 0.1
	// 1
	// 10
}

func ExampleDefaultBuckets() {
	fmt.Println(prommediator.DefaultBuckets())
	// Output: [1e-05 5e-05 0.0001 0.0005 0.001 0.005 0.01 0.05 0.1 0.5 1 5 10 60]
}

func ExampleClassicOnly() {
	c := prommediator.NewCollector(charged(), prommediator.ClassicOnly())
	h := gathered(c, "fsmediator_call_duration_seconds").GetMetric()[0].GetHistogram()
	fmt.Println(len(h.GetBucket()), len(h.GetPositiveSpan()))
	// Output: 14 0
}

func ExampleMaxReadings() {
	recorder := behaviors.NewRecorder()
	recorder.Watch(&source{
		{Behavior: "cache", Name: "hits", Scope: "a", Value: 1},
		{Behavior: "cache", Name: "hits", Scope: "b", Value: 2},
	})
	c := prommediator.NewCollector(recorder, prommediator.MaxReadings(1))
	fmt.Println(gathered(c, "fsmediator_readings_left_out").GetMetric()[0].GetGauge().GetValue())
	// Output: 1
}

func ExampleNewExemplars() {
	exemplars := prommediator.NewExemplars(func(ctx context.Context) map[string]string {
		id, ok := ctx.Value(traceKey{}).(string) // whatever the tracing library has
		if !ok {
			return nil
		}
		return map[string]string{"trace_id": id}
	})
	c := prommediator.NewCollector(charged(exemplars), prommediator.ShowExemplars(exemplars))
	for _, m := range gathered(c, "fsmediator_call_duration_seconds").GetMetric() {
		for _, e := range m.GetHistogram().GetExemplars() {
			fmt.Println(e.GetLabel()[0].GetName(), e.GetLabel()[0].GetValue())
		}
	}
	// Output: trace_id 4bf92f35
}

func ExampleShowExemplars() {
	exemplars := prommediator.NewExemplars(traceOf)
	c := prommediator.NewCollector(charged(exemplars), prommediator.ShowExemplars(exemplars), prommediator.ClassicOnly(), prommediator.Buckets(3600))
	for _, m := range gathered(c, "fsmediator_call_duration_seconds").GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			if e := b.GetExemplar(); e != nil {
				fmt.Println(b.GetUpperBound(), e.GetLabel()[0].GetValue())
			}
		}
	}
	// Output: 3600 4bf92f35
}
