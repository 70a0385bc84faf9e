package behaviors

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// LogConfig adjusts [LogWith]. Its zero value means the defaults.
type LogConfig struct {
	// Level gives the level of a line by how the call ended. It is called when the
	// behavior is made, once for each Ending. Default: [LogLevel].
	Level func(e Ending) slog.Level
	// ProgressItems is after how many items a stream in progress gets a line, and
	// ProgressEvery after how much time since the last. The time is looked at when
	// an item comes, so it needs neither a goroutine nor a timer, and a stream
	// without items is silent. The level is that of Succeeded. Default: 1000
	// items and 30 seconds, whichever comes first; never, if negative.
	ProgressItems int
	ProgressEvery time.Duration
	// Bodies adds the message, and a request's response, to the lines of calls that
	// have ended. A body that is a [slog.LogValuer] says itself what is shown.
	// Default: false, bodies are not looked at.
	Bodies bool
	// Redact is given each body and returns what is logged in its place; nil leaves
	// it out. It is called concurrently, only if the line is written. Should it
	// panic, the line says so instead of showing the body. Default: all is shown.
	Redact func(body any) any
}

// LogLevel is the default level of a line: Info for what succeeded, was stopped by
// its consumer, canceled by the caller or declined by an answer of the business,
// Warn for what was rejected, Error for the rest.
func LogLevel(e Ending) slog.Level {
	switch e {
	case Succeeded, Stopped, Canceled, Declined:
		return slog.LevelInfo
	case Rejected:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// Log is [LogWith] with the defaults. It panics if l is nil.
func Log(l *slog.Logger) mediator.Behavior { return newLog("Log", l, LogConfig{}) }

// LogWith returns a behavior that writes a line to l for each call, when it has
// ended. The text is the [Ending], "progress" for the lines in between of a
// stream. The attributes, as far as there is something to say:
//
//	name      the message's name
//	kind      "request", "notification", "stream"
//	handler   the subscriber's group
//	duration  of the call, so far
//	attempt   its number from 2 on, see [Attempt]; inside a Retry there is a line an attempt
//	items     that a stream has delivered
//	rate      of a stream, items per second since the last line; of the whole stream at the end
//	error     or the value of a panic
//	stack     of a panic
//	message, response   the bodies, if asked for
//
// The logger gets the call's context. If it is not enabled at the level of any
// Ending, nothing is computed and nothing allocated. A panic and
// [runtime.Goexit] pass. It panics if l is nil.
func LogWith(l *slog.Logger, c LogConfig) mediator.Behavior { return newLog("LogWith", l, c) }

func newLog(constructor string, l *slog.Logger, c LogConfig) *logging {
	if l == nil {
		panic("behaviors: " + constructor + ": the logger is nil")
	}
	if c.Level == nil {
		c.Level = LogLevel
	}
	orDefault(&c.ProgressItems, 1000)
	orDefault(&c.ProgressEvery, 30*time.Second)
	b := &logging{logger: l, LogConfig: c}
	for i := range b.levels {
		b.levels[i] = c.Level(Ending(i))
	}
	b.highest = slices.Max(b.levels[:])
	return b
}

type logging struct {
	scoped
	LogConfig
	logger  *slog.Logger
	levels  [endingCount]slog.Level
	highest slog.Level
}

// BehaviorName returns "Log".
func (l *logging) BehaviorName() string { return "Log" }

// CheckWiring warns of a second Log to the same logger, unless there is a Retry
// between them.
func (l *logging) CheckWiring(outer, _ []mediator.Behavior) []string {
	for i, b := range slices.Backward(outer) {
		other, ok := unwrap.Innermost(b).(*logging)
		if !ok || other.logger != l.logger || !neighbor.Surely(b) {
			continue
		}
		if mayHaveBehavior(outer[i:], "Retry") {
			return nil
		}
		return []string{"another Log to the same logger stands around it, so each call is logged twice: remove one"}
	}
	return nil
}

// Wrap is part of [mediator.Behavior].
func (l *logging) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if !l.logger.Enabled(ctx, l.highest) {
			return next(ctx, c)
		}
		if c.Kind() == mediator.KindStream {
			return l.stream(ctx, c, next)
		}
		return l.call(ctx, c, next)
	}
}

func (l *logging) call(ctx context.Context, c mediator.Call, next mediator.Next) error {
	start := nanosOf(c)
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		l.unwinding(ctx, c, nanos()-start, nil, v)
		if v != nil {
			panic(v)
		}
	}()
	err := next(ctx, c)
	returned = true
	took := nanosOf(c) - start
	e := EndingOf(ctx, err)
	if l.logger.Enabled(ctx, l.levels[e]) {
		l.line(ctx, c, e, took, nil, err)
		c.Waited()
	} else if err != nil {
		c.Waited()
	}
	return err
}

// unwinding writes the line of a call that did not return: v is what it panicked
// with, nil for a Goexit.
func (l *logging) unwinding(ctx context.Context, c mediator.Call, took int64, p *progress, v any) {
	e := endingOfUnwinding(c.Stopped(), v)
	if !l.logger.Enabled(ctx, l.levels[e]) {
		return
	}
	var err error
	switch {
	case v != nil && e == Stopped: // the stack is of the consumer's concern
		err = &mediator.PanicError{Value: v}
	case v != nil:
		err = caught.Panic(v)
	}
	l.line(ctx, c, e, took, p, err)
}

// line writes the line of a call that has ended; p is nil if it is no stream.
func (l *logging) line(ctx context.Context, c mediator.Call, e Ending, took int64, p *progress, err error) {
	var room [10]slog.Attr
	attrs := about(ctx, room[:0], c, took)
	if p != nil {
		attrs = append(attrs, slog.Int64("items", p.items), slog.Float64("rate", ratePerSecond(p.items, took)))
	}
	attrs = withError(attrs, err)
	if l.Bodies {
		attrs = l.withBody(attrs, "message", c.Message())
		attrs = l.withBody(attrs, "response", c.Response())
	}
	l.logger.LogAttrs(ctx, l.levels[e], e.String(), attrs...)
}

// about appends what is known of any call.
func about(ctx context.Context, attrs []slog.Attr, c mediator.Call, took int64) []slog.Attr {
	attrs = append(attrs, slog.String("name", c.Name()), slog.String("kind", c.Kind().String()))
	if group := c.Handler(); group != "" {
		attrs = append(attrs, slog.String("handler", group))
	}
	attrs = append(attrs, slog.Duration("duration", time.Duration(took)))
	if n := Attempt(ctx); n > 1 {
		attrs = append(attrs, slog.Int("attempt", n))
	}
	return attrs
}

// withBody appends a body, if there is one and it may be shown.
func (l *logging) withBody(attrs []slog.Attr, key string, body any) []slog.Attr {
	if _, none := body.(mediator.None); none || body == nil {
		return attrs
	}
	if l.Redact != nil {
		if body = redact(l.Redact, body); body == nil {
			return attrs
		}
	}
	return append(attrs, slog.Any(key, body))
}

func redact(f func(any) any, body any) (shown any) {
	defer func() {
		if v := recover(); v != nil {
			shown = fmt.Sprintf("!REDACT PANIC: %T", v)
		}
	}()
	return f(body)
}
