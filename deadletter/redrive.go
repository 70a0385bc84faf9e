package deadletter

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/unwrap"
	"github.com/fsmediator/mediator/internal/watch"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// Redrive has the letters of s handled again, lowest ID first, one after the
// other: a request by its handler, a notification by the subscriber that failed
// and no other, a stream by the function of [Streams]. Options say which ([Filter])
// and how fast ([Rate]).
//
// Handlers are found by name, see [mediator.Dispatch]. A type that only interfaces
// are subscribed to has none there: its letters are [Skipped] until something is
// subscribed to the type itself.
//
// A letter is deleted once its message was handled, and only then. What tells is
// the [Behavior] around the handler: a request or a notification that something
// else answers before it gets that far, as a fallback around an open circuit
// breaker does, is [Skipped] with [ErrUnreached]. Where m has none around the
// handler, what the caller would get tells. It is the call itself that is followed,
// whatever context and whatever copy of the message behaviors hand on. One that fails
// again stays under its ID, with the new error and one attempt more; a message that
// can never be handled is tried once a run and does no harm, nor does one whose letter
// is [ErrTooLarge] with its new error: it stays as it was. Letters made during the run
// are left for the next, and those deleted meanwhile, also while one is waited for, left
// out.
//
// What behaviors refuse before the handler runs, such as a rate limit, an open
// breaker or a guard of your own, is no attempt, and what their error says does not
// become the letter's. Where it says by a method RetryAfter() time.Duration when to
// come back, Redrive waits and tries the letter again, for [MaxWait] in all; the letter
// that is refused still is [Skipped]. A wait ends the run with [mediator.ErrClosed]
// when m begins to close. Once the handler has run, the letter has failed, whatever was
// refused besides: a second attempt, or a request that the handler sent.
//
// If the run is interrupted, run it again: nothing is lost, and what was handled
// is not handled again. But for the moment between the handler's return and the
// deletion: a process that dies there handles that one letter twice, and so do two
// runs at the same time. When ctx ends, the letter in progress is waited for and,
// if it failed by that, left as it was.
//
// The error says why the run ended early: that of ctx with its cause, of the
// store, [mediator.ErrClosed]. A letter that failed is no error, but an [Outcome] of
// the report. The report counts what was done in either case.
func Redrive(ctx context.Context, m *mediator.Mediator, s Store, opts ...RedriveOption) (Report, error) {
	must(m != nil && s != nil, "Redrive: the Mediator or the Store is nil")
	r := &redriver{m: m, store: s, patience: defaultMaxWait}
	for _, o := range opts {
		must(o != nil, "Redrive: a nil RedriveOption")
		o.applyRedrive(r)
	}
	r.look()
	defer watch.Start()()
	err := r.all(ctx)
	return r.report, err
}

// storeTimeout is how long the store may take for what a handled letter needs
// though ctx has ended.
const storeTimeout = defaultPutTimeout

type redriver struct {
	m         *mediator.Mediator
	store     Store
	codecs    codecs
	filter    Filter
	interval  time.Duration
	patience  time.Duration
	atMost    int
	context   func(context.Context, Letter) context.Context
	streams   func(context.Context, Letter, func(any) error) error
	onOutcome func(context.Context, Outcome)
	report    Report

	requests map[string]bool                // by name
	relays   map[string][]mediator.Behavior // those around them, by the notification's name
}

// look notes what there is. Requests and relays do not change.
func (r *redriver) look() {
	r.requests, r.relays = map[string]bool{}, map[string][]mediator.Behavior{}
	for _, route := range r.m.Inspect() {
		switch {
		case route.Kind == mediator.KindRequest:
			r.requests[route.Name] = true
		case route.Relay:
			r.relays[route.Name] = route.Behaviors
		}
	}
}

func (r *redriver) all(ctx context.Context) error {
	start, last := time.Now(), NewID()
	var due time.Time
	for listed, err := range All(ctx, r.store, r.filter) {
		if err != nil {
			return err
		}
		if listed.First.After(start) || listed.First.Equal(start) && listed.ID > last {
			continue
		}
		if r.atMost > 0 && r.report.Redriven+r.report.Failed == r.atMost {
			return nil
		}
		if err := waitUntil(ctx, due); err != nil {
			return err
		}
		due = time.Now().Add(r.interval)
		if err := r.one(ctx, listed.ID); err != nil {
			return err
		}
	}
	return nil
}

