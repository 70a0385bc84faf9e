package answer_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type verdict bool

func (v verdict) Error() string  { return fmt.Sprint("business: ", bool(v)) }
func (v verdict) Business() bool { return bool(v) }

// asked panics when a nil pointer to it is asked.
type asked struct{ verdict }

func (a *asked) Unwrap() error { return a.verdict }

func TestIs(t *testing.T) {
	yes, no, broken := verdict(true), verdict(false), errors.New("broken")
	for _, err := range []error{yes, fmt.Errorf("place: %w", yes), errors.Join(broken, yes), errors.Join(yes, no)} {
		require.True(t, answer.Is(err), err)
	}
	for _, err := range []error{nil, broken, no, errors.Join(no, yes), (*asked)(nil), &mediator.PanicError{Value: yes}, errors.Join(yes, &mediator.PanicError{}), errors.Join(yes, mediator.ErrGoexit)} {
		require.False(t, answer.Is(err), err)
	}
}
