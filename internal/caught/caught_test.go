package caught_test

import (
	"errors"
	"runtime"
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

func TestApart(t *testing.T) {
	ran := false
	require.NoError(t, caught.Apart(func() { ran = true }))
	require.True(t, ran)
	require.ErrorIs(t, caught.Apart(runtime.Goexit), mediator.ErrGoexit)
	var p *mediator.PanicError
	require.ErrorAs(t, caught.Apart(func() { panicsHere("x") }), &p)
	require.Equal(t, "x", p.Value)
}
