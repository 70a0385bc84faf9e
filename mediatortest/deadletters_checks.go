package mediatortest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
)

func checkRoundTrip(t *storeTest) {
	full := sample("full")
	bare := deadletter.Letter{ID: "bare", Kind: mediator.KindRequest, First: full.First, Last: full.Last}
	json := sample("json")
	json.Body, json.ContentType, json.Kind = []byte("{ \"A\": \"<\u2028>\" }\n"), "application/json", mediator.KindStream
	large := sample("large")
	large.Body = []byte(strings.Repeat("0123456789", 30_000))
	for _, l := range []deadletter.Letter{full, bare, json, large, sample("with \x00 \" and ü"), sample(strings.Repeat("i", deadletter.MaxID))} {
		t.put(l)
		t.wantLetter("Get", l, t.get(l.ID))
	}
	letters, _, err := t.List(t.ctx, deadletter.Filter{}, "", 1)
	t.must(err)
	t.wantLetter("List", bare, letters[0])
}

func checkReplace(t *storeTest) {
	l := sample("a")
	t.put(l, sample("b"))
	l.Attempts, l.Errors, l.Headers, l.Body = 9, []string{"another"}, nil, []byte("short")
	t.put(l)
	t.wantLetter("Get", l, t.get("a"))
	t.want("List", []string{"a", "b"}, t.ids(deadletter.Filter{}, 0))
	t.wantCount(2, deadletter.Filter{})
}

func (t *storeTest) wantCount(want int, f deadletter.Filter) {
	t.Helper()
	n, err := t.Count(t.ctx, f)
	t.must(err)
	t.want(fmt.Sprintf("Count of %+v", f), want, n)
}

func checkCopies(t *storeTest) {
	spoil := func(l deadletter.Letter) { l.Body[0], l.Errors[0], l.Headers["traceparent"] = 'x', "x", "x" }
	mine := sample("a")
	t.put(mine)
	spoil(mine)
	t.wantLetter("Get after the letter that was put has changed", sample("a"), t.get("a"))
	spoil(t.get("a"))
	letters, _, err := t.List(t.ctx, deadletter.Filter{}, "", 0)
	t.must(err)
	spoil(letters[0])
	t.wantLetter("Get after letters that were returned have changed", sample("a"), t.get("a"))
}

func checkDelete(t *storeTest) {
	t.put(sample("a"), sample("b"), sample("c"))
	t.must(t.Delete(t.ctx, "b"))
	_, err := t.Get(t.ctx, "b")
	t.wantIs("Get of a deleted letter", err, deadletter.ErrNotFound)
	t.wantIs("Delete of a deleted letter", t.Delete(t.ctx, "b"), deadletter.ErrNotFound)
	t.want("List", []string{"a", "c"}, t.ids(deadletter.Filter{}, 0))
	t.wantCount(2, deadletter.Filter{})
	t.put(sample("b"))
	t.want("List", []string{"a", "b", "c"}, t.ids(deadletter.Filter{}, 0))
}

func checkIDs(t *storeTest) {
	for _, id := range []string{"", strings.Repeat("i", deadletter.MaxID+1), "no \xff UTF-8"} {
		t.wantIs("Put", t.Put(t.ctx, sample(id)), deadletter.ErrID)
		_, err := t.Get(t.ctx, id)
		t.wantIs("Get", err, deadletter.ErrNotFound)
		t.wantIs("Delete", t.Delete(t.ctx, id), deadletter.ErrNotFound)
	}
	t.wantCount(0, deadletter.Filter{})
}

func checkOrder(t *storeTest) {
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("%03d", i*37%250))
		t.put(sample(want[i]))
	}
	slices.Sort(want)
	for _, limit := range []int{0, -1, 1, 7, 250, 1000, math.MaxInt} {
		t.want(fmt.Sprintf("List with the limit %d", limit), want, t.ids(deadletter.Filter{}, limit))
	}
	letters, next, err := t.List(t.ctx, deadletter.Filter{}, "", 0)
	t.must(err)
	t.want("the number of letters without a limit", deadletter.DefaultPage, len(letters))
	t.want("the cursor", true, next != "")
	for _, limit := range []int{50, 51} {
		_, next, err = t.List(t.ctx, deadletter.Filter{}, "199", limit)
		t.must(err)
		t.want("the cursor after the last letter", "", next)
	}
}

