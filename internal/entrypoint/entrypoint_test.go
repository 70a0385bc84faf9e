package entrypoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fsmediator/mediator/internal/entrypoint"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

func TestWithoutExample(t *testing.T) {
	dir := t.TempDir()
	_, err := entrypoint.WithoutExample(dir)
	require.EqualError(t, err, "no Go files in "+dir)

	write(t, filepath.Join(dir, "a.go"), `package a
type T struct{}
func (T) Method() {}
func Unshown() {}
func Shown() {}
func ShownTwice[X any]() {}
func Unchecked() {}
func Forgotten() {}
func ShownByNothing() {}
func private() {}
`)
	write(t, filepath.Join(dir, "a_test.go"), `package a_test
func ExampleShown() {
	// Output: x
}
func ExampleShownTwice_second() {
	// Output: x
}
func ExampleUnchecked() { println() }
func ExampleShownByNothing() {
	// Output:
}
func helper() {}
func Exported() {}
`)
	missing, err := entrypoint.WithoutExample(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"Forgotten", "Unchecked", "Unshown"}, missing)

	write(t, filepath.Join(dir, "b.go"), "package")
	_, err = entrypoint.WithoutExample(dir)
	require.ErrorContains(t, err, "b.go")
}

func ExampleWithoutExample() {
	fmt.Println(entrypoint.WithoutExample("."))
	// Output: [] <nil>
}
