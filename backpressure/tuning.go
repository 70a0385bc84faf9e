package backpressure

import (
	"fmt"
	"math"
	"time"
)

// Tuning bounds what [Config].Adaptive does. What is adapted depends on the strategy:
//
//   - [Sample]: n, to the least whole number that lets the consumer keep up with the
//     rate produced, within MinSample and MaxSample, from SampleEvery on.
//   - [Throttle]: the pace, to the rate delivered, within MinPace and MaxPace: the
//     producer comes to rest at the rate of its consumer with the depth in the middle
//     between Low and High, whatever the rate is.
//   - The others, but for [Latest]: the capacity, to what the consumer takes up within
//     Horizon, within MinCapacity and MaxCapacity, from Capacity on. A smaller
//     capacity drops nothing by itself.
//
// A setting is computed from the rates, not tried out step by step: it does not hunt.
// Rates are averaged over some intervals, and a setting changes only when they have
// moved out of a dead band around what it was computed for. The rate of a consumer is
// measured while it has items to take up; how fast it could be otherwise, nobody knows.
type Tuning struct {
	// Interval is how long rates are measured for, and longer if the consumer takes
	// less than 64 items in it, up to twenty times. Default: 100ms.
	Interval time.Duration

	// MinSample and MaxSample bound n. Default: 1 and 1000, or SampleEvery if that is
	// more.
	MinSample, MaxSample int

	// MinPace and MaxPace bound the pace, in items a second. Default: 1 and no bound.
	MinPace, MaxPace float64

	// Horizon is how long an item waits at most in a full queue, at the consumer's rate.
	// Default: 1s.
	Horizon time.Duration
	// MinCapacity and MaxCapacity bound the capacity. Default: 16, or Capacity if that
	// is less, and Capacity: a queue never grows beyond what was asked for.
	MinCapacity, MaxCapacity int
}

// complete returns t with its defaults. It panics if t makes no sense in c.
func (t Tuning) complete(c Config) Tuning {
	for _, f := range []struct {
		field string
		value float64
	}{
		{"Interval", float64(t.Interval)}, {"Horizon", float64(t.Horizon)}, {"MinSample", float64(t.MinSample)},
		{"MaxSample", float64(t.MaxSample)}, {"MinPace", t.MinPace}, {"MaxPace", t.MaxPace},
		{"MinCapacity", float64(t.MinCapacity)}, {"MaxCapacity", float64(t.MaxCapacity)},
	} {
		if !(f.value >= 0) || math.IsInf(f.value, 1) {
			panic(fmt.Sprintf("backpressure: Tuning.%s is %v", f.field, f.value))
		}
	}
	orDefault(&t.Interval, 100*time.Millisecond)
	orDefault(&t.Horizon, time.Second)
	orDefault(&t.MinSample, 1)
	orDefault(&t.MaxSample, max(1000, c.SampleEvery, t.MinSample))
	orDefault(&t.MinPace, 1)
	orDefault(&t.MaxPace, math.Inf(1))
	orDefault(&t.MinCapacity, min(16, c.Capacity))
	orDefault(&t.MaxCapacity, max(c.Capacity, t.MinCapacity))
	for _, f := range []struct {
		field    string
		min, max float64
	}{
		{"Sample", float64(t.MinSample), float64(t.MaxSample)}, {"Pace", t.MinPace, t.MaxPace},
		{"Capacity", float64(t.MinCapacity), float64(t.MaxCapacity)},
	} {
		if f.min > f.max {
			panic(fmt.Sprintf("backpressure: Tuning.Min%s is %v, more than Tuning.Max%[1]s, which is %[3]v", f.field, f.min, f.max))
		}
	}
	return t
}

// period is what has happened in one interval.
type period struct {
	elapsed   time.Duration
	held      time.Duration // of that, the producer waited for the queue
	produced  uint64
	delivered uint64
	busy      bool // the consumer had items to take up, all the time
}

// enough tells whether the interval is long enough for its rates to mean something.
func (t *Tuning) enough(p period) bool {
	return p.elapsed >= t.Interval && (p.delivered >= leastDelivered || p.elapsed >= longestInterval*t.Interval)
}

const (
	leastDelivered  = 64
	longestInterval = 20
)

// rate is an average of what was measured, in items a second. The latest interval has
// a fifth of the weight. When two in succession are off by more than half, to the same
// side, the rate has changed and is taken from them alone.
type rate struct {
	value float64
	known bool
	off   int // intervals in succession, to which side
}

func (r *rate) add(v float64) {
	side := 0
	switch {
	case v > r.value*1.5:
		side = 1
	case v < r.value/1.5:
		side = -1
	}
	before := r.off
	r.off = side
	if !r.known || side != 0 && side == before {
		r.value, r.known, r.off = v, true, 0
		return
	}
	r.value += (v - r.value) / 5
}

// tuner computes a setting from what is measured. It belongs to the producer.
type tuner struct {
	*Tuning
	produced  rate // while the producer was not held up
	delivered rate // while the consumer was busy
	fewer     int  // intervals in succession for which a smaller n would have done
}

// observe takes the rates of an interval.
func (t *tuner) observe(p period) {
	if free := p.elapsed - p.held; free > 0 {
		t.produced.add(float64(p.produced) / free.Seconds())
	}
	delivered := float64(p.delivered) / p.elapsed.Seconds()
	// An idle consumer could have taken more: what it took is no less than it can.
	if p.busy || !t.delivered.known || delivered > t.delivered.value {
		t.delivered.add(delivered)
	}
}

// Dead bands: what may be missing to a setting or be too much before it changes, and
// what a new one has to spare.
const (
	sampleSpare  = 1.1
	sampleTooFew = 1.2
	otherBand    = 1.25
	// fewerAfter is for how many intervals the consumer must be able to bear more of a
	// sample before it gets more: what comes between two bursts is no reason.
	fewerAfter = 5
)

// sample returns n, where it is now so much: the least that the consumer can bear
// with a tenth to spare. It grows when the consumer cannot bear it, and falls when it
// could bear one less for some time, with a fifth to spare.
func (t *tuner) sample(now int) int {
	if !t.produced.known || !t.delivered.known {
		return now
	}
	ratio := math.Inf(1)
	if t.delivered.value > 0 {
		ratio = t.produced.value / t.delivered.value
	}
	if ratio*sampleTooFew > float64(now-1) {
		t.fewer = 0
	} else {
		t.fewer++
	}
	if ratio <= float64(now) && t.fewer < fewerAfter {
		return now
	}
	t.fewer = 0
	return int(min(max(math.Ceil(ratio*sampleSpare), float64(t.MinSample)), float64(t.MaxSample)))
}

// pace returns the pace, in items a second, where it is now so much: the rate of the
// consumer. 0 is not known yet.
func (t *tuner) pace(now float64) float64 {
	if !t.delivered.known {
		return now
	}
	return within(now, t.delivered.value, t.MinPace, t.MaxPace)
}

// capacity returns the capacity, where it is now so much: what the consumer takes up
// within the horizon.
func (t *tuner) capacity(now int) int {
	if !t.delivered.known {
		return now
	}
	return int(math.Round(within(float64(now), t.delivered.value*t.Horizon.Seconds(), float64(t.MinCapacity), float64(t.MaxCapacity))))
}

// within returns want, within its bounds, or now if that is near enough to it.
func within(now, want, least, most float64) float64 {
	want = min(max(want, least), most)
	if now >= least && now <= most && want <= now*otherBand && want*otherBand >= now {
		return now
	}
	return want
}
