package health

import (
	"context"
	"log/slog"
	"strings"

	"github.com/fsmediator/mediator"
)

// Log returns a Reporter that writes a line for each stream, running or ended
// since the report before, and for each request and subscriber: at [slog.LevelDebug] if it is
// healthy, at [slog.LevelWarn] for a warning and at [slog.LevelError] for worse.
// It panics if l is nil.
func Log(l *slog.Logger) Reporter {
	if l == nil {
		panic("health: Log: the logger is nil")
	}
	return ReporterFunc(func(r Report) {
		for _, s := range r.Streams {
			logStream(l, "stream", s)
		}
		for _, s := range r.Ended {
			logStream(l, "stream ended", s)
		}
		for _, t := range r.Totals {
			if t.Kind != mediator.KindStream {
				logTotals(l, t)
			}
		}
	})
}

func logStream(l *slog.Logger, message string, s Stream) {
	level := levelOf(s.Status)
	if !l.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("name", s.Name), slog.Uint64("id", s.ID), slog.String("status", s.Status.String()),
		slog.Uint64("items", s.Items), slog.Float64("rate", s.Rate), slog.Float64("peak_rate", s.PeakRate),
		slog.Uint64("memory", s.Memory), slog.Uint64("errors", s.Errors), slog.Uint64("dropped", s.Dropped), slog.Int("depth", s.Depth),
	}
	l.LogAttrs(context.Background(), level, message, withFindings(attrs, s.Findings)...)
}

func logTotals(l *slog.Logger, t Totals) {
	level := levelOf(t.Status)
	if !l.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("name", t.Name), slog.String("status", t.Status.String()),
		slog.Uint64("started", t.Started), slog.Uint64("in_flight", t.InFlight), slog.Uint64("failed", t.Failed),
		slog.Uint64("stalled", t.Stalled), slog.Float64("rate", t.Rate), slog.Float64("error_rate", t.ErrorRate),
	}
	if t.Handler != "" {
		attrs = append(attrs, slog.String("handler", t.Handler))
	}
	message := t.Kind.String()
	if t.Kind == 0 {
		message = OtherName
	}
	l.LogAttrs(context.Background(), level, message, withFindings(attrs, t.Findings)...)
}

func levelOf(s Status) slog.Level {
	switch s {
	case Healthy:
		return slog.LevelDebug
	case Warning:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// withFindings appends the findings in words.
func withFindings(attrs []slog.Attr, found []Finding) []slog.Attr {
	if len(found) == 0 {
		return attrs
	}
	return append(attrs, slog.String("findings", inWords(found)))
}

func inWords(found []Finding) string {
	words := make([]string, len(found))
	for i, f := range found {
		words[i] = f.String()
	}
	return strings.Join(words, "; ")
}
