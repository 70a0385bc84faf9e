package input_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/internal/input"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("of a file"), 0o600))
	for in, want := range map[string]struct{ name, text string }{
		"":   {"the sample", "inside the program"},
		"-":  {"standard input", "typed"},
		file: {file, "of a file"},
	} {
		got, err := input.Open(in, strings.NewReader("typed"), input.Source{Name: "the sample", Reader: strings.NewReader("inside the program")})
		require.NoError(t, err)
		require.Equal(t, want.name, got.Name)
		text, err := io.ReadAll(got)
		require.NoError(t, err)
		require.Equal(t, want.text, string(text))
		require.NoError(t, got.Close())
		if in == file {
			_, err = got.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrClosed)
		}
	}
	_, err := input.Open(filepath.Join(file, "none"), nil, input.Source{})
	var missing *fs.PathError
	require.ErrorAs(t, err, &missing)
	_, err = input.Open(filepath.Dir(file), nil, input.Source{})
	require.ErrorContains(t, err, "it is a directory")
}

func TestBegin(t *testing.T) {
	items, err := input.Begin(t.Context(), func() (iter.Seq2[int, error], error) { return slices.All([]error{nil, io.EOF}), nil })
	require.NoError(t, err)
	var got []error
	for _, err := range items {
		got = append(got, err)
	}
	require.Equal(t, []error{nil, io.EOF}, got)

	broken := errors.New("no header")
	_, err = input.Begin(t.Context(), func() (iter.Seq2[int, error], error) { return nil, broken })
	require.ErrorIs(t, err, broken)
}

// A read that does not return is left behind.
func TestBeginEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	typed := make(chan struct{})
	defer close(typed)
	items, err := input.Begin(ctx, func() (iter.Seq2[int, error], error) {
		cancel()
		<-typed
		return slices.All([]error{nil}), nil
	})
	require.NoError(t, err)
	for range items {
		t.Error("there are no items")
	}
}
