package deadletter

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/wrapped"
)

const (
	maxTexts = 32
	maxText  = 4 << 10
	minText  = 1 << 10
	maxStack = 16 << 10
)

// describe fills in what err says.
func (l *Letter) describe(err error) {
	l.Errors, l.Stack = nil, ""
	for e := range wrapped.All(err) {
		//nolint:errorlint // All unwraps
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

// fit stores l by put, and where that is too large, without most of what its error says.
// It returns what is stored, or l.
func (l Letter) fit(put func(Letter) error) (Letter, error) {
	err := put(l)
	if !wrapped.Is(err, ErrTooLarge) {
		return l, err
	}
	small := l
	small.Stack, small.Errors = "", []string{cut(l.Errors[0], minText)}
	if err = put(small); err == nil {
		return small, nil
	}
	return l, err
}

// textOf is err's text: Error, too, may panic.
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
