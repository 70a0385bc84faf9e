package boltmediator_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// A record that is missing or changed is found by Open.
func TestADamagedOutboxIsAClearError(t *testing.T) {
	for name, damage := range map[string]func(b *bbolt.Bucket) error{
		"record 3 follows record 1":   func(b *bbolt.Bucket) error { return b.Delete(id(2)) },
		"its last record is 3, not 4": func(b *bbolt.Bucket) error { return b.Delete(id(4)) },
		"its last record is 4, not 9": func(b *bbolt.Bucket) error { return b.SetSequence(9) },
		"its checksum is wrong":       func(b *bbolt.Bucket) error { return b.Put(id(2), []byte("\x01\x00\x00\x00\x00x")) },
		"it has 1 bytes":              func(b *bbolt.Bucket) error { return b.Put(id(2), []byte("\x01")) },
		"it is of version 2, not 1":   func(b *bbolt.Bucket) error { return b.Put(id(2), []byte("\x02\x00\x00\x00\x00")) },
		"its key has 1 bytes":         func(b *bbolt.Bucket) error { return b.Put([]byte("x"), nil) },
		"record 0 is none":            func(b *bbolt.Bucket) error { return b.Put(id(0), []byte("\x01\x00\x00\x00\x00")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			s := open(t, path)
			require.NoError(t, s.Outbox("orders").Append(t.Context(), []byte("1"), []byte("2"), []byte("3"), []byte("4")))
			require.NoError(t, s.Close())
			edit(t, path, func(letters, _ *bbolt.Bucket) error { return damage(letters.Tx().Bucket([]byte("outbox orders"))) })
			_, err := boltmediator.Open(path)
			require.ErrorIs(t, err, boltmediator.ErrCorrupt)
			require.ErrorContains(t, err, name)
		})
	}
}

func id(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// What a failed sync has left in the file is neither overwritten by half nor
// counted wrong.
func TestRecordsOfATransactionThatFailedAtItsLastSyncAreWhole(t *testing.T) {
	path := file(t)
	s := open(t, path)
	o := s.Outbox("orders", boltmediator.MaxDepth(10, 1000))
	require.NoError(t, o.Append(t.Context(), []byte("1"), []byte("2")))
	value := append([]byte{1}, binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte("x"), crc32.MakeTable(crc32.Castagnoli)))...)
	require.NoError(t, s.Behind(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("outbox orders"))
		for n := uint64(3); n <= 6; n++ {
			if err := b.Put(id(n), append(value, 'x')); err != nil {
				return err
			}
		}
		return b.SetSequence(6)
	}))
	require.Len(t, pending(t, o), 2)
	require.ErrorIs(t, o.Append(t.Context(), make([]byte, 960)), boltmediator.ErrFull, "they count")
	require.NoError(t, o.Append(t.Context(), []byte("7")))
	records := pending(t, o)
	require.Len(t, records, 7)
	require.Equal(t, boltmediator.Record{ID: 7, Data: []byte("7")}, records[6])
	require.NoError(t, o.Ack(t.Context(), 6))
	require.NoError(t, s.Behind(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("outbox orders")).Delete(id(7)) }))
	require.NoError(t, o.Ack(t.Context(), 7), "what is gone is gone")
	require.NoError(t, s.Close())
	require.Zero(t, open(t, path).Outbox("orders").Depth())
}
