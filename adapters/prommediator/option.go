package prommediator

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Option is about one [NewCollector].
type Option func(c *collector)

// ConstLabels sets labels that all metrics have: which mediator they are of, if
// several Recorders are registered with one registry. It panics if a label has the
// name of one that the metrics have anyway.
func ConstLabels(labels prometheus.Labels) Option {
	for name := range labels {
		if slices.Contains(append(slices.Clone(durationLabels), scopeLabel, "le"), name) {
			panic(fmt.Sprintf("prommediator: ConstLabels: %q is a label of the metrics already", name))
		}
	}
	labels = maps.Clone(labels)
	return func(c *collector) { c.constLabels = labels }
}

// DefaultBuckets are the upper bounds of the classic buckets, in seconds: 1 and 5
// of each power of ten from 10 µs to 10 s, and a minute.
func DefaultBuckets() []float64 {
	return []float64{1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1, 5, 10, 60}
}

// Buckets sets the upper bounds of the classic buckets, in seconds; without any
// there are none, and only what understands native histograms sees a distribution.
// Default: [DefaultBuckets]. It panics if they are not positive and ascending.
func Buckets(bounds ...float64) Option {
	last := 0.0
	for _, b := range bounds {
		if !(b > last) || math.IsInf(b, 0) {
			panic(fmt.Sprintf("prommediator: Buckets(%v): the bounds have to be positive and ascending", bounds))
		}
		last = b
	}
	bounds = slices.Clone(bounds)
	return func(c *collector) { c.bounds = bounds }
}

// ClassicOnly leaves out the native histograms.
func ClassicOnly() Option { return func(c *collector) { c.classicOnly = true } }

// DefaultMaxReadings is how many series of readings there are at most, unless
// [MaxReadings] says otherwise.
const DefaultMaxReadings = 5000

// MaxReadings bounds the series of what the Recorder watches, for a Source of
// one's own may have any number of scopes. Those that are beyond are left out, and
// counted by fsmediator_readings_left_out. Default: [DefaultMaxReadings]. It panics
// if n is not positive.
func MaxReadings(n int) Option {
	if n <= 0 {
		panic(fmt.Sprintf("prommediator: MaxReadings(%d): it has to be positive", n))
	}
	return func(c *collector) { c.maxReadings = n }
}

// ShowExemplars adds to the durations what e has kept. It panics if e is nil.
func ShowExemplars(e *Exemplars) Option {
	if e == nil {
		panic("prommediator: ShowExemplars: the Exemplars are nil")
	}
	return func(c *collector) { c.exemplars = e }
}
