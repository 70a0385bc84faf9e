package behaviors_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestRetryPresetsHaveTheirValues(t *testing.T) {
	type values struct {
		retries int
		delay   time.Duration
		backoff behaviors.Backoff
		total   time.Duration
	}
	for want, c := range map[values]behaviors.RetryConfig{
		{2, 500 * time.Millisecond, behaviors.Fixed, 10 * time.Second}:      behaviors.RetryConservative(),
		{5, 200 * time.Millisecond, behaviors.FullJitter, 2 * time.Minute}:  behaviors.RetryAggressive(),
		{3, time.Second, behaviors.Exponential, 30 * time.Second}:           behaviors.RetryDatabase(),
		{4, 750 * time.Millisecond, behaviors.FullJitter, 45 * time.Second}: behaviors.RetryHTTP(),
	} {
		require.Equal(t, want, values{c.Retries, c.Delay, c.Backoff, c.MaxTotal})
	}
}

type sqlState string

func (sqlState) Error() string      { return "sql" }
func (s sqlState) SQLState() string { return string(s) }

type sqlNumber int32

func (sqlNumber) Error() string           { return "sql" }
func (n sqlNumber) SQLErrorNumber() int32 { return int32(n) }

type httpStatus int

func (httpStatus) Error() string     { return "http" }
func (s httpStatus) StatusCode() int { return int(s) }

type slowNet struct{}

func (slowNet) Error() string { return "slow" }
func (slowNet) Timeout() bool { return true }

func TestRetryDatabaseAndHTTPChooseTheirErrors(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, tc := range []struct {
		err            error
		database, http bool
	}{
		{context.DeadlineExceeded, true, true},
		{&behaviors.TimeoutError{}, true, true},
		{os.ErrDeadlineExceeded, true, true},
		{slowNet{}, true, true},
		{refused, true, true},
		{syscall.ECONNRESET, true, true},
		{io.ErrUnexpectedEOF, true, true},
		{&url.Error{Op: "Get", Err: refused}, true, true},
		{&url.Error{Op: "Get", Err: io.EOF}, true, true},
		{&url.Error{Op: "Get", Err: errors.New("unsupported protocol scheme")}, false, false},
		{&net.DNSError{IsTemporary: true}, true, true},
		{&net.DNSError{IsNotFound: true}, false, false},
		{io.EOF, false, false},
		{driver.ErrBadConn, true, false},
		{sqlState("40P01"), true, false},
		{sqlState("40001"), true, false},
		{sqlState("08006"), true, false},
		{sqlState("57P01"), true, false},
		{sqlState("23505"), false, false},
		{sqlNumber(1205), true, false},
		{sqlNumber(2627), false, false},
		{errors.New("Error 1213 (40001): Deadlock found when trying to get lock"), true, false},
		{httpStatus(502), false, true},
		{httpStatus(503), false, true},
		{httpStatus(500), false, false},
		{httpStatus(504), false, false},
		{httpStatus(404), false, false},
		{errFlaky, false, false},
		{context.Canceled, false, false},
		{&behaviors.InvalidError{Err: refused}, false, false},
		{&mediator.PanicError{Value: refused}, false, false},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("wrapped: %w", tc.err)} {
			require.Equal(t, tc.database, behaviors.RetryDatabase().RetryIf(err), "database: %v", err)
			require.Equal(t, tc.http, behaviors.RetryHTTP().RetryIf(err), "http: %v", err)
		}
	}
}

func TestConditionsOnErrors(t *testing.T) {
	is, as := behaviors.ErrorIs(io.EOF, errFlaky), behaviors.ErrorAs[httpStatus]()
	either := behaviors.AnyError(is, as)
	for _, tc := range []struct {
		err    error
		is, as bool
	}{
		{fmt.Errorf("x: %w", errFlaky), true, false},
		{fmt.Errorf("x: %w", httpStatus(500)), false, true},
		{io.ErrClosedPipe, false, false},
	} {
		require.Equal(t, tc.is, is(tc.err))
		require.Equal(t, tc.as, as(tc.err))
		require.Equal(t, tc.is || tc.as, either(tc.err))
	}
}

type verdict bool

func (verdict) Error() string     { return "no instance" }
func (v verdict) Retryable() bool { return bool(v) }
func (verdict) Unwrap() error     { return mediator.ErrNoHandler }

func TestErrorsSayThemselvesWhetherTheyAreRetried(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{verdict(true), true},
		{fmt.Errorf("call: %w", verdict(true)), true},
		{errors.Join(mediator.ErrNoHandler, verdict(true)), true},
		{errors.Join(errors.New("broken"), verdict(false)), false},
		{mediator.ErrNoHandler, false},
		{&behaviors.RetryError{Err: verdict(true)}, false},
		{errors.Join(verdict(true), &mediator.PanicError{}), false},
		{behaviors.Business(verdict(true)), false},
		{errors.Join(verdict(true), behaviors.ErrInvalid), false},
	} {
		require.Equal(t, tc.want, behaviors.Retryable(tc.err), "%v", tc.err)
	}
}
