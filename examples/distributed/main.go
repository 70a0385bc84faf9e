// Command distributed runs the shop of examples/orders with each of its four
// services in a process of its own. The services are the same, message for message
// and line for line; what carries their messages is not: wiring.go has requests go
// over NATS, and events through what is stored there.
//
// The program starts a NATS server inside itself, or takes one that is there, starts
// the services, starts each again that dies, places orders, and counts what came of
// them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if name, ok := serviceOf(os.Args[1:]); ok {
		os.Exit(serve(name, os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C drains; a second one kills, as it does by default.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
