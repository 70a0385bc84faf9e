package mediatortest

import (
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
