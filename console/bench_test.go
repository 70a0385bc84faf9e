package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// BenchmarkSend measures a Send while the console is open in a number of tabs, each
// with a connection of its own. That of 10 tabs should be less than 5 % slower than
// that of none; look at several runs by turns, -count 10, for the machine drifts by
// more than that.
func BenchmarkSend(b *testing.B) {
	for _, tabs := range []int{0, 10} {
		b.Run(fmt.Sprintf("tabs=%d", tabs), func(b *testing.B) {
			store := deadletter.NewMemory()
			opts := []mediator.Option{
				mediator.Use(behaviors.NewRecorder(), deadletter.Behavior(store), behaviors.CircuitBreaker(behaviors.BreakerConfig{})),
				mediator.Handle(handleAsk),
				mediator.HandleCommand(handleDo),
				mediator.HandleStream(handleCount),
			}
			for i := range 30 {
				opts = append(opts, mediator.Subscribe(hear, mediator.Group(fmt.Sprintf("group %d", i))))
			}
			m := newMediator(b, opts...)
			watch(b, console.Handler(m, console.DeadLetters(store)), tabs)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// watch opens tabs until the end of the benchmark.
func watch(b *testing.B, h http.Handler, tabs int) {
	server := httptest.NewServer(h)
	ctx, leave := context.WithCancel(b.Context())
	var open sync.WaitGroup
	b.Cleanup(func() {
		leave()
		open.Wait()
		server.Close()
	})
	for range tabs {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
		require.NoError(b, err)
		response, err := server.Client().Do(r)
		require.NoError(b, err)
		first := make([]byte, 1)
		_, err = response.Body.Read(first)
		require.NoError(b, err)
		open.Go(func() {
			defer func() { _ = response.Body.Close() }()
			_, _ = io.Copy(io.Discard, response.Body) // it ends with ctx
		})
	}
}

// BenchmarkSample measures what one sample of 200 messages costs, of which there is
// one a second for all pages: the time from one to the next is the least Interval and
// not counted.
func BenchmarkSample(b *testing.B) {
	var opts []mediator.Option
	for i := range 200 {
		opts = append(opts, mediator.Subscribe(hear, mediator.Group(fmt.Sprintf("group %d", i))))
	}
	m := newMediator(b, append(opts, mediator.Use(behaviors.NewRecorder()))...)
	require.NoError(b, mediator.Publish(b.Context(), m, told{}))
	h := console.Handler(m, console.Interval(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		p := &discard{header: http.Header{}}
		ctx, leave := context.WithCancel(b.Context())
		p.leave = leave
		h.ServeHTTP(p, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
	}
}

// discard is a page that leaves with its first sample.
type discard struct {
	header http.Header
	leave  context.CancelFunc
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) Flush()                      { d.leave() }
