package main_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build compiles the program, as go run does.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "orders")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func TestProgram(t *testing.T) {
	bin := build(t)

	t.Run("sample", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run())
		want, err := os.ReadFile(filepath.Join("testdata", "sample.summary"))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(stdout.String(), "\n")
		require.Equal(t, string(want), rest)
		require.NotContains(t, stderr.String(), "\x1b", "no status line where there is no terminal")
	})

	t.Run("bad flag", func(t *testing.T) {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin, "-n", "x")
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Run(), &exit)
		require.Equal(t, 2, exit.ExitCode())
		require.Equal(t, "orders: invalid value \"x\" for flag -n: parse error; -h shows the usage\n", stderr.String())
	})

	t.Run("interrupt", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), bin, "-in", "-")
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = io.WriteString(stdin, line+"\n"+line+"\nnonsense\n")
		require.NoError(t, err)
		said, err := bufio.NewReader(stderr).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "orders: skipped line 3: not a JSON object\n", said)

		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		require.Equal(t, 130, exit.ExitCode())
		require.Contains(t, stdout.String(), "INTERRUPTED")
		require.Regexp(t, `placed +2  = completed \+ compensated\n`, stdout.String())
	})
}
