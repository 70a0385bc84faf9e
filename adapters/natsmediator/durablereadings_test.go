package natsmediator_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// readings are those of Durable that a Recorder finds.
func readings(r *behaviors.Recorder) map[string]float64 {
	all := map[string]float64{}
	for _, one := range r.Snapshot().Readings {
		if one.Behavior == "durable" {
			all[one.Name+" "+one.Scope] = one.Value
		}
	}
	return all
}

// Events that become dead letters are told of: by the log, and by figures.
func TestDurableTellsOfItsLetters(t *testing.T) {
	var log lines
	n := embed(t, natsmediator.Logger(log.logger()), natsmediator.ServerOptions(noSync))
	recorder := behaviors.NewRecorder()
	var s seen
	s.fail(errOutOfStock)
	m, err := mediator.New(mediator.Use(recorder), s.on("stock"),
		natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.Outbox(outboxFile(t))))
	require.NoError(t, err)
	const events = 50
	for i := range events {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	letters := natsmediator.Letters(n)
	eventually(t, "letters", func() bool { return countOf(t, letters) == events })
	eventually(t, "figures", func() bool {
		got := readings(recorder)
		lag, known := got["lag shop.Paid to stock"]
		return known && lag == 0 && got["waiting shop.Paid to stock"] == 0 && got["outbox shop.Paid"] == 0 &&
			got["letters shop.Paid to stock"] == events
	})
	first := log.eventuallyOne(t, "events have become dead letters")
	require.Equal(t, slog.LevelWarn, first.level)
	require.Equal(t, map[string]any{"event": "shop.Paid", "group": "stock", "letters": int64(1), "in all": int64(1), "last": "mediator: publish shop.Paid to stock: out of stock"}, first.attrs)
	require.NoError(t, m.Close(t.Context()))
	told := log.with("events have become dead letters")
	require.Len(t, told, 2)
	require.Equal(t, map[string]any{"event": "shop.Paid", "group": "stock", "letters": int64(events - 1), "in all": int64(events), "last": "mediator: publish shop.Paid to stock: out of stock"}, told[1].attrs)
}

// The lag is there while a group does not get on.
func TestDurableFiguresOfAGroupThatIsBehind(t *testing.T) {
	n := embed(t, natsmediator.ServerOptions(noSync))
	recorder := behaviors.NewRecorder()
	release := make(chan struct{})
	m := wired(t, mediator.Use(recorder), natsmediator.Durable[paid](n, natsmediator.Workers(1), natsmediator.Prefetch(2)),
		mediator.Subscribe(func(context.Context, paid) error { <-release; return nil }, mediator.Group("slow")))
	defer close(release)
	for i := range 10 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	eventually(t, "the lag", func() bool {
		got := readings(recorder)
		return got["lag shop.Paid to slow"] == 8 && got["waiting shop.Paid to slow"] == 2
	})
}

func TestNewsOfLettersComesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		var news natsmediator.News
		const events = 100
		for range events {
			news.Add(log.logger(), "e", "g", "why")
			time.Sleep(7 * time.Second)
		}
		require.Len(t, log.with("events have become dead letters"), 12, "the first, and one each minute")
		news.Add(log.logger(), "e", "other", "else")
		require.Len(t, log.with("events have become dead letters"), 13, "another group's first")
		news.Add(log.logger(), "e", "g", "last")
		news.Close(log.logger(), "e")
		told := log.with("events have become dead letters")
		require.Len(t, told, 14)
		require.Equal(t, "last", told[13].attrs["last"])
		sum := map[any]int64{}
		for _, one := range told {
			sum[one.attrs["group"]] += one.attrs["letters"].(int64)
		}
		require.Equal(t, map[any]int64{"g": events + 1, "other": 1}, sum)
	})
}
