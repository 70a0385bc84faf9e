package natsmediator_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// plain is a codec that knows types, as those of schemas do.
type plain struct{}

func (plain) ContentType() string { return "application/x-plain" }

func (plain) Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case sample, samples[sample]:
		return fmt.Appendf(dst, "%+v", v), nil
	default:
		return nil, fmt.Errorf("%T is none of its types", v)
	}
}

func (plain) Decode(data []byte, target any) error {
	switch target := target.(type) {
	case *sample:
		_, err := fmt.Sscanf(string(data), "{N:%d}", &target.N)
		return err
	case *samples[sample]:
		return nil
	default:
		return fmt.Errorf("%T is none of its types", target)
	}
}

type sample struct{ N int }

// level has its bytes by a method of the pointer.
type level struct{ n uint64 }

func (l *level) AppendBinary(dst []byte) ([]byte, error) {
	return binary.AppendUvarint(dst, l.n), nil
}

func (l *level) UnmarshalBinary(data []byte) error {
	l.n, _ = binary.Uvarint(data)
	return nil
}

// samples is the request of a stream, which says nothing.
type samples[T any] struct {
	mediator.Yields[T] `json:"-"`
}

func (samples[T]) MarshalBinary() ([]byte, error) { return nil, nil }
func (*samples[T]) UnmarshalBinary([]byte) error  { return nil }

// TestItemsOfAnyType: a codec gets items of a stream as it gets responses, not their
// addresses.
func TestItemsOfAnyType(t *testing.T) {
	const octets, plainType, gob = "application/octet-stream", "application/x-plain", "application/x-gob"
	t.Run("own codec", func(t *testing.T) { streamOf(t, plainType, sample{1}, sample{2}) })
	t.Run("JSON of any", func(t *testing.T) { streamOf[any](t, "", nil, "a", 1.5) })
	t.Run("JSON of pointers", func(t *testing.T) { streamOf(t, "", &sample{1}, nil) })
	t.Run("gob of pointers", func(t *testing.T) { streamOf(t, gob, &sample{1}, &sample{2}) })
	t.Run("text", func(t *testing.T) { streamOf(t, octets, "a", "", "b") })
	t.Run("bytes", func(t *testing.T) { streamOf(t, octets, []byte("a"), []byte{}) })
	t.Run("numbers", func(t *testing.T) { streamOf(t, octets, int64(1), int64(-1)) })
	t.Run("pointers to numbers", func(t *testing.T) { n := int64(1); streamOf(t, octets, &n) })
	t.Run("methods of the pointer", func(t *testing.T) { streamOf(t, octets, level{1}, level{300}) })
	t.Run("pointers with methods", func(t *testing.T) { streamOf(t, octets, &level{1}, &level{300}) })
}

// streamOf requires that items come through as they are.
func streamOf[T any](t *testing.T, contentType string, items ...T) {
	t.Helper()
	n := embed(t, natsmediator.ServerOptions(noSync), natsmediator.Codecs(plain{}, natsmediator.Gob()))
	serve(t, wired(t, mediator.HandleStream(func(context.Context, samples[T]) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
		}
	})), n)
	got, err := collect(mediator.Stream(t.Context(), wired(t, natsmediator.RemoteStream[samples[T]](n, "shop", natsmediator.Encoding(contentType))), samples[T]{}))
	require.NoError(t, err)
	require.Equal(t, items, got)
}
