package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/deadletter"
	orders "github.com/fsmediator/mediator/examples/orders"
)

// resilience is a part of the summary.
type resilience struct {
	Faults          map[string]int64
	Retries         int64
	BreakerOpened   int64                      `json:"breaker_opened"`
	BreakerClosed   int64                      `json:"breaker_closed"`
	BreakerRejected int64                      `json:"breaker_rejected"`
	BreakerState    string                     `json:"breaker_state"`
	ChargeSeconds   struct{ P50, P99 float64 } `json:"charge_seconds"`
	DeadLetters     int64                      `json:"dead_letters"`
	ByHandler       []struct {
		Message, Group string
		Letters        int64
	} `json:"dead_letters_by_handler"`
	EarlierLetters int64 `json:"dead_letters_of_earlier_runs"`
	BeforeRedrive  struct {
		Placed, Completed, Compensated int64
		DeadLettered                   int64 `json:"dead_lettered"`
	} `json:"before_redrive"`
	Redrive *struct {
		Redriven, Failed, Skipped int64
		ResumedOrders             int64   `json:"resumed_orders"`
		ElapsedSeconds            float64 `json:"elapsed_seconds"`
	}
	DeadLettered int64 `json:"dead_lettered"`
	LettersLeft  int64 `json:"dead_letters_left"`
}

// addsUp requires what holds for every run, whatever is left of it.
func (r *resilience) addsUp(t *testing.T, s summary) {
	t.Helper()
	b := r.BeforeRedrive
	require.Equal(t, s.Placed, b.Placed)
	require.Equal(t, b.Placed, b.Completed+b.Compensated+b.DeadLettered)
	var resumed, letters int64
	if r.Redrive != nil {
		resumed = r.Redrive.ResumedOrders
		require.Equal(t, r.DeadLetters+r.EarlierLetters, r.Redrive.Redriven+r.Redrive.Failed+r.Redrive.Skipped)
	}
	require.Equal(t, s.Placed+resumed, s.Completed+s.Compensated+r.DeadLettered)
	for _, h := range r.ByHandler {
		require.NotEmpty(t, h.Message)
		require.NotEmpty(t, h.Group)
		letters += h.Letters
	}
	require.Equal(t, r.DeadLetters, letters)
}

// runJSON runs what has to go well.
func runJSON(t *testing.T, args ...string) (summary, string) {
	t.Helper()
	code, stdout, stderr := run(t, "", append(args, "-json")...)
	require.Zero(t, code, stderr)
	s := decode(t, stdout)
	require.Empty(t, s.Problems)
	return s, stderr
}

// Whatever fails on the way, in the end it is as if nothing had.
func TestFaultsAddUp(t *testing.T) {
	for seed := range 4 {
		args := []string{"-n", "1500", "-seed", strconv.Itoa(seed)}
		want, _ := runJSON(t, args...)
		got, _ := runJSON(t, append(args, "-faults", "0.1")...)
		r := got.Resilience
		r.addsUp(t, got)
		for _, kind := range []string{"error", "lost answer", "panic", "poison", "outage", "slow"} {
			require.Positive(t, r.Faults[kind], kind)
		}
		require.Positive(t, r.Retries)
		require.Positive(t, r.BeforeRedrive.DeadLettered)
		require.Equal(t, r.DeadLetters, r.Redrive.Redriven)
		require.Zero(t, r.DeadLettered)
		require.Zero(t, r.LettersLeft)
		got.ElapsedSeconds, got.OrdersPerSecond, got.Resilience = want.ElapsedSeconds, want.OrdersPerSecond, nil
		require.Equal(t, want, got)
	}
}

func TestAnyShareOfFaultsAddsUp(t *testing.T) {
	for _, share := range []string{"0", "0.01", "0.5", "1"} {
		s, _ := runJSON(t, "-n", "300", "-faults", share)
		s.Resilience.addsUp(t, s)
		s.addsUp(t)
		require.Equal(t, share == "0", len(s.Resilience.Faults) == 0)
	}
}

func TestSameSeedSameFaults(t *testing.T) {
	args := []string{"-n", "400", "-faults", "0.2", "-workers", "1", "-seed", "7"}
	first, _ := runJSON(t, args...)
	second, _ := runJSON(t, args...)
	require.Equal(t, first.Resilience.BeforeRedrive, second.Resilience.BeforeRedrive)
	require.Equal(t, first.Resilience.ByHandler, second.Resilience.ByHandler)
	require.Equal(t, first.Resilience.Faults, second.Resilience.Faults)
	other, _ := runJSON(t, "-n", "400", "-faults", "0.2", "-workers", "1", "-seed", "8")
	require.NotEqual(t, first.Resilience.Faults, other.Resilience.Faults)
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	s, stderr := runJSON(t, "-faults", "0.1")
	r := s.Resilience
	require.Positive(t, r.BreakerOpened)
	require.Positive(t, r.BreakerClosed)
	require.Positive(t, r.BreakerRejected)
	require.Equal(t, "closed", r.BreakerState)
	opened := strings.Index(stderr, "orders: circuit breaker of provider.charge: closed -> open for 10ms: ")
	closed := strings.LastIndex(stderr, "orders: circuit breaker of provider.charge: half-open -> closed\n")
	require.Positive(t, opened)
	require.Greater(t, closed, opened)
	require.NotContains(t, stderr, "mediator:", "no warning about the wiring")
}

