package health_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
)

// Quotes is a stream of prices.
type Quotes struct {
	mediator.Yields[float64]
	Symbol string
}

func quotes(ctx context.Context, q Quotes) iter.Seq2[float64, error] {
	return func(yield func(float64, error) bool) {
		for _, row := range []string{"10.5", "10.7", "n/a", "11"} {
			var price float64
			if _, err := fmt.Sscan(row, &price); err != nil {
				health.NoteError(ctx, err) // and goes on
				continue
			}
			if !yield(price, nil) {
				return
			}
		}
	}
}

// watched is a mediator with a Monitor around its stream, which is read to the end.
func watched(h *health.Monitor) {
	m, err := mediator.New(mediator.Use(h), mediator.HandleStream(quotes, mediator.Named("quotes")))
	if err != nil {
		panic(err)
	}
	for _, err := range mediator.Stream(context.Background(), m, Quotes{Symbol: "ACME"}) {
		if err != nil {
			panic(err)
		}
	}
}

func Example() {
	monitor := health.New(health.RealTime())
	m, err := mediator.New(
		mediator.Use(monitor),
		mediator.HandleStream(quotes, mediator.Named("quotes")))
	if err != nil {
		panic(err)
	}
	for range mediator.Stream(context.Background(), m, Quotes{Symbol: "ACME"}) {
		s := monitor.Snapshot().Streams[0]
		fmt.Println(s.Name, s.Status, s.Items, "items")
	}
	// Output:
	// quotes healthy 1 items
	// quotes healthy 2 items
	// quotes healthy 3 items
}

func ExampleNew() {
	c := health.LongRunning() // a preset, adjusted
	c.Stall = time.Minute
	c.Policies = append(health.DefaultPolicies(), health.Restart{})
	monitor := health.New(c)
	fmt.Println(monitor.Snapshot().Status)
	// Output: healthy
}

func ExampleMonitor_Snapshot() {
	monitor := health.New(health.Config{})
	watched(monitor)
	report := monitor.Snapshot()
	fmt.Println(len(report.Streams), "running")
	for _, s := range report.Ended {
		fmt.Println(s.Name, s.Items, "items,", s.Errors, "error")
	}
	for _, t := range report.Totals {
		fmt.Println(t.Name, t.Started, "started,", t.Failed, "failed")
	}
	// Output:
	// 0 running
	// quotes 3 items, 1 error
	// quotes 1 started, 0 failed
}

func ExampleMonitor_Handler() {
	monitor := health.New(health.Config{Checks: []health.Check{
		{Name: "database", Func: func(ctx context.Context) error { return errors.New("no connection") }},
	}})
	mux := http.NewServeMux()
	mux.Handle("/", monitor.Handler())
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Print(path, " ", w.Code, " ", w.Body)
	}
	// Output:
	// /livez 200 ok
	// /readyz 503 not ready
	// /healthz 503 unhealthy
}

func ExampleMonitor_AddCheck() {
	monitor := health.New(health.Config{})
	monitor.AddCheck(health.Check{Name: "cache", Optional: true, Func: func(ctx context.Context) error { return errors.New("cold") }})
	w := httptest.NewRecorder()
	monitor.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	c := monitor.Snapshot().Components[0]
	fmt.Println(w.Code, c.Name, c.Status, c.Err)
	// Output: 200 cache warning cold
}

func ExampleMonitor_SetReady() {
	monitor := health.New(health.Config{})
	monitor.SetReady(false) // until the caches are warm
	fmt.Println(monitor.Snapshot().Ready)
	monitor.SetReady(true)
	fmt.Println(monitor.Snapshot().Ready)
	// Output:
	// false
	// true
}

// The breakers of another package become components.
func ExampleSourceFunc() {
	breakers := map[string]string{"payments": "open", "stock": "closed"}
	monitor := health.New(health.Config{Sources: []health.Source{health.SourceFunc(func() iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, name := range []string{"payments", "stock"} {
				var err error
				if state := breakers[name]; state != "closed" {
					err = errors.New(state)
				}
				if !yield(name, err) {
					return
				}
			}
		}
	})}})
	for _, c := range monitor.Snapshot().Components {
		fmt.Println(c.Name, c.Status, c.Err)
	}
	// Output:
	// payments warning open
	// stock healthy <nil>
}

