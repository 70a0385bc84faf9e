//go:build unix

package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func init() { children["open full"] = openFull }

// openFull opens the file args[0] while the system lets nothing be written.
func openFull(args []string) int {
	if err := openedFull(args[0]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func openedFull(path string) error {
	ctx := context.Background()
	var room syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	full := room
	full.Cur = 1 << 13 // no more than the metas
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	if _, err := boltmediator.Open(filepath.Join(filepath.Dir(path), "another.db")); !errors.Is(err, boltmediator.ErrDisk) {
		return fmt.Errorf("a new file on a full disk: %w", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		return fmt.Errorf("%v is left: %w", entries, err)
	}
	if _, err := boltmediator.Open(path, boltmediator.Retain(deadletter.Retention{Letters: 10})); !errors.Is(err, boltmediator.ErrDisk) {
		return fmt.Errorf("what is too much could not be dropped: %w", err)
	}
	s, err := boltmediator.Open(path, boltmediator.Retain(deadletter.Retention{Letters: 20}))
	if err != nil {
		return err
	}
	if _, err := s.Get(ctx, letter(7, 0).ID); err != nil {
		return err
	}
	if err := s.Put(ctx, letter(100, 1000)); !errors.Is(err, boltmediator.ErrDisk) {
		return fmt.Errorf("on a full disk: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	if err := s.Put(ctx, letter(101, 1000)); err != nil {
		return fmt.Errorf("when there is room: %w", err)
	}
	if n, err := s.Count(ctx, deadletter.Filter{}); err != nil || n != 20 {
		return fmt.Errorf("%d letters: %w", n, err)
	}
	return s.Close()
}

// A program that began again while the disk was full could not open its letters.
func TestFoundAFileIsOpenedOnAFullDisk(t *testing.T) {
	path := file(t)
	s := open(t, path)
	for n := range 20 {
		require.NoError(t, s.Put(t.Context(), letter(n, 1000)))
	}
	require.NoError(t, s.Close())
	cmd := exec.Command(os.Args[0], path)
	cmd.Env = append(os.Environ(), childEnv+"=open full")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}
