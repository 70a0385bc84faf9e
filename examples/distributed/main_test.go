package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	distributed "github.com/fsmediator/mediator/examples/distributed"
)

// programEnv has the test's own file be the program.
const programEnv = "DISTRIBUTED_PROGRAM"

// The services' processes are started by the file that runs, which is the test's.
func TestMain(m *testing.M) {
	if name, ok := distributed.ServiceOf(os.Args[1:]); ok {
		os.Exit(distributed.Serve(name, os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv(programEnv) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		context.AfterFunc(ctx, stop)
		os.Exit(distributed.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// summary is the output of -json, as a user of it would read it.
type summary struct {
	Source, Server    string
	Interrupted       bool
	PlacedBefore      int64 `json:"placed_before"`
	Placed            int64
	Completed         int64
	Compensated       int64
	DeadLettered      int64            `json:"dead_lettered"`
	ByReason          map[string]int64 `json:"compensated_by_reason"`
	Failed            int64
	SkippedLines      int64 `json:"skipped_lines"`
	RevenueCents      int64 `json:"revenue_cents"`
	NotificationsSent int64 `json:"notifications_sent"`
	DeadLetters       int64 `json:"dead_letters"`
	Stock             []struct {
		SKU                  string
		Left, Reserved, Sold int64
	}
	Killed         []string
	Restarts       map[string]int
	ElapsedSeconds float64 `json:"elapsed_seconds"`
	Problems       []string
}

func decode(t *testing.T, out string) summary {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	var s summary
	require.NoError(t, d.Decode(&s), "%s", out)
	require.False(t, d.More())
	return s
}

// addsUp requires of a summary what holds for every run.
func (s summary) addsUp(t *testing.T) {
	t.Helper()
	require.Empty(t, s.Problems)
	require.Zero(t, s.Failed)
	require.Equal(t, s.Placed, s.Completed+s.Compensated+s.DeadLettered)
	require.Equal(t, s.Completed+s.Compensated, s.NotificationsSent)
	var reasons int64
	for _, n := range s.ByReason {
		reasons += n
	}
	require.Equal(t, s.Compensated, reasons)
	for _, level := range s.Stock {
		require.GreaterOrEqual(t, level.Left, int64(0), level.SKU)
	}
}

// pieces is how many of all products came in so far, wherever they are by now.
func (s summary) pieces() (n int64) {
	for _, level := range s.Stock {
		n += level.Left + level.Reserved + level.Sold
	}
	return n
}

func (s summary) sold() map[string]int64 {
	sold := map[string]int64{}
	for _, level := range s.Stock {
		sold[level.SKU] = level.Sold
	}
	return sold
}

func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = distributed.Run(t.Context(), args, strings.NewReader(stdin), &out, &log)
	return code, out.String(), log.String()
}

// good runs the program and requires that it succeeds.
func good(t *testing.T, stdin string, args ...string) summary {
	t.Helper()
	code, stdout, stderr := run(t, stdin, append(args, "-json")...)
	require.Zero(t, code, stderr)
	s := decode(t, stdout)
	s.addsUp(t)
	return s
}
