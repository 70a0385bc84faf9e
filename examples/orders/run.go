package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // what a shell reports of a program that Ctrl-C ended
)

// run is the program; it returns the exit code. When ctx ends, the orders in
// progress are finished and the summary is printed all the same.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runWired(ctx, wire, args, stdin, stdout, stderr)
}

// runWired is run with services that wire puts together, given the stock and what
// is to stand around them, or nil.
func runWired(ctx context.Context, wire func(map[string]int64, *resilience) (*mediator.Mediator, error),
	args []string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	log := newConsole(stderr)
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		if err := printUsage(stdout); err != nil {
			log.print("print the usage: " + err.Error())
			return exitFailed
		}
		return exitOK
	case err != nil:
		log.print(err.Error() + "; -h shows the usage")
		return exitUsage
	}
	if c.graph != "" {
		return draw(c, wire, stdout, log)
	}
	from, err := open(ctx, c, stdin)
	if err != nil {
		log.print(err.Error())
		return exitUsage
	}
	defer func() { _ = from.close() }()
	var r *resilience
	if c.resilient {
		if r, err = newResilience(c, log); err != nil {
			log.print("dead letters: " + printing.OneLine(err))
			return exitUsage
		}
	}
	s, code := serve(ctx, c, r, wire, from, log)
	if s == nil {
		return code
	}
	if err := s.write(stdout, c.json); err != nil {
		log.print("print the summary: " + err.Error())
		return exitFailed
	}
	return code
}

// serve is work between the begin and the end of the services.
func serve(ctx context.Context, c config, r *resilience, wire func(map[string]int64, *resilience) (*mediator.Mediator, error),
	from source, log *console,
) (s *summary, code int) {
	if r != nil {
		defer func() {
			if err := r.close(); err != nil {
				log.print("dead letters: " + printing.OneLine(err))
				code = exitFailed
			}
		}()
	}
	m, err := wire(from.stock, r)
	if err != nil {
		log.print(err.Error())
		return nil, exitFailed
	}
	if c.http != "" {
		if r.site, err = openSite(c.http, m, r, log); err != nil {
			log.print(printing.OneLine(errors.Join(err, m.Close(context.WithoutCancel(ctx)))))
			return nil, exitUsage
		}
	}
	s, code = work(ctx, c, r, m, from, log)
	if err := m.Close(context.WithoutCancel(ctx)); err != nil {
		log.print(printing.OneLine(err))
		code = exitFailed
	}
	return s, code
}

// work has all orders placed, and the dead letters redriven, and returns what came
// of them. There is no summary if the services do not give one.
func work(ctx context.Context, c config, r *resilience, m *mediator.Mediator, from source, log *console) (*summary, int) {
	orders := &feed{place: mediator.SenderFor[messages.PlaceOrder](m), workers: c.workers, log: log}
	if c.rate > 0 {
		orders.every = time.Duration(float64(time.Second) / c.rate)
	}
	start := time.Now()
	stop := log.progress(func() string { return status(ctx, m, from.total) })
	inputErr := orders.run(ctx, from.orders)
	elapsed := time.Since(start)
	stop()
	if c.http != "" && ctx.Err() == nil {
		log.print("all orders are placed; Ctrl-C ends the program")
		<-ctx.Done()
	}

	rs, err := r.settle(ctx, m, c.redrive)
	var s *summary
	if err == nil {
		s, err = summarize(context.WithoutCancel(ctx), m, rs)
	}
	if err != nil {
		log.print(printing.OneLine(err))
		return nil, exitFailed
	}
	s.add(from.name, orders, elapsed)
	s.Interrupted = s.Interrupted || rs != nil && rs.interrupted
	for _, wrong := range s.Problems {
		log.print("the numbers do not add up: " + wrong)
	}
	if inputErr != nil {
		log.print(fmt.Sprintf("%s: %v", from.name, inputErr))
	}
	switch {
	case len(s.Problems) > 0 || s.Failed > 0 || rs.failed():
		return s, exitFailed
	case inputErr != nil:
		return s, exitUsage
	case s.Interrupted:
		return s, exitInterrupted
	}
	return s, exitOK
}

// status is the line that shows how things stand.
func status(ctx context.Context, m *mediator.Mediator, total int) string {
	counts, err := mediator.Send(context.WithoutCancel(ctx), m, messages.CountOrders{})
	if err != nil {
		return err.Error()
	}
	of := ""
	if total > 0 {
		of = fmt.Sprintf(" of %s (%d%%)", printing.Grouped(int64(total)), counts.Placed*100/int64(total))
	}
	return fmt.Sprintf("%s placed%s, %s completed, %s compensated",
		printing.Grouped(counts.Placed), of, printing.Grouped(counts.Completed), printing.Grouped(counts.Compensated()))
}
