//go:build unix

package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func init() { children["fill"] = fill }

// fill puts letters into the file args[0] while the system lets no file grow, and
// again when it does. The store is the same all the time.
func fill(args []string) int {
	if err := filled(args[0]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func filled(path string) error {
	ctx := context.Background()
	s, err := boltmediator.Open(path)
	if err != nil {
		return err
	}
	for n := range 50 {
		if err := s.Put(ctx, letter(n, 1000)); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var room syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	const rounds = 6
	for round := range rounds {
		// By turns, the file cannot grow, and its pages but for the first cannot be
		// written.
		full, size := room, int(info.Size()/32) // twice as much as there is
		limit(&full.Cur, info.Size())
		if round%2 == 1 {
			full.Cur, size = 1<<14, 1000
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
			return err
		}
		acknowledged, failed := putMany(s, 1000*(round+1), size)
		if !errors.Is(failed, boltmediator.ErrDisk) {
			return fmt.Errorf("on a full disk: %w", failed)
		}
		for _, l := range acknowledged {
			if _, err := s.Get(ctx, l.ID); err != nil {
				return err
			}
		}
		for n := range 50 {
			if _, err := s.Get(ctx, letter(n, 0).ID); err != nil {
				return fmt.Errorf("of before: %w", err)
			}
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		if _, failed := putMany(s, 100_000*(round+1), size); failed != nil {
			return fmt.Errorf("when there is room: %w", failed)
		}
		if info, err = os.Stat(path); err != nil {
			return err
		}
	}
	if n, err := s.Count(ctx, deadletter.Filter{}); err != nil || n < 50+rounds*64 {
		return fmt.Errorf("%d letters: %w", n, err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	s, err = boltmediator.Open(path) // which checks all
	if err != nil {
		return err
	}
	return s.Close()
}

// limit sets a limit, whose type is not the same everywhere.
func limit[T int64 | uint64](to *T, bytes int64) { *to = T(bytes) }

// putMany puts 64 letters of size bytes at the same time. It returns those that were
// acknowledged, and one of the errors of the others.
func putMany(s *boltmediator.Store, first, size int) (acknowledged []deadletter.Letter, failed error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			l := letter(first+i, size)
			err := s.Put(context.Background(), l)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			acknowledged = append(acknowledged, l)
		})
	}
	wg.Wait()
	return acknowledged, failed
}

func TestAFullDiskIsAnErrorAndThenNone(t *testing.T) {
	for _, child := range []string{"fill", "fill outbox"} {
		t.Run(child, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], file(t))
			cmd.Env = append(os.Environ(), childEnv+"="+child)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

func init() { children["fill outbox"] = fillOutbox }

// fillOutbox is fill for an outbox.
func fillOutbox(args []string) int {
	if err := filledOutbox(args[0]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func filledOutbox(path string) error {
	ctx := context.Background()
	s, err := boltmediator.Open(path)
	if err != nil {
		return err
	}
	var room syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	o := s.Outbox("orders")
	accepted := 0
	for round := range 6 {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		full := room
		limit(&full.Cur, info.Size())
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
			return err
		}
		if err := o.Append(ctx, make([]byte, info.Size())); !errors.Is(err, boltmediator.ErrDisk) {
			return fmt.Errorf("on a full disk: %w", err)
		}
		if n := o.Depth(); n != accepted {
			return fmt.Errorf("%d records, not %d", n, accepted)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		if err := o.Append(ctx, make([]byte, info.Size()), []byte{byte(round)}); err != nil {
			return fmt.Errorf("when there is room: %w", err)
		}
		accepted += 2
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = boltmediator.Open(path); err != nil { // which checks all
		return err
	}
	if n := s.Outbox("orders").Depth(); n != accepted {
		return fmt.Errorf("%d records, not %d", n, accepted)
	}
	return s.Close()
}
