package printing

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal returns what tells the size of the terminal that w is; nil if w is none, or
// one that cannot erase what it shows.
func Terminal(w io.Writer) (size func() (width, height int)) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (int, int) { return sizeOf(term.GetSize(int(f.Fd()))) }
}

// sizeOf is the size that a terminal tells, if it does: one that another program made
// often tells nothing, or 0.
func sizeOf(width, height int, err error) (int, int) {
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}
