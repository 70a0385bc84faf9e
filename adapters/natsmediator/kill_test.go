package natsmediator_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

func init() {
	children["durable-publish"] = func(args []string) int { return failed(publishUntilKilled(args)) }
	children["durable-consume"] = func(args []string) int { return failed(consumeUntilKilled(args)) }
}

func failed(err error) int {
	fmt.Println("error:", err)
	return 1
}

// victim is this program with another task. Its lines come in pieces that are whole
// lines; what a kill cut off is left out.
type victim struct {
	*exec.Cmd
	lines chan string
}

func startChild(t testing.TB, task string, args ...string) *victim {
	t.Helper()
	return startChildWith(t, nil, task, args...)
}

func startChildWith(t testing.TB, input *os.File, task string, args ...string) *victim {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	if input != nil {
		c.Stdin = input
	}
	c.Env = append(os.Environ(), childEnv+"="+task)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := make(chan string, 1_000_000)
	go func() {
		defer close(lines)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				_, _ = io.Copy(io.Discard, r)
				return
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return &victim{c, lines}
}

// kill ends it by a signal that cannot be caught, and returns the lines that are left.
func (c *victim) kill(t testing.TB) (rest []string) {
	t.Helper()
	require.NoError(t, c.Process.Kill())
	for line := range c.lines {
		rest = append(rest, line)
	}
	require.Error(t, c.Wait())
	return rest
}

const killWriters = 8

// publishUntilKilled publishes events of which each says its number, from args[1] on,
// on a server in the directory args[0], and prints the number of each that was
// acknowledged. With args[2] they go through an outbox.
func publishUntilKilled(args []string) error {
	ctx := context.Background()
	n, err := natsmediator.Embed(filepath.Join(args[0], "nats"))
	if err != nil {
		return err
	}
	var opts []natsmediator.DurableOption
	if args[2] == "outbox" {
		file, err := boltmediator.Open(filepath.Join(args[0], "outbox.db"))
		if err != nil {
			return err
		}
		opts = append(opts, natsmediator.Outbox(file))
	}
	m, err := mediator.New(natsmediator.Durable[moved](n, opts...))
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	errs := make(chan error)
	for w := range killWriters {
		go func() {
			for i := first + w; ; i += killWriters {
				if err := mediator.Publish(ctx, m, moved{Account: strconv.Itoa(w), N: i, ID: strconv.Itoa(i)}); err != nil {
					errs <- err
					return
				}
				fmt.Println(i)
			}
		}()
	}
	return <-errs
}

func TestKill9OfAPublisherLosesNoEvent(t *testing.T) {
	for _, way := range []string{"straight", "outbox"} {
		t.Run(way, func(t *testing.T) {
			const rounds = 20
			dir := t.TempDir()
			acknowledged := map[int]bool{}
			for round := range rounds {
				c := startChild(t, "durable-publish", dir, strconv.Itoa(round*1_000_000), way)
				require.Equal(t, "ready", <-c.lines)
				after := rand.IntN(600)
				timeout := time.NewTimer(time.Duration(rand.IntN(300)) * time.Millisecond)
				for range after { // so many events, or so much time
					select {
					case line := <-c.lines:
						i, err := strconv.Atoi(line)
						require.NoError(t, err)
						acknowledged[i] = true
						continue
					case <-timeout.C:
					}
					break
				}
				for _, line := range c.kill(t) {
					i, err := strconv.Atoi(line)
					require.NoError(t, err)
					acknowledged[i] = true
				}
			}
			require.Greater(t, len(acknowledged), rounds)

			n, err := natsmediator.Embed(filepath.Join(dir, "nats"))
			require.NoError(t, err)
			closeLast(t, n.Close)
			var opts []natsmediator.DurableOption
			if way == "outbox" {
				file, err := boltmediator.Open(filepath.Join(dir, "outbox.db"))
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, file.Close()) })
				opts = append(opts, natsmediator.Outbox(file))
				defer eventually(t, "all relayed", func() bool { return file.Outbox(movedStream).Depth() == 0 })
			}
			var mu sync.Mutex
			last, times := map[string]int{}, map[int]int{}
			wired(t, natsmediator.Durable[moved](n, append(opts, natsmediator.Partitions(natsmediator.DefaultPartitions))...),
				mediator.Subscribe(func(_ context.Context, e moved) error {
					mu.Lock()
					defer mu.Unlock()
					if e.N < last[e.Account] {
						t.Errorf("%d of %s came after %d", e.N, e.Account, last[e.Account])
					}
					last[e.Account] = e.N
					times[e.N]++
					return nil
				}, mediator.Group("all")))
			eventually(t, "every acknowledged event", func() bool {
				mu.Lock()
				defer mu.Unlock()
				for i := range acknowledged {
					if times[i] == 0 {
						return false
					}
				}
				return true
			})
			mu.Lock()
			defer mu.Unlock()
			for i, n := range times {
				require.Equal(t, 1, n, "event %d: the window suppresses what was relayed twice", i)
			}
			t.Logf("%d events were acknowledged, %d stored", len(acknowledged), len(times))
		})
	}
}

