package mediatortest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
)

// DeadLetters tests an implementation of [deadletter.Store]: each sentence of its
// contract, in a subtest with an empty store of its own that open makes. open
// closes it by t.Cleanup, and sets no limits of less than 1,000 letters.
func DeadLetters(t *testing.T, open func(t testing.TB) deadletter.Store) {
	for _, c := range storeChecks {
		t.Run(c.name, func(t *testing.T) { c.check(&storeTest{TB: t, Store: open(t), ctx: t.Context()}) })
	}
}

var storeChecks = []struct {
	name  string
	check func(t *storeTest)
}{
	{"GetReturnsWhatWasPut", checkRoundTrip},
	{"PutReplaces", checkReplace},
	{"LettersAreCopies", checkCopies},
	{"DeleteRemoves", checkDelete},
	{"UnusableIDs", checkIDs},
	{"OddLettersPoisonNothing", checkOdd},
	{"ReplaceNeedsTheLetter", checkReplacer},
	{"ListIsInOrder", checkOrder},
	{"IDsAndNamesAreBytes", checkBytes},
	{"ListAndCountFilter", checkFilter},
	{"CursorsStayGood", checkCursor},
	{"EndedContexts", checkEnded},
	{"ConcurrentUse", checkConcurrent},
}

// storeTest is a store whose errors end the test.
type storeTest struct {
	testing.TB
	deadletter.Store
	ctx context.Context
}

func (t *storeTest) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *storeTest) want(what string, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: want %+v, got %+v", what, want, got)
	}
}

func (t *storeTest) wantIs(what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: want an error that is %q, got %v", what, target, err)
	}
}

func (t *storeTest) put(letters ...deadletter.Letter) {
	t.Helper()
	for _, l := range letters {
		t.must(t.Put(t.ctx, l))
	}
}

func (t *storeTest) get(id string) deadletter.Letter {
	t.Helper()
	l, err := t.Get(t.ctx, id)
	t.must(err)
	return l
}

// ids lists all pages.
func (t *storeTest) ids(f deadletter.Filter, limit int) (ids []string) {
	t.Helper()
	for after := ""; ; {
		letters, next, err := t.List(t.ctx, f, after, limit)
		t.must(err)
		if limit > 0 && len(letters) > limit {
			t.Fatalf("List with the limit %d: got %d letters", limit, len(letters))
		}
		for _, l := range letters {
			ids = append(ids, l.ID)
		}
		if next == "" {
			return ids
		}
		if len(letters) == 0 {
			t.Fatalf("List after %q: no letters, but the cursor %q", after, next)
		}
		after = next
	}
}

// sample returns a letter with something in each field.
func sample(id string) deadletter.Letter {
	at := time.Date(2026, 2, 3, 4, 5, 6, 123456789, time.UTC)
	return deadletter.Letter{
		ID: id, Name: "shop.OrderPaid", Kind: mediator.KindNotification, Group: "stock",
		Body: []byte{0, 1, 0xff, '\n', '"', 0xc3}, ContentType: "application/octet-stream",
		Errors: []string{"publish: größer\n\x00", "größer"}, Stack: "goroutine 1 [running]:\n", Attempts: 4, Redrives: 2,
		First: at, Last: at.Add(time.Hour + 1), Headers: map[string]string{"traceparent": "00-1-2-01", "": "empty"},
	}
}

func (t *storeTest) wantLetter(what string, want, got deadletter.Letter) {
	t.Helper()
	if !got.First.Equal(want.First) || !got.Last.Equal(want.Last) {
		t.Fatalf("%s: want the times %v and %v, got %v and %v", what, want.First, want.Last, got.First, got.Last)
	}
	got.First, got.Last = want.First, want.Last
	t.want(what, want, got)
}
