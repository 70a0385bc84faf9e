package natsmediator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

func TestLettersConform(t *testing.T) {
	mediatortest.DeadLetters(t, func(t testing.TB) deadletter.Store {
		return natsmediator.Letters(embed(t, natsmediator.ServerOptions(noSync)))
	})
}

func TestLettersAreOneForANamespace(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "a"}))
	other := natsmediator.Letters(connect(t, n))
	require.Equal(t, 1, countOf(t, other))
	require.NoError(t, other.Delete(t.Context(), "a"))
	require.Zero(t, countOf(t, natsmediator.Letters(n)))
	apart := natsmediator.Letters(connect(t, n, natsmediator.Namespace("apart")))
	require.NoError(t, apart.Put(t.Context(), deadletter.Letter{ID: "b"}))
	require.Zero(t, countOf(t, other))
}

func TestLettersSurviveTheServer(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir)
	require.NoError(t, err)
	letters := natsmediator.Letters(n)
	for i := range 10 {
		require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: fmt.Sprint(i), Body: []byte{byte(i)}}))
	}
	require.NoError(t, letters.Delete(t.Context(), "3"))
	require.NoError(t, n.Close(t.Context()))
	require.ErrorIs(t, letters.Put(t.Context(), deadletter.Letter{ID: "late"}), mediator.ErrClosed)
	n, err = natsmediator.Embed(dir)
	require.NoError(t, err)
	letters = natsmediator.Letters(n)
	require.Equal(t, 9, countOf(t, letters))
	l, err := letters.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, []byte{7}, l.Body)
	require.NoError(t, n.Close(t.Context()))
}

func TestLettersThatAreTooLarge(t *testing.T) {
	letters := natsmediator.Letters(embed(t))
	err := letters.Put(t.Context(), deadletter.Letter{ID: "a", Body: make([]byte, 1<<20)})
	require.ErrorIs(t, err, deadletter.ErrTooLarge)
	require.Zero(t, countOf(t, letters))
}

func TestLettersDeletedByTwoAtOnce(t *testing.T) {
	letters := natsmediator.Letters(embed(t, natsmediator.ServerOptions(noSync)))
	for i := range 50 {
		id := fmt.Sprint(i)
		require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: id}))
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for j := range errs {
			wg.Go(func() {
				if j == 0 {
					errs[j] = letters.Replace(t.Context(), deadletter.Letter{ID: id, Redrives: 1})
					return
				}
				errs[j] = letters.Delete(t.Context(), id)
			})
		}
		wg.Wait()
		deleted := 0
		for j, err := range errs {
			if err != nil {
				require.ErrorIs(t, err, deadletter.ErrNotFound)
			} else if j > 0 {
				deleted++
			}
		}
		require.Equal(t, 1, deleted, "one of them has deleted it, and it did not come back")
		require.Zero(t, countOf(t, letters))
	}
}

func TestLettersThatAreNone(t *testing.T) {
	n := embed(t)
	letters := natsmediator.Letters(n)
	require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: "b", Group: "g"}))
	js := natsmediator.JetStream(n)
	for subject, data := range map[string]string{"61": "", "63": "{", "64": "{}\n", "zz": "{}\n", "AA": "{}\n"} {
		_, err := js.Publish(t.Context(), "mediator.letters.v1."+subject, []byte(data))
		require.NoError(t, err)
	}
	var ids []string
	for l, err := range deadletter.All(t.Context(), letters, deadletter.Filter{}) {
		require.NoError(t, err)
		ids = append(ids, l.ID)
	}
	require.Equal(t, []string{"b", "d"}, ids)
	_, err := letters.Get(t.Context(), "c")
	require.ErrorIs(t, err, natsmediator.ErrMalformed)
	count, err := letters.Count(t.Context(), deadletter.Filter{Group: "g"})
	require.NoError(t, err)
	require.Equal(t, 1, count)
}

func TestLettersOfADeletedStream(t *testing.T) {
	n := embed(t)
	letters := natsmediator.Letters(n)
	require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: "a"}))
	require.NoError(t, natsmediator.JetStream(n).DeleteStream(t.Context(), "mediator_letters_v1"))
	eventually(t, "made again", func() bool { return letters.Put(t.Context(), deadletter.Letter{ID: "b"}) == nil })
	require.Equal(t, 1, countOf(t, letters))
}

func FuzzLetters(f *testing.F) {
	f.Add("", []byte("{}\n"), "", "")
	f.Add("id", []byte("{\"name\":1}\nx"), "group", "error")
	f.Add(strings.Repeat("x", 255), []byte("\n\n"), "\xff", "\x00")
	f.Fuzz(func(t *testing.T, id string, data []byte, group, text string) {
		l, err := natsmediator.DecodeLetter(id, data)
		if err != nil {
			require.ErrorIs(t, err, natsmediator.ErrMalformed)
		} else {
			requireRoundTrip(t, l)
		}
		requireRoundTrip(t, deadletter.Letter{ID: id, Group: strings.ToValidUTF8(group, "?"), Body: data, First: time.Unix(1, 2).UTC(),
			Errors: []string{strings.ToValidUTF8(text, "?")}, Headers: map[string]string{"k": strings.ToValidUTF8(text, "?")}})
	})
}

func requireRoundTrip(t *testing.T, l deadletter.Letter) {
	t.Helper()
	data, err := natsmediator.EncodeLetter(l)
	if err != nil { // a year that JSON has no form for
		return
	}
	again, err := natsmediator.DecodeLetter(l.ID, data)
	require.NoError(t, err)
	require.True(t, l.First.Equal(again.First) && l.Last.Equal(again.Last))
	again.First, again.Last = l.First, l.Last
	if len(l.Body) == 0 {
		l.Body = nil
	}
	require.Equal(t, normal(l), normal(again))
}

func normal(l deadletter.Letter) deadletter.Letter {
	if len(l.Errors) == 0 {
		l.Errors = nil
	}
	if len(l.Headers) == 0 {
		l.Headers = nil
	}
	return l
}

func ExampleLetters() {
	ctx := context.Background()
	dir, remove := tempDir()
	defer remove()
	node, err := natsmediator.Embed(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = node.Close(ctx) }()
	letters := natsmediator.Letters(node)
	_ = letters.Put(ctx, deadletter.Letter{ID: "1", Name: "shop.Paid", Group: "stock"})
	fmt.Println(letters.Count(ctx, deadletter.Filter{Group: "stock"}))
	// Output: 1 <nil>
}
