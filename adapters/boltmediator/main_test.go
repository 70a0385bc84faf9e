package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv names what this program does instead of the tests when a test starts
// it as its child.
const childEnv = "BOLTMEDIATOR_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childEnv); child != "" {
		os.Exit(children[child](os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

var children = map[string]func(args []string) int{}

var errDeclined = errors.New("declined")

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "letters.db") }

func open(t testing.TB, path string, opts ...boltmediator.Option) *boltmediator.Store {
	t.Helper()
	s, err := boltmediator.Open(path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// letter is the letter number n, with a body of size bytes.
func letter(n, size int) deadletter.Letter {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(n + i)
	}
	at := time.Unix(1700000000, int64(n)).UTC()
	return deadletter.Letter{
		ID: fmt.Sprintf("letter-%08d", n), Name: "shop.OrderPaid", Kind: mediator.KindNotification, Group: "stock",
		Body: body, ContentType: "application/octet-stream", Errors: []string{"declined"}, Attempts: 3, First: at, Last: at,
	}
}

// all returns all letters of s.
func all(t testing.TB, s deadletter.Store) (letters []deadletter.Letter) {
	t.Helper()
	for l, err := range deadletter.All(context.Background(), s, deadletter.Filter{}) {
		require.NoError(t, err)
		letters = append(letters, l)
	}
	return letters
}
