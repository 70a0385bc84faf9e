package behaviors_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// lasting is a request that takes so long.
type lasting struct {
	mediator.Command
	d time.Duration
}

// histogramOf has a Recorder see calls that take so long.
func histogramOf(t *testing.T, took ...time.Duration) (h behaviors.Histogram) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r), mediator.HandleCommand(func(_ context.Context, q lasting) error {
			time.Sleep(q.d)
			return nil
		}))
		for _, d := range took {
			require.NoError(t, mediator.Exec(t.Context(), m, lasting{d: d}))
		}
		h = r.Snapshot().Total().Latency()
	})
	return h
}

// requireClose fails if got is further from want than Histogram promises.
func requireClose(t *testing.T, want, got time.Duration, what ...any) {
	t.Helper()
	require.LessOrEqual(t, max(want-got, got-want), max(want/32, 32), what...)
}

func TestHistogramIsEmpty(t *testing.T) {
	var h behaviors.Histogram
	require.Zero(t, h.Count())
	require.Zero(t, h.Quantile(.5))
	require.Zero(t, h.Mean())
	require.Zero(t, h.Sum())
	require.Empty(t, slices.Collect(h.Buckets()))
	require.Zero(t, h.Add(h).Sub(h).Count())
}

func TestHistogramQuantileErrorIsWithinItsBound(t *testing.T) {
	var all []time.Duration
	for d := time.Duration(1); d < 30*time.Minute; d += d/7 + 13 {
		all = append(all, d)
	}
	h := histogramOf(t, all...)
	require.EqualValues(t, len(all), h.Count())
	var sum time.Duration
	for i, d := range all {
		requireClose(t, d, h.Quantile((float64(i)+.5)/float64(len(all))), "rank %d", i+1)
		sum += d
	}
	requireClose(t, all[0], h.Quantile(0))
	requireClose(t, all[0], h.Quantile(-1))
	requireClose(t, all[len(all)-1], h.Quantile(2))
	requireClose(t, sum, h.Sum())
	requireClose(t, sum/time.Duration(len(all)), h.Mean())
}

func TestHistogramBucketsAreContiguous(t *testing.T) {
	var at []time.Duration
	for exp := range 41 {
		for _, off := range []time.Duration{-1, 0, 1} {
			at = append(at, max(0, time.Duration(1)<<exp+off))
		}
	}
	h := histogramOf(t, at...)
	var total uint64
	last := time.Duration(-1)
	for b := range h.Buckets() {
		require.Greater(t, b.Lower, last)
		require.Greater(t, b.Upper, b.Lower)
		if b.Upper != math.MaxInt64 {
			require.LessOrEqual(t, b.Upper-b.Lower, max(b.Lower/16, 64))
		}
		inside := 0
		for _, d := range at {
			if d >= b.Lower && d < b.Upper {
				inside++
			}
		}
		require.EqualValues(t, inside, b.Count, "[%v, %v)", b.Lower, b.Upper)
		require.Equal(t, total, h.CountUpTo(b.Lower), "a bound counts what is below it")
		last, total = b.Lower, total+b.Count
	}
	require.EqualValues(t, len(at), total)
	require.Equal(t, total, h.CountUpTo(math.MaxInt64))
}

func TestHistogramSaturates(t *testing.T) {
	h := histogramOf(t, time.Hour, 24*365*time.Hour)
	require.EqualValues(t, 2, h.Count())
	require.Equal(t, time.Duration(31<<36), h.Quantile(1))
	require.Equal(t, time.Duration(31<<36), h.Quantile(0))
}

func TestHistogramAddAndSub(t *testing.T) {
	low := histogramOf(t, time.Microsecond, time.Millisecond, time.Millisecond)
	high := histogramOf(t, time.Millisecond, time.Second)
	all := low.Add(high)
	require.EqualValues(t, 5, all.Count())
	require.Equal(t, all, high.Add(low))
	requireClose(t, time.Millisecond, all.Quantile(.5))
	require.EqualValues(t, 3, low.Count(), "it does not change")
	rest := all.Sub(low)
	require.Equal(t, slices.Collect(high.Buckets()), slices.Collect(rest.Buckets()))
	require.EqualValues(t, 5, all.Count(), "it does not change")
	require.Zero(t, low.Sub(all).Count(), "a bucket that the earlier has more in is empty")
	require.EqualValues(t, 1, low.Sub(high).CountUpTo(time.Microsecond*2))
}

func FuzzHistogram(f *testing.F) {
	f.Add(int64(1), int64(1000), int64(1_000_000), .5)
	f.Add(int64(63), int64(64), int64(1<<40), .99)
	f.Fuzz(func(t *testing.T, a, b, c int64, q float64) {
		const most = int64(1)<<41 - 1
		all := make([]time.Duration, 0, 3)
		for _, v := range []int64{a, b, c} {
			all = append(all, time.Duration(v&most))
		}
		h := histogramOf(t, all...)
		slices.Sort(all)
		rank := 1
		for rank < 3 && float64(rank) < q*3 {
			rank++
		}
		want := all[rank-1]
		got := h.Quantile(q)
		if limit := time.Duration(31) << 36; want >= limit {
			require.Equal(t, limit, got)
			return
		}
		requireClose(t, want, got, "%v of %v", q, all)
	})
}
