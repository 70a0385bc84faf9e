package prommediator

import (
	"math"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	// nativeSchema is the resolution of native histograms: 2^3 buckets to a doubling.
	// The Recorder has 16 of equal width, the widest a sixteenth of its lower bound.
	nativeSchema = 3
	// zeroThreshold is what counts as zero, in seconds: the Recorder's unit, below
	// which it tells nothing apart.
	zeroThreshold = 64e-9
)

// durations makes the metric of h.
func (c *collector) durations(h behaviors.Histogram, born time.Time, labels []string) prometheus.Metric {
	count, sum := h.Count(), h.Sum().Seconds()
	var m prometheus.Metric
	if len(c.bounds) > 0 {
		buckets := make(map[float64]uint64, len(c.bounds))
		for _, b := range c.bounds {
			buckets[b] = h.CountUpTo(duration(b))
		}
		m = prometheus.MustNewConstHistogramWithCreatedTimestamp(c.duration, count, sum, buckets, born, labels...)
	}
	if !c.classicOnly {
		positive, zero := nativeBuckets(h)
		native := prometheus.MustNewConstNativeHistogram(c.duration, count, sum, positive, nil, zero, nativeSchema, zeroThreshold, born, labels...)
		if m == nil {
			m = native
		} else {
			m = both{classic: m, native: native}
		}
	}
	for _, e := range c.exemplars.of(labels) {
		// Labels that Prometheus does not take are the only reason for an error.
		if with, err := prometheus.NewMetricWithExemplars(m, e); err == nil {
			m = with
		}
	}
	return m
}

// duration is s seconds, or the longest there is.
func duration(s float64) time.Duration {
	if ns := math.Round(s * 1e9); ns < math.MaxInt64 {
		return time.Duration(ns)
	}
	return math.MaxInt64
}

// nativeBuckets puts the durations into exponential buckets: that with the number
// i ends with 2^(i/2^nativeSchema) seconds, inclusive. Each of the Recorder's
// buckets goes where its middle is.
func nativeBuckets(h behaviors.Histogram) (positive map[int]int64, zero uint64) {
	positive = map[int]int64{}
	for b := range h.Buckets() {
		middle := b.Lower.Seconds()
		if b.Upper != math.MaxInt64 {
			middle = (b.Lower + b.Upper).Seconds() / 2
		}
		if middle <= zeroThreshold {
			zero += b.Count
			continue
		}
		positive[int(math.Ceil(math.Log2(middle)*(1<<nativeSchema)))] += int64(b.Count)
	}
	return positive, zero
}

// both is a histogram with classic and native buckets.
type both struct{ classic, native prometheus.Metric }

// Desc is part of [prometheus.Metric].
func (b both) Desc() *prometheus.Desc { return b.classic.Desc() }

// Write is part of [prometheus.Metric].
func (b both) Write(to *dto.Metric) error {
	var classic dto.Metric
	if err := b.classic.Write(&classic); err != nil {
		return err
	}
	if err := b.native.Write(to); err != nil {
		return err
	}
	to.Histogram.Bucket = classic.Histogram.Bucket
	return nil
}
