package benchmarks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeVersions keeps the versions that the README names equal to those that are measured.
func TestReadmeVersions(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)

	for _, peer := range []string{
		"github.com/asaskevich/EventBus", "github.com/ThreeDotsLabs/watermill", "github.com/samber/ro",
		"github.com/sony/gobreaker/v2", "github.com/failsafe-go/failsafe-go",
		"golang.org/x/time", "golang.org/x/sync", "go.etcd.io/bbolt",
	} {
		_, rest, ok := strings.Cut(string(mod), "\t"+peer+" ")
		require.True(t, ok, "%s is not in go.mod", peer)
		version, _, _ := strings.Cut(rest, "\n")
		require.Contains(t, string(readme), "["+peer+"](https://pkg.go.dev/"+peer+") "+version)
	}
}
