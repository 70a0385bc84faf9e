package main_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	orders "github.com/fsmediator/mediator/examples/orders"
)

// screen keeps what is written to it until it is looked at.
type screen struct {
	mu   sync.Mutex
	text string
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text += string(p)
	return len(p), nil
}

func (s *screen) look() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text
	s.text = ""
	return text
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		console := orders.NewConsole(&out, 12)
		var n atomic.Int64
		stop := console.Progress(func() string { return fmt.Sprintf("status %d", n.Add(1)) })
		tick := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			return out.look()
		}
		const erased = "\r\x1b[K"
		require.Equal(t, "status 1"+erased+"status 2", tick(250*time.Millisecond))

		console.Print("a message")
		require.Equal(t, erased+"orders: a message\nstatus 2", out.look(), "messages stand above the status")

		n.Store(100_000)
		require.Equal(t, erased+"status 1000", tick(100*time.Millisecond), "cut to the width of the terminal")

		stop()
		require.Equal(t, erased, out.look())
		console.Print("the end")
		require.Equal(t, "orders: the end\n", out.look())
	})
}
