package benchmarks_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
)

const putters = 64

// keeper is a contender for dead letters in a file.
type keeper struct {
	name string
	open func(tb testing.TB, path string) keeping
}

// keeping is an open file. A letter that was put is synced. close may be called once.
type keeping struct {
	put   func(context.Context, deadletter.Letter) error
	count func(context.Context) (int, error)
	close func() error
}

var keepers = []keeper{
	{name: "baseline", open: openBatch(0)},
	{name: "batch-of-callers", open: openBatch(putters)},
	{name: "ours", open: openStore},
}

func openStore(tb testing.TB, path string) keeping {
	s, err := boltmediator.Open(path)
	require.NoError(tb, err)
	return keeping{
		put:   s.Put,
		count: func(ctx context.Context) (int, error) { return s.Count(ctx, deadletter.Filter{}) },
		close: s.Close,
	}
}

// openBatch puts by bbolt's own DB.Batch, which collects up to maxSize calls, 0 for its default of 1000, or waits
// 10ms for more. The options are those that boltmediator opens its file with.
func openBatch(maxSize int) func(tb testing.TB, path string) keeping {
	bucket := []byte("letters")
	return func(tb testing.TB, path string) keeping {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
		require.NoError(tb, err)
		if maxSize > 0 {
			db.MaxBatchSize = maxSize
		}
		require.NoError(tb, db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(bucket)
			return err
		}))
		return keeping{
			put: func(_ context.Context, l deadletter.Letter) error {
				value, err := json.Marshal(l)
				if err != nil {
					return err
				}
				return db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte(l.ID), value) })
			},
			count: func(context.Context) (n int, err error) {
				err = db.View(func(tx *bbolt.Tx) error {
					return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
						n++
						return nil
					})
				})
				return n, err
			},
			close: db.Close,
		}
	}
}

// failedLetter is the letter number n, with IDs in order of time and half a kilobyte of body.
func failedLetter(n int64) deadletter.Letter {
	at := time.Unix(1_700_000_000, n).UTC()
	return deadletter.Letter{
		ID: strconv.FormatInt(1e12+n, 10), Name: "shop.OrderPlaced", Kind: mediator.KindNotification, Group: "stock",
		Body: letterBody, ContentType: "application/json", Errors: []string{"declined"}, Attempts: 3, First: at, Last: at,
	}
}

var letterBody = func() []byte {
	body, err := json.Marshal(map[string]any{"order": sample, "note": strings.Repeat("-", 420)})
	if err != nil {
		panic(err)
	}
	return body
}()

// putAll has 64 callers put n letters.
func putAll(ctx context.Context, k keeping, n int64) error {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
		errs [putters]error
	)
	for i := range putters {
		wg.Go(func() {
			for l := next.Add(1); l <= n && errs[i] == nil; l = next.Add(1) {
				errs[i] = k.put(ctx, failedLetter(l))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

func BenchmarkPut(b *testing.B) {
	for _, k := range keepers {
		b.Run(k.name, func(b *testing.B) {
			keeping := k.open(b, filepath.Join(b.TempDir(), "letters"))
			defer func() { require.NoError(b, keeping.close()) }()
			b.ReportAllocs()
			b.ResetTimer()
			err := putAll(b.Context(), keeping, int64(b.N))
			b.StopTimer()
			require.NoError(b, err)
			n, err := keeping.count(b.Context())
			require.NoError(b, err)
			require.Equal(b, b.N, n)
		})
	}
}

// TestPut looks for the letters in the file that was closed and opened again.
func TestPut(t *testing.T) {
	for _, k := range keepers {
		t.Run(k.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "letters")
			keeping := k.open(t, path)
			require.NoError(t, putAll(t.Context(), keeping, 200))
			n, err := keeping.count(t.Context())
			require.NoError(t, err)
			require.Equal(t, 200, n)
			require.NoError(t, keeping.close())

			db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			require.NoError(t, db.View(func(tx *bbolt.Tx) error {
				require.Equal(t, 200, tx.Bucket([]byte("letters")).Stats().KeyN)
				return nil
			}))
		})
	}
}
