package backpressure_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// simulation is a producer and a consumer with rates that change, in items a second.
type simulation struct {
	produced, delivered func(at time.Duration) float64
	random              bool          // the times between items are exponentially distributed
	last                time.Duration // how long it runs
}

// watch runs s and looks at its run each tenth of a second, of which it has the first
// value at index 0.
func (s simulation) watch(t *testing.T, c backpressure.Config) (seen []backpressure.RunSnapshot) {
	t.Helper()
	begun := time.Now()
	sleeper := func(rate func(time.Duration) float64, seed uint64) func() {
		next, source := begun, rand.New(rand.NewPCG(seed, 2))
		return func() {
			now := time.Now()
			if next.Before(now) {
				next = now
			}
			r := rate(now.Sub(begun))
			for r == 0 {
				time.Sleep(10 * time.Millisecond)
				next = time.Now()
				r = rate(next.Sub(begun))
			}
			gap := 1 / r
			if s.random {
				gap *= source.ExpFloat64()
			}
			next = next.Add(time.Duration(gap * float64(time.Second)))
			if wait := time.Until(next); wait > 0 {
				time.Sleep(wait)
			}
		}
	}
	k := backpressure.Of(backpressure.New(c))
	m := newMediator(t, mediator.HandleStream(func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			sleep := sleeper(s.produced, 1)
			for i := 0; time.Since(begun) < s.last && yield(i, nil); i++ {
				sleep()
			}
		}
	}, mediator.Use(k)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for time.Sleep(50 * time.Millisecond); time.Since(begun) < s.last; time.Sleep(100 * time.Millisecond) {
			seen = append(seen, k.Snapshot().Runs[0])
		}
	}()
	sleep := sleeper(s.delivered, 2)
	for _, err := range mediator.Stream(t.Context(), m, count{}) {
		require.NoError(t, err)
		sleep()
	}
	<-done
	requireExact(t, k.Snapshot())
	return seen
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

// The simulated time, and when a step comes in it.
const (
	last  = 30 * time.Second
	third = last / 3
)

// step is before for a third of the time, and then after.
func step(before, after float64) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if t < third {
			return before
		}
		return after
	}
}

func ramp(from, to float64, last time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 { return from + (to-from)*min(1, t.Seconds()/last.Seconds()) }
}

func sine(low, high float64, period time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		return low + (high-low)*(1+math.Sin(2*math.Pi*t.Seconds()/period.Seconds()))/2
	}
}

// onOff has the rate for the first part of each period, and rest for the other.
func onOff(rate, rest float64, on, period time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if t%period < on {
			return rate
		}
		return rest
	}
}

// settings are what Adaptive changes, by the strategy that has it.
var settings = map[string]struct {
	config backpressure.Config
	value  func(backpressure.RunSnapshot) (v float64, valid bool)
	// least and most are the bounds of what fits the rates.
	least, most func(produced, delivered float64) float64
}{
	"n of Sample": {
		config: backpressure.Config{Strategy: backpressure.Sample, Capacity: 500},
		value:  func(r backpressure.RunSnapshot) (float64, bool) { return float64(r.SampleEvery), r.Pressure },
		least:  func(produced, delivered float64) float64 { return produced / delivered * 0.95 },
		most:   func(produced, delivered float64) float64 { return 2 + produced/delivered*1.3 },
	},
	"pace of Throttle": {
		config: backpressure.Config{Strategy: backpressure.Throttle, Capacity: 500},
		value:  func(r backpressure.RunSnapshot) (float64, bool) { return r.Pace, r.Pace > 0 },
		least:  func(_, delivered float64) float64 { return delivered * 0.75 },
		most:   func(_, delivered float64) float64 { return delivered * 1.3 },
	},
	"capacity of DropOldest": {
		config: backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 5000, Tuning: backpressure.Tuning{Horizon: 500 * time.Millisecond}},
		value:  func(r backpressure.RunSnapshot) (float64, bool) { return float64(r.Capacity), r.Capacity < 5000 },
		least:  func(_, delivered float64) float64 { return delivered * 0.75 / 2 },
		most:   func(_, delivered float64) float64 { return max(16, delivered*1.3/2) },
	},
}

