package deadletter

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
)

// letterJSON is a Letter in JSON.
type letterJSON struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Kind        string            `json:"kind"`
	Group       string            `json:"group,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Body        json.RawMessage   `json:"body,omitempty"`
	Base64      []byte            `json:"bodyBase64,omitempty"`
	Errors      []string          `json:"errors,omitempty"`
	Stack       string            `json:"stack,omitempty"`
	Attempts    int               `json:"attempts"`
	Redrives    int               `json:"redrives,omitempty"`
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Headers     map[string]string `json:"headers,omitempty"`
}

// MarshalJSON gives one object. A body in JSON is in it as it is, but for white
// space and escapes, as "body"; any other as "bodyBase64". A Kind that is none is an
// error, for UnmarshalJSON could not read it.
func (l Letter) MarshalJSON() ([]byte, error) {
	if _, err := kindOf(l.Kind.String()); err != nil {
		return nil, fmt.Errorf("it could not be read again: %w", err)
	}
	j := letterJSON{
		ID: l.ID, Name: l.Name, Kind: l.Kind.String(), Group: l.Group, ContentType: l.ContentType, Errors: l.Errors, Stack: l.Stack,
		Attempts: l.Attempts, Redrives: l.Redrives, First: l.First, Last: l.Last, Headers: l.Headers,
	}
	if isJSON(l.ContentType) && json.Valid(l.Body) && utf8.Valid(l.Body) {
		j.Body = l.Body
	} else {
		j.Base64 = l.Body
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Letter) UnmarshalJSON(data []byte) error {
	var j letterJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	kind, err := kindOf(j.Kind)
	if err != nil {
		return err
	}
	*l = Letter{
		ID: j.ID, Name: j.Name, Kind: kind, Group: j.Group, ContentType: j.ContentType, Body: j.Base64, Errors: j.Errors, Stack: j.Stack,
		Attempts: j.Attempts, Redrives: j.Redrives, First: j.First, Last: j.Last, Headers: j.Headers,
	}
	if j.Body != nil {
		l.Body = j.Body
	}
	return nil
}

func kindOf(text string) (mediator.Kind, error) {
	for _, k := range []mediator.Kind{mediator.KindRequest, mediator.KindNotification, mediator.KindStream, 0} {
		if k.String() == text {
			return k, nil
		}
	}
	return 0, fmt.Errorf("no kind of message is called %q", text)
}

// isJSON tells whether a media type is JSON (RFC 8259) or based on it (RFC 6839).
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}
