package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Columns are the names of a CSV header, and of the fields of a JSON object.
var Columns = []string{"customer", "email", "sku", "qty", "unit_cents", "card"}

// table decodes CSV lines by the order of columns in the header.
type table struct {
	row    *csv.Reader
	line   *bytes.Reader // what row reads: never more than one line
	header []string
}

// newTable reads the header. Without one, none of the lines could be understood.
// The error is io.EOF if there are no lines.
func newTable(l *lines) (*table, error) {
	line, err := l.next()
	if err != nil {
		return nil, err
	}
	t := &table{line: bytes.NewReader(nil)}
	t.row = csv.NewReader(t.line)
	t.row.FieldsPerRecord = -1
	t.row.ReuseRecord = true
	t.row.TrimLeadingSpace = true
	fields, err := t.fields(line)
	if err == nil && !utf8.Valid(line) {
		err = errors.New("not UTF-8")
	}
	if err != nil {
		return nil, &LineError{Line: l.n, Err: fmt.Errorf("header: %w", err)}
	}
	for _, f := range fields {
		t.header = append(t.header, strings.ToLower(strings.TrimSpace(f)))
	}
	if err := checkHeader(t.header); err != nil {
		return nil, &LineError{Line: l.n, Err: err}
	}
	return t, nil
}

func checkHeader(header []string) error {
	var missing, wrong []string
	for _, want := range Columns {
		if !slices.Contains(header, want) {
			missing = append(missing, want)
		}
	}
	if len(missing) > 0 {
		wrong = append(wrong, "missing "+strings.Join(missing, ", "))
	}
	for i, name := range header {
		if !slices.Contains(Columns, name) {
			wrong = append(wrong, fmt.Sprintf("unknown %q", name))
		} else if slices.Contains(header[:i], name) {
			wrong = append(wrong, name+" twice")
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("not the header of a CSV file of orders: %s", strings.Join(wrong, "; "))
}

func (t *table) decode(line []byte) (messages.PlaceOrder, error) {
	var p messages.PlaceOrder
	fields, err := t.fields(line)
	if err != nil {
		return p, err
	}
	if len(fields) != len(t.header) {
		return p, fmt.Errorf("%d fields, the header has %d", len(fields), len(t.header))
	}
	for i, name := range t.header {
		value := strings.TrimSpace(fields[i])
		switch name {
		case "customer":
			p.Customer = value
		case "email":
			p.Email = value
		case "sku":
			p.SKU = value
		case "card":
			p.Card = value
		case "qty":
			p.Qty, err = strconv.Atoi(value)
		case "unit_cents":
			p.UnitCents, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return p, fmt.Errorf("%s is %q, must be a whole number", name, value)
		}
	}
	return p, nil
}

// fields splits a line. The csv.Reader is used again for each: it reads a whole
// line ahead and no further, so it has nothing left of the line before.
func (t *table) fields(line []byte) ([]string, error) {
	t.line.Reset(line)
	fields, err := t.row.Read()
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, fmt.Errorf("not CSV: %w (column %d)", wrong.Err, wrong.Column)
	}
	return fields, err
}
