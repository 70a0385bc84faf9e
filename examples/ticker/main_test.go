package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	ticker "github.com/fsmediator/mediator/examples/ticker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the program, without a page, in time that is not real: minutes take a
// moment, and whatever it starts must have ended when it has.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runUntil(t, 0, stdin, args...)
}

// runUntil is run with a Ctrl-C after some time, if that is not 0.
func runUntil(t *testing.T, interrupt time.Duration, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if interrupt > 0 {
			defer time.AfterFunc(interrupt, cancel).Stop()
		}
		code = ticker.Run(ctx, append([]string{"-http", ""}, args...), strings.NewReader(stdin), &out, &log)
	})
	return code, out.String(), log.String()
}

// summarized is run with -json, for a run that ends well.
func summarized(t *testing.T, interrupt time.Duration, stdin string, args ...string) (s ticker.Summary, stderr string) {
	t.Helper()
	code, stdout, stderr := runUntil(t, interrupt, stdin, append([]string{"-json"}, args...)...)
	require.Zero(t, code, "%s\n%s", stdout, stderr)
	_, text, found := strings.Cut(stdout, "{")
	require.True(t, found, stdout)
	d := json.NewDecoder(strings.NewReader("{" + text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&s))
	require.False(t, d.More())
	require.Empty(t, s.Problems)
	for _, c := range s.Consumers {
		require.Equal(t, c.Produced, c.Delivered+c.Dropped+c.SampledOut+c.Abandoned, c.Name)
		require.Equal(t, c.Delivered, c.Received, c.Name)
		require.Zero(t, c.Queued, c.Name)
	}
	return s, stderr
}

// The consumers of a summary.
const (
	fast = iota
	slow
	mobile
)

func TestSampleFile(t *testing.T) {
	s, stderr := summarized(t, 0, "")
	require.Equal(t, "the euro reference rates", s.Source)
	require.EqualValues(t, 1524, s.Quotes)
	require.Zero(t, s.SkippedRows)
	require.False(t, s.Stopped)
	require.InDelta(t, 1524/50, s.ElapsedSeconds, 5)

	c := s.Consumers[fast]
	require.EqualValues(t, 1524, c.Delivered)
	require.Zero(t, c.Missed)
	c = s.Consumers[slow]
	require.EqualValues(t, 1524, c.Produced)
	require.InDelta(t, 20*s.ElapsedSeconds, c.Delivered, 40, "it takes 50ms for each")
	require.Positive(t, c.Dropped)
	c = s.Consumers[mobile]
	require.EqualValues(t, 3, c.Connections, stderr)
	require.InDelta(t, 1524*8/12, c.Produced, 300, "it is there for 8 of 12 seconds")
	require.Contains(t, stderr, "ticker: mobile: has left, for 4s\n")
	require.Contains(t, stderr, "ticker: mobile: is back\n")
}

func TestStandardInput(t *testing.T) {
	stdin := "\ufeffTime,Ticker,Close\r\n" +
		"2025-01-01,ACME,1.25\r\n" +
		"2025-01-01,ACME\r\n" +
		"\r\n" +
		"2025-01-01,ACME,free\r\n" +
		"2025-01-02,\"BOLT\",2.5\r\n" +
		"2025-01-02,BOLT,-2.5\r\n" +
		"2025-01-02,\"BOLT,2.5\r\n" +
		"2025-01-03,ACME,1.5"
	s, stderr := summarized(t, 0, stdin, "-in", "-")
	require.EqualValues(t, 3, s.Quotes)
	require.EqualValues(t, 4, s.SkippedRows)
	for i := range s.Consumers {
		require.EqualValues(t, 3, s.Consumers[i].Produced)
	}
	require.Equal(t, `ticker: skipped line 3: 2 fields, the header has 3
ticker: skipped line 5: price "free" is not a number
ticker: skipped line 7: price -2.5 is not above 0
ticker: skipped line 8: not a row of CSV: extraneous or missing " in quoted-field
`, stderr)

	s, _ = summarized(t, 0, stdin, "-in", "-", "-symbols", "BOLT, CROW")
	require.EqualValues(t, 1, s.Quotes)
	require.EqualValues(t, 4, s.SkippedRows)
}

// The lines of output that is no terminal have no escape sequences, and the table of
// the summary is as it is.
func TestPiped(t *testing.T) {
	code, stdout, stderr := run(t, "", "-rate", "100", "-duration", "10s")
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout+stderr, "\x1b")
	lines := strings.Split(stdout, "\n")
	require.Regexp(t, `^   0\.2s healthy       \d\d quotes \| fast \d\d got(, 1 queued)? \| slow \d+ got, \d+ queued \| mobile \d\d got`, lines[0])
	require.Regexp(t, `^   1\.2s `, lines[1], "a line a second")
	require.Regexp(t, `\n(9\d\d|1,0\d\d) quotes of a random walk \(seed 1\) in 1\d\.\ds, stopped\n`, stdout)
	require.Regexp(t, `\n  produced +[\d,]+ +[\d,]+ +\d+\n  = delivered +[\d,]+ +\d+ +\d+\n  \+ dropped +0 +\d+ +\d+\n`, stdout)
	require.True(t, strings.HasSuffix(stdout, "\nAll counts add up.\n"), stdout)
	for line := range strings.Lines(stderr) {
		require.True(t, strings.HasPrefix(line, "ticker: "), line)
	}
}

