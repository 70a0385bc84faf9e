package boltmediator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/stretchr/testify/require"
)

func init() { children["write"] = writeUntilKilled }

// writeUntilKilled puts letters from the number args[1] on into the file args[0],
// from many goroutines, and prints the number of each that was acknowledged.
func writeUntilKilled(args []string) int {
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
	const writers = 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := first + w; ; n += writers {
				if err := s.Put(context.Background(), letter(n, sizeOf(n))); err != nil {
					fmt.Println("put:", err)
					return
				}
				fmt.Println(n) // one write, so no line is torn but by the kill
			}
		})
	}
	wg.Wait()
	return 1
}

// sizeOf spreads letters from less than a page to several.
func sizeOf(n int) int { return 1 + n*7919%13000 }

func TestEveryAcknowledgedLetterSurvivesKill9(t *testing.T) {
	const rounds = 24
	path := file(t)
	acknowledged := map[int]bool{}
	for round := range rounds {
		fresh := writeAndKill(t, path, round*1_000_000, rand.IntN(60))
		for _, n := range fresh {
			acknowledged[n] = true
		}

		s := open(t, path)
		stored := map[string]bool{}
		for _, l := range all(t, s) {
			n, err := strconv.Atoi(strings.TrimPrefix(l.ID, "letter-"))
			require.NoError(t, err)
			require.Equal(t, letter(n, sizeOf(n)), l, "torn")
			stored[l.ID] = true
		}
		for n := range acknowledged {
			require.True(t, stored[letter(n, 0).ID], "round %d: letter %d was acknowledged", round, n)
		}
		require.NoError(t, s.Close())
	}
	require.NotEmpty(t, acknowledged)
}

// writeAndKill has a child write, kills it once it has acknowledged about wait
// letters, and returns those it had acknowledged.
func writeAndKill(t *testing.T, path string, first, wait int) (acknowledged []int) {
	t.Helper()
	for _, line := range runAndKill(t, "write", path, first, wait) {
		n, err := strconv.Atoi(line)
		require.NoError(t, err, line)
		acknowledged = append(acknowledged, n)
	}
	return acknowledged
}

// runAndKill runs a child, kills it once it has printed about wait lines, and
// returns them.
func runAndKill(t *testing.T, child, path string, first, wait int) (printed []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], path, strconv.Itoa(first))
	cmd.Env = append(os.Environ(), childEnv+"="+child)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	kill := func() {
		if !killed {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	defer kill()
	if wait == 0 { // also while it opens the file
		kill()
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // what is left has no end of line: it may be half a number
		}
		require.NoError(t, err)
		if printed = append(printed, strings.TrimSuffix(line, "\n")); len(printed) >= wait {
			kill()
		}
	}
	require.Error(t, cmd.Wait(), "it was killed")
	return printed
}
