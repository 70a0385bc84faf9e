// Command ticker streams quotes to three consumers: one that is fast, one that is
// slow, and one that comes and goes. Between each of them and the market stands
// package backpressure, and package health watches over all three: it notices a line
// that stalls, ends it, and a retry resumes the stream where it was.
//
// wiring.go puts that together; package market is where the quotes come from.
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
