package natsmediator_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv names what this program does instead of the tests when a test starts
// it as its child.
const childEnv = "NATSMEDIATOR_TEST_CHILD"

// children is what a child can do. Each file of tests adds its own.
var children = map[string]func(args []string) int{}

func TestMain(m *testing.M) {
	// Most tests break something, and nodes would tell the results' reader.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if child := os.Getenv(childEnv); child != "" {
		os.Exit(children[child](os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// embed returns a node on a server of its own, closed at the end of the test.
func embed(t testing.TB, opts ...natsmediator.NodeOption) *natsmediator.Node {
	t.Helper()
	n, err := natsmediator.Embed(t.TempDir(), opts...)
	require.NoError(t, err)
	closeLast(t, n.Close)
	return n
}

// connect returns another node on the server of n, which listens.
func connect(t testing.TB, n *natsmediator.Node, opts ...natsmediator.NodeOption) *natsmediator.Node {
	t.Helper()
	other, err := natsmediator.Connect(n.URL(), opts...)
	require.NoError(t, err)
	closeLast(t, other.Close)
	return other
}

func closeLast(t testing.TB, end func(ctx context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, end(ctx))
	})
}

// wired returns a mediator, closed at the end of the test.
func wired(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(opts...)
	require.NoError(t, err)
	closeLast(t, m.Close)
	return m
}

// rawConn is the connection of a node itself, to play the other side by hand.
func rawConn(t testing.TB, n *natsmediator.Node) *nats.Conn {
	t.Helper()
	return natsmediator.Conn(n)
}
