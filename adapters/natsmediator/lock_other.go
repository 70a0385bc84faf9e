//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package natsmediator

import (
	"errors"
	"os"
)

// openLocked refuses systems without a lock that ends with the process: a file
// that is merely there would either lock out the next start after a crash or
// protect nothing.
func openLocked(string) (*os.File, error) {
	return nil, errors.Join(errors.ErrUnsupported, os.ErrInvalid)
}
