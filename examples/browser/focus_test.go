package browser_test

import (
	"context"
	"fmt"
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

const (
	lettersShown = `document.querySelectorAll('.letter').length`
	refresh      = `[...document.querySelectorAll('#letters-bar button')].find((b) => b.textContent === 'Refresh')`
)

// keep stores so many more letters.
func (s *shop) keep(t *testing.T, n int) {
	t.Helper()
	before, err := s.letters.Count(t.Context(), deadletter.Filter{})
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, s.letters.Put(t.Context(), deadletter.Letter{ID: fmt.Sprintf("l-%03d", before+i), Name: "payments.charge", Errors: []string{"connection reset"}}))
	}
}

// heard waits until the page was told that there are so many letters.
func heard(p *tab, n int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.getElementById('letters-count').textContent === '%d'`, n))
}

// countReads counts in the page's variable reads how often it reads the list, and has
// each wait for the promise in its variable gate.
func countReads(p *tab) {
	p.t.Helper()
	eval[int](p, `(window.reads = 0, window.gate = Promise.resolve(), window.really = fetch, window.fetch = async (...all) => {
		if (!String(all[0]).startsWith('letters?')) return really(...all);
		reads++;
		await gate;
		return really(...all);
	}, 0)`)
}

// newLetters is a shop with n letters, and the page that shows the first of them.
func newLetters(t *testing.T, n int) (s *shop, p *tab) {
	t.Helper()
	s = newShop(t)
	s.keep(t, n)
	p = newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(fmt.Sprint(lettersShown, ` === `, min(n, 25)))
	heard(p, n)
	return s, p
}

func TestMoreLettersAreKeptUnderTraffic(t *testing.T) {
	s, p := newLetters(t, 60)
	p.do(chromedp.Focus(chromedp.CSS(`#letters-more`)))
	countReads(p)
	s.keep(t, 1)
	p.until(`!` + refresh + `.hidden`)
	require.Zero(t, eval[int](p, `reads`), "nobody's button moves away")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(lettersShown + ` === 50`)
	require.Equal(t, "letters-more", eval[string](p, `document.activeElement.id`))

	p.do(chromedp.Focus(chromedp.CSS(`#filter`)))
	s.keep(t, 1)
	heard(p, 62)
	s.keep(t, 1)
	heard(p, 63)
	require.Equal(t, 1, eval[int](p, `reads`))
	require.Equal(t, 50, eval[int](p, lettersShown))
	p.do(chromedp.Focus(chromedp.CSS(`#letters-more`)), chromedp.KeyEvent(kb.Enter))
	p.until(lettersShown + ` === 63`)
	p.until(`document.activeElement === document.querySelectorAll('.letter')[50].querySelector('input')`)

	p.do(chromedp.Click(chromedp.JSPath(refresh)))
	p.until(lettersShown + ` === 25 && ` + refresh + `.hidden`)
	p.do(chromedp.Focus(chromedp.CSS(`#filter`)))
	s.keep(t, 1)
	p.until(`reads > 3`)
}

func TestRefreshStaysUnderTheFocus(t *testing.T) {
	s, p := newLetters(t, 2)
	p.do(chromedp.Focus(chromedp.CSS(`.letter summary`)))
	s.keep(t, 1)
	p.until(`!` + refresh + `.hidden`)
	back := chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))
	p.do(back, back)
	require.True(t, eval[bool](p, `document.activeElement === `+refresh))
	for n := 4; n <= 6; n++ {
		s.keep(t, 1)
		heard(p, n)
	}
	require.True(t, eval[bool](p, `document.activeElement === `+refresh+` && `+refresh+`.checkVisibility()`))
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(lettersShown + ` === 6`)
	p.until(`document.activeElement.id === 'letters-title'`)
}

// The list is read while nobody is in it, and is there when somebody is.
func TestAListThatComesLateChangesNothing(t *testing.T) {
	s, p := newLetters(t, 2)
	countReads(p)
	eval[int](p, `(window.gate = new Promise((open) => { window.open = open }), 0)`)
	s.keep(t, 1)
	p.until(`reads === 1`)
	p.do(chromedp.Focus(chromedp.CSS(`.letter summary`)))
	eval[int](p, `(window.first = document.activeElement, open(), 0)`)
	p.until(`!` + refresh + `.hidden`)
	require.True(t, eval[bool](p, `document.activeElement === first`))
	require.Equal(t, 2, eval[int](p, lettersShown))
}

