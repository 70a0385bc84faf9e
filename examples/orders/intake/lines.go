package intake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line that is read, in bytes with its end. A valid order
// needs far less.
const maxLine = 64 << 10

const byteOrderMark = "\uFEFF"

// lines cuts a reader with a buffer of maxLine bytes into lines and counts them.
type lines struct {
	in *bufio.Reader
	n  int // the number of the line that next returned last
}

// next returns the next line that is not blank, without its end; it is valid
// until the next call. A line that is too long is passed over and is a
// [*LineError]; at the end the error is io.EOF.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if len(line) == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		l.n++
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, l.skip()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: %w", l.n, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// skip passes over the rest of a line.
func (l *lines) skip() error {
	for {
		_, err := l.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF):
			return &LineError{Line: l.n, Err: fmt.Errorf("longer than %d bytes", maxLine)}
		default:
			return fmt.Errorf("line %d: %w", l.n, err)
		}
	}
}
