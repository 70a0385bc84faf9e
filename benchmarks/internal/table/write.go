package table

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Begin and End mark, each on a line of its own, the part of a document that [Replace] replaces.
const (
	Begin = "<!-- table:begin -->"
	End   = "<!-- table:end -->"
)

// Replace returns doc with what stands between the markers replaced by block. It fails unless doc has each marker
// once, in order.
func Replace(doc []byte, block string) ([]byte, error) {
	for _, m := range []string{Begin, End} {
		if n := bytes.Count(doc, []byte(m)); n != 1 {
			return nil, fmt.Errorf("marker %s: found %d times, want once", m, n)
		}
	}
	begin := bytes.Index(doc, []byte(Begin)) + len(Begin)
	end := bytes.Index(doc, []byte(End))
	if end < begin {
		return nil, errors.New("markers in the wrong order")
	}
	return slices.Concat(doc[:begin], []byte("\n\n"+block+"\n"), doc[end:]), nil
}
