package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

var errNegative = errors.New("negative")

func positive(n int) error {
	if n < 0 {
		return fmt.Errorf("N is %d: %w", n, errNegative)
	}
	return nil
}

type checked struct {
	mediator.Returns[int]
	SKU string
	N   int
}

func (c checked) Validate() error { return positive(c.N) }

type checkedByAddress struct {
	mediator.Returns[int]
	N int
}

func (c *checkedByAddress) Validate() error { return positive(c.N) }

type checkedStream struct {
	mediator.Yields[int]
	N int
}

func (c checkedStream) Validate() error { return positive(c.N) }

type checkedNews struct{ N int }

func (c checkedNews) Validate() error { return positive(c.N) }

func TestValidateTurnsInvalidMessagesDown(t *testing.T) {
	handled := 0
	m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), behaviors.Validate()),
		mediator.Handle(func(context.Context, checked) (int, error) { handled++; return 1, nil }),
		mediator.Handle(func(context.Context, *checked) (int, error) { handled++; return 1, nil }, mediator.Named("pointer")),
		mediator.Handle(func(context.Context, checkedByAddress) (int, error) { handled++; return 1, nil }),
		mediator.HandleStream(func(context.Context, checkedStream) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { handled++; yield(1, nil) }
		}),
		mediator.Subscribe(func(context.Context, checkedNews) error { handled++; return nil }),
		mediator.Handle(func(context.Context, ask) (int, error) { return 7, nil }))
	call := func(n int) (errs []error) {
		_, err := mediator.Send(t.Context(), m, checked{N: n})
		errs = append(errs, err)
		_, err = mediator.Send(t.Context(), m, &checked{N: n})
		errs = append(errs, err)
		_, err = mediator.Send(t.Context(), m, checkedByAddress{N: n})
		errs = append(errs, err)
		for _, err = range mediator.Stream(t.Context(), m, checkedStream{N: n}) {
		}
		return append(errs, err, mediator.Publish(t.Context(), m, checkedNews{N: n}))
	}
	for _, err := range call(1) {
		require.NoError(t, err)
	}
	require.Equal(t, 5, handled)
	for _, err := range call(-1) {
		require.ErrorIs(t, err, behaviors.ErrInvalid)
		require.ErrorIs(t, err, errNegative)
		var invalid *behaviors.InvalidError
		require.ErrorAs(t, err, &invalid)
	}
	require.Equal(t, 5, handled)
	_, err := mediator.Send(t.Context(), m, checked{N: -3})
	require.EqualError(t, err, "invalid message behaviors_test.checked: N is -3: negative")
	n, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	require.Equal(t, 7, n, "a message without the method passes")
}

// newsByAddress has the method by its address.
type newsByAddress struct{ N int }

func (c *newsByAddress) Validate() error { return positive(c.N) }

func TestValidateOfASubscriberToAnInterface(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Validate()), mediator.Subscribe(func(context.Context, any) error { return nil }))
	for range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		for _, n := range []any{checkedNews{}, &checkedNews{}, newsByAddress{}, &newsByAddress{}} {
			require.NoError(t, mediator.Publish(t.Context(), m, n))
		}
		for _, n := range []any{checkedNews{N: -1}, &checkedNews{N: -1}, newsByAddress{N: -1}, &newsByAddress{N: -1}} {
			require.ErrorIs(t, mediator.Publish(t.Context(), m, n), behaviors.ErrInvalid, "%T", n)
		}
	}
}

// explosive has a Validate method that panics.
type explosive struct{ mediator.Returns[int] }

func (explosive) Validate() error { panic("validate") }

func TestValidatePassesAPanicOfTheMethod(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Recover(), behaviors.Validate()),
		mediator.Handle(func(context.Context, explosive) (int, error) { t.Error("it ran"); return 0, nil }))
	for range 2 {
		_, err := mediator.Send(t.Context(), m, explosive{})
		require.EqualError(t, err, "panic: validate")
	}
}

func TestValidateAllocatesNothingOnTheHappyPath(t *testing.T) {
	requireNoAllocs(t, behaviors.Validate())
	m := newMediator(t, mediator.Use(behaviors.Validate()), mediator.Handle(func(_ context.Context, q *checked) (int, error) { return q.N, nil }))
	q, ctx := &checked{N: 1}, t.Context()
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if _, err := mediator.Send(ctx, m, q); err != nil {
			t.Error(err)
		}
	}))
	m = newMediator(t, mediator.Use(behaviors.Validate()),
		mediator.Handle(func(_ context.Context, q checked) (int, error) { return q.N, nil }),
		mediator.Handle(func(_ context.Context, q checkedByAddress) (int, error) { return q.N, nil }))
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if _, err := mediator.Send(ctx, m, checked{N: 1}); err != nil {
			t.Error(err)
		}
	}), "a value with the method")
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if _, err := mediator.Send(ctx, m, checkedByAddress{N: 1}); err != nil {
			t.Error(err)
		}
	}), "a value whose address has it")
}

