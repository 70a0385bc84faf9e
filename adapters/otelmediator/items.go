package otelmediator

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// items watches those of one run of a stream. They come one after the other; but
// one may still be on its way when the run ends, so what both look at is atomic.
type items struct {
	run
	ctx     context.Context
	total   atomic.Int64
	waiting atomic.Int64 // items that the counter does not have yet
	last    atomic.Int64 // when the last item came, in ns since the start
	told    atomic.Int64 // when the counter was told, in ns since the start
}

// tellEvery is how long items of a stream that runs wait to be counted, unless no
// item comes.
const tellEvery = time.Second

// items copies the run, so that one that is no stream stays off the heap.
func (r *run) items(ctx context.Context) *items { return &items{run: *r, ctx: ctx} }

// count runs for each item.
func (s *items) count() {
	s.waiting.Add(1)
	now := time.Since(s.start)
	if s.total.Add(1) == 1 {
		s.first(now)
	}
	s.checkStall(now)
	s.last.Store(int64(now))
	if told := s.told.Load(); told == 0 || now-time.Duration(told) >= tellEvery {
		s.told.Store(int64(max(now, 1)))
		s.tell()
	}
}

func (s *items) first(now time.Duration) {
	s.b.firstItem.Record(s.ctx, now.Seconds(), s.h.firstItem...)
	if s.recording {
		s.span.AddEvent("fsmediator.first_item", trace.WithAttributes(durationKey.Float64(now.Seconds())))
	}
}

// checkStall tells of the time without an item that ends now.
func (s *items) checkStall(now time.Duration) {
	if gap := now - time.Duration(s.last.Load()); gap >= s.b.stall && s.recording {
		s.span.AddEvent("fsmediator.stall", trace.WithAttributes(durationKey.Float64(gap.Seconds())))
	}
}

func (s *items) tell() {
	if n := s.waiting.Swap(0); n > 0 {
		s.b.items.Add(s.ctx, n, s.h.add...)
	}
}

func (s *items) end() {
	s.checkStall(time.Since(s.start))
	s.tell()
	if s.recording {
		s.span.SetAttributes(itemsKey.Int64(s.total.Load()))
	}
}
