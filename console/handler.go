package console

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// Handler returns the page that shows m. Mount it anywhere, with [http.StripPrefix] if
// that is not the root: all of its addresses are relative. It is safe for concurrent
// use, and shows a mediator that is closed as it was when it began to close. It panics
// if m or an option is nil.
func Handler(m *mediator.Mediator, opts ...Option) http.Handler {
	must(m != nil, "Handler: the Mediator is nil")
	c := &console{m: m, config: config{interval: defaultInterval}, token: rand.Text()}
	for _, o := range opts {
		must(o != nil, "Handler: a nil Option")
		o.apply(&c.config)
	}
	c.hub.console = c
	c.mux.HandleFunc("GET /{$}", c.page)
	for name, file := range assets() {
		c.mux.HandleFunc("GET /"+name, file)
	}
	c.mux.HandleFunc("GET /events", c.events)
	c.mux.HandleFunc("GET /letters", c.listLetters)
	c.mux.HandleFunc("GET /letter", c.showLetter)
	c.mux.HandleFunc("GET /graph.mmd", c.mermaid)
	c.mux.HandleFunc("GET /graph.dot", c.dot)
	c.mux.HandleFunc("POST /breaker", c.action(c.turnBreaker))
	c.mux.HandleFunc("POST /redrive", c.action(c.redrive))
	c.mux.HandleFunc("POST /delete", c.action(c.deleteLetters))
	return c
}

// console is the handler.
type console struct {
	config
	m        *mediator.Mediator
	mux      http.ServeMux
	token    string
	known    registry
	redriven claims
	counting atomic.Bool // the dead letters, which at most one goroutine does
	hub      hub
}

// policy lets the page load its own files and nothing else, and keeps even its own
// script from making markup out of text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ServeHTTP implements [http.Handler].
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if to, wrong := withSlash(r); wrong {
		h.Set("Location", to)
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/") {
		rooted, u := *r, *r.URL
		u.Path, u.RawPath = "/"+u.Path, ""
		rooted.URL = &u
		r = &rooted
	}
	c.mux.ServeHTTP(w, r)
}

// withSlash returns where the page is, if it was asked for without the slash at the
// end that its relative addresses need.
func withSlash(r *http.Request) (to string, wrong bool) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if strings.Trim(r.URL.Path, "/") != "" || path == "" || strings.HasSuffix(path, "/") {
		return "", false
	}
	to = "./" + path[strings.LastIndexByte(path, '/')+1:] + "/"
	if query != "" {
		to += "?" + query
	}
	return to, true
}
