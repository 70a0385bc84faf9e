package health_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// pressed is a queue that Pacing paces.
func pressed() health.Queue {
	return health.Queue{Paces: true, Pressure: true, Capacity: 1000, Depth: 900, TakenRate: 100}
}

func paced(p health.Pacing, queues ...health.Queue) (all []health.Adjustment) {
	return p.Adjust(health.Stream{Queues: queues})
}

func TestWhatIsPaced(t *testing.T) {
	with := func(change func(*health.Queue)) health.Queue {
		q := pressed()
		change(&q)
		return q
	}
	dropped := with(func(q *health.Queue) { q.Dropped = 1 })
	dropping := with(func(q *health.Queue) { q.Drops = true })
	calm := with(func(q *health.Queue) { q.Pressure = false })
	deaf := with(func(q *health.Queue) { q.Paces = false })
	unknown := with(func(q *health.Queue) { q.TakenRate = 0 })
	short := with(func(q *health.Queue) { q.Depth = 199 })
	held := with(func(q *health.Queue) { q.Pressure, q.Pace = false, 90 })
	for name, c := range map[string]struct {
		policy health.Pacing
		queues []health.Queue
		want   int // -1: none
	}{
		"the outermost that is under pressure": {queues: []health.Queue{calm, pressed(), pressed()}, want: 1},
		"one that cannot be paced is passed":   {queues: []health.Queue{deaf, pressed()}, want: 1},
		"no other while one is":                {queues: []health.Queue{pressed(), held}, want: -1},
		"the consumer's rate is not known":     {queues: []health.Queue{unknown}, want: -1},
		"it is short":                          {policy: health.Pacing{Wait: 2 * time.Second}, queues: []health.Queue{short}, want: -1},
		"it is not too short for Wait":         {policy: health.Pacing{Wait: 1990 * time.Millisecond}, queues: []health.Queue{short}, want: 0},
		"it has dropped":                       {queues: []health.Queue{dropped}, want: -1},
		"it drops":                             {queues: []health.Queue{dropping}, want: -1},
		"Lossy, and it has dropped":            {policy: health.Pacing{Lossy: true}, queues: []health.Queue{dropped}, want: 0},
		"Lossy, and it drops, however short": {policy: health.Pacing{Lossy: true, Wait: time.Hour},
			queues: []health.Queue{dropping}, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := paced(c.policy, c.queues...)
			if c.want < 0 {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, health.SetPace, got[0].Action)
			require.Equal(t, c.want, got[0].Queue)
			require.InDelta(t, 90, got[0].To, 0)
			require.True(t, got[0].WhileQueued)
		})
	}
}

func TestWhatThePaceIs(t *testing.T) {
	for name, c := range map[string]struct {
		least, now, configured float64
		depth                  int
		calm                   bool
		want                   float64 // 0: as it is
	}{
		"below the consumer":                  {depth: 900, want: 90},
		"not below Least":                     {depth: 900, least: 300, want: 300},
		"not above what is configured":        {depth: 900, least: 300, now: 40, configured: 40},
		"down to what is configured":          {depth: 900, now: 50, configured: 40, want: 40},
		"near enough":                         {depth: 900, now: 94},
		"not near enough":                     {depth: 900, now: 100, want: 90},
		"it gets shorter":                     {depth: 334, now: 90, calm: true},
		"short enough":                        {depth: 333, now: 90, calm: true, want: 100},
		"short enough, and it stays as it is": {depth: 300, now: 100, calm: true},
	} {
		t.Run(name, func(t *testing.T) {
			q := pressed()
			q.Pace, q.Configured.Pace, q.Depth, q.Pressure = c.now, c.configured, c.depth, !c.calm
			got := paced(health.Pacing{Least: c.least}, q)
			if c.want == 0 {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.InDelta(t, c.want, got[0].To, 1e-9)
		})
	}
}

// A producer that drops for want of room, and could wait, is slowed if asked for.
func TestALossyQueueThatIsPacedDropsLittle(t *testing.T) {
	dropped := func(t *testing.T, p health.Pacing) uint64 {
		h := newMonitor(health.Config{Interval: time.Second, Policies: []health.Policy{p}})
		m := newMediator(t, feeds(h, backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 500})))
		c := &consumer{}
		c.perSecond.Store(100)
		end := c.run(t, m, feed{Run: every(time.Millisecond, 1<<30)})
		time.Sleep(100 * time.Second)
		s := one(t, h.Snapshot())
		require.InDelta(t, 10_000, s.Items, 100)
		end()
		return s.Dropped
	}
	synctest.Test(t, func(t *testing.T) { require.InDelta(t, 90_000, dropped(t, health.Pacing{}), 1000) })
	synctest.Test(t, func(t *testing.T) { require.Less(t, dropped(t, health.Pacing{Lossy: true}), uint64(6000)) })
}
