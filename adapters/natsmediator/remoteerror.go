package natsmediator

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// RemoteError is what failed in another process. errors.Is finds the sentinels
// of the packages mediator, behaviors, backpressure, health, deadletter and
// boltmediator, this package's own, those of contexts, and those that both sides gave
// a code by [ErrorCode]; a panic there is a *mediator.PanicError without its stack,
// and what behaviors.Business marked is marked here. What an error tells by methods
// RetryAfter() time.Duration, StatusCode() int, SQLState() string and SQLErrorNumber()
// int32 it tells here too, so that the presets of package behaviors for HTTP and
// databases choose by it.
//
// It is also what a call comes back with that no instance of the service took:
// that is mediator.ErrNoHandler, at once, while a service that does not answer is
// context.DeadlineExceeded, when the time is up. Such a call has reached no handler, so
// behaviors.Retry repeats it, other than a mediator.ErrNoHandler that a handler returned.
type RemoteError struct {
	Service string // that was called
	Name    string // of the message
	Code    string // the first that stands for the error, "" if none does
	Message string // the text of the error there

	codes  []string // all that stand for it
	causes []error  // what the codes stand for here
	after  time.Duration
}

// Error gives the service, the message's name, and the error's text.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("service %s: %s: %s", e.Service, e.Name, e.Message)
}

// Unwrap returns the errors that its codes stand for.
func (e *RemoteError) Unwrap() []error { return e.causes }

// RetryAfter tells when to come back, if the error knew: 0 otherwise.
func (e *RemoteError) RetryAfter() time.Duration { return e.after }

// ErrorCode gives an error a code on the wire: an error that is err is sent with
// it, and one that comes with it is err again. Both sides need it. Codes of
// earlier options come first. It panics if err is nil, or if the code is not made
// of letters, digits, dashes and underscores. That a code, or an error, is taken
// already is an error of [Embed] and [Connect].
func ErrorCode(code string, err error) NodeOption {
	checkToken("ErrorCode", code)
	if err == nil {
		panic(fmt.Sprintf("natsmediator: ErrorCode(%q): the error is nil", code))
	}
	return nodeOption(func(c *nodeConfig) { c.codes = append(c.codes, errorCode{code, err}) })
}

type errorCode struct {
	code string
	err  error
}

// Codes without a sentinel.
const (
	codePanic  = "panic"
	codeAnswer = "behaviors.business" // with a dot, so that nobody has it by ErrorCode
	codeOther  = "error"              // for the header, which must not be empty
)

// codes are all codes of a node, the user's first.
type codes []errorCode

func newCodes(own []errorCode) (codes, error) {
	all := slices.Concat(own, builtinCodes)
	for i, c := range all {
		for _, other := range all[:i] {
			if c.code == other.code || c.code == codePanic || c.code == codeOther {
				return nil, fmt.Errorf("ErrorCode: the code %q is taken", other.code)
			}
			if reflect.ValueOf(c.err).Comparable() && c.err == other.err { //nolint:errorlint // the same value, not the same kind
				return nil, fmt.Errorf("ErrorCode: %q and %q stand for the same error: %w", other.code, c.code, c.err)
			}
		}
	}
	return all, nil
}

// of returns the codes of all that err is.
func (cs codes) of(err error) (codes []string) {
	for _, c := range cs {
		if wrapped.Is(err, c.err) {
			codes = append(codes, c.code)
		}
	}
	if _, ok := wrapped.As[*mediator.PanicError](err); ok {
		codes = append(codes, codePanic)
	}
	if answer.Is(err) {
		codes = append(codes, codeAnswer)
	}
	if r, ok := wrapped.As[*RemoteError](err); ok && r != nil {
		for _, c := range r.codes { // this node may not know them, the caller may
			if !slices.Contains(codes, c) {
				codes = append(codes, c)
			}
		}
	}
	return codes
}

