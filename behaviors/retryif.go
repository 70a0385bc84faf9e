package behaviors

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
)

// ErrorIs returns a condition on errors, such as [RetryConfig.RetryIf]: those that
// are one of targets, by [errors.Is].
func ErrorIs(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
}

// ErrorAs returns a condition on errors, such as [RetryConfig.RetryIf]: those that
// are an E, by [errors.As].
func ErrorAs[E error]() func(error) bool {
	return func(err error) bool {
		var target E
		return errors.As(err, &target)
	}
}

// AnyError returns a condition on errors: those for which one of conditions is
// true.
func AnyError(conditions ...func(error) bool) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(conditions, func(is func(error) bool) bool { return is(err) })
	}
}

// Retryable is what [Retry] retries by default: every error but those that the
// same message is bound to meet again. These are [ErrInvalid], a
// [*mediator.PanicError], what says by a method Business() bool that it is an
// answer of the business ([Business]), the mediator's own errors about a wiring or a call that
// is over, an [*OpenError] of a breaker that is isolated, and a [*RetryError], for
// attempts would multiply.
//
// An error of another package says for itself by a method Retryable() bool whether the
// same message may have better luck, also one that is an error of the mediator's about a
// wiring, such as that of a service of which no instance is there yet. Of several, the
// first that errors.As finds counts.
func Retryable(err error) bool {
	var panicked *mediator.PanicError
	var retried *RetryError
	var open *OpenError
	switch {
	case errors.As(err, &panicked), errors.As(err, &retried), errors.Is(err, ErrInvalid), answer.Is(err):
		return false
	case errors.As(err, &open) && open.State == StateIsolated:
		return false
	}
	var says interface{ Retryable() bool }
	if errors.As(err, &says) {
		return says.Retryable()
	}
	return !isFinal(err)
}

var isFinal = ErrorIs(mediator.ErrNoHandler, mediator.ErrClosed, mediator.ErrMessageType,
	mediator.ErrNoResponse, mediator.ErrCallOver, mediator.ErrNextRunning, mediator.ErrStopped, mediator.ErrUnsubscribed)

// DatabaseError is what [RetryDatabase] retries: timeouts, lost connections,
// deadlocks and failed serializations. It knows the errors of database/sql, net
// and io, the SQLSTATE of drivers whose errors have a method SQLState() string
// (classes 08 and 57P, 40001, 40P01, 55P03, 57014), the numbers -2, 1205 and 1222
// of a method SQLErrorNumber() int32, and the word "deadlock".
func DatabaseError(err error) bool {
	if !Retryable(err) {
		return false
	}
	if isTimeout(err) || isLostConnection(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		code := state.SQLState()
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") ||
			slices.Contains([]string{"40001", "40P01", "55P03", "57014"}, code)
	}
	var number interface{ SQLErrorNumber() int32 }
	if errors.As(err, &number) {
		return slices.Contains([]int32{-2, 1205, 1222}, number.SQLErrorNumber())
	}
	return strings.Contains(strings.ToLower(err.Error()), "deadlock")
}

// HTTPError is what [RetryHTTP] retries: errors of the network, timeouts among
// them, and the statuses 502 and 503, of errors with a method StatusCode() int.
func HTTPError(err error) bool {
	if !Retryable(err) {
		return false
	}
	var status interface{ StatusCode() int }
	if errors.As(err, &status) {
		return status.StatusCode() == http.StatusBadGateway || status.StatusCode() == http.StatusServiceUnavailable
	}
	return isTimeout(err) || isLostConnection(err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

var isBrokenPipe = ErrorIs(io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH)

func isLostConnection(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) || isBrokenPipe(err) {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	// A client's io.EOF is a connection that was closed before the answer; elsewhere
	// io.EOF is no failure.
	var client *url.Error
	return errors.As(err, &client) && errors.Is(client.Err, io.EOF)
}