// turns is how often the values change their direction.
func turns(values []float64) (n int) {
	direction := 0.0
	for i := 1; i < len(values); i++ {
		d := values[i] - values[i-1]
		if d*direction < 0 {
			n++
		}
		if d != 0 {
			direction = d
		}
	}
	return n
}

// TestAdaptiveConverges has rates that change, and looks whether the setting has come
// to fit them in time, and whether it hunts.
func TestAdaptiveConverges(t *testing.T) {
	for name, c := range map[string]struct {
		simulation
		from  time.Duration // when the setting has to fit the rates of the end
		turns int           // how often it may change its direction, from a second on
	}{
		"constant":        {simulation{produced: constant(2000), delivered: constant(330)}, 2 * time.Second, 0},
		"random":          {simulation{produced: constant(2000), delivered: constant(330), random: true}, 3 * time.Second, 2},
		"far apart":       {simulation{produced: constant(3000), delivered: constant(12)}, 7 * time.Second, 1},
		"step up":         {simulation{produced: step(500, 4000), delivered: constant(330)}, third + 2*time.Second, 0},
		"step down":       {simulation{produced: step(4000, 500), delivered: constant(330)}, third + 6*time.Second, 1},
		"faster consumer": {simulation{produced: constant(2000), delivered: step(200, 900)}, third + 4*time.Second, 1},
		"slower consumer": {simulation{produced: constant(2000), delivered: step(900, 200)}, third + 4*time.Second, 1},
		"stalled":         {simulation{produced: constant(1000), delivered: onOff(300, 0, 14*time.Second, 16*time.Second)}, 27 * time.Second, 4},
		"ramp":            {simulation{produced: ramp(100, 4000, last), delivered: constant(330)}, 28 * time.Second, 0},
		"sine":            {simulation{produced: sine(500, 4000, third), delivered: constant(330)}, last, 6},
		"bursts":          {simulation{produced: onOff(4000, 100, time.Second, 5*time.Second), delivered: constant(330)}, last, 1},
		"on and off":      {simulation{produced: onOff(2000, 0, 3*time.Second, 6*time.Second), delivered: constant(330)}, last, 1},
	} {
		for what, setting := range settings {
			t.Run(what+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					config := setting.config
					config.Adaptive = true
					c.last = last
					var values []float64
					for i, r := range c.watch(t, config) {
						v, valid := setting.value(r)
						if !valid {
							continue
						}
						at := time.Duration(i)*100*time.Millisecond + 50*time.Millisecond
						if at >= time.Second {
							values = append(values, v)
						}
						if at >= c.from {
							produced, delivered := c.produced(at), c.delivered(at)
							require.GreaterOrEqual(t, v, setting.least(produced, delivered), "at %v", at)
							require.LessOrEqual(t, v, setting.most(produced, delivered), "at %v", at)
						}
					}
					require.NotEmpty(t, values)
					require.LessOrEqual(t, turns(values), c.turns, "%v", values)
				})
			})
		}
	}
}

// TestAdaptiveAtManyRates has a producer and a consumer at rates drawn at random.
func TestAdaptiveAtManyRates(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		delivered := math.Exp(source.Float64()*3 + 3)                     // 20 to 400 a second
		produced := min(delivered*math.Exp(source.Float64()*3+0.4), 1500) // 1.5 to 30 times that
		for what, setting := range settings {
			t.Run(fmt.Sprintf("%s/%.0f to %.0f", what, produced, delivered), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					config := setting.config
					config.Adaptive = true
					if config.Strategy != backpressure.DropOldest {
						config.Capacity = 100
					}
					s := simulation{produced: constant(produced), delivered: constant(delivered), random: true, last: 20 * time.Second}
					var values []float64
					for i, r := range s.watch(t, config) {
						if v, valid := setting.value(r); valid && i > 120 {
							require.GreaterOrEqual(t, v, setting.least(produced, delivered)*0.9)
							require.LessOrEqual(t, v, setting.most(produced, delivered)*1.1)
							values = append(values, v)
						}
					}
					require.NotEmpty(t, values)
					require.LessOrEqual(t, turns(values), 2, "%v", values)
				})
			})
		}
	}
}
