package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// targets are the actions, each with a body that would be good.
var targets = map[string]string{
	"/breaker": `{"op":"isolate","id":"b1","key":null}`,
	"/redrive": `{"ids":["x"]}`,
	"/delete":  `{"ids":["x"]}`,
}

func TestActionsAreOff(t *testing.T) {
	h := console.Handler(newMediator(t), console.DeadLetters(deadletter.NewMemory()))
	for target, body := range targets {
		w := act(t, h, target, body)
		require.Equal(t, http.StatusForbidden, w.Code, target)
		require.Contains(t, w.Body.String(), "actions are off")
	}
}

func TestAnActionComesFromThePage(t *testing.T) {
	letters := deadletter.NewMemory()
	h := console.Handler(newMediator(t), console.DeadLetters(letters), everybody())
	other := console.Handler(newMediator(t), everybody())
	for name, c := range map[string]struct {
		change func(r *http.Request)
		status int
	}{
		"as the page makes it":       {func(*http.Request) {}, http.StatusOK},
		"without a browser":          {func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }, http.StatusOK},
		"of another site":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"of a neighbor":              {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		"of an old browser":          {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, http.StatusOK},
		"of an old browser, foreign": {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "http://evil.example") }, http.StatusForbidden},
		"of a sandbox":               {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }, http.StatusForbidden},
		"without a token":            {func(r *http.Request) { r.Header.Del("X-Console-Token") }, http.StatusForbidden},
		"with a wrong token":         {func(r *http.Request) { r.Header.Set("X-Console-Token", strings.Repeat("A", 26)) }, http.StatusForbidden},
		"with another's token":       {func(r *http.Request) { r.Header.Set("X-Console-Token", token(t, other)) }, http.StatusForbidden},
		"as a form":                  {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType},
		"without a type":             {func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		"by GET":                     {func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"by PUT":                     {func(r *http.Request) { r.Method = http.MethodPut }, http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: "x"}))
			r := action(t, h, "/delete", targets["/delete"])
			c.change(r)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code, w.Body.String())
			_, err := letters.Get(t.Context(), "x")
			require.Equal(t, c.status == http.StatusOK, errors.Is(err, deadletter.ErrNotFound), "deleted only if it was accepted")
		})
	}
}

func TestTheBodyOfAnAction(t *testing.T) {
	h := console.Handler(newMediator(t), console.DeadLetters(deadletter.NewMemory()), everybody())
	none := console.Handler(newMediator(t), everybody())
	many := `{"ids":["` + strings.Repeat(`x","`, 101) + `y"]}`
	var different []string
	for i := range 101 {
		different = append(different, fmt.Sprintf(`"%d"`, i))
	}
	for _, c := range []struct {
		h            http.Handler
		target, body string
		status       int
		says         string
	}{
		{h, "/delete", `{`, http.StatusBadRequest, "the body"},
		{h, "/delete", `{"ids":["x"],"all":true}`, http.StatusBadRequest, "unknown field"},
		{h, "/delete", `{"ids":[]}`, http.StatusBadRequest, "0 letters are chosen, not 1 to 100"},
		{h, "/redrive", `{"ids":[` + strings.Join(different, ",") + `]}`, http.StatusBadRequest, "101 letters are chosen"},
		{h, "/delete", many, http.StatusOK, `"deleted":0`},
		{h, "/delete", `{"ids":["` + strings.Repeat("x", 70<<10) + `"]}`, http.StatusRequestEntityTooLarge, "too large"},
		{h, "/breaker", `{"op":"open","id":"b1"}`, http.StatusBadRequest, `a breaker cannot \"open\"`},
		{h, "/breaker", `{"op":"reset","id":"b77"}`, http.StatusNotFound, "no breaker"},
		{none, "/delete", `{"ids":["x"]}`, http.StatusNotFound, "console.DeadLetters"},
		{none, "/redrive", `{"ids":["x"]}`, http.StatusNotFound, "console.DeadLetters"},
	} {
		w := act(t, c.h, c.target, c.body)
		require.Equal(t, c.status, w.Code, "%s %.50s: %s", c.target, c.body, w.Body.String())
		require.Contains(t, w.Body.String(), c.says)
	}
}

// guards remembers what it was asked, and forbids what is in its set.
type guards struct {
	mu     sync.Mutex
	asked  []string
	forbid map[string]bool
}

func (g *guards) authorize(r *http.Request, a console.Action) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.URL.Path+" "+a.String())
	if g.forbid[a.Target] {
		return errRefused
	}
	return nil
}

