package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
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

// patience is how long the shop may stand still before the program gives up.
const patience = time.Minute

// itself starts a service by the file that this process is.
func itself(service string) *exec.Cmd {
	path, err := os.Executable()
	cmd := exec.Command(path, serviceFlag, service)
	cmd.Err = errors.Join(cmd.Err, err)
	return cmd
}

// run is the program; it returns the exit code. When ctx ends, the orders in
// progress are finished and the summary is printed all the same.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	log := newConsole(stderr, "")
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
	from, err := open(c, stdin)
	if err != nil {
		log.print(printing.OneLine(err))
		return exitUsage
	}
	defer func() { _ = from.close() }()
	s, code := inDir(ctx, c, from, log)
	if s == nil {
		return code
	}
	if err := s.write(stdout, c.json); err != nil {
		log.print("print the summary: " + err.Error())
		return exitFailed
	}
	return code
}

// inDir is the program between the begin and the end of its directory.
func inDir(ctx context.Context, c config, from source, log *console) (s *summary, code int) {
	a := assignment{URL: c.url, Dir: c.dir, Run: strings.ToLower(rand.Text()[:10]), Stock: from.stock, Replicas: c.replicas}
	var err error
	if c.dir == "" {
		if a.Dir, err = os.MkdirTemp("", "distributed"); err != nil {
			log.print(err.Error())
			return nil, exitFailed
		}
		defer func() {
			if code == exitFailed {
				log.print("what there is of the shop is left in " + a.Dir)
			} else if err := os.RemoveAll(a.Dir); err != nil {
				log.print(err.Error())
				code = exitFailed
			}
		}()
	}
	if err = os.MkdirAll(a.Dir, 0o750); err == nil {
		a.Namespace, err = namespace(a.Dir)
	}
	if err != nil {
		log.print("-dir: " + err.Error())
		return nil, exitUsage
	}
	return onNode(ctx, c, a, from, log)
}

// onNode is the program between the begin and the end of its connection.
func onNode(ctx context.Context, c config, a assignment, from source, log *console) (s *summary, code int) {
	var node *natsmediator.Node
	var err error
	if c.url == "" {
		node, err = embed(&a, log)
	} else {
		node, err = connect(a, log)
	}
	if err != nil {
		log.print(hide(c.url, printing.OneLine(err)))
		return nil, exitUsage
	}
	defer func() {
		if err := within(drainTime, node.Close); err != nil {
			log.print(printing.OneLine(err))
			code = exitFailed
		}
		if c.url != "" && c.dir == "" && code != exitFailed {
			if err := removeStreams(context.WithoutCancel(ctx), a); err != nil {
				log.print("remove the streams of a shop that is gone: " + printing.OneLine(err))
				code = exitFailed
			}
		}
	}()
	m, err := front(node, patience)
	if err != nil {
		log.print(printing.OneLine(err))
		return nil, exitFailed
	}
	defer func() {
		if err := within(drainTime, m.Close); err != nil {
			log.print(printing.OneLine(err))
			code = exitFailed
		}
	}()
	broken, fail := context.WithCancelCause(context.WithoutCancel(ctx))
	defer fail(nil)
	f, err := startFleet(a, itself, log, fail)
	if err != nil {
		log.print(printing.OneLine(err))
		return nil, exitFailed
	}
	defer func() {
		if err := f.stop(); err != nil {
			log.print(printing.OneLine(err))
			code = exitFailed
		}
	}()
	return work(ctx, broken, c, a, node, m, f, from, log)
}

// work has all orders placed, and returns what came of them. broken ends when a
// service cannot be kept up.
func work(ctx, broken context.Context, c config, a assignment, node *natsmediator.Node, m *mediator.Mediator, f *fleet, from source, log *console) (*summary, int) {
	before, err := mediator.Send(broken, m, messages.CountOrders{})
	if err != nil {
		log.print(printing.OneLine(errors.Join(err, context.Cause(broken))))
		return nil, exitFailed
	}
	placing, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(broken, stop)()
	k := &killer{victims: c.kill, total: from.total, kill: f.kill}
	orders := &feed{place: mediator.SenderFor[messages.PlaceOrder](m), run: a.Run, after: k.reached, log: log}
	start := time.Now()
	inputErr := orders.placeAll(placing, from)
	k.rest()

	told := time.Now()
	counted, err := settle(broken, m, natsmediator.Letters(node, natsmediator.Replicas(c.replicas)), patience, func(c counts) {
		if time.Since(told) > time.Second {
			told = time.Now()
			log.printf("%d placed, %d completed, %d compensated", c.orders.Placed, c.orders.Completed, c.orders.Compensated())
		}
	})
	if err != nil || broken.Err() != nil {
		log.print(printing.OneLine(errors.Join(err, context.Cause(broken))))
		return nil, exitFailed
	}
	s := &summary{Source: from.name, Server: "the server at " + hide(c.url, c.url), PlacedBefore: before.Placed,
		Killed: append([]string{}, k.killed...), Restarts: f.restarted(), ElapsedSeconds: time.Since(start).Seconds(), Problems: k.problems}
	if c.url == "" {
		s.Server = "an embedded server"
	}
	s.add(counted)
	s.addFeed(orders)
	return s, exitOf(s, inputErr, log)
}

func exitOf(s *summary, inputErr error, log *console) int {
	for _, wrong := range s.Problems {
		log.print("the numbers do not add up: " + wrong)
	}
	if inputErr != nil {
		log.printf("%s: %v", s.Source, inputErr)
	}
	switch {
	case len(s.Problems) > 0 || s.Failed > 0:
		return exitFailed
	case inputErr != nil:
		return exitUsage
	case s.Interrupted:
		return exitInterrupted
	}
	return exitOK
}

// killer kills services in the middle of the orders, at equal distances.
type killer struct {
	victims  []string
	total    int // 0 if not known
	kill     func(string) error
	killed   []string
	problems []string
}

// unknownTotal is what killer takes for the number of orders where it is not known.
const unknownTotal = 200

func (k *killer) reached(n int64) {
	total := int64(k.total)
	if total == 0 {
		total = unknownTotal
	}
	for i := int64(len(k.killed)); i < int64(len(k.victims)) && n >= total*(i+1)/int64(len(k.victims)+1); i++ {
		k.next()
	}
}

func (k *killer) rest() {
	for len(k.killed) < len(k.victims) {
		k.next()
	}
}

func (k *killer) next() {
	name := k.victims[len(k.killed)]
	k.killed = append(k.killed, name)
	if err := k.kill(name); err != nil {
		k.problems = append(k.problems, fmt.Sprintf("-kill: %v", err))
	}
}
