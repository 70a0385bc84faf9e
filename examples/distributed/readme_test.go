package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's diff has the lines of the two wirings, and all of the modules.
func TestReadmeShowsTheWiring(t *testing.T) {
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(path...))
		require.NoError(t, err)
		return string(text)
	}
	_, diff, found := strings.Cut(read("README.md"), "```diff\n")
	require.True(t, found)
	diff, _, found = strings.Cut(diff, "\n```")
	require.True(t, found)
	before, after := read("..", "orders", "wiring.go"), read("wiring.go")
	removed, added := 0, 0
	for line := range strings.Lines(diff + "\n") {
		switch code := line[1:]; line[0] {
		case '-':
			require.Contains(t, before, "\n"+code)
			removed++
		case '+':
			require.Contains(t, after, "\n"+code)
			added++
		}
	}
	require.Equal(t, 4, removed)
	require.Equal(t, 4+strings.Count(after, "natsmediator.Durable[")+strings.Count(after, "natsmediator.Remote"+"[")+
		strings.Count(after, "natsmediator.RemoteStream["), added)
}