func ExampleReporterFunc() {
	done := make(chan struct{})
	monitor := health.New(health.Config{Interval: 10 * time.Millisecond, Reporters: []health.Reporter{
		health.ReporterFunc(func(r health.Report) {
			for _, s := range r.Ended {
				fmt.Println(s.Name, "has ended with", s.Items, "items")
				close(done)
			}
		}),
	}})
	watched(monitor)
	<-done
	// Output: quotes has ended with 3 items
}

func ExampleLog() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)) // healthy streams are at the level Debug
	monitor := health.New(health.Config{Reporters: []health.Reporter{health.Log(logger)}})
	watched(monitor)
	fmt.Println(monitor.Snapshot().Ended[0].Status)
	// Output: healthy
}

// A policy of one's own: streams that have become slow may hold less.
func ExamplePolicyFunc() {
	shrink := health.PolicyFunc(func(s health.Stream) (all []health.Adjustment) {
		if !s.Has(health.Degradation) {
			return nil
		}
		for i := range s.Queues {
			all = append(all, health.Adjustment{Action: health.SetCapacity, Queue: i, To: 16, Why: "it is slow anyway"})
		}
		return all
	})
	slow := health.Stream{Findings: []health.Finding{{Reason: health.Degradation}}, Queues: []health.Queue{{Capacity: 1024}}}
	for _, a := range shrink.Adjust(slow) {
		fmt.Println(a.Action, a.To, a.Why)
	}
	// Output: set capacity 16 it is slow anyway
}

func ExamplePacing() {
	s := health.Stream{Queues: []health.Queue{{Capacity: 100, Depth: 90, Pressure: true, Paces: true, TakenRate: 40}}}
	for _, a := range (health.Pacing{}).Adjust(s) {
		fmt.Printf("%v %v: %s\n", a.Action, a.To, a.Why)
	}
	// Output: set pace 36: 90 of 100 queued, the consumer takes 40 a second
}

func ExampleCapacity() {
	s := health.Stream{Queues: []health.Queue{{Capacity: 100, Depth: 90, Pressure: true, Configured: health.Settings{Capacity: 100}}}}
	fmt.Println(len(health.Capacity{}.Adjust(s)), "beyond what is configured")
	for _, a := range (health.Capacity{Max: 1000}).Adjust(s) {
		fmt.Println(a.Action, a.To)
	}
	s.Findings = []health.Finding{{Reason: health.HighMemory}}
	for _, a := range (health.Capacity{}).Adjust(s) {
		fmt.Println(a.Action, a.To)
	}
	// Output:
	// 0 beyond what is configured
	// set capacity 200
	// set capacity 50
}

func ExampleSampling() {
	s := health.Stream{Queues: []health.Queue{{Capacity: 100, Depth: 90, Pressure: true, Samples: true, Sample: 4}}}
	for _, a := range (health.Sampling{}).Adjust(s) {
		fmt.Println(a.Action, a.To)
	}
	// Output: set sample 8
}

func ExampleRestart() {
	s := health.Stream{Findings: []health.Finding{{Reason: health.Stalled, Value: 12, Limit: 10}}}
	for _, a := range (health.Restart{}).Adjust(s) {
		fmt.Println(a.Action, "because", a.Why)
	}
	// Output: interrupt because stalled: 12s, limit 10s
}

func ExampleFinding_String() {
	for _, f := range []health.Finding{
		{Reason: health.LowThroughput, Value: 8.5, Limit: 100},
		{Reason: health.HighMemory, Value: 80 << 20, Limit: 50 << 20},
		{Reason: health.HighErrorRate, Value: .125, Limit: .01},
		{Reason: health.Exhaustion, Value: .4, Limit: .1},
		{Reason: health.Exhaustion, Value: 1, Limit: 1},
		{Reason: health.Failure, Err: errors.New("connection lost")},
	} {
		fmt.Println(f)
	}
	// Output:
	// low throughput: 8.5/s, limit 100/s
	// high memory: 80 MiB more, limit 50 MiB
	// high error rate: 12.5%, limit 1%
	// exhaustion: 40% dropped, limit 10%
	// exhaustion: a queue stays full
	// error: connection lost
}

func ExampleNoteError() {
	monitor := health.New(health.Config{})
	watched(monitor) // quotes notes that a row is malformed
	fmt.Println(monitor.Snapshot().Ended[0].Errors)
	// Output: 1
}
