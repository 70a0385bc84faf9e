package ledger_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type record struct{ Qty int }

func open(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func all(t *testing.T, l *ledger.Ledger) (entries []ledger.Entry[record]) {
	t.Helper()
	for e, err := range ledger.All[record](l) {
		require.NoError(t, err)
		entries = append(entries, e)
	}
	return entries
}

func TestKeepsTheLatestStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	l := open(t, path)
	require.NoError(t, l.Put("o2", 1, record{1}))
	require.NoError(t, l.Put("o1", 0, record{2}))
	require.NoError(t, l.Put("o2", 0, record{3}), "late")
	require.NoError(t, l.Put("o2", 1, record{4}), "the same step again")
	require.NoError(t, l.Put("o1", 2, record{5}))
	require.NoError(t, l.Close())

	l = open(t, path)
	require.Equal(t, []ledger.Entry[record]{{"o1", 2, record{5}}, {"o2", 1, record{1}}}, all(t, l))
	r, step, ok, err := ledger.Get[record](l, "o1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 2, step)
	require.Equal(t, record{5}, r)
	_, _, ok, err = ledger.Get[record](l, "o3")
	require.NoError(t, err)
	require.False(t, ok)
	for range ledger.All[record](l) {
		break // ends it
	}
}

func TestManyAtOnce(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "l.db"))
	var writers sync.WaitGroup
	errs := make(chan error, 200)
	for i := range cap(errs) {
		writers.Go(func() { errs <- l.Put("o"+strconv.Itoa(i%50), i/50, record{i}) })
	}
	writers.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	entries := all(t, l)
	require.Len(t, entries, 50)
	for _, e := range entries {
		require.Equal(t, 3, e.Step, e.ID)
	}
}

// Without a ledger nothing is kept, and nothing fails.
func TestNone(t *testing.T) {
	var l *ledger.Ledger
	require.NoError(t, l.Put("o1", 0, func() {}))
	require.Empty(t, all(t, l))
	_, _, ok, err := ledger.Get[record](l, "o1")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, l.Close())
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	open(t, path)
	_, err := ledger.Open(path)
	require.ErrorContains(t, err, path+": another process has it open")
}

func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	l := open(t, path)
	require.ErrorContains(t, l.Put("o1", 0, func() {}), "o1: json: unsupported type")
	require.NoError(t, l.Put("o1", 0, "text"))
	_, _, _, err := ledger.Get[record](l, "o1")
	require.ErrorContains(t, err, "o1: json: cannot unmarshal")
	for _, err = range ledger.All[record](l) {
		require.ErrorContains(t, err, "o1: json: cannot unmarshal")
	}
	require.NoError(t, l.Close())
	require.ErrorContains(t, l.Put("o1", 1, "text"), "database not open")

	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("records")).Put([]byte("o1"), []byte("x")) }))
	require.NoError(t, db.Close())
	l = open(t, path)
	for _, err = range ledger.All[record](l) {
		require.ErrorContains(t, err, "o1: the record is cut off")
	}
	_, err = mediator.New(ledger.Loaded(err))
	require.ErrorContains(t, err, "o1: the record is cut off")
	m, err := mediator.New(ledger.Loaded(nil))
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
}

func ExampleLedger() {
	var l *ledger.Ledger // ledger.Open for one that keeps something
	fmt.Println(l.Put("o1", 0, record{Qty: 2}))
	// Output: <nil>
}
