package table_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/benchmarks/internal/table"
)

var sendGroup = table.Group{
	Title: "Send", Bench: "Send", Unit: "ns/op", Baseline: "direct call",
	Bars: map[string]table.Bar{"ours": {Ratio: 2}},
}

func parse(t *testing.T, lines ...string) *table.Run {
	t.Helper()
	run, err := table.Parse(strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	return run
}

func TestMarkdown(t *testing.T) {
	run := parse(t,
		"BenchmarkSend/slow-2 10 1234.5 ns/op 56 B/op 2 allocs/op",
		"BenchmarkSend/quick-2 10 2.5 ns/op 0 B/op 0 allocs/op",
		"BenchmarkSend/ours-2 10 3 ns/op 0 B/op 0 allocs/op",
		"BenchmarkSend/baseline-2 10 2 ns/op 0 B/op 0 allocs/op",
		"BenchmarkParallel/baseline-2 10 1.5 ns/op 3 ns/core 0 B/op 0 allocs/op",
		"BenchmarkParallel/ours-2 10 4.5 ns/op 9 ns/core 0 B/op 0 allocs/op",
		"BenchmarkParallel/quick-2 10 2 ns/op 3.75 ns/core 0 B/op 0 allocs/op",
	)
	groups := []table.Group{sendGroup, {
		Title: "Parallel", Bench: "Parallel", Unit: "ns/core", Baseline: "direct call", Against: "Send",
		Bars: map[string]table.Bar{"ours": {Ratio: 1.1}},
	}}

	got, err := table.Markdown(run, groups, map[string]string{"ours": "**mediator**"})
	require.NoError(t, err)
	require.Equal(t, `### Send

| | ns/op | ratio | B/op | allocs/op | bar | met |
|---|---:|---:|---:|---:|---|---|
| direct call | 2.00 | 1.00x | 0 | 0 |  |  |
| **mediator** | 3.00 | 1.50x | 0 | 0 | ≤ 2x, 0 allocs | yes |
| quick | 2.50 | 1.25x | 0 | 0 |  |  |
| slow | 1234 | 617x | 56 | 2 |  |  |

### Parallel

| | ns/core | ratio | B/op | allocs/op | bar | met |
|---|---:|---:|---:|---:|---|---|
| direct call | 3.00 | 1.00x | 0 | 0 |  |  |
| **mediator** | 9.00 | 2.00x | 0 | 0 | ≤ 1.1x, 0 allocs | **no** |
| quick | 3.75 | 1.00x | 0 | 0 |  |  |
`, got)
}

func TestMarkdownFloor(t *testing.T) {
	run := parse(t,
		"BenchmarkBreaker/baseline-2 10 240 ns/op 0 B/op 0 allocs/op",
		"BenchmarkBreaker/ours-2 10 80 ns/op 0 B/op 0 allocs/op",
		"BenchmarkBreaker/quick-2 10 39 ns/op 0 B/op 0 allocs/op",
		"BenchmarkBreaker/noop-2 10 40 ns/op 0 B/op 0 allocs/op",
		"BenchmarkBreaker/alone-2 10 180 ns/op 0 B/op 0 allocs/op",
		"BenchmarkLayer/baseline-2 10 40 ns/op 0 B/op 0 allocs/op",
		"BenchmarkLayer/retry-2 10 45 ns/op 0 B/op 0 allocs/op",
		"BenchmarkLayer/recover-2 10 45.1 ns/op 0 B/op 0 allocs/op",
		"BenchmarkLayer/validate-2 10 39 ns/op 8 B/op 1 allocs/op",
	)
	groups := []table.Group{
		{
			Title: "Breaker", Bench: "Breaker", Unit: "ns/op", Baseline: "a peer", Floor: "noop", Apart: []string{"alone"},
			Bars: map[string]table.Bar{"ours": {Ratio: 0.5}},
		},
		{
			Title: "Layer", Bench: "Layer", Unit: "ns/op", Baseline: "nothing", Floor: "baseline",
			Bars: map[string]table.Bar{"retry": {Over: 5}, "recover": {Over: 5}, "validate": {Over: 5}},
		},
	}

	got, err := table.Markdown(run, groups, nil)
	require.NoError(t, err)
	require.Equal(t, `### Breaker

| | ns/op | ratio | over no-op | B/op | allocs/op | bar | met |
|---|---:|---:|---:|---:|---:|---|---|
| a peer | 240 | 1.00x | +200.0, 1.00x | 0 | 0 |  |  |
| ours | 80.0 | 0.33x | +40.0, 0.20x | 0 | 0 | ≤ 0.5x, 0 allocs | yes |
| quick | 39.0 | 0.16x | -1.0, -0.01x | 0 | 0 |  |  |
| noop | 40.0 | 0.17x |  | 0 | 0 |  |  |
| alone | 180 | 0.75x |  | 0 | 0 |  |  |

### Layer

| | ns/op | ratio | over no-op | B/op | allocs/op | bar | met |
|---|---:|---:|---:|---:|---:|---|---|
| nothing | 40.0 | 1.00x |  | 0 | 0 |  |  |
| validate | 39.0 | 0.97x | -1.0 | 8 | 1 | ≤ 5 ns more, 0 allocs | **no** |
| retry | 45.0 | 1.12x | +5.0 | 0 | 0 | ≤ 5 ns more, 0 allocs | yes |
| recover | 45.1 | 1.13x | +5.1 | 0 | 0 | ≤ 5 ns more, 0 allocs | **no** |
`, got)
}

func TestMarkdownBars(t *testing.T) {
	for name, c := range map[string]struct {
		ours string
		bar  table.Bar
		want string
	}{
		"on the bar":          {"4 ns/op 0 B/op 0 allocs/op", table.Bar{Ratio: 2}, "| ≤ 2x, 0 allocs | yes |"},
		"too slow":            {"4.1 ns/op 0 B/op 0 allocs/op", table.Bar{Ratio: 2}, "| ≤ 2x, 0 allocs | **no** |"},
		"allocates":           {"3 ns/op 8 B/op 1 allocs/op", table.Bar{Ratio: 2}, "| ≤ 2x, 0 allocs | **no** |"},
		"allocates as it may": {"3 ns/op 8 B/op 5 allocs/op", table.Bar{Ratio: 2, Allocs: 5}, "| ≤ 2x, ≤ 5 allocs | yes |"},
		"allocates more":      {"3 ns/op 8 B/op 6 allocs/op", table.Bar{Ratio: 2, Allocs: 5}, "| ≤ 2x, ≤ 5 allocs | **no** |"},
		"fast enough":         {"1 ns/op 8 B/op 9 allocs/op", table.Bar{Speed: 2, Allocs: -1}, "| ≥ 2x as fast | yes |"},
		"not fast enough":     {"1.1 ns/op 8 B/op 9 allocs/op", table.Bar{Speed: 2, Allocs: -1}, "| ≥ 2x as fast | **no** |"},
		"any allocations":     {"2 ns/op 8 B/op 9 allocs/op", table.Bar{Ratio: 1.3, Allocs: -1}, "| ≤ 1.3x | yes |"},
	} {
		t.Run(name, func(t *testing.T) {
			run := parse(t, "BenchmarkSend/baseline-2 10 2 ns/op 0 B/op 0 allocs/op", "BenchmarkSend/ours-2 10 "+c.ours)
			g := sendGroup
			g.Bars = map[string]table.Bar{"ours": c.bar}
			got, err := table.Markdown(run, []table.Group{g}, nil)
			require.NoError(t, err)
			require.Contains(t, got, c.want)
		})
	}
}

func TestMarkdownErrors(t *testing.T) {
	const (
		base = "BenchmarkSend/baseline-2 10 2 ns/op 0 B/op 0 allocs/op"
		ours = "BenchmarkSend/ours-2 10 3 ns/op 0 B/op 0 allocs/op"
	)
	against := sendGroup
	against.Against = "Elsewhere"
	floored := sendGroup
	floored.Floor = "noop"

	for name, c := range map[string]struct {
		group table.Group
		lines []string
		want  string
	}{
		"no baseline":         {sendGroup, []string{ours}, "Send: Send/baseline has no ns/op"},
		"no rows":             {sendGroup, []string{"BenchmarkOther/x-2 10 2 ns/op"}, "Send: no baseline\nOther/x: in no group"},
		"a bar without a row": {sendGroup, []string{base}, "Send: no row ours, which has a bar"},
		"a row too many":      {sendGroup, []string{base, ours, "BenchmarkNew/x-2 10 2 ns/op"}, "New/x: in no group"},
		"no sub-benchmark":    {sendGroup, []string{base, ours, "BenchmarkSend-2 10 2 ns/op"}, "Send: in no group"},
		"no allocations":      {sendGroup, []string{base, "BenchmarkSend/ours-2 10 3 ns/op"}, "Send/ours has no B/op"},
		"free baseline":       {sendGroup, []string{"BenchmarkSend/baseline-2 10 0 ns/op 0 B/op 0 allocs/op", ours}, "took no time"},
		"no floor":            {floored, []string{base, ours}, "no row noop, the floor"},
		"on the floor":        {floored, []string{base, ours, "BenchmarkSend/noop-2 10 2 ns/op 0 B/op 0 allocs/op"}, "took no longer than noop"},
		"nothing against":     {against, []string{base, ours}, "Elsewhere/baseline has no ns/op"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := table.Markdown(parse(t, c.lines...), []table.Group{c.group}, nil)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReplace(t *testing.T) {
	doc := "# Title\n" + table.Begin + "\nold\n" + table.End + "\nfooter\n"
	want := "# Title\n" + table.Begin + "\n\nnew\n\n" + table.End + "\nfooter\n"

	got, err := table.Replace([]byte(doc), "new\n")
	require.NoError(t, err)
	require.Equal(t, want, string(got))
	require.Contains(t, doc, "old", "the document given is left alone")

	again, err := table.Replace(got, "new\n")
	require.NoError(t, err)
	require.Equal(t, want, string(again))
}

func TestReplaceErrors(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"none":     {"# Title\n", "found 0 times"},
		"no end":   {table.Begin, table.End + ": found 0 times"},
		"twice":    {table.Begin + table.End + table.Begin, "found 2 times"},
		"reversed": {table.End + table.Begin, "wrong order"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := table.Replace([]byte(c.doc), "new")
			require.ErrorContains(t, err, c.want)
		})
	}
}
