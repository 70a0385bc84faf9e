package boltmediator_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// filledFile returns the bytes of a file with letters, and the letters.
func filledFile(t testing.TB) ([]byte, []deadletter.Letter) {
	t.Helper()
	path := file(t)
	s := open(t, path)
	for n := range 60 {
		require.NoError(t, s.Put(t.Context(), letter(n, n%20*200)))
	}
	for n := 0; n < 60; n += 3 {
		require.NoError(t, s.Delete(t.Context(), letter(n, 0).ID))
	}
	letters := all(t, s)
	require.NoError(t, s.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data, letters
}

// openDamaged opens data as a file: either that fails and says so, or all letters
// are there.
func openDamaged(t testing.TB, path string, data []byte, letters []deadletter.Letter) bool {
	t.Helper()
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err := boltmediator.Open(path)
	if err != nil {
		require.ErrorIs(t, err, boltmediator.ErrCorrupt)
		require.ErrorContains(t, err, "boltmediator: open "+path+": file is corrupt: ")
		require.Equal(t, 1, strings.Count(err.Error(), "file is corrupt"), err)
		return false
	}
	require.Equal(t, letters, all(t, s))
	require.NoError(t, s.Put(t.Context(), letter(1000, 20_000)))
	require.NoError(t, s.Close())
	return true
}

func TestADamagedFileIsAClearError(t *testing.T) {
	data, letters := filledFile(t)
	path := filepath.Join(t.TempDir(), "damaged.db")
	require.True(t, openDamaged(t, path, data, letters))
	refused := 0
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		damaged := bytes.Clone(data)
		for range 1 + rnd.IntN(3) {
			damaged[rnd.IntN(len(damaged))] ^= byte(1 + rnd.IntN(255))
		}
		if !openDamaged(t, path, damaged, letters) {
			refused++
		}
	}
	require.Greater(t, refused, 15)
	damaged := bytes.ReplaceAll(data, []byte("letter-00000053"), []byte("letter-00000093")) // the key and the text
	require.NotEqual(t, data, damaged)
	require.False(t, openDamaged(t, path, damaged, letters))
	key := bytes.Clone(data)
	for at := bytes.Index(key, []byte("letter-00000053")); at >= 0; {
		if key[at-1] != '"' { // the key alone
			key[at+13] = '9'
		}
		next := bytes.Index(key[at+1:], []byte("letter-00000053"))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	require.NotEqual(t, data, key)
	require.False(t, openDamaged(t, path, key, letters))
	for page := range 16 { // heads of pages
		for _, at := range []int{0, 8, 10, 12, 16, 20} {
			damaged := bytes.Clone(data)
			damaged[page*4096+at] ^= 0x5a
			openDamaged(t, path, damaged, letters)
		}
	}
}

func TestATruncatedFileIsAClearError(t *testing.T) {
	data, letters := filledFile(t)
	path := filepath.Join(t.TempDir(), "cut.db")
	for _, size := range []int{1, 100, 4096, 4097, 8192, 12288, len(data) / 8} {
		require.False(t, openDamaged(t, path, data[:size], letters), size)
	}
	for size := len(data) / 4; size < len(data); size += len(data) / 16 {
		openDamaged(t, path, data[:size], letters)
	}
}

func TestAnotherFileIsAClearError(t *testing.T) {
	path := file(t)
	require.False(t, openDamaged(t, path, bytes.Repeat([]byte("text\n"), 10_000), nil))
	require.False(t, openDamaged(t, path, make([]byte, 1<<16), nil))

	require.NoError(t, os.Remove(path))
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("users"))
		return err
	}))
	require.NoError(t, db.Close())
	_, err = boltmediator.Open(path)
	require.ErrorIs(t, err, boltmediator.ErrCorrupt)
	require.ErrorContains(t, err, `it has "users", which is not of ours`)
}

// A file that was damaged while it is open fails, and does not end the process.
func TestAFileDamagedWhileOpenIsAnError(t *testing.T) {
	path := file(t)
	s := open(t, path)
	for n := range 50 {
		require.NoError(t, s.Put(t.Context(), letter(n, 3000)))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.LastIndex(data, []byte("shop.OrderPaid"))
	for ; at >= 0; at = bytes.LastIndex(data[:at], []byte("shop.OrderPaid")) {
		data[at] ^= 1
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	_, _, err = s.List(t.Context(), deadletter.Filter{}, "", 0)
	require.ErrorIs(t, err, boltmediator.ErrCorrupt)
	_, err = s.Get(t.Context(), letter(1, 0).ID)
	require.ErrorIs(t, err, boltmediator.ErrCorrupt)
}
