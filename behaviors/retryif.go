package behaviors

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
	"github.com/fsmediator/mediator/internal/wrapped"
)

// ErrorIs returns a condition on errors, such as [RetryConfig.RetryIf]: those that
// are one of targets, by [errors.Is].
func ErrorIs(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return wrapped.Is(err, t) })
	}
}

// ErrorAs returns a condition on errors, such as [RetryConfig.RetryIf]: those that
// are an E, by [errors.As].
func ErrorAs[E error]() func(error) bool {
	return func(err error) bool {
		_, is := wrapped.As[E](err)
		return is
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
	switch {
	case isPanic(err), isRetried(err), wrapped.Is(err, ErrInvalid), answer.Is(err):
		return false
	}
	if open, ok := wrapped.As[*OpenError](err); ok && open != nil && open.State == StateIsolated {
		return false
	}
	if says, ok := wrapped.As[interface{ Retryable() bool }](err); ok {
		return told(says.Retryable)
	}
	return !isFinal(err)
}

// told is what an error's method says, nothing if it panics.
func told[T any](method func() T) (v T) {
	defer func() { _ = recover() }()
	return method()
}

var isRetried = ErrorAs[*RetryError]()

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
	if isTimeout(err) || isLostConnection(err) || wrapped.Is(err, driver.ErrBadConn) || wrapped.Is(err, sql.ErrConnDone) {
		return true
	}
	if state, ok := wrapped.As[interface{ SQLState() string }](err); ok {
		code := told(state.SQLState)
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") ||
			slices.Contains([]string{"40001", "40P01", "55P03", "57014"}, code)
	}
	if number, ok := wrapped.As[interface{ SQLErrorNumber() int32 }](err); ok {
		return slices.Contains([]int32{-2, 1205, 1222}, told(number.SQLErrorNumber))
	}
	return strings.Contains(strings.ToLower(told(err.Error)), "deadlock")
}

// HTTPError is what [RetryHTTP] retries: errors of the network, timeouts among
// them, and the statuses 502 and 503, of errors with a method StatusCode() int.
func HTTPError(err error) bool {
	if !Retryable(err) {
		return false
	}
	if status, ok := wrapped.As[interface{ StatusCode() int }](err); ok {
		return slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable}, told(status.StatusCode))
	}
	return isTimeout(err) || isLostConnection(err)
}

func isTimeout(err error) bool {
	if wrapped.Is(err, context.DeadlineExceeded) || wrapped.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := wrapped.As[interface{ Timeout() bool }](err)
	return ok && told(timeout.Timeout)
}

var isBrokenPipe = ErrorIs(io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH)

var isOfNetwork = ErrorAs[*net.OpError]()

func isLostConnection(err error) bool {
	if isOfNetwork(err) || isBrokenPipe(err) {
		return true
	}
	if dns, ok := wrapped.As[*net.DNSError](err); ok && dns != nil {
		return !dns.IsNotFound
	}
	// A client's io.EOF is a connection that was closed before the answer; elsewhere
	// io.EOF is no failure.
	client, ok := wrapped.As[*url.Error](err)
	return ok && client != nil && wrapped.Is(client.Err, io.EOF)
}
