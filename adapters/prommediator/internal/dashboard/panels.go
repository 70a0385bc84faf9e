package dashboard

import "fmt"

// row is a line of graphs with a heading.
type row struct {
	title  string
	graphs []graph
}

// graph is a panel with what is easily said about it.
type graph struct {
	kind, title, description, unit string
	queries                        []query
	mappings                       []mapping
}

type query struct {
	expr, legend string
	exemplars    bool
}

const (
	line     = "timeseries"
	heatmap  = "heatmap"
	timeline = "state-timeline"
)

// of are the labels that a call's metrics are chosen by, failed those of failures,
// declined those of answers of the business, scoped those of readings.
const (
	of       = `{job=~"$job", message=~"$message"}`
	failed   = `{job=~"$job", message=~"$message", ending!~"succeeded|stopped|canceled|declined"}`
	declined = `{job=~"$job", message=~"$message", ending="declined"}`
	scoped   = `{job=~"$job"}`
)

const allDurations = `sum(rate(fsmediator_call_duration_seconds` + of + `[$__rate_interval]))`

// either is a query of classic histograms, or of native ones where those alone are
// scraped, as a Prometheus does that is not told to keep both.
func either(classic, native string) string { return classic + " or " + native }

var rows = []row{
	{"Calls", []graph{
		{kind: line, title: "Calls", description: "Calls that begin, a second.", unit: "ops", queries: []query{
			{expr: `sum by (message, kind) (rate(fsmediator_calls_started_total` + of + `[$__rate_interval]))`, legend: "{{kind}} {{message}}"}}},
		{kind: line, title: "Failures", description: "Calls a second that end in a way that is no success, not the caller's wish and no answer of the business.", unit: "ops", queries: []query{
			{expr: either(`sum by (message, handler, ending) (rate(fsmediator_call_duration_seconds_count`+failed+`[$__rate_interval]))`,
				`sum by (message, handler, ending) (histogram_count(rate(fsmediator_call_duration_seconds`+failed+`[$__rate_interval])))`),
				legend: "{{message}} {{handler}} {{ending}}"}}},
		{kind: line, title: "Declined", description: "Calls a second that the business answers with no, such as sold out. They are no failures.", unit: "ops", queries: []query{
			{expr: either(`sum by (message, handler) (rate(fsmediator_call_duration_seconds_count`+declined+`[$__rate_interval]))`,
				`sum by (message, handler) (histogram_count(rate(fsmediator_call_duration_seconds`+declined+`[$__rate_interval])))`),
				legend: "{{message}} {{handler}}"}}},
		{kind: line, title: "In flight", description: "Calls that have begun and not ended.", unit: "short", queries: []query{
			{expr: `sum by (message, handler) (fsmediator_calls_in_flight` + of + `)`, legend: "{{message}} {{handler}}"}}},
	}},
	{"Latency", []graph{
		{kind: line, title: "p50 and p99", description: "Of the calls that have ended.", unit: "s", queries: []query{
			quantile(0.5, "p50"), quantile(0.99, "p99")}},
		{kind: line, title: "Mean", unit: "s", queries: []query{
			{expr: either(`sum by (message) (rate(fsmediator_call_duration_seconds_sum`+of+`[$__rate_interval])) / sum by (message) (rate(fsmediator_call_duration_seconds_count`+of+`[$__rate_interval]))`,
				`sum by (message) (histogram_sum(rate(fsmediator_call_duration_seconds`+of+`[$__rate_interval]))) / sum by (message) (histogram_count(rate(fsmediator_call_duration_seconds`+of+`[$__rate_interval])))`),
				legend: "{{message}}"}}},
		{kind: heatmap, title: "Distribution", description: "From the native histograms, or where Prometheus does not scrape them from the classic buckets.", unit: "s", queries: []query{
			{expr: allDurations, exemplars: true},
			{expr: `sum by (le) (rate(fsmediator_call_duration_seconds_bucket` + of + `[$__rate_interval])) unless on () ` + allDurations, legend: "{{le}}", exemplars: true}}},
	}},
	{"Streams", []graph{
		{kind: line, title: "Items", description: "Items that streams deliver, a second.", unit: "ops", queries: []query{
			{expr: `sum by (message) (rate(fsmediator_stream_items_total` + of + `[$__rate_interval]))`, legend: "{{message}}"}}},
		{kind: line, title: "Streams that run", unit: "short", queries: []query{
			{expr: `sum by (message) (fsmediator_calls_in_flight{job=~"$job", message=~"$message", kind="stream"})`, legend: "{{message}}"}}},
	}},
	{"Backpressure", []graph{
		{kind: line, title: "Through the boundaries", description: "Items a second, given and delivered.", unit: "ops", queries: []query{
			rate("fsmediator_backpressure_items_total", "given {{scope}}"),
			rate("fsmediator_backpressure_deliveries_total", "delivered {{scope}}")}},
		{kind: line, title: "Not delivered", description: "Items a second that a boundary gave up.", unit: "ops", queries: []query{
			rate("fsmediator_backpressure_drops_total", "dropped {{scope}}"),
			rate("fsmediator_backpressure_samplings_total", "sampled out {{scope}}"),
			rate("fsmediator_backpressure_abandonments_total", "abandoned {{scope}}")}},
		{kind: line, title: "Queued", description: "Items that wait in boundaries.", unit: "short", queries: []query{
			{expr: `sum by (scope) (fsmediator_backpressure_depth` + scoped + `)`, legend: "{{scope}}"}}},
	}},
	{"Resilience", []graph{
		{kind: timeline, title: "Circuit breakers", queries: []query{
			{expr: `max by (scope) (fsmediator_circuitbreaker_state` + scoped + `)`, legend: "{{scope}}"}},
			mappings: []mapping{{Type: "value", Options: map[string]shown{
				"0": {"closed", "green"}, "1": {"half-open", "yellow"}, "2": {"open", "red"}, "3": {"isolated", "purple"}}}}},
		{kind: line, title: "Retries and changes", description: "Retries, and changes of breakers' states, a second.", unit: "ops", queries: []query{
			rate("fsmediator_retry_retries_total", "retries {{scope}}"),
			rate("fsmediator_circuitbreaker_changes_total", "breaker changes {{scope}}")}},
		{kind: line, title: "Rejections", description: "Calls that were refused, a second.", unit: "ops", queries: []query{
			rate("fsmediator_circuitbreaker_rejections_total", "breaker {{scope}}"),
			rate("fsmediator_bulkhead_rejections_total", "bulkhead {{scope}}"),
			rate("fsmediator_ratelimit_rejections_total", "rate limit {{scope}}"),
			rate("fsmediator_memoryguard_rejections_total", "memory {{scope}}")}},
	}},
	{"Health and dead letters", []graph{
		{kind: timeline, title: "Health", description: "The worst of what a monitor watches.", queries: []query{
			{expr: `max by (instance) (fsmediator_health_status` + scoped + `)`, legend: "{{instance}}"}},
			mappings: []mapping{{Type: "value", Options: map[string]shown{
				"0": {"healthy", "green"}, "1": {"warning", "yellow"}, "2": {"unhealthy", "orange"}, "3": {"failed", "red"}}}}},
		{kind: line, title: "Streams by health", description: "Streams that run and that a monitor watches.", unit: "short", queries: []query{
			{expr: `sum by (scope) (fsmediator_health_streams` + scoped + `)`, legend: "{{scope}}"}}},
		{kind: line, title: "Dead letters", description: "Letters a second, stored, and lost because their store failed.", unit: "ops", queries: []query{
			rate("fsmediator_deadletters_letters_total", "stored {{scope}}"),
			rate("fsmediator_deadletters_losses_total", "lost {{scope}}")}},
	}},
	{"Resources", []graph{
		{kind: line, title: "Bulkheads", unit: "short", queries: []query{
			{expr: `sum by (scope) (fsmediator_bulkhead_running` + scoped + `)`, legend: "running {{scope}}"},
			{expr: `sum by (scope) (fsmediator_bulkhead_waiting` + scoped + `)`, legend: "waiting {{scope}}"}}},
		{kind: line, title: "Memory in use", description: "When a memory guard looked last.", unit: "bytes", queries: []query{
			{expr: `max by (instance) (fsmediator_memoryguard_used_bytes` + scoped + `)`, legend: "{{instance}}"}}},
		{kind: line, title: "Not shown", description: "What there was no room for: other than 0, raise MaxNames of the Recorder or MaxReadings of the collector.", unit: "short", queries: []query{
			{expr: `sum by (instance) (fsmediator_sources_unwatched_total` + scoped + `)`, legend: "sources {{instance}}"},
			{expr: `sum by (instance) (fsmediator_readings_left_out` + scoped + `)`, legend: "readings {{instance}}"}}},
	}},
}

