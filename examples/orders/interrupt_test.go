package main_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	orders "github.com/fsmediator/mediator/examples/orders"
)

const errNoSpace = syscall.ENOSPC

// endless gives order after order, and calls then in the middle of the nth.
type endless struct {
	n    int
	then func()
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = line + "\n"
		if e.n--; e.n == 0 {
			e.then()
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestInterruptDrains(t *testing.T) {
	for _, workers := range []string{"1", "4"} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr bytes.Buffer
		code := orders.Run(ctx, []string{"-in", "-", "-json", "-workers", workers},
			&endless{n: 3000, then: cancel}, &stdout, &stderr)
		require.Equal(t, 130, code, stderr.String())
		s := decode(t, stdout.String())
		s.addsUp(t)
		require.True(t, s.Interrupted)
		require.Positive(t, s.Placed)
		require.LessOrEqual(t, s.Placed, int64(3000))
	}
}

// A read that blocks does not keep the program from ending.
func TestInterruptWhileReading(t *testing.T) {
	for name, input := range map[string]string{"before anything": "", "in the middle": line + "\n" + line + "\nx\n"} {
		t.Run(name, func(t *testing.T) {
			stdin, typed := io.Pipe()
			defer func() { require.NoError(t, typed.Close()) }()
			ctx, cancel := context.WithCancel(t.Context())
			var stdout bytes.Buffer
			stderr := &waitFor{text: "line 3", found: cancel}
			go func() {
				if _, err := io.WriteString(typed, input); err != nil || input == "" {
					cancel()
				}
			}()
			code := orders.Run(ctx, []string{"-in", "-"}, stdin, &stdout, stderr)
			require.Equal(t, 130, code)
			require.Contains(t, stdout.String(), "INTERRUPTED")
			if input != "" {
				require.Regexp(t, `completed +2\n`, stdout.String())
			}
		})
	}
}

// waitFor calls found when text is written to it.
type waitFor struct {
	text  string
	found func()
}

func (w *waitFor) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.found()
	}
	return len(p), nil
}

func TestAlreadyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, 130, orders.Run(ctx, []string{"-n", "1000", "-json"}, nil, &stdout, &stderr))
	require.Empty(t, stderr.String())
	s := decode(t, stdout.String())
	s.addsUp(t)
	require.True(t, s.Interrupted)
	require.Zero(t, s.Placed)
}

func TestInputThatBreaksOff(t *testing.T) {
	in := io.MultiReader(strings.NewReader(line+"\n"+line+"\n"), iotest.ErrReader(errors.New("cable cut")))
	var stdout, stderr bytes.Buffer
	require.Equal(t, 2, orders.Run(t.Context(), []string{"-in", "-", "-json"}, in, &stdout, &stderr))
	require.Equal(t, "orders: standard input: line 3: cable cut\n", stderr.String())
	s := decode(t, stdout.String())
	s.addsUp(t)
	require.EqualValues(t, 2, s.Placed)
}
