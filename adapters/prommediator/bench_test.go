package prommediator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkCollect is the cost of a scrape, without its encoding, by the number of
// messages.
func BenchmarkCollect(b *testing.B) {
	for _, messages := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			recorder := behaviors.NewRecorder()
			for i := range messages {
				send(b, newMediator(b, mediator.Use(recorder), mediator.Handle(handle, mediator.Named(fmt.Sprint("charge.", i)))), 1, 2, -1)
			}
			c := prommediator.NewCollector(recorder)
			b.ReportAllocs()
			for b.Loop() {
				metrics := make(chan prometheus.Metric)
				go func() {
					c.Collect(metrics)
					close(metrics)
				}()
				for range metrics {
				}
			}
		})
	}
}

// BenchmarkSend is the cost of a request: without anything, with a Recorder, and
// with exemplars around it of calls without a trace and of calls with one.
func BenchmarkSend(b *testing.B) {
	for _, bench := range []struct {
		name string
		ctx  context.Context
		bs   []mediator.Behavior
	}{
		{"none", context.Background(), nil},
		{"recorder", context.Background(), []mediator.Behavior{behaviors.NewRecorder()}},
		{"untraced", context.Background(), []mediator.Behavior{prommediator.NewExemplars(traceOf), behaviors.NewRecorder()}},
		{"traced", traced("4bf92f35"), []mediator.Behavior{prommediator.NewExemplars(traceOf), behaviors.NewRecorder()}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := newMediator(b, mediator.Use(bench.bs...), mediator.Handle(handle))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mediator.Send(bench.ctx, m, charge{Cents: 7}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
