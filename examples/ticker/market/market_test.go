package market_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/examples/ticker/market"
)

func TestWalk(t *testing.T) {
	walk := func(seed uint64, n int) (quotes []market.Quote) {
		for q, err := range market.Walk([]string{"A", "B", "C"}, seed) {
			require.NoError(t, err)
			if quotes = append(quotes, q); len(quotes) == n {
				break
			}
		}
		return quotes
	}
	once, again := walk(1, 1000), walk(1, 1000)
	require.Equal(t, once, again)
	require.NotEqual(t, walk(1, 1000), walk(2, 1000))
	symbols := map[string]int{}
	for _, q := range walk(1, 300_000) {
		symbols[q.Symbol]++
		require.Greater(t, q.Price, 1.0)
		require.Less(t, q.Price, 10_000.0)
	}
	require.Len(t, symbols, 3)
}

func TestOnly(t *testing.T) {
	rows, err := market.Rows(strings.NewReader("symbol,price\nA,1\nB,2\nx\nC,3\nA,4\n"))
	require.NoError(t, err)
	var got []string
	for q, err := range market.Only(rows, []string{"A", "C"}) {
		got = append(got, q.Symbol)
		if err != nil {
			got[len(got)-1] = err.Error()
		}
	}
	require.Equal(t, []string{"A", "line 4: 1 fields, the header has 2", "C", "A"}, got)
}

// endless gives quotes of one symbol.
func endless() iter.Seq2[market.Quote, error] { return market.Walk([]string{"ACME"}, 1) }

func TestRate(t *testing.T) {
	for _, rate := range []float64{0.5, 10, 700, 50_000} {
		synctest.Test(t, func(t *testing.T) {
			m := market.New(market.NewFaults(market.FaultsConfig{}))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.NoError(t, m.Run(ctx, endless(), rate, func(err error) { t.Error(err) }))
			n, skipped := m.Written()
			require.Zero(t, skipped)
			require.InDelta(t, 10*rate, n, 1+rate/100)
		})
	}
}

func TestSkippedRowsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, err := market.Rows(strings.NewReader("symbol,price\nA,1\nB\nC,x\nA,4\n"))
		require.NoError(t, err)
		m := market.New(market.NewFaults(market.FaultsConfig{}))
		var skipped []string
		require.NoError(t, m.Run(t.Context(), rows, 1000, func(err error) { skipped = append(skipped, err.Error()) }))
		require.Equal(t, []string{"line 3: 1 fields, the header has 2", `line 4: price "x" is not a number`}, skipped)
		quotes, n := m.Written()
		require.EqualValues(t, 2, quotes)
		require.EqualValues(t, 2, n)
	})
}

// wired returns a mediator with the stream of m, within behaviors.
func wired(t *testing.T, m *market.Market, bs ...mediator.Behavior) *mediator.Mediator {
	t.Helper()
	all, err := mediator.New(market.Handle[market.Fast](m, mediator.Use(bs...)), mediator.Handle(m.HandleNewest))
	require.NoError(t, err)
	return all
}

// Lines are cut again and again; a retry resumes the stream, and no quote is missing
// or comes twice.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		faults := market.NewFaults(market.FaultsConfig{Cuts: 0.1, Seed: 7, OnFault: func(stream, what string) {
			require.Equal(t, "quotes.fast", stream)
			require.Equal(t, "the line is cut", what)
			told++
		}})
		m := market.New(faults)
		all := wired(t, m, behaviors.Retry(behaviors.RetryConfig{Retries: 20, Budget: behaviors.NoBudget()}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		go func() { _ = m.Run(ctx, endless(), 20, nil) }()
		var last uint64
		for q, err := range mediator.Stream(t.Context(), all, market.Fast{}) {
			require.NoError(t, err)
			require.Equal(t, last+1, q.Number)
			last = q.Number
		}
		require.InDelta(t, 1000, last, 2)
		stalls, cuts := faults.Counts()
		require.Zero(t, stalls)
		require.InDelta(t, 100, cuts, 40)
		require.EqualValues(t, told, cuts)

		newest, err := mediator.Send(t.Context(), all, market.Newest{})
		require.NoError(t, err)
		require.Equal(t, last, newest)
		require.NoError(t, all.Close(t.Context()))
	})
}

// A line that stalls says nothing, until its context ends or the market is stopped.
func TestStallEnds(t *testing.T) {
	for _, stop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			faults := market.NewFaults(market.FaultsConfig{})
			m := market.New(faults)
			all := wired(t, m)
			running, cancelRun := context.WithCancel(t.Context())
			defer cancelRun()
			go func() { _ = m.Run(running, endless(), 10, nil) }()
			gone := errors.New("gone")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Hour, func() {
				if stop {
					m.Stop()
				} else {
					cancel(gone)
				}
			})
			faults.Stall("quotes.slow")
			n, begin := 0, time.Now()
			var last error
			for _, err := range mediator.Stream(ctx, all, market.Fast{}) {
				if last = err; err != nil {
					break
				}
				if n++; n == 5 {
					faults.Stall("quotes.fast")
				}
			}
			require.Equal(t, 5, n)
			require.Equal(t, time.Hour, time.Since(begin).Round(time.Minute))
			if stop {
				require.NoError(t, last)
			} else {
				require.ErrorIs(t, last, gone)
			}
			stalls, _ := faults.Counts()
			require.EqualValues(t, 1, stalls, "that of the other stream did not come")
			require.NoError(t, all.Close(t.Context()))
		})
	}
}

func TestStallEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := market.NewFaults(market.FaultsConfig{StallEvery: 10 * time.Second})
		m := market.New(faults)
		all := wired(t, m)
		running, cancel := context.WithTimeout(t.Context(), 58*time.Second)
		defer cancel()
		go func() {
			_ = m.Run(running, endless(), 10, nil)
			m.Stop()
		}()
		for running.Err() == nil {
			ctx, hangUp := context.WithTimeout(t.Context(), 15*time.Second)
			for range mediator.Stream(ctx, all, market.Fast{}) {
			}
			hangUp()
		}
		stalls, _ := faults.Counts()
		require.EqualValues(t, 4, stalls, "at 10, 20, 30 and 45 seconds")
		require.NoError(t, all.Close(t.Context()))
	})
}
