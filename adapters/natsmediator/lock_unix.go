//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package natsmediator

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// openLocked takes a lock that ends with the process, however it ends. It belongs
// to the opened file, so a second Embed of the same process is kept out too.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	} else {
		err = fmt.Errorf("the file system has no locks: %w", err)
	}
	return nil, errors.Join(err, f.Close())
}
