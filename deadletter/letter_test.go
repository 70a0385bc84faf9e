package deadletter_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestIDsAreInOrderAndUUIDs(t *testing.T) {
	var ids []string
	for range 10_000 {
		ids = append(ids, deadletter.NewID())
	}
	require.True(t, slices.IsSorted(ids))
	require.Len(t, slices.Compact(slices.Clone(ids)), len(ids))
	for _, id := range ids[:100] {
		require.Regexp(t, "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", id)
	}
	synctest.Test(t, func(t *testing.T) { // whose clock is behind
		require.Less(t, ids[len(ids)-1], deadletter.NewID())
	})
}

func TestLettersInJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	l := deadletter.Letter{ID: "1", Name: "shop.Paid", Kind: mediator.KindNotification, Group: "stock", ContentType: "application/json; charset=utf-8",
		Body: []byte(`{"Big":12345678901234567890}`), Errors: []string{"declined"}, Attempts: 3, First: at, Last: at, Headers: map[string]string{"traceparent": "x"}}
	text, err := json.Marshal(l)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"1","name":"shop.Paid","kind":"notification","group":"stock","contentType":"application/json; charset=utf-8",`+
		`"body":{"Big":12345678901234567890},"errors":["declined"],"attempts":3,"first":"2026-01-02T03:04:05.000000006Z",`+
		`"last":"2026-01-02T03:04:05.000000006Z","headers":{"traceparent":"x"}}`, string(text))
	for _, change := range []func(l *deadletter.Letter){
		func(*deadletter.Letter) {},
		func(l *deadletter.Letter) { l.Body = []byte{0xff, 0} },
		func(l *deadletter.Letter) { l.Body = []byte("\"\xff\"") },
		func(l *deadletter.Letter) { l.Body = []byte("null") },
		func(l *deadletter.Letter) { l.Body = nil },
		func(l *deadletter.Letter) { l.ContentType, l.Kind = "application/x-gob", 0 },
	} {
		l := l.Clone()
		change(&l)
		text, err := json.Marshal(l)
		require.NoError(t, err)
		var back deadletter.Letter
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, l, back)
	}
	var back deadletter.Letter
	require.ErrorContains(t, json.Unmarshal([]byte(`{"kind":"telegram"}`), &back), `no kind of message is called "telegram"`)
	require.Error(t, json.Unmarshal([]byte(`{"id":1}`), &back))
	l.Kind = 99
	_, err = json.Marshal(l)
	require.ErrorContains(t, err, `no kind of message is called "Kind(99)"`, "what could not be read is not written")
}

func FuzzLetterInJSON(f *testing.F) {
	f.Add("application/json", []byte(`{"A":1}`), "shop.Paid", "declined")
	f.Add("text/plain", []byte{0xff}, "", "\x00")
	f.Add("+json", []byte("\r77E770"), "", "")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, name, text string) {
		l := deadletter.Letter{ID: "1", Kind: mediator.KindRequest, ContentType: strings.ToValidUTF8(contentType, "?"), Body: body,
			Name: strings.ToValidUTF8(name, "?"), Errors: []string{strings.ToValidUTF8(text, "?")}}
		data, err := json.Marshal(l)
		require.NoError(t, err)
		var back deadletter.Letter
		require.NoError(t, json.Unmarshal(data, &back))
		if !bytes.Equal(l.Body, back.Body) { // white space and escapes may differ
			require.Equal(t, valueOf(t, l.Body), valueOf(t, back.Body))
		}
		l.Body, back.Body = nil, nil
		require.Equal(t, l, back)
	})
}

// valueOf is what JSON says, with numbers as they are written: no type may hold them.
func valueOf(t *testing.T, body []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), base64.StdEncoding.EncodeToString(body))
	return v
}

// gobCodec is a codec for what can be encoded by gob.
type gobCodec struct{}

func (gobCodec) ContentType() string { return "application/x-gob" }

func (gobCodec) Encode(message any) ([]byte, error) {
	if _, ok := message.(OrderPaid); !ok {
		return nil, fmt.Errorf("%T is not for gob", message)
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(message)
	return b.Bytes(), err
}

func (gobCodec) Decode(body []byte, target any) error {
	return gob.NewDecoder(bytes.NewReader(body)).Decode(target)
}

func TestCodecsByContentType(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	var got []any
	m := newMediator(t, mediator.Use(deadletter.Behavior(store, deadletter.Codecs(gobCodec{}))),
		mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) { got = append(got, c); return h.charge(ctx, c) }),
		mediator.Subscribe(func(ctx context.Context, o OrderPaid) error { got = append(got, o); return h.paid(ctx, o) }, mediator.Group("stock")))
	fail(t, m, 5)
	require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7}))
	all := letters(t, store)
	require.Equal(t, "application/json", all[0].ContentType, "the next codec, for what the first cannot")
	require.Equal(t, "application/x-gob", all[1].ContentType)
	h.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Codecs(gobCodec{}))
	require.NoError(t, err)
	require.Equal(t, 2, report.Redriven)
	require.Equal(t, []any{Charge{Cents: 5}, OrderPaid{Receipt: 7}, Charge{Cents: 5}, OrderPaid{Receipt: 7}}, got)
}

type Unspeakable struct {
	mediator.Command
	Channel chan int
}

type Explosive struct{ mediator.Command }

func (Explosive) MarshalJSON() ([]byte, error) { panic("boom") }

func TestAMessageThatCannotBeEncodedIsKeptWithoutItsBody(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store, deadletter.Headers(func(context.Context) map[string]string { panic("headers") }))),
		mediator.HandleCommand(func(context.Context, Unspeakable) error { return errDeclined }),
		mediator.HandleCommand(func(context.Context, Explosive) error { return errDeclined }))
	for _, err := range []error{mediator.Exec(t.Context(), m, Unspeakable{}), mediator.Exec(t.Context(), m, Explosive{})} {
		require.ErrorIs(t, err, errDeclined)
		var lost *deadletter.StoreError
		require.ErrorAs(t, err, &lost)
		require.ErrorContains(t, lost, "as application/json")
		require.ErrorContains(t, lost, "panic: headers")
	}
	all := letters(t, store)
	require.Len(t, all, 2)
	require.Empty(t, all[0].Body)
	require.Empty(t, all[0].ContentType)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 2, report.Skipped)
	require.ErrorIs(t, errors.Join(report.Outcomes[0].Err, report.Outcomes[1].Err), deadletter.ErrContentType)
}

func TestAllEndsEarlyAndWithErrors(t *testing.T) {
	store := &broken{Store: deadletter.NewMemory()}
	for range 150 {
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID()}))
	}
	pages := 0
	store.list = func() error {
		if pages++; pages == 2 {
			return errDeclined
		}
		return nil
	}
	n := 0
	for _, err := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
		if n++; n == 101 {
			require.Equal(t, errDeclined, err)
		}
	}
	require.Equal(t, 101, n)
	for range deadletter.All(t.Context(), store, deadletter.Filter{}) {
		break
	}
	require.Equal(t, 3, pages)
}

func TestStatusInWords(t *testing.T) {
	require.Equal(t, []string{"redriven", "failed", "skipped", "Status(0)"},
		[]string{deadletter.Redriven.String(), deadletter.Failed.String(), deadletter.Skipped.String(), deadletter.Status(0).String()})
}

// disordered is a store whose pages and cursors are not those it should give.
type disordered struct {
	*deadletter.Memory
	list func(page []deadletter.Letter, next string) ([]deadletter.Letter, string)
	from func(after string) string
}

func (d *disordered) List(ctx context.Context, f deadletter.Filter, after string, limit int) ([]deadletter.Letter, string, error) {
	page, next, err := d.Memory.List(ctx, f, d.from(after), limit)
	page, next = d.list(page, next)
	return page, next, err
}

// One letter was handled until the context ended.
func TestAStoreOutOfOrderEndsTheRedrive(t *testing.T) {
	same := func(after string) string { return after }
	for name, tc := range map[string]struct {
		list func(page []deadletter.Letter, next string) ([]deadletter.Letter, string)
		from func(after string) string
		text string
		runs int
	}{
		"a page that comes again": {func(page []deadletter.Letter, _ string) ([]deadletter.Letter, string) {
			return page, page[len(page)-1].ID
		},
			func(string) string { return "" }, `it lists the letter "1" after "2"`, 2},
		"a page backwards": {func(page []deadletter.Letter, next string) ([]deadletter.Letter, string) {
			slices.Reverse(page)
			return page, next
		},
			same, `it lists the letter "1" after "2"`, 1},
		"a letter twice": {func(page []deadletter.Letter, next string) ([]deadletter.Letter, string) {
			return []deadletter.Letter{page[0], page[0]}, next
		}, same, `it lists the letter "1" after "1"`, 1},
		"a cursor that stays": {func([]deadletter.Letter, string) ([]deadletter.Letter, string) { return nil, "1" }, same, `after "1" its cursor is "1"`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			store, h := &disordered{deadletter.NewMemory(), tc.list, tc.from}, &switched{err: errDeclined}
			for _, id := range []string{"1", "2"} {
				require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: id, Kind: mediator.KindNotification, Name: "deadletter_test.OrderPaid", Group: "stock", Body: []byte("{}"), ContentType: "application/json"}))
			}
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Subscribe(h.paid, mediator.Group("stock")))
			report, err := deadletter.Redrive(t.Context(), m, store)
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.runs, report.Failed)
			require.Equal(t, tc.runs, h.count())
		})
	}
}
