package mediator

import (
	"context"
	"fmt"
	"iter"
)

// DispatchStream is [Stream] of the stream request with the given name (see
// [Named]), as it came over a wire: decode fills in a new message, whose address
// it gets. All that Stream guarantees holds.
//
// Nothing happens until the sequence is ranged over. Each range decodes anew and
// is a run of its own, so decode may be called concurrently if ranges are. It is
// not called if no stream has the name: that is [ErrNoHandler]. An error comes last
// and once, with a nil item.
func DispatchStream(ctx context.Context, m *Mediator, name string, decode func(target any) error) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		s, err := m.findStream(ctx, name, decode)
		if err == nil {
			err = s.dispatchStream(ctx, decode, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// DispatchItems is [DispatchStream] without an allocation for each item: deliver gets
// the address of the item, which is good until deliver returns. It ends when the
// stream does, with its error, or when deliver returns false, with nil.
func DispatchItems(ctx context.Context, m *Mediator, name string, decode func(target any) error, deliver func(item any) bool) error {
	s, err := m.findStream(ctx, name, decode)
	if err != nil {
		return err
	}
	return s.dispatchItems(ctx, decode, deliver)
}

// findStream returns the stream with the name.
func (m *Mediator) findStream(ctx context.Context, name string, decode func(target any) error) (streamDispatcher, error) {
	r, err := findNamed(ctx, m, name, "", decode)
	if err != nil {
		return nil, err
	}
	s, ok := r.(streamDispatcher)
	if !ok {
		return nil, &Error{Op: "dispatch", Name: name, Err: fmt.Errorf("%w for a stream of this name; a %s has it: use Dispatch", ErrNoHandler, r.describe())}
	}
	return s, nil
}

// streamDispatcher is the route of a stream.
type streamDispatcher interface {
	// dispatchStream returns an error only if decode did.
	dispatchStream(ctx context.Context, decode func(target any) error, yield func(any, error) bool) error
	dispatchItems(ctx context.Context, decode func(target any) error, deliver func(item any) bool) error
}

func (r *streamRoute[Q, T]) dispatchStream(ctx context.Context, decode func(target any) error, yield func(any, error) bool) error {
	q, err := decodeMessage[Q](decode)
	if err != nil {
		return named(r.info.name, err)
	}
	r.run(ctx, q, func(item T, err error) bool {
		if err != nil {
			return yield(nil, err)
		}
		return yield(item, nil)
	})
	return nil
}

func (r *streamRoute[Q, T]) dispatchItems(ctx context.Context, decode func(target any) error, deliver func(item any) bool) (end error) {
	q, err := decodeMessage[Q](decode)
	if err != nil {
		return named(r.info.name, err)
	}
	var at T
	r.run(ctx, q, func(item T, err error) bool {
		if err != nil {
			end = err
			return false
		}
		at = item
		return deliver(&at)
	})
	return end
}