// Whatever the strategy, the counts add up, and what it says it keeps arrives.
func TestStrategies(t *testing.T) {
	type counts = ticker.ConsumerSummary
	keepsAll := func(t *testing.T, c counts) {
		require.Zero(t, c.Dropped+c.SampledOut)
		require.Zero(t, c.Missed)
	}
	drops := func(t *testing.T, c counts) {
		require.Positive(t, c.Dropped)
		require.Zero(t, c.SampledOut)
		require.Positive(t, c.Missed)
	}
	for strategy, check := range map[string]func(*testing.T, counts){
		"block": keepsAll, "buffer": keepsAll, "throttle": keepsAll,
		"dropnewest": drops, "dropoldest": drops, "latest": drops,
		"sample": func(t *testing.T, c counts) {
			require.Zero(t, c.Dropped)
			require.Positive(t, c.SampledOut)
		},
		"fail": func(t *testing.T, c counts) {
			require.Positive(t, c.Failures)
			require.GreaterOrEqual(t, c.Connections, c.Failures)
			require.Greater(t, c.Connections, uint64(3), "it comes back")
			require.InDelta(t, c.Failures, c.Dropped, 1, "the quote that found no room; the last failure may be behind what is queued")
		},
	} {
		for _, faults := range []string{"0", "0.02"} {
			t.Run(strategy+" with faults "+faults, func(t *testing.T) {
				s, stderr := summarized(t, 0, "", "-rate", "20", "-slow", "200ms", "-capacity", "16",
					"-strategy", strategy, "-faults", faults, "-duration", "30s", "-drain", "1s")
				if faults != "0" {
					require.Positive(t, s.Cuts)
				}
				for _, c := range s.Consumers {
					require.Equal(t, strategy, c.Strategy)
				}
				require.Positive(t, s.Consumers[slow].Delivered, stderr)
				check(t, s.Consumers[slow])
				if strategy != "fail" {
					require.Zero(t, s.Consumers[fast].Failures, stderr)
					require.Zero(t, s.Consumers[slow].Failures, stderr)
				}
			})
		}
	}
}

func TestPresets(t *testing.T) {
	for preset, strategy := range map[string]string{
		"nodataloss": "throttle", "highthroughput": "dropoldest", "memoryconstrained": "sample",
		"realtime": "dropoldest", "analytics": "sample", "balanced": "buffer",
	} {
		t.Run(preset, func(t *testing.T) {
			s, _ := summarized(t, 0, "", "-preset", preset, "-rate", "40", "-duration", "15s", "-capacity", "20", "-slow", "100ms", "-drain", "1ms")
			for _, c := range s.Consumers {
				require.Equal(t, strategy, c.Strategy)
			}
			require.InDelta(t, 10*15, s.Consumers[slow].Delivered, 10, "10 a second, for as long as the market is open")
		})
	}
	s, _ := summarized(t, 0, "", "-preset", "analytics,mobile=balanced", "-strategy", "slow=latest", "-duration", "1s")
	require.Equal(t, "sample", s.Consumers[fast].Strategy)
	require.Equal(t, "latest", s.Consumers[slow].Strategy)
	require.Equal(t, "buffer", s.Consumers[mobile].Strategy)
}

// A line that stalls makes its stream unhealthy; the monitor interrupts it, the retry
// resumes it, and nothing is missing.
func TestStalls(t *testing.T) {
	s, stderr := summarized(t, 0, "", "-rate", "20", "-stall-every", "6s", "-duration", "90s", "-strategy", "buffer", "-slow", "0")
	require.Greater(t, s.Stalls, int64(8))
	require.Positive(t, s.Unhealthy)
	require.GreaterOrEqual(t, s.Stalls, int64(s.Interrupted))
	require.GreaterOrEqual(t, s.Adjusted, s.Interrupted)
	for _, c := range s.Consumers {
		require.Zero(t, c.Missed, c.Name)
		require.Zero(t, c.Failures, c.Name)
	}
	// Chance says which lines stall.
	resumed := regexp.MustCompile(`(quotes\.\w+): resumed after 25`).FindStringSubmatch(stderr)
	require.NotNil(t, resumed, stderr)
	for _, said := range []string{
		"injected: %s: the line stalls", "%s: interrupted: stalled: 2", "%s: unhealthy (stalled: 2", "%s: healthy again",
	} {
		require.Contains(t, stderr, fmt.Sprintf(said, resumed[1]))
	}
	require.NotContains(t, stderr, "breaker")
}

