package behaviors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// logged is what a logger has written.
type logged struct{ bytes.Buffer }

func (l *logged) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level}))
}

func (l *logged) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(l.Bytes())); ; {
		line := map[string]any{}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines
		}
		require.NoError(t, err)
		delete(line, "time")
		lines = append(lines, line)
	}
}

func TestLogWritesALineACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logged
		m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelDebug))),
			askFor(func(context.Context) error { time.Sleep(time.Second); return nil }),
			mediator.Subscribe(func(context.Context, told) error { return io.EOF }, mediator.Group("stock"), mediator.Named("told")))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Error(t, mediator.Publish(t.Context(), m, told{}))
		require.Equal(t, []map[string]any{
			{"level": "INFO", "msg": "succeeded", "name": "ask", "kind": "request", "duration": 1e9},
			{"level": "ERROR", "msg": "failed", "name": "told", "kind": "notification", "handler": "stock", "duration": 0.0, "error": "EOF"},
		}, l.lines(t))
	})
}

func TestLogLevelFollowsTheEnding(t *testing.T) {
	for want, errs := range map[string][]error{
		"INFO":  {nil, errSoldOut, behaviors.ErrInvalid},
		"WARN":  {behaviors.ErrOpen, behaviors.ErrLimited},
		"ERROR": {io.EOF, context.DeadlineExceeded, mediator.ErrGoexit, &mediator.PanicError{Value: 1}},
	} {
		for _, err := range errs {
			var l logged
			m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelDebug))), askFor(func(context.Context) error { return err }))
			_, got := mediator.Send(t.Context(), m, ask{})
			require.Equal(t, err, got)
			require.Equal(t, want, l.lines(t)[0]["level"], "%v", err)
		}
	}
	var l logged
	quiet := behaviors.LogConfig{Level: func(e behaviors.Ending) slog.Level {
		if e == behaviors.Succeeded {
			return slog.LevelDebug
		}
		return behaviors.LogLevel(e)
	}}
	m := newMediator(t, mediator.Use(behaviors.LogWith(l.logger(slog.LevelInfo), quiet)), askFor(func(context.Context) error { return nil }))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	require.Empty(t, l.String())
}

func TestLogOfAPanicAndOfGoexit(t *testing.T) {
	var l logged
	m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelDebug))), mediator.Handle(func(ctx context.Context, q ask) (int, error) {
		if q.N == 0 {
			return 0, explode(ctx)
		}
		runtime.Goexit()
		return 0, nil
	}), mediator.HandleStream(func(ctx context.Context, _ upTo) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(0, nil); _ = explode(ctx) }
	}))
	require.PanicsWithValue(t, "boom", func() { _, _ = mediator.Send(t.Context(), m, ask{}) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = mediator.Send(t.Context(), m, ask{N: 1})
	}()
	<-done
	require.PanicsWithValue(t, "boom", func() {
		for range mediator.Stream(t.Context(), m, upTo{}) {
		}
	})
	lines := l.lines(t)
	require.Len(t, lines, 3)
	require.Equal(t, "panicked", lines[0]["msg"])
	require.Equal(t, "panic: boom", lines[0]["error"])
	require.Contains(t, lines[0]["stack"], "explode")
	require.Equal(t, "exited", lines[1]["msg"])
	require.NotContains(t, lines[1], "error")
	require.Equal(t, "panicked", lines[2]["msg"])
	require.InDelta(t, 1, lines[2]["items"], 0)
}

func TestLogNumbersAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logged
		m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelDebug)), behaviors.Retry(behaviors.RetryConfig{}), behaviors.Log(l.logger(slog.LevelDebug))),
			askFor(func(ctx context.Context) error {
				if behaviors.Attempt(ctx) < 3 {
					return io.EOF
				}
				return nil
			}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		lines := l.lines(t)
		require.Len(t, lines, 4)
		require.NotContains(t, lines[0], "attempt")
		require.InDelta(t, 2, lines[1]["attempt"], 0)
		require.InDelta(t, 3, lines[2]["attempt"], 0)
		require.Equal(t, "succeeded", lines[3]["msg"], "the outer one has a line for the call")
		require.NotContains(t, lines[3], "attempt")
	})
}

// paced is a stream with an item a second, and then as many at once.
func paced(slowly, atOnce int) mediator.Option {
	return mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for range slowly {
				time.Sleep(time.Second)
				if !yield(0, nil) {
					return
				}
			}
			for range atOnce {
				if !yield(0, nil) {
					return
				}
			}
		}
	}, mediator.Named("paced"))
}

