// Command soak runs streams with backpressure for minutes and checks that nothing is lost, doubled or left behind.
//
// Run it in the folder of the module:
//
//	go run ./soak                                  # all three parts
//	go run ./soak -mix 10m -items 0 -streams 0     # one of them
//
// The first part mixes all strategies, faults, early stops and watchers, on several goroutines, from a seed. The
// second puts many items through a slow consumer, and the third keeps many slow streams open; both print how much
// memory that takes.
//
// It prints a verdict, and exits with 2 if it is called wrongly and with 1 if a check failed or it was interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type config struct {
	mix      time.Duration
	workers  int
	seed     uint64
	items    int
	capacity int
	streams  int
	open     time.Duration
}

var errUsage = errors.New("usage")

// parseFlags tells a mistake and the usage on stderr; its error is then errUsage or [flag.ErrHelp].
func parseFlags(args []string, stderr io.Writer) (config, error) {
	var c config
	fs := flag.NewFlagSet("soak", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.DurationVar(&c.mix, "mix", time.Minute, "how long to mix; 0: not at all")
	fs.IntVar(&c.workers, "workers", 16, "how many goroutines mix")
	fs.Uint64Var(&c.seed, "seed", 1, "the seed of the mix")
	fs.IntVar(&c.items, "items", 100_000_000, "how many items go through a slow consumer, for each strategy; 0: none")
	fs.IntVar(&c.capacity, "capacity", 1024, "the capacity of the queue of those items")
	fs.IntVar(&c.streams, "streams", 10_000, "how many streams of one item a second are open at once; 0: none")
	fs.DurationVar(&c.open, "open", time.Minute, "how long those streams are open")

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, errUsage
	}
	mistake := ""
	switch {
	case fs.NArg() > 0:
		mistake = fmt.Sprintf("unexpected argument %q", fs.Arg(0))
	case c.mix < 0 || c.open < 0:
		mistake = "-mix and -open have to be at least 0"
	case c.workers < 1:
		mistake = fmt.Sprintf("-workers is %d, has to be at least 1", c.workers)
	case c.capacity < 1:
		mistake = fmt.Sprintf("-capacity is %d, has to be at least 1", c.capacity)
	case c.items < 0 || c.streams < 0:
		mistake = "-items and -streams have to be at least 0"
	}
	if mistake != "" {
		fmt.Fprintln(stderr, "soak:", mistake)
		fs.Usage()
		return c, errUsage
	}
	return c, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	f := &findings{}
	begun := time.Now()
	if c.mix > 0 {
		mix(ctx, c, f, stdout)
	}
	if c.items > 0 {
		flat(ctx, c, f, stdout)
	}
	if c.streams > 0 {
		many(ctx, c, f, stdout)
	}
	if ctx.Err() != nil {
		f.add("interrupted")
	}
	return f.verdict(stdout, time.Since(begun))
}
