package boltmediator_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

func TestFoundLettersThatJSONDoesNotKeepPoisonNothing(t *testing.T) {
	path := file(t)
	s := open(t, path)
	odd := letter(1, 10)
	odd.Name, odd.Errors, odd.Headers = "n\xff", []string{"e\xff"}, map[string]string{"k\xff": "\xff", "k\xfe": "\xff"}
	require.NoError(t, s.Put(t.Context(), odd))
	kind := letter(2, 10)
	kind.Kind = mediator.Kind(77)
	require.ErrorContains(t, s.Put(t.Context(), kind), "could not be read again")
	id := letter(3, 10)
	id.ID = "i\xff"
	require.ErrorIs(t, s.Put(t.Context(), id), deadletter.ErrID)
	before := all(t, s)
	require.Len(t, before, 1)
	require.NoError(t, s.Close())
	edit(t, path, func(_, meta *bbolt.Bucket) error {
		require.EqualValues(t, before[0].Size(), binary.BigEndian.Uint64(meta.Get([]byte("size"))[8:]), "counted is what is read")
		return nil
	})

	s = open(t, path)
	require.Equal(t, before, all(t, s))
	require.Empty(t, s.Unreadable())
}

// edit changes the file as bbolt does.
func edit(t *testing.T, path string, change func(letters, meta *bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte("letters")), tx.Bucket([]byte("meta"))) }))
	require.NoError(t, db.Close())
}

func TestFoundAnUnreadableLetterCostsNoOther(t *testing.T) {
	path := file(t)
	s := open(t, path)
	for n := range 5 {
		require.NoError(t, s.Put(t.Context(), letter(n, 100)))
	}
	require.NoError(t, s.Close())
	bad := letter(2, 0).ID
	edit(t, path, func(letters, _ *bbolt.Bucket) error {
		head := `{"id":"` + bad + `","kind":"Kind(77)"}`
		value := append([]byte{1, 0, 0, 0, 0, byte(len(head))}, head...)
		binary.BigEndian.PutUint32(value[1:], crc32.Checksum(value[5:], crc32.MakeTable(crc32.Castagnoli)))
		return letters.Put([]byte(bad), value)
	})
	for _, o := range [][]boltmediator.Option{{boltmediator.ReadOnly()}, nil} {
		s, err := boltmediator.Open(path, o...)
		require.NoError(t, err)
		require.Equal(t, []string{bad}, s.Unreadable())
		require.Len(t, all(t, s), 4)
		n, err := s.Count(t.Context(), deadletter.Filter{})
		require.NoError(t, err)
		require.Equal(t, 4, n)
		_, err = s.Get(t.Context(), bad)
		require.ErrorIs(t, err, boltmediator.ErrUnreadable)
		require.NotErrorIs(t, err, boltmediator.ErrCorrupt)
		require.NoError(t, s.Close())
	}
	s = open(t, path)
	require.NoError(t, s.Delete(t.Context(), bad))
	require.NoError(t, s.Close())
	s = open(t, path)
	require.Empty(t, s.Unreadable())
	require.Len(t, all(t, s), 4)
}

// A file whose bytes were counted before JSON replaced what is no UTF-8.
func TestFoundAFileThatCountsItsBytesWrongIsCorrected(t *testing.T) {
	path := file(t)
	s := open(t, path)
	for n := range 3 {
		require.NoError(t, s.Put(t.Context(), letter(n, 100)))
	}
	require.NoError(t, s.Close())
	size := func(at int) (n uint64) {
		edit(t, path, func(_, meta *bbolt.Bucket) error {
			n = binary.BigEndian.Uint64(meta.Get([]byte("size"))[at:])
			return nil
		})
		return n
	}
	want := size(8)
	edit(t, path, func(_, meta *bbolt.Bucket) error {
		return meta.Put([]byte("size"), binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 3), want+7))
	})
	s = open(t, path)
	require.Len(t, all(t, s), 3)
	require.NoError(t, s.Close())
	require.Equal(t, want, size(8))
}
