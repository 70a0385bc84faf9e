//go:build unix

package natsmediator_test

import (
	"context"
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

func init() {
	children["durable-full"] = func(args []string) int { return failed(publishUntilFull(args)) }
}

// publishUntilFull publishes on a server in the directory args[0], straight or, with
// args[1], through an outbox, while no file may be larger than 256 KiB, which is
// what a full disk does to a program. It prints the number of each event that was
// acknowledged, then what Publish said, and what the check did.
func publishUntilFull(args []string) error {
	n, err := natsmediator.Embed(filepath.Join(args[0], "nats"))
	if err != nil {
		return err
	}
	var opts []natsmediator.DurableOption
	if args[1] == "outbox" {
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
	check := natsmediator.Check(n, natsmediator.CheckConfig{})
	ctx := context.Background()
	if err := check(ctx); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 256 << 10, Max: 256 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	text := strings.Repeat("x", 20_000)
	for i := 0; ; i++ {
		limited, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := mediator.Publish(limited, m, moved{Account: "a" + text, N: i, ID: strconv.Itoa(i)})
		cancel()
		if err != nil {
			fmt.Println("publish:", strings.ReplaceAll(err.Error(), "\n", " "))
			break
		}
		fmt.Println(i)
	}
	for {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		err := check(limited)
		cancel()
		if err != nil {
			fmt.Println("check:", strings.ReplaceAll(err.Error(), "\n", " "))
			select {} // until it is killed
		}
	}
}

func TestDurableOnAFullDisk(t *testing.T) {
	for _, way := range []string{"straight", "outbox"} {
		t.Run(way, func(t *testing.T) {
			dir := t.TempDir()
			c := startChild(t, "durable-full", dir, way)
			var acknowledged []int
			var said, checked string
			for checked == "" {
				select {
				case line := <-c.lines:
					switch {
					case strings.HasPrefix(line, "publish:"):
						said = line
					case strings.HasPrefix(line, "check:"):
						checked = line
					default:
						i, err := strconv.Atoi(line)
						require.NoError(t, err, line)
						acknowledged = append(acknowledged, i)
					}
				case <-time.After(2 * patience):
					c.kill(t)
					require.Fail(t, "no error", "%d events, %s", len(acknowledged), said)
				}
			}
			c.kill(t)
			require.NotEmpty(t, acknowledged)
			require.NotEmpty(t, said)
			t.Logf("%d events, then %s; %s", len(acknowledged), said, checked)

			n, err := natsmediator.Embed(filepath.Join(dir, "nats"))
			require.NoError(t, err)
			closeLast(t, n.Close)
			var opts []natsmediator.DurableOption
			if way == "outbox" {
				file, err := boltmediator.Open(filepath.Join(dir, "outbox.db"))
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, file.Close()) })
				opts = append(opts, natsmediator.Outbox(file))
			}
			got := make(chan int, 10_000)
			wired(t, natsmediator.Durable[moved](n, opts...),
				mediator.Subscribe(func(_ context.Context, e moved) error { got <- e.N; return nil }, mediator.Group("all")))
			seen := map[int]bool{}
			for _, i := range acknowledged {
				for !seen[i] {
					select {
					case j := <-got:
						seen[j] = true
					case <-time.After(patience):
						require.Fail(t, "lost", "event %d of %d", i, len(acknowledged))
					}
				}
			}
		})
	}
}