func TestSummaryOfFaults(t *testing.T) {
	code, stdout, _ := run(t, "", "-n", "300", "-faults", "0.2", "-redrive=false")
	require.Zero(t, code)
	require.Regexp(t, `\n  placed +300  = completed \+ compensated \+ dead-lettered\n`, stdout)
	require.Regexp(t, `\n  dead-lettered +[1-9]`, stdout)
	require.Regexp(t, `\n  breaker opened +[1-9][0-9]*  closed [0-9]+, rejected [0-9]+ calls, is [a-z-]+\n`, stdout)
	require.Regexp(t, `\n  dead letters +[1-9][0-9]*\n +[0-9]+  payment.requested to payment\n`, stdout)
	require.Regexp(t, `\n  redriven +none\n  dead letters left +[1-9]`, stdout)
}

// Letters that are left in a file are redriven by a later run, and their orders
// come to an end there.
func TestLettersOfEarlierRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "letters.db")
	var letters, dead int64
	for seed := range 2 {
		s, _ := runJSON(t, "-n", "300", "-seed", strconv.Itoa(seed), "-faults", "0.2", "-dlq", file, "-redrive=false")
		r := s.Resilience
		r.addsUp(t, s)
		require.Nil(t, r.Redrive)
		require.Equal(t, letters, r.EarlierLetters)
		require.Positive(t, r.DeadLettered)
		letters += r.DeadLetters
		dead += r.DeadLettered
		require.Equal(t, letters, r.LettersLeft)
	}

	s, _ := runJSON(t, "-n", "50", "-dlq", file)
	r := s.Resilience
	r.addsUp(t, s)
	require.Equal(t, letters, r.EarlierLetters)
	require.Equal(t, letters, r.Redrive.Redriven)
	require.Equal(t, dead, r.Redrive.ResumedOrders)
	require.Equal(t, 50+dead, s.Completed+s.Compensated)
	require.Zero(t, r.LettersLeft)
	for _, level := range s.Stock {
		require.Zero(t, level.Reserved, level.SKU)
	}

	s, _ = runJSON(t, "-n", "50", "-faults", "0.3", "-dlq", file)
	s.Resilience.addsUp(t, s)
	s.addsUp(t)
	require.Zero(t, s.Resilience.EarlierLetters)
}

// An interrupted run redrives nothing. What it leaves is there for the next.
func TestInterruptedWithFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "letters.db")
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	code := orders.Run(ctx, []string{"-in", "-", "-json", "-faults", "0.2", "-dlq", file},
		&endless{n: 300, then: cancel}, &stdout, &stderr)
	require.Equal(t, 130, code, stderr.String())
	s := decode(t, stdout.String())
	s.Resilience.addsUp(t, s)
	require.True(t, s.Interrupted)
	require.Nil(t, s.Resilience.Redrive)
	require.Positive(t, s.Resilience.LettersLeft)

	left := s.Resilience.LettersLeft
	s, _ = runJSON(t, "-n", "10", "-dlq", file)
	require.Equal(t, left, s.Resilience.Redrive.Redriven)
	require.Zero(t, s.Resilience.LettersLeft)
}

// A letter that cannot be kept leaves its order to whoever placed it: it is
// cancelled, and the failure is told.
func TestLettersThatCannotBeKept(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := orders.RunStored(t.Context(), fullStore{deadletter.NewMemory()}, []string{"-n", "300", "-json", "-faults", "0.2"}, &stdout, &stderr)
	require.Equal(t, 1, code, stderr.String())
	s := decode(t, stdout.String())
	s.Resilience.addsUp(t, s)
	require.NotEmpty(t, s.Problems, "some could not even be cancelled, and nothing remembers that")
	require.Positive(t, s.Failed)
	require.Positive(t, s.ByReason["processing failed"])
	require.Zero(t, s.Resilience.LettersLeft)
	require.Contains(t, stderr.String(), "the disk is full")
}

type fullStore struct{ *deadletter.Memory }

func (fullStore) Put(context.Context, deadletter.Letter) error { return errors.New("the disk is full") }

// A file that a killed run has left is as good as any other.
func TestKilledWithLetters(t *testing.T) {
	bin, file := build(t), filepath.Join(t.TempDir(), "letters.db")
	cmd := exec.CommandContext(t.Context(), bin, "-n", "10000000", "-faults", "0.1", "-dlq", file)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	// When the breaker has closed, the orders of the outage are in letters.
	for lines := bufio.NewScanner(stderr); ; {
		require.True(t, lines.Scan(), "the run ended by itself")
		if strings.HasSuffix(lines.Text(), "half-open -> closed") {
			break
		}
	}
	require.NoError(t, cmd.Process.Kill())
	_, err = io.Copy(io.Discard, stderr)
	require.NoError(t, err)
	require.Error(t, cmd.Wait())

	s, _ := runJSON(t, "-n", "10", "-dlq", file)
	s.Resilience.addsUp(t, s)
	require.Positive(t, s.Resilience.EarlierLetters)
	require.Positive(t, s.Resilience.Redrive.ResumedOrders)
	require.Zero(t, s.Resilience.LettersLeft)
}

func TestFileInUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "letters.db")
	reading, typed := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	var stdout bytes.Buffer
	stderr := &waitFor{text: "line 2", found: func() {
		code, out, said := run(t, "", "-n", "1", "-dlq", file)
		require.Equal(t, 2, code)
		require.Empty(t, out)
		require.Contains(t, said, "file is locked")
		cancel()
	}}
	go func() { done <- orders.Run(ctx, []string{"-in", "-", "-dlq", file}, reading, &stdout, stderr) }()
	_, err := io.WriteString(typed, line+"\nx\n")
	require.NoError(t, err)
	require.Equal(t, 130, <-done)
	require.NoError(t, typed.Close())
}
