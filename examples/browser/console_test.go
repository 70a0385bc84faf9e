package browser_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// slowly is a command whose handler waits to be let go.
type slowly struct{ mediator.Command }

const redriveButton = `document.querySelector('.inside button[aria-label^="Redrive"]')`

func TestASecondClickRedrivesNothing(t *testing.T) {
	letters, fails := deadletter.NewMemory(), true
	var handled atomic.Int64
	goOn := make(chan struct{})
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, slowly) error {
		if fails {
			return errors.New("provider: connection reset")
		}
		handled.Add(1)
		<-goOn
		return nil
	}, mediator.Use(deadletter.Behavior(letters))))
	require.NoError(t, err)
	require.Error(t, mediator.Exec(t.Context(), m, slowly{}))
	fails = false
	s := &shop{Mediator: m}
	serve(t, s, console.Handler(m, console.DeadLetters(letters), everything()))
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelector('.letter')`)
	p.do(chromedp.Click(chromedp.CSS(`.letter summary`)))
	p.until(redriveButton)
	eval[int](p, `(window.asked = 0, window.really = fetch, window.fetch = (...all) => { asked += all[0] === 'redrive'; return really(...all) }, 0)`)
	p.do(chromedp.Focus(chromedp.CSS(`.inside button[aria-label^="Redrive"]`)), chromedp.KeyEvent(kb.Enter))
	p.until(redriveButton + `.getAttribute('aria-disabled') === 'true'`)
	p.do(chromedp.KeyEvent(kb.Enter), chromedp.Click(chromedp.CSS(`.inside button[aria-label^="Redrive"]`)))
	require.True(t, eval[bool](p, redriveButton+` === document.activeElement`), "it has the focus still")
	release()
	p.until(`document.querySelectorAll('.letter').length === 0`)
	require.Equal(t, 1, eval[int](p, `asked`))
	require.Equal(t, []string{"1 letter redriven"}, eval[[]string](p, `toasted`))
	require.EqualValues(t, 1, handled.Load())
}

// What is to be shown comes from elsewhere, and may be long or turn the direction of
// what follows.
func TestNamesKeepToTheirPlace(t *testing.T) {
	const turns = "gnp.\u202eexe"
	s := newShop(t)
	long := strings.Repeat("x-a-header-", 30)
	require.NoError(t, s.letters.Put(t.Context(), deadletter.Letter{ID: "0", Name: turns, Group: "mail", Headers: map[string]string{long: long, strings.Repeat("y", 300): "z"}}))
	p := newTab(t, 390, 844, "light")
	p.open(s.url)
	p.until(`document.querySelectorAll('.letter').length === 1`)
	p.do(chromedp.Click(chromedp.CSS(`.letter summary`)))
	p.until(`[...document.querySelectorAll('.letter dt')].some((e) => e.textContent === ` + quoted(long) + `)`)
	require.Zero(t, eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`), "nothing is cut off at the side")
	require.Empty(t, eval[[]string](p, `[...document.querySelectorAll('.letter dt, .letter dd')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent.slice(0, 40))`))

	require.Equal(t, turns+" to mail", text(p, ".letter summary span"))
	require.True(t, eval[bool](p, `(() => {
		const behind = document.querySelector('.letter summary .muted').firstChild;
		const left = (i) => {
			const range = document.createRange();
			range.setStart(behind, i);
			range.setEnd(behind, i + 1);
			return range.getBoundingClientRect().left;
		};
		return left(1) < left(behind.length - 1);
	})()`), "to mail is written from the left")
}

// A key that is no text has buttons that are about it.
func TestAKeyThatIsNoTextIsIsolated(t *testing.T) {
	key := "tenant \xff"
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(mediator.Call) string { return key }})
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, slowly) error { return nil }, mediator.Use(breaker)))
	require.NoError(t, err)
	require.NoError(t, mediator.Exec(t.Context(), m, slowly{}))
	s := &shop{Mediator: m}
	serve(t, s, console.Handler(m, everything(), console.Interval(100*time.Millisecond)))
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelector('.circuit .name')?.textContent === '"tenant \\xff"'`)
	p.do(chromedp.Click(chromedp.CSS(`.circuit button[aria-label^="Isolate"]`)))
	p.until(`document.querySelector('.circuit .badge').textContent === 'isolated'`)
	p.until(`toasted.includes('"tenant \\xff": isolated')`)
	require.Equal(t, behaviors.StateIsolated, breaker.State(key))
	require.Len(t, breaker.Snapshot(), 1)
}

// broken is a behavior whose readings cannot be had.
type broken string

func (b *broken) Wrap(next mediator.Next) mediator.Next { return next }

func (b *broken) Readings() iter.Seq[mediator.Reading] { panic(string(*b)) }

func TestProblemsAreDrawnOnce(t *testing.T) {
	one, other := broken("one"), broken("other")
	m, err := mediator.New(mediator.Use(&one, &other), mediator.HandleCommand(func(context.Context, slowly) error { return nil }))
	require.NoError(t, err)
	s := &shop{Mediator: m}
	serve(t, s, console.Handler(m, console.Interval(50*time.Millisecond)))
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelectorAll('#problems p').length === 2`)
	eval[int](p, `(window.changes = 0, new MutationObserver(() => { changes++ }).observe(document.getElementById('problems'), { childList: true }), 0)`)
	eval[int](p, `(window.samples = 0, window.since = document.querySelector('#tiles'), new EventSource('events').addEventListener('sample', () => { samples++ }), 0)`)
	p.until(`samples > 10`)
	require.Zero(t, eval[int](p, `changes`))
}

func TestAPageWithoutEventsSaysWhy(t *testing.T) {
	m, err := mediator.New()
	require.NoError(t, err)
	s := &shop{Mediator: m}
	serve(t, s, http.TimeoutHandler(console.Handler(m), time.Minute, "late"))
	p := newTab(t, 1280, 900, "light")
	p.forgive(func(message string) bool { return strings.Contains(message, "501") })
	p.open(s.url)
	p.until(`document.getElementById('problems').textContent.includes('such as http.TimeoutHandler')`)
	require.Equal(t, "Disconnected", text(p, "#status"))
}

// everything is allowed.
func everything() console.Option {
	return console.Authorize(func(*http.Request, console.Action) error { return nil })
}
