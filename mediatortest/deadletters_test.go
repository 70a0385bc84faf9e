package mediatortest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

func TestDeadLettersOfMemory(t *testing.T) {
	mediatortest.DeadLetters(t, func(testing.TB) deadletter.Store { return deadletter.NewMemory() })
}

// Each check finds what it is there for.
func TestDeadLettersFindsFaults(t *testing.T) {
	for name, change := range map[string]func(*faulty){
		"GetReturnsWhatWasPut": func(f *faulty) { f.put = func(l *deadletter.Letter) { l.Stack = "" } },
		"PutReplaces": func(f *faulty) {
			f.put = func(l *deadletter.Letter) {
				if old, err := f.Store.Get(context.Background(), l.ID); err == nil {
					*l = old
				}
			}
		},
		"LettersAreCopies": func(f *faulty) { f.shared = map[string]deadletter.Letter{} },
		"DeleteRemoves":    func(f *faulty) { f.deleted = func(error) error { return nil } },
		"UnusableIDs":      func(f *faulty) { f.put = func(l *deadletter.Letter) { l.ID += "x" } },
		"OddLettersPoisonNothing": func(f *faulty) {
			f.page = func(page []deadletter.Letter) {
				if i := slices.IndexFunc(page, func(l deadletter.Letter) bool { return l.ID == "text" }); i >= 0 {
					page[i].ID = "poisoned"
				}
			}
		},
		"ReplaceNeedsTheLetter": func(f *faulty) { f.replace = f.Store.Put },
		"ListIsInOrder":         func(f *faulty) { f.page = slices.Reverse[[]deadletter.Letter] },
		"IDsAndNamesAreBytes": func(f *faulty) {
			f.page = func(page []deadletter.Letter) {
				slices.SortFunc(page, func(a, b deadletter.Letter) int { return strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)) })
			}
		},
		"ListAndCountFilter": func(f *faulty) { f.filter = func(fl *deadletter.Filter) { fl.Group = "" } },
		"CursorsStayGood": func(f *faulty) {
			f.after = func(after string) string {
				if _, err := f.Store.Get(context.Background(), after); err != nil {
					return ""
				}
				return after
			}
		},
		"EndedContexts": func(f *faulty) { f.ctx = context.WithoutCancel },
		"ConcurrentUse": func(f *faulty) {
			var once sync.Once
			f.deleted = func(err error) error {
				once.Do(func() { err = errors.New("conflict") })
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, failsCheck(t, name, deadletter.NewMemory()))
			f := &faulty{Store: deadletter.NewMemory()}
			change(f)
			require.True(t, failsCheck(t, name, f))
		})
	}
}

// failsCheck tells whether the check ends as by t.Fatal.
func failsCheck(t *testing.T, name string, s deadletter.Store) bool {
	fake := &fatalT{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { mediatortest.CheckStore(t.Context(), fake, name, s) })
	wg.Wait()
	return fake.failed
}

type fatalT struct {
	testing.TB
	failed bool
}

func (f *fatalT) Helper()               {}
func (f *fatalT) Fatal(...any)          { f.failed = true; runtime.Goexit() }
func (f *fatalT) Fatalf(string, ...any) { f.Fatal() }

// faulty is a store with the faults that are set.
type faulty struct {
	deadletter.Store
	put     func(*deadletter.Letter)
	shared  map[string]deadletter.Letter
	deleted func(error) error
	page    func([]deadletter.Letter)
	filter  func(*deadletter.Filter)
	after   func(string) string
	ctx     func(context.Context) context.Context
	replace func(context.Context, deadletter.Letter) error
}

func (f *faulty) Replace(ctx context.Context, l deadletter.Letter) error {
	if f.replace != nil {
		return f.replace(ctx, l)
	}
	return f.Store.(deadletter.Replacer).Replace(ctx, l)
}

func (f *faulty) Put(ctx context.Context, l deadletter.Letter) error {
	if f.put != nil {
		f.put(&l)
	}
	if f.shared != nil {
		f.shared[l.ID] = l
	}
	return f.Store.Put(f.with(ctx), l)
}

func (f *faulty) Get(ctx context.Context, id string) (deadletter.Letter, error) {
	if l, ok := f.shared[id]; ok {
		return l, nil
	}
	return f.Store.Get(f.with(ctx), id)
}

func (f *faulty) Delete(ctx context.Context, id string) error {
	err := f.Store.Delete(f.with(ctx), id)
	if f.deleted != nil {
		err = f.deleted(err)
	}
	return err
}

func (f *faulty) List(ctx context.Context, filter deadletter.Filter, after string, limit int) ([]deadletter.Letter, string, error) {
	if f.filter != nil {
		f.filter(&filter)
	}
	if f.after != nil {
		after = f.after(after)
	}
	letters, next, err := f.Store.List(f.with(ctx), filter, after, limit)
	if f.page != nil {
		f.page(letters)
	}
	return letters, next, err
}

func (f *faulty) Count(ctx context.Context, filter deadletter.Filter) (int, error) {
	return f.Store.Count(f.with(ctx), filter)
}

func (f *faulty) with(ctx context.Context) context.Context {
	if f.ctx != nil {
		return f.ctx(ctx)
	}
	return ctx
}
