package caught_test

import (
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func recovered(panics func()) (p *mediator.PanicError) {
	defer func() { p = caught.Panic(recover()) }()
	panics()
	return nil
}

func panicsHere(v any) { panic(v) }

func TestPanic(t *testing.T) {
	errLost := errors.New("lost")
	p := recovered(func() { panicsHere(errLost) })
	require.ErrorIs(t, p, errLost)
	require.Contains(t, string(p.Stack), "caught_test.panicsHere", "where the panic began")
	require.Same(t, p, recovered(func() { panic(p) }), "it keeps the stack of its origin")
	require.EqualError(t, recovered(func() { panicsHere("x") }), "panic: x")
}
