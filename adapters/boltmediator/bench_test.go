package boltmediator_test

import (
	"context"
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
	const callers, size = 64, 500
	parallel := func(b *testing.B, put func(n int) error) {
		b.ReportAllocs()
		var next atomic.Int64
		var mu sync.Mutex
		var errs []error
		var wg sync.WaitGroup
		b.ResetTimer()
		for range callers {
			wg.Go(func() {
				for {
					n := next.Add(1)
					if n > int64(b.N) {
						return
					}
					if err := put(int(n)); err != nil {
						mu.Lock()
						errs = append(errs, err)
						mu.Unlock()
						return
					}
				}
			})
		}
		wg.Wait()
		require.NoError(b, errors.Join(errs...))
	}
	b.Run("store", func(b *testing.B) {
		s := open(b, file(b))
		parallel(b, func(n int) error { return s.Put(context.Background(), letter(n, size)) })
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
			parallel(b, func(n int) error {
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
	b.Run("batch of callers", batch(callers))
}