// A list that was asked for comes while the deletion of a letter is being confirmed, and
// leaves no button to go back to.
func TestTheFocusGoesOnFromADialogToWhatIsGone(t *testing.T) {
	s, p := newLetters(t, 2)
	countReads(p)
	for i, answer := range []string{"#confirm-no", "#confirm-yes"} {
		set(p, `window.gate = new Promise((open) => { window.open = open })`)
		p.do(chromedp.Click(chromedp.CSS(`.letter input`)))
		s.keep(t, 1)
		p.until(`!` + refresh + `.hidden`)
		p.do(chromedp.Click(chromedp.JSPath(refresh)), chromedp.Click(chromedp.CSS(`#letters-bar button.danger`)))
		p.until(`document.getElementById('confirm').open`)
		set(p, `open()`)
		p.until(fmt.Sprint(lettersShown, ` === `, 3+i))
		p.do(chromedp.Click(chromedp.CSS(answer)))
		p.until(lettersShown + ` === 3 && document.activeElement.id === 'letters-title'`)
		heard(p, 3)
	}
}

func TestWhereTheFocusGoesIsSeen(t *testing.T) {
	s := newShop(t)
	s.fail(t, 1)
	s.keep(t, 20)
	p := newTab(t, 1280, 500, "light")
	p.open(s.url)
	p.until(lettersShown + ` === 21`)
	eval[int](p, `(window.mine = [...document.querySelectorAll('.letter')].find((l) => l.textContent.includes('2 attempts')), mine.querySelector('summary').click(), 0)`)
	p.until(redriveButton)
	eval[int](p, `(`+redriveButton+`.focus(), `+redriveButton+`.scrollIntoView({ block: 'start' }), 0)`)
	require.Negative(t, eval[float64](p, `document.getElementById('letters-title').getBoundingClientRect().top`))
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(lettersShown + ` === 20`)
	p.until(`document.activeElement.id === 'letters-title'`)
	p.until(`(() => {
		const box = document.activeElement.getBoundingClientRect();
		return box.top >= document.querySelector('.top').getBoundingClientRect().bottom && box.bottom <= innerHeight;
	})()`)
}

// manyKeys shows a breaker with so many keys that those which are not closed are first,
// k000 to k002, so that keys change places.
func manyKeys(t *testing.T) (*tab, *behaviors.Breaker) {
	t.Helper()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(mediator.Call) string { return "" }})
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, slowly) error { return nil }, mediator.Use(breaker)))
	require.NoError(t, err)
	for i := range 120 {
		breaker.Isolate(fmt.Sprintf("k%03d", i))
		if i >= 3 {
			breaker.Reset(fmt.Sprintf("k%03d", i))
		}
	}
	s := &shop{Mediator: m}
	serve(t, s, console.Handler(m, everything(), console.Interval(100*time.Millisecond)))
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	return p, breaker
}

func TestTheFocusStaysOnAKeyThatMoves(t *testing.T) {
	p, breaker := manyKeys(t)
	names := `[...document.querySelectorAll('.circuit .name')].slice(0, 4).map((e) => e.textContent).join(' ')`
	p.until(names + ` === 'k000 k001 k002 k003'`)
	const focused = `document.activeElement.getAttribute('aria-label')`
	p.do(chromedp.Focus(chromedp.CSS(`[aria-label="Reset k001"]`)))
	eval[int](p, `(window.blurred = 0, document.activeElement.addEventListener('blur', () => { blurred++ }), 0)`)

	breaker.Reset("k000") // sinks
	p.until(names + ` === 'k001 k002 k000 k003'`)
	require.Equal(t, "Reset k001", eval[string](p, focused))

	p.do(chromedp.KeyEvent(kb.Enter)) // sinks itself
	p.until(names + ` === 'k002 k000 k001 k003'`)
	require.Equal(t, "Reset k001", eval[string](p, focused))

	breaker.Isolate("k119") // comes, and another leaves
	p.until(names + ` === 'k002 k119 k000 k001'`)
	breaker.Isolate("k001") // rises
	p.until(names + ` === 'k001 k002 k119 k000'`)
	require.Equal(t, "Reset k001", eval[string](p, focused))
	require.Zero(t, eval[int](p, `blurred`), "a screen reader would begin anew")
	require.Equal(t, 100, eval[int](p, `document.querySelectorAll('.circuit').length`))
	p.until(`[...document.querySelectorAll('.circuit .name')].map((e) => e.textContent).slice(4).every((name, i, all) => !i || all[i - 1] < name)`)
}

