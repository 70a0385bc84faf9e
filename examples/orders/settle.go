package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// resilienceSummary is what faults there were and what became of them.
type resilienceSummary struct {
	Faults          map[string]int64 `json:"faults"` // injected, by kind
	Retries         int64            `json:"retries"`
	BreakerOpened   int64            `json:"breaker_opened"` // openings, those after trials that failed too
	BreakerClosed   int64            `json:"breaker_closed"`
	BreakerRejected int64            `json:"breaker_rejected"` // calls
	BreakerState    string           `json:"breaker_state"`
	ChargeSeconds   quantiles        `json:"charge_seconds"` // how long the calls of the provider took

	DeadLetters    int64         `json:"dead_letters"` // of this run, before the redrive
	ByHandler      []letterCount `json:"dead_letters_by_handler"`
	EarlierLetters int64         `json:"dead_letters_of_earlier_runs"`
	BeforeRedrive  tally         `json:"before_redrive"`

	Redrive      *redriveSummary `json:"redrive"`       // null if there was none
	DeadLettered int64           `json:"dead_lettered"` // orders that still wait for a letter to be redriven
	LettersLeft  int64           `json:"dead_letters_left"`

	resumed     int64 // orders that earlier runs have placed
	interrupted bool
	problems    []string
}

// tally is where the orders are at one moment.
type tally struct {
	Placed       int64 `json:"placed"`
	Completed    int64 `json:"completed"`
	Compensated  int64 `json:"compensated"`
	DeadLettered int64 `json:"dead_lettered"`
}

type quantiles struct {
	Median float64 `json:"p50"`
	Slow   float64 `json:"p99"`
}

// settle counts the dead letters, has them redriven if that is wanted and ctx has
// not ended, and counts again. It returns nil if r is nil.
func (r *resilience) settle(ctx context.Context, m *mediator.Mediator, redrive bool) (*resilienceSummary, error) {
	if r == nil {
		return nil, nil
	}
	lasting := context.WithoutCancel(ctx)
	s := &resilienceSummary{}
	before, counts, err := r.check(lasting, m, s, "before the redrive")
	if err != nil {
		return nil, err
	}
	s.DeadLetters, s.ByHandler, s.EarlierLetters, s.BeforeRedrive = before.own, append([]letterCount{}, before.byHandler...), before.earlier, counts
	s.DeadLettered, s.LettersLeft = before.dead, before.own+before.earlier
	if redrive && ctx.Err() == nil {
		s.Redrive, err = r.redrive(ctx, m)
		s.resumed = s.Redrive.ResumedOrders
		if s.interrupted = err != nil && ctx.Err() != nil; err != nil && !s.interrupted {
			s.problems = append(s.problems, "the redrive ended early: "+printing.OneLine(err))
		}
		after, _, err := r.check(lasting, m, s, "after the redrive")
		if err != nil {
			return nil, err
		}
		s.DeadLettered, s.LettersLeft = after.dead, after.own+after.earlier
	}
	if s.LettersLeft > 0 && r.durable {
		if err := r.markOver(lasting, m, s.Redrive != nil && s.Redrive.begun); err != nil {
			s.problems = append(s.problems, "the letters that are left: "+printing.OneLine(err))
		}
	}
	if n := r.dropped(); n > 0 {
		s.problems = append(s.problems, fmt.Sprintf("%d dead letters were dropped, memory keeps %d: give -dlq FILE", n, mostLetters))
	}
	r.measure(s)
	return s, nil
}

// check looks for the orders in the letters and in the order service, and compares.
func (r *resilience) check(ctx context.Context, m *mediator.Mediator, s *resilienceSummary, when string) (letters, tally, error) {
	found, err := r.look(ctx, m)
	if err != nil {
		return found, tally{}, err
	}
	c, err := mediator.Send(ctx, m, messages.CountOrders{})
	if err != nil {
		return found, tally{}, err
	}
	t := tally{Placed: c.Placed, Completed: c.Completed, Compensated: c.Compensated(), DeadLettered: found.dead}
	s.problems = append(s.problems, differ("placed", c.Placed+c.Resumed,
		"completed + compensated + dead-lettered "+when, t.Completed+t.Compensated+t.DeadLettered)...)
	return found, t, nil
}

// measure fills in what the behaviors have seen.
func (r *resilience) measure(s *resilienceSummary) {
	s.Faults = r.faults.injected()
	s.Retries, s.BreakerRejected = r.readings()
	s.BreakerOpened, s.BreakerClosed = r.opened.Load(), r.closed.Load()
	s.BreakerState = r.breaker.State().String()
	took := r.recorder.Snapshot().Message(chargeName).Latency()
	s.ChargeSeconds = quantiles{took.Quantile(0.5).Seconds(), took.Quantile(0.99).Seconds()}
}

// failed tells whether a letter could not be redriven.
func (s *resilienceSummary) failed() bool {
	return s != nil && s.Redrive != nil && s.Redrive.Failed > 0
}

func (s *resilienceSummary) text(row func(what, value, note string)) {
	var kinds []string
	var faults int64
	for _, kind := range slices.Sorted(maps.Keys(s.Faults)) {
		faults += s.Faults[kind]
		kinds = append(kinds, kind+" "+printing.Grouped(s.Faults[kind]))
	}
	row("faults", printing.Grouped(faults), strings.Join(kinds, ", "))
	row("retries", printing.Grouped(s.Retries), "")
	row("breaker opened", printing.Grouped(s.BreakerOpened), fmt.Sprintf("closed %s, rejected %s calls, is %s", printing.Grouped(s.BreakerClosed), printing.Grouped(s.BreakerRejected), s.BreakerState))
	row("charge took", "", fmt.Sprintf("p50 %v, p99 %v", seconds(s.ChargeSeconds.Median), seconds(s.ChargeSeconds.Slow)))
	row("dead letters", printing.Grouped(s.DeadLetters), "")
	for _, h := range s.ByHandler {
		row("", printing.Grouped(h.Letters), h.Message+" to "+h.Group)
	}
	if s.EarlierLetters > 0 {
		row("of earlier runs", printing.Grouped(s.EarlierLetters), "")
	}
	t := s.BeforeRedrive
	row("before a redrive", printing.Grouped(t.Placed), fmt.Sprintf("= completed %s + compensated %s + dead-lettered %s",
		printing.Grouped(t.Completed), printing.Grouped(t.Compensated), printing.Grouped(t.DeadLettered)))
	if s.Redrive == nil {
		row("redriven", "none", "")
	} else {
		note := fmt.Sprintf("failed %s, skipped %s, in %v", printing.Grouped(int64(s.Redrive.Failed)), printing.Grouped(int64(s.Redrive.Skipped)), seconds(s.Redrive.ElapsedSeconds))
		row("redriven", printing.Grouped(int64(s.Redrive.Redriven)), note)
	}
	row("dead letters left", printing.Grouped(s.LettersLeft), "")
}

func seconds(s float64) time.Duration { return rounded(time.Duration(s * float64(time.Second))) }
