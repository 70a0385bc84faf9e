package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

type letterList struct {
	Letters []struct {
		ID, Name, Kind, Group, Error string
		Attempts, Redrives           int
		First, Last                  int64
	}
	Next string
}

type letter struct {
	ID, Name, Kind, Error, ContentType, Body, BodyIs, Stack string
	BodySize                                                int
	Cut                                                     bool
	Errors                                                  []string
	Headers                                                 map[string]string
}

func (l letterList) ids() (all []string) {
	for _, one := range l.Letters {
		all = append(all, one.ID)
	}
	return all
}

func search(t *testing.T, h http.Handler, q, after string) letterList {
	t.Helper()
	w := get(t, h, "/letters?"+url.Values{"q": {q}, "after": {after}}.Encode())
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return decoded[letterList](t, w)
}

func TestSearch(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	store := deadletter.NewMemory()
	for _, l := range []deadletter.Letter{
		{ID: "1", Name: "orders.Place", Kind: mediator.KindRequest, Errors: []string{"place: no stock", "no stock"}, Attempts: 3, First: at, Last: at.Add(time.Minute)},
		{ID: "2", Name: "orders.Placed", Kind: mediator.KindNotification, Group: "mailer", Errors: []string{"SMTP: refused"}, Redrives: 1},
		{ID: "3", Name: "<script>alert(1)</script>", Kind: mediator.KindStream, Body: []byte(`{"sku":"CUP-Blue"}`), Headers: map[string]string{"traceparent": "00-ABC-01"}},
		{ID: "4", Body: []byte{0xff, 'b', 'l', 'u', 'e'}},
	} {
		require.NoError(t, store.Put(t.Context(), l))
	}
	h := console.Handler(newMediator(t), console.DeadLetters(store))
	all := search(t, h, "", "")
	require.Equal(t, []string{"1", "2", "3", "4"}, all.ids())
	require.Empty(t, all.Next)
	first := all.Letters[0]
	require.Equal(t, "request", first.Kind)
	require.Equal(t, "place: no stock", first.Error)
	require.Equal(t, 3, first.Attempts)
	require.Equal(t, at.UnixMilli(), first.First)
	require.Equal(t, at.Add(time.Minute).UnixMilli(), first.Last)
	require.Equal(t, "mailer", all.Letters[1].Group)
	require.Equal(t, 1, all.Letters[1].Redrives)
	for q, want := range map[string][]string{
		"ORDERS.place": {"1", "2"}, "placed": {"2"}, "mailer": {"2"}, "smtp": {"2"}, "cup-blue": {"3"}, "blue": {"3"}, "00-abc": {"3"},
		"traceparent": {"3"}, "stream": {"3"}, "<script>": {"3"}, " no stock ": {"1"}, "nowhere": nil,
	} {
		require.Equal(t, want, search(t, h, q, "").ids(), q)
	}
	require.Equal(t, []string{"3", "4"}, search(t, h, "", "2").ids())
	require.NotContains(t, get(t, h, "/letters").Body.String(), "<script>")
}

func TestSearchGoesPageByPage(t *testing.T) {
	store := deadletter.NewMemory()
	for i := range 260 {
		name := "even"
		if i%2 == 1 {
			name = "odd"
		}
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: fmt.Sprintf("%03d", i), Name: name}))
	}
	h := console.Handler(newMediator(t), console.DeadLetters(store))
	for q, want := range map[string]int{"": 260, "odd": 130, "25": 13} {
		seen := map[string]bool{}
		pages := 0
		for after := ""; ; pages++ {
			l := search(t, h, q, after)
			require.LessOrEqual(t, len(l.Letters), 25)
			for _, one := range l.Letters {
				require.False(t, seen[one.ID])
				seen[one.ID] = true
			}
			if after = l.Next; after == "" {
				break
			}
		}
		require.Len(t, seen, want, q)
		require.Equal(t, (want-1)/25, pages, "no page more than needed")
	}
}

