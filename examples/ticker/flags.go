package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/examples/ticker/market"
)

const usage = `Usage: ticker [flags]

Streams quotes to three consumers, each with a queue of its own and watched by a
health monitor: "fast" keeps up, "slow" takes its time for each quote, "mobile"
comes and goes. Shows on a page, and in a table on a terminal, what arrives, what a
slow consumer costs, and how a stream that stalls is noticed, ended and resumed.

  -in FILE         read the prices from a CSV file, "-" for standard input (default:
                   the euro reference rates of a year, inside the program). The
                   header names the columns symbol and price, and may name date
  -rate R          quotes a second: of a generated random walk, or, with -in, of the
                   file's rows (default 50, for the file inside the program too)
  -symbols A,B,…   the symbols of the random walk, or those of the file to take
  -seed S          walk another way, have other faults (default 1)
  -duration D      end after this time (default: at the end of the file; a random
                   walk goes on until Ctrl-C)

  -strategy S      what becomes of quotes for which a consumer is too slow:
                     block       the market waits from a high to a low watermark
                     buffer      they are queued; when that is full, the market waits
                     dropnewest  the quote that arrives is dropped
                     dropoldest  the oldest in the queue is dropped
                     latest      only the newest is kept
                     fail        the stream ends, the consumer has to come back
                     sample      one in two is kept, while there is pressure
                     throttle    the market is slowed down, the more the fuller it is
                   For one consumer alone: -strategy slow=latest,fast=buffer
                   (default: fast=buffer,slow=dropoldest,mobile=latest)
  -preset P        the settings of the package, in the same way: nodataloss,
                   highthroughput, memoryconstrained, realtime, analytics, balanced.
                   A -strategy given as well replaces that of the preset
  -capacity N      how many quotes a queue holds (default: that of the preset, or 64)
  -slow D          how long "slow" takes for a quote (default 50ms)
  -stay D, -away D how long "mobile" stays, and stays away (default 8s and 4s)

  -faults P        cut the line at a share of 0 to 1 of the quotes
  -stall-every D   have a line stall that often: nothing comes, and nothing says so
  -stall D         take a stream for stalled after that time without a quote
                   (default 2s)
  -interval D      how often the monitor reports and adjusts (default 1s)
  -drain D         how long consumers may go on with what is queued when the market
                   is ended by -duration or Ctrl-C (default 5s)

  -http ADDR       serve the page and /livez, /readyz and /healthz here (default
                   localhost:8080; "" for no page)
  -json            print the summary as JSON
  -v               print the records that the library logs
  -h               print this

Examples:
  go run ./examples/ticker
  go run ./examples/ticker -rate 200 -stall-every 10s
  go run ./examples/ticker -rate 1000 -strategy slow=sample -faults 0.001
  go run ./examples/ticker -preset nodataloss -capacity 500 -duration 20s
  printf 'symbol,price\nACME,1.25\n' | go run ./examples/ticker -in - -http ""

Exit code: 0, also after Ctrl-C, which first lets consumers have what is queued; 1 if
the counts do not add up, a consumer got less than it was promised, or the summary
could not be written; 2 for bad flags, input or address.
`

// config is what the flags say.
type config struct {
	in       string // "" for the sample, or the random walk if that is set
	walk     bool
	rate     float64
	symbols  []string
	seed     uint64
	duration time.Duration

	queues           map[string]backpressure.Config // by consumer
	slow, stay, away time.Duration
	faults           float64
	stallEvery       time.Duration
	stall, interval  time.Duration
	drain            time.Duration
	http             string
	httpGiven        bool
	json, verbose    bool
}

const (
	maxRate       = 100_000
	defaultQueue  = 64
	maxCapacity   = 1_000_000
	longestStall  = 2 * time.Minute
	shortestStall = 50 * time.Millisecond
)

