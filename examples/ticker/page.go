package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"time"
)

//go:embed page
var files embed.FS

// page serves the web page, the views as server-sent events, and the probes.
type page struct {
	listener net.Listener
	server   *http.Server
	ending   chan struct{} // closed when event streams are to end
	viewers  chan struct{} // a place for each
	ticker   *ticker
}

const (
	mostViewers  = 50
	writeTimeout = 5 * time.Second
)

// listen returns nil if there is to be no page. An address that nobody asked for may
// be taken: then there is none either.
func listen(c config, t *ticker) (*page, error) {
	if c.http == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", c.http)
	if err != nil && !c.httpGiven {
		t.journal.add("no page: %v; -http localhost:0 takes any free port", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("-http %s: %w", c.http, err)
	}
	p := &page{listener: listener, ending: make(chan struct{}), viewers: make(chan struct{}, mostViewers), ticker: t}
	p.server = &http.Server{Handler: p.routes(), ReadHeaderTimeout: writeTimeout}
	p.server.RegisterOnShutdown(func() { close(p.ending) })
	return p, nil
}

func (p *page) address() string { return p.listener.Addr().String() }

// serve returns after close.
func (p *page) serve() {
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		p.ticker.journal.add("the page: %v", err)
	}
}

// close lets viewers have the last view.
func (p *page) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		_ = p.server.Close() // there is no gentler way left
	}
}

func (p *page) routes() http.Handler {
	content, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // it is in the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(content))
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("POST /stall/{consumer}", p.stall)
	probes := p.ticker.monitor.Handler()
	for _, probe := range []string{"/livez", "/readyz", "/healthz"} {
		mux.Handle("GET "+probe, probes)
	}
	sameOrigin := http.NewCrossOriginProtection()
	return sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	}))
}

// stall has a consumer's line stall, so that one can watch what happens then.
func (p *page) stall(w http.ResponseWriter, r *http.Request) {
	consumer := r.PathValue("consumer")
	if !slices.Contains(consumerNames, consumer) {
		http.NotFound(w, r)
		return
	}
	p.ticker.faults.Stall(streamOf(consumer))
	w.WriteHeader(http.StatusNoContent)
}

// events sends the newest view whenever there is one. A viewer that is slow misses
// those in between, one that takes nothing is cut off.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	select {
	case p.viewers <- struct{}{}:
		defer func() { <-p.viewers }()
	default:
		http.Error(w, "too many viewers", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	for {
		v, changed := p.ticker.latest.get()
		if err := send(w, control, v); err != nil || v.Over {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-p.ending:
			// The last view was set before the server is shut down.
			if v, _ := p.ticker.latest.get(); v.Over {
				_ = send(w, control, v) // a viewer that is gone needs none
			}
			return
		}
	}
}

func send(w http.ResponseWriter, control *http.ResponseController, v view) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
		return err
	}
	if err := control.Flush(); err != nil {
		return err
	}
	return control.SetWriteDeadline(time.Time{}) // HTTP/2 minds it also while nothing is written
}
