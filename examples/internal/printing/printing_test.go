package printing_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/internal/printing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is a Writer whose reader has gone if err is not nil.
type pipe struct {
	writes []string
	err    error
}

func (p *pipe) Write(b []byte) (int, error) {
	p.writes = append(p.writes, string(b))
	return len(b), p.err
}

func TestSummary(t *testing.T) {
	text := func(out *bytes.Buffer) {
		out.WriteString("two ")
		out.WriteString("pieces\n")
	}
	var out pipe
	require.NoError(t, printing.Summary(&out, false, nil, text))
	require.NoError(t, printing.Summary(&out, true, map[string]string{"a": "<&>"}, text))
	require.Equal(t, []string{"two pieces\n", "{\n  \"a\": \"<&>\"\n}\n"}, out.writes)

	out.err = os.ErrClosed
	require.ErrorIs(t, printing.Summary(&out, false, nil, text), os.ErrClosed)
	require.ErrorContains(t, printing.Summary(&out, true, func() {}, text), "func()")
	require.Len(t, out.writes, 3, "nothing is written of what is no JSON")
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, printing.Grouped(n))
		require.Equal(t, want, printing.Grouped(int64(n)))
	}
}

func TestOneLine(t *testing.T) {
	require.Equal(t, "a; b", printing.OneLine(errors.Join(errors.New("a"), errors.New("b"))))
}

func TestTerminal(t *testing.T) {
	require.Nil(t, printing.Terminal(&bytes.Buffer{}))
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.Nil(t, printing.Terminal(f))
	require.NoError(t, f.Close())
}

func TestTheSizeOfATerminal(t *testing.T) {
	type size struct{ width, height int }
	sizeOf := func(width, height int, err error) size {
		width, height = printing.SizeOf(width, height, err)
		return size{width, height}
	}
	require.Equal(t, size{132, 50}, sizeOf(132, 50, nil))
	for _, told := range []size{{0, 0}, {0, 50}, {132, 0}, {-1, 50}} {
		require.Equal(t, size{80, 24}, sizeOf(told.width, told.height, nil), "a terminal that another program made")
	}
	require.Equal(t, size{80, 24}, sizeOf(132, 50, errors.New("not a terminal")))
}
