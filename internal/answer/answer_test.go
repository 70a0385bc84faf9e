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

func TestIs(t *testing.T) {
	broken := errors.New("broken")
	require.True(t, answer.Is(verdict(true)))
	require.True(t, answer.Is(fmt.Errorf("place: %w", verdict(true))))
	require.True(t, answer.Is(errors.Join(broken, verdict(true))))
	require.False(t, answer.Is(nil))
	require.False(t, answer.Is(broken))
	require.False(t, answer.Is(verdict(false)))
	require.False(t, answer.Is(&mediator.PanicError{Value: verdict(true)}))
}