// What is set by a flag is what happens.
func TestTimes(t *testing.T) {
	s, stderr := summarized(t, 0, "", "-rate", "10", "-seed", "7", "-duration", "19s", "-stay", "2s", "-away", "3s")
	require.Equal(t, "a random walk (seed 7)", s.Source)
	require.EqualValues(t, 4, s.Consumers[mobile].Connections, "at 0, 5, 10 and 15 seconds")
	require.Equal(t, 4, strings.Count(stderr, "mobile: has left, for 3s\n"))
	require.InDelta(t, 4*2*10, s.Consumers[mobile].Received, 6, "2 of 5 seconds")

	s, stderr = summarized(t, 0, "", "-rate", "20", "-duration", "25s", "-stall-every", "12s", "-stall", "6s", "-strategy", "buffer", "-slow", "0", "-stay", "1h")
	require.Contains(t, stderr, "interrupted: stalled: 6.")
	require.NotContains(t, stderr, "stalled: 2.")
	require.Positive(t, s.Interrupted)

	s, stderr = summarized(t, 0, "", "-rate", "20", "-duration", "25s", "-stall-every", "8s", "-interval", "10s", "-strategy", "buffer", "-slow", "0", "-stay", "1h")
	require.Regexp(t, `interrupted: stalled: ([3-9]|1\d)\.`, stderr, "at the report, not as soon as it is found")
	require.Positive(t, s.Interrupted)
}

// A queue under pressure has its producer slowed down below what the consumer takes,
// and to that once it is no longer full.
func TestPacing(t *testing.T) {
	s, stderr := summarized(t, 0, "", "-rate", "100", "-strategy", "slow=buffer", "-duration", "20s")
	require.Regexp(t, `quotes\.slow: set pace from 0 to 1[6-9](\.\d+)?: \d+ of 64 queued, the consumer takes `, stderr)
	require.Regexp(t, `set pace from 1[6-9](\.\d+)? to (19|20)(\.\d+)?: \d+ of 64 queued`, stderr)
	require.Contains(t, stderr, "quotes.slow: healthy again\n")
	require.Positive(t, s.Adjusted)
	require.Zero(t, s.Interrupted)
	require.Zero(t, s.Consumers[slow].Dropped)
}

func TestVerbose(t *testing.T) {
	_, stderr := summarized(t, 0, "", "-rate", "100", "-duration", "2s", "-v")
	require.Regexp(t, `(?m)^time=\S+ level=INFO msg=succeeded name=quotes\.fast kind=stream .*items=20\d`, stderr)
}

// Ctrl-C closes the market; consumers get what is queued, and no more than that.
func TestInterruptDrains(t *testing.T) {
	s, stderr := summarized(t, 10*time.Second, "", "-rate", "100", "-strategy", "buffer")
	require.True(t, s.Stopped)
	require.Contains(t, stderr, "the market is closed; consumers have 5s for what is queued")
	c := s.Consumers[slow]
	require.Greater(t, c.Delivered, uint64(200+20), "what was queued after ten seconds, too")
	require.LessOrEqual(t, c.Delivered, uint64(200+64+1))
	require.LessOrEqual(t, c.Abandoned, uint64(1), "one that found no room")

	s, _ = summarized(t, 10*time.Second, "", "-rate", "100", "-strategy", "buffer", "-drain", "1s")
	c = s.Consumers[slow]
	require.InDelta(t, 200+20, c.Delivered, 3)
	require.Positive(t, c.Abandoned)
}

// A read that blocks does not keep the program from ending.
func TestInterruptWhileReading(t *testing.T) {
	for name, input := range map[string]string{"before anything": "", "in the middle": "symbol,price\nACME,1\nx\n"} {
		t.Run(name, func(t *testing.T) {
			stdin, typed := io.Pipe()
			defer func() { require.NoError(t, typed.Close()) }()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if _, err := io.WriteString(typed, input); err != nil || input == "" {
					cancel()
				}
			}()
			stderr := &waitFor{text: "line 3", found: cancel}
			var stdout bytes.Buffer
			require.Zero(t, ticker.Run(ctx, []string{"-http", "", "-in", "-"}, stdin, &stdout, stderr))
			require.Contains(t, stdout.String(), "stopped\n")
			require.Contains(t, stdout.String(), "All counts add up.\n")
		})
	}
}

// waitFor calls found when text is written to it.
type waitFor struct {
	text  string
	found func()
}

func (w *waitFor) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.found()
	}
	return len(p), nil
}

// A summary in which something is missing says what, and the program fails.
func TestCountsThatDoNotAddUp(t *testing.T) {
	var c ticker.ConsumerSummary
	c.Name, c.Produced, c.Delivered, c.Dropped, c.Received, c.Queued, c.Missed = "slow", 10, 5, 3, 4, 1, 9
	require.Equal(t, []string{
		"slow: produced 10, the sum of the rest is 9",
		"slow: delivered 5, the consumer received 4",
		"slow: produced 10, the monitor has seen 11",
		"slow: still queued 1, there should be 0",
		"slow: missed 9 quotes, but only 3 were dropped or sampled out",
	}, c.Check(11))
	c.Dropped, c.Received, c.Queued, c.Missed = 5, 5, 0, 5
	require.Empty(t, c.Check(10))
}
