package deadletter

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/fsmediator/mediator"
)

// Option is about a [Behavior].
type Option interface{ applyBehavior(k *keeper) }

// RedriveOption is about one [Redrive].
type RedriveOption interface{ applyRedrive(r *redriver) }

// SharedOption is an [Option] and a [RedriveOption].
type SharedOption interface {
	Option
	RedriveOption
}

type option func(k *keeper)

func (f option) applyBehavior(k *keeper) { f(k) }

type redriveOption func(r *redriver)

func (f redriveOption) applyRedrive(r *redriver) { f(r) }

// Headers sets what finds the trace headers of a call in its context:
// traceparent, tracestate and baggage by their names, mostly. It is called for
// what becomes a letter alone. Default: letters have none. For
// [KeepUndone] it is the context that a notification was published with.
func Headers(f func(ctx context.Context) map[string]string) Option {
	must(f != nil, "Headers: the function is nil")
	return option(func(k *keeper) { k.headers = f })
}

// If sets which failures become letters: those f returns true for. A panic is a
// [*mediator.PanicError]. The caller gets the error in any case. It takes the place
// of the default wholly, which is all but the answers of the business to a request
// or a stream, see [Behavior]: f is asked about those, too. About what a caller
// cancelled f is not asked, see [Cancelled].
func If(f func(ctx context.Context, c mediator.Call, err error) bool) Option {
	must(f != nil, "If: the function is nil")
	return option(func(k *keeper) { k.keepIf, k.custom = f, true })
}

// Cancelled makes letters also of what failed because its caller was cancelled.
func Cancelled() Option { return option(func(k *keeper) { k.cancelled = true }) }

// PutTimeout sets how long the store may take to put a letter. The caller waits
// for it, also if its context has ended. Default: 5s. It panics if d is not
// positive.
func PutTimeout(d time.Duration) Option {
	must(d > 0, "PutTimeout(%v): the store needs some time", d)
	return option(func(k *keeper) { k.putTimeout = d })
}

// OnLetter sets what is called with each letter after the store was given it, and
// with the [*StoreError] if it was not stored: to count, to alert. It is called
// concurrently, on the goroutine of the call, before the caller gets the error.
func OnLetter(f func(ctx context.Context, l Letter, err error)) Option {
	must(f != nil, "OnLetter: the function is nil")
	return option(func(k *keeper) { k.onLetter = f })
}

func (f Filter) applyRedrive(r *redriver) { r.filter = f }

// Rate sets how many letters a second are redriven at most, evenly spaced; what a
// slow handler leaves unused is not made up for. Default: one after the other
// without a pause. It panics if perSecond is not positive.
func Rate(perSecond float64) RedriveOption {
	must(perSecond > 0 && !math.IsInf(perSecond, 0), "Rate(%v): it has to be positive", perSecond)
	interval := float64(time.Second) / perSecond
	must(interval < math.MaxInt64, "Rate(%v): that is never", perSecond)
	return redriveOption(func(r *redriver) { r.interval = time.Duration(interval) })
}

const defaultMaxWait = 30 * time.Second

// MaxWait sets how long Redrive waits for one letter that is refused before its
// handler runs, in all; see [Redrive]. It does not wait for what comes later than
// that, or than the deadline of its context. Default: 30s. 0 is not to wait. It panics
// if d is negative.
func MaxWait(d time.Duration) RedriveOption {
	must(d >= 0, "MaxWait(%v): it cannot be negative", d)
	return redriveOption(func(r *redriver) { r.patience = d })
}

// AtMost sets how many letters are given to their handlers at most; those that are
// [Skipped] do not count. Default: all. It panics if n is not positive.
func AtMost(n int) RedriveOption {
	must(n > 0, "AtMost(%d): it has to be positive", n)
	return redriveOption(func(r *redriver) { r.atMost = n })
}

// Context sets what makes the context of a letter's handler, from that of Redrive
// as it is for this letter: to continue the trace that the letter's headers name.
// Default: that of Redrive, unless a behavior around the notification's
// [mediator.Relay] knows more by a method
// RedriveContext(ctx context.Context, l Letter) context.Context, as that of a durable
// event does; f is given what that returns.
func Context(f func(ctx context.Context, l Letter) context.Context) RedriveOption {
	must(f != nil, "Context: the function is nil")
	return redriveOption(func(r *redriver) { r.context = f })
}

// Streams sets what redrives the letters of streams, which need somebody to
// consume them: f decodes the stream request, runs [mediator.Stream] with ctx and
// does with the items what is to be done. Its error is the letter's.
func Streams(f func(ctx context.Context, l Letter, decode func(target any) error) error) RedriveOption {
	must(f != nil, "Streams: the function is nil")
	return redriveOption(func(r *redriver) { r.streams = f })
}

// OnOutcome has each outcome given to f as soon as it is known, and not kept in
// the [Report].
func OnOutcome(f func(ctx context.Context, o Outcome)) RedriveOption {
	must(f != nil, "OnOutcome: the function is nil")
	return redriveOption(func(r *redriver) { r.onOutcome = f })
}

func must(ok bool, format string, args ...any) {
	if !ok {
		panic("deadletter: " + fmt.Sprintf(format, args...))
	}
}
