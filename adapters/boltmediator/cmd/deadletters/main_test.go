package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample(n int) deadletter.Letter {
	at := time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC)
	return deadletter.Letter{
		ID: fmt.Sprintf("id-%03d", n), Name: "shop.OrderPaid", Kind: mediator.KindNotification, Group: []string{"stock", "mail"}[n%2],
		Body: fmt.Appendf(nil, `{"Receipt":%d}`, n), ContentType: "application/json", Errors: []string{"out of\nstock"}, Attempts: 3, First: at, Last: at,
	}
}

// letters makes a file of n letters and closes it.
func letters(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "letters.db")
	s, err := boltmediator.Open(path)
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, s.Put(t.Context(), sample(i)))
	}
	require.NoError(t, s.Close())
	return path
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	require.Equal(t, 0, run(args, &stdout, &stderr), stderr.String())
	require.Empty(t, stderr.String())
	return stdout.String()
}

func fails(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	require.Equal(t, 2, run(args, &stdout, &stderr), stdout.String())
	return stderr.String()
}

func TestList(t *testing.T) {
	path := letters(t, 3)
	require.Equal(t, ""+
		"ID      FIRST                 KIND          NAME            GROUP  ATTEMPTS  ERROR\n"+
		"id-000  2026-01-02T03:04:00Z  notification  shop.OrderPaid  stock  3         out of stock\n"+
		"id-001  2026-01-02T03:04:01Z  notification  shop.OrderPaid  mail   3         out of stock\n"+
		"id-002  2026-01-02T03:04:02Z  notification  shop.OrderPaid  stock  3         out of stock\n", ok(t, "list", path))
	count := func(args ...string) int { return strings.Count(ok(t, append(args, path)...), "\nid-") }
	require.Equal(t, 1, count("list", "-group", "mail"))
	require.Equal(t, 0, count("list", "-name", "other"))
	require.Equal(t, 2, count("list", "-since", "2026-01-02T03:04:01Z"))
	require.Equal(t, 1, count("list", "-until", "2026-01-02T03:04:01Z"))
	require.Equal(t, 0, count("list", "-since", "-1h"), "an hour from now")
	require.Equal(t, 2, count("list", "-limit", "2"))
}

func TestShow(t *testing.T) {
	path := letters(t, 3)
	var l deadletter.Letter
	require.NoError(t, json.Unmarshal([]byte(ok(t, "show", path, "id-001")), &l))
	l.Body = []byte(strings.NewReplacer(" ", "", "\n", "").Replace(string(l.Body)))
	require.Equal(t, sample(1), l)
	require.Contains(t, fails(t, "show", path, "id-009"), `deadletters: boltmediator: get "id-009": no such letter`)
}

func TestRedriveToJSON(t *testing.T) {
	const n = 250
	path := letters(t, n)
	for _, args := range [][]string{{"redrive", path}, {"redrive", "-delete", path}} {
		lines := strings.Split(strings.TrimSuffix(ok(t, args...), "\n"), "\n")
		require.Len(t, lines, n)
		for i, line := range lines {
			var l deadletter.Letter
			require.NoError(t, json.Unmarshal([]byte(line), &l))
			require.Equal(t, sample(i), l)
		}
	}
	require.Empty(t, ok(t, "redrive", path), "they are removed")
}

func TestRedriveRemovesOnlyWhatWasWritten(t *testing.T) {
	path := letters(t, 3)
	var stderr strings.Builder
	require.Equal(t, 2, run([]string{"redrive", "-delete", path}, fullPipe{}, &stderr))
	require.Contains(t, stderr.String(), "pipe is full")
	require.Equal(t, 3, strings.Count(ok(t, "redrive", path), "\n"))
}

func TestFoundRedriveRemovesOnlyWhatWasSynced(t *testing.T) {
	path := letters(t, 3)
	out := &unsynced{}
	var stderr strings.Builder
	require.Equal(t, 2, run([]string{"redrive", "-delete", path}, out, &stderr))
	require.Contains(t, stderr.String(), "disk is full")
	require.Equal(t, 3, out.lines, "written before it is synced")
	require.Equal(t, 3, strings.Count(ok(t, "redrive", path), "\n"))

	f, err := os.Create(filepath.Join(t.TempDir(), "letters.jsonl"))
	require.NoError(t, err)
	require.Zero(t, run([]string{"redrive", "-delete", path}, f, &stderr))
	require.NoError(t, f.Close())
	data, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(data), "\n"))
	require.Empty(t, ok(t, "redrive", path))
}

type unsynced struct{ lines int }

func (u *unsynced) Write(b []byte) (int, error) {
	u.lines += strings.Count(string(b), "\n")
	return len(b), nil
}

func (*unsynced) Sync() error { return errors.New("disk is full") }

func TestFoundHelpIsNoMistake(t *testing.T) {
	for _, args := range []string{"-h", "-help", "--help", "help", "list -h", "show -help", "redrive --help", "delete -h"} {
		require.Equal(t, usage, ok(t, strings.Fields(args)...), args)
	}
}

type fullPipe struct{}

func (fullPipe) Write([]byte) (int, error) { return 0, errors.New("pipe is full") }

func TestDelete(t *testing.T) {
	path := letters(t, 6)
	require.Empty(t, ok(t, "delete", path, "id-000", "id-002"))
	require.Contains(t, fails(t, "delete", path, "id-000", "id-001"), "no such letter", "the others go all the same")
	require.Equal(t, "2 deleted\n", ok(t, "delete", "-group", "mail", "-all", path))
	require.Equal(t, "id-004", ok(t, "redrive", path)[7:13])
	require.Equal(t, "1 deleted\n", ok(t, "delete", "-all", path))
}

func TestMistakes(t *testing.T) {
	path := letters(t, 1)
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	require.NoError(t, os.WriteFile(garbage, []byte(strings.Repeat("x", 10_000)), 0o600))
	missing := filepath.Join(t.TempDir(), "missing.db")
	for _, c := range []struct{ args, text string }{
		{"", "no command"},
		{"lst " + path, `no command "lst"`},
		{"list", "list: no file"},
		{"list -x " + path, "flag provided but not defined: -x"},
		{"list -since yesterday " + path, "yesterday"},
		{"list -limit -1 " + path, "-limit is negative"},
		{"list " + path + " -limit", `"-limit" is too much`},
		{"show " + path, "show: no ID"},
		{"delete " + path, "delete: no ID"},
		{"delete -group g " + path + " id-000", "a filter needs -all"},
		{"list " + missing, "no file " + missing},
		{"delete -all " + missing, "no file " + missing},
		{"list " + garbage, "file is corrupt"},
	} {
		require.Contains(t, fails(t, strings.Fields(c.args)...), c.text, c.args)
	}
	require.NoFileExists(t, missing)
	s, err := boltmediator.Open(path)
	require.NoError(t, err)
	require.Contains(t, fails(t, "list", path), "file is locked")
	require.NoError(t, s.Close())
	require.Contains(t, fails(t), "usage:")
}
