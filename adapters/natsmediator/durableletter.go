package natsmediator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/nats-io/nats.go"
)

// letterTimeout is how long the store of dead letters may take.
const letterTimeout = 10 * time.Second

// The ID of a letter begins with when its event was stored, and its place.
const letterIDFormat = "%016x-%x"

// letterSubject is the header of a letter that has the event's subject.
const letterSubject = "subject"

// letter makes a dead letter of an event. Its ID is that of the event and the group,
// so that one that is stored again, for want of an acknowledgement, is one letter;
// IDs are in the order the events were stored.
func (d *durable) letter(group string, r raw, err error) deadletter.Letter {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(d.stream + "\x00" + group)) // never fails
	now := time.Now().Round(0)
	l := deadletter.Letter{
		ID:   fmt.Sprintf(letterIDFormat, r.stored.UnixNano(), r.sequence) + "-" + hex.EncodeToString(sum.Sum(nil)),
		Name: d.name, Kind: mediator.KindNotification, Group: group,
		Body: slices.Clone(r.data), ContentType: strings.ToValidUTF8(r.header.Get(headerContentType), "\uFFFD"),
		Attempts: 1, First: now, Last: now, Headers: map[string]string{},
	}
	if l.ContentType == "" {
		l.ContentType = JSON().ContentType()
	}
	keepHeaders(l.Headers, r.header)
	l.Headers[letterSubject] = strings.ToValidUTF8(r.subject, "\uFFFD")
	l.Errors = errorTexts(err)
	if p, ok := wrapped.As[*mediator.PanicError](err); ok && p != nil {
		l.Stack = strings.ToValidUTF8(clip(string(p.Stack), 16<<10), "\uFFFD")
	}
	return l
}

// mostHeaders is how many bytes of an event's headers are kept in its letter.
const mostHeaders = 32 << 10

// keepHeaders keeps what the event had with it, its identity first: all but what is
// NATS's own, and what is elsewhere in the letter.
func keepHeaders(to map[string]string, from nats.Header) {
	room := mostHeaders
	keep := func(key, value string) {
		key, value = strings.ToValidUTF8(key, "\uFFFD"), strings.ToValidUTF8(value, "\uFFFD")
		if size := len(key) + len(value); value != "" && size <= room {
			room -= size
			to[key] = value
		}
	}
	first := []string{headerID, headerSource, headerType, headerTraceParent, headerTraceState}
	for _, key := range first {
		keep(key, clip(from.Get(key), 1<<10))
	}
	for _, key := range slices.Sorted(maps.Keys(from)) {
		switch {
		case slices.Contains(first, key), key == headerVersion, key == headerContentType, key == headerTimeout, strings.HasPrefix(key, "Nats-"):
		default:
			keep(key, from.Get(key))
		}
	}
}

// letterCarrier is the headers of a letter.
type letterCarrier map[string]string

func (c letterCarrier) Get(key string) string { return c[key] }
func (c letterCarrier) Set(key, value string) { c[key] = value }
func (c letterCarrier) Keys() []string        { return slices.Collect(maps.Keys(c)) }

// count notes a letter that was stored.
func (d *durable) count(l deadletter.Letter) {
	d.lettered.Add(scopeOf(l.Name, l.Group))
	d.news.add(d.log, l.Name, l.Group, oneLine(l.Errors[0]))
}

// keep stores a letter, and counts it. unlessThere leaves one that is there as it is: it
// knows more, and was counted by who stored it. What a store finds too large is stored
// with less: first without most of what the errors say, then without the body, which can
// still be found by its subject and its ID as long as the stream has it.
func (d *durable) keep(l deadletter.Letter, unlessThere bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), letterTimeout)
	defer cancel()
	return guard(func() error {
		if unlessThere {
			if _, err := d.letters.Get(ctx, l.ID); err == nil {
				return nil
			}
		}
		err := d.letters.Put(ctx, l)
		if errors.Is(err, deadletter.ErrTooLarge) {
			l.Stack, l.Errors = "", []string{clip(l.Errors[0], 1<<10)}
			err = d.letters.Put(ctx, l)
		}
		if errors.Is(err, deadletter.ErrTooLarge) {
			l.Errors = append(l.Errors, fmt.Sprintf("the body, of %d bytes, is too large for the store", len(l.Body)))
			l.Body, l.ContentType = nil, ""
			err = d.letters.Put(ctx, l)
		}
		if err == nil {
			d.count(l)
		}
		return err
	})
}

// errorTexts are those of err and of what it wraps, as deadletter.Letter has them:
// each once, depth first.
func errorTexts(err error) (texts []string) {
	const most, longest = 32, 4 << 10
	for e := range wrapped.All(err) {
		text := ""
		if failed := guard(func() error { text = e.Error(); return nil }); failed != nil {
			text = "the error's own text: " + failed.Error()
		}
		if text = strings.ToValidUTF8(clip(text, longest-4), "\uFFFD"); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		if len(texts) == most {
			break
		}
	}
	return texts
}