func checkFilter(t *storeTest) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var letters []deadletter.Letter
	for i := range 40 {
		l := sample(fmt.Sprintf("%02d", i))
		l.Name = []string{"a", "b"}[i%2]
		l.Group = []string{"", "g", "h"}[i%3]
		l.Kind = []mediator.Kind{mediator.KindRequest, mediator.KindNotification}[i/2%2]
		l.First = start.Add(time.Duration(i*7%40) * time.Minute)
		letters = append(letters, l)
	}
	t.put(letters...)
	for _, f := range []deadletter.Filter{
		{}, {Name: "a"}, {Group: "g"}, {Kind: mediator.KindRequest}, {Since: start.Add(20 * time.Minute)}, {Until: start.Add(20 * time.Minute)},
		{Name: "b", Group: "h", Since: start.Add(time.Minute), Until: start.Add(30 * time.Minute)}, {Name: "c"}, {Until: start},
	} {
		var want []string
		for _, l := range letters {
			if f.Match(l) {
				want = append(want, l.ID)
			}
		}
		for _, limit := range []int{0, 3} {
			t.want(fmt.Sprintf("List of %+v", f), want, t.ids(f, limit))
		}
		t.wantCount(len(want), f)
	}
}

func checkCursor(t *storeTest) {
	for i := 10; i < 30; i += 2 {
		t.put(sample(fmt.Sprint(i)))
	}
	letters, next, err := t.List(t.ctx, deadletter.Filter{}, "", 4)
	t.must(err)
	for _, l := range letters { // the cursor's own letter too
		t.must(t.Delete(t.ctx, l.ID))
	}
	t.must(t.Delete(t.ctx, "22"))
	t.put(sample("11"), sample("25"))
	letters, next, err = t.List(t.ctx, deadletter.Filter{}, next, 4)
	t.must(err)
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.ID)
	}
	t.want("the page after the deletion of the one before", []string{"18", "20", "24", "25"}, ids)
	letters, next, err = t.List(t.ctx, deadletter.Filter{}, next, 4)
	t.must(err)
	t.want("the last page", []any{2, ""}, []any{len(letters), next})
}

func checkEnded(t *storeTest) {
	t.put(sample("a"))
	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.ctx)
	cancel(gone)
	_, getErr := t.Get(ctx, "a")
	_, _, listErr := t.List(ctx, deadletter.Filter{}, "", 0)
	_, countErr := t.Count(ctx, deadletter.Filter{})
	for what, err := range map[string]error{
		"Put": t.Put(ctx, sample("b")), "Delete": t.Delete(ctx, "a"), "Get": getErr, "List": listErr, "Count": countErr,
	} {
		t.wantIs(what, err, context.Canceled)
		t.wantIs(what, err, gone)
	}
	t.want("List", []string{"a"}, t.ids(deadletter.Filter{}, 0))
}

// checkConcurrent finds most with the race detector.
func checkConcurrent(t *storeTest) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	const callers, each = 16, 20
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				id := fmt.Sprintf("%02d-%02d", i, j)
				err := t.Put(t.ctx, sample(id))
				_, getErr := t.Get(t.ctx, id)
				_, _, listErr := t.List(t.ctx, deadletter.Filter{}, id, 5)
				_, countErr := t.Count(t.ctx, deadletter.Filter{Group: "stock"})
				var deleteErr error
				if j%2 == 0 {
					deleteErr = t.Delete(t.ctx, id)
				}
				note(errors.Join(err, getErr, listErr, countErr, deleteErr))
			}
		})
	}
	wg.Wait()
	t.must(errors.Join(errs...))
	t.wantCount(callers*each/2, deadletter.Filter{})
	t.want("the number of letters listed", callers*each/2, len(t.ids(deadletter.Filter{}, 7)))
}
