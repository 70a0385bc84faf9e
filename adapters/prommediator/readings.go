package prommediator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
)

// knownReading is one of this module's behaviors. Its family is without the namespace.
type knownReading struct {
	family, help string
	greatest     bool // of several, not the sum
}

var knownReadings = []knownReading{
	{family: "retry_retries_total", help: "Attempts after the first, by message."},
	{family: "circuitbreaker_state", help: "State of a breaker: 0 closed, 1 half-open, 2 open, 3 isolated.", greatest: true},
	{family: "circuitbreaker_changes_total", help: "Changes of a breaker's state."},
	{family: "circuitbreaker_rejections_total", help: "Calls that a breaker did not let through."},
	{family: "bulkhead_running", help: "Calls inside of bulkheads."},
	{family: "bulkhead_waiting", help: "Calls that wait for a place in a bulkhead."},
	{family: "bulkhead_rejections_total", help: "Calls that found no place in a bulkhead."},
	{family: "ratelimit_rejections_total", help: "Calls that a rate limit refused."},
	{family: "backpressure_items_total", help: "Items that streams have given to a boundary, by message."},
	{family: "backpressure_deliveries_total", help: "Items that a boundary has delivered, by message."},
	{family: "backpressure_drops_total", help: "Items that a boundary has dropped, by message."},
	{family: "backpressure_samplings_total", help: "Items that a boundary has left out to thin them, by message."},
	{family: "backpressure_abandonments_total", help: "Items that were queued when their stream ended, by message."},
	{family: "backpressure_depth", help: "Items that are queued, by message."},
	{family: "memoryguard_used_bytes", help: "Memory in use when a memory guard looked last.", greatest: true},
	{family: "memoryguard_rejections_total", help: "Calls that a memory guard refused."},
	{family: "health_status", help: "The worst that a health monitor finds: 0 healthy, 1 warning, 2 unhealthy, 3 failed.", greatest: true},
	{family: "health_streams", help: "Streams that run, by their status."},
	{family: "deadletters_letters_total", help: "Dead letters that were stored, by message and group."},
	{family: "deadletters_losses_total", help: "Dead letters that their store did not take, by message and group."},
	{family: "recorder_faults_total", help: "Times that a source panicked when it was read, by source."},
}

// reserved are the families, as OpenMetrics has them, that a reading must not be taken for.
var reserved = []string{"calls_started", "calls_in_flight", "call_duration_seconds", "stream_items",
	"sources_unwatched", "readings_left_out"}

// series is what one value of a reading belongs to.
type series struct {
	family, scope string
	gauge         bool
}

// collectReadings exports readings, those that come first if there are too many.
func (c *collector) collectReadings(readings []behaviors.Reading, born time.Time, to chan<- prometheus.Metric) {
	values, leftOut := map[series]float64{}, map[series]bool{}
	for _, r := range readings {
		at := series{familyOf(r), text(r.Scope), r.Gauge}
		was, ok := values[at]
		switch {
		case !ok && len(values) >= c.maxReadings:
			leftOut[at] = true
		case ok && (r.State != "" || greatest(at.family)):
			values[at] = max(was, r.Value)
		default:
			values[at] = was + r.Value
		}
	}
	descs := map[string]*prometheus.Desc{}
	gauges := c.renamed.of(values, c.maxReadings)
	for at, v := range values {
		family := at.family
		if at.gauge {
			family = gauges[family]
		}
		d := c.known[family]
		if d == nil {
			d = descs[family]
		}
		if d == nil {
			d = c.desc(family, "What a behavior reads of itself as "+family+".", scopeLabel)
			descs[family] = d
		}
		if at.gauge {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, at.scope)
		} else {
			to <- counter(d, v, born, at.scope)
		}
	}
	to <- prometheus.MustNewConstMetric(c.leftOut, prometheus.GaugeValue, float64(len(leftOut)))
}

func greatest(family string) bool {
	return slices.ContainsFunc(knownReadings, func(k knownReading) bool { return k.family == family && k.greatest })
}

// renames are what gauges are called that would be of one family with a counter. The
// zero renames are none.
type renames struct {
	mu sync.Mutex
	to map[string]string
}

// of is what the gauges among the families shown are called. OpenMetrics knows a
// counter's family by its name without _total, so that of a gauge which would be the
// same has the suffix _current, or several where that is taken. It keeps that name when
// the counter goes. At most limit names are kept.
func (r *renames) of(shown map[series]float64, limit int) map[string]string {
	counters, gauges := map[string]bool{}, map[string]bool{}
	for at := range shown {
		if at.gauge {
			gauges[at.family] = true
		} else {
			counters[inOpenMetrics(at.family)] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names, used := make(map[string]string, len(gauges)), map[string]bool{}
	name := func(gauge, first string) {
		other := first
		for counters[other] || used[other] || other != gauge && gauges[other] && other != first {
			other += "_current"
		}
		names[gauge], used[other] = other, true
		if other != gauge && (len(r.to) < limit || r.to[gauge] != "") {
			if r.to == nil {
				r.to = map[string]string{}
			}
			r.to[gauge] = other
		}
	}
	sorted := slices.Sorted(maps.Keys(gauges))
	for _, gauge := range sorted {
		if kept := r.to[gauge]; kept != "" {
			name(gauge, kept)
		}
	}
	for _, gauge := range sorted {
		if names[gauge] == "" {
			name(gauge, gauge)
		}
	}
	return names
}

// inOpenMetrics is what OpenMetrics calls the family of a counter or a gauge.
func inOpenMetrics(family string) string { return strings.TrimSuffix(family, "_total") }

// familyOf is the name of a reading's metric, without the namespace: snake case,
// with the suffix _total for a counter and without the suffixes that mean something
// else, as promlint wants it.
func familyOf(r behaviors.Reading) string {
	if r.Behavior == "memoryguard" && r.Name == "used" && r.Gauge {
		return "memoryguard_used_bytes"
	}
	name := snake(r.Behavior) + "_" + snake(r.Name)
	for trimmed := ""; trimmed != name; {
		trimmed = name
		for _, suffix := range []string{"_total", "_count", "_sum", "_bucket", "_info", "_created", "_"} {
			name = strings.TrimSuffix(name, suffix)
		}
	}
	name = strings.TrimPrefix(name, "_")
	if name == "" {
		name = "reading"
	}
	if !r.Gauge {
		name += "_total"
	}
	if taken(name) {
		name = fmt.Sprintf("reading_%s", name)
	}
	return name
}

// taken tells whether the family is that of another metric of this package.
func taken(family string) bool {
	open := inOpenMetrics(family)
	return slices.Contains(reserved, open) || slices.ContainsFunc(knownReadings, func(k knownReading) bool {
		return inOpenMetrics(k.family) == open && k.family != family
	})
}

// snake is s in lower case with underscores for what is neither letter nor digit.
func snake(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}