func TestTheAuthorizerIsAsked(t *testing.T) {
	letters := deadletter.NewMemory()
	for _, id := range []string{"a", "b"} {
		require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: id}))
	}
	g := &guards{forbid: map[string]bool{"b": true}}
	h := console.Handler(newMediator(t), console.DeadLetters(letters), console.Authorize(g.authorize))
	w := act(t, h, "/delete", `{"ids":["b","a"]}`)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, `delete "b" is not allowed: refused`, decoded[map[string]string](t, w)["error"])
	n, err := letters.Count(t.Context(), deadletter.Filter{})
	require.NoError(t, err)
	require.Equal(t, 2, n, "all or nothing")
	require.Equal(t, http.StatusForbidden, act(t, h, "/redrive", `{"ids":["b"]}`).Code)
	require.Equal(t, []string{`/delete delete "a"`, `/delete delete "b"`, `/redrive redrive "b"`}, g.asked)
}

func TestIsolateAndReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(c mediator.Call) string { return c.Message().(do).What }})
		other := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
		m := newMediator(t, mediator.HandleCommand(handleDo, mediator.Use(behaviors.When(func(mediator.Call) bool { return true }, breaker))),
			mediator.Handle(handleAsk, mediator.Use(other)))
		h := console.Handler(m, everybody())
		p := open(t, h)
		var id string
		for _, b := range next[wiring](t, p, "wiring").Breakers {
			if b.Routes[0] == "console_test.do" {
				id = b.ID
			}
		}
		turn := func(op, key, state string) {
			t.Helper()
			w := act(t, h, "/breaker", fmt.Sprintf(`{"op":%q,"id":%q,"key":%s}`, op, id, key))
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			require.Equal(t, state, decoded[map[string]string](t, w)["state"])
		}
		require.NoError(t, mediator.Exec(t.Context(), m, do{What: "a"}))
		turn("isolate", `"a"`, "isolated")
		require.ErrorIs(t, mediator.Exec(t.Context(), m, do{What: "a"}), behaviors.ErrOpen)
		require.NoError(t, mediator.Exec(t.Context(), m, do{What: "b"}))
		turn("reset", `"a"`, "closed")
		require.NoError(t, mediator.Exec(t.Context(), m, do{What: "a"}))
		turn("isolate", "null", "isolated")
		require.ErrorIs(t, mediator.Exec(t.Context(), m, do{What: "new"}), behaviors.ErrOpen)
		turn("reset", "null", "closed")
		require.NoError(t, mediator.Exec(t.Context(), m, do{What: "new"}))
		require.Equal(t, behaviors.StateClosed, other.State())
	})
}

// keyed is a mediator with two breakers around do and ask, whose keys are what a do says.
func keyed(t *testing.T) (m *mediator.Mediator, done, asked *behaviors.Breaker) {
	done = behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(c mediator.Call) string { return c.Message().(do).What }})
	asked = behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	return newMediator(t, mediator.HandleCommand(handleDo, mediator.Use(done)), mediator.Handle(handleAsk, mediator.Use(asked))), done, asked
}

// turnBreaker has the page of h isolate or reset.
func turnBreaker(t *testing.T, h http.Handler, op, id string, of map[string]any) *httptest.ResponseRecorder {
	t.Helper()
	body := map[string]any{"op": op, "id": id}
	maps.Copy(body, of)
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return act(t, h, "/breaker", string(text))
}

// An authorizer can tell all keys from the empty one, and one breaker from another.
func TestTheAuthorizerIsToldWhatIsMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, done, asked := keyed(t)
		require.NoError(t, mediator.Exec(t.Context(), m, do{}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		var seen []console.Action
		h := console.Handler(m, console.Authorize(func(_ *http.Request, a console.Action) error {
			seen = append(seen, a)
			return errRefused
		}))
		ids := map[string]string{}
		for _, b := range next[wiring](t, open(t, h), "wiring").Breakers {
			ids[b.Routes[0]] = b.ID
		}
		doing, asking := ids["console_test.do"], ids["console_test.ask"]
		for _, w := range []*httptest.ResponseRecorder{
			turnBreaker(t, h, "isolate", doing, map[string]any{"key": ""}),
			turnBreaker(t, h, "isolate", doing, map[string]any{"key": nil}),
			turnBreaker(t, h, "reset", asking, map[string]any{"key": "console_test.ask"}),
		} {
			require.Equal(t, http.StatusForbidden, w.Code)
		}
		require.Equal(t, []console.Action{
			{Op: console.Isolate, Breaker: done},
			{Op: console.Isolate, Breaker: done, All: true},
			{Op: console.Reset, Breaker: asked, Target: "console_test.ask"},
		}, seen)
		require.Equal(t, behaviors.StateClosed, done.State())
	})
}

