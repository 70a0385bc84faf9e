package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// packages are those whose names the guides use, by their folders.
var packages = map[string]string{
	"mediator":     ".",
	"behaviors":    "behaviors",
	"backpressure": "backpressure",
	"health":       "health",
	"deadletter":   "deadletter",
	"mediatortest": "mediatortest",
	"console":      "console",
	"boltmediator": "adapters/boltmediator",
	"natsmediator": "adapters/natsmediator",
	"otelmediator": "adapters/otelmediator",
	"prommediator": "adapters/prommediator",
}

var (
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	qualified = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	member    = regexp.MustCompile(`(?:^|[^.\w])([A-Z]\w*)\.([A-Z]\w*)`)
)

// Each name of this library in a guide exists: pkg.Name, pkg.Type.Member and, of
// its types, Type.Member.
func TestNamesExist(t *testing.T) {
	exported := map[string]names{}
	for name, dir := range packages {
		exported[name] = namesOf(t, filepath.Join("../..", dir))
	}
	var checked int
	for _, p := range pages(t) {
		for _, span := range codeSpan.FindAllStringSubmatch(p.prose, -1) {
			for _, m := range qualified.FindAllStringSubmatch(span[1], -1) {
				pkg, ours := exported[m[1]]
				if !ours {
					continue
				}
				checked++
				require.Contains(t, pkg, m[2], "%s: %s", p.name, m[0])
				if m[3] != "" {
					require.Contains(t, pkg[m[2]], m[3], "%s: %s", p.name, m[0])
				}
			}
			for _, m := range member.FindAllStringSubmatch(span[1], -1) {
				var known, there bool
				for _, pkg := range exported {
					members, is := pkg[m[1]]
					known = known || is
					there = there || members[m[2]]
				}
				require.Equal(t, known, there, "%s: no %s.%s", p.name, m[1], m[2])
			}
		}
	}
	require.Positive(t, checked)
}

// names are the exported names of a package, and the fields and methods of types.
type names map[string]map[string]bool

func namesOf(t *testing.T, dir string) names {
	t.Helper()
	all := names{}
	add := func(name, member string) {
		if all[name] == nil {
			all[name] = map[string]bool{}
		}
		all[name][member] = true
	}
	for _, f := range parseDir(t, dir, func(path string) bool { return !isTest(path) }) {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name.Name, "")
				} else {
					add(receiver(d.Recv.List[0].Type), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, n := range s.Names {
							add(n.Name, "")
						}
					case *ast.TypeSpec:
						add(s.Name.Name, "")
						for _, n := range membersOf(s.Type) {
							add(s.Name.Name, n)
						}
					}
				}
			}
		}
	}
	return all
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func membersOf(e ast.Expr) (all []string) {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return nil
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			all = append(all, n.Name)
		}
	}
	return all
}

func parseDir(t *testing.T, dir string, wanted func(path string) bool) (all []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if !wanted(path) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

var (
	testName = regexp.MustCompile(`\b((?:Test|Benchmark|Fuzz)[A-Z]\w*)(…?)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)[A-Z]\w*)\(`)
)

// Each test and benchmark that a guide names exists in this repository; with three
// dots, and in a command, one of which the name begins so.
func TestTestsExist(t *testing.T) {
	var there []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isTest(path) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			there = append(there, string(m[1]))
		}
		return err
	})
	require.NoError(t, err)
	for _, p := range pages(t) {
		for _, m := range testName.FindAllStringSubmatch(p.prose, -1) {
			require.True(t, slices.ContainsFunc(there, func(name string) bool {
				return name == m[1] || m[2] != "" && strings.HasPrefix(name, m[1])
			}), "%s: no %s", p.name, m[0])
		}
		for _, b := range p.blocks {
			if b.language != "sh" {
				continue
			}
			for _, m := range testName.FindAllStringSubmatch(b.text, -1) {
				require.True(t, slices.ContainsFunc(there, func(name string) bool {
					return strings.HasPrefix(name, m[1])
				}), "%s: no %s", p.name, m[0])
			}
		}
	}
}
