package mediatortest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
)

// checkOdd has letters that a store may refuse, or give back with their texts
// cleaned, but which must harm no other.
func checkOdd(t *storeTest) {
	t.put(sample("a"), sample("z"))
	text := sample("text")
	text.Name, text.Group, text.Stack, text.ContentType = "n\xff", "g\xc3", "s\xfe", "c\xff"
	text.Errors = []string{"e\xff", "e\xfe"}
	text.Headers = map[string]string{"k\xff": "v\xff", "k\xfe": "v"}
	kind := sample("kind")
	kind.Kind = mediator.Kind(99)
	want := []string{"a"}
	for _, l := range []deadletter.Letter{kind, text} {
		if err := t.Put(t.ctx, l); err != nil {
			continue
		}
		want = append(want, l.ID)
		got := t.get(l.ID)
		t.want("the body", l.Body, got.Body)
		t.want("the kind", l.Kind, got.Kind)
		t.want("the first error", strings.ToValidUTF8(l.Errors[0], "\uFFFD"), strings.ToValidUTF8(got.Errors[0], "\uFFFD"))
	}
	want = append(want, "z")
	t.want("List", want, t.ids(deadletter.Filter{}, 0))
	t.wantCount(len(want), deadletter.Filter{})
	for _, id := range want {
		t.must(t.Delete(t.ctx, id))
	}
	t.wantCount(0, deadletter.Filter{})
}

// checkBytes has letters that a collation of text takes for one another, or in another
// order.
func checkBytes(t *storeTest) {
	ids := []string{"b", "A", "ö", "a", "B", "~", "_", "o\u0308", "a ", "10", "9"}
	for _, id := range ids {
		l := sample(id)
		l.Name, l.Group = "n"+id, "g"+id
		t.put(l)
	}
	slices.Sort(ids)
	for _, limit := range []int{0, 1, 3} {
		t.want(fmt.Sprintf("List with the limit %d", limit), ids, t.ids(deadletter.Filter{}, limit))
	}
	for i, id := range ids {
		t.want("the ID that Get returns", id, t.get(id).ID)
		letters, _, err := t.List(t.ctx, deadletter.Filter{}, id, 0)
		t.must(err)
		t.want(fmt.Sprintf("the number of letters after %q", id), len(ids)-i-1, len(letters))
		for _, f := range []deadletter.Filter{{Name: "n" + id}, {Group: "g" + id}} {
			t.want(fmt.Sprintf("List of %+v", f), []string{id}, t.ids(f, 0))
			t.wantCount(1, f)
		}
	}
}

func checkReplacer(t *storeTest) {
	s, ok := t.Store.(deadletter.Replacer)
	if !ok {
		return
	}
	l := sample("a")
	t.wantIs("Replace of no letter", s.Replace(t.ctx, l), deadletter.ErrNotFound)
	t.wantCount(0, deadletter.Filter{})
	t.put(l, sample("b"))
	l.Attempts, l.Errors = 9, []string{"another"}
	t.must(s.Replace(t.ctx, l))
	t.wantLetter("Get", l, t.get("a"))
	t.wantCount(2, deadletter.Filter{})
	t.must(t.Delete(t.ctx, "a"))
	t.wantIs("Replace of a deleted letter", s.Replace(t.ctx, l), deadletter.ErrNotFound)
	t.want("List", []string{"b"}, t.ids(deadletter.Filter{}, 0))
}
