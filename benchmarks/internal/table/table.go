package table

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Group is one table: the rows of one benchmark function.
type Group struct {
	Title string
	// Bench is the function's name without the prefix Benchmark; its rows are the sub-benchmarks.
	Bench string
	// Unit is the metric that is compared.
	Unit string
	// Baseline tells in words what the row named baseline does.
	Baseline string
	// Against names a group that has the same rows under another condition. The ratio is then how much slower a row
	// is here than there, by ns/op, divided by how much slower the baseline is: what the condition costs the machine
	// is not laid to the row. Empty: a row's ratio is its time divided by that of the baseline.
	Against string
	// Floor names the row that has everything but what is compared. A column then tells how much more than it each row
	// takes, and what that is as a multiple of what the baseline takes more. Empty: no such column.
	Floor string
	// Apart are the rows that do not stand on the floor: the column is empty for them.
	Apart []string
	// Bars holds what rows have to reach. A row that has a bar has to be in the run.
	Bars map[string]Bar
}

// Bar is what a row has to reach.
type Bar struct {
	// Ratio is the most that the row may take, as a multiple of what it is compared with; 0: any.
	Ratio float64
	// Over is the most that the row may take more than the group's floor, in its unit; 0: any.
	Over float64
	// Speed is how many times as fast as the baseline the row has to be at least; 0: any.
	Speed float64
	// Allocs is the most allocations an operation; negative: any number.
	Allocs float64
}

func (b Bar) String() string {
	var parts []string
	add := func(limit float64, format string) {
		if limit > 0 {
			parts = append(parts, fmt.Sprintf(format, limit))
		}
	}
	add(b.Ratio, "≤ %gx")
	add(b.Over, "≤ %g ns more")
	add(b.Speed, "≥ %gx as fast")
	if b.Allocs == 0 {
		parts = append(parts, "0 allocs")
	}
	add(b.Allocs, "≤ %g allocs")
	return strings.Join(parts, ", ")
}

// met tells whether r reaches the bar.
func (b Bar) met(r row) bool {
	switch {
	case b.Ratio > 0 && r.ratio > b.Ratio,
		b.Over > 0 && r.over > b.Over,
		b.Speed > 0 && r.ratio*b.Speed > 1,
		b.Allocs >= 0 && r.allocs > b.Allocs:
		return false
	}
	return true
}

// Markdown writes one table a group. It fails if a group has no baseline, if a row with a bar is missing, and if
// the run has a benchmark that is in no group: a table that leaves something out would pass for complete.
func Markdown(run *Run, groups []Group, labels map[string]string) (string, error) {
	var (
		out  strings.Builder
		errs []error
		seen = make(map[string]bool)
	)
	for i, g := range groups {
		if i > 0 {
			out.WriteString("\n")
		}
		if err := g.write(&out, run, labels, seen); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.Bench, err))
		}
	}
	for _, name := range run.Names() {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("%s: in no group", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return out.String(), nil
}

type row struct {
	name                     string
	time, ratio, mem, allocs float64
	over, overRatio          float64 // more than the floor, and as a multiple of the baseline's
}

func (g Group) write(out *strings.Builder, run *Run, labels map[string]string, seen map[string]bool) error {
	rows, err := g.rows(run, seen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "### %s\n\n", g.Title)
	over, rule := "", ""
	if g.Floor != "" {
		over, rule = " over no-op |", "---:|"
	}
	fmt.Fprintf(out, "| | %s | ratio |%s B/op | allocs/op | bar | met |\n|---|---:|---:|%s---:|---:|---|---|\n", g.Unit, over, rule)
	for _, r := range rows {
		label := labels[r.name]
		switch {
		case r.name == "baseline":
			label = g.Baseline
		case label == "":
			label = r.name
		}
		bar, met := "", ""
		if b, ok := g.Bars[r.name]; ok {
			bar, met = b.String(), "yes"
			if !b.met(r) {
				met = "**no**"
			}
		}
		fmt.Fprintf(out, "| %s | %s | %sx |%s %.0f | %.0f | %s | %s |\n",
			label, figure(r.time), figure(r.ratio), g.overCell(r), r.mem, r.allocs, bar, met)
	}
	return nil
}

// overCell is the cell of the column that a floor brings.
func (g Group) overCell(r row) string {
	switch {
	case g.Floor == "":
		return ""
	case r.name == g.Floor || slices.Contains(g.Apart, r.name):
		return "  |"
	case g.Floor == "baseline":
		return fmt.Sprintf(" %+.1f |", r.over)
	}
	return fmt.Sprintf(" %+.1f, %sx |", r.over, figure(r.overRatio))
}

// rows returns the rows of g: the baseline, then those with a bar and the others, each by time.
func (g Group) rows(run *Run, seen map[string]bool) ([]row, error) {
	var rows []row
	for _, name := range run.Names() {
		bench, sub, ok := strings.Cut(name, "/")
		if !ok || bench != g.Bench {
			continue
		}
		seen[name] = true
		r, err := g.row(run, name, sub)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	index := func(name string) int {
		return slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	}
	baseline := index("baseline")
	if baseline < 0 {
		return nil, errors.New("no baseline")
	}
	for _, name := range slices.Sorted(maps.Keys(g.Bars)) {
		if index(name) < 0 {
			return nil, fmt.Errorf("no row %s, which has a bar", name)
		}
	}
	floor := 0.0
	if g.Floor != "" {
		i := index(g.Floor)
		if i < 0 {
			return nil, fmt.Errorf("no row %s, the floor", g.Floor)
		}
		floor = rows[i].time
	}
	of, over := rows[baseline].ratio, rows[baseline].time-floor
	if over <= 0 && g.Floor != "" && g.Floor != "baseline" {
		return nil, fmt.Errorf("the baseline took no longer than %s, the floor", g.Floor)
	}
	for i := range rows {
		rows[i].ratio /= of
		rows[i].over = rows[i].time - floor
		rows[i].overRatio = rows[i].over / over
	}
	rank := func(r row) int {
		switch _, bar := g.Bars[r.name]; {
		case r.name == "baseline":
			return 0
		case bar:
			return 1
		}
		return 2
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.time, b.time), cmp.Compare(a.name, b.name))
	})
	return rows, nil
}

func (g Group) row(run *Run, name, sub string) (row, error) {
	r := row{name: sub}
	base, unit := g.Bench+"/baseline", g.Unit
	if g.Against != "" {
		base, unit = g.Against+"/"+sub, "ns/op"
	}
	var of float64
	for _, m := range []struct {
		bench, unit string
		to          *float64
	}{{name, g.Unit, &r.time}, {name, "B/op", &r.mem}, {name, "allocs/op", &r.allocs}, {base, unit, &of}} {
		v, ok := run.Median(m.bench, m.unit)
		if !ok {
			return row{}, fmt.Errorf("%s has no %s", m.bench, m.unit)
		}
		*m.to = v
	}
	if of <= 0 || r.time <= 0 {
		return row{}, fmt.Errorf("%s or %s took no time", name, base)
	}
	r.ratio = r.time / of
	return r, nil
}

// figure prints three digits or, of a large number, all before the point.
func figure(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
