// Package intake reads orders from JSON Lines and CSV, one line at a time.
package intake

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Format is how orders are written down.
type Format int

// The formats.
const (
	// Auto: JSON Lines if a line begins with a brace before there is one with the
	// columns of a header, CSV otherwise.
	Auto Format = iota
	// JSONLines has one object a line, with the field names of
	// [messages.PlaceOrder].
	JSONLines
	// CSV has a header with the same names, in any order. A field may be quoted,
	// but not contain a line break, so that a stray quote costs one line only.
	CSV
)

// FormatOf tells the format by the extension of a file's name; Auto if that says
// nothing.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl", ".ndjson", ".json":
		return JSONLines
	case ".csv":
		return CSV
	}
	return Auto
}

// LineError says why a line is not an order. Those after it may be.
type LineError struct {
	Line int // from 1
	Err  error
}

// Error gives the line and the reason, on one line whatever the input was.
func (e *LineError) Error() string {
	return fmt.Sprintf("line %d: %s", e.Line, printable(e.Err.Error()))
}

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

// Orders yields the orders of r as they are read, holding one line in memory. A
// line that is not a valid order yields a [*LineError]; any other error means
// that r cannot be read on and comes last. Lines with nothing but space are
// passed over. A byte order mark and CRLF are fine, characters that are not
// UTF-8 are not. The sequence can be ranged over once.
//
// Orders itself reads the beginning of r, and returns what is wrong with it: an
// error of r, or a CSV header that is not one of orders.
func Orders(r io.Reader, f Format) (iter.Seq2[messages.PlaceOrder, error], error) {
	in := bufio.NewReaderSize(r, maxLine)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark))
	}
	lines := &lines{in: in}
	if f == Auto {
		var err error
		if f, err = sniff(in); err != nil {
			return nil, err
		}
	}
	decode := decodeJSON
	if f == CSV {
		table, err := newTable(lines)
		if errors.Is(err, io.EOF) {
			return func(func(messages.PlaceOrder, error) bool) {}, nil
		}
		if err != nil {
			return nil, err
		}
		decode = table.decode
	} else if _, err := in.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return func(yield func(messages.PlaceOrder, error) bool) {
		for {
			line, err := lines.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var p messages.PlaceOrder
			if err == nil {
				if p, err = order(line, decode); err != nil {
					err = &LineError{Line: lines.n, Err: err}
				}
			}
			_, goesOn := errors.AsType[*LineError](err)
			if !yield(p, err) || err != nil && !goesOn {
				return
			}
		}
	}, nil
}

// order is one line's order, zero if there is an error.
func order(line []byte, decode func([]byte) (messages.PlaceOrder, error)) (messages.PlaceOrder, error) {
	if !utf8.Valid(line) {
		return messages.PlaceOrder{}, errors.New("not UTF-8")
	}
	p, err := decode(line)
	if err == nil {
		err = p.Validate()
	}
	if err != nil {
		return messages.PlaceOrder{}, err
	}
	return p, nil
}

// sniff looks ahead, over lines that are nothing: the first may be malformed.
func sniff(in *bufio.Reader) (Format, error) {
	const space = " \t\r\n"
	begin, blank := 0, true // of the line
	for n := 1; ; n++ {
		ahead, err := in.Peek(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
			return CSV, nil
		case err != nil:
			return Auto, err
		}
		switch c := ahead[n-1]; {
		case blank && c == '{':
			return JSONLines, nil
		case c == '\n' && likeHeader(string(ahead[begin:])):
			return CSV, nil
		case c == '\n':
			begin, blank = n, true
		case !strings.ContainsRune(space, rune(c)):
			blank = false
		}
	}
}

// likeHeader tells whether line has the name of a column, and more.
func likeHeader(line string) bool {
	fields := strings.Split(strings.ToLower(line), ",")
	return len(fields) > 1 && slices.ContainsFunc(fields, func(f string) bool {
		return slices.Contains(Columns, strings.Trim(f, " \t\r\n\""))
	})
}

// printable makes a text harmless on a terminal, and short.
func printable(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
