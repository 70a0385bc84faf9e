package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

func TestAllPagesShareASampler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &moody{Store: deadletter.NewMemory()}
		h := console.Handler(newMediator(t), console.DeadLetters(store), console.Interval(time.Minute))
		var pages []*openPage
		for range 10 {
			p := open(t, h)
			next[wiring](t, p, "wiring")
			next[sample](t, p, "sample")
			pages = append(pages, p)
		}
		require.EqualValues(t, 1, store.counts.Load(), "who comes later is shown the sample that is there")
		for _, p := range pages {
			next[sample](t, p, "sample")
		}
		require.EqualValues(t, 2, store.counts.Load())
		for _, p := range pages {
			p.end()
			<-p.ended
		}
		time.Sleep(time.Hour)
		require.EqualValues(t, 2, store.counts.Load(), "nobody looks")
		next[sample](t, open(t, h), "sample")
		require.EqualValues(t, 3, store.counts.Load())
	})
}

func TestASlowPageSkipsSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t)
		h := console.Handler(m)
		slow, fast := open(t, h), open(t, h)
		for range 100 {
			next[sample](t, fast, "sample")
		}
		// What was on its way when it stopped reading, and then the latest.
		now := time.Now().UnixMilli()
		skipped := next[sample](t, slow, "sample")
		require.Less(t, skipped.Time, now-90_000)
		require.GreaterOrEqual(t, next[sample](t, slow, "sample").Time, now-1000)
	})
}

func TestPagesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := console.Handler(newMediator(t))
		var pages []*openPage
		for range 64 {
			p := open(t, h)
			next[sample](t, p, "sample")
			pages = append(pages, p)
		}
		w := get(t, h, "/events")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), "too many pages are open: 64")
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		pages[0].end()
		<-pages[0].ended
		next[sample](t, open(t, h), "sample")
	})
}

func TestTheHeadOfTheEventsEnds(t *testing.T) {
	server := httptest.NewServer(console.Handler(newMediator(t)))
	defer server.Close()
	defer server.CloseClientConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, server.URL+"/events", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	// A connection that is used again is one whose handler has returned.
	require.NoError(t, visit(ctx, server))
}

func TestEndsWithTheMediator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Handle(handleAsk))
		h := console.Handler(m)
		p := open(t, h)
		require.False(t, next[sample](t, p, "sample").Closed)
		require.NoError(t, m.Close(t.Context()))
		require.True(t, next[sample](t, p, "sample").Closed)
		<-p.ended

		again := open(t, h)
		require.Len(t, next[wiring](t, again, "wiring").Routes, 1, "as it was")
		require.True(t, next[sample](t, again, "sample").Closed)
		<-again.ended
	})
}

func TestComingAndGoing(t *testing.T) {
	h := console.Handler(newMediator(t, mediator.Handle(handleAsk)), console.Interval(10*time.Millisecond))
	server := httptest.NewServer(h)
	defer server.Close()
	var done []chan error
	for range 8 {
		ended := make(chan error, 1)
		done = append(done, ended)
		go func() {
			ended <- func() error {
				for range 20 {
					if err := visit(t.Context(), server); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for _, ended := range done {
		require.NoError(t, <-ended)
	}
}

// visit opens the page and leaves with the first sample.
func visit(ctx context.Context, server *httptest.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
	if err != nil {
		return err
	}
	response, err := server.Client().Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var seen []string
	readEvents(response.Body, func(e event) bool {
		seen = append(seen, e.name)
		return e.name != "sample"
	})
	if !slices.Equal(seen, []string{"wiring", "sample"}) {
		return fmt.Errorf("status %d, events %q", response.StatusCode, seen)
	}
	return nil
}

func TestAServersLimitsAreForOthers(t *testing.T) {
	server := httptest.NewUnstartedServer(console.Handler(newMediator(t), console.Interval(50*time.Millisecond)))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	samples := 0
	readEvents(response.Body, func(e event) bool {
		if e.name == "sample" {
			samples++
		}
		return samples < 6
	})
	require.Equal(t, 6, samples, "longer than the limits")
}

// unflushed is a connection through a writer that keeps all until the handler returns.
type unflushed struct {
	http.ResponseWriter
	under bool
}

// Unwrap gives the writer under it, if that is known.
func (u unflushed) Unwrap() http.ResponseWriter {
	if u.under {
		return u.ResponseWriter
	}
	return nil
}

// A page that is told so shows why nothing moves, and does not come back at once.
func TestEventsThatCannotBeSentAreRefused(t *testing.T) {
	store := &moody{Store: deadletter.NewMemory()}
	h := console.Handler(newMediator(t), console.DeadLetters(store))
	w := get(t, http.TimeoutHandler(h, time.Minute, "late"), "/events")
	require.Equal(t, http.StatusNotImplemented, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Contains(t, decoded[map[string]string](t, w)["error"], "cannot be flushed")

	w = httptest.NewRecorder()
	h.ServeHTTP(unflushed{ResponseWriter: w}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events", nil))
	require.Equal(t, http.StatusNotImplemented, w.Code)
	require.Zero(t, store.counts.Load(), "no sample was taken for it")

	synctest.Test(t, func(t *testing.T) {
		h := console.Handler(newMediator(t))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(unflushed{w, true}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
		require.Equal(t, http.StatusOK, w.Code)
		require.True(t, w.Flushed, "through what is under it")
	})
}

// paged is a page's connection that notes its write deadlines.
type paged struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (p *paged) SetWriteDeadline(t time.Time) error {
	p.deadlines = append(p.deadlines, t)
	return nil
}

// HTTP/2 minds a deadline also while nothing is written.
func TestAPageHasADeadlineWhileItTakesAFrameAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := console.Handler(newMediator(t), console.Interval(8*time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		p, done := &paged{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
		began := time.Now()
		go func() {
			defer close(done)
			h.ServeHTTP(p, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
		}()
		time.Sleep(9 * time.Second)
		cancel()
		<-done
		require.Equal(t, []time.Time{
			began.Add(5 * time.Second), {},
			began.Add(13 * time.Second), {},
		}, p.deadlines)
	})
}
