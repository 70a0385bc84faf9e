package main

import (
	"context"
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func call(ctx context.Context, args string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(ctx, strings.Fields(args), &out, &errs)
	return code, out.String(), errs.String()
}

func TestShortSoak(t *testing.T) {
	code, stdout, stderr := call(t.Context(), "-mix 300ms -workers 4 -items 50000 -capacity 64 -streams 20 -open 1100ms")
	require.Zero(t, code, stdout+stderr)
	require.Empty(t, stderr)
	require.Regexp(t, `mix of 300ms, seed 1: [1-9]\d* scenarios, \d+ items, 0 goroutines left`, stdout)
	for _, strategy := range []string{"Buffer", "Block", "DropNewest", "DropOldest", "Latest", "Sample", "Throttle"} {
		require.Contains(t, stdout, "  "+strategy)
	}
	require.Regexp(t, `20 streams of an item a second, open for 1.1s: [34]\d items`, stdout)
	require.Contains(t, stdout, "verdict: all is well")
}

func TestPartsCanBeLeftOut(t *testing.T) {
	code, stdout, _ := call(t.Context(), "-mix 0 -items 0 -streams 0")
	require.Zero(t, code)
	require.Regexp(t, `^verdict: all is well, after .*\n$`, stdout)
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, _ := call(ctx, "-mix 1h -items 1000 -streams 3 -open 1h")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "FAILED: interrupted\n")
	require.Contains(t, stdout, "checks failed")
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-mix -1s":     "-mix and -open have to be at least 0",
		"-open -1s":    "-mix and -open have to be at least 0",
		"-workers 0":   "-workers is 0",
		"-capacity 0":  "-capacity is 0",
		"-items -1":    "-items and -streams have to be at least 0",
		"-mix forever": "invalid value",
		"now":          `unexpected argument "now"`,
	} {
		t.Run(args, func(t *testing.T) {
			code, stdout, stderr := call(t.Context(), args)
			require.Equal(t, 2, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, want)
			require.Contains(t, stderr, "Usage of soak")
		})
	}
	code, _, stderr := call(t.Context(), "-h")
	require.Zero(t, code)
	require.Contains(t, stderr, "-seed")
}

func TestOneThatEndsDoesNotCount(t *testing.T) {
	before := resting()
	hold := make(chan struct{})
	time.AfterFunc(25*time.Millisecond, func() { close(hold) })
	go func() { <-hold }()
	require.Equal(t, before, resting())
	require.Zero(t, settled(before))
}

func TestVerdict(t *testing.T) {
	var f findings
	for i := range 2 * shown {
		f.check(i%2 == 0, "number %d", i)
		f.check(false, "again %d", i)
	}
	var out strings.Builder
	require.Equal(t, 1, f.verdict(&out, time.Second))
	require.Equal(t, shown, strings.Count(out.String(), "FAILED: "))
	require.Contains(t, out.String(), "FAILED: again 0\nFAILED: number 1\n")
	require.Contains(t, out.String(), "verdict: 60 checks failed in 1s\n")
}

func TestCountsAreHeldAgainstBothSides(t *testing.T) {
	good := backpressure.Counts{Produced: 10, Delivered: 4, Dropped: 3, SampledOut: 1, Queued: 2}
	for name, c := range map[string]struct {
		change func(c *backpressure.Counts, n *tally)
		want   int
	}{
		"as it is":               {func(*backpressure.Counts, *tally) {}, 0},
		"one yielded meanwhile":  {func(_ *backpressure.Counts, n *tally) { n.yielded.Add(1) }, 0},
		"it does not add up":     {func(c *backpressure.Counts, _ *tally) { c.Dropped++ }, 1},
		"less than none queued":  {func(c *backpressure.Counts, _ *tally) { c.Queued, c.Dropped = -1, 6 }, 1},
		"produced without trace": {func(c *backpressure.Counts, n *tally) { n.yielded.Add(1); n.passed.Add(1) }, 1},
		"produced out of air":    {func(c *backpressure.Counts, _ *tally) { c.Produced++; c.Queued++ }, 1},
		"received out of air":    {func(_ *backpressure.Counts, n *tally) { n.received.Add(1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var f findings
			var n tally
			n.yielded.Store(10)
			n.passed.Store(10)
			n.received.Store(4)
			counts := good
			c.change(&counts, &n)
			n.holdAgainst(&f, name, func() backpressure.Counts { return counts })
			require.Equal(t, c.want, f.n, f.first)
		})
	}
}

// The hour takes minutes with the 10,000 streams that it is meant for:
//
//	go test ./soak -run SimulatedHour -hour.streams 10000 -hour.length 1h -timeout 0 -v
var (
	hourStreams = flag.Int("hour.streams", 10, "streams of TestSimulatedHour")
	hourLength  = flag.Duration("hour.length", 5*time.Minute, "simulated time of TestSimulatedHour")
)

func TestSimulatedHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f findings
		var out strings.Builder
		many(t.Context(), config{streams: *hourStreams, open: *hourLength, capacity: 64}, &f, &out)
		t.Log(out.String())
		require.Zero(t, f.verdict(&out, 0), out.String())
	})
}
