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
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/ledger"
)

// serviceFlag begins the command line of a service's process. It is no flag for
// users: the rest comes on the standard input, where no other user of the machine
// can see it.
const serviceFlag = "-service"

// ready is what a service says on its standard output when it can be called.
const ready = "ready\n"

// stop is what a service is told on its standard input to end it.
const stop = "stop\n"

const (
	// drainTime is how long each part of a service, or of the program, has to finish
	// what it has begun.
	drainTime = 10 * time.Second
	// orphanTime is that of a service whose program is gone, and with it perhaps the
	// server: what is not finished is stored, and comes again.
	orphanTime = time.Second
)

func serviceOf(args []string) (name string, ok bool) {
	if len(args) == 2 && args[0] == serviceFlag {
		return args[1], true
	}
	return "", false
}

// serve is a service's process. It ends when it is told to, and when stdin ends:
// then whoever started it is gone, however that came.
func serve(name string, stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt) // a terminal sends it to all, but the services are needed until the orders are finished
	log := newConsole(stderr, name)
	if err := serveUntilEOF(name, bufio.NewReader(stdin), stdout, log); err != nil {
		log.print(printing.OneLine(err))
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

	drain := drainTime
	end := func(f func(context.Context) error) { err = errors.Join(err, within(drain, f)) }
	book, err := ledger.Open(filepath.Join(a.Dir, name+".db"))
	if err != nil {
		return err
	}
	defer end(func(context.Context) error { return book.Close() })
	node, err := connect(a, log)
	if err != nil {
		return err
	}
	defer end(node.Close)
	m, err := wire(a, node, book)
	if err != nil {
		return err
	}
	defer end(m.Close)
	service, err := natsmediator.Serve(context.Background(), m, node, name)
	if err != nil {
		return err
	}
	defer end(service.Close)
	if _, err := io.WriteString(stdout, ready); err != nil {
		return err
	}
	told, err := io.ReadAll(io.LimitReader(stdin, int64(len(stop))))
	if err == nil && string(told) != stop {
		drain = orphanTime
	}
	return err
}

func within(d time.Duration, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return end(ctx)
}
