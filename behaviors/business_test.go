package behaviors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func ExampleBusiness() {
	soldOut := errors.New("sold out")
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	runs := 0
	m, err := mediator.New(
		mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), breaker),
		mediator.Handle(func(context.Context, price) (int, error) { runs++; return 0, behaviors.Business(soldOut) }))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{SKU: "x"})
	fmt.Println(err, errors.Is(err, soldOut))
	fmt.Println("ran", runs, "time, the breaker is", breaker.State())
	// Output:
	// sold out true
	// ran 1 time, the breaker is closed
}

func TestBusinessErrorsFollowOneRule(t *testing.T) {
	require.NoError(t, behaviors.Business(nil))
	inner := fmt.Errorf("no credit: %w", io.EOF)
	for name, err := range map[string]error{
		"marked":            behaviors.Business(inner),
		"wrapped":           fmt.Errorf("place: %w", behaviors.Business(inner)),
		"of its own":        businessError{true},
		"invalid":           behaviors.ErrInvalid,
		"of Validate":       &behaviors.InvalidError{Err: io.EOF},
		"marked over a no":  behaviors.Business(businessError{false}),
		"joined to another": errors.Join(io.EOF, behaviors.Business(inner)),
	} {
		require.False(t, behaviors.Retryable(err), name)
		require.Equal(t, behaviors.OutcomeIgnored, behaviors.OutcomeOf(err), name)
		require.Equal(t, behaviors.OutcomeIgnored, behaviors.ExternalAPIOutcome(err), name)
		require.Equal(t, behaviors.Declined, behaviors.EndingOf(t.Context(), err), name)
		var business interface{ Business() bool }
		require.ErrorAs(t, err, &business, name)
		require.True(t, business.Business(), name)
	}
	marked := behaviors.Business(inner)
	require.EqualError(t, marked, "no credit: EOF")
	require.ErrorIs(t, marked, io.EOF)
	require.ErrorIs(t, &behaviors.InvalidError{Err: io.EOF}, behaviors.ErrInvalid)
	require.True(t, (&behaviors.InvalidError{}).Business())
	require.True(t, behaviors.Retryable(businessError{false}))

	panicked := &mediator.PanicError{Value: marked}
	require.Equal(t, behaviors.OutcomeFailure, behaviors.OutcomeOf(panicked))
	require.Equal(t, behaviors.OutcomeFailure, behaviors.DatabaseOutcome(panicked))
	require.False(t, behaviors.Retryable(panicked))
	require.Equal(t, behaviors.Panicked, behaviors.EndingOf(t.Context(), panicked))
}

func TestAnswersOfTheBusinessAreAnEndingOfTheirOwn(t *testing.T) {
	r := behaviors.NewRecorder()
	var l logged
	observed := mediator.Use(behaviors.Log(l.logger(slog.LevelInfo)), r)
	m := newMediator(t, observed,
		askFor(func(context.Context) error { return errSoldOut }),
		mediator.Subscribe(func(context.Context, told) error { return errSoldOut }, mediator.Named("told")),
		mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, errSoldOut) }
		}, mediator.Named("numbers")))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, errSoldOut)
	require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), errSoldOut)
	require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, upTo{})), errSoldOut)

	s := r.Snapshot()
	for i, name := range []string{"ask", "told", "numbers"} {
		requireOnly(t, s.Message(name), behaviors.Declined)
		line := l.lines(t)[i]
		require.Equal(t, []any{name, "declined", "INFO", "sold out"}, []any{line["name"], line["msg"], line["level"], line["error"]})
	}
	text, err := json.Marshal(s.Message("ask"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"outcomes":{"declined":1}`)
	require.Equal(t, "declined", behaviors.Declined.String())
	require.Contains(t, behaviors.Endings(), behaviors.Declined)
}

func TestAnAnswerThatComesAfterTheTimeLimitIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r, behaviors.Timeout(time.Second)), askFor(func(ctx context.Context) error {
			<-ctx.Done()
			return errSoldOut
		}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, behaviors.OutcomeIgnored, behaviors.OutcomeOf(err))
		requireOnly(t, r.Snapshot().Message("ask"), behaviors.Declined)
	})
}

func TestARetryThatEndsWithAnAnswerIsDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		tries := 0
		m := newMediator(t, mediator.Use(r, behaviors.Retry(behaviors.RetryConfig{})), askFor(func(context.Context) error {
			if tries++; tries == 1 {
				return io.ErrUnexpectedEOF
			}
			return errSoldOut
		}))
		_, err := mediator.Send(t.Context(), m, ask{})
		var retried *behaviors.RetryError
		require.ErrorAs(t, err, &retried)
		requireOnly(t, r.Snapshot().Message("ask"), behaviors.Declined)
	})
}

// Who keeps figures by the numbers of the endings keeps their meaning.
func TestEndingsKeepTheirNumbers(t *testing.T) {
	require.Equal(t, []behaviors.Ending{behaviors.Succeeded, behaviors.Stopped, behaviors.Failed, behaviors.Canceled, behaviors.TimedOut,
		behaviors.Rejected, behaviors.Panicked, behaviors.Exited, behaviors.Declined}, behaviors.Endings())
}
