package docs_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// guides is where the guides are, seen from this package.
const guides = "../../docs"

// page is a guide.
type page struct {
	name   string
	prose  string // without the blocks
	blocks []block
}

// block is what stands between two fences.
type block struct {
	language, text string
	line           int // of its first line
}

// pages returns all guides, by name.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(guides, "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []page
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		p, err := parsePage(filepath.Base(path), string(text))
		require.NoError(t, err)
		all = append(all, p)
	}
	return all
}

func parsePage(name, text string) (page, error) {
	p := page{name: name}
	var prose []string
	var open *block
	for i, line := range strings.Split(text, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 2}
		case fence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		default:
			prose = append(prose, line)
		}
	}
	if open != nil {
		return page{}, fmt.Errorf("%s:%d: the block has no end", name, open.line)
	}
	p.prose = strings.Join(prose, "\n")
	return p, nil
}

// A Go block says in its first line which file it is, or is a part of.
var inFile = regexp.MustCompile(`^// ([a-z0-9_/]+\.go)( \(continued\))?\n`)

// files returns the Go files of a page, by path.
func (p page) files() (map[string]string, error) {
	files := map[string]string{}
	for _, b := range p.blocks {
		if b.language != "go" {
			continue
		}
		m := inFile.FindStringSubmatch(b.text)
		if m == nil {
			return nil, fmt.Errorf("%s:%d: the first line does not name the file", p.name, b.line)
		}
		path, text := m[1], b.text
		if _, there := files[path]; there != (m[2] != "") {
			return nil, fmt.Errorf("%s:%d: %s: not marked as continued, or continued without a beginning", p.name, b.line, path)
		}
		if m[2] != "" {
			text = files[path] + "\n" + strings.TrimLeft(strings.TrimPrefix(text, m[0]), "\n")
		}
		formatted, err := format.Source([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", p.name, b.line, err)
		}
		if string(formatted) != text {
			return nil, fmt.Errorf("%s:%d: not as gofmt has it", p.name, b.line)
		}
		files[path] = text
	}
	return files, nil
}

// output returns what the function main in a file says that it prints, in a last
// comment as an example has.
func output(file string) (want string, found bool, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", file, parser.ParseComments)
	if err != nil || f.Name.Name != "main" {
		return "", false, err
	}
	main := slices.IndexFunc(f.Decls, func(d ast.Decl) bool {
		f, is := d.(*ast.FuncDecl)
		return is && f.Recv == nil && f.Name.Name == "main"
	})
	if main < 0 {
		return "", false, nil
	}
	for _, c := range f.Comments {
		if c.Pos() < f.Decls[main].Pos() || c.End() > f.Decls[main].End() {
			continue
		}
		if text, is := strings.CutPrefix(c.Text(), "Output:\n"); is {
			return text, true, nil
		}
	}
	return "", false, nil
}
