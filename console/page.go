package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"sync"
	"time"
)

//go:embed assets
var files embed.FS

// types are those of the page's files, by extension.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

var index = template.Must(template.ParseFS(files, "assets/index.html"))

func (c *console) page(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	data := struct {
		Token            string
		Actions, Letters bool
	}{c.token, c.authorize != nil, c.store != nil}
	if err := index.Execute(&page, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page.Bytes()))
}

// assets are the page's files, by name: each has an address of its own, so that one
// that is not there is not mistaken for a file.
var assets = sync.OnceValue(func() map[string]http.HandlerFunc {
	found := map[string]http.HandlerFunc{}
	for ext, kind := range types {
		names, err := fs.Glob(files, "assets/*"+ext)
		if err != nil {
			panic(fmt.Errorf("console: the page's files: %w", err))
		}
		for _, name := range names {
			found[path.Base(name)] = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				http.ServeFileFS(w, r, files, name)
			}
		}
	}
	return found
})

func (c *console) mermaid(w http.ResponseWriter, r *http.Request) {
	c.text(w, r, Graph(c.m).Mermaid())
}
func (c *console) dot(w http.ResponseWriter, r *http.Request) { c.text(w, r, Graph(c.m).DOT()) }

func (c *console) text(w http.ResponseWriter, r *http.Request, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(text)))
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who has left needs no answer
}

// refuse sends an error as JSON.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}
