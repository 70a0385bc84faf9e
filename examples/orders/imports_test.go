package main_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const here = "github.com/fsmediator/mediator/examples/orders/"

// The services know the mediator and their messages, and none another: that is why
// they can run in a process each. What each of them keeps is in packages that know
// no service.
func TestServicesKnowTheMediatorAndTheirMessages(t *testing.T) {
	services := []string{"order", "inventory", "payment", "notification"}
	for _, service := range services {
		for _, path := range imports(t, service) {
			switch path {
			case "github.com/fsmediator/mediator", here + "messages", here + "closed", here + "ledger":
			default:
				require.NotContains(t, strings.Split(path, "/")[0], ".", "%s imports %s", service, path)
			}
		}
	}
	for _, common := range []string{"messages", "closed", "ledger"} {
		for _, path := range imports(t, common) {
			require.NotContains(t, services, strings.TrimPrefix(path, here), "%s imports a service", common)
		}
	}
}

// imports returns what the package in dir imports, its tests apart.
func imports(t *testing.T, dir string) (paths []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			paths = append(paths, path)
		}
	}
	require.NotEmpty(t, paths)
	return paths
}
