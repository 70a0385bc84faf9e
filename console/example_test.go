package console_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
)

// PlaceOrder is a request, and Place its handler.
type PlaceOrder struct {
	mediator.Returns[string]
	SKU string
}

func Place(_ context.Context, q PlaceOrder) (string, error) { return "order of " + q.SKU, nil }

// A server that shows the console, and ends in order: Close ends the pages that are
// open, and Shutdown waits for the requests that have begun, which are not cancelled.
func ExampleHandler() {
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second}
	m, err := mediator.New(
		mediator.Use(behaviors.NewRecorder(), behaviors.Recover()),
		mediator.Handle(Place),
		mediator.OnClose(server.Shutdown),
	)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", console.Handler(m)))
	server.Handler = mux
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	open, err := http.Get("http://" + listener.Addr().String() + "/console/events") // as the page does
	if err != nil {
		panic(err)
	}
	defer func() { _ = open.Body.Close() }()
	fmt.Println(open.StatusCode, open.Header.Get("Content-Type"))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(m.Close(ctx), errors.Is(<-served, http.ErrServerClosed))
	// Output:
	// 200 text/event-stream
	// <nil> true
}

// Only who is signed in as an operator may change anything.
func ExampleAuthorize() {
	m, err := mediator.New(mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	h := console.Handler(m, console.Authorize(func(r *http.Request, a console.Action) error {
		if user, _, _ := r.BasicAuth(); user != "operator" {
			return fmt.Errorf("ask an operator")
		}
		return nil
	}))
	fmt.Println(strings.Contains(page(h), `data-actions="true"`))
	// Output: true
}

func ExampleAction_String() {
	fmt.Println(console.Action{Op: console.Isolate, Target: "orders.Place"})
	fmt.Println(console.Action{Op: console.Reset, All: true})
	// Output:
	// isolate "orders.Place"
	// reset all keys
}

// Operators may turn the breaker of the payments, but not all its keys at once.
func ExampleAction() {
	payments := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	may := func(_ *http.Request, a console.Action) error {
		if a.Breaker != payments || a.All {
			return fmt.Errorf("not yours")
		}
		return nil
	}
	fmt.Println(may(nil, console.Action{Op: console.Isolate, Breaker: payments, Target: "visa"}))
	fmt.Println(may(nil, console.Action{Op: console.Isolate, Breaker: payments, All: true}))
	// Output:
	// <nil>
	// not yours
}

func ExampleOp_String() {
	fmt.Println(console.Redrive)
	// Output: redrive
}

// Dead letters are shown, and redriven in the trace that their headers name.
func ExampleDeadLetters() {
	store := deadletter.NewMemory()
	m, err := mediator.New(mediator.Use(deadletter.Behavior(store)), mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	h := console.Handler(m, console.DeadLetters(store, deadletter.Context(
		func(ctx context.Context, l deadletter.Letter) context.Context { return ctx })))
	fmt.Println(strings.Contains(page(h), `data-letters="true"`))
	// Output: true
}

// A Recorder that stands inside of another behavior is not found by itself.
func ExampleRecorder() {
	recorder := behaviors.NewRecorder()
	hidden := mediator.BehaviorFunc(recorder.Wrap)
	m, err := mediator.New(mediator.Use(hidden), mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(page(console.Handler(m, console.Recorder(recorder))), "<h1>Mediator</h1>"))
	// Output: true
}

func ExampleHealth() {
	monitor := health.New(health.RealTime())
	m, err := mediator.New(mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(page(console.Handler(m, console.Health(monitor))), "Running streams"))
	// Output: true
}

func ExampleInterval() {
	m, err := mediator.New(mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(page(console.Handler(m, console.Interval(5*time.Second))), "Messages"))
	// Output: true
}

func ExampleGraph() {
	m, err := mediator.New(mediator.Use(behaviors.Recover(), behaviors.Validate()), mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	fmt.Print(console.Graph(m).Mermaid())
	// Output:
	// flowchart LR
	//     m0(["console_test.PlaceOrder<br/>request for string"])
	//     p0["Recover → Validate"]
	//     h0[["console_test.Place"]]
	//     m0 --> p0
	//     p0 --> h0
}

func ExampleDiagram_Mermaid() {
	m, err := mediator.New(mediator.Handle(Place, mediator.Named("place <now>")))
	if err != nil {
		panic(err)
	}
	fmt.Print(console.Graph(m).Mermaid())
	// Output:
	// flowchart LR
	//     m0(["place #60;now#62;<br/>request for string"])
	//     h0[["console_test.Place"]]
	//     m0 --> h0
}

func ExampleDiagram_DOT() {
	m, err := mediator.New(mediator.Handle(Place))
	if err != nil {
		panic(err)
	}
	fmt.Print(strings.ReplaceAll(console.Graph(m).DOT(), "\t", "  "))
	// Output:
	// digraph mediator {
	//   rankdir=LR
	//   node [fontname="sans-serif"]
	//   edge [headport=w, tailport=e]
	//   m0 [label="console_test.PlaceOrder\nrequest for string", shape=box, style=rounded]
	//   h0 [label="console_test.Place", shape=box]
	//   m0 -> h0
	// }
}

func page(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Body.String()
}
