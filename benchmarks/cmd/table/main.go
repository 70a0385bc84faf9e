// Command table runs the benchmarks of the module and prints their figures as Markdown tables.
//
// Run it in the folder of the module:
//
//	go run ./cmd/table            # print the tables
//	go run ./cmd/table -write     # put them into README.md
//
// It exits with 2 if it is called wrongly and with 1 if the benchmarks or the writing failed. A missed bar is a
// figure, not a failure.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"time"

	"github.com/fsmediator/mediator/benchmarks/internal/table"
)

const readme = "README.md"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], goTest, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type config struct {
	count     int
	benchtime string
	write     bool
}

var errUsage = errors.New("usage")

// countTime is the form of -benchtime that gives a number of iterations.
var countTime = regexp.MustCompile(`^[1-9][0-9]*x$`)

// parseFlags tells a mistake and the usage on stderr; its error is then errUsage or [flag.ErrHelp].
func parseFlags(args []string, stderr io.Writer) (config, error) {
	var c config
	fs := flag.NewFlagSet("table", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&c.count, "count", 5, "how often each benchmark runs; the tables show the median")
	fs.StringVar(&c.benchtime, "benchtime", "300ms", "how long each run takes: a duration, or a number of iterations such as 1000x")
	fs.BoolVar(&c.write, "write", false, "write the tables into "+readme+" instead of printing them")

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, errUsage
	}
	mistake := ""
	d, err := time.ParseDuration(c.benchtime)
	switch {
	case fs.NArg() > 0:
		mistake = fmt.Sprintf("unexpected argument %q", fs.Arg(0))
	case c.count < 1:
		mistake = fmt.Sprintf("-count is %d, has to be at least 1", c.count)
	case (err != nil || d <= 0) && !countTime.MatchString(c.benchtime):
		mistake = fmt.Sprintf("-benchtime is %q, has to be a positive duration or a number of iterations such as 1000x", c.benchtime)
	}
	if mistake != "" {
		fmt.Fprintln(stderr, "table:", mistake)
		fs.Usage()
		return c, errUsage
	}
	return c, nil
}

// benchmark runs the benchmarks and copies what they print to out.
type benchmark func(ctx context.Context, c config, out io.Writer) error

// goTest runs all benchmarks once, and that as often as c says: what else the machine does for a while then takes
// one sample from each of them, rather than all samples from some.
func goTest(ctx context.Context, c config, out io.Writer) error {
	for range c.count {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-timeout", "0",
			"-count", "1", "-benchtime", c.benchtime, ".")
		cmd.Stdout, cmd.Stderr = out, out
		// The test binary, a child of go, may outlive it and hold the pipe open.
		cmd.WaitDelay = 5 * time.Second
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go test: %w", err)
		}
	}
	return nil
}

func run(ctx context.Context, args []string, bench benchmark, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := tabulate(ctx, c, bench, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "table:", err)
		return 1
	}
	return 0
}

func tabulate(ctx context.Context, c config, bench benchmark, stdout, progress io.Writer) error {
	var doc []byte
	if c.write {
		var err error
		if doc, err = os.ReadFile(readme); err != nil {
			return err
		}
		// A README that can't take the tables is told before the minutes that the benchmarks take.
		if _, err := table.Replace(doc, ""); err != nil {
			return fmt.Errorf("%s: %w", readme, err)
		}
	}

	var out bytes.Buffer
	if err := bench(ctx, c, io.MultiWriter(&out, progress)); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	run, err := table.Parse(&out)
	if err != nil {
		return err
	}
	tables, err := table.Markdown(run, groups, labels)
	if err != nil {
		return err
	}
	block := caption(run, c) + "\n\n" + tables

	if !c.write {
		_, err := io.WriteString(stdout, block)
		return err
	}
	doc, err = table.Replace(doc, block)
	if err != nil {
		return err
	}
	return os.WriteFile(readme, doc, 0o644)
}

func caption(run *table.Run, c config) string {
	return fmt.Sprintf("%s, %s/%s, %s, GOMAXPROCS %d; median of %d runs of %s each.",
		runtime.Version(), run.Goos, run.Goarch, run.CPU, run.Procs, c.count, c.benchtime)
}
