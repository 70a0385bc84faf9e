package console

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"github.com/fsmediator/mediator/behaviors"
)

// Op is what an [Action] does.
type Op uint8

// The operations.
const (
	Isolate Op = iota + 1 // see [behaviors.Breaker.Isolate]
	Reset                 // see [behaviors.Breaker.Reset]
	Redrive               // have a dead letter handled again
	Delete                // delete a dead letter
)

// String returns the operation in lower case: "isolate".
func (o Op) String() string {
	switch o {
	case Isolate:
		return "isolate"
	case Reset:
		return "reset"
	case Redrive:
		return "redrive"
	case Delete:
		return "delete"
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// Action is something that a page asks for, see [Authorize]. It can be compared.
type Action struct {
	Op Op
	// Target is the breaker's key, "" for all keys of the breaker, or the ID of the
	// letter. A key can be "", too: All tells.
	Target string
	// All is true for all keys of the breaker, also those that it does not know yet.
	All bool
	// Breaker is the one that is meant, nil for a letter.
	Breaker *behaviors.Breaker
}

// String returns the operation and its target: `isolate "orders.Place"`, or
// `isolate all keys`.
func (a Action) String() string {
	if a.All {
		return fmt.Sprintf("%v all keys", a.Op)
	}
	return fmt.Sprintf("%v %q", a.Op, a.Target)
}

// tokenHeader is where a request carries the token that the page was given.
const tokenHeader = "X-Console-Token"

const maxActionBody = 64 << 10

// origins tells requests apart by what a browser says of where they come from.
var origins = http.NewCrossOriginProtection()

// action has do called with a request that comes from the page.
func (c *console) action(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c.authorize == nil {
			refuse(w, http.StatusForbidden, "actions are off: the console was given no console.Authorize")
			return
		}
		if err := origins.Check(r); err != nil {
			refuse(w, http.StatusForbidden, "the request comes from another origin: %v", err)
			return
		}
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(c.token)) != 1 {
			refuse(w, http.StatusForbidden, "the token is not that of this process: reload the page")
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "the body must be application/json")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxActionBody)
		do(w, r)
	}
}

// read decodes the body of an action into v, or refuses it.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		status := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, "the body: %v", err)
		return false
	}
	return true
}

// allowed asks the authorizer about all the actions, or refuses.
func (c *console) allowed(w http.ResponseWriter, r *http.Request, actions ...Action) bool {
	for _, a := range actions {
		if err := c.authorize(r, a); err != nil {
			refuse(w, http.StatusForbidden, "%v is not allowed: %v", a, err)
			return false
		}
	}
	return true
}

// turnBreaker isolates or resets a breaker.
func (c *console) turnBreaker(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Op    string  `json:"op"`
		ID    string  `json:"id"`
		Key   *string `json:"key"`   // null for all
		Bytes []byte  `json:"bytes"` // the key, if it is no text
	}
	if !read(w, r, &asked) {
		return
	}
	a := Action{Op: Isolate, All: asked.Key == nil && asked.Bytes == nil}
	switch asked.Op {
	case Isolate.String():
	case Reset.String():
		a.Op = Reset
	default:
		refuse(w, http.StatusBadRequest, "a breaker cannot %q", asked.Op)
		return
	}
	if a.Breaker = c.known.breaker(asked.ID); a.Breaker == nil {
		refuse(w, http.StatusNotFound, "there is no breaker %q any more", asked.ID)
		return
	}
	var keys []string
	if !a.All {
		if a.Target = string(asked.Bytes); asked.Bytes == nil {
			a.Target = *asked.Key
		}
		keys = []string{a.Target}
	}
	if !c.allowed(w, r, a) {
		return
	}
	if !a.All && !slices.ContainsFunc(a.Breaker.Snapshot(), func(one behaviors.BreakerSnapshot) bool { return one.Key == a.Target }) {
		refuse(w, http.StatusNotFound, "the breaker has no such key")
		return
	}
	if a.Op == Isolate {
		a.Breaker.Isolate(keys...)
	} else {
		a.Breaker.Reset(keys...)
	}
	answer(w, http.StatusOK, map[string]string{"state": a.Breaker.State(keys...).String()})
}
