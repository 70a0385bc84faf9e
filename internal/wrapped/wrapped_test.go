package wrapped_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOne, errTwo = errors.New("one"), errors.New("two")

// wrapping panics when a nil pointer to it is asked what it wraps.
type wrapping struct{ inner error }

func (w *wrapping) Error() string { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.inner }

// several gives away what it has.
type several []error

func (several) Error() string     { return "several" }
func (s several) Unwrap() []error { return s }

// like says that it is anything, or cannot.
type like struct{ is func() bool }

func (like) Error() string     { return "like" }
func (l like) Is(_ error) bool { return l.is() }

// branching wraps itself twice.
type branching struct{}

func (branching) Error() string   { return "branching" }
func (branching) Unwrap() []error { return []error{branching{}, branching{}} }

// alike is a slice that is like any other.
type alike []error

func (alike) Error() string { return "alike" }
func (alike) Is(target error) bool {
	_, is := target.(alike)
	return is
}

func turning() error {
	w := &wrapping{}
	w.inner = w
	return w
}

func TestAll(t *testing.T) {
	joined := errors.Join(errOne, errTwo)
	around, none := fmt.Errorf("around: %w", joined), (*wrapping)(nil)
	for name, tc := range map[string]struct {
		err error
		all []error
	}{
		"nil":                 {nil, nil},
		"a plain one":         {errOne, []error{errOne}},
		"depth first":         {&wrapping{around}, []error{&wrapping{around}, around, joined, errOne, errTwo}},
		"one that has nil":    {&wrapping{}, []error{&wrapping{}}},
		"a nil pointer":       {&wrapping{none}, []error{&wrapping{none}, none}},
		"one with nil, twice": {several{nil, errOne, nil}, []error{several{nil, errOne, nil}, errOne}},
	} {
		require.Equal(t, tc.all, slices.Collect(wrapped.All(tc.err)), name)
	}
	require.Len(t, slices.Collect(wrapped.All(turning())), 256, "it wraps itself")
	require.Len(t, slices.Collect(wrapped.All(branching{})), 1<<16, "it wraps itself twice")
	for range wrapped.All(joined) {
		break
	}
}

func TestByLeavesTheErrorAsItIs(t *testing.T) {
	own := several{nil, errOne, errTwo}
	require.Equal(t, []error{errOne, errTwo}, wrapped.By(own))
	require.Equal(t, several{nil, errOne, errTwo}, own)
	require.Empty(t, wrapped.By(nil))
}

func TestIs(t *testing.T) {
	yes, torn := like{func() bool { return true }}, like{func() bool { panic("torn") }}
	for _, err := range []error{errOne, fmt.Errorf("around: %w", errOne), errors.Join(errTwo, errOne), yes, errors.Join((*wrapping)(nil), torn, errOne)} {
		require.True(t, wrapped.Is(err, errOne), err)
	}
	for _, err := range []error{nil, errTwo, (*wrapping)(nil), torn, turning(), several{errTwo}} {
		require.False(t, wrapped.Is(err, errOne), err)
	}
	require.False(t, wrapped.Is(several{errTwo}, several{errOne}), "what cannot be compared")
	require.True(t, wrapped.Is(fmt.Errorf("around: %w", alike{errTwo}), alike{errOne}), "but can be asked")
	require.False(t, wrapped.Is(branching{}, errOne))
	require.True(t, wrapped.Is(nil, nil))
	require.False(t, wrapped.Is(yes, nil), "as errors.Is")

	many := make([]error, 1000)
	for i := range many {
		many[i] = fmt.Errorf("subscriber %d: %w", i, errTwo)
	}
	require.True(t, wrapped.Is(errors.Join(append(many, errOne)...), errOne), "the last of many")
}

// asks stands for an errTwo in its own way, or cannot.
type asks struct{ as func(target any) bool }

func (asks) Error() string        { return "asks" }
func (a asks) As(target any) bool { return a.as(target) }

func TestAs(t *testing.T) {
	whole := &wrapping{errOne}
	torn := asks{func(any) bool { panic("torn") }}
	stands := asks{func(target any) bool { p, ok := target.(**wrapping); *p = whole; return ok }}
	for _, err := range []error{whole, fmt.Errorf("around: %w", whole), errors.Join(errTwo, whole), stands, errors.Join(torn, whole)} {
		found, ok := wrapped.As[*wrapping](err)
		require.True(t, ok, err)
		require.Same(t, whole, found)
	}
	lies := asks{func(target any) bool { p, ok := target.(**wrapping); *p = whole; return !ok }}
	for _, err := range []error{nil, errTwo, torn, several{errTwo}, lies} {
		found, ok := wrapped.As[*wrapping](err)
		require.False(t, ok, err)
		require.Nil(t, found)
	}
	_, ok := wrapped.As[like](branching{})
	require.False(t, ok, "it wraps itself twice")
	_, ok = wrapped.As[like](turning())
	require.False(t, ok, "it wraps itself")
	none, ok := wrapped.As[interface{ Unwrap() error }]((*wrapping)(nil))
	require.True(t, ok)
	require.Nil(t, none)
}
