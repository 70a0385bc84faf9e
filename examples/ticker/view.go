package main

import (
	"strings"
	"sync"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/health"
)

// view is how everything is at one moment: what the page and the table show.
type view struct {
	Source    string         `json:"source"`
	Elapsed   float64        `json:"elapsed"` // seconds
	Quotes    uint64         `json:"quotes"`
	Status    health.Status  `json:"status"`
	Ready     bool           `json:"ready"`
	Prices    []price        `json:"prices"`
	Consumers []consumerView `json:"consumers"`
	Journal   []entry        `json:"journal"`
	Over      bool           `json:"over"` // the last view
}

// consumerView is how one consumer and its stream are.
type consumerView struct {
	Name      string        `json:"name"`
	Strategy  string        `json:"strategy"`
	Connected bool          `json:"connected"`
	Status    health.Status `json:"status"`
	Findings  []string      `json:"findings"`
	Rate      float64       `json:"rate"` // of the market's end of the stream, quotes a second
	Lag       float64       `json:"lag"`  // seconds
	Capacity  int           `json:"capacity"`
	Pressure  bool          `json:"pressure"`
	Pace      float64       `json:"pace"`   // quotes a second, 0: no limit
	Sample    int           `json:"sample"` // 1 in so many
	backpressure.Counts
	Connections uint64 `json:"connections"`
	Interrupts  uint64 `json:"interrupts"`
}

// view returns how everything is now.
func (t *ticker) view(over bool) view {
	report := t.monitor.Snapshot()
	t.journal.look(report)
	quotes, _ := t.market.Written()
	v := view{
		Source: t.source, Elapsed: time.Since(t.begin).Seconds(), Quotes: quotes, Status: report.Status, Ready: report.Ready,
		Prices: t.board.all(), Journal: t.journal.latest(), Over: over,
	}
	for _, c := range t.consumers {
		v.Consumers = append(v.Consumers, t.consumerView(c, report))
	}
	return v
}

func (t *ticker) consumerView(c *consumer, report health.Report) consumerView {
	got, queue := c.reception(), t.queues[c.name].Snapshot()
	v := consumerView{
		Name: c.name, Strategy: strings.ToLower(queue.Strategy.String()), Connected: got.Connected, Connections: got.Connections,
		Lag: got.Lag.Seconds(), Counts: queue.Counts, Findings: []string{}, Sample: 1,
	}
	for _, run := range queue.Runs {
		v.Capacity, v.Pressure, v.Pace, v.Sample = run.Capacity, run.Pressure, run.Pace, run.SampleEvery
	}
	for _, s := range report.Streams {
		if s.Name != streamOf(c.name) {
			continue
		}
		v.Status, v.Rate, v.Interrupts = s.Status, s.Rate, s.Interrupts
		for _, f := range s.Findings {
			v.Findings = append(v.Findings, f.String())
		}
	}
	return v
}

// streamOf is the name of a consumer's stream.
func streamOf(consumer string) string { return "quotes." + consumer }

// latest hands the newest view to any number of readers. One that is slow misses
// those in between.
type latest struct {
	mu      sync.Mutex
	view    view
	changed chan struct{}
}

func newLatest() *latest { return &latest{changed: make(chan struct{})} }

// set replaces the view.
func (l *latest) set(v view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = v
	close(l.changed)
	l.changed = make(chan struct{})
}

// get returns the view, and a channel that is closed when there is another.
func (l *latest) get() (view, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view, l.changed
}
