package behaviors

import (
	"encoding/json"
	"iter"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets are log-linear, as in HdrHistogram: every power of two is divided into
// 16 of equal width, and below 16 units, where that would be finer than the
// unit, there is one a unit.
const (
	unitBits    = 6 // a unit is 64 ns
	subBits     = 4
	bucketCount = 512
)

// latencies is a histogram that is being recorded: 4 KiB of counters.
type latencies struct {
	counts [bucketCount]atomic.Uint64
}

// add counts a duration of ns nanoseconds: one atomic operation.
func (l *latencies) add(ns int64) { l.counts[bucketOf(ns)].Add(1) }

// snapshot may miss what is added meanwhile, and nothing else.
func (l *latencies) snapshot() Histogram {
	var counts [bucketCount]uint64
	first, end := bucketCount, 0
	for i := range l.counts {
		if n := l.counts[i].Load(); n != 0 {
			counts[i] = n
			first, end = min(first, i), i+1
		}
	}
	if end == 0 {
		return Histogram{}
	}
	return Histogram{first: first, counts: append([]uint64(nil), counts[first:end]...)}
}

func bucketOf(ns int64) int {
	v := uint64(max(ns, 0)) >> unitBits
	shift := bits.Len64(v|1<<subBits) - subBits - 1
	return min(shift<<subBits+int(v>>shift), bucketCount-1)
}

// lowerBound is the shortest duration of bucket i. That of bucketCount is where
// the durations end.
func lowerBound(i int) time.Duration {
	if i >= bucketCount {
		return math.MaxInt64
	}
	shift := max(i>>subBits-1, 0)
	return time.Duration(i-shift<<subBits) << shift << unitBits
}

// Histogram is a distribution of durations, in 512 log-linear buckets that are
// the same in every Histogram, so that two can be added and subtracted without a
// loss. A duration is known up to the bucket it fell in: what is computed from
// the middle of buckets, [Histogram.Quantile] and [Histogram.Sum], is off by at
// most 1/32 (3.2 %) of the duration, or 32 ns if that is more. From 2^41 ns on
// (36 minutes) durations share the last bucket and count as its lower bound, 35
// minutes.
//
// A Histogram does not change and may be shared. The zero Histogram is empty.
type Histogram struct {
	first  int // bucket of counts[0]
	counts []uint64
}

// Bucket is the number of durations that are at least Lower and less than Upper.
// The last one has no upper bound; its Upper is the longest [time.Duration].
type Bucket struct {
	Lower, Upper time.Duration
	Count        uint64
}

// middle is the duration that those in the bucket count as.
func (b Bucket) middle() time.Duration {
	if b.Upper == math.MaxInt64 {
		return b.Lower
	}
	return (b.Lower + b.Upper) / 2
}

// Buckets returns the buckets that are not empty, in ascending order: what an
// exporter needs to fill buckets of its own.
func (h Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for i, n := range h.counts {
			if n == 0 {
				continue
			}
			i += h.first
			if !yield(Bucket{Lower: lowerBound(i), Upper: lowerBound(i + 1), Count: n}) {
				return
			}
		}
	}
}

// Count returns the number of durations.
func (h Histogram) Count() uint64 {
	var total uint64
	for _, n := range h.counts {
		total += n
	}
	return total
}

// CountUpTo returns how many durations are at most d, for the cumulative buckets
// of other systems. Those in the bucket that d lies in are counted if its middle
// is; there is no error if d is a bound of a bucket.
func (h Histogram) CountUpTo(d time.Duration) uint64 {
	var total uint64
	for b := range h.Buckets() {
		if b.middle() > d {
			break
		}
		total += b.Count
	}
	return total
}

// Sum returns the sum of the durations, each taken as the middle of its bucket.
// It saturates.
func (h Histogram) Sum() time.Duration {
	var sum float64
	for b := range h.Buckets() {
		sum += float64(b.middle()) * float64(b.Count)
	}
	if sum >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(sum)
}

// Mean returns the mean duration, 0 if there is none.
func (h Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	var sum float64
	for b := range h.Buckets() {
		sum += float64(b.middle()) * float64(b.Count)
	}
	return time.Duration(sum / float64(n))
}

// Quantile returns the duration that the fraction q of all does not exceed, by
// nearest rank: 0.5 is the median, 0 the shortest, 1 the longest. What is outside
// of [0, 1] counts as the nearer end. It returns 0 if there is no duration.
func (h Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := uint64(1)
	switch {
	case q >= 1:
		rank = total
	case q > 0:
		rank = min(max(uint64(math.Ceil(q*float64(total))), 1), total)
	}
	var found time.Duration
	for b := range h.Buckets() {
		found = b.middle()
		if b.Count >= rank {
			break
		}
		rank -= b.Count
	}
	return found
}

// Add returns the distribution of the durations in both.
func (h Histogram) Add(other Histogram) Histogram {
	switch {
	case len(h.counts) == 0:
		return other
	case len(other.counts) == 0:
		return h
	}
	first := min(h.first, other.first)
	end := max(h.first+len(h.counts), other.first+len(other.counts))
	sum := Histogram{first: first, counts: make([]uint64, end-first)}
	copy(sum.counts[h.first-first:], h.counts)
	for i, n := range other.counts {
		sum.counts[other.first-first+i] += n
	}
	return sum
}

// Sub returns the distribution of what came after earlier, an earlier snapshot of
// the same. A bucket that earlier has more in is empty.
func (h Histogram) Sub(earlier Histogram) Histogram {
	if len(h.counts) == 0 || len(earlier.counts) == 0 {
		return h
	}
	rest := Histogram{first: h.first, counts: append([]uint64(nil), h.counts...)}
	for i, n := range earlier.counts {
		if i += earlier.first - h.first; i >= 0 && i < len(rest.counts) {
			rest.counts[i] -= min(n, rest.counts[i])
		}
	}
	return rest
}

// MarshalJSON gives the count and, in seconds, the mean and some quantiles.
func (h Histogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count uint64  `json:"count"`
		Mean  float64 `json:"mean"`
		P50   float64 `json:"p50"`
		P90   float64 `json:"p90"`
		P99   float64 `json:"p99"`
		Max   float64 `json:"max"`
	}{
		h.Count(), h.Mean().Seconds(), h.Quantile(.5).Seconds(), h.Quantile(.9).Seconds(), h.Quantile(.99).Seconds(), h.Quantile(1).Seconds(),
	})
}
