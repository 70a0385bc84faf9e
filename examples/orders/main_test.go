package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	orders "github.com/fsmediator/mediator/examples/orders"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// summary is the output of -json, as a user of it would read it.
type summary struct {
	Source            string
	Interrupted       bool
	Placed            int64
	Completed         int64
	Compensated       int64
	ByReason          map[string]int64 `json:"compensated_by_reason"`
	Failed            int64
	SkippedLines      int64   `json:"skipped_lines"`
	RevenueCents      int64   `json:"revenue_cents"`
	NotificationsSent int64   `json:"notifications_sent"`
	ElapsedSeconds    float64 `json:"elapsed_seconds"`
	OrdersPerSecond   float64 `json:"orders_per_second"`
	Stock             []struct {
		SKU                  string
		Left, Reserved, Sold int64
	}
	Problems   []string
	Resilience *resilience
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
	require.Equal(t, s.Placed, s.Completed+s.Compensated)
	require.Equal(t, s.Placed, s.NotificationsSent)
	require.Empty(t, s.Problems)
	require.Zero(t, s.Failed)
	var reasons int64
	for _, n := range s.ByReason {
		reasons += n
	}
	require.Equal(t, s.Compensated, reasons)
	for _, level := range s.Stock {
		require.Zero(t, level.Reserved, level.SKU)
		require.GreaterOrEqual(t, level.Left, int64(0), level.SKU)
	}
}

func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = orders.Run(t.Context(), args, strings.NewReader(stdin), &out, &log)
	return code, out.String(), log.String()
}

func TestSampleFile(t *testing.T) {
	for _, workers := range []string{"1", "2", "13"} {
		code, stdout, stderr := run(t, "", "-workers", workers)
		require.Zero(t, code, stderr)
		first, rest, _ := strings.Cut(stdout, "\n")
		require.Regexp(t, `^Orders from the sample file, done in [0-9.]+(µs|ms|s) \([0-9,]+ orders/s\)$`, first)
		want, err := os.ReadFile(filepath.Join("testdata", "sample.summary"))
		require.NoError(t, err)
		require.Equal(t, string(want), rest)
		want, err = os.ReadFile(filepath.Join("testdata", "sample.skipped"))
		require.NoError(t, err)
		require.Equal(t, string(want), stderr)
	}
}

func TestJSON(t *testing.T) {
	code, stdout, _ := run(t, "", "-json")
	require.Zero(t, code)
	s := decode(t, stdout)
	s.addsUp(t)
	require.Equal(t, "the sample file", s.Source)
	require.EqualValues(t, 405, s.Placed)
	require.EqualValues(t, 11, s.SkippedLines)
	require.Equal(t, map[string]int64{"card declined": 51, "out of stock": 16, "unknown product": 5}, s.ByReason)
	require.Positive(t, s.ElapsedSeconds)
	require.Positive(t, s.OrdersPerSecond)
	require.Len(t, s.Stock, 12)
}

func TestCSVFile(t *testing.T) {
	code, stdout, stderr := run(t, "", "-in", filepath.Join("testdata", "orders.csv"), "-json")
	require.Zero(t, code)
	s := decode(t, stdout)
	s.addsUp(t)
	require.Equal(t, filepath.Join("testdata", "orders.csv"), s.Source)
	require.EqualValues(t, 9, s.Placed)
	require.EqualValues(t, 5, s.Completed)
	require.EqualValues(t, 4, s.SkippedLines)
	require.EqualValues(t, 2*1250+6*890+4*490+4*1150+1250, s.RevenueCents)
	require.Equal(t, map[string]int64{"card declined": 2, "out of stock": 1, "unknown product": 1}, s.ByReason)
	require.Equal(t, 4, strings.Count(stderr, "\n"), stderr)
	require.Contains(t, stderr, "orders: skipped line 10: qty is \"one\", must be a whole number\n")
}

func TestStandardInput(t *testing.T) {
	code, stdout, stderr := run(t, line+"\r\n"+line+"\r\nx\r\n", "-in", "-", "-json")
	require.Zero(t, code)
	s := decode(t, stdout)
	s.addsUp(t)
	require.EqualValues(t, 2, s.Completed)
	require.Equal(t, "standard input", s.Source)
	require.Equal(t, "orders: skipped line 3: not a JSON object\n", stderr)

	code, stdout, stderr = run(t, "", "-in", "-", "-json")
	require.Zero(t, code)
	require.Empty(t, stderr)
	require.Zero(t, decode(t, stdout).Placed)
}

