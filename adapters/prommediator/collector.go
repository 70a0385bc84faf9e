package prommediator

import (
	"fmt"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	namespace  = "fsmediator"
	scopeLabel = "scope"
)

var (
	callLabels     = []string{"message", "kind", "handler"}
	durationLabels = append(callLabels[:3:3], "ending")
)

// NewCollector returns what exports the figures of r, see the package. Each
// collection takes one [behaviors.Snapshot], so all figures of a scrape are of one
// moment and fit together. It is safe for concurrent use, and may be unregistered.
// A Source that panics, or ends its goroutine, costs its own readings alone, and is
// counted by fsmediator_recorder_faults_total; [behaviors.Snapshot].Faults says why.
// One registry takes collectors of several Recorders if their [ConstLabels] differ.
// It panics if r or an option is nil.
func NewCollector(r *behaviors.Recorder, opts ...Option) prometheus.Collector {
	if r == nil {
		panic("prommediator: NewCollector: the Recorder is nil")
	}
	c := &collector{recorder: r, bounds: DefaultBuckets(), maxReadings: DefaultMaxReadings}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("prommediator: NewCollector: option %d of %d is nil", i+1, len(opts)))
		}
		o(c)
	}
	if c.classicOnly && len(c.bounds) == 0 {
		panic("prommediator: NewCollector: ClassicOnly without Buckets leaves nothing of the durations")
	}
	c.started = c.desc("calls_started_total", "Calls that have begun.", callLabels...)
	c.inFlight = c.desc("calls_in_flight", "Calls that have begun and not ended.", callLabels...)
	c.duration = c.desc("call_duration_seconds", "How long the calls took that have ended; for streams, how long they ran. An ending of declined is an answer of the business, not a failure.", durationLabels...)
	c.items = c.desc("stream_items_total", "Items that streams have delivered.", callLabels...)
	c.unwatched = c.desc("sources_unwatched_total", "Times that the Recorder found no room for a source to watch.")
	c.leftOut = c.desc("readings_left_out", "Series of readings that are left out because there are too many.")
	c.known = map[string]*prometheus.Desc{}
	for _, k := range knownReadings {
		c.known[k.family] = c.desc(k.family, k.help, scopeLabel)
	}
	return c
}

type collector struct {
	recorder    *behaviors.Recorder
	constLabels prometheus.Labels
	bounds      []float64
	classicOnly bool
	maxReadings int
	exemplars   *Exemplars
	renamed     renames

	started, inFlight, duration, items, unwatched, leftOut *prometheus.Desc
	known                                                  map[string]*prometheus.Desc // by family
}

func (c *collector) desc(family, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", family), help, labels, c.constLabels)
}

// Describe is part of [prometheus.Collector]. It gives all metrics but those of a
// Source of one's own, which are known when they are read; a pedantic registry
// refuses them.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.started, c.inFlight, c.duration, c.items, c.unwatched, c.leftOut} {
		to <- d
	}
	for _, d := range c.known {
		to <- d
	}
}

// Collect is part of [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.recorder.Snapshot()
	born := s.Time.Add(-s.Elapsed)
	for key, stats := range byLabels(s.Entries) {
		labels := key[:]
		to <- counter(c.started, float64(stats.started), born, labels...)
		to <- prometheus.MustNewConstMetric(c.inFlight, prometheus.GaugeValue, float64(stats.inFlight), labels...)
		if stats.stream || stats.items > 0 {
			to <- counter(c.items, float64(stats.items), born, labels...)
		}
		for ending, h := range stats.durations {
			if always(ending) || h.Count() > 0 {
				to <- c.durations(h, born, append(labels[:3:3], ending.String()))
			}
		}
	}
	to <- counter(c.unwatched, float64(s.Unwatched), born)
	c.collectReadings(s.Readings, born, to)
}

func counter(d *prometheus.Desc, v float64, born time.Time, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetricWithCreatedTimestamp(d, prometheus.CounterValue, v, born, labels...)
}

// always tells whether an ending is exported before it has happened: so that a
// rate sees the first time, too.
func always(e behaviors.Ending) bool { return e == behaviors.Succeeded || e == behaviors.Failed }

// stats is the figures of one set of labels.
type stats struct {
	started, inFlight, items uint64
	stream                   bool
	durations                map[behaviors.Ending]behaviors.Histogram
}

// byLabels adds up the entries that have the same labels: those whose names differ
// in bytes that are not UTF-8, which no label may have.
func byLabels(entries []behaviors.MessageStats) map[[3]string]stats {
	all := make(map[[3]string]stats, len(entries))
	for _, m := range entries {
		key := [3]string{text(m.Name), "", text(m.Handler)}
		if m.Kind != 0 {
			key[1] = m.Kind.String()
		}
		s, ok := all[key]
		if !ok {
			s.durations = map[behaviors.Ending]behaviors.Histogram{}
		}
		s.started += m.Started
		s.inFlight += m.InFlight
		s.items += m.Items
		s.stream = m.Kind == mediator.KindStream
		for _, e := range behaviors.Endings() {
			s.durations[e] = s.durations[e].Add(m.LatencyOf(e))
		}
		all[key] = s
	}
	return all
}

// text is s as the value of a label.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
