// Package entrypoint finds what of a package is exported and not shown.
package entrypoint

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// WithoutExample returns the exported functions of the package in a folder that
// have no Example of their own whose output is checked, in order. Methods are
// shown by the examples of what makes their receivers. It is for a test in each
// package:
//
//	missing, err := entrypoint.WithoutExample(".")
func WithoutExample(dir string) (missing []string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no Go files in %s", dir)
	}
	shown := map[string]bool{}
	files := token.NewFileSet()
	for _, path := range paths {
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, e := range doc.Examples(file) {
				if e.Output != "" || e.EmptyOutput {
					function, _, _ := strings.Cut(e.Name, "_")
					shown[function] = true
				}
			}
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
				missing = append(missing, f.Name.Name)
			}
		}
	}
	missing = slices.DeleteFunc(missing, func(name string) bool { return shown[name] })
	slices.Sort(missing)
	return missing, nil
}
