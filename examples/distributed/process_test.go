package main_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/examples/orders/ledger"
)

// program is the program in a process of its own.
type program struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout bytes.Buffer
	stderr *bufio.Reader
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := &program{Cmd: exec.CommandContext(ctx, os.Args[0], args...)}
	p.Env = append(os.Environ(), programEnv+"=1")
	p.Stdout = &p.stdout
	var err error
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	stderr, err := p.StderrPipe()
	require.NoError(t, err)
	p.stderr = bufio.NewReader(stderr)
	require.NoError(t, p.Start())
	return p
}

// waitFor reads what the program says until it says text.
func (p *program) waitFor(t *testing.T, text string) {
	t.Helper()
	var said strings.Builder
	for {
		line, err := p.stderr.ReadString('\n')
		said.WriteString(line)
		require.NoError(t, err, "%s", said.String())
		if strings.Contains(line, text) {
			return
		}
	}
}

// gone tells that no process of a shop is left: each holds its ledger.
func gone(t *testing.T, dir string) bool {
	t.Helper()
	for _, name := range services {
		l, err := ledger.Open(filepath.Join(dir, name+".db"))
		if err != nil {
			return false
		}
		require.NoError(t, l.Close())
	}
	return true
}

// The services end with who started them, however that ends, and another run
// finishes what they have left.
func TestKill9OfTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "-in", "-", "-dir", dir)
	_, err := io.WriteString(p.stdin, strings.Repeat(goodOrder, 60)+"nonsense\n"+strings.Repeat(goodOrder, 60)+"nonsense\n")
	require.NoError(t, err)
	p.waitFor(t, "skipped line 122: ")
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	require.Eventually(t, func() bool { return gone(t, dir) }, time.Minute, 50*time.Millisecond)

	s := good(t, "", "-in", "-", "-dir", dir)
	require.GreaterOrEqual(t, s.PlacedBefore, int64(104), "what there was a receipt of, for sixteen are on their way at a time")
	require.Equal(t, s.PlacedBefore, s.Placed)
	require.Equal(t, s.Placed, s.Completed)
}

func TestInterruptDrains(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		require.Error(t, (&os.Process{Pid: -1}).Signal(os.Interrupt), "there is no such signal to send")
		return
	}
	dir := t.TempDir()
	p := start(t, "-in", "-", "-dir", dir, "-json")
	_, err := io.WriteString(p.stdin, strings.Repeat(goodOrder, 100)+"nonsense\n")
	require.NoError(t, err)
	p.waitFor(t, "skipped line 101: ")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(p.stderr)
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(), &exit, "%s", rest)
	require.Equal(t, 130, exit.ExitCode(), "%s", rest)
	require.True(t, gone(t, dir))
	s := decode(t, p.stdout.String())
	s.addsUp(t)
	require.True(t, s.Interrupted)
	require.EqualValues(t, 100, s.Completed)
}

// A service that cannot start ends the program, and the others.
func TestServiceThatDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "payment.db")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("Dear diary, ", 10_000)), 0o600))
	code, stdout, stderr := run(t, "", "-n", "10", "-dir", dir)
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "distributed: payment: ledger "+file)
	require.Contains(t, stderr, "distributed: service payment: not ready")
	require.NoError(t, os.Remove(file))
	require.True(t, gone(t, dir))
}

// One who begins a service by hand learns what that is.
func TestServiceByHand(t *testing.T) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-service", "order")
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, stderr.String(), "-service is for this program to start itself with")
}
