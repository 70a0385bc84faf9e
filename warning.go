package mediator

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// OnWarning sets what is called with each warning about a wiring that works but
// is known to be wrong, see [WiringChecker]: by New and Listen, before they
// return. So is the first [Publish] of a type without subscribers of its own, if
// there are subscribers to a pointer to that type, or to what it points to, or if
// it is a request with a handler and no subscriber to an interface gets it. f may
// be called concurrently. Default: a warning record of [slog.Default].
func OnWarning(f func(warning string)) Option {
	return optionFunc(func(w *wiring) {
		w.once("OnWarning")
		if f == nil {
			w.fail("OnWarning", errors.New("the function is nil"))
		}
		w.onWarning = f
	})
}

// warnings collects what the behaviors say of their neighbors: one text for all
// the handlers it is about.
type warnings struct {
	texts    []string
	handlers map[string][]string
}

// check asks the behaviors among layers, which stand around handler.
func (w *warnings) check(handler string, layers []any) {
	bs := behaviorsAmong(layers)
	for i, b := range bs {
		c, ok := b.(WiringChecker)
		if !ok {
			continue
		}
		for _, text := range c.CheckWiring(bs[:i:i], bs[i+1:]) {
			w.add(behaviorName(b)+": "+text, handler)
		}
	}
}

// add notes a warning about handler.
func (w *warnings) add(text, handler string) {
	if w.handlers == nil {
		w.handlers = map[string][]string{}
	}
	if _, known := w.handlers[text]; !known {
		w.texts = append(w.texts, text)
	}
	w.handlers[text] = append(w.handlers[text], handler)
}

func behaviorsAmong(layers []any) (bs []Behavior) {
	for _, l := range layers {
		if b, ok := l.(Behavior); ok {
			bs = append(bs, b)
		}
	}
	return bs
}

// warn gives what was found to the function of [OnWarning].
func (m *Mediator) warn(found ...string) {
	f := m.onWarning
	if f == nil {
		f = func(warning string) { slog.Warn(warning) }
	}
	for _, text := range found {
		f(text)
	}
}

// list is the warnings as they are reported.
func (w *warnings) list() (found []string) {
	for _, text := range w.texts {
		found = append(found, fmt.Sprintf("mediator: %s (around %s)", text, strings.Join(w.handlers[text], ", ")))
	}
	return found
}
