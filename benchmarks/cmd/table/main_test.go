package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/benchmarks/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake prints a result for every row that has to be in a run.
func fake(_ context.Context, c config, out io.Writer) error {
	fmt.Fprint(out, "goos: plan9\ngoarch: mips\ncpu: Abacus\n")
	for _, g := range groups {
		rows := []string{"baseline"}
		for name := range g.Bars {
			rows = append(rows, name)
		}
		if g.Floor != "" && g.Floor != "baseline" {
			fmt.Fprintf(out, "Benchmark%s/%s-4 10 1 ns/op 1 ns/item 1 ns/core 0 B/op 0 allocs/op\n", g.Bench, g.Floor)
		}
		for _, row := range rows {
			for range c.count {
				fmt.Fprintf(out, "Benchmark%s/%s-4 10 2 ns/op 2 ns/item 2 ns/core 0 B/op 0 allocs/op\n", g.Bench, row)
			}
		}
	}
	return nil
}

func call(t *testing.T, bench benchmark, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(t.Context(), args, bench, &out, &errs)
	return code, out.String(), errs.String()
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-count 0":         "-count is 0",
		"-count -3":        "-count is -3",
		"-count many":      "invalid value",
		"-benchtime soon":  `-benchtime is "soon"`,
		"-benchtime 0s":    `-benchtime is "0s"`,
		"-benchtime -1s":   `-benchtime is "-1s"`,
		"-benchtime 0x":    `-benchtime is "0x"`,
		"-benchtime 1x1":   `-benchtime is "1x1"`,
		"-write README.md": `unexpected argument "README.md"`,
		"-fast":            "not defined: -fast",
	} {
		t.Run(args, func(t *testing.T) {
			never := func(context.Context, config, io.Writer) error {
				t.Error("the benchmarks ran")
				return nil
			}
			code, stdout, stderr := call(t, never, strings.Fields(args)...)
			require.Equal(t, 2, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, want)
			require.Contains(t, stderr, "Usage of table")
		})
	}
}

func TestHelp(t *testing.T) {
	code, _, stderr := call(t, nil, "-h")
	require.Equal(t, 0, code)
	require.Contains(t, stderr, "-benchtime")
}

func TestPrint(t *testing.T) {
	t.Chdir(t.TempDir())
	code, stdout, stderr := call(t, fake, "-count", "3", "-benchtime", "100x")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "plan9/mips, Abacus, GOMAXPROCS 4; median of 3 runs of 100x each.")
	for _, g := range groups {
		require.Contains(t, stdout, "### "+g.Title+"\n")
	}
	require.Contains(t, stdout, "| **mediator** | 2.00 | 1.00x | 0 | 0 | ≤ 2x, 0 allocs | yes |")
	require.Contains(t, stderr, "BenchmarkSend/ours-4", "progress")
	require.NoFileExists(t, readme)
}

func TestWrite(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(readme, []byte("before\n"+table.Begin+table.End+"\nafter\n"), 0o644))

	code, stdout, stderr := call(t, fake, "-write")
	require.Equal(t, 0, code, stderr)
	require.Empty(t, stdout)

	doc, err := os.ReadFile(readme)
	require.NoError(t, err)
	require.Regexp(t, "(?s)^before\n"+table.Begin+"\n\n.*### StreamChan.*### Put.*\n\n"+table.End+"\nafter\n$", string(doc))
}

func TestWriteNeedsMarkers(t *testing.T) {
	t.Chdir(t.TempDir())
	never := func(context.Context, config, io.Writer) error {
		t.Error("the benchmarks ran")
		return nil
	}
	code, _, stderr := call(t, never, "-write")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, readme)

	require.NoError(t, os.WriteFile(readme, []byte("no markers\n"), 0o644))
	code, _, stderr = call(t, never, "-write")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, table.Begin)
}

func TestFailures(t *testing.T) {
	printing := func(s string) benchmark {
		return func(_ context.Context, _ config, out io.Writer) error {
			_, err := io.WriteString(out, s)
			return err
		}
	}
	for name, c := range map[string]struct {
		bench benchmark
		want  string
	}{
		"go test":    {func(context.Context, config, io.Writer) error { return errors.New("go test: exit status 1") }, "table: go test: exit status 1"},
		"no results": {printing("PASS\n"), "table: no benchmark results"},
		"incomplete": {printing("BenchmarkSend/ours-2 10 2 ns/op\n"), "table: Send: Send/ours has no B/op\nSendBehaviors1: no baseline"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, c.bench)
			require.Equal(t, 1, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	code := run(ctx, nil, func(ctx context.Context, _ config, _ io.Writer) error { return ctx.Err() }, io.Discard, &stderr)
	require.Equal(t, 1, code)
	require.Equal(t, "table: interrupted\n", stderr.String())
}

// TestGoTest runs the go command for real, on a module that has one benchmark.
func TestGoTest(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":    "module example.com/one\n\ngo 1.26\n",
		"b_test.go": "package one\n\nimport \"testing\"\n\nfunc BenchmarkOne(b *testing.B) { b.Run(\"x\", func(b *testing.B) { for b.Loop() {} }) }\n",
	} {
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(content), 0o644))
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")

	var out strings.Builder
	require.NoError(t, goTest(t.Context(), config{count: 2, benchtime: "10x"}, &out))
	parsed, err := table.Parse(strings.NewReader(out.String()))
	require.NoError(t, err)
	require.Equal(t, []string{"One/x"}, parsed.Names())
	require.Equal(t, 2, strings.Count(out.String(), "BenchmarkOne/x"))

	require.NoError(t, os.WriteFile(dir+"/b_test.go", []byte("package broken"), 0o644))
	require.NoError(t, os.WriteFile(dir+"/c.go", []byte("package other"), 0o644))
	require.ErrorContains(t, goTest(t.Context(), config{count: 1, benchtime: "10x"}, io.Discard), "go test: exit status")
}
