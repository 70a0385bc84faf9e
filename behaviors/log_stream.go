package behaviors

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// progress is what a stream's lines are made of. Items come one at a time.
type progress struct {
	items      int64
	start      int64 // nanos
	lastItems  int64 // at the last line
	lastLine   int64 // nanos
	looked     int64 // nanos, when the clock was read last
	untilLook  int64 // items
	stepToLook int64 // items between two readings of the clock
}

func (l *logging) stream(ctx context.Context, c mediator.Call, next mediator.Next) error {
	now := nanos()
	p := &progress{start: now, lastLine: now, looked: now, stepToLook: 1, untilLook: 1}
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		l.unwinding(ctx, c, nanos()-p.start, p, v)
		if v != nil {
			panic(v)
		}
	}()
	err := next(ctx, c.OnItem(l.eachItem(ctx, c, p)))
	returned = true
	e := endingOfCall(ctx, c, err)
	if l.logger.Enabled(ctx, l.levels[e]) {
		l.line(ctx, c, e, nanos()-p.start, p, err)
	}
	return err
}

// eachItem counts, and writes a line when it is time.
func (l *logging) eachItem(ctx context.Context, c mediator.Call, p *progress) func() {
	if !l.logger.Enabled(ctx, l.levels[Succeeded]) {
		return func() { p.items++ }
	}
	items, every := int64(l.ProgressItems), int64(l.ProgressEvery)
	return func() {
		p.items++
		if items > 0 && p.items-p.lastItems >= items || every > 0 && p.late(every) {
			l.inProgress(ctx, c, p)
		}
	}
}

// maxStep bounds how many items the line of a stream can be late by.
const maxStep = 16

// late tells whether a line is due by time. To read the clock costs more than an
// item, so while items come fast it is not read for each.
func (p *progress) late(every int64) bool {
	if p.untilLook--; p.untilLook > 0 {
		return false
	}
	now := nanos()
	if now-p.looked < every/128 {
		p.stepToLook = min(2*p.stepToLook, maxStep)
	} else {
		p.stepToLook = 1
	}
	p.looked, p.untilLook = now, p.stepToLook
	return now-p.lastLine >= every
}

// inProgress writes the line of a stream in progress.
func (l *logging) inProgress(ctx context.Context, c mediator.Call, p *progress) {
	now := nanos()
	var room [10]slog.Attr
	attrs := append(about(ctx, room[:0], c, now-p.start),
		slog.Int64("items", p.items), slog.Float64("rate", ratePerSecond(p.items-p.lastItems, now-p.lastLine)))
	p.lastItems, p.lastLine = p.items, now
	l.logger.LogAttrs(ctx, l.levels[Succeeded], "progress", attrs...)
}

// ratePerSecond is n per second, rounded to three digits after the point for the
// eye; 0 where no time has passed.
func ratePerSecond(n, ns int64) float64 {
	if ns <= 0 {
		return 0
	}
	return float64(int64(float64(n)/time.Duration(ns).Seconds()*1000+0.5)) / 1000
}

// withError appends an error and, if it has one, the stack of a panic.
func withError(attrs []slog.Attr, err error) []slog.Attr {
	if err == nil {
		return attrs
	}
	attrs = append(attrs, slog.Any("error", err))
	if p, ok := wrapped.As[*mediator.PanicError](err); ok && p != nil && len(p.Stack) > 0 {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	return attrs
}
