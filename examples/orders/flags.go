package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/fsmediator/mediator/examples/orders/sample"
)

const usage = `Usage: orders [flags]

Places orders in a shop of four services (order, inventory, payment, notification)
that talk through a mediator, and prints what came of them.

  -in FILE    read the orders from FILE, "-" for standard input
              (default: the sample file inside the program)
  -n N        place N generated orders instead
  -seed S     generate other orders, have other faults (default 1)
  -workers W  orders in progress at a time (default: one per processor, here %d;
              with -faults eight times as many, for most of them wait)
  -json       print the summary as JSON
  -faults P   make a share of 0 to 1 of all steps fail: errors that pass, lost
              answers, slow calls, panics; the payment provider is down for a
              while, and some orders cannot be processed. Retries and a circuit
              breaker deal with what passes, the rest become dead letters. At the
              end the faults are cleared and the letters redriven
  -dlq FILE   keep the dead letters in FILE; those of earlier runs are redriven too
  -redrive=false  leave the letters, in FILE for a later run or for
              adapters/boltmediator/cmd/deadletters
  -http ADDR  serve at ADDR (":8080") what the shop is doing, until Ctrl-C: /console/
              shows it live, /livez /readyz /healthz its health, /metrics and
              /debug/vars its figures. Without -in or -n, orders are placed until then.
              Letters are redriven from the console, by who sits at this machine; what
              is redriven there counts as mended
  -rate R     place at most R orders a second (with -http default 100, otherwise
              as many as possible)
  -graph      print how the shop is wired, as a Mermaid flowchart, or with -graph=dot
              for Graphviz, and do nothing else
  -h          print this

The input is JSON Lines (.jsonl, .ndjson, .json) or CSV with a header (.csv);
other names, and standard input, are told by how the lines begin. Fields:
customer, email, sku, qty, unit_cents, card. Lines that are no valid order are
reported with their number, and skipped. Cards that end in %s or %s are
declined. The shop sells
%s

Examples:
  go run ./examples/orders
  go run ./examples/orders -n 100000
  go run ./examples/orders -faults 0.1
  go run ./examples/orders -faults 0.1 -dlq letters.db -redrive=false
  go run ./examples/orders -http :8080 -faults 0.1
  go run ./examples/orders -graph=dot -faults 0.1 | dot -Tsvg >orders.svg
  go run ./examples/orders -in examples/orders/testdata/orders.csv -json
  echo '{"customer":"Ada","email":"ada@example.com","sku":"CUP-BLUE","qty":2,"unit_cents":1250,"card":"visa-4242"}' |
    go run ./examples/orders -in -

Exit code: 0, or 1 if an order or the redrive of a letter failed, the counts do not
add up or the summary could not be written, 2 for bad flags, input or FILE, 130
after Ctrl-C (which first lets the orders in progress finish).
`

// config is what the flags say.
type config struct {
	in      string // "" for the sample
	n       int    // 0 if orders are read
	seed    uint64
	workers int
	json    bool

	resilient bool    // there are faults or a file of dead letters
	faults    float64 // a share
	dlq       string  // "" for dead letters in memory
	redrive   bool

	http  string  // "" for no server
	rate  float64 // orders a second, 0 for no limit
	graph string  // its format, "" for none
}

// defaultRate is that of -http: enough to see something.
const defaultRate = 100

// mostRate is where -rate stops to make a difference.
const mostRate = 1_000_000

// maxWorkers keeps a slip of the finger from starting millions of goroutines.
const maxWorkers = 10_000

// parse returns flag.ErrHelp for -h.
func parse(args []string) (config, error) {
	var c config
	fs := flag.NewFlagSet("orders", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.in, "in", "", "")
	fs.IntVar(&c.n, "n", 0, "")
	fs.Uint64Var(&c.seed, "seed", 1, "")
	fs.IntVar(&c.workers, "workers", min(runtime.GOMAXPROCS(0), maxWorkers), "")
	fs.BoolVar(&c.json, "json", false, "")
	fs.Float64Var(&c.faults, "faults", 0, "")
	fs.StringVar(&c.dlq, "dlq", "", "")
	fs.BoolVar(&c.redrive, "redrive", true, "")
	fs.StringVar(&c.http, "http", "", "")
	fs.Float64Var(&c.rate, "rate", 0, "")
	fs.BoolFunc("graph", "", func(format string) error {
		switch format {
		case "true":
			format = mermaid
		case mermaid, dot:
		default:
			return fmt.Errorf("must be %s or %s", mermaid, dot)
		}
		c.graph = format
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	c.resilient = given["faults"] || given["dlq"] || given["http"]
	if given["http"] && !given["rate"] {
		c.rate = defaultRate
	}
	if given["http"] && !given["in"] && !given["n"] {
		c.n = sample.MaxGenerated
	}
	if given["faults"] && !given["workers"] {
		c.workers = min(8*c.workers, maxWorkers)
	}
	switch {
	case fs.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q (a file is given as -in FILE)", fs.Arg(0))
	case given["in"] && given["n"]:
		return c, errors.New("-in and -n exclude each other")
	case given["in"] && c.in == "":
		return c, errors.New(`-in needs the name of a file, or "-"`)
	case given["n"] && (c.n < 1 || c.n > sample.MaxGenerated):
		return c, fmt.Errorf("-n %d: must be 1 to %d", c.n, sample.MaxGenerated)
	case given["seed"] && c.n == 0 && !given["faults"]:
		return c, errors.New("-seed is for generated orders and for faults: give -n or -faults as well")
	case !(c.faults >= 0 && c.faults <= 1): // NaN is neither
		return c, fmt.Errorf("-faults %v: must be a share from 0 to 1", c.faults)
	case given["dlq"] && c.dlq == "":
		return c, errors.New("-dlq needs the name of a file")
	case given["http"] && c.http == "":
		return c, errors.New(`-http needs an address, such as ":8080"`)
	case given["rate"] && !(c.rate > 0 && c.rate <= mostRate):
		return c, fmt.Errorf("-rate %v: must be more than 0, at most %d", c.rate, mostRate)
	case given["redrive"] && !c.resilient:
		return c, errors.New("-redrive is about dead letters: give -faults or -dlq as well")
	case c.workers < 1 || c.workers > maxWorkers:
		return c, fmt.Errorf("-workers %d: must be 1 to %d", c.workers, maxWorkers)
	}
	return c, nil
}

// printUsage says what the flags are.
func printUsage(w io.Writer) error {
	skus := slices.Sorted(maps.Keys(sample.Stock()))
	half := len(skus) / 2
	shop := "  " + strings.Join(skus[:half], " ") + "\n  " + strings.Join(skus[half:], " ")
	_, err := fmt.Fprintf(w, usage, runtime.GOMAXPROCS(0), sample.NoFunds, sample.ExpiredCard, shop)
	return err
}