// consumeUntilKilled handles the events of the server args[0], and prints the number
// of each when its handler begins, with an a, and when it has ended, with a z. After
// args[1] of them, handlers do not end any more.
func consumeUntilKilled(args []string) error {
	n, err := natsmediator.Connect(args[0])
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var begun atomic.Int64
	fmt.Println("ready") // before the first event can come
	_, err = mediator.New(natsmediator.Durable[paid](n, natsmediator.AckWait(500*time.Millisecond), natsmediator.Attempts(50)),
		mediator.Subscribe(func(ctx context.Context, e paid) error {
			fmt.Println("a", e.Order)
			takes := time.After(time.Duration(rand.IntN(3)) * time.Millisecond)
			if begun.Add(1) > int64(most) {
				takes = nil
			}
			select {
			case <-takes:
			case <-ctx.Done():
			}
			fmt.Println("z", e.Order)
			return nil
		}, mediator.Group("stock")))
	if err != nil {
		return err
	}
	select {}
}

func TestKill9OfAConsumerHasItsEventsDeliveredAgain(t *testing.T) {
	const events, kills = 400, 6
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	m := wired(t, natsmediator.Durable[paid](n))
	for i := range events {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	begun, ended := map[int]int{}, map[int]int{}
	note := func(line string) {
		what, text, ok := strings.Cut(line, " ")
		require.True(t, ok, line)
		i, err := strconv.Atoi(text)
		require.NoError(t, err)
		switch what {
		case "a":
			begun[i]++
		case "z":
			ended[i]++
		default:
			require.Fail(t, line)
		}
	}
	for range kills {
		most := rand.IntN(40)
		c := startChild(t, "durable-consume", n.URL(), strconv.Itoa(most))
		require.Equal(t, "ready", <-c.lines)
		for begins := 0; begins <= most; { // the last of which does not end
			select {
			case line := <-c.lines:
				note(line)
				if strings.HasPrefix(line, "a") {
					begins++
				}
			case <-time.After(patience):
				require.Fail(t, "no event comes")
			}
		}
		for _, line := range c.kill(t) {
			note(line)
		}
	}
	c := startChild(t, "durable-consume", n.URL(), strconv.Itoa(2*events))
	require.Equal(t, "ready", <-c.lines)
	eventually(t, "all settled", func() bool { return allSettled(t, n, "stock") })
	for _, line := range c.kill(t) {
		note(line)
	}
	require.Len(t, ended, events, "each was handled")
	interrupted, twice := 0, 0
	for i := range events {
		require.LessOrEqual(t, ended[i], begun[i])
		if begun[i] > ended[i] {
			interrupted++
		}
		twice += ended[i] - 1
	}
	require.Positive(t, interrupted, "a kill found handlers at work")
	require.LessOrEqual(t, twice, kills*2*natsmediator.DefaultWorkers, "again is only what a process had in hand")
	require.Zero(t, countOf(t, natsmediator.Letters(n)))
	t.Logf("%d events: %d were interrupted, %d handled again", events, interrupted, twice)
}
