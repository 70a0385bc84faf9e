// Command deadletters shows and removes the dead letters of a file that no process
// has open.
//
//	deadletters list   [filter] [-limit n] FILE
//	deadletters show   FILE ID...
//	deadletters redrive [filter] [-delete] FILE
//	deadletters delete FILE ID...
//	deadletters delete [filter] -all FILE
//
// redrive writes letters as JSON Lines, for whatever sends the messages again; with
// -delete it removes those that were written. The filter is -name, -group, -since
// and -until. It exits with 2 if anything goes wrong. Letters that cannot be read
// are passed over and named on standard error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `usage:
  deadletters list    [filter] [-limit n] FILE   one line a letter
  deadletters show    FILE ID...                 letters in full, as JSON
  deadletters redrive [filter] [-delete] FILE    letters as JSON Lines, and then removed
  deadletters delete  FILE ID...                 removes letters
  deadletters delete  [filter] -all FILE         removes all that the filter matches
filter:
  -name NAME  -group GROUP  -since TIME  -until TIME   (TIME as 2006-01-02T15:04:05Z, or 36h: so long ago)
`

const exitError = 2

// run is the command. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	out := &output{Writer: bufio.NewWriter(stdout), to: stdout, stderr: stderr}
	err := command(args, out)
	if errors.Is(err, flag.ErrHelp) {
		_, err = out.WriteString(usage)
	}
	if err = errors.Join(err, out.Flush()); err == nil {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		if text := err.Error(); text != "" {
			fmt.Fprintf(stderr, "deadletters: %s\n", text)
		}
		fmt.Fprint(stderr, usage)
		return exitError
	}
	fmt.Fprintf(stderr, "deadletters: %v\n", err)
	return exitError
}

// usageError is a mistake in the arguments.
type usageError struct{ string }

func (e usageError) Error() string { return e.string }

// invocation is what the arguments say.
type invocation struct {
	filter      deadletter.Filter
	limit       int
	all, remove bool
	file        string
	ids         []string
}

func command(args []string, out *output) error {
	if len(args) == 0 {
		return usageError{"no command"}
	}
	commands := map[string]func(*invocation, *output) error{
		"list": (*invocation).list, "show": (*invocation).show, "redrive": (*invocation).redrive, "delete": (*invocation).delete,
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return flag.ErrHelp
	}
	do, ok := commands[args[0]]
	if !ok {
		return usageError{fmt.Sprintf("no command %q", args[0])}
	}
	c, err := parse(args[0], args[1:])
	if err != nil {
		return err
	}
	return do(c, out)
}

func parse(name string, args []string) (*invocation, error) {
	c := &invocation{}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if name != "show" {
		flags.StringVar(&c.filter.Name, "name", "", "")
		flags.StringVar(&c.filter.Group, "group", "", "")
		flags.Func("since", "", timeInto(&c.filter.Since))
		flags.Func("until", "", timeInto(&c.filter.Until))
	}
	switch name {
	case "list":
		flags.IntVar(&c.limit, "limit", 0, "")
	case "redrive":
		flags.BoolVar(&c.remove, "delete", false, "")
	case "delete":
		flags.BoolVar(&c.all, "all", false, "")
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, usageError{fmt.Sprintf("%s: %v", name, err)}
	}
	if flags.NArg() == 0 {
		return nil, usageError{name + ": no file"}
	}
	c.file, c.ids = flags.Arg(0), flags.Args()[1:]
	byID := name == "show" || name == "delete" && !c.all
	switch {
	case byID && len(c.ids) == 0:
		return nil, usageError{name + ": no ID"}
	case byID && c.filter != (deadletter.Filter{}):
		return nil, usageError{name + ": a filter needs -all"}
	case !byID && len(c.ids) > 0:
		return nil, usageError{fmt.Sprintf("%s: %q is too much; flags stand before the file", name, c.ids[0])}
	case c.limit < 0:
		return nil, usageError{name + ": -limit is negative"}
	}
	return c, nil
}

func timeInto(t *time.Time) func(string) error {
	return func(text string) (err error) {
		if ago, err := time.ParseDuration(text); err == nil {
			*t = time.Now().Add(-ago)
			return nil
		}
		*t, err = time.Parse(time.RFC3339, text)
		return err
	}
}

// with opens the file for do, but makes none.
func (c *invocation) with(out *output, do func(s *boltmediator.Store) error, opts ...boltmediator.Option) error {
	if _, err := os.Stat(c.file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no file %s", c.file)
	}
	s, err := boltmediator.Open(c.file, opts...)
	if err != nil {
		return err
	}
	if bad := s.Unreadable(); len(bad) > 0 {
		fmt.Fprintf(out.stderr, "deadletters: unreadable, passed over: %q\n", bad)
	}
	return errors.Join(do(s), s.Close())
}

func (c *invocation) list(out *output) error {
	return c.with(out, func(s *boltmediator.Store) error {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tFIRST\tKIND\tNAME\tGROUP\tATTEMPTS\tERROR")
		n := 0
		for l, err := range deadletter.All(context.Background(), s, c.filter) {
			if err != nil {
				return err
			}
			if n++; c.limit > 0 && n > c.limit {
				break
			}
			group, text := l.Group, ""
			if group == "" {
				group = "-"
			}
			if len(l.Errors) > 0 {
				text = l.Errors[0]
			}
			fmt.Fprintf(table, "%s\t%s\t%v\t%s\t%s\t%d\t%s\n", oneLine(l.ID), l.First.UTC().Format(time.RFC3339), l.Kind, oneLine(l.Name), oneLine(group), l.Attempts, oneLine(text))
		}
		return table.Flush()
	}, boltmediator.ReadOnly())
}

// oneLine keeps what a message says from breaking the table, or the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

func (c *invocation) show(out *output) error {
	return c.with(out, func(s *boltmediator.Store) error {
		var errs []error
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		for _, id := range c.ids {
			l, err := s.Get(context.Background(), id)
			if err == nil {
				err = encoder.Encode(l)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}, boltmediator.ReadOnly())
}

func (c *invocation) redrive(out *output) error {
	var opts []boltmediator.Option
	if !c.remove {
		opts = append(opts, boltmediator.ReadOnly())
	}
	return c.with(out, func(s *boltmediator.Store) error {
		encoder := json.NewEncoder(out)
		return c.pages(s, func(letters []deadletter.Letter) error {
			for _, l := range letters {
				if err := encoder.Encode(l); err != nil {
					return err
				}
			}
			if !c.remove {
				return out.Flush()
			}
			if err := out.sync(); err != nil { // removed is only what was written
				return err
			}
			return remove(s, letters)
		})
	}, opts...)
}

func (c *invocation) delete(out *output) error {
	return c.with(out, func(s *boltmediator.Store) error {
		if !c.all {
			var errs []error
			for _, id := range c.ids {
				errs = append(errs, s.Delete(context.Background(), id))
			}
			return errors.Join(errs...)
		}
		n := 0
		err := c.pages(s, func(letters []deadletter.Letter) error {
			n += len(letters)
			return remove(s, letters)
		})
		fmt.Fprintf(out, "%d deleted\n", n)
		return err
	})
}

// pages gives the letters that the filter matches to do, a page at a time.
func (c *invocation) pages(s *boltmediator.Store, do func([]deadletter.Letter) error) error {
	for after := ""; ; {
		letters, next, err := s.List(context.Background(), c.filter, after, 0)
		if err != nil {
			return err
		}
		if err := do(letters); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// remove deletes a page of letters at the same time, so that they share a sync.
func remove(s *boltmediator.Store, letters []deadletter.Letter) error {
	errs := make([]error, len(letters))
	var wg sync.WaitGroup
	for i, l := range letters {
		wg.Go(func() { errs[i] = s.Delete(context.Background(), l.ID) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
