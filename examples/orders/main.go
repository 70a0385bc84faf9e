// Command orders runs a shop of four services in one process: order, inventory,
// payment and notification. They know each other only by the messages in package
// messages, and the mediator carries those; wiring.go puts them together.
//
// It places every order of a file, or generated ones, follows each through its
// saga to completion or compensation, and prints what came of them.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	// The first Ctrl-C drains; a second one kills, as it does by default.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
