package behaviors

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/fsmediator/mediator"
)

// SlowConfig configures [Slow].
type SlowConfig struct {
	// Over is how long a request or the handling of a notification may take that
	// is not slow. Default: 500ms.
	Over time.Duration
	// FirstItem is how long the first item of a stream may take. Default: 5s.
	FirstItem time.Duration
	// MinRate is how many items a second a stream delivers that is not slow, taken
	// over as many as ten seconds should bring. The time that the consumer takes
	// counts. Default: 0, the rate does not matter.
	MinRate float64
	// OnSlow is called instead of logging, concurrently, on the goroutine of the
	// call.
	OnSlow func(ctx context.Context, s SlowCall)
	// Logger gets a warning record for each slow call. Default: [slog.Default], as
	// it is at that time.
	Logger *slog.Logger
}

// SlowReason tells what was slow.
type SlowReason string

// The reasons.
const (
	SlowCompletion SlowReason = "completion" // of a request or the handling of a notification
	SlowFirstItem  SlowReason = "first item"
	SlowRate       SlowReason = "rate"
)

// SlowCall is what was slow.
type SlowCall struct {
	Kind          mediator.Kind
	Name, Handler string // see [mediator.Call]
	Reason        SlowReason
	Took          time.Duration // from the beginning of the call until now
	Items         int           // of the stream, so far
	Rate          float64       // items a second, for SlowRate
	Err           error         // of the call, if it has ended
}

// rateSpan is how long the rate of a stream is taken over.
const rateSpan = 10 * time.Second

// Slow returns a behavior that warns of slow calls: of a request and a
// notification when it ends, of a stream when its first item comes late, and,
// once a run, when its rate is too low. It needs an item or the end to notice: a
// stream that stands still is a matter for a timeout or a health monitor. It
// panics if a number is negative.
func Slow(c SlowConfig) mediator.Behavior {
	if c.Over < 0 || c.FirstItem < 0 || !(c.MinRate >= 0) || math.IsInf(c.MinRate, 0) {
		panic(fmt.Sprintf("behaviors: Slow: Over is %v, FirstItem %v, MinRate %v: none can be negative or infinite", c.Over, c.FirstItem, c.MinRate))
	}
	orDefault(&c.Over, 500*time.Millisecond)
	orDefault(&c.FirstItem, 5*time.Second)
	if c.OnSlow == nil {
		l := c.Logger
		c.OnSlow = func(ctx context.Context, s SlowCall) { logSlow(ctx, l, s) }
	}
	return &slow{c: c}
}

type slow struct {
	scoped
	c SlowConfig
}

// BehaviorName returns "Slow".
func (s *slow) BehaviorName() string { return "Slow" }

// Wrap implements [mediator.Behavior].
func (s *slow) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		begun := nanosOf(c)
		if c.Kind() == mediator.KindStream {
			return s.stream(ctx, c, next, begun)
		}
		returned := false
		defer func() {
			if !returned {
				s.check(ctx, c, nanos()-begun, nil)
			}
		}()
		err := next(ctx, c)
		returned = true
		s.check(ctx, c, nanosOf(c)-begun, err)
		return err
	}
}

// check warns of a call that took so long.
func (s *slow) check(ctx context.Context, c mediator.Call, nanos int64, err error) {
	if took := time.Duration(nanos); took > s.c.Over {
		s.c.OnSlow(ctx, SlowCall{Kind: c.Kind(), Name: c.Name(), Handler: c.Handler(), Reason: SlowCompletion, Took: took, Err: err})
		c.Waited()
	}
}

func (s *slow) stream(ctx context.Context, c mediator.Call, next mediator.Next, begun int64) error {
	r := &slowRun{s: s, ctx: ctx, c: c, begun: begun}
	if s.c.MinRate > 0 {
		r.batch = max(1, int(math.Ceil(min(s.c.MinRate*rateSpan.Seconds(), math.MaxInt32))))
	}
	defer r.end()
	r.err = next(ctx, c.OnItem(r.item))
	return r.err
}

// slowRun is a run of a stream.
type slowRun struct {
	s     *slow
	ctx   context.Context
	c     mediator.Call
	begun int64
	err   error

	items  int
	batch  int   // how many items the rate is taken over, 0 if it does not matter
	since  int64 // the time of the first item, or the last of a batch
	left   int   // items until a batch is full
	warned bool
}

// item runs for each item.
func (r *slowRun) item() {
	r.items++
	if r.items == 1 {
		r.since, r.left = nanos(), r.batch
		r.checkFirst(r.since)
		return
	}
	if r.batch == 0 || r.warned {
		return
	}
	if r.left--; r.left == 0 {
		now := nanos()
		r.checkRate(r.batch, now)
		r.since, r.left = now, r.batch
	}
}

func (r *slowRun) end() {
	now := nanos()
	if r.items == 0 {
		r.checkFirst(now)
		return
	}
	// Less than a batch says little, unless it took as long as a whole one. The end
	// stands for the item that did not come.
	if r.batch > 0 && !r.warned && now-r.since >= int64(rateSpan) {
		r.checkRate(r.batch-r.left+1, now)
	}
}

func (r *slowRun) checkFirst(now int64) {
	if now-r.begun > int64(r.s.c.FirstItem) {
		r.warn(SlowFirstItem, now, 0)
	}
}

func (r *slowRun) checkRate(items int, now int64) {
	rate := float64(items) / time.Duration(max(1, now-r.since)).Seconds()
	if rate < r.s.c.MinRate {
		r.warned = true
		r.warn(SlowRate, now, rate)
	}
}

func (r *slowRun) warn(reason SlowReason, now int64, rate float64) {
	r.s.c.OnSlow(r.ctx, SlowCall{Kind: r.c.Kind(), Name: r.c.Name(), Handler: r.c.Handler(), Reason: reason,
		Took: time.Duration(now - r.begun), Items: r.items, Rate: rate, Err: r.err})
}

// logSlow leaves out what says nothing.
func logSlow(ctx context.Context, l *slog.Logger, s SlowCall) {
	if l == nil {
		l = slog.Default()
	}
	attrs := []slog.Attr{
		slog.String("message", s.Name),
		slog.String("kind", s.Kind.String()),
		slog.String("reason", string(s.Reason)),
		slog.Duration("took", s.Took),
	}
	if s.Handler != "" {
		attrs = append(attrs, slog.String("handler", s.Handler))
	}
	if s.Items > 0 {
		attrs = append(attrs, slog.Int("items", s.Items))
	}
	if s.Reason == SlowRate {
		attrs = append(attrs, slog.Float64("rate", s.Rate))
	}
	if s.Err != nil {
		attrs = append(attrs, slog.Any("error", s.Err))
	}
	l.LogAttrs(ctx, slog.LevelWarn, "slow call", attrs...)
}
