// Package prommediator shows the figures of a [behaviors.Recorder] to Prometheus.
//
//	recorder := behaviors.NewRecorder()
//	m, err := mediator.New(mediator.Use(recorder), …)
//	…
//	prometheus.MustRegister(prommediator.NewCollector(recorder))
//	http.Handle("/metrics", promhttp.Handler())
//
// A call costs what the Recorder costs, and nothing more: the figures are read when
// they are scraped.
//
// # Metrics
//
// All have the labels message, kind ("request", "notification", "stream") and
// handler, the subscriber's group; the durations have ending, too, see
// [behaviors.Ending]: "succeeded", "stopped", "failed", "canceled", "timed out",
// "rejected", "panicked", "exited", "declined". What is declined is an answer of the
// business, and no failure; nor is what is stopped or canceled. An alert on errors
// leaves these out, as the dashboard does:
//
//	sum(rate(fsmediator_call_duration_seconds_count{ending!~"succeeded|stopped|canceled|declined"}[5m]))
//
//	fsmediator_calls_started_total        counter    calls that have begun
//	fsmediator_calls_in_flight            gauge      calls that have begun and not ended
//	fsmediator_call_duration_seconds      histogram  of the calls that have ended; classic and native
//	fsmediator_stream_items_total         counter    items that streams have delivered
//
// What the Recorder watches is a metric each, named after the behavior and the
// reading, with the label scope: the message or the key it is about, empty for all
// that the behavior sees.
//
//	fsmediator_retry_retries_total               counter
//	fsmediator_circuitbreaker_state              gauge     0 closed, 1 half-open, 2 open, 3 isolated
//	fsmediator_circuitbreaker_changes_total      counter
//	fsmediator_circuitbreaker_rejections_total   counter
//	fsmediator_bulkhead_running                  gauge
//	fsmediator_bulkhead_waiting                  gauge
//	fsmediator_bulkhead_rejections_total         counter
//	fsmediator_ratelimit_rejections_total        counter
//	fsmediator_backpressure_items_total          counter   given to boundaries
//	fsmediator_backpressure_deliveries_total     counter
//	fsmediator_backpressure_drops_total          counter
//	fsmediator_backpressure_samplings_total      counter
//	fsmediator_backpressure_abandonments_total   counter
//	fsmediator_backpressure_depth                gauge     queued
//	fsmediator_memoryguard_used_bytes            gauge
//	fsmediator_memoryguard_rejections_total      counter
//	fsmediator_health_status                     gauge     0 healthy, 1 warning, 2 unhealthy, 3 failed
//	fsmediator_health_streams                    gauge     that run; the scope is their status
//	fsmediator_deadletters_letters_total         counter   stored; the scope is "MESSAGE to GROUP"
//	fsmediator_deadletters_losses_total          counter   that the store did not take
//	fsmediator_recorder_faults_total             counter   times that a Source panicked; the scope is its name
//	fsmediator_BEHAVIOR_READING[_total]          what a Source of one's own reads
//
// OpenMetrics knows a counter by its name without _total, so no gauge may be called that:
// one that a Source of one's own calls as it, or another, calls a counter is
// fsmediator_BEHAVIOR_READING_current in every format, from the first scrape with that
// counter on, also when it is gone. What would be taken for another metric of this package has reading_ in front.
// Better give the two readings names of their own.
//
// Of several behaviors of one sort with the same scope the sum is shown, of states
// and of memory in use the greatest.
//
//	fsmediator_sources_unwatched_total    counter    see behaviors.Snapshot
//	fsmediator_readings_left_out          gauge      see MaxReadings
//
// How many series there are is bounded: by [behaviors.RecorderConfig].MaxNames
// messages, of which each has two endings and those of the other seven that it has
// had, and by [MaxReadings].
//
// # Histograms
//
// Durations are exported both as classic buckets, see [Buckets], and as a native
// histogram, which a Prometheus that asks for it gets: with a growth of 9 % from
// bucket to bucket (schema 3). The Recorder knows a duration up to 3.2 % or 32 ns,
// so one near the bound of a bucket may be counted in the next. A Prometheus that asks
// for native histograms keeps them alone, unless it is told to keep the classic ones, too.
//
// # Dashboard
//
// dashboard.json is a Grafana dashboard of all this, with histograms of either sort. It is what
//
//	go run ./cmd/dashboard > dashboard.json
//
// prints.
package prommediator