// parse returns flag.ErrHelp for -h.
func parse(args []string) (config, error) {
	var c config
	var symbols, strategy, preset string
	var capacity int
	fs := flag.NewFlagSet("ticker", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.in, "in", "", "")
	fs.Float64Var(&c.rate, "rate", 50, "")
	fs.StringVar(&symbols, "symbols", "", "")
	fs.Uint64Var(&c.seed, "seed", 1, "")
	fs.DurationVar(&c.duration, "duration", 0, "")
	fs.StringVar(&strategy, "strategy", "", "")
	fs.StringVar(&preset, "preset", "", "")
	fs.IntVar(&capacity, "capacity", 0, "")
	fs.DurationVar(&c.slow, "slow", 50*time.Millisecond, "")
	fs.DurationVar(&c.stay, "stay", 8*time.Second, "")
	fs.DurationVar(&c.away, "away", 4*time.Second, "")
	fs.Float64Var(&c.faults, "faults", 0, "")
	fs.DurationVar(&c.stallEvery, "stall-every", 0, "")
	fs.DurationVar(&c.stall, "stall", 2*time.Second, "")
	fs.DurationVar(&c.interval, "interval", time.Second, "")
	fs.DurationVar(&c.drain, "drain", 5*time.Second, "")
	fs.StringVar(&c.http, "http", "localhost:8080", "")
	fs.BoolVar(&c.json, "json", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	c.httpGiven, c.walk = given["http"], given["rate"] && !given["in"]
	switch {
	case fs.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q (a file is given as -in FILE)", fs.Arg(0))
	case given["in"] && c.in == "":
		return c, errors.New(`-in needs the name of a file, or "-"`)
	case !(c.rate > 0 && c.rate <= maxRate): // NaN is neither
		return c, fmt.Errorf("-rate %v: must be above 0, at most %d", c.rate, maxRate)
	case given["seed"] && !c.walk && c.faults == 0:
		return c, errors.New("-seed is for a random walk and for faults: give -rate or -faults as well")
	case !(c.faults >= 0 && c.faults <= 1):
		return c, fmt.Errorf("-faults %v: must be a share from 0 to 1", c.faults)
	case given["capacity"] && (capacity < 1 || capacity > maxCapacity):
		return c, fmt.Errorf("-capacity %d: must be 1 to %d", capacity, maxCapacity)
	case c.stall < shortestStall || c.stall > longestStall:
		return c, fmt.Errorf("-stall %v: must be %v to %v", c.stall, shortestStall, longestStall)
	case c.interval < shortestStall || c.interval > longestStall:
		return c, fmt.Errorf("-interval %v: must be %v to %v", c.interval, shortestStall, longestStall)
	}
	for name, d := range map[string]time.Duration{"duration": c.duration, "stay": c.stay, "away": c.away, "stall-every": c.stallEvery} {
		if given[name] && d <= 0 {
			return c, fmt.Errorf("-%s %v: must be above 0", name, d)
		}
	}
	if c.slow < 0 || c.drain < 0 {
		return c, errors.New("-slow and -drain cannot be negative")
	}
	return c, errors.Join(c.parseSymbols(symbols, given["symbols"]), c.parseQueues(strategy, preset, capacity))
}

func (c *config) parseSymbols(list string, given bool) error {
	if !given {
		if c.walk {
			c.symbols = []string{"ACME", "BOLT", "CROW", "DUNE", "ECHO", "FERN"}
		}
		return nil
	}
	c.symbols = strings.Split(list, ",")
	for i, s := range c.symbols {
		c.symbols[i] = strings.TrimSpace(s)
		if err := market.CheckSymbol(c.symbols[i]); err != nil {
			return fmt.Errorf("-symbols %q: %w", list, err)
		}
		if slices.Contains(c.symbols[:i], c.symbols[i]) {
			return fmt.Errorf("-symbols %q: %s is there twice", list, c.symbols[i])
		}
	}
	if len(c.symbols) > market.MaxSymbols {
		return fmt.Errorf("-symbols: %d are more than %d", len(c.symbols), market.MaxSymbols)
	}
	return nil
}
