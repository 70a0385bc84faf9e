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
		r, err := findNamed(ctx, m, name, "", decode)
		if err != nil {
			yield(nil, err)
			return
		}
		s, ok := r.(streamDispatcher)
		if !ok {
			yield(nil, &Error{Op: "dispatch", Name: name, Err: fmt.Errorf("%w for a stream of this name; a %s has it: use Dispatch", ErrNoHandler, r.describe())})
			return
		}
		if err := s.dispatchStream(ctx, decode, yield); err != nil {
			yield(nil, named(name, err))
		}
	}
}

// streamDispatcher is the route of a stream.
type streamDispatcher interface {
	// dispatchStream returns an error only if decode did.
	dispatchStream(ctx context.Context, decode func(target any) error, yield func(any, error) bool) error
}

func (r *streamRoute[Q, T]) dispatchStream(ctx context.Context, decode func(target any) error, yield func(any, error) bool) error {
	q, err := decodeMessage[Q](decode)
	if err != nil {
		return err
	}
	r.run(ctx, q, func(item T, err error) bool {
		if err != nil {
			return yield(nil, err)
		}
		return yield(item, nil)
	})
	return nil
}
