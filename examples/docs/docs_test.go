package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The Go files of each guide are one module, example.com/shop: it passes go vet and
// its own tests, and each of its programs prints what it says.
func TestPrograms(t *testing.T) {
	var programs int
	for _, p := range pages(t) {
		files, err := p.files()
		require.NoError(t, err)
		if len(files) == 0 {
			continue
		}
		programs++
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, files)
			m.run(t, m.dir, "go", "vet", "./...")
			if slices.ContainsFunc(slices.Collect(maps.Keys(files)), isTest) {
				m.run(t, m.dir, "go", "test", "-count=1", "-timeout=60s", "./...")
			}
			for path, text := range files {
				want, found, err := output(text)
				require.NoError(t, err)
				if !found {
					continue
				}
				program := filepath.Join(m.bin, strings.ReplaceAll(filepath.Dir(path), "/", "-")+".exe")
				m.run(t, m.dir, "go", "build", "-o", program, "./"+filepath.Dir(path))
				require.Equal(t, tidy(want), tidy(m.run(t, t.TempDir(), program)), "what %s prints", path)
			}
		})
	}
	require.Positive(t, programs)
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

// tidy has no blanks at the ends of lines and of the text.
func tidy(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t")
	}
	return strings.Join(lines, "\n")
}

// module is a module in a workspace with all those of this repository.
type module struct{ dir, bin, work string }

func newModule(t *testing.T, files map[string]string) module {
	t.Helper()
	m := module{dir: t.TempDir(), bin: t.TempDir()}
	write := func(path, text string) {
		path = filepath.Join(m.dir, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for path, text := range files {
		write(path, text)
	}
	write("go.mod", "module example.com/shop\n\ngo 1.26\n")

	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	edit := exec.Command("go", "work", "edit", "-json", filepath.Join(root, "go.work"))
	printed, err := edit.Output()
	require.NoError(t, err)
	var workspace struct{ Use []struct{ DiskPath string } }
	require.NoError(t, json.Unmarshal(printed, &workspace))
	work := "go 1.26\n\nuse .\n"
	for _, u := range workspace.Use {
		work += fmt.Sprintf("use %q\n", filepath.Join(root, u.DiskPath))
	}
	write("go.work", work)
	sums, err := os.ReadFile(filepath.Join(root, "go.work.sum"))
	require.NoError(t, err)
	write("go.work.sum", string(sums))
	m.work = filepath.Join(m.dir, "go.work")
	return m
}

// patience is long enough for a build of everything on a machine that is busy.
const patience = 5 * time.Minute

// run returns what a command prints to its standard output. It has to succeed.
func (m module) run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stderr strings.Builder
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK="+m.work, "GOFLAGS=")
	c.Stderr = &stderr
	c.WaitDelay = time.Second // for what the command has started
	out, err := c.Output()
	require.NoError(t, err, "%s %s\n%s%s", name, strings.Join(args, " "), out, stderr.String())
	return string(out)
}

// What would make the tests of this package pass without looking is found.
func TestMistakesInPagesAreFound(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"```go\n// a.go\npackage a\n", "has no end"},
		{"```go\npackage a\n```\n", "does not name the file"},
		{"```go\n// a.go (continued)\npackage a\n```\n", "continued without a beginning"},
		{"```go\n// a.go\npackage a\n```\n```go\n// a.go\npackage a\n```\n", "not marked as continued"},
		{"```go\n// a.go\npackage  a\n```\n", "not as gofmt has it"},
		{"```go\n// a.go\npackage\n```\n", "expected"},
	} {
		p, err := parsePage("p.md", c.text)
		if err == nil {
			_, err = p.files()
		}
		require.ErrorContains(t, err, c.want, c.text)
	}
	p, err := parsePage("p.md", "a\n```go\n// a.go\npackage main\n\nfunc main() {\n\tprintln()\n\t// Output:\n\t// x\n\t//   y\n}\n```\nb\n```go\n// a.go (continued)\n\nfunc f() {}\n```\n")
	require.NoError(t, err)
	require.Equal(t, "a\nb\n", p.prose)
	files, err := p.files()
	require.NoError(t, err)
	require.Contains(t, files["a.go"], "}\n\nfunc f() {}\n")
	want, found, err := output(files["a.go"])
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "x\n  y\n", want)
}
