package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the program; it returns the exit code. When ctx ends, the market does, the
// consumers get what is queued, and the summary is printed all the same.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	screen := newConsole(stdout, stderr)
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		if _, err := io.WriteString(stdout, usage); err != nil {
			screen.print("print the usage: " + err.Error())
			return exitFailed
		}
		return exitOK
	case err != nil:
		screen.print(printing.OneLine(err) + "; -h shows the usage")
		return exitUsage
	}
	from, err := open(ctx, c, stdin)
	if err != nil {
		screen.print(printing.OneLine(err))
		return exitUsage
	}
	defer func() { _ = from.close() }() // it was read only
	t, err := newTicker(c, from.name, screen)
	if err != nil {
		screen.print(printing.OneLine(err))
		return exitUsage
	}
	inputErr := t.run(ctx, c, from)
	s := t.summarize()
	if err := s.write(stdout, c.json); err != nil {
		screen.print("print the summary: " + err.Error())
		return exitFailed
	}
	switch {
	case len(s.Problems) > 0:
		return exitFailed
	case inputErr != nil:
		screen.print(from.name + ": " + printing.OneLine(inputErr))
		return exitUsage
	}
	return exitOK
}

// ticker is the program at work.
type ticker struct {
	*system
	source    string
	begin     time.Time
	ended     time.Duration
	stopped   bool // before the quotes ended
	consumers []*consumer
	board     *board
	journal   *journal
	latest    *latest
	page      *page // nil if there is none
	screen    *console
	problems  []string // beside those of the counts
}

// newTicker listens, but starts nothing.
func newTicker(c config, source string, screen *console) (*ticker, error) {
	t := &ticker{source: source, begin: time.Now(), board: newBoard(), latest: newLatest(), screen: screen}
	t.journal = newJournal(screen.print)
	logger := slog.New(slog.DiscardHandler)
	if c.verbose {
		logger = slog.New(slog.NewTextHandler(screen, nil))
	}
	var err error
	if t.system, err = wire(c, t.journal, logger); err != nil {
		return nil, err
	}
	for _, name := range consumerNames {
		one := &consumer{name: name, subscribe: t.subscribe(name), newest: t.newest, log: t.journal}
		switch name {
		case fast:
			one.onQuote = t.board.take
		case slow:
			one.takes = c.slow
		case mobile:
			one.stay, one.away = c.stay, c.away
		}
		t.consumers = append(t.consumers, one)
	}
	t.latest.set(t.view(false))
	t.page, err = listen(c, t)
	return t, err
}

// run returns when all is over. The error is that of the input.
func (t *ticker) run(ctx context.Context, c config, from source) error {
	stopShowing := t.show()
	var serving sync.WaitGroup
	if t.page != nil {
		t.journal.add("the page is at http://%s", t.page.address())
		serving.Go(t.page.serve)
	}
	err := t.trade(ctx, c, from)
	// From here on /readyz says no.
	if err := t.mediator.Close(context.WithoutCancel(ctx)); err != nil {
		t.problems = append(t.problems, "close: "+printing.OneLine(err))
	}
	t.ended = time.Since(t.begin)
	stopShowing()
	if t.page != nil {
		t.page.close()
		serving.Wait()
	}
	return err
}

// trade has the consumers get the quotes, until there are no more or ctx ends.
func (t *ticker) trade(ctx context.Context, c config, from source) error {
	trading, stop := context.WithCancel(ctx)
	defer stop()
	if c.duration > 0 {
		trading, stop = context.WithTimeout(trading, c.duration)
		defer stop()
	}
	over := make(chan struct{})
	// What ends the market does not end the consumers: they get what is queued.
	consuming, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	defer leave(nil)
	done := make(chan struct{})
	var draining sync.WaitGroup
	draining.Go(func() {
		select {
		case <-trading.Done():
		case <-done:
			return
		}
		t.market.Stop()
		t.journal.add("the market is closed; consumers have %v for what is queued", c.drain)
		timer := time.NewTimer(c.drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			leave(errDrained)
		case <-done:
		}
	})

	var consumers sync.WaitGroup
	for _, one := range t.consumers {
		consumers.Go(func() {
			if err := one.run(consuming, over); err != nil {
				t.journal.add("%s", printing.OneLine(err))
			}
		})
	}
	err := t.market.Run(trading, from.quotes, c.rate, func(err error) { t.journal.add("skipped %v", err) })
	t.stopped = trading.Err() != nil
	close(over)
	consumers.Wait()
	close(done)
	draining.Wait()
	return err
}

var errDrained = errors.New("the time to drain is over")

// show keeps the view up to date, on the page and on the screen, until the function
// it returns is called.
func (t *ticker) show() (stop func()) {
	done := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(refresh)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				v := t.view(false)
				t.latest.set(v)
				t.screen.show(v)
			case <-done:
				t.latest.set(t.view(true))
				t.screen.clear()
				return
			}
		}
	})
	return func() {
		close(done)
		showing.Wait()
	}
}

// refresh is how often the page and the table show something new.
const refresh = 200 * time.Millisecond
