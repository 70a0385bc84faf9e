package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fsmediator/mediator/deadletter"
)

// maxLetters is how many letters one action may be about.
const maxLetters = 100

// redriveWait is how long a letter that is refused is waited for.
const redriveWait = time.Second

// chosen reads the letters that an action is about, and asks whether it may be.
func (c *console) chosen(w http.ResponseWriter, r *http.Request, op Op) (ids []string, ok bool) {
	var asked struct {
		IDs []string `json:"ids"`
	}
	if !read(w, r, &asked) {
		return nil, false
	}
	if c.store == nil {
		refuse(w, http.StatusNotFound, "the console was given no console.DeadLetters")
		return nil, false
	}
	slices.Sort(asked.IDs)
	ids = slices.Compact(asked.IDs)
	if len(ids) == 0 || len(ids) > maxLetters {
		refuse(w, http.StatusBadRequest, "%d letters are chosen, not 1 to %d", len(ids), maxLetters)
		return nil, false
	}
	actions := make([]Action, len(ids))
	for i, id := range ids {
		actions[i] = Action{Op: op, Target: id}
	}
	return ids, c.allowed(w, r, actions...)
}

type outcomeView struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// claims are the letters that are being redriven. The zero claims are none.
type claims struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// take returns those of the letters that nobody else redrives, which are the caller's
// until it gives them back, and the others.
func (c *claims) take(ids []string) (mine, taken []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[string]struct{}{}
	}
	for _, id := range ids {
		if _, ok := c.ids[id]; ok {
			taken = append(taken, id)
			continue
		}
		c.ids[id] = struct{}{}
		mine = append(mine, id)
	}
	return mine, taken
}

func (c *claims) giveBack(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.ids, id)
	}
}

// redrive has the chosen letters handled again, but for those that another request has
// handled again just now: two runs at once would handle them twice.
func (c *console) redrive(w http.ResponseWriter, r *http.Request) {
	ids, ok := c.chosen(w, r, Redrive)
	if !ok {
		return
	}
	result := struct {
		Redriven int           `json:"redriven"`
		Failed   int           `json:"failed"`
		Skipped  int           `json:"skipped"`
		Outcomes []outcomeView `json:"outcomes"`
		Error    string        `json:"error,omitempty"`
	}{Outcomes: []outcomeView{}}
	mine, taken := c.redriven.take(ids)
	defer c.redriven.giveBack(mine)
	for _, id := range taken {
		result.Outcomes = append(result.Outcomes, outcomeView{id, deadletter.Skipped.String(), "it is being redriven already"})
	}
	opts := append(slices.Clone(c.redriving), deadletter.Filter{}, deadletter.OnOutcome(func(_ context.Context, o deadletter.Outcome) {
		one := outcomeView{ID: o.Letter.ID, Status: o.Status.String()}
		if o.Err != nil {
			one.Error = o.Err.Error()
		}
		result.Outcomes = append(result.Outcomes, one)
	}))
	report, err := deadletter.Redrive(r.Context(), c.m, &selection{Store: c.store, ids: mine}, opts...)
	result.Redriven, result.Failed, result.Skipped = report.Redriven, report.Failed, report.Skipped+len(taken)
	if err != nil {
		result.Error = err.Error()
	}
	answer(w, http.StatusOK, result)
}

// deleteLetters deletes the chosen letters.
func (c *console) deleteLetters(w http.ResponseWriter, r *http.Request) {
	ids, ok := c.chosen(w, r, Delete)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeLimit)
	defer cancel()
	deleted := 0
	for _, id := range ids {
		err := c.store.Delete(ctx, id)
		switch {
		case errors.Is(err, deadletter.ErrNotFound), errors.Is(err, deadletter.ErrID):
		case err != nil:
			refuse(w, http.StatusInternalServerError, "%v (letters deleted before: %d)", err, deleted)
			return
		default:
			deleted++
		}
	}
	answer(w, http.StatusOK, map[string]int{"deleted": deleted})
}

// selection is a store that lists some of its letters alone.
type selection struct {
	deadletter.Store
	ids []string // sorted
}

// List implements [deadletter.Store], on one page.
func (s *selection) List(ctx context.Context, f deadletter.Filter, after string, _ int) (letters []deadletter.Letter, next string, err error) {
	for _, id := range s.ids {
		if id <= after {
			continue
		}
		l, err := s.Get(ctx, id)
		switch {
		case errors.Is(err, deadletter.ErrNotFound), errors.Is(err, deadletter.ErrID):
		case err != nil:
			return nil, "", err
		case f.Match(l):
			letters = append(letters, l)
		}
	}
	return letters, "", nil
}

// Replace implements [deadletter.Replacer].
func (s *selection) Replace(ctx context.Context, l deadletter.Letter) error {
	if r, ok := s.Store.(deadletter.Replacer); ok {
		return r.Replace(ctx, l)
	}
	if _, err := s.Get(ctx, l.ID); err != nil {
		return err
	}
	return s.Put(ctx, l)
}