const line = `{"customer":"Ada","email":"ada@example.com","sku":"CUP-BLUE","qty":2,"unit_cents":1250,"card":"visa-4242"}`

func TestGenerated(t *testing.T) {
	results := map[string]summary{}
	for _, workers := range []string{"1", "8"} {
		code, stdout, stderr := run(t, "", "-n", "20000", "-workers", workers, "-json")
		require.Zero(t, code, stderr)
		require.Empty(t, stderr)
		s := decode(t, stdout)
		s.addsUp(t)
		require.EqualValues(t, 20_000, s.Placed)
		require.Len(t, s.ByReason, 3)
		s.ElapsedSeconds, s.OrdersPerSecond = 0, 0
		results[workers] = s
	}
	require.Equal(t, results["1"], results["8"])

	code, stdout, _ := run(t, "", "-n", "20000", "-seed", "2", "-json")
	require.Zero(t, code)
	require.NotEqual(t, results["1"].RevenueCents, decode(t, stdout).RevenueCents)
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		code, stdout, stderr := run(t, "", flag)
		require.Zero(t, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "Usage: orders [flags]")
		require.Contains(t, stdout, "go run ./examples/orders -n 100000")
		require.Contains(t, stdout, "CUP-BLUE")
		require.NotContains(t, stdout, "%!")
	}
}

func TestBadFlagsAndFiles(t *testing.T) {
	dir := t.TempDir()
	notOrders := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(notOrders, []byte("Dear diary,\n"), 0o600))
	for want, args := range map[string][]string{
		"flag provided but not defined: -x":               {"-x"},
		`invalid value "many" for flag -n`:                {"-n", "many"},
		"flag needs an argument: -n":                      {"-n"},
		"-n 0: must be 1 to":                              {"-n", "0"},
		"-n -5: must be 1 to":                             {"-n", "-5"},
		"-in and -n exclude each other":                   {"-n", "5", "-in", "-"},
		`-in needs the name of a file, or "-"`:            {"-in", ""},
		"-seed is for generated orders and for faults":    {"-seed", "3"},
		"-workers 0: must be 1 to":                        {"-workers", "0"},
		"-faults -0.1: must be a share from 0 to 1":       {"-faults", "-0.1"},
		"-faults 1.5: must be a share from 0 to 1":        {"-faults", "1.5"},
		"-faults NaN: must be a share from 0 to 1":        {"-faults", "NaN"},
		`invalid value "some" for flag -faults`:           {"-faults", "some"},
		"-dlq needs the name of a file":                   {"-dlq", ""},
		"-http needs an address":                          {"-http", ""},
		"-rate 0: must be more than 0":                    {"-rate", "0"},
		"-rate NaN: must be more than 0":                  {"-rate", "NaN"},
		"-http nowhere: listen tcp":                       {"-http", "nowhere"},
		`invalid boolean value "svg" for -graph: must be`: {"-graph=svg"},
		"-redrive is about dead letters":                  {"-redrive=false"},
		`invalid boolean value "maybe" for -redrive`:      {"-faults", "0.1", "-redrive=maybe"},
		"dead letters: boltmediator: open " + dir:         {"-dlq", dir},
		"file is corrupt":                                 {"-dlq", notOrders},
		"letters.db: ":                                    {"-dlq", filepath.Join(dir, "none", "letters.db")},
		"-workers 10001: must be 1 to":                    {"-workers", "10001"},
		`unexpected argument "orders.csv"`:                {"orders.csv"},
		filepath.Join(dir, "missing.csv") + ": no such":   {"-in", filepath.Join(dir, "missing.csv")},
		"is a directory":                                  {"-in", dir},
		notOrders + ": line 1: not the header of a CSV":   {"-in", notOrders},
	} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, 2, code, "%v", args)
		require.Empty(t, stdout, "%v", args)
		require.Contains(t, stderr, want, "%v", args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
		require.True(t, strings.HasPrefix(stderr, "orders: "), stderr)
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"-n", "10"}, {"-n", "10", "-json"}, {"-h"}} {
		var stderr bytes.Buffer
		code := orders.Run(context.Background(), args, nil, fullDisk{}, &stderr)
		require.Equal(t, 1, code)
		require.Contains(t, stderr.String(), "no space left")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.NewSyscallError("write", errNoSpace) }
