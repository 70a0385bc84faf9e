package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask is a request that the tests share.
type ask struct {
	mediator.Returns[int]
	N int `json:"n"`
}

// do is a command that the tests share.
type do struct {
	mediator.Command
	What string `json:"what"`
}

// told is a notification that the tests share.
type told struct {
	N int `json:"n"`
}

func (told) Loud() {}

type loud interface{ Loud() }

// count is a stream that the tests share.
type count struct {
	mediator.Yields[int]
	To int `json:"to"`
}

var errRefused = errors.New("refused")

func handleAsk(_ context.Context, q ask) (int, error) { return q.N, nil }

func handleDo(_ context.Context, c do) error {
	if c.What == "fail" {
		return errRefused
	}
	return nil
}

func hear(context.Context, told) error { return nil }

func handleCount(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.To {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// newMediator wires a mediator and closes it at the end of the test.
func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(context.WithoutCancel(t.Context()))) })
	return m
}

// get asks the handler for an address.
func get(t testing.TB, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

// decoded is the body, which is JSON.
func decoded[T any](t testing.TB, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

// token takes the token out of the page.
func token(t testing.TB, h http.Handler) string {
	t.Helper()
	_, rest, ok := strings.Cut(get(t, h, "/").Body.String(), `data-token="`)
	require.True(t, ok)
	tok, _, ok := strings.Cut(rest, `"`)
	require.True(t, ok)
	require.GreaterOrEqual(t, len(tok), 26, "128 bits")
	return tok
}

// action is a request for an action as the page makes it.
func action(t testing.TB, h http.Handler, target, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Console-Token", token(t, h))
	r.Header.Set("Origin", "http://example.com")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// act makes the request.
func act(t testing.TB, h http.Handler, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, action(t, h, target, body))
	return w
}

// everybody may do everything.
func everybody() console.Option {
	return console.Authorize(func(*http.Request, console.Action) error { return nil })
}

// event is one server-sent event.
type event struct{ name, data string }

// openPage is an open page without a network: what the handler writes can be read event
// by event.
type openPage struct {
	header http.Header
	status int
	events chan event
	end    context.CancelFunc
	ended  chan struct{}
	pipe   *io.PipeWriter
}

func (p *openPage) Header() http.Header         { return p.header }
func (p *openPage) WriteHeader(status int)      { p.status = status }
func (p *openPage) Write(b []byte) (int, error) { return p.pipe.Write(b) }
func (p *openPage) Flush()                      {}

// open opens a page, and closes it at the end of the test.
func open(t testing.TB, h http.Handler) *openPage {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &openPage{header: http.Header{}, events: make(chan event), end: cancel, ended: make(chan struct{}), pipe: w}
	go func() {
		defer close(p.ended)
		defer func() { _ = w.Close() }()
		h.ServeHTTP(p, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
	}()
	parsed := make(chan struct{})
	go func() {
		defer close(parsed)
		defer close(p.events)
		readEvents(r, func(e event) bool {
			select {
			case p.events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
		_, _ = io.Copy(io.Discard, r)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		<-parsed
	})
	return p
}

// readEvents reads the events of a stream until it or yield ends.
func readEvents(r io.Reader, yield func(event) bool) {
	var e event
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if !yield(e) {
				return
			}
			e = event{}
		}
	}
}

// next waits for the next event of the name, and decodes it.
func next[T any](t testing.TB, p *openPage, name string) (v T) {
	t.Helper()
	for e := range p.events {
		if e.name == name {
			require.NoError(t, json.Unmarshal([]byte(e.data), &v))
			return v
		}
	}
	require.Fail(t, "the stream ended", "waiting for %s", name)
	return v
}
