package deadletter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
)

// Sentinels, to be tested with [errors.Is].
var (
	// ErrNotFound: the store has no letter of that ID.
	ErrNotFound = errors.New("no such letter")
	// ErrID: a letter's ID is empty, longer than [MaxID] bytes or no UTF-8.
	ErrID = errors.New("unusable letter ID")
	// ErrTooLarge: the letter alone is larger than the store may be.
	ErrTooLarge = errors.New("letter is too large")
	// ErrContentType: no codec is known for a letter's content type.
	ErrContentType = errors.New("no codec for the content type")
	// ErrUnreached: something else than the handler has answered a redrive without
	// an error, outside of the [Behavior] around that: a fallback, or a cache.
	ErrUnreached = errors.New("answered without reaching a deadletter.Behavior around the handler")
)

// MaxID is how many bytes the ID of a letter may have.
const MaxID = 255

// Store keeps letters. Its methods must be safe for concurrent use. When ctx
// ends they return its error, and its cause if that is another, without delay; one that
// had ended before the call changes nothing. mediatortest.DeadLetters tests an
// implementation.
type Store interface {
	// Put stores l, in place of one with the same ID. When it returns nil the
	// letter is as safe as the store can make it; when it returns an error, the
	// letter may have been stored all the same. ErrID if the ID cannot be used.
	// All of it comes back as it was, the body byte for byte: JSON of a Letter alone
	// is not enough, for it has a body in JSON without its white space.
	// Texts that are no UTF-8 may come back with U+FFFD for what is none; a letter
	// that could not be read again is refused.
	Put(ctx context.Context, l Letter) error

	// Get returns the letter, ErrNotFound if there is none.
	Get(ctx context.Context, id string) (Letter, error)

	// List returns the letters that f matches, in the order of the bytes of their
	// IDs: those greater than after, at most limit of them, [DefaultPage] if limit
	// is 0 or less. next is what to pass as after for those that follow, "" if
	// there are none: it is greater than after. A cursor stays good whatever is put or deleted meanwhile, its
	// letter too: a letter that is there all the time is listed once.
	List(ctx context.Context, f Filter, after string, limit int) (letters []Letter, next string, err error)

	// Delete removes the letter, ErrNotFound if there is none.
	Delete(ctx context.Context, id string) error

	// Count returns how many letters f matches.
	Count(ctx context.Context, f Filter) (int, error)
}

// Replacer is a [Store] that can put a letter in place of one with the same ID
// alone: [ErrNotFound] if there is none. [Redrive] uses it; with another Store it
// gets the letter before it puts it, and one that is deleted between the two comes
// back.
type Replacer interface {
	Replace(ctx context.Context, l Letter) error
}

// DefaultPage is how many letters [Store].List returns if not told.
const DefaultPage = 100

// Filter chooses letters: those that fit all of its fields that are not zero.
// The zero Filter chooses all. It is a [RedriveOption].
type Filter struct {
	Name  string
	Group string
	Kind  mediator.Kind
	Since time.Time // First is not before it
	Until time.Time // First is before it
}

// Match tells whether l fits f.
func (f Filter) Match(l Letter) bool {
	return (f.Name == "" || f.Name == l.Name) &&
		(f.Group == "" || f.Group == l.Group) &&
		(f.Kind == 0 || f.Kind == l.Kind) &&
		(f.Since.IsZero() || !l.First.Before(f.Since)) &&
		(f.Until.IsZero() || l.First.Before(f.Until))
}

// All returns the letters of s that f matches, in the order of List, read page by
// page while the loop runs. It ends with an error if List returns one, or letters or a
// cursor out of order, which might never end.
func All(ctx context.Context, s Store, f Filter) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		for after := ""; ; {
			letters, next, err := s.List(ctx, f, after, DefaultPage)
			if err != nil {
				yield(Letter{}, err)
				return
			}
			last := after
			for _, l := range letters {
				if l.ID <= last {
					yield(Letter{}, fmt.Errorf("the store is out of order: it lists the letter %q after %q", l.ID, last))
					return
				}
				last = l.ID
				if !yield(l, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if next <= after {
				yield(Letter{}, fmt.Errorf("the store is out of order: after %q its cursor is %q", after, next))
				return
			}
			after = next
		}
	}
}

// CheckID returns ErrID if a Store cannot be given a letter with this ID.
func CheckID(id string) error {
	if id == "" || len(id) > MaxID {
		return fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrID, len(id), MaxID)
	}
	if !utf8.ValidString(id) {
		return fmt.Errorf("%w: %q is no UTF-8", ErrID, id)
	}
	return nil
}
