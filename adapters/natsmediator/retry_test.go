package natsmediator_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// recounted is the request place as it was, with another response.
type recounted struct {
	mediator.Returns[int]
	SKU string
	Qty int
}

func (recounted) MessageName() string { return "shop.Place" }

// patient retries after next to nothing.
func patient() natsmediator.RemoteOption {
	return natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 3, Delay: time.Microsecond}))
}

// What cannot be read or sent would be the same the next time, and its handler has run.
func TestResponsesThatCannotBeReadAreNotRetried(t *testing.T) {
	n := embed(t)
	var runs atomic.Int64
	serve(t, wired(t, mediator.Handle(func(_ context.Context, q place) (order, error) {
		runs.Add(1)
		return order{SKU: strings.Repeat("x", q.Qty)}, nil
	})), n)
	_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[recounted](n, "shop", patient())), recounted{})
	require.ErrorIs(t, err, natsmediator.ErrMalformed)
	require.ErrorContains(t, err, "shop.Place: the response: malformed message: application/json: json: cannot unmarshal")
	require.EqualValues(t, 1, runs.Load())
	_, err = mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop", patient())), place{Qty: 2 << 20})
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.EqualValues(t, 2, runs.Load())
}

func TestRemoteErrorsThatAreRetried(t *testing.T) {
	n := embed(t)
	fail := map[string]error{"unhandled": mediator.ErrNoHandler, "unread": natsmediator.ErrContentType, "cut": natsmediator.ErrConnection, "other": errors.New("other")}
	serve(t, wired(t, mediator.Handle(func(_ context.Context, q place) (order, error) { return order{}, fail[q.SKU] })), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.Remote[ship](n, "nobody"))
	for sku, want := range map[string]bool{"unhandled": false, "unread": false, "cut": true, "other": true} {
		_, err := mediator.Send(t.Context(), m, place{SKU: sku})
		require.Equal(t, want, behaviors.Retryable(err), "%v", err)
	}
	err := mediator.Exec(t.Context(), m, ship{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.True(t, behaviors.Retryable(err), "no handler ran")
}

// The only instance is away for a moment.
func TestCallIsRetriedUntilAnInstanceIsThere(t *testing.T) {
	n := embed(t)
	handler := wired(t, mediator.Handle(placed))
	retry := natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 3, Delay: time.Microsecond, OnRetry: func(_ context.Context, e behaviors.RetryEvent) {
		if e.Attempt == 3 {
			serve(t, handler, n)
		}
	}}))
	_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop", retry)), place{})
	require.NoError(t, err)
}

type status int

func (s status) Error() string   { return "status" }
func (s status) StatusCode() int { return int(s) }

type sqlState string

func (s sqlState) Error() string    { return "state" }
func (s sqlState) SQLState() string { return string(s) }

type sqlNumber int32

func (n sqlNumber) Error() string         { return "number" }
func (n sqlNumber) SQLErrorNumber() int32 { return int32(n) }

// The presets choose by what errors tell, there as here, also by way of another service.
func TestPresetsChooseByErrorsFromElsewhere(t *testing.T) {
	n := embed(t)
	var fail error
	serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) { return order{}, fail })), n)
	there := wired(t, natsmediator.Remote[place](n, "shop"))
	_, err := natsmediator.Serve(t.Context(), wired(t, mediator.Handle(func(ctx context.Context, q place) (order, error) { return mediator.Send(ctx, there, q) })), n, "agent")
	require.NoError(t, err)
	agent := wired(t, natsmediator.Remote[place](n, "agent"))
	for _, fail = range []error{status(404), status(503), sqlState("40P01"), sqlState("23505"), sqlNumber(1205), sqlNumber(1), errors.New("plain"), errors.Join(status(502), sqlState("40001"))} {
		for _, m := range []*mediator.Mediator{there, agent} {
			_, err := mediator.Send(t.Context(), m, place{})
			require.Error(t, err)
			require.Equal(t, behaviors.HTTPError(fail), behaviors.HTTPError(err), "%v", fail)
			require.Equal(t, behaviors.DatabaseError(fail), behaviors.DatabaseError(err), "%v", fail)
			require.Equal(t, behaviors.ExternalAPIOutcome(fail), behaviors.ExternalAPIOutcome(err), "%v", fail)
		}
	}
}

// What resumes has to be told where by a Retry in its own process. One on this side has
// the handler begin again, and skips.
func TestResumingEndsAtTheWire(t *testing.T) {
	var runs atomic.Int64
	rows := func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			broken := runs.Add(1) == 1
			for i := behaviors.ResumeFrom(ctx, q); i < q.To; i++ {
				if broken && i == 3 {
					yield(0, errors.New("reset"))
					return
				}
				if !yield(i, nil) {
					return
				}
			}
		}
	}
	retried := func(mode behaviors.StreamMode) mediator.Behavior {
		return behaviors.Retry(behaviors.RetryConfig{Delay: time.Microsecond, Stream: mode})
	}
	n := embed(t)
	serve(t, wired(t, mediator.HandleStream(rows)), n)
	_, err := natsmediator.Serve(t.Context(), wired(t, mediator.HandleStream(rows, mediator.Use(retried(behaviors.RestartUndelivered)))), n, "steady")
	require.NoError(t, err)
	collected := func(service string, opts ...natsmediator.RemoteOption) ([]int, error) {
		runs.Store(0)
		return collect(mediator.Stream(t.Context(), wired(t, natsmediator.RemoteStream[count](n, service, opts...)), count{To: 6}))
	}
	all := []int{0, 1, 2, 3, 4, 5}
	got, err := collected("shop", natsmediator.Use(retried(behaviors.RestartUndelivered)))
	require.ErrorContains(t, err, "reset")
	require.Equal(t, all[:3], got, "nothing twice, but not all")
	got, err = collected("shop", natsmediator.Use(retried(behaviors.SkipDelivered)))
	require.NoError(t, err)
	require.Equal(t, all, got)
	got, err = collected("steady")
	require.NoError(t, err)
	require.Equal(t, all, got)
}