func quantile(q float64, name string) query {
	return query{expr: either(
		fmt.Sprintf(`histogram_quantile(%v, sum by (le, message) (rate(fsmediator_call_duration_seconds_bucket%s[$__rate_interval])))`, q, of),
		fmt.Sprintf(`histogram_quantile(%v, sum by (message) (rate(fsmediator_call_duration_seconds%s[$__rate_interval])))`, q, of)),
		legend: name + " {{message}}", exemplars: q > 0.9}
}

func rate(metric, legend string) query {
	return query{expr: fmt.Sprintf(`sum by (scope) (rate(%s%s[$__rate_interval]))`, metric, scoped), legend: legend}
}

// panel is g, without its place.
func (g graph) panel() panel {
	zero := 0.0
	p := panel{Type: g.kind, Title: g.title, Description: g.description, Datasource: prometheus,
		FieldConfig: &fields{Defaults: defaults{Unit: g.unit, Mappings: g.mappings}, Overrides: []struct{}{}}}
	switch g.kind {
	case line:
		p.FieldConfig.Defaults.Min = &zero
		p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 10, "showPoints": "never"}
		p.Options = map[string]any{
			"legend":  map[string]any{"displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"}}
	case heatmap:
		p.Options = map[string]any{"calculate": false, "yAxis": map[string]any{"unit": g.unit}}
	case timeline:
		p.Options = map[string]any{"mergeValues": true, "showValue": "auto"}
	}
	for i, q := range g.queries {
		t := target{RefID: string(rune('A' + i)), Expr: q.expr, LegendFormat: q.legend, Exemplar: q.exemplars, Range: true}
		if g.kind == heatmap {
			t.Format = "heatmap"
		}
		p.Targets = append(p.Targets, t)
	}
	return p
}
