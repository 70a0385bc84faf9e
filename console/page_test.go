package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

func TestPage(t *testing.T) {
	h := console.Handler(newMediator(t))
	w := get(t, h, "/")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"), "the token is not to be kept")
	require.Contains(t, w.Body.String(), `data-actions="false"`)
	require.Contains(t, w.Body.String(), `data-letters="false"`)

	h = console.Handler(newMediator(t), everybody(), console.DeadLetters(deadletter.NewMemory()))
	w = get(t, h, "/")
	require.Contains(t, w.Body.String(), `data-actions="true"`)
	require.Contains(t, w.Body.String(), `data-letters="true"`)
}

func TestNothingComesFromElsewhere(t *testing.T) {
	h := console.Handler(newMediator(t))
	policy := get(t, h, "/").Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "script-src 'self';")
	require.Contains(t, policy, "style-src 'self';")
	require.Contains(t, policy, "frame-ancestors 'none'")
	require.Contains(t, policy, "require-trusted-types-for 'script'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, policy, "*")

	page := get(t, h, "/").Body.String()
	require.NotContains(t, page, "style=", "the policy refuses inline styles")
	require.NotRegexp(t, `<script[^>]*>\s*\S+\s*</script>`, page)
	require.NotRegexp(t, `\son[a-z]+=`, page)
	seen := map[string]bool{}
	queue := addresses(page)
	require.NotEmpty(t, queue)
	for len(queue) > 0 {
		address := queue[0]
		queue = queue[1:]
		if seen[address] || strings.HasPrefix(address, "#") {
			continue
		}
		seen[address] = true
		require.NotContains(t, address, ":", "it leads elsewhere")
		require.False(t, strings.HasPrefix(address, "/"), "%s is not relative", address)
		w := get(t, h, "/"+strings.TrimPrefix(address, "./"))
		require.Equal(t, http.StatusOK, w.Code, address)
		require.Equal(t, policy, w.Header().Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.NotEmpty(t, w.Header().Get("Content-Type"))
		text := w.Body.String()
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`, text)
		queue = append(queue, addresses(text)...)
	}
	for _, name := range []string{"app.js", "app.css", "icon.svg", "./letters.js", "graph.mmd", "graph.dot"} {
		require.True(t, seen[name], name)
	}
}

// addresses returns what a page or a module refers to.
func addresses(text string) (found []string) {
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"|from '([^']*)'|url\(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1]+m[2]+m[3])
	}
	return found
}

func TestUnknownAddresses(t *testing.T) {
	h := console.Handler(newMediator(t))
	for _, target := range []string{"/nothing", "/index.html", "/assets/app.js", "/..%2fhandler.go", "/app.exe", "/letters/x"} {
		require.Equal(t, http.StatusNotFound, get(t, h, target).Code, target)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	for _, target := range []string{"/breaker", "/redrive", "/delete"} {
		w := get(t, console.Handler(newMediator(t), everybody()), target)
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, target)
		require.Equal(t, http.MethodPost, w.Header().Get("Allow"))
	}
}

func TestMountedUnderAPrefix(t *testing.T) {
	m := newMediator(t)
	for name, mount := range map[string]func(mux *http.ServeMux, h http.Handler){
		"with a slash": func(mux *http.ServeMux, h http.Handler) {
			mux.Handle("/ops/console/", http.StripPrefix("/ops/console", h))
		},
		"stripped of it": func(mux *http.ServeMux, h http.Handler) {
			mux.Handle("/ops/console/", http.StripPrefix("/ops/console/", h))
		},
		"exactly, as well": func(mux *http.ServeMux, h http.Handler) {
			mux.Handle("/ops/console", http.StripPrefix("/ops/console", h))
			mux.Handle("/ops/console/", http.StripPrefix("/ops/console", h))
		},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mount(mux, console.Handler(m))
			server := httptest.NewServer(mux)
			defer server.Close()
			for _, path := range []string{"/ops/console", "/ops/console/", "/ops/console/app.js", "/ops/console/graph.dot"} {
				response, err := server.Client().Get(server.URL + path)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Equal(t, http.StatusOK, response.StatusCode, path)
				require.NotEmpty(t, body)
				if !strings.Contains(path, ".") {
					require.Equal(t, "/ops/console/", response.Request.URL.Path, "relative addresses need the slash")
				}
			}
		})
	}
}

func TestTheSlashIsAddedWhereverItIsMounted(t *testing.T) {
	h := console.Handler(newMediator(t))
	for asked, to := range map[string]string{"/a/console": "./console/", "/a/console?x=1": "./console/?x=1", "/a:b": "./a:b/", "//evil.example": "./evil.example/"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RequestURI, r.URL.Path = asked, ""
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusMovedPermanently, w.Code, asked)
		require.Equal(t, to, w.Header().Get("Location"))
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	m := newMediator(t)
	for message, f := range map[string]func(){
		"console: Handler: the Mediator is nil":            func() { console.Handler(nil) },
		"console: Handler: a nil Option":                   func() { console.Handler(m, nil) },
		"console: Recorder: the Recorder is nil":           func() { console.Recorder(nil) },
		"console: Health: the Monitor is nil":              func() { console.Health(nil) },
		"console: DeadLetters: the Store is nil":           func() { console.DeadLetters(nil) },
		"console: DeadLetters: a nil RedriveOption":        func() { console.DeadLetters(deadletter.NewMemory(), nil) },
		"console: Authorize: the function is nil":          func() { console.Authorize(nil) },
		"console: Interval(1ms): it must be at least 10ms": func() { console.Interval(1e6) },
		"console: Graph: the Mediator is nil":              func() { console.Graph(nil) },
	} {
		require.PanicsWithValue(t, message, f)
	}
}

func TestTheZeroMediatorIsShown(t *testing.T) {
	h := console.Handler(&mediator.Mediator{})
	require.Equal(t, http.StatusOK, get(t, h, "/").Code)
	p := open(t, h)
	require.Empty(t, next[wiring](t, p, "wiring").Routes)
}