// one redrives a letter. It returns why the run cannot go on.
func (r *redriver) one(ctx context.Context, id string) error {
	for left := r.patience; ; {
		// The page may have been read long ago, and a wait may have been long.
		l, err := r.store.Get(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		h := r.handle(ctx, l)
		if !r.waited(ctx, &h, &left) {
			return r.conclude(ctx, l, h)
		}
	}
}

// conclude does what follows from how the letter was handled.
func (r *redriver) conclude(ctx context.Context, l Letter, h handling) (err error) {
	failed := h.err
	if ended := ending.Of(ctx); ended != nil && failed != nil && isEnd(ctx, failed) {
		return ended
	}
	if !h.decoded && wrapped.Is(failed, mediator.ErrClosed) {
		return failed
	}
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	switch {
	case failed == nil:
		err = r.store.Delete(stored, l.ID)
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		r.add(ctx, Outcome{Letter: l, Status: Redriven, Err: err})
	case !h.decoded, h.refused():
		r.add(ctx, Outcome{Letter: l, Status: Skipped, Err: failed})
	default:
		again := l
		again.Attempts += h.runs
		again.Redrives++
		again.Last = time.Now().Round(0)
		again.describe(failed)
		again, err = again.fit(func(l Letter) error { return r.putBack(stored, l) })
		if errors.Is(err, ErrTooLarge) { // it stays as it was, and those behind it have their turn
			again, failed, err = l, errors.Join(failed, err), nil
		}
		l = again
		r.add(ctx, Outcome{Letter: l, Status: Failed, Err: failed})
	}
	if err != nil {
		return &StoreError{Letter: l, Err: err}
	}
	return nil
}

// putBack stores l, unless it was deleted meanwhile.
func (r *redriver) putBack(ctx context.Context, l Letter) error {
	var err error
	if s, ok := r.store.(Replacer); ok {
		err = s.Replace(ctx, l)
	} else if _, err = r.store.Get(ctx, l.ID); err == nil {
		err = r.store.Put(ctx, l)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

var (
	errNoGroup   = errors.New("the letter names no group: it would reach all subscribers")
	errNoRequest = errors.New("the letter is of a request, and its name is not that of one any more")
	errNoStream  = errors.New("a stream needs somebody to consume it: see Streams")
)

// handle gives the letter to its handler, on a goroutine of its own, so that
// Goexit ends no more than this letter.
func (r *redriver) handle(ctx context.Context, l Letter) (h handling) {
	m := new(mark)
	w := &watch.Call{Kind: uint8(l.Kind), Name: l.Name, Group: l.Group, Watcher: m}
	decode := func(target any) error {
		if l.Kind != mediator.KindStream && l.Kind != mediator.KindNotification && !r.requests[l.Name] {
			return errNoRequest
		}
		if err := guard(func() error { return r.codecs.decode(l, target) }); err != nil {
			return err
		}
		h.decoded = true
		return nil
	}
	call := func() error {
		ctx := watch.With(r.contextOf(ctx, l), w)
		switch {
		case l.Kind == mediator.KindStream && r.streams == nil:
			return errNoStream
		case l.Kind == mediator.KindStream:
			return r.streams(ctx, l.Clone(), decode)
		case l.Kind == mediator.KindNotification && l.Group == "":
			return errNoGroup
		case l.Kind == mediator.KindNotification:
			return mediator.DispatchTo(ctx, r.m, l.Name, l.Group, decode)
		}
		_, err := mediator.Dispatch(ctx, r.m, l.Name, decode)
		return err
	}
	var err error
	if broken := caught.Apart(func() { err = call() }); broken != nil {
		err = broken
	}
	h.taken, h.runs = w.Taken(), w.Runs()
	if err == nil && h.runs == 0 && !m.wasReached() && l.Kind != mediator.KindStream && keptIn(r.m, l) {
		return handling{err: ErrUnreached}
	}
	h.err = m.outcome(err)
	return h
}

// keptIn tells whether a [Behavior] stands around l's handler in m, also inside of
// one that applies it to some calls only, unless that says that l's are not among
// them.
func keptIn(m *mediator.Mediator, l Letter) bool {
	return slices.ContainsFunc(m.Behaviors(l.Name, l.Group), func(b mediator.Behavior) bool {
		for b := range unwrap.All(b) {
			switch b := b.(type) {
			case *keeper:
				return true
			case interface{ StandsAround(k mediator.Kind) bool }:
				if !b.StandsAround(l.Kind) {
					return false
				}
			}
		}
		return false
	})
}

// isEnd tells whether err says that ctx has ended.
func isEnd(ctx context.Context, err error) bool {
	return wrapped.Is(err, ctx.Err()) || wrapped.Is(err, context.Cause(ctx))
}

// waitUntil returns at the time due, or with the error of ctx.
func waitUntil(ctx context.Context, due time.Time) error {
	if d := time.Until(due); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ending.Of(ctx)
}
