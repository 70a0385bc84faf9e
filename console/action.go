package console

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
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

// Action is something that a page asks for, see [Authorize].
type Action struct {
	Op Op
	// Target is the breaker's key, "" for all keys of the breaker, or the ID of the
	// letter.
	Target string
}

// String returns the operation and its target: `isolate "orders.Place"`.
func (a Action) String() string { return fmt.Sprintf("%v %q", a.Op, a.Target) }

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
		refuse(w, http.StatusBadRequest, "the body: %v", err)
		return false
	}
	return true
}

// allowed asks the authorizer about all the targets, or refuses.
func (c *console) allowed(w http.ResponseWriter, r *http.Request, op Op, targets ...string) bool {
	for _, target := range targets {
		a := Action{Op: op, Target: target}
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
		Op  string  `json:"op"`
		ID  string  `json:"id"`
		Key *string `json:"key"` // null for all
	}
	if !read(w, r, &asked) {
		return
	}
	op := Isolate
	switch asked.Op {
	case Isolate.String():
	case Reset.String():
		op = Reset
	default:
		refuse(w, http.StatusBadRequest, "a breaker cannot %q", asked.Op)
		return
	}
	var keys []string
	target := ""
	if asked.Key != nil {
		target = *asked.Key
		keys = []string{target}
	}
	if !c.allowed(w, r, op, target) {
		return
	}
	b := c.known.breaker(asked.ID)
	if b == nil {
		refuse(w, http.StatusNotFound, "there is no breaker %q any more", asked.ID)
		return
	}
	if op == Isolate {
		b.Isolate(keys...)
	} else {
		b.Reset(keys...)
	}
	answer(w, http.StatusOK, map[string]string{"state": b.State(keys...).String()})
}
