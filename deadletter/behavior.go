package deadletter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/tally"
	"github.com/fsmediator/mediator/internal/watch"
)

// Behavior puts what fails inside of it into s, as a [Letter]: a request, one
// subscriber's handling of a notification, a run of a stream. The caller gets the
// error as it is; if the letter cannot be stored, joined with a [*StoreError],
// which has it. A call that succeeds costs one deferred function and no
// allocation.
//
// It is meant for notifications, and for requests that nobody sends again: of
// requests that send requests each leaves a letter, and a redrive of all of them
// does the innermost more than once.
//
// It belongs outside of retries, so that a letter is what still fails after them.
// Outside of a fallback, which is where package behaviors has it, a failure that
// the fallback answers leaves no letter, and in a redrive that answer settles the
// letter; inside of the fallback each failure leaves one, also if it is answered.
//
//   - A handler that panics or calls [runtime.Goexit] has failed, and the panic
//     goes on once the letter is stored. If it cannot be stored, what goes on is a
//     [*mediator.PanicError] of both; after Goexit nobody is left to tell but the
//     function of [OnLetter], or by default [slog.Default].
//   - A caller that was cancelled wants no answer any more: what fails with no more
//     than the error of a cancelled context, or its cause, makes no letter, unless
//     [Cancelled] says so. An error beside it, such as that of an attempt before, makes
//     one: the handler has failed. So does a deadline that passed, and a notification in
//     the background that [mediator.Mediator.Close] cut off.
//   - A subscriber whose subscription was stopped before its handler ran wants no
//     notification any more either: no letter, also with [Cancelled]. One that was
//     stopped between two attempts has failed, and that makes a letter.
//   - A request or a stream that ends with an answer of the business makes no
//     letter, unless [If] says so: its caller has the answer, and to ask again would
//     bring the same. Such an error says so by a method Business() bool, as those
//     of behaviors.Business and behaviors.Validate do. A notification always makes
//     one: nobody else would know. So does a panic.
//   - The letter of a stream is its request, for the handler's part in it: no
//     letter is made when the consumer stops early or panics, also if that
//     panic was recovered inside. Items that were delivered are not in it. See
//     [Streams] for its redrive.
//   - A message that no codec can encode makes a letter without a body, which can
//     be looked at but not redriven; the caller gets the codec's error too.
//   - A panic of a codec or of the functions of [If], [Headers] and [OnLetter]
//     costs neither the letter nor the error: the caller gets it joined to that,
//     as a [*StoreError].
//   - What is no UTF-8 in names and headers is replaced by U+FFFD.
//   - The store is called with the context's values, but not its end, for
//     [PutTimeout] at most.
//   - While [Redrive] has a letter handled, its failure is the letter's and makes
//     no other. Other messages that its handler sends make letters as always.
//
// It is a [mediator.Source]: a Recorder around the same handlers shows how many
// letters were stored, and how many were lost.
//
// New warns if it stands inside a retry or twice with the same store. It cannot tell
// that of a subscriber with one of its own within the DeadLetters of
// behaviors.Standard, or of a behaviors.When: each failure leaves two letters there.
// It panics if s or an option is nil.
func Behavior(s Store, opts ...Option) mediator.Behavior {
	return newKeeper("Behavior", s, opts)
}

func newKeeper(op string, s Store, opts []Option) *keeper {
	must(s != nil, "%s: the Store is nil", op)
	k := &keeper{store: s, keepIf: unanswered, putTimeout: defaultPutTimeout}
	for _, o := range opts {
		must(o != nil, "%s: a nil Option", op)
		o.applyBehavior(k)
	}
	return k
}

const defaultPutTimeout = 5 * time.Second

// StoreError is a letter that could not be stored, or not as it should be: without
// its message or its headers, or with a panic of [If] or [OnLetter].
type StoreError struct {
	Letter Letter
	Err    error
}

// Error names the letter.
func (e *StoreError) Error() string {
	to := e.Letter.Name
	if e.Letter.Group != "" {
		to += " to " + e.Letter.Group
	}
	return fmt.Sprintf("dead letter %s of %s: %v", e.Letter.ID, to, e.Err)
}

// Unwrap returns the store's error.
func (e *StoreError) Unwrap() error { return e.Err }

// keeper is the behavior.
type keeper struct {
	store      Store
	codecs     codecs
	headers    func(context.Context) map[string]string
	keepIf     func(context.Context, mediator.Call, error) bool
	custom     bool // keepIf is a user's
	cancelled  bool
	putTimeout time.Duration
	onLetter   func(context.Context, Letter, error)

	stored, lost tally.Tally
}

// Wrap implements [mediator.Behavior].
func (k *keeper) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if m := markOf(c); m != nil {
			return m.run(ctx, c, next)
		}
		return k.run(ctx, c, next)
	}
}

