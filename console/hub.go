package console

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// maxPages bounds how many pages can be open at once.
const maxPages = 64

// hub brings the samples to the open pages.
type hub struct {
	console *console

	mu      sync.Mutex
	current *feed // nil while no page is open
}

// feed is a sampler and the pages that it is for.
type feed struct {
	latest atomicFrame
	pages  map[*tab]struct{} // guarded by hub.mu
	stop   context.CancelFunc
	done   chan struct{}
}

// tab is an open page.
type tab struct {
	feed *feed
	wake chan struct{} // there is a frame that it has not seen
}

var errTooMany = errors.New("too many pages are open")

// join adds a page, and starts the sampler if it is the first.
func (h *hub) join() (*tab, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		ctx, stop := context.WithCancel(context.Background())
		h.current = &feed{pages: map[*tab]struct{}{}, stop: stop, done: make(chan struct{})}
		go h.run(ctx, h.current)
	}
	f := h.current
	if len(f.pages) == maxPages {
		return nil, errTooMany
	}
	t := &tab{feed: f, wake: make(chan struct{}, 1)}
	f.pages[t] = struct{}{}
	if f.latest.Load() != nil {
		t.wake <- struct{}{}
	}
	return t, nil
}

// leave removes a page. The last one ends the sampler and waits for it.
func (h *hub) leave(t *tab) {
	h.mu.Lock()
	delete(t.feed.pages, t)
	last := len(t.feed.pages) == 0
	if last && h.current == t.feed {
		h.current = nil
	}
	h.mu.Unlock()
	if last {
		t.feed.stop()
		<-t.feed.done
	}
}

// run is the sampler.
func (h *hub) run(ctx context.Context, f *feed) {
	defer close(f.done)
	s := newSampler(h.console)
	defer s.letters.wait()
	closing := h.console.m.Closing()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-closing: // the last sample, at once: a function of OnClose may wait for the pages
		}
		began := time.Now()
		latest := s.sample(ctx)
		h.show(f, latest)
		if latest.closed {
			return
		}
		timer.Reset(max(h.console.interval, pause(time.Since(began))))
	}
}

// pause is for how long what took so long is not to be done again: so it takes no
// more than a twentieth of a processor.
func pause(took time.Duration) time.Duration { return 20 * took }

// show brings a frame to all pages. Pages that are still busy with one before will
// see only the latest.
func (h *hub) show(f *feed, latest *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.latest.Store(latest)
	if latest.closed && h.current == f {
		h.current = nil
	}
	for t := range f.pages {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// writeLimit is how long a page may take to accept a frame.
const writeLimit = 5 * time.Second

// events is the stream of server-sent events of one page: "wiring" when that has
// changed, and "sample" each interval. The last sample, when the mediator begins to
// close, says so: the page does not connect again then.
func (c *console) events(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	if !canFlush(w) {
		refuse(w, http.StatusNotImplemented, "what is written here cannot be flushed, so there are no live figures: the console stands inside of what keeps an answer until it is whole, such as http.TimeoutHandler")
		return
	}
	t, err := c.hub.join()
	if err != nil {
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "%v: %d", err, maxPages)
		return
	}
	defer c.hub.leave(t)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	// The server's limits are for requests that end. Where there are none to set,
	// there are none.
	_ = control.SetReadDeadline(time.Time{})
	var seen uint64
	for {
		select {
		case <-r.Context().Done():
			return
		case <-t.wake:
		}
		latest := t.feed.latest.Load()
		_ = control.SetWriteDeadline(time.Now().Add(writeLimit))
		if latest.version != seen {
			err = event(w, "wiring", latest.wiring)
			seen = latest.version
		}
		if err == nil {
			err = event(w, "sample", latest.sample)
		}
		if err == nil {
			err = control.Flush()
		}
		_ = control.SetWriteDeadline(time.Time{}) // which HTTP/2 minds also while nothing is written
		if err != nil || latest.closed {
			return
		}
	}
}

// canFlush tells whether an [http.ResponseController] can flush w, before anything is
// written.
func canFlush(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// event writes one event. JSON has no line breaks.
func event(w http.ResponseWriter, name string, data []byte) error {
	for _, part := range [][]byte{[]byte("event: " + name + "\ndata: "), data, []byte("\n\n")} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
