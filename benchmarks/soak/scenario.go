package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

// How a handler ends.
const (
	completes = iota
	fails
	panics
	exits
	hangs // until its context ends
	endings
)

// How a consumer does.
const (
	takesAll = iota
	leaves
	cancels
	blowsUp // panics in its loop
	manners
)

var errFault = errors.New("injected fault")

// scenario is some runs of one handler, under way at the same time.
type scenario struct {
	name     string
	what     backpressure.Config
	outer    bool // another boundary, that loses nothing, stands around
	items    int
	ending   int
	manner   int
	after    int // items until the consumer leaves, cancels or blows up
	naps     int // a nap of the consumer's each so many items, 0 for none
	runs     int
	steers   bool // somebody changes pace, sample and capacity
	samples  bool // and a sample was among that
	watching uint64
	counted  *tally
}

func newScenario(r *rand.Rand, name string) scenario {
	c := backpressure.Config{
		Strategy:    backpressure.Strategy(r.IntN(int(backpressure.Throttle) + 1)),
		Capacity:    []int{1, 2, 3, 8, 64, 1000}[r.IntN(6)],
		SampleEvery: 1 + r.IntN(5),
		MaxDelay:    time.Duration(1+r.IntN(5)) * time.Millisecond,
	}
	if r.IntN(2) == 0 {
		c.High = 0.1 + 0.9*r.Float64()
		c.Low = c.High * r.Float64()
	}
	if r.IntN(4) == 0 && c.Strategy != backpressure.Latest {
		c.Adaptive, c.Tuning.Interval = true, 2*time.Millisecond
	}
	if r.IntN(4) == 0 {
		c.OnPressure = func(e backpressure.Event) {
			if e.Counts.Produced%7 == 0 {
				panic("a hook's own fault")
			}
		}
	}
	s := scenario{
		name: name, what: c, outer: r.IntN(4) == 0, items: r.IntN(3000), ending: r.IntN(endings), manner: r.IntN(manners),
		after: r.IntN(500), runs: 1 + r.IntN(3), steers: r.IntN(3) == 0, watching: r.Uint64(), counted: &tally{},
	}
	if r.IntN(3) == 0 {
		s.naps = 50 + r.IntN(200)
	}
	if s.ending == hangs && (s.manner == takesAll || s.manner == leaves || s.manner == blowsUp) {
		s.manner = cancels // the others might wait for an item that never comes
	}
	return s
}

type scripted struct {
	mediator.Yields[item]
	*scenario
}

func (s *scenario) handle(ctx context.Context, _ scripted) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for i := range s.items {
			s.counted.yielded.Add(1)
			if !yield(item{Seq: i}, nil) {
				return
			}
			s.counted.passed.Add(1)
		}
		switch s.ending {
		case fails:
			yield(item{}, errFault)
		case panics:
			panic(errFault)
		case exits:
			runtime.Goexit()
		case hangs:
			<-ctx.Done()
		}
	}
}

// run runs s and returns how many items it produced.
func (s *scenario) run(f *findings) (items int) {
	k := backpressure.Of(backpressure.New(s.what))
	around, outermost := []mediator.Behavior{k}, k
	if s.outer {
		outermost = backpressure.Of(backpressure.New(backpressure.Config{Capacity: 4}))
		around = []mediator.Behavior{outermost, k}
	}
	stop := make(chan struct{})
	var watcher, consumers sync.WaitGroup
	around = append(around, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if s.steers {
			queues := c.Queues()
			watcher.Go(func() { s.steer(queues[len(queues)-1], stop) })
		}
		return next(ctx, c)
	}))
	m, err := mediator.New(mediator.HandleStream(s.handle, mediator.Use(around...)))
	if err != nil {
		f.add("%s: %v", s.name, err)
		return 0
	}
	s.samples = s.steers
	done := make(chan struct{})
	for range s.runs {
		consumers.Go(func() { s.consume(f, m) })
	}
	go func() {
		consumers.Wait()
		close(done)
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(time.Millisecond):
		}
		var now backpressure.Snapshot
		s.counted.holdAgainst(f, s.name, func() backpressure.Counts {
			now = k.Snapshot()
			return now.Counts
		})
		for _, r := range now.Runs {
			checkCounts(f, s.name, r.Counts)
			f.check(s.steers || r.Queued <= s.what.Capacity, "%s: %d of %d are queued", s.name, r.Queued, s.what.Capacity)
		}
	}
	close(stop)
	watcher.Wait()
	final := k.Snapshot()
	f.check(len(final.Runs) == 0 && final.Queued == 0, "%s: %d runs and %d items are left", s.name, len(final.Runs), final.Queued)
	delivered, received := outermost.Snapshot().Delivered, s.counted.received.Load()
	f.check(delivered == received, "%s: %d delivered, %d received", s.name, delivered, received)
	return int(final.Produced)
}