func BenchmarkValidate(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("without the method", func(b *testing.B) { benchSend(b, behaviors.Validate()) })
	for name, behavior := range map[string]mediator.Behavior{"noop": noop{}, "validate": behaviors.Validate()} {
		m := newMediator(b, mediator.Use(behavior), mediator.Handle(func(_ context.Context, q *checked) (int, error) { return q.N, nil }),
			mediator.Handle(func(_ context.Context, q checked) (int, error) { return q.N, nil }, mediator.Named("value")))
		q, ctx := &checked{N: 1}, b.Context()
		b.Run("pointer/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mediator.Send(ctx, m, q); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("value/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mediator.Send(ctx, m, checked{N: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// a nil pointer to a message whose method has a value receiver panicked
func TestFoundValidateOfANilPointer(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Validate()),
		mediator.Handle(func(context.Context, *checked) (int, error) { return 1, nil }))
	_, err := mediator.Send(t.Context(), m, (*checked)(nil))
	require.ErrorIs(t, err, behaviors.ErrInvalid)
	require.ErrorContains(t, err, "nil pointer")
}

// fussy returns an error of the behavior's own type.
type fussy struct{ err error }

func (f fussy) Validate() error { return f.err }

func TestValidateNamesWhatIsInvalidAndNotWhatItSaid(t *testing.T) {
	inner := &behaviors.InvalidError{Name: "address", Err: errors.New("no street")}
	m := newMediator(t, mediator.Use(behaviors.Validate()), mediator.Subscribe(func(context.Context, fussy) error { return nil }, mediator.Named("order")))
	err := mediator.Publish(t.Context(), m, fussy{err: inner})
	var invalid *behaviors.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "order", invalid.Name)
	require.Same(t, inner, invalid.Err)
	require.Equal(t, "address", inner.Name)
}

// Messages with a method that has the name alone.
type (
	checkedElsewhere  struct{ N int }
	checkedIfPointer  struct{ N int }
	checkedAgainst    struct{ N int }
	checkedTwoResults struct{ N int }
)

func (c checkedElsewhere) Validate(context.Context) error { return positive(c.N) }
func (c *checkedIfPointer) Validate() bool                { return c.N >= 0 }
func (c *checkedAgainst) Validate(rules ...string) error  { return positive(c.N - len(rules)) }
func (c checkedTwoResults) Validate() (int, error)        { return c.N, positive(c.N) }

func TestValidateTellsOfAMethodThatItDoesNotCall(t *testing.T) {
	var log strings.Builder
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	m := newMediator(t, mediator.Use(behaviors.Validate()), mediator.Subscribe(func(context.Context, any) error { return nil }),
		mediator.Subscribe(func(context.Context, checkedElsewhere) error { return nil }))
	for range 3 {
		for _, n := range []any{checkedElsewhere{-1}, checkedIfPointer{-1}, &checkedIfPointer{-1}, checkedAgainst{-1}, checkedTwoResults{-1}, told{}, &told{}} {
			require.NoError(t, mediator.Publish(t.Context(), m, n))
		}
		require.ErrorIs(t, mediator.Publish(t.Context(), m, checkedNews{-1}), behaviors.ErrInvalid)
	}
	const warning = "mediator: Validate: %s has a method Validate that is not called, for it is a %s: it has to be a func() error; what needs more belongs into the handler"
	var want []string
	for _, about := range [][2]string{
		{"behaviors_test.checkedElsewhere", "func(context.Context) error"},
		{"behaviors_test.checkedIfPointer", "func() bool"},
		{"*behaviors_test.checkedIfPointer", "func() bool"},
		{"behaviors_test.checkedAgainst", "func(...string) error"},
		{"behaviors_test.checkedTwoResults", "func() (int, error)"},
	} {
		want = append(want, fmt.Sprintf(warning, about[0], about[1]))
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		require.Contains(t, line, "level=WARN")
		_, text, _ := strings.Cut(line, "msg=")
		got = append(got, strings.Trim(text, "\"\n"))
	}
	require.Equal(t, want, got, "once a type")
}
