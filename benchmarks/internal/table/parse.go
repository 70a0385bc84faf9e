// Package table turns the output of a benchmark run into the tables of the README.
package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoResults is the error of a run that printed no benchmark.
var ErrNoResults = errors.New("no benchmark results")

// Run is what one run of the benchmarks printed.
type Run struct {
	// Goos, Goarch and CPU describe the machine, as go test prints it. Each is empty if it was not printed.
	Goos, Goarch, CPU string
	// Procs is the GOMAXPROCS of the run.
	Procs int

	samples map[string][]map[string]float64
}

// Names returns the sorted names of the benchmarks, without the prefix Benchmark and without the suffix that
// tells GOMAXPROCS.
func (r *Run) Names() []string { return slices.Sorted(maps.Keys(r.samples)) }

// Median returns the median of a metric, such as ns/op, over the runs of a benchmark; false if the benchmark did
// not run or did not report the metric each time.
func (r *Run) Median(name, unit string) (float64, bool) {
	var vs []float64
	for _, s := range r.samples[name] {
		v, ok := s[unit]
		if !ok {
			return 0, false
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 {
		return 0, false
	}
	slices.Sort(vs)
	mid := len(vs) / 2
	if len(vs)%2 == 1 {
		return vs[mid], true
	}
	return (vs[mid-1] + vs[mid]) / 2, true
}

// procsSuffix is what go test appends to a name, unless GOMAXPROCS is 1.
var procsSuffix = regexp.MustCompile(`-(\d+)$`)

// Parse reads the output of go test -bench. A benchmark may come any number of times. Lines that are neither
// results nor a description of the machine are skipped; a failed benchmark or a damaged result is an error that
// tells the line.
func Parse(r io.Reader) (*Run, error) {
	run := &Run{Procs: 1, samples: make(map[string][]map[string]float64)}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := run.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(run.samples) == 0 {
		return nil, ErrNoResults
	}
	return run, nil
}

func (r *Run) line(s string) error {
	switch {
	case strings.HasPrefix(s, "Benchmark"):
		return r.result(s)
	case strings.HasPrefix(strings.TrimSpace(s), "--- FAIL:"):
		return errors.New(strings.TrimSpace(s))
	}
	for _, h := range []struct {
		key string
		to  *string
	}{{"goos: ", &r.Goos}, {"goarch: ", &r.Goarch}, {"cpu: ", &r.CPU}} {
		if v, ok := strings.CutPrefix(s, h.key); ok {
			*h.to = strings.TrimSpace(v)
		}
	}
	return nil
}

// result reads a line such as "BenchmarkSend/baseline-2  1000  1.9 ns/op  0 B/op  0 allocs/op".
func (r *Run) result(s string) error {
	fields := strings.Fields(s)
	if len(fields) == 1 {
		return nil // the name alone: the benchmark logged something, its result comes later
	}
	if len(fields) < 4 || len(fields)%2 != 0 {
		return fmt.Errorf("not a result: %q", s)
	}
	if _, err := strconv.ParseUint(fields[1], 10, 64); err != nil {
		return fmt.Errorf("iterations: %w", err)
	}
	sample := make(map[string]float64)
	for i := 2; i < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", fields[i+1], err)
		}
		sample[fields[i+1]] = v
	}

	name := strings.TrimPrefix(fields[0], "Benchmark")
	if m := procsSuffix.FindStringSubmatch(name); m != nil {
		name = strings.TrimSuffix(name, m[0])
		procs, err := strconv.Atoi(m[1])
		if err != nil {
			return fmt.Errorf("GOMAXPROCS: %w", err)
		}
		r.Procs = procs
	}
	r.samples[name] = append(r.samples[name], sample)
	return nil
}
