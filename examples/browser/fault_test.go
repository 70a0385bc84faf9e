package browser_test

import (
	"context"
	"strconv"
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

// faulty has what the page asks for answered by its function fault, where that gives a
// promise, and written to its list asked.
const faulty = `window.asked = [];
window.fault = null;
window.really = fetch;
window.fetch = (...all) => {
	asked.push(String(all[0]));
	return fault?.(...all) || really(...all);
};
window.refuse = (start) => (path) => path.startsWith(start) && Promise.reject(new Error('injected'));
`

// mutable has no event heard while the page's variable mute is true. Its function rewire
// has the wiring heard once more, changed by a function.
const mutable = `window.mute = false;
let wired;
const Real = EventSource, heard = {};
window.EventSource = class extends Real {
	addEventListener(name, f) {
		heard[name] = f;
		super.addEventListener(name, (e) => {
			if (mute) return;
			if (name === 'wiring') wired = e.data;
			f(e);
		});
	}
};
window.rewire = (change) => heard.wiring({ data: JSON.stringify(change(JSON.parse(wired))) });
`

// set runs statements in the page.
func set(p *tab, statements string) {
	p.t.Helper()
	eval[int](p, `(() => { `+statements+`; return 0 })()`)
}

func TestAListThatCannotBeReadIsReadAgain(t *testing.T) {
	s := newShop(t)
	s.keep(t, 30)
	p := newTab(t, 1280, 900, "light")
	p.begin(faulty + `fault = refuse('letters?')`)
	p.open(s.url)
	heard(p, 30)
	p.until(`toasted.filter((text) => text === 'injected').length >= 3`)
	require.LessOrEqual(t, eval[int](p, `document.querySelectorAll('.toast').length`), 1, "the same is not said twice")
	set(p, `fault = null`)
	p.until(lettersShown + ` === 25`)

	set(p, `toasted.length = 0; fault = refuse('letters?')`)
	p.do(chromedp.Click(chromedp.CSS(`#letters-more`)))
	p.until(`toasted.includes('injected')`)
	set(p, `fault = null; asked.length = 0`)
	p.do(chromedp.Focus(chromedp.CSS(`#filter`)))
	s.keep(t, 1)
	p.until(`asked.length > 0`)
	require.True(t, eval[bool](p, refresh+`.hidden`), "nobody uses the list")

	set(p, `AbortSignal.timeout = ((timeout) => () => timeout.call(AbortSignal, 50))(AbortSignal.timeout);
		fault = (path, { signal }) => path.startsWith('letters?') && new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)))`)
	s.keep(t, 1)
	p.until(`toasted.includes('The server has not answered within 15 s')`)
	set(p, `fault = null; asked.length = 0; toasted.length = 0`)
	s.keep(t, 1)
	p.until(`asked.length > 0`)
}

func TestAListIsOfOneSearch(t *testing.T) {
	s := newShop(t)
	s.keep(t, 60)
	for i := range 2 {
		require.NoError(t, s.letters.Put(t.Context(), deadletter.Letter{ID: "m-" + strconv.Itoa(i), Name: "mail.send"}))
	}
	p := newTab(t, 1280, 900, "light")
	p.begin(faulty)
	p.open(s.url)
	p.until(lettersShown + ` === 25`)
	heard(p, 62)
	const names = `[...new Set([...document.querySelectorAll('.letter .name')].map((e) => e.textContent))]`
	search := chromedp.Click(chromedp.CSS(`#letters-tools button`))
	more := chromedp.Click(chromedp.CSS(`#letters-more`))

	set(p, `asked.length = 0; const gate = new Promise((open) => { window.open = open }); fault = (path) => path.startsWith('letters?q=mail') && gate.then(() => really(path))`)
	fill(p, "#letters-query", "mail")
	p.do(search, more)
	set(p, `open()`)
	p.until(lettersShown + ` === 2`)
	require.Equal(t, []string{"letters?q=mail&after="}, eval[[]string](p, `asked`), "nothing was asked for of a list that was to be replaced")
	require.Equal(t, []string{"mail.send"}, eval[[]string](p, names))

	fill(p, "#letters-query", "")
	p.do(search)
	p.until(lettersShown + ` === 25`)
	set(p, `fault = refuse('letters?q=mail')`)
	fill(p, "#letters-query", "mail")
	p.do(search)
	p.until(`toasted.includes('injected')`)
	p.do(more)
	p.until(lettersShown + ` === 50`)
	require.Equal(t, []string{"payments.charge"}, eval[[]string](p, names), "what is shown goes on")

	// The page of a login, which a proxy gives for all.
	const strange = `toasted.filter((text) => text.startsWith('What came is no answer of the console')).length`
	set(p, `fault = () => Promise.resolve(new Response('<!doctype html>'))`)
	p.do(search)
	p.until(strange + ` === 1`)
	p.do(chromedp.Click(chromedp.CSS(`.letter input`)), chromedp.Click(chromedp.CSS(`#letters-bar button:not(.danger)`)))
	p.until(strange + ` === 2`)
}

func TestALetterIsLookedForAgain(t *testing.T) {
	s := newShop(t)
	s.keep(t, 1)
	p := newTab(t, 1280, 900, "light")
	p.begin(faulty + `fault = refuse('letter?')`)
	p.open(s.url)
	heard(p, 1)
	p.until(lettersShown + ` === 1`)
	summary := chromedp.Click(chromedp.CSS(`.letter summary`))
	p.do(summary)
	p.until(`document.querySelector('.inside')?.textContent === 'injected'`)
	set(p, `fault = null`)
	p.do(summary)
	p.until(`!document.querySelector('.letter details').open`)
	p.do(summary)
	p.until(redriveButton)
	p.do(summary)
	p.until(`!document.querySelector('.letter details').open`)

	p.do(chromedp.Click(chromedp.CSS(`#pause`)))
	p.until(`document.getElementById('status').textContent === 'Paused'`)
	require.NoError(t, s.letters.Delete(t.Context(), "l-000"))
	require.NoError(t, s.letters.Put(t.Context(), deadletter.Letter{ID: "other", Name: "mail.send"}))
	p.do(chromedp.Click(chromedp.CSS(`#pause`)))
	p.until(`document.querySelector('.letter .name')?.textContent === 'mail.send'`)
}

func TestAConnectionThatIsSilentIsNotLive(t *testing.T) {
	s := newShop(t)
	p := newTab(t, 1280, 900, "light")
	p.begin(mutable + `const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms >= 10000 ? ms / 20 : ms)`)
	p.open(s.url)
	const status = `document.getElementById('status').textContent`
	p.until(status + ` === 'Live'`)
	set(p, `mute = true`)
	p.until(status + ` === 'Connecting'`)
	set(p, `mute = false`)
	p.until(status + ` === 'Live'`)

	require.NoError(t, s.Close(t.Context()))
	p.until(status + ` === 'Closed'`)
	p.do(chromedp.Click(chromedp.CSS(`#pause`)), chromedp.Click(chromedp.CSS(`#pause`)))
	require.Equal(t, "Closed", eval[string](p, status))
}

func TestTheFocusStaysAsTheFirstKeyComes(t *testing.T) {
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(mediator.Call) string { return "first" }})
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, slowly) error { return nil }, mediator.Use(breaker)))
	require.NoError(t, err)
	s := &shop{Mediator: m}
	serve(t, s, console.Handler(m, everything(), console.Interval(100*time.Millisecond)))
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelector('.breaker header button')`)
	p.do(chromedp.Focus(chromedp.CSS(`.breaker header button`)))
	require.NoError(t, mediator.Exec(t.Context(), m, slowly{}))
	p.until(`document.querySelector('.circuit .name')`)
	require.True(t, eval[bool](p, `document.activeElement === document.querySelector('.breaker header button')`))
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Isolate first", eval[string](p, `document.activeElement.getAttribute('aria-label')`))
	p.until(`document.querySelector('.breaker header').hidden`)
}

func TestAnotherWiringKeepsTheOrderAndTheFocus(t *testing.T) {
	s := newShop(t)
	s.busy(t)
	p := newTab(t, 1280, 900, "light")
	p.begin(mutable)
	p.open(s.url)
	p.until(card("orders.place"))
	fill(p, "#order", "p99")
	p.until(`document.querySelector('#routes h3').textContent === 'payments.charge'`)
	const order = `[...document.querySelectorAll('#routes h3')].map((e) => e.textContent)`
	set(p, `mute = true; window.before = `+order+`; `+card("orders.place")+`.querySelector('summary').focus(); rewire((wiring) => wiring)`)
	require.Equal(t, eval[[]string](p, `before`), eval[[]string](p, order))
	require.Equal(t, "Details of orders.place", eval[string](p, `document.activeElement.textContent`))

	set(p, `rewire((wiring) => ({ ...wiring, routes: wiring.routes.filter((r) => r.name !== 'orders.place') }))`)
	require.Equal(t, "messages-title", eval[string](p, `document.activeElement.id`))
}