func (k *keeper) run(ctx context.Context, c mediator.Call, next mediator.Next) error {
	returned := false
	defer func() {
		if !returned {
			k.broken(ctx, c, recover())
		}
	}()
	err := next(ctx, c)
	returned = true
	if err != nil {
		lost := k.failed(ctx, c, err)
		c.Waited()
		if lost != nil {
			return errors.Join(err, lost)
		}
	}
	return err
}

// ScopedCall implements [mediator.CallScoper]. The function of [If] is given the Call.
func (k *keeper) ScopedCall() bool { return !k.custom }

// SharesClock implements [mediator.ClockSharer].
func (k *keeper) SharesClock() bool { return true }

// BehaviorName returns "DeadLetters".
func (k *keeper) BehaviorName() string { return "DeadLetters" }

// CheckWiring implements [mediator.WiringChecker].
func (k *keeper) CheckWiring(outer, _ []mediator.Behavior) (warnings []string) {
	for _, b := range outer {
		if !neighbor.Surely(b) {
			continue
		}
		if n, ok := b.(mediator.BehaviorNamer); ok && strings.EqualFold(n.BehaviorName(), "retry") {
			warnings = append(warnings, "it stands inside a retry, so that each failed attempt leaves a dead letter, even if a later one succeeds: put it outside")
		}
		if o, ok := b.(*keeper); ok && o.sameStore(k) {
			warnings = append(warnings, "it stands twice around the handler, so that each failure leaves two dead letters in one store: keep one of them")
		}
	}
	return warnings
}

func (k *keeper) sameStore(o *keeper) (same bool) {
	defer func() { _ = recover() }() // stores of a type that cannot be compared
	return k.store == o.store
}

// failed makes a letter of err, unless none is wanted, and returns what went wrong with
// that.
func (k *keeper) failed(ctx context.Context, c mediator.Call, err error) (lost error) {
	if c.Kind() == mediator.KindStream && c.Stopped() || rejection.Unsubscribed(err) || !k.cancelled && isCancelled(ctx, c, err) {
		return nil
	}
	wanted := true
	problem := guard(func() error { wanted = k.keepIf(ctx, c, err); return nil })
	if !wanted {
		return nil
	}
	return k.keep(ctx, c, err, problem)
}

// broken is called by the deferred function of a call that did not return, with
// the panic's value, nil for Goexit.
func (k *keeper) broken(ctx context.Context, c mediator.Call, v any) {
	byConsumer := c.Stopped()
	if v == nil {
		if byConsumer {
			return
		}
		if lost := k.failed(ctx, c, mediator.ErrGoexit); lost != nil && k.onLetter == nil {
			slog.ErrorContext(ctx, lost.Error(), "error", mediator.ErrGoexit)
		}
		return
	}
	if byConsumer {
		panic(v)
	}
	p := caught.Panic(v)
	if lost := k.failed(ctx, c, p); lost != nil {
		panic(&mediator.PanicError{Value: errors.Join(p, lost), Stack: p.Stack})
	}
	panic(v)
}

// keep stores the letter of err, see save.
func (k *keeper) keep(ctx context.Context, c mediator.Call, err, problem error) error {
	now := time.Now().Round(0)
	l := Letter{ID: NewID(), Name: c.Name(), Kind: c.Kind(), Group: c.Handler(), Attempts: watch.RunsOf(c), First: now, Last: now}
	l.describe(err)
	problem = errors.Join(problem, l.enclose(k.codecs, c))
	if k.headers != nil {
		problem = errors.Join(problem, guard(func() error { l.Headers = k.headers(ctx); return nil }))
	}
	_, err = k.save(ctx, l, problem)
	return err
}

// save stores l, and tells whether it did. The error is nil or has a [*StoreError], with
// the problem there was before.
func (k *keeper) save(ctx context.Context, l Letter, problem error) (stored bool, _ error) {
	l.clean()
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.putTimeout)
	defer cancel()
	l, failed := l.fit(func(l Letter) error {
		return guard(func() error { return k.store.Put(detached, l) })
	})
	k.count(&l, failed)
	problem = errors.Join(problem, failed)
	if problem != nil {
		problem = &StoreError{Letter: l, Err: problem}
	}
	if k.onLetter == nil {
		return failed == nil, problem
	}
	if panicked := guard(func() error { k.onLetter(ctx, l, problem); return nil }); panicked != nil {
		problem = errors.Join(problem, &StoreError{Letter: l, Err: panicked})
	}
	return failed == nil, problem
}

// enclose puts the message of c into l.
func (l *Letter) enclose(cs codecs, c mediator.Call) (err error) {
	message := c.Message()
	if err := c.Err(); err != nil {
		return fmt.Errorf("the message: %w", err)
	}
	l.Body, l.ContentType, err = cs.encode(message)
	return err
}
