package deadletter

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
)

const (
	maxTexts  = 32
	maxErrors = 256 // that are looked at
	maxText   = 4 << 10
	maxStack  = 16 << 10
)

// describe fills in what err says.
func (l *Letter) describe(err error) {
	l.Errors, l.Stack = nil, ""
	for e := range tree(err) {
		//nolint:errorlint // tree unwraps
		if p, ok := e.(*mediator.PanicError); ok && p != nil && l.Stack == "" {
			l.Stack = cut(string(p.Stack), maxStack)
		}
		if len(l.Errors) == maxTexts {
			continue
		}
		if text := cut(textOf(e), maxText); !slices.Contains(l.Errors, text) {
			l.Errors = append(l.Errors, text)
		}
	}
}

// tree returns err and the errors it wraps, depth first, maxErrors at most:
// errors.As would not come back from one that wraps itself.
func tree(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		left := maxErrors
		walk(err, &left, yield)
	}
}

func walk(err error, left *int, yield func(error) bool) bool {
	if err == nil {
		return true
	}
	if *left--; *left < 0 || !yield(err) {
		return false
	}
	for _, e := range wrapped(err) {
		if !walk(e, left, yield) {
			return false
		}
	}
	return true
}

// wrapped is what err wraps. Unwrap is a method of the user's: on a nil pointer,
// for one, it may panic.
func wrapped(err error) (inner []error) {
	_ = guard(func() error {
		switch e := err.(type) { //nolint:errorlint // it is what unwraps
		case interface{ Unwrap() error }:
			inner = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			inner = e.Unwrap()
		}
		return nil
	})
	return inner
}

// textOf is err's text. Error may panic as Unwrap may.
func textOf(err error) (text string) {
	if failed := guard(func() error { text = err.Error(); return nil }); failed != nil {
		return "the error's own text: " + failed.Error()
	}
	return text
}

func cut(text string, limit int) string {
	text = valid(text)
	if len(text) <= limit {
		return text
	}
	const more = "…"
	return strings.ToValidUTF8(text[:limit-len(more)], "") + more
}

// clean replaces what is no UTF-8 where describe does not: not all stores, and no
// JSON, would give it back.
func (l *Letter) clean() {
	l.Name, l.Group, l.ContentType = valid(l.Name), valid(l.Group), valid(l.ContentType)
	for key, value := range l.Headers {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			headers := make(map[string]string, len(l.Headers)) // the map is the user's
			for key, value := range l.Headers {
				headers[valid(key)] = valid(value)
			}
			l.Headers = headers
			return
		}
	}
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
