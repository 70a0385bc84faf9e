package natsmediator

import (
	"fmt"
	"time"

	"github.com/fsmediator/mediator/internal/wrapped"
)

// errorBody is an error on the wire, as JSON: the body of a reply with the
// headers of a service's error, or the payload of the last frame of a stream.
type errorBody struct {
	Codes      []string      `json:"codes,omitempty"`
	Message    string        `json:"message"`
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
	Status     int           `json:"status,omitempty"`
	SQLState   string        `json:"sql_state,omitempty"`
	SQLNumber  int32         `json:"sql_number,omitempty"`
}

// What an error tells of itself, besides what it is.
type (
	toldStatus    struct{ code int }
	toldSQLState  struct{ state string }
	toldSQLNumber struct{ number int32 }
)

func (e toldStatus) Error() string   { return fmt.Sprintf("status %d", e.code) }
func (e toldStatus) StatusCode() int { return e.code }

func (e toldSQLState) Error() string    { return "SQLSTATE " + e.state }
func (e toldSQLState) SQLState() string { return e.state }

func (e toldSQLNumber) Error() string         { return fmt.Sprintf("SQL error %d", e.number) }
func (e toldSQLNumber) SQLErrorNumber() int32 { return e.number }

// ask has err tell.
func (b *errorBody) ask(err error) {
	if after, ok := wrapped.As[interface{ RetryAfter() time.Duration }](err); ok {
		b.RetryAfter = max(after.RetryAfter(), 0)
	}
	if status, ok := wrapped.As[interface{ StatusCode() int }](err); ok {
		b.Status = status.StatusCode()
	}
	if state, ok := wrapped.As[interface{ SQLState() string }](err); ok {
		b.SQLState = clip(state.SQLState(), maxSQLState)
	}
	if number, ok := wrapped.As[interface{ SQLErrorNumber() int32 }](err); ok {
		b.SQLNumber = number.SQLErrorNumber()
	}
}

// told are the errors that tell it again.
func (b *errorBody) told() (causes []error) {
	if b.Status != 0 {
		causes = append(causes, toldStatus{b.Status})
	}
	if b.SQLState != "" {
		causes = append(causes, toldSQLState{clip(b.SQLState, maxSQLState)})
	}
	if b.SQLNumber != 0 {
		causes = append(causes, toldSQLNumber{b.SQLNumber})
	}
	return causes
}

// What an error may take on the wire at most; what is longer is cut short.
const (
	maxErrorText  = 8 << 10
	maxErrorCodes = 32
	maxSQLState   = 16 // the standard's have five characters
)
