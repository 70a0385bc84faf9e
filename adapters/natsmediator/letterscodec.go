package natsmediator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
)

// letterHead is a letter but for its ID, which is in the subject, and its body, which
// follows: in JSON it would grow by a third.
type letterHead struct {
	Name        string            `json:"name"`
	Kind        mediator.Kind     `json:"kind"`
	Group       string            `json:"group,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Errors      []string          `json:"errors,omitempty"`
	Stack       string            `json:"stack,omitempty"`
	Attempts    int               `json:"attempts"`
	Redrives    int               `json:"redrives,omitempty"`
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Headers     map[string]string `json:"headers,omitempty"`
}

// encodeLetter gives a line of JSON, and the body.
func encodeLetter(l deadletter.Letter) ([]byte, error) {
	head, err := json.Marshal(letterHead{
		Name: l.Name, Kind: l.Kind, Group: l.Group, ContentType: l.ContentType, Errors: l.Errors, Stack: l.Stack,
		Attempts: l.Attempts, Redrives: l.Redrives, First: l.First, Last: l.Last, Headers: l.Headers,
	})
	if err != nil {
		return nil, err
	}
	return joinHead(head, l.Body), nil
}

func decodeLetter(id string, data []byte) (deadletter.Letter, error) {
	head, body, err := splitHead(data)
	if err != nil {
		return deadletter.Letter{}, err
	}
	var h letterHead
	if err := json.Unmarshal(head, &h); err != nil {
		return deadletter.Letter{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	l := deadletter.Letter{
		ID: id, Name: h.Name, Kind: h.Kind, Group: h.Group, ContentType: h.ContentType, Errors: h.Errors, Stack: h.Stack,
		Attempts: h.Attempts, Redrives: h.Redrives, First: h.First, Last: h.Last, Headers: h.Headers,
	}
	if len(body) > 0 {
		l.Body = slices.Clone(body)
	}
	return l, nil
}

func joinHead(head, body []byte) []byte {
	data := make([]byte, 0, len(head)+1+len(body))
	return append(append(append(data, head...), '\n'), body...)
}

func splitHead(data []byte) (head, body []byte, err error) {
	head, body, ok := bytes.Cut(data, []byte{'\n'})
	if !ok {
		return nil, nil, fmt.Errorf("%w: it has no head", ErrMalformed)
	}
	return head, body, nil
}