// A key that no call has had is a mistake, not another circuit; one that is no text can
// be isolated like the others.
func TestTheKeysOfABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, breaker, _ := keyed(t)
		keys := []string{"", "ok", "ok\xfe", "ok\xff", "ok\ufffd", `"ok\xff"`}
		for _, key := range keys {
			require.NoError(t, mediator.Exec(t.Context(), m, do{What: key}))
		}
		h := console.Handler(m, everybody())
		p := open(t, h)
		s := next[sample](t, p, "sample")
		id := s.Breakers[0].ID
		for _, b := range s.Breakers {
			if len(b.Circuits) > 0 {
				id = b.ID
				require.Len(t, b.Circuits, len(keys))
			}
		}
		for _, key := range []string{"nobody's", strings.Repeat("z", 60_000), "ok\x00"} {
			for _, op := range []string{"isolate", "reset"} {
				w := turnBreaker(t, h, op, id, map[string]any{"key": key})
				require.Equal(t, http.StatusNotFound, w.Code, w.Body.String())
				require.Contains(t, w.Body.String(), "the breaker has no such key")
			}
		}
		require.Equal(t, http.StatusNotFound, turnBreaker(t, h, "isolate", id, map[string]any{"key": "ok\ufffd\ufffd"}).Code)
		require.Len(t, breaker.Snapshot(), len(keys), "no circuit was made")
		require.Equal(t, behaviors.StateClosed, breaker.State())

		shown := map[string]bool{}
		for _, b := range s.Breakers {
			for i, c := range b.Circuits {
				require.False(t, shown[c.Key+string(c.Bytes)], "no two look alike")
				shown[c.Key+string(c.Bytes)] = true
				of := map[string]any{"key": c.Key}
				if c.Bytes != nil {
					of["bytes"] = c.Bytes
				}
				w := turnBreaker(t, h, "isolate", id, of)
				require.Equal(t, http.StatusOK, w.Code, w.Body.String())
				n := 0
				for _, key := range keys {
					if breaker.State(key) == behaviors.StateIsolated {
						n++
						require.ErrorIs(t, mediator.Exec(t.Context(), m, do{What: key}), behaviors.ErrOpen)
					}
				}
				require.Equal(t, i+1, n, "%q", c.Key)
			}
		}
	})
}

func TestABreakerThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t)
		stop, err := mediator.Listen(m, hear, mediator.Use(behaviors.CircuitBreaker(behaviors.BreakerConfig{})))
		require.NoError(t, err)
		h := console.Handler(m, everybody())
		p := open(t, h)
		body := fmt.Sprintf(`{"op":"isolate","id":%q,"key":null}`, next[wiring](t, p, "wiring").Breakers[0].ID)
		require.Equal(t, http.StatusOK, act(t, h, "/breaker", body).Code)
		stop()
		require.Empty(t, next[wiring](t, p, "wiring").Breakers)
		require.Equal(t, http.StatusNotFound, act(t, h, "/breaker", body).Code)
	})
}

// letterOf makes a letter of a do by having it fail.
func letterOf(t *testing.T, m *mediator.Mediator, s deadletter.Store, what string) deadletter.Letter {
	t.Helper()
	known := map[string]bool{}
	for l, err := range deadletter.All(t.Context(), s, deadletter.Filter{}) {
		require.NoError(t, err)
		known[l.ID] = true
	}
	require.Error(t, mediator.Exec(t.Context(), m, do{What: what}))
	for l, err := range deadletter.All(t.Context(), s, deadletter.Filter{}) {
		require.NoError(t, err)
		if !known[l.ID] {
			return l
		}
	}
	require.Fail(t, "no letter")
	return deadletter.Letter{}
}

type redriven struct {
	Redriven, Failed, Skipped int
	Outcomes                  []struct{ ID, Status, Error string }
	Error                     string
}

