package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
)

// serviceFlag begins the command line of a service's process. It is no flag for
// users: the rest comes on the standard input, where no other user of the machine
// can see it.
const serviceFlag = "-service"

// ready is what a service says on its standard output when it can be called.
const ready = "ready\n"

// drainTime is how long a service has to finish what it has begun.
const drainTime = 10 * time.Second

func serviceOf(args []string) (name string, ok bool) {
	if len(args) == 2 && args[0] == serviceFlag {
		return args[1], true
	}
	return "", false
}

// serve is a service's process. It ends when stdin does: when it is told to, and
// also when whoever started it is gone, however that came.
func serve(name string, stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt) // a terminal sends it to all, but the services are needed until the orders are finished
	log := newConsole(stderr, name)
	if err := serveUntilEOF(name, bufio.NewReader(stdin), stdout, log); err != nil {
		log.print(oneLine(err))
		return exitFailed
	}
	return exitOK
}

func serveUntilEOF(name string, stdin *bufio.Reader, stdout io.Writer, log *console) (err error) {
	var a assignment
	line, err := stdin.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		return fmt.Errorf("%s is for this program to start itself with: %w", serviceFlag, err)
	}
	a.Service = name

	book, err := ledger.Open(filepath.Join(a.Dir, name+".db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	node, err := connect(a, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, within(node.Close)) }()
	m, err := wire(a, node, book)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, within(m.Close)) }()
	service, err := natsmediator.Serve(context.Background(), m, node, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, within(service.Close)) }()
	if _, err := io.WriteString(stdout, ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// within gives end [drainTime].
func within(end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return end(ctx)
}
