package market

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

// Market is the handlers of the messages of this package.
type Market struct {
	tape    *Tape
	faults  *Faults
	skipped atomic.Int64
}

// tapeSize is how many quotes a consumer can be behind, twice.
const tapeSize = 1 << 16

// New returns a market without quotes. The lines of its streams have faults.
func New(faults *Faults) *Market { return &Market{tape: NewTape(tapeSize), faults: faults} }

// Handle is the handler of the streams of one type, see [Fast]. The streams resume:
// an attempt after the first begins behind what was delivered.
func Handle[Q interface {
	mediator.StreamRequest[Quote]
	mediator.MessageNamer
	Begins() uint64
}](m *Market, opts ...mediator.HandlerOption) mediator.Option {
	return mediator.HandleStream(func(ctx context.Context, q Q) iter.Seq2[Quote, error] {
		after := q.Begins() + uint64(behaviors.ResumeFrom(ctx, q))
		return m.faults.line(ctx, q.MessageName(), m.tape.Read(ctx, after), m.tape.Stopped())
	}, opts...)
}

// HandleNewest is the handler of [Newest].
func (m *Market) HandleNewest(context.Context, Newest) (uint64, error) { return m.tape.Newest(), nil }

// Written returns how many quotes there were, and how many rows were skipped.
func (m *Market) Written() (quotes uint64, skipped int64) {
	return m.tape.Newest(), m.skipped.Load()
}

// Stop ends all streams where they are, without an error.
func (m *Market) Stop() { m.tape.Stop() }

// Run puts quotes on the tape, rate a second at most, until there are no more or
// ctx ends. What comes with a [*RowError] is skipped and reported; another error ends
// the quotes, and is returned. Streams end with the last quote.
func (m *Market) Run(ctx context.Context, quotes iter.Seq2[Quote, error], rate float64, skipped func(error)) error {
	defer m.tape.End()
	pace := pacer{interval: time.Duration(float64(time.Second) / rate), due: time.Now()}
	next, end := read(ctx, quotes)
	defer end()
	for {
		q, err, ok := next()
		switch _, malformed := errors.AsType[*RowError](err); {
		case !ok:
			return nil
		case malformed:
			m.skipped.Add(1)
			skipped(err)
			continue
		case err != nil:
			return err
		}
		if !pace.wait(ctx) {
			return nil
		}
		q.At = time.Now()
		if !m.tape.Write(ctx, q) {
			return nil
		}
	}
}

// pacer keeps things an interval apart.
type pacer struct {
	interval time.Duration
	due      time.Time
}

const (
	// A wait is not worth a timer if it is shorter: what is due within it comes at once.
	shortest = time.Millisecond
	// longestDebt is how much of the time that was lost is made up for.
	longestDebt = 100 * time.Millisecond
)

// wait returns false if ctx has ended.
func (p *pacer) wait(ctx context.Context) bool {
	now := time.Now()
	if earliest := now.Add(-longestDebt); p.due.Before(earliest) {
		p.due = earliest
	}
	left := p.due.Sub(now)
	p.due = p.due.Add(p.interval)
	if left < shortest {
		return ctx.Err() == nil
	}
	return sleep(ctx, left)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// read ranges over quotes on a goroutine of its own, because a read from a terminal
// or a pipe may block and cannot be interrupted: when ctx ends, or end is called, the
// goroutine ends with the read that it is in.
func read(ctx context.Context, quotes iter.Seq2[Quote, error]) (next func() (Quote, error, bool), end func()) {
	type row struct {
		quote Quote
		err   error
	}
	ctx, end = context.WithCancel(ctx)
	rows := make(chan row, readAtOnce)
	go func() {
		defer close(rows)
		for q, err := range quotes {
			select {
			case rows <- row{q, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	next = func() (Quote, error, bool) {
		select {
		case r, ok := <-rows:
			return r.quote, r.err, ok
		case <-ctx.Done():
			return Quote{}, nil, false
		}
	}
	return next, end
}

// Only returns the quotes of the given symbols, and all errors. No symbols are all.
func Only(quotes iter.Seq2[Quote, error], symbols []string) iter.Seq2[Quote, error] {
	if len(symbols) == 0 {
		return quotes
	}
	wanted := map[string]bool{}
	for _, s := range symbols {
		wanted[s] = true
	}
	return func(yield func(Quote, error) bool) {
		for q, err := range quotes {
			if (err != nil || wanted[q.Symbol]) && !yield(q, err) {
				return
			}
		}
	}
}
