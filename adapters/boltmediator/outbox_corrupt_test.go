package boltmediator_test

import (
	"encoding/binary"
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
