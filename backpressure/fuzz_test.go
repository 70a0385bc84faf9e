package backpressure_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// model is a boundary without goroutines: a plain queue, and what each strategy says.
type model struct {
	backpressure.Config
	high, low int

	queue     []int
	pressed   bool
	kept      int
	blocked   bool // item waits until the depth is resume
	item      int
	resume    int
	wants     bool // the consumer waits for an item
	failed    bool
	counts    backpressure.Counts
	pressures uint64
	got       []int
}

func newModel(c backpressure.Config) *model {
	high := max(1, int(math.Ceil(c.High*float64(c.Capacity)-1e-9)))
	m := &model{Config: c, high: high, low: min(high-1, int(c.Low*float64(c.Capacity)+1e-9)), wants: true}
	if c.Strategy == backpressure.Latest {
		m.high, m.low = 1, 0
	}
	return m
}

// produce is an item that the handler yields. It must not be blocked.
func (m *model) produce(item int) {
	if m.failed {
		return
	}
	m.counts.Produced++
	depth := len(m.queue)
	switch {
	case m.pressed && depth <= m.low:
		m.pressed = false
	case !m.pressed && depth >= m.high:
		m.pressed, m.kept = true, 0
		m.pressures++
	}
	full := depth >= m.Capacity
	switch m.Strategy {
	case backpressure.Block:
		if m.pressed {
			m.blocked, m.item, m.resume = true, item, m.low
			return
		}
	case backpressure.DropNewest:
		if m.pressed {
			m.counts.Dropped++
			return
		}
	case backpressure.DropOldest:
		if m.pressed {
			m.counts.Dropped++
			m.queue = m.queue[1:]
		}
	case backpressure.Latest:
		m.counts.Dropped += uint64(depth)
		m.queue = nil
	case backpressure.Fail:
		if m.pressed {
			m.counts.Dropped++
			m.failed = true
			return
		}
	case backpressure.Sample:
		if m.pressed {
			if m.kept++; (m.kept-1)%m.SampleEvery != 0 {
				m.counts.SampledOut++
				return
			}
		}
	}
	if full && (m.Strategy == backpressure.Buffer || m.Strategy == backpressure.Sample) {
		m.blocked, m.item, m.resume = true, item, m.Capacity-1
		return
	}
	m.enqueue(item)
}

func (m *model) enqueue(item int) {
	m.queue = append(m.queue, item)
	if m.wants {
		m.take()
	}
}

// take has the consumer take an item, now or when there is one.
func (m *model) take() {
	if m.wants = len(m.queue) == 0; m.wants {
		return
	}
	m.got = append(m.got, m.queue[0])
	m.queue = m.queue[1:]
	m.counts.Delivered++
	if m.blocked && len(m.queue) <= m.resume {
		m.blocked = false
		if m.Strategy == backpressure.Block {
			m.pressed = false
		}
		m.enqueue(m.item)
	}
}

// FuzzAgainstModel has a schedule: in each slot of it, the handler yields some items,
// and then the consumer takes one or none.
func FuzzAgainstModel(f *testing.F) {
	for s := range byte(7) {
		f.Add(s, byte(4), byte(100), byte(100), byte(2), []byte{9, 1, 1, 1, 0, 0x10, 5, 1, 3, 0x12, 7})
		f.Add(s, byte(7), byte(80), byte(30), byte(3), []byte{0x15, 1, 7, 1, 7, 1, 0x10, 0x10, 7, 0x17, 0x17, 0, 7})
		f.Add(s, byte(4), byte(100), byte(100), byte(200), []byte{7, 7, 7, 0x11, 0x11, 7, 0x10, 0x13, 7, 7, 0x11, 0x11, 7})
		f.Add(s, byte(1), byte(50), byte(0), byte(1), []byte{3, 0x13, 0x11, 0x10, 0x10, 2})
		f.Add(s, byte(2), byte(80), byte(30), byte(1), []byte{0x17, 0x11})
		f.Add(s, byte(6), byte(60), byte(20), byte(4), []byte{0x16, 0x16, 0x16, 0x12, 0x11, 0x10, 0x10, 0x10, 6, 6, 6})
	}
	f.Fuzz(func(t *testing.T, strategy, capacity, high, low, every byte, slots []byte) {
		high = max(1, high%101)
		c := backpressure.Config{
			Strategy: backpressure.Strategy(strategy % 7), Capacity: 1 + int(capacity%7), SampleEvery: 1 + int(every%4),
			High: float64(high) / 100, Low: float64(max(1, low%(high+1))) / 100,
		}
		changes := uint64(0)
		told := every < 128
		if told {
			c.OnPressure = func(backpressure.Event) { changes++ }
		}
		if len(slots) > 40 {
			slots = slots[:40]
		}
		synctest.Test(t, func(t *testing.T) {
			want, got := againstModel(t, c, slots)
			if told {
				require.Equal(t, want, got, "pressures")
				require.Equal(t, 2*want, changes, "each beginning has an end")
			}
		})
	})
}

const slot = 10 * time.Millisecond

func againstModel(t *testing.T, c backpressure.Config, slots []byte) (wantPressures, pressures uint64) {
	want := newModel(c)
	due := 0
	for at := 0; at < len(slots) || len(want.queue) > 0 || want.blocked || (due > int(want.counts.Produced) && !want.failed); at++ {
		takes := true
		if at < len(slots) {
			due += int(slots[at] & 7)
			takes = slots[at]&0x10 != 0
		}
		for int(want.counts.Produced) < due && !want.blocked && !want.failed {
			want.produce(int(want.counts.Produced))
		}
		if takes && !want.wants {
			want.take()
		}
	}

	begun := time.Now()
	// Each item of the handler's has a moment of its own, that the consumer may take it in.
	handler := func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			item := 0
			for at, s := range slots {
				time.Sleep(time.Until(begun.Add(time.Duration(at) * slot)))
				for range s & 7 {
					if !yield(item, nil) {
						return
					}
					item++
					time.Sleep(time.Microsecond)
				}
			}
		}
	}
	m, k := bounded(t, c, handler)
	var got []int
	var end error
	at := -1
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		if end = err; err != nil {
			break
		}
		got = append(got, i)
		now := int(time.Since(begun) / slot)
		for at = max(at+1, now); at < len(slots) && slots[at]&0x10 == 0; {
			at++
		}
		time.Sleep(time.Until(begun.Add(time.Duration(at)*slot + slot/2)))
	}
	require.Equal(t, want.got, got)
	require.Equal(t, want.failed, errors.Is(end, backpressure.ErrOverflow))
	s := k.Snapshot()
	require.Equal(t, want.counts, s.Counts)
	return want.pressures, s.Pressures
}
