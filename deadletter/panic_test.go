package deadletter_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func tear(context.Context, Charge) (Receipt, error) { panic("torn") }

func TestAPanicIsKeptAndGoesOn(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(tear))
	require.PanicsWithValue(t, "torn", func() { _, _ = mediator.Send(t.Context(), m, Charge{Cents: 3}) })
	l := theLetter(t, store)
	require.Equal(t, []string{"panic: torn"}, l.Errors)
	require.Contains(t, l.Stack, "deadletter_test.tear(", "where the panic began")
	require.JSONEq(t, `{"Cents":3}`, string(l.Body))
}

func TestAPanicThatIsRecoveredInsideIsAnError(t *testing.T) {
	store := deadletter.NewMemory()
	recoverer := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = &mediator.PanicError{Value: v, Stack: []byte("the stack")}
			}
		}()
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(deadletter.Behavior(store), recoverer), mediator.Handle(tear))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.EqualError(t, err, "panic: torn")
	require.Equal(t, "the stack", theLetter(t, store).Stack)
}

func TestAPanicAndAFailingStoreAreBothTold(t *testing.T) {
	store := &broken{put: func() error { return io.ErrShortWrite }, Store: deadletter.NewMemory()}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Handle(func(context.Context, Charge) (Receipt, error) { panic(errDeclined) }))
	var v any
	func() {
		defer func() { v = recover() }()
		_, _ = mediator.Send(t.Context(), m, Charge{})
	}()
	p, ok := v.(*mediator.PanicError)
	require.True(t, ok)
	require.ErrorIs(t, p, errDeclined)
	require.ErrorIs(t, p, io.ErrShortWrite)
	require.NotEmpty(t, p.Stack)
}

// The panic is the handler's, whatever its value is.
func TestAPanicIsNotAskedWhetherItsLetterIsLost(t *testing.T) {
	for name, value := range map[string]any{
		"another letter's loss": &deadletter.StoreError{Err: io.ErrShortWrite},
		"a nil pointer":         (*wrapping)(nil),
		"one that wraps itself": turning(),
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
				mediator.Handle(func(context.Context, Charge) (Receipt, error) { panic(value) }))
			require.PanicsWithValue(t, value, func() { _, _ = mediator.Send(t.Context(), m, Charge{}) })
			require.NotEmpty(t, theLetter(t, store).Stack)
		})
	}
}

func TestGoexitIsKeptAndGoesOn(t *testing.T) {
	store := &broken{Store: deadletter.NewMemory()}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Handle(func(context.Context, Charge) (Receipt, error) { runtime.Goexit(); return Receipt{}, nil }))
	send := func() (returned bool) {
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = mediator.Send(t.Context(), m, Charge{})
			returned = true
		})
		wg.Wait()
		return returned
	}
	require.False(t, send())
	require.Equal(t, []string{"handler called runtime.Goexit"}, theLetter(t, store).Errors)

	var log strings.Builder
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	store.put = func() error { return io.ErrShortWrite }
	require.False(t, send())
	require.Contains(t, log.String(), "short write")
}

func TestStreamsThatFailAreKept(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.HandleStream(rates(errDeclined)))
	for _, err := range mediator.Stream(t.Context(), m, Rates{Currency: "EUR"}) {
		if err != nil {
			require.Equal(t, errDeclined, err)
		}
	}
	l := theLetter(t, store)
	require.Equal(t, mediator.KindStream, l.Kind)
	require.JSONEq(t, `{"Currency":"EUR"}`, string(l.Body))
}

// The consumer's doings are none of the stream's failures, however streams nest.
func TestAConsumersStopPanicOrGoexitIsNoDeadLetter(t *testing.T) {
	type Outer struct {
		mediator.Yields[int]
		Panics bool
	}
	store := deadletter.NewMemory()
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.HandleStream(rates(nil)),
		mediator.Handle(tear),
		mediator.HandleStream(func(ctx context.Context, o Outer) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for rate := range mediator.Stream(ctx, m, Rates{Currency: "inner"}) {
					if o.Panics {
						panic("handler")
					}
					if !yield(rate, nil) {
						return
					}
				}
			}
		}))
	consume := func(o Outer, body func()) (v any) {
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { v = recover() }()
			for range mediator.Stream(t.Context(), m, o) {
				body()
			}
		})
		wg.Wait()
		return v
	}
	for range mediator.Stream(t.Context(), m, Rates{}) {
		break
	}
	require.Equal(t, "consumer", consume(Outer{}, func() { panic("consumer") }))
	require.Nil(t, consume(Outer{}, runtime.Goexit))
	require.Empty(t, letters(t, store))

	require.Equal(t, "handler", consume(Outer{Panics: true}, func() {}))
	l := theLetter(t, store)
	require.Equal(t, "deadletter_test.Outer", l.Name, "not the stream that it consumed")
	require.NoError(t, store.Delete(t.Context(), l.ID))

	require.Equal(t, "torn", consume(Outer{}, func() { _, _ = mediator.Send(t.Context(), m, Charge{}) }))
	require.Equal(t, "deadletter_test.Charge", theLetter(t, store).Name, "a request of the consumer's")
}

func TestErrorsThatMisbehave(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want func(t *testing.T, texts []string)
	}{
		"wraps itself": {&loop{}, func(t *testing.T, texts []string) { require.Equal(t, []string{"loop"}, texts) }},
		"panics":       {(*nilError)(nil), func(t *testing.T, texts []string) { require.Contains(t, texts[0], "nil pointer") }},
		"is long": {errors.New(strings.Repeat("ü", 5000)), func(t *testing.T, texts []string) {
			require.LessOrEqual(t, len(texts[0]), 4096)
			require.True(t, strings.HasSuffix(texts[0], "ü…"))
		}},
		"is wide": {errors.Join(many(1000)...), func(t *testing.T, texts []string) { require.Len(t, texts, 32) }},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: tc.err}).charge))
			_, err := mediator.Send(t.Context(), m, Charge{})
			require.Same(t, tc.err, err)
			tc.want(t, theLetter(t, store).Errors)
		})
	}
}

type loop struct{}

func (*loop) Error() string   { return "loop" }
func (l *loop) Unwrap() error { return l }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func many(n int) (errs []error) {
	for i := range n {
		errs = append(errs, errors.New(strings.Repeat("x", i)))
	}
	return errs
}
