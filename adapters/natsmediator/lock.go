package natsmediator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrLocked means that the directory given to [Embed] is another server's: two
// on one directory destroy what it holds.
var ErrLocked = errors.New("the directory is in use")

// lockName is the file that is locked, within the directory. It is never
// removed: whoever removed it could not know who holds it by then.
const lockName = "natsmediator.lock"

// lockDir makes dir, if it is not there, and takes the lock on it.
func lockDir(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	f, err := openLocked(path)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("%w%s: give each process a directory of its own, or have one Listen and the others Connect", err, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The number only serves the error above.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return f.Close, nil
}

// holder says who holds the lock, as far as that is known.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	switch pid := strings.TrimSpace(string(text)); pid {
	case "":
		return ""
	case strconv.Itoa(os.Getpid()):
		return " by this process"
	default:
		return " by process " + pid
	}
}
