package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fsmediator/mediator/deadletter"
)

// letterView is a letter in a list.
type letterView struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Group    string `json:"group,omitempty"`
	Error    string `json:"error"` // the outermost
	Attempts int    `json:"attempts"`
	Redrives int    `json:"redrives"`
	First    int64  `json:"first"` // milliseconds since 1970
	Last     int64  `json:"last"`
}

func letterViewOf(l deadletter.Letter) letterView {
	v := letterView{ID: l.ID, Name: l.Name, Kind: l.Kind.String(), Group: l.Group, Attempts: l.Attempts, Redrives: l.Redrives,
		First: l.First.UnixMilli(), Last: l.Last.UnixMilli()}
	if len(l.Errors) > 0 {
		v.Error = l.Errors[0]
	}
	return v
}

// wholeLetter is all of a letter.
type wholeLetter struct {
	letterView
	ContentType string            `json:"contentType"`
	Body        string            `json:"body"`
	BodyIs      string            `json:"bodyIs"` // json, text, hex; "" if there is none
	BodySize    int               `json:"bodySize"`
	Cut         bool              `json:"cut,omitempty"` // only the beginning is shown
	Errors      []string          `json:"errors"`
	Stack       string            `json:"stack,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
}

const (
	pageOfLetters = 25
	searchLimit   = 2 * time.Second // for one page: what is not found by then, the next looks for
	storeLimit    = 10 * time.Second
)

// listLetters returns a page of the letters that have q somewhere, the oldest first.
func (c *console) listLetters(w http.ResponseWriter, r *http.Request) {
	if c.store == nil {
		refuse(w, http.StatusNotFound, "the console was given no console.DeadLetters")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeLimit)
	defer cancel()
	q := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("q")))
	found, next, err := c.search(ctx, q, r.URL.Query().Get("after"))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	}
	answer(w, http.StatusOK, struct {
		Letters []letterView `json:"letters"`
		Next    string       `json:"next"` // where to go on, "" at the end
	}{found, next})
}

// search returns at most a page, and where to go on.
func (c *console) search(ctx context.Context, q, after string) (found []letterView, next string, err error) {
	found = []letterView{}
	for began := time.Now(); ; {
		letters, next, err := c.store.List(ctx, deadletter.Filter{}, after, deadletter.DefaultPage)
		if err != nil {
			return nil, "", err
		}
		for i, l := range letters {
			if matches(l, q) {
				found = append(found, letterViewOf(l))
			}
			if len(found) == pageOfLetters && (i+1 < len(letters) || next != "") {
				return found, l.ID, nil
			}
		}
		if next == "" || time.Since(began) > searchLimit {
			return found, next, nil
		}
		after = next
	}
}

// matches tells whether the text of l has q, which is in lower case, in it.
func matches(l deadletter.Letter, q string) bool {
	if q == "" {
		return true
	}
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), q) }
	if has(l.ID) || has(l.Name) || has(l.Group) || has(l.Kind.String()) || utf8.Valid(l.Body) && has(string(l.Body)) {
		return true
	}
	if slices.ContainsFunc(l.Errors, has) {
		return true
	}
	for k, v := range l.Headers {
		if has(k) || has(v) {
			return true
		}
	}
	return false
}

// showLetter returns all of one letter.
func (c *console) showLetter(w http.ResponseWriter, r *http.Request) {
	if c.store == nil {
		refuse(w, http.StatusNotFound, "the console was given no console.DeadLetters")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeLimit)
	defer cancel()
	l, err := c.store.Get(ctx, r.URL.Query().Get("id"))
	switch {
	case errors.Is(err, deadletter.ErrNotFound), errors.Is(err, deadletter.ErrID):
		refuse(w, http.StatusNotFound, "%v", err)
		return
	case err != nil:
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	}
	v := wholeLetter{letterView: letterViewOf(l), ContentType: l.ContentType, BodySize: len(l.Body), Errors: l.Errors, Stack: l.Stack, Headers: l.Headers}
	v.Body, v.BodyIs, v.Cut = bodyOf(l)
	answer(w, http.StatusOK, v)
}
