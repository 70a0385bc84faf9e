package benchmarks_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// publisher is a contender for notifications.
type publisher struct {
	name string
	// open subscribes every tally.
	open func(tb testing.TB, subs []*tally) publishRun
}

// publishRun is a wired contender. The loop calls the contender in its own body, as that of [sendRun] does.
type publishRun struct {
	publish func(context.Context, order) error
	loop    func(context.Context, *testing.B)
	// wait returns once every subscriber has received all that was published; nil where publish itself waits.
	wait func()
}

var publishers = []publisher{
	{name: "baseline", open: openLoop},
	{name: "ours", open: openOursPublish},
	{name: "EventBus", open: openEventBus},
	{name: "watermill", open: openWatermill},
}

func BenchmarkPublish1(b *testing.B)  { benchPublish(b, 1) }
func BenchmarkPublish10(b *testing.B) { benchPublish(b, 10) }

func benchPublish(b *testing.B, handlers int) {
	for _, p := range publishers {
		b.Run(p.name, func(b *testing.B) {
			subs := tallies(handlers)
			run := p.open(b, subs)
			require.NoError(b, run.publish(b.Context(), sample))

			b.ReportAllocs()
			run.loop(b.Context(), b)

			if run.wait != nil {
				run.wait()
			}
			requireTallies(b, subs, b.N+1)
		})
	}
}

func TestPublish(t *testing.T) {
	for _, p := range publishers {
		for _, handlers := range []int{1, 10} {
			t.Run(p.name+"/"+strconv.Itoa(handlers), func(t *testing.T) {
				subs := tallies(handlers)
				run := p.open(t, subs)
				for range 3 {
					require.NoError(t, run.publish(t.Context(), sample))
				}
				if run.wait != nil {
					run.wait()
				}
				requireTallies(t, subs, 3)
			})
		}
	}
}