func TestLogProgressOfAStreamByTimeAndByItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logged
		m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelDebug))), paced(65, 2500))
		for range mediator.Stream(t.Context(), m, upTo{}) {
		}
		var items []any
		for _, line := range l.lines(t) {
			require.Equal(t, "stream", line["kind"])
			items = append(items, line["msg"], line["items"])
		}
		require.Equal(t, []any{"progress", 30.0, "progress", 60.0, "progress", 1060.0, "progress", 2060.0, "succeeded", 2565.0}, items)
		require.InDelta(t, 1, l.lines(t)[1]["rate"], 1e-9)
		require.InDelta(t, 200, l.lines(t)[2]["rate"], 1e-9, "1000 items in 5 seconds")
	})
}

func TestLogProgressAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := func(level slog.Level, c behaviors.LogConfig) int {
			var l logged
			m := newMediator(t, mediator.Use(behaviors.LogWith(l.logger(level), c)), paced(65, 2500))
			for range mediator.Stream(t.Context(), m, upTo{}) {
			}
			return len(l.lines(t))
		}
		require.Equal(t, 1, count(slog.LevelInfo, behaviors.LogConfig{ProgressItems: -1, ProgressEvery: -1}))
		require.Equal(t, 3, count(slog.LevelInfo, behaviors.LogConfig{ProgressItems: -1}))
		require.Equal(t, 3, count(slog.LevelInfo, behaviors.LogConfig{ProgressEvery: -1}))
		require.Equal(t, 2, count(slog.LevelInfo, behaviors.LogConfig{ProgressItems: 2000, ProgressEvery: time.Hour}))
		require.Zero(t, count(slog.LevelWarn, behaviors.LogConfig{}))
	})
}

func TestLogBodiesOnlyIfAskedAndRedacted(t *testing.T) {
	body := func(c behaviors.LogConfig) map[string]any {
		var l logged
		m := newMediator(t, mediator.Use(behaviors.LogWith(l.logger(slog.LevelDebug), c)), mediator.Handle(func(_ context.Context, q ask) (int, error) { return 2 * q.N, nil }))
		_, err := mediator.Send(t.Context(), m, ask{N: 21})
		require.NoError(t, err)
		return l.lines(t)[0]
	}
	line := body(behaviors.LogConfig{Redact: func(any) any { panic("nobody asked for bodies") }})
	require.NotContains(t, line, "message")
	require.NotContains(t, line, "response")
	line = body(behaviors.LogConfig{Bodies: true})
	require.Equal(t, map[string]any{"N": 21.0}, line["message"])
	require.InDelta(t, 42, line["response"], 0)
	line = body(behaviors.LogConfig{Bodies: true, Redact: func(body any) any {
		if _, secret := body.(ask); secret {
			return "***"
		}
		return nil
	}})
	require.Equal(t, "***", line["message"])
	require.NotContains(t, line, "response")
	line = body(behaviors.LogConfig{Bodies: true, Redact: func(any) any { panic("oops") }})
	require.Equal(t, "!REDACT PANIC: string", line["message"], "the body is not shown, and the call goes on")
}

// unread fails the test if it is asked to write.
type unread struct {
	t     testing.TB
	asked *int
}

func (u unread) Enabled(context.Context, slog.Level) bool { *u.asked++; return false }
func (u unread) Handle(context.Context, slog.Record) error {
	u.t.Error("the level is off")
	return nil
}
func (u unread) WithAttrs([]slog.Attr) slog.Handler { return u }
func (u unread) WithGroup(string) slog.Handler      { return u }

func TestLogComputesNothingWhenTheLevelIsOff(t *testing.T) {
	asked := 0
	b := behaviors.LogWith(slog.New(unread{t, &asked}), behaviors.LogConfig{Bodies: true, Redact: func(body any) any {
		t.Error("the level is off")
		return body
	}})
	m := newMediator(t, mediator.Use(b), askFor(func(context.Context) error { return io.EOF }), mediator.HandleStream(numbers))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, io.EOF)
	for range mediator.Stream(t.Context(), m, upTo{N: 5000}) {
	}
	require.Equal(t, 2, asked, "once a call, before it")
}

func TestLogTwiceIsWarnedOf(t *testing.T) {
	l := slog.New(slog.DiscardHandler)
	count := func(bs ...mediator.Behavior) (n int) {
		_, err := mediator.New(mediator.OnWarning(func(string) { n++ }), mediator.Use(bs...), askFor(func(context.Context) error { return nil }))
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 1, count(behaviors.Log(l), behaviors.Log(l)))
	require.Zero(t, count(behaviors.Log(l), behaviors.Log(slog.New(slog.DiscardHandler))))
	require.Zero(t, count(behaviors.Log(l), behaviors.Retry(behaviors.RetryConfig{}), behaviors.Log(l)), "the inner one is about attempts")
}

func TestLogWithoutALogger(t *testing.T) {
	require.PanicsWithValue(t, "behaviors: Log: the logger is nil", func() { behaviors.Log(nil) })
	require.PanicsWithValue(t, "behaviors: LogWith: the logger is nil", func() { behaviors.LogWith(nil, behaviors.LogConfig{}) })
}