func TestALetter(t *testing.T) {
	store := deadletter.NewMemory()
	put := func(l deadletter.Letter) { require.NoError(t, store.Put(t.Context(), l)) }
	put(deadletter.Letter{ID: "a/b?c", Name: "orders.Place", Kind: mediator.KindRequest, Body: []byte(`{"sku":"<b>","n":12345678901234567890}`),
		ContentType: "application/json; charset=utf-8", Errors: []string{"outer", "inner"}, Stack: "goroutine 1", Headers: map[string]string{"run": "7"}})
	put(deadletter.Letter{ID: "text", Body: []byte("hello"), ContentType: "text/plain"})
	put(deadletter.Letter{ID: "wrong", Body: []byte("{hello"), ContentType: "application/json"})
	put(deadletter.Letter{ID: "bytes", Body: []byte{0, 1, 0xff}, ContentType: "application/octet-stream"})
	put(deadletter.Letter{ID: "long", Body: []byte(strings.Repeat("ä", 200<<10)), ContentType: "text/plain"})
	put(deadletter.Letter{ID: "many", Body: []byte(strings.Repeat("\xff", 300<<10))})
	put(deadletter.Letter{ID: "empty"})
	h := console.Handler(newMediator(t), console.DeadLetters(store))
	look := func(id string) letter {
		w := get(t, h, "/letter?"+url.Values{"id": {id}}.Encode())
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.NotContains(t, w.Body.String(), "<")
		return decoded[letter](t, w)
	}
	l := look("a/b?c")
	lines := strings.Split(l.Body, "\n")
	require.Equal(t, []string{`{`, `  "sku": "<b>",`, `  "n": 12345678901234567890`, `}`}, lines, "as it is, and readable")
	require.Equal(t, "json", l.BodyIs)
	require.Equal(t, 38, l.BodySize)
	require.Equal(t, []string{"outer", "inner"}, l.Errors)
	require.Equal(t, "goroutine 1", l.Stack)
	require.Equal(t, map[string]string{"run": "7"}, l.Headers)
	require.Equal(t, "hello", look("text").Body)
	require.Equal(t, "text", look("wrong").BodyIs)
	require.Equal(t, "{hello", look("wrong").Body)
	require.Equal(t, "hex", look("bytes").BodyIs)
	require.Contains(t, look("bytes").Body, "00 01 ff")
	long := look("long")
	require.True(t, long.Cut)
	require.Len(t, long.Body, 256<<10)
	require.Equal(t, 400<<10, long.BodySize)
	require.True(t, look("many").Cut)
	require.Less(t, len(look("many").Body), 300<<10)
	require.Empty(t, look("empty").BodyIs)
}

// Who can make a message fail writes its body: it must not fill the memory of who
// looks at it.
func TestABodyThatWouldBeHugeWithIndentsIsShownAsItIs(t *testing.T) {
	deep := strings.Repeat("[", 9000) + strings.Repeat("1,", 100<<10) + "1" + strings.Repeat("]", 9000)
	brackets := `{"n":"` + strings.Repeat(`[{\"`, 20<<10) + `"}`
	store := deadletter.NewMemory()
	for id, body := range map[string]string{"deep": deep, "brackets": brackets} {
		require.True(t, json.Valid([]byte(body)))
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: id, Body: []byte(body), ContentType: "application/json"}))
	}
	h := console.Handler(newMediator(t), console.DeadLetters(store))
	l := decoded[letter](t, get(t, h, "/letter?id=deep"))
	require.Equal(t, "text", l.BodyIs)
	require.Equal(t, deep, l.Body)
	l = decoded[letter](t, get(t, h, "/letter?id=brackets"))
	require.Equal(t, "json", l.BodyIs, "those of a text make no indents")
	require.Equal(t, strings.Replace(brackets[:len(brackets)-1], `{"n":`, "{\n  \"n\": ", 1)+"\n}", l.Body)
}

func TestLettersThatCannotBeHad(t *testing.T) {
	h := console.Handler(newMediator(t))
	require.Equal(t, http.StatusNotFound, get(t, h, "/letters").Code)
	require.Equal(t, http.StatusNotFound, get(t, h, "/letter?id=x").Code)
	h = console.Handler(newMediator(t), console.DeadLetters(deadletter.NewMemory()))
	require.Equal(t, http.StatusNotFound, get(t, h, "/letter?id=x").Code)
	require.Equal(t, http.StatusNotFound, get(t, h, "/letter").Code)
	h = console.Handler(newMediator(t), console.DeadLetters(&failing{Store: deadletter.NewMemory()}))
	for _, target := range []string{"/letters", "/letter?id=x"} {
		w := get(t, h, target)
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Equal(t, "refused", decoded[map[string]string](t, w)["error"])
	}
}