func TestRedrive(t *testing.T) {
	for name, wrap := range map[string]func(deadletter.Store) deadletter.Store{
		"a store that replaces": func(s deadletter.Store) deadletter.Store { return s },
		"one that does not":     func(s deadletter.Store) deadletter.Store { return struct{ deadletter.Store }{s} },
	} {
		t.Run(name, func(t *testing.T) {
			store := wrap(deadletter.NewMemory())
			broken := true
			m := newMediator(t, mediator.HandleCommand(func(_ context.Context, c do) error {
				if broken || c.What == "poison" {
					return errRefused
				}
				return nil
			}, mediator.Use(deadletter.Behavior(store))))
			good, left, poison := letterOf(t, m, store, "good"), letterOf(t, m, store, "left"), letterOf(t, m, store, "poison")
			foreign := deadletter.Letter{ID: "foreign", Name: "nobody's", Kind: mediator.KindRequest}
			require.NoError(t, store.Put(t.Context(), foreign))
			broken = false
			h := console.Handler(m, console.DeadLetters(store), everybody())
			w := act(t, h, "/redrive", fmt.Sprintf(`{"ids":[%q,%q,"foreign","gone","gone",%q]}`, poison.ID, good.ID, good.ID))
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			r := decoded[redriven](t, w)
			require.Equal(t, [3]int{1, 1, 1}, [3]int{r.Redriven, r.Failed, r.Skipped})
			require.Empty(t, r.Error)
			require.Len(t, r.Outcomes, 3)
			for _, o := range r.Outcomes {
				switch o.ID {
				case good.ID:
					require.Equal(t, "redriven", o.Status)
				case poison.ID:
					require.Equal(t, "failed", o.Status)
					require.Contains(t, o.Error, "refused")
				default:
					require.Equal(t, "foreign", o.ID)
					require.Equal(t, "skipped", o.Status)
				}
			}
			_, err := store.Get(t.Context(), good.ID)
			require.ErrorIs(t, err, deadletter.ErrNotFound)
			again, err := store.Get(t.Context(), poison.ID)
			require.NoError(t, err)
			require.Equal(t, 1, again.Redrives)
			same, err := store.Get(t.Context(), left.ID)
			require.NoError(t, err)
			require.Zero(t, same.Redrives, "it was not chosen")
		})
	}
}

func TestRedriveWithTheOptions(t *testing.T) {
	type key struct{}
	store := deadletter.NewMemory()
	var carried any
	m := newMediator(t, mediator.HandleCommand(func(ctx context.Context, c do) error {
		if carried = ctx.Value(key{}); carried == nil {
			return errRefused
		}
		return nil
	}, mediator.Use(deadletter.Behavior(store))))
	l := letterOf(t, m, store, "x")
	h := console.Handler(m, everybody(), console.DeadLetters(store,
		deadletter.Filter{Name: "ignored: the page chooses"},
		deadletter.Context(func(ctx context.Context, l deadletter.Letter) context.Context {
			return context.WithValue(ctx, key{}, l.ID)
		})))
	require.Equal(t, 1, decoded[redriven](t, act(t, h, "/redrive", fmt.Sprintf(`{"ids":[%q]}`, l.ID))).Redriven)
	require.Equal(t, l.ID, carried)
}

// Somebody looks at the page: what is refused is not waited for as long as a redrive of
// thousands would.
func TestRedriveWaitsASecondForWhatRefuses(t *testing.T) {
	for rate, want := range map[float64][]int{2: {1, 0}, 0.5: {0, 1}} { // it has room again in half a second, or in two
		synctest.Test(t, func(t *testing.T) {
			store := deadletter.NewMemory()
			fails := true
			m := newMediator(t, mediator.HandleCommand(func(context.Context, do) error {
				if fails {
					return errRefused
				}
				return nil
			}, mediator.Use(deadletter.Behavior(store), behaviors.RateLimit(behaviors.NewLimiter(rate, 1)))))
			l := letterOf(t, m, store, "x")
			fails = false
			h := console.Handler(m, everybody(), console.DeadLetters(store))
			got := decoded[redriven](t, act(t, h, "/redrive", fmt.Sprintf(`{"ids":[%q]}`, l.ID)))
			require.Equal(t, want, []int{got.Redriven, got.Skipped}, "%v a second", rate)
		})
	}
}

func TestRedriveOfAStoreThatFails(t *testing.T) {
	s := &failing{Store: deadletter.NewMemory()}
	h := console.Handler(newMediator(t), everybody(), console.DeadLetters(s))
	w := act(t, h, "/redrive", `{"ids":["x"]}`)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "refused", decoded[redriven](t, w).Error)
	w = act(t, h, "/delete", `{"ids":["x"]}`)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Contains(t, w.Body.String(), "refused (letters deleted before: 0)")
}

// failing is a store that is out of order.
type failing struct{ deadletter.Store }

func (failing) Get(context.Context, string) (deadletter.Letter, error) {
	return deadletter.Letter{}, errRefused
}
func (failing) Delete(context.Context, string) error { return errRefused }
func (failing) List(context.Context, deadletter.Filter, string, int) ([]deadletter.Letter, string, error) {
	return nil, "", errRefused
}

func TestOpString(t *testing.T) {
	require.Equal(t, `isolate "a"`, console.Action{Op: console.Isolate, Target: "a"}.String())
	require.Equal(t, `isolate ""`, console.Action{Op: console.Isolate}.String())
	require.Equal(t, `reset all keys`, console.Action{Op: console.Reset, All: true}.String())
	require.Equal(t, "reset redrive delete Op(9)", fmt.Sprint(console.Reset, console.Redrive, console.Delete, console.Op(9)))
}
