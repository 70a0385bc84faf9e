package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// probe asks a handler.
func probe(h http.Handler, method, path string) (status int, body string, header http.Header) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String(), w.Result().Header
}

func get(h http.Handler, path string) (status int, body string) {
	status, body, _ = probe(h, http.MethodGet, path)
	return status, body
}

func TestEndpoints(t *testing.T) {
	h := newMonitor(health.Config{}).Handler()
	for path, want := range map[string]int{
		"/livez": 200, "/readyz": 200, "/healthz": 200, "/": 404, "/live": 404, "/livez/": 404, "/x/livez": 404, "/livezz": 404, "//livez": 404,
	} {
		status, body, header := probe(h, http.MethodGet, path)
		require.Equal(t, want, status, path)
		if want == 200 {
			require.Equal(t, "ok\n", body)
			require.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
			require.Equal(t, "no-store", header.Get("Cache-Control"))

			status, body, header = probe(h, http.MethodHead, path)
			require.Equal(t, 200, status)
			require.Empty(t, body)
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
				status, _, header = probe(h, method, path)
				require.Equal(t, 405, status)
				require.Equal(t, "GET, HEAD", header.Get("Allow"))
			}
		}
	}
}

func TestMounting(t *testing.T) {
	handler := newMonitor(health.Config{}).Handler()
	mux := http.NewServeMux()
	mux.Handle("/livez", handler)
	mux.Handle("GET /readyz", handler)
	mux.Handle("/health/", http.StripPrefix("/health", handler))
	mux.Handle("/other/", http.StripPrefix("/other/", handler))
	s := httptest.NewServer(mux)
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]int{
		"/livez": 200, "/readyz": 200, "/healthz": 404, "/health/livez": 200, "/health/readyz": 200, "/health/healthz?verbose": 200,
		"/health/": 404, "/health/x": 404, "/other/livez": 200,
	} {
		answer, err := http.Get(s.URL + path)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, path)
	}
}

func TestReadinessIsOffDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		handler := h.Handler()
		during := 0
		m, err := mediator.New(mediator.Use(h), mediator.OnClose(func(context.Context) error {
			during, _ = get(handler, "/readyz")
			return nil
		}), jobs())
		require.NoError(t, err)
		status, _ := get(handler, "/readyz")
		require.Equal(t, 200, status)
		require.True(t, h.Snapshot().Ready)
		require.NoError(t, m.Close(t.Context()))
		require.Equal(t, 503, during)
		status, body := get(handler, "/readyz")
		require.Equal(t, 503, status)
		require.Equal(t, "not ready\n", body)
		h.SetReady(true)
		status, _ = get(handler, "/readyz")
		require.Equal(t, 503, status, "it stays closed")
		require.False(t, h.Snapshot().Ready)
		for _, path := range []string{"/livez", "/healthz"} {
			status, _ = get(handler, path)
			require.Equal(t, 200, status, path)
		}
	})
}

func TestSetReady(t *testing.T) {
	h := newMonitor(health.Config{})
	h.SetReady(false)
	status, _ := get(h.Handler(), "/readyz")
	require.Equal(t, 503, status)
	status, body := get(h.Handler(), "/readyz?verbose")
	require.Equal(t, 503, status)
	require.Contains(t, body, "not ready yet")
	status, _ = get(h.Handler(), "/livez")
	require.Equal(t, 200, status)
	h.SetReady(true)
	status, _ = get(h.Handler(), "/readyz")
	require.Equal(t, 200, status)
}

func TestAStalledStreamMakesTheProcessUnhealthyAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.RealTime())
		m := newMediator(t, feeds(h))
		end := consume(t, m, silent(1))
		time.Sleep(6 * time.Second)
		handler := h.Handler()
		status, body := get(handler, "/healthz")
		require.Equal(t, 503, status)
		require.Equal(t, "unhealthy\n", body)
		for _, path := range []string{"/livez", "/readyz"} {
			status, body = get(handler, path)
			require.Equal(t, 200, status)
			require.Equal(t, "ok\n", body)
		}
		require.NoError(t, end())
		status, _ = get(handler, "/healthz")
		require.Equal(t, 200, status)
	})
}

// presser is the owner of a queue that counts how often it is asked.
type presser struct{ asked atomic.Int64 }

func (p *presser) Pressure() bool {
	p.asked.Add(1)
	return false
}

// A plain probe says what the document does, and does not look into each stream for
// it.
func TestAPlainProbeLeavesTheStreamsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &presser{}
		down := errors.New("down")
		var broken atomic.Bool
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, Recovery: 1, Window: time.Second, CheckTTL: time.Nanosecond, Checks: []health.Check{
			{Name: "store", Func: func(context.Context) error {
				if broken.Load() {
					return down
				}
				return nil
			}},
		}})
		m := newMediator(t, feeds(h, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			return mediator.NewQueue(mediator.QueueConfig{Capacity: 10, Owner: p}).Run(ctx, c, next)
		})))
		both := func(want int) {
			t.Helper()
			before := p.asked.Load()
			status, _ := get(h.Handler(), "/healthz")
			require.Equal(t, want, status)
			require.Equal(t, before, p.asked.Load(), "a plain probe asks no queue's owner")
			status, _ = get(h.Handler(), "/healthz?verbose")
			require.Equal(t, want, status)
			time.Sleep(time.Millisecond)
		}
		both(200)
		end := consume(t, m, silent(1))
		time.Sleep(2050 * time.Millisecond) // between two looks
		both(200)
		require.Positive(t, p.asked.Load(), "the document does")
		time.Sleep(5 * time.Second)
		both(503)
		require.NoError(t, end())
		both(200)
		broken.Store(true)
		both(503)
	})
}

func TestWarningsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{MinRate: 1000})
		m := newMediator(t, feeds(h))
		end := consume(t, m, every(100*time.Millisecond, 1<<30))
		time.Sleep(10 * time.Second)
		status, body := get(h.Handler(), "/healthz")
		require.Equal(t, 200, status)
		require.Equal(t, "ok\n", body)
		_, body = get(h.Handler(), "/healthz?verbose")
		require.Contains(t, body, `"status": "warn"`)
		require.NoError(t, end())
	})
}

// draft is what the health+json draft says of the document.
type draft struct {
	Status string
	Output string
	Checks map[string][]struct {
		ComponentID, ComponentType, ObservedUnit, Status, Output string
		ObservedValue                                            *float64
		Time                                                     *time.Time
	}
}

func TestVerbose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := errors.New("dial tcp 10.1.2.3:5432: refused")
		h := newMonitor(health.Config{Stall: 2 * time.Second, Checks: []health.Check{
			{Name: "letters", Func: func(context.Context) error { time.Sleep(30 * time.Millisecond); return nil }},
			{Name: "database", Func: func(context.Context) error { return secret }},
			{Name: "cache", Func: func(context.Context) error { return secret }, Optional: true},
		}, Sources: []health.Source{health.SourceFunc(func() iter.Seq2[string, error] {
			return func(yield func(string, error) bool) { yield("breaker of job", errors.New("open")) }
		})}})
		m := newMediator(t, feeds(h), jobs(h))
		end := consume(t, m, silent(3))
		require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
		time.Sleep(3050 * time.Millisecond)
		for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/healthz": 503} {
			status, body := get(h.Handler(), path)
			require.Equal(t, want, status)
			require.LessOrEqual(t, len(body), 12, "nothing of what is inside")

			status, body, header := probe(h.Handler(), http.MethodGet, path+"?verbose")
			require.Equal(t, want, status)
			require.Equal(t, "application/health+json", header.Get("Content-Type"))
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			var d draft
			decoder := json.NewDecoder(strings.NewReader(body))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&d))
			if path == "/livez" {
				require.Equal(t, "pass", d.Status)
				require.Empty(t, d.Checks)
				continue
			}
			require.Equal(t, "fail", d.Status)
			letters := d.Checks["letters:responseTime"][0]
			require.Equal(t, "pass", letters.Status)
			require.InDelta(t, 30, *letters.ObservedValue, 1e-9)
			require.Equal(t, "ms", letters.ObservedUnit)
			require.WithinDuration(t, time.Now(), *letters.Time, 10*time.Second)
			require.Equal(t, "fail", d.Checks["database:responseTime"][0].Status)
			require.Equal(t, secret.Error(), d.Checks["database:responseTime"][0].Output)
			require.Equal(t, "warn", d.Checks["cache:responseTime"][0].Status)
			if path == "/healthz" {
				breaker := d.Checks["breaker of job:state"][0]
				require.Equal(t, "warn", breaker.Status)
				require.Equal(t, "open", breaker.Output)
				require.Nil(t, breaker.ObservedValue, "nothing was measured")
				require.InDelta(t, 10<<20, *d.Checks["memory:used"][0].ObservedValue, 0)
				require.Equal(t, "calls/s", d.Checks["job:rate"][0].ObservedUnit)
				require.InDelta(t, 1, *d.Checks["feed:inFlight"][0].ObservedValue, 0)
				stalled := d.Checks["feed:stream"][0]
				require.Equal(t, "1", stalled.ComponentID)
				require.Equal(t, "fail", stalled.Status)
				require.Contains(t, stalled.Output, "stalled: 3s, limit 2s")
			}
		}
		require.NoError(t, end())
	})
}

// With more streams in trouble than a document shows, the worst are among them.
func TestTheWorstStreamsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, MinRate: 1000})
		m := newMediator(t, feeds(h))
		var ends []func() error
		for range 150 {
			ends = append(ends, consume(t, m, every(time.Second, 1<<30)))
		}
		ends = append(ends, consume(t, m, silent(1)))
		time.Sleep(6 * time.Second)
		_, body := get(h.Handler(), "/healthz?verbose")
		var d draft
		require.NoError(t, json.Unmarshal([]byte(body), &d))
		shown := d.Checks["feed:stream"]
		require.Len(t, shown, 100)
		require.Equal(t, "fail", shown[0].Status)
		require.Equal(t, "warn", shown[1].Status)
		for _, end := range ends {
			require.NoError(t, end())
		}
	})
}

func FuzzHandler(f *testing.F) {
	for _, seed := range []string{"/livez", "/readyz?verbose", "/healthz?verbose=1&x", "/", "/livez/../healthz", "/%6civez", "*"} {
		f.Add(http.MethodGet, seed)
	}
	h := newMonitor(health.Config{}).Handler()
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://host", nil)
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery = path, query
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		known := map[string]bool{"livez": true, "readyz": true, "healthz": true}[strings.TrimPrefix(path, "/")]
		switch {
		case !known:
			require.Equal(t, 404, w.Code)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			require.Equal(t, 200, w.Code)
		default:
			require.Equal(t, 405, w.Code)
		}
	})
}
