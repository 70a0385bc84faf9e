package natsmediator_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// child starts this program as another process, to be killed. lines is what it
// prints.
func child(t *testing.T, what string, args ...string) (c *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	c = exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), childEnv+"="+what)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait()
		cancel()
	})
	return c, bufio.NewScanner(out)
}

const deathBeat = 100 * time.Millisecond

func init() {
	// A process that serves an endless stream.
	children["serve"] = func(args []string) int {
		n, err := natsmediator.Connect(args[0])
		if err == nil {
			var m *mediator.Mediator
			m, err = mediator.New(mediator.HandleStream(endless(make(chan error, 100))))
			if err == nil {
				_, err = natsmediator.Serve(context.Background(), m, n, "shop")
			}
		}
		fmt.Println("serving", err)
		time.Sleep(time.Hour) // until it is killed
		return 0
	}
	// A process that consumes one, slowly in the end.
	children["consume"] = func(args []string) int {
		n, err := natsmediator.Connect(args[0])
		if err != nil {
			fmt.Println(err)
			return 1
		}
		m, err := mediator.New(natsmediator.RemoteStream[count](n, "shop", natsmediator.Heartbeat(deathBeat)))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		for i, err := range mediator.Stream(context.Background(), m, count{}) {
			if err != nil || i == 1000 {
				fmt.Println("consumed", i, err)
				time.Sleep(time.Hour) // until it is killed
			}
		}
		return 0
	}
}

func TestProducerDiesUnderAStream(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	c, lines := child(t, "serve", n.URL())
	require.True(t, lines.Scan())
	require.Equal(t, "serving <nil>", lines.Text())
	m := wired(t, natsmediator.RemoteStream[count](n, "shop", natsmediator.Heartbeat(deathBeat)))
	var last error
	next := 0
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		if last = err; err != nil {
			break
		}
		require.Equal(t, next, i)
		if next++; next == 1000 {
			require.NoError(t, c.Process.Kill())
		}
	}
	require.ErrorIs(t, last, natsmediator.ErrConnection, "an error, never an end")
}

func TestConsumerDiesUnderAStream(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	ended := make(chan error, 1)
	serve(t, wired(t, mediator.HandleStream(endless(ended))), n)
	c, lines := child(t, "consume", n.URL())
	require.True(t, lines.Scan())
	require.Equal(t, "consumed 1000 <nil>", lines.Text())
	require.Empty(t, ended, "a consumer that takes its time is alive")
	require.NoError(t, c.Process.Kill())
	select {
	case err := <-ended:
		require.ErrorIs(t, err, natsmediator.ErrConnection)
	case <-time.After(patience):
		require.Fail(t, "the handler goes on")
	}
}
