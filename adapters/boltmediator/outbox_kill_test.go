package boltmediator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/stretchr/testify/require"
)

func init() { children["relay"] = relayUntilKilled }

const relayWriters = 8

// relayUntilKilled appends records to the file args[0] from many goroutines, each
// its own numbers from args[1] on, and prints "a" and the number of each that was
// acknowledged. At the same time it prints "r" and the number of each that it
// reads, and removes it then.
func relayUntilKilled(args []string) int {
	s, err := boltmediator.Open(args[0])
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	first, err := strconv.Atoi(args[1])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	o := s.Outbox("orders")
	var wg sync.WaitGroup
	for w := range relayWriters {
		wg.Go(func() {
			for n := first + w; ; n += relayWriters {
				if err := o.Append(ctx, numbered(n)); err != nil {
					fmt.Println("append:", err)
					return
				}
				fmt.Println("a", n)
			}
		})
	}
	wg.Go(func() {
		for after := uint64(0); ; {
			records, err := o.Next(ctx, after, 20)
			if err != nil {
				fmt.Println("next:", err)
				return
			}
			var lines strings.Builder
			for _, r := range records {
				fmt.Fprintln(&lines, "r", numberOf(r))
				after = r.ID
			}
			fmt.Print(lines.String()) // before they are removed
			if err := o.Ack(ctx, after); err != nil {
				fmt.Println("ack:", err)
				return
			}
		}
	})
	wg.Wait()
	return 1
}

// numbered is the record of a number, of one byte to several pages.
func numbered(n int) []byte {
	return append(fmt.Append(nil, n, " "), make([]byte, sizeOf(n))...)
}

func numberOf(r boltmediator.Record) int {
	text, rest, _ := strings.Cut(string(r.Data), " ")
	n, err := strconv.Atoi(text)
	if err != nil || len(rest) != sizeOf(n) {
		return -1
	}
	return n
}

func TestEveryAcceptedRecordSurvivesKill9(t *testing.T) {
	const rounds = 24
	path := file(t)
	accepted, relayed := map[int]bool{}, map[int]int{}
	twice := 0
	for round := range rounds {
		for _, line := range runAndKill(t, "relay", path, round*1_000_000, rand.IntN(150)) {
			what, text, ok := strings.Cut(line, " ")
			require.True(t, ok, line)
			n, err := strconv.Atoi(text)
			require.NoError(t, err, line)
			switch what {
			case "a":
				accepted[n] = true
			case "r":
				if relayed[n]++; relayed[n] > 1 {
					twice++
				}
			default:
				require.Fail(t, line)
			}
		}
		s := open(t, path)
		o := s.Outbox("orders")
		left := map[int]bool{}
		highest := make([]int, relayWriters)
		after := uint64(0)
		for _, r := range pending(t, o) {
			n := numberOf(r)
			require.GreaterOrEqual(t, n, 0, "torn")
			require.False(t, left[n], "record %d is there twice", n)
			left[n] = true
			if after > 0 {
				require.Equal(t, after+1, r.ID)
			}
			after = r.ID
			require.Greater(t, n+1, highest[n%relayWriters], "out of order")
			highest[n%relayWriters] = n + 1
		}
		for n := range accepted {
			require.True(t, left[n] || relayed[n] > 0, "round %d: record %d was accepted", round, n)
		}
		require.NoError(t, s.Close())
	}
	require.NotEmpty(t, accepted)
	require.NotEmpty(t, relayed)
	require.LessOrEqual(t, twice, rounds*20, "again is only what the last Ack of a process did not reach")
}