// steer does what a watcher may.
func (s *scenario) steer(q *mediator.Queue, stop <-chan struct{}) {
	r := rand.New(rand.NewPCG(s.watching, 1))
	owner := q.Owner().(*backpressure.Run)
	for {
		switch r.IntN(5) {
		case 0:
			owner.SetPace(float64(r.IntN(1_000_000)))
		case 1:
			owner.SetPace(0)
		case 2:
			owner.SetSample(r.IntN(4))
		case 3:
			q.SetCapacity(1 + r.IntN(100))
		case 4:
			owner.Pressure()
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(r.IntN(1000)) * time.Microsecond):
		}
	}
}

// consume runs the stream once and checks what comes of it.
func (s *scenario) consume(f *findings, m *mediator.Mediator) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.ending == hangs {
		// A consumer that is to cancel after so many items may wait for one that never comes.
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		defer timer.Stop()
	}
	got, last, end := 0, -1, error(nil)
	caught := guarded(func() {
		for it, err := range mediator.Stream(ctx, m, scripted{scenario: s}) {
			f.check(end == nil, "%s: more after %v", s.name, end)
			if end = err; err != nil {
				continue
			}
			s.counted.received.Add(1)
			f.check(it.Seq > last && it.Seq < s.items, "%s: %d after %d", s.name, it.Seq, last)
			last = it.Seq
			if got++; got > s.after {
				switch s.manner {
				case leaves:
					return
				case cancels:
					cancel()
				case blowsUp:
					panic(s)
				}
			}
			if s.naps > 0 && got%s.naps == 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	s.judge(ctx, f, got, last, end, caught)
}

// guarded returns what f panicked with.
func guarded(f func()) (caught any) {
	defer func() { caught = recover() }()
	f()
	return nil
}

// judge checks what a consumer has seen.
func (s *scenario) judge(ctx context.Context, f *findings, got, last int, end error, caught any) {
	what := fmt.Sprintf("%s: %v of %d, %d items, ending %d, manner %d: got %d, the last %d, error %v, panic %v", s.name,
		s.what.Strategy, s.what.Capacity, s.items, s.ending, s.manner, got, last, end, caught)
	overflow := errors.Is(end, backpressure.ErrOverflow)
	switch {
	case caught == any(s): // its own
		f.check(s.manner == blowsUp, "%s", what)
		return
	case s.manner == leaves && got > s.after:
		// The handler may have panicked by then, ahead of its consumer.
		f.check(end == nil && (caught == nil || s.ending == panics), "%s", what)
		return
	case ctx.Err() != nil:
		fault, _ := caught.(error)
		f.check(errors.Is(end, context.Canceled) || errors.Is(end, errFault) || errors.Is(end, mediator.ErrGoexit) || errors.Is(fault, errFault) || overflow ||
			caught == nil && end == nil, "%s", what)
		return
	case overflow:
		f.check(s.what.Strategy == backpressure.Fail && caught == nil, "%s", what)
		return
	}
	switch s.ending {
	case completes:
		f.check(end == nil && caught == nil, "%s", what)
	case fails:
		f.check(errors.Is(end, errFault) && caught == nil, "%s", what)
	case panics:
		err, _ := caught.(error)
		f.check(end == nil && errors.Is(err, errFault), "%s", what)
	case exits:
		f.check(errors.Is(end, mediator.ErrGoexit) && caught == nil, "%s", what)
	}
	if s.samples {
		return
	}
	switch s.what.Strategy {
	case backpressure.Buffer, backpressure.Block, backpressure.Throttle:
		f.check(got == s.items, "%s", what)
	case backpressure.DropOldest, backpressure.Latest:
		f.check(last == s.items-1, "%s", what)
	}
}