// causes returns what the codes stand for here.
func (cs codes) causes(codes []string, message string) (causes []error) {
	for _, code := range codes {
		if code == codePanic {
			causes = append(causes, &mediator.PanicError{Value: strings.TrimPrefix(message, "panic: ")})
			continue
		}
		if code == codeAnswer {
			causes = append(causes, errAnswer)
			continue
		}
		if i := slices.IndexFunc(cs, func(c errorCode) bool { return c.code == code }); i >= 0 {
			causes = append(causes, cs[i].err)
		}
	}
	return causes
}

// errorBytes returns err as it travels.
func (w *wire) errorBytes(err error) (data []byte, body errorBody) {
	failed := guard(func() error { // the methods of a handler's error are the handler's
		body = errorBody{Codes: w.codes.of(err), Message: clip(err.Error(), maxErrorText)}
		body.ask(err)
		return nil
	})
	if failed != nil {
		body = errorBody{Codes: []string{codePanic}, Message: clip(fmt.Sprintf("panic: the error is a %T that cannot be asked: %v", err, failed), maxErrorText)}
	}
	data, marshalErr := json.Marshal(body)
	if marshalErr != nil { // not with these types
		data = []byte(`{"message":"error"}`)
	}
	return data, body
}

var errAnswer = behaviors.Business(errors.New("an answer of the business"))

// asked is err, or what it panics with when it is asked for its text or for what it
// is: a nil pointer of the handler's own type does.
func asked(err error) error {
	if err == nil {
		return nil
	}
	failed := guard(func() error {
		_ = err.Error()
		if told, ok := wrapped.As[interface{ RetryAfter() time.Duration }](err); ok {
			_ = told.RetryAfter()
		}
		return nil
	})
	if failed == nil {
		return err
	}
	return fmt.Errorf("the handler's error is a %T that cannot be asked: %w", err, failed)
}

// remoteError is the opposite of errorBytes, for whatever bytes.
func (w *wire) remoteError(service, name string, data []byte) *RemoteError {
	var body errorBody
	if err := json.Unmarshal(data, &body); err != nil {
		return w.malformedReply(service, name, err)
	}
	body.Codes = body.Codes[:min(len(body.Codes), maxErrorCodes)]
	e := &RemoteError{Service: service, Name: name, Message: clip(body.Message, maxErrorText), codes: body.Codes,
		causes: append(w.codes.causes(body.Codes, body.Message), body.told()...), after: max(body.RetryAfter, 0)}
	if len(body.Codes) > 0 {
		e.Code = body.Codes[0]
	}
	return e
}

// malformedReply is the error of a reply that cannot be read.
func (w *wire) malformedReply(service, name string, err error) *RemoteError {
	if !errors.Is(err, ErrMalformed) {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &RemoteError{Service: service, Name: name, Message: fmt.Sprintf("the response: %v", err), Code: "malformed",
		codes: []string{"malformed"}, causes: []error{err}}
}

// errNoInstance may be over soon, as when the only instance starts again.
var errNoInstance = &retryError{text: "no instance of the service", retryable: true, err: mediator.ErrNoHandler}

// noService is the error of a call that nobody took.
func noService(service, name, subject string) *RemoteError {
	return &RemoteError{Service: service, Name: name, Code: "no_handler", codes: []string{"no_handler"},
		Message: "no instance of the service takes requests on " + subject, causes: []error{errNoInstance}}
}

// errorReply is the message that answers a request with err.
func (w *wire) errorReply(reply string, err error) *nats.Msg {
	data, body := w.errorBytes(err)
	code := codeOther
	if len(body.Codes) > 0 {
		code = body.Codes[0]
	}
	return &nats.Msg{Subject: reply, Data: data, Header: nats.Header{
		micro.ErrorHeader:     {oneLine(body.Message)},
		micro.ErrorCodeHeader: {code},
	}}
}

// oneLine is a text that fits a header; the whole of it is in the body.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, clip(s, 200))
	if s = strings.TrimSpace(s); s == "" {
		return codeOther
	}
	return s
}
