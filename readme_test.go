package mediator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in the README runs, and prints what its last comment says.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(readme), "```go\npackage main\n")
	require.True(t, found)
	program, _, _ = strings.Cut("package main\n"+program, "```")
	_, want, found := strings.Cut(program, "// Output:\n")
	require.True(t, found)
	want = strings.ReplaceAll(strings.TrimSuffix(strings.TrimRight(want, "\n"), "}"), "\t// ", "")

	dir := t.TempDir()
	root, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(
		"module readme\n\ngo 1.26\n\nrequire github.com/fsmediator/mediator v0.0.0\n\nreplace github.com/fsmediator/mediator => "+root+"\n"), 0o600))
	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	got, err := run.CombinedOutput()
	require.NoError(t, err, "%s", got)
	require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(string(got)))
}