func TestTheFocusGoesOnFromAKeyThatLeaves(t *testing.T) {
	p, breaker := manyKeys(t)
	breaker.Isolate("k119")
	p.until(`document.querySelectorAll('.circuit .name')[3]?.textContent === 'k119'`)
	p.do(chromedp.Focus(chromedp.CSS(`[aria-label="Reset k119"]`)), chromedp.KeyEvent(kb.Enter))
	p.until(`!document.querySelector('[aria-label="Reset k119"]')`)
	require.True(t, eval[bool](p, `document.activeElement === document.querySelectorAll('.circuit')[3]`))
	require.Equal(t, "k003", eval[string](p, `document.activeElement.querySelector('.name').textContent`))
	p.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Isolate k003", eval[string](p, `document.activeElement.getAttribute('aria-label')`))
}

func TestThePauseSaysWhatItDoes(t *testing.T) {
	s := newShop(t)
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	for _, does := range []string{"Pause", "Resume", "Pause"} {
		require.Equal(t, does, text(p, "#pause"))
		require.False(t, eval[bool](p, `document.getElementById('pause').hasAttribute('aria-pressed')`), "%s is what it does, not a state", does)
		p.do(chromedp.Click(chromedp.CSS(`#pause`)))
	}
}

func TestToastsCoverNothingThatHasTheFocus(t *testing.T) {
	s := newShop(t)
	require.NoError(t, mediator.Exec(t.Context(), s.Mediator, chargeCard{}))
	p := newTab(t, 1280, 761, "light")
	p.open(s.url)
	p.until(`document.querySelector('.circuit')`)
	// Toasts stay however slow the test is, and are as wide as of a long text. The page can be scrolled to wherever it is to be.
	eval[int](p, `(window.later = setTimeout, window.setTimeout = (f, ms) => ms === 5000 ? 0 : later(f, ms), document.body.style.padding = '1000px 0', document.getElementById('toasts').style.width = '28rem',
		window.target = document.querySelector('.circuit button[aria-label^="Isolate"]'), window.scrolls = 0, document.addEventListener('scroll', () => { scrolls++ }), 0)`)
	const (
		covered = `(() => {
			const a = target.getBoundingClientRect(), b = document.querySelector('.toast').getBoundingClientRect();
			return b.left < a.right && a.left < b.right && b.top < a.bottom && a.top < b.bottom;
		})()`
		above = `document.getElementById('toasts').classList.contains('above')`
		// The target comes to where the toasts are.
		slide = `scrollBy(0, target.getBoundingClientRect().top - document.querySelector('.toast').getBoundingClientRect().top)`
	)
	for _, width := range []int64{1280, 390} {
		p.do(chromedp.EmulateViewport(width, 761))
		eval[int](p, `(document.querySelector('.toast')?.remove(), document.getElementById('toasts').classList.remove('above'), 0)`)
		p.do(chromedp.Focus(chromedp.CSS(`.circuit button[aria-label^="Isolate"]`)))
		eval[int](p, `(scrollBy(0, target.getBoundingClientRect().bottom - innerHeight + 30), 0)`)
		p.do(chromedp.KeyEvent(kb.Enter))
		p.until(`document.querySelector('.toast') && ` + above + ` && !` + covered + ` && (() => {
			const box = document.querySelector('.toast').getBoundingClientRect();
			return box.top >= document.querySelector('.top').getBoundingClientRect().bottom && box.bottom <= innerHeight;
		})()`)
		p.shoot(fmt.Sprintf("toast-%d", width))

		require.True(t, eval[bool](p, `(`+slide+`, `+covered+`)`), "until the page hears that it was scrolled")
		p.until(`!` + above + ` && !` + covered)

		eval[int](p, `(target.blur(), scrolls = 0, `+slide+`, 0)`)
		p.until(`scrolls > 0`)
		require.True(t, eval[bool](p, covered), "nothing that has the focus is")
		require.False(t, eval[bool](p, `(target.focus({ preventScroll: true }), `+covered+`)`))
	}
}
