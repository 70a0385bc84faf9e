package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fsmediator/mediator/examples/orders/messages"
)

// decodeJSON refuses fields it does not know: a misspelt name is better reported
// than taken for a missing value.
func decodeJSON(line []byte) (messages.PlaceOrder, error) {
	var p messages.PlaceOrder
	if line[0] != '{' {
		return p, errors.New("not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, plainError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, errors.New("more than one JSON value")
	}
	if p.OrderID != "" {
		return p, errors.New("order_id is what the shop gives")
	}
	return p, nil
}

// plainError says what is wrong in the words of the input, not of Go.
func plainError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want := "text"
		if k := wrong.Type.Kind().String(); strings.HasPrefix(k, "int") {
			want = "a whole number"
		}
		return fmt.Errorf("%s is %s, must be %s", wrong.Field, article(wrong.Value), want)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON: %w (column %d)", syntax, syntax.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not JSON: the line ends in the middle")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// article puts one before the kind of a JSON value: "a string", "an array", but
// "number 1.5".
func article(value string) string {
	switch {
	case strings.HasPrefix(value, "number "):
		return value[len("number "):]
	case strings.HasPrefix(value, "array"), strings.HasPrefix(value, "object"):
		return "an " + value
	}
	return "a " + value
}
