// Package printing is what the example programs share in what they print.
package printing

import (
	"bytes"
	"encoding/json"
	"io"
)

// Summary writes s in one piece: as JSON, or as text does for a reader.
func Summary(w io.Writer, asJSON bool, s any, text func(*bytes.Buffer)) error {
	var out bytes.Buffer
	if asJSON {
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(s); err != nil {
			return err
		}
	} else {
		text(&out)
	}
	_, err := w.Write(out.Bytes())
	return err
}
