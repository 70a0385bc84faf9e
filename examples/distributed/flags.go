package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fsmediator/mediator/examples/orders/sample"
)

const usage = `Usage: distributed [flags]

Runs the four services of examples/orders (order, inventory, payment, notification)
in a process each, places orders, and prints what came of them. Requests go over
NATS, events through JetStream. A service that dies, by -kill or by your own
kill -9 PID, is started again and goes on where it was.

  -in FILE      read the orders from FILE, "-" for standard input
                (default: the sample file inside the program)
  -n N          place N generated orders instead
  -url URL      use the NATS server, or the cluster, at URL, such as
                nats://a:4222,nats://b:4222, which needs JetStream
                (default: a server inside this program, for this machine alone)
  -replicas R   have R servers of the cluster keep what is stored: 1, 3 or 5 (default 1)
  -dir DIR      keep the services' ledgers, and what the embedded server stores, in
                DIR: the next run with it goes on with the same shop, and finishes what
                this one left (default: a temporary one, which is removed)
  -kill SERVICE kill -9 a service while it runs; several are separated by commas
  -json         print the summary as JSON
  -h            print this

Orders are as in examples/orders. Cards that end in %s or %s are declined, for those
that end in %s the issuer does not answer: these orders become dead letters.

Examples:
  go run ./examples/distributed
  go run ./examples/distributed -n 5000 -kill payment
  go run ./examples/distributed -n 1000 -dir shop -kill order,inventory,payment,notification
  go run ./examples/distributed -url nats://localhost:4222

Exit code: 0, or 1 if an order failed, a service could not be kept up or the counts
do not add up (placed = completed + compensated + dead-lettered), 2 for bad flags,
input, URL or DIR, 130 after Ctrl-C (which first lets the orders in progress finish).
`

// config is what the flags say.
type config struct {
	in       string // "" for the sample
	n        int    // 0 if orders are read
	url      string // "" for an embedded server
	replicas int
	dir      string // "" for a temporary one
	kill     []string
	json     bool
}

// parse returns flag.ErrHelp for -h.
func parse(args []string) (config, error) {
	var c config
	fs := flag.NewFlagSet("distributed", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.in, "in", "", "")
	fs.IntVar(&c.n, "n", 0, "")
	fs.StringVar(&c.url, "url", "", "")
	fs.IntVar(&c.replicas, "replicas", 1, "")
	fs.StringVar(&c.dir, "dir", "", "")
	kill := fs.String("kill", "", "")
	fs.BoolVar(&c.json, "json", false, "")
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["kill"] {
		c.kill = strings.Split(*kill, ",")
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
	case given["url"] && c.url == "":
		return c, errors.New("-url needs the address of a server, such as nats://localhost:4222")
	case c.replicas != 1 && c.replicas != 3 && c.replicas != 5:
		return c, fmt.Errorf("-replicas %d: must be 1, 3 or 5", c.replicas)
	case c.replicas > 1 && c.url == "":
		return c, errors.New("-replicas is about the servers of a cluster: give -url as well")
	case given["dir"] && c.dir == "":
		return c, errors.New("-dir needs the name of a directory")
	}
	for _, name := range c.kill {
		if !slices.Contains(services, name) {
			return c, fmt.Errorf("-kill %q: the services are %s", name, strings.Join(services, ", "))
		}
	}
	return c, nil
}

// printUsage says what the flags are.
func printUsage(w io.Writer) error {
	_, err := fmt.Fprintf(w, usage, sample.NoFunds, sample.ExpiredCard, sample.NoAnswer)
	return err
}
