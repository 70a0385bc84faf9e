package boltmediator_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// BenchmarkPut puts letters from 64 callers at the same time: into the store, and
// into a bucket by bbolt's own DB.Batch, with its default limits and with those
// that suit it best here.
func BenchmarkPut(b *testing.B) {
	const size = 500
	b.Run("store", func(b *testing.B) {
		s := open(b, file(b))
		fromMany(b, func(n int) error { return s.Put(context.Background(), letter(n, size)) })
	})
	batch := func(maxSize int) func(b *testing.B) {
		return func(b *testing.B) {
			db, err := bbolt.Open(file(b), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
			require.NoError(b, err)
			if maxSize > 0 {
				db.MaxBatchSize = maxSize
			}
			require.NoError(b, db.Update(func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("letters"))
				return err
			}))
			fromMany(b, func(n int) error {
				l := letter(n, size)
				value, err := json.Marshal(l)
				if err != nil {
					return err
				}
				return db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("letters")).Put([]byte(l.ID), value) })
			})
			require.NoError(b, db.Close())
		}
	}
	b.Run("batch", batch(0))
	b.Run("batch of callers", batch(benchCallers))
}

// BenchmarkAppend has 64 callers append records at the same time: to an outbox that
// another goroutine empties meanwhile, and to a bucket by bbolt's own DB.Batch, with
// the limit that suits it best here.
func BenchmarkAppend(b *testing.B) {
	record := make([]byte, 500)
	b.Run("outbox", func(b *testing.B) {
		s := open(b, file(b))
		o := s.Outbox("orders")
		fromMany(b, func(int) error { return o.Append(context.Background(), record) })
		require.Equal(b, b.N, o.Depth())
	})
	b.Run("outbox, relayed", func(b *testing.B) {
		s := open(b, file(b))
		o := s.Outbox("orders")
		ctx, cancel := context.WithCancel(b.Context())
		var relay sync.WaitGroup
		relay.Go(func() {
			for after := uint64(0); ; {
				records, err := o.Next(ctx, after, 1000)
				if err != nil {
					return
				}
				after = records[len(records)-1].ID
				if err := o.Ack(b.Context(), after); err != nil {
					b.Error(err)
					return
				}
			}
		})
		fromMany(b, func(int) error { return o.Append(b.Context(), record) })
		cancel()
		relay.Wait()
	})
	b.Run("batch of callers", func(b *testing.B) {
		db, err := bbolt.Open(file(b), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
		require.NoError(b, err)
		db.MaxBatchSize = benchCallers
		bucket := []byte("outbox")
		require.NoError(b, db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(bucket)
			return err
		}))
		fromMany(b, func(int) error {
			return db.Batch(func(tx *bbolt.Tx) error {
				records := tx.Bucket(bucket)
				n, err := records.NextSequence()
				if err != nil {
					return err
				}
				return records.Put(binary.BigEndian.AppendUint64(nil, n), record)
			})
		})
		require.NoError(b, db.Close())
	})
}

const benchCallers = 64

// fromMany calls do from 64 goroutines, b.N times.
func fromMany(b *testing.B, do func(n int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	b.ResetTimer()
	for range benchCallers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				if err := do(int(n)); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	require.NoError(b, errors.Join(errs...))
}
