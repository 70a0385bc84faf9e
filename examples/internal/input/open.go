// Package input is what the example programs share in how they read.
package input

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Source is what a program reads.
type Source struct {
	io.Reader
	Name  string // for a reader of the summary
	Close func() error
}

// Open opens the file that the flag -in names. "-" is stdin, "" is otherwise.
func Open(in string, stdin io.Reader, otherwise Source) (Source, error) {
	nothing := func() error { return nil }
	switch in {
	case "":
		otherwise.Close = nothing
		return otherwise, nil
	case "-":
		return Source{Reader: stdin, Name: "standard input", Close: nothing}, nil
	}
	f, err := os.Open(in)
	if err != nil {
		return Source{}, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return Source{}, errors.Join(fmt.Errorf("-in %s: it is a directory", in), f.Close())
	}
	return Source{Reader: f, Name: in, Close: f.Close}, nil
}
