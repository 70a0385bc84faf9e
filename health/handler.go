package health

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// Handler returns the endpoints that Kubernetes and load balancers ask:
//
//   - /livez says whether the process answers at all, and depends on nothing else:
//     to restart it heals no component.
//   - /readyz says whether it should get traffic: not once the mediator closes, not
//     after SetReady(false), and not while a [Check] that is not Optional fails.
//   - /healthz says whether it does what it is there for: besides the checks it
//     depends on the streams and messages, and fails while one of the messages is
//     [Unhealthy]. Answers of the business, load that is shed and, of many streams,
//     a few that are unhealthy make none so, see the package.
//
// The answer is 200 or 503, with a word of plain text that tells nothing of what
// is inside. With the query ?verbose it is JSON as in the draft
// "Health Check Response Format for HTTP APIs" (draft-inadarei-api-health-check-06),
// with errors in it: give only those a way to it who may see them. The endpoints
// take GET and HEAD, and are not to be cached.
//
// Mount it as it is, at a root of its own or for each of the paths, or under a
// prefix by [http.StripPrefix].
func (m *Monitor) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask endpoint
		switch strings.TrimPrefix(r.URL.Path, "/") {
		case "livez":
			ask = m.live
		case "readyz":
			ask = m.readiness
		case "healthz":
			ask = m.overall
		default:
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		verbose := r.URL.Query().Has("verbose")
		word, status, document := ask(r.Context(), verbose)
		serve(w, r, word, status, document)
	})
}

// endpoint says how it is. document is for verbose alone.
type endpoint func(ctx context.Context, verbose bool) (word string, s Status, document *document)

func serve(w http.ResponseWriter, r *http.Request, word string, s Status, d *document) {
	body, kind := word+"\n", "text/plain; charset=utf-8"
	if d != nil {
		body, kind = d.encode(), "application/health+json"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if s >= Unhealthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body) // a prober that is gone needs no answer
	}
}

func (m *Monitor) live(_ context.Context, verbose bool) (string, Status, *document) {
	if !verbose {
		return "ok", Healthy, nil
	}
	return "ok", Healthy, newDocument(Healthy)
}

func (m *Monitor) readiness(ctx context.Context, verbose bool) (string, Status, *document) {
	components := m.checks.run(ctx)
	s, word := worstOf(components), "ok"
	ready := m.isReady()
	if !ready {
		s = Unhealthy
	}
	if s >= Unhealthy {
		word = "not ready"
	}
	if !verbose {
		return word, s, nil
	}
	d := newDocument(s)
	if !ready {
		d.Output = "closing or not ready yet"
	}
	d.components(components)
	return word, s, d
}

func (m *Monitor) overall(ctx context.Context, verbose bool) (string, Status, *document) {
	m.checks.run(ctx)
	var d *document
	var s Status
	if verbose {
		r := m.Snapshot()
		s, d = r.Status, r.document()
	} else {
		s = m.status()
	}
	if s >= Unhealthy {
		return "unhealthy", s, d
	}
	return "ok", s, d
}
