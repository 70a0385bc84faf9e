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
	program := readmeProgram(t)
	_, want, found := strings.Cut(program, "// Output:\n")
	require.True(t, found)
	want = strings.ReplaceAll(strings.TrimSuffix(strings.TrimRight(want, "\n"), "}"), "\t// ", "")
	require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(runProgram(t, program)))
}

// What the README teaches places one order, also where a subscriber fails and a retry
// stands around the handler.
func TestReadmeProgramPlacesOneOrder(t *testing.T) {
	program := readmeProgram(t)
	for was, is := range map[string]string{
		"mediator.Handle(s.Place)": "mediator.Handle(s.Place, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})))",
		`fmt.Printf("audit: %T\n", e)
			return nil`: `return fmt.Errorf("audit of %T is down", e)`,
	} {
		require.Equal(t, 1, strings.Count(program, was), was)
		program = strings.Replace(program, was, is, 1)
	}
	got := runProgram(t, program)
	require.Equal(t, 1, strings.Count(got, "reserve stock for o-1\n"), got)
	require.Contains(t, got, "{o-1 15} <nil>", "the caller has its order")
	require.Contains(t, got, "audit of main.OrderPlaced is down", "the error is not lost")
}

// A release tags each adapter: one that is forgotten cannot be got.
func TestAReleaseTagsEveryAdapter(t *testing.T) {
	guide, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	_, command, found := strings.Cut(string(guide), "\nfor module in '' ")
	require.True(t, found)
	command, _, found = strings.Cut(command, "; do\n")
	require.True(t, found)
	modules, err := filepath.Glob("adapters/*/go.mod")
	require.NoError(t, err)
	var want []string
	for _, m := range modules {
		want = append(want, strings.TrimSuffix(filepath.ToSlash(m), "go.mod"))
	}
	require.NotEmpty(t, want)
	require.ElementsMatch(t, want, strings.Fields(command))
}

func readmeProgram(t *testing.T) string {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(readme), "```go\npackage main\n")
	require.True(t, found)
	program, _, _ = strings.Cut("package main\n"+program, "```")
	return program
}

// runProgram returns what the program prints.
func runProgram(t *testing.T, program string) string {
	dir := t.TempDir()
	root, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(
		"module readme\n\ngo 1.26\n\nrequire github.com/fsmediator/mediator v0.0.0\n\nreplace github.com/fsmediator/mediator => "+root+"\n"), 0o600))
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	got, err := run.CombinedOutput()
	require.NoError(t, err, "%s", got)
	return string(got)
}
