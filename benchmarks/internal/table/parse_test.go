package table_test

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/benchmarks/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const output = `goos: linux
goarch: amd64
pkg: example.com/benchmarks
cpu: Some CPU @ 2.00GHz
BenchmarkSend/baseline-2         	100000000	         2.000 ns/op	       0 B/op	       0 allocs/op
BenchmarkSend/baseline-2         	100000000	         9.000 ns/op	       0 B/op	       0 allocs/op
BenchmarkSend/baseline-2         	100000000	         1.000 ns/op	       0 B/op	       0 allocs/op
BenchmarkSend/ours-2
    send_test.go:10: a log line
BenchmarkSend/ours-2             	50000000	         3.000 ns/op	       0 B/op	       0 allocs/op
BenchmarkSend/ours-2             	50000000	         5.000 ns/op	       0 B/op	       0 allocs/op
BenchmarkSend/ro-unsafe-2        	     100	  20661719 ns/op	        20.66 ns/item	     600 B/op	      17 allocs/op
PASS
ok  	example.com/benchmarks	4.372s
`

func TestParse(t *testing.T) {
	run, err := table.Parse(strings.NewReader(output))
	require.NoError(t, err)
	require.Equal(t, "linux", run.Goos)
	require.Equal(t, "amd64", run.Goarch)
	require.Equal(t, "Some CPU @ 2.00GHz", run.CPU)
	require.Equal(t, 2, run.Procs)
	require.Equal(t, []string{"Send/baseline", "Send/ours", "Send/ro-unsafe"}, run.Names())
}

func TestParseOneProc(t *testing.T) {
	run, err := table.Parse(strings.NewReader("BenchmarkSend/ro-unsafe 10 1 ns/op\n"))
	require.NoError(t, err)
	require.Equal(t, 1, run.Procs)
	require.Equal(t, []string{"Send/ro-unsafe"}, run.Names())
}

func TestMedian(t *testing.T) {
	run, err := table.Parse(strings.NewReader(output + "BenchmarkSend/ro-unsafe-2 100 7 ns/op\n"))
	require.NoError(t, err)

	for _, c := range []struct {
		name, unit string
		want       float64
		ok         bool
	}{
		{"Send/baseline", "ns/op", 2, true},
		{"Send/ours", "ns/op", 4, true},
		{"Send/ours", "ns/item", 0, false},
		{"Send/ro-unsafe", "ns/item", 0, false}, // one of its two runs has no such metric
		{"Send/none", "ns/op", 0, false},
	} {
		got, ok := run.Median(c.name, c.unit)
		require.Equal(t, c.ok, ok, "%s %s", c.name, c.unit)
		require.InDelta(t, c.want, got, 1e-9, "%s %s", c.name, c.unit)
	}
}

func TestParseErrors(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":          {"PASS\n", "no benchmark results"},
		"failed":         {"goos: linux\n--- FAIL: BenchmarkSend/ours\n", "line 2: --- FAIL: BenchmarkSend/ours"},
		"failed, nested": {"    --- FAIL: BenchmarkSend/ours-2\n", "line 1: --- FAIL: BenchmarkSend/ours-2"},
		"cut off":        {"BenchmarkSend/ours-2 100 1.0\n", "not a result"},
		"no unit":        {"BenchmarkSend/ours-2 100 1.0 ns/op 3\n", "not a result"},
		"iterations":     {"BenchmarkSend/ours-2 many 1.0 ns/op\n", "iterations"},
		"value":          {"BenchmarkSend/ours-2 100 fast ns/op\n", "ns/op"},
		"procs":          {"BenchmarkSend/ours-99999999999999999999 100 1.0 ns/op\n", "GOMAXPROCS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := table.Parse(strings.NewReader(c.in))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := table.Parse(strings.NewReader(""))
	require.ErrorIs(t, err, table.ErrNoResults)

	broken := errors.New("broken pipe")
	_, err = table.Parse(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)

	_, err = table.Parse(strings.NewReader(strings.Repeat("x", bufio.MaxScanTokenSize+1)))
	require.ErrorIs(t, err, bufio.ErrTooLong)
}
