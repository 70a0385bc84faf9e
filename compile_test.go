package mediator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The cases under testdata/compile are what a user writes. Those in valid have
// to compile. In invalid, the line after each comment
//
//	// error: part … part
//
// has to be refused with a message that holds the parts in this order, and no
// other line may be: the types carry the promise that wrong wiring does not
// compile, and the message has to say why.
func TestCompile(t *testing.T) {
	const messages = "testdata/compile/messages.go"
	imports := importConfig(t)
	compile := func(t *testing.T, file string) map[int]string {
		out := filepath.Join(t.TempDir(), "cases.a")
		command := exec.CommandContext(t.Context(), "go", "tool", "compile", "-e", "-lang=go1.26", "-p=cases",
			"-importcfg", imports, "-o", out, messages, file)
		printed, err := command.CombinedOutput()
		if err == nil {
			require.FileExists(t, out)
			return nil
		}
		refused := compileErrors(string(printed), file)
		require.NotEmpty(t, refused, "the compiler failed for another reason: %v\n%s", err, printed)
		return refused
	}
	for _, file := range caseFiles(t, "valid") {
		t.Run("valid/"+filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			require.Empty(t, expectedErrors(t, file))
			require.Empty(t, compile(t, file))
		})
	}
	for _, file := range caseFiles(t, "invalid") {
		t.Run("invalid/"+filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want := expectedErrors(t, file)
			require.NotEmpty(t, want)
			refused := compile(t, file)
			for line, parts := range want {
				require.Contains(t, refused, line, "%s:%d compiles, or its mistake is told elsewhere", file, line)
				requireInOrder(t, refused[line], parts)
				delete(refused, line)
			}
			require.Empty(t, refused, "not expected to be refused")
		})
	}
}

func caseFiles(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join("testdata", "compile", dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// importConfig returns the name of a file that tells the compiler where the
// packages are that the cases import.
func importConfig(t *testing.T) string {
	command := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps",
		"-f", "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}", ".")
	command.Stderr = os.Stderr
	list, err := command.Output()
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "importcfg")
	require.NoError(t, os.WriteFile(name, list, 0o600))
	return name
}

// expectedErrors returns the parts of the message expected at each line.
func expectedErrors(t *testing.T, file string) map[int][]string {
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	want := map[int][]string{}
	for i, line := range strings.Split(string(source), "\n") {
		if _, message, ok := strings.Cut(line, "// error: "); ok {
			want[i+2] = strings.Split(message, " … ")
		}
	}
	return want
}

var errorLine = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):\d+: `)

// compileErrors returns the compiler's messages about file by line, with those
// about other files under line 0.
func compileErrors(printed, file string) map[int]string {
	refused := map[int]string{}
	starts := errorLine.FindAllStringSubmatchIndex(printed, -1)
	for i, at := range starts {
		end := len(printed)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		line, _ := strconv.Atoi(printed[at[4]:at[5]])
		if filepath.Clean(printed[at[2]:at[3]]) != filepath.Clean(file) {
			line = 0
		}
		refused[line] += printed[at[1]:end]
	}
	return refused
}

func requireInOrder(t *testing.T, message string, parts []string) {
	rest := message
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		require.True(t, ok, "%q is not in its place in: %s", part, message)
		rest = after
	}
}
