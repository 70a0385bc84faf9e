package browser_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
)

func TestByKeyboard(t *testing.T) {
	s := newShop(t)
	s.fail(t, 2)
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelectorAll('.letter').length === 2 && document.querySelector('.circuit')`)
	var order []string
	for range 60 {
		p.do(chromedp.KeyEvent(kb.Tab))
		focus := eval[struct {
			Name    string
			Visible bool
			Section string
		}](p, `(() => {
			const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
			return {
				Name: e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent,
				Visible: e.matches(':focus-visible') && parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none' && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
				Section: e.closest('section')?.id || e.tagName,
			};
		})()`)
		if focus.Section == "BODY" {
			break
		}
		require.NotEmpty(t, strings.TrimSpace(focus.Name), "after %q", order)
		require.True(t, focus.Visible, "the focus on %q cannot be seen", focus.Name)
		order = append(order, strings.TrimSpace(focus.Name))
	}
	require.Equal(t, []string{"Skip to the content", "Messages", "Breakers", "Streams", "Dead letters", "Pause", "Filter messages", "Kind of message", "Order"}, order[:9])
	for _, name := range []string{"Details of orders.place", "Isolate payments.charge", "Reset payments.charge", "Search dead letters", "Search", "Select all"} {
		require.Contains(t, order, name)
	}
	require.Equal(t, []string{"Mermaid", "Graphviz DOT"}, order[len(order)-2:])
}

func TestTheFocusStaysNearWhatWasActedOn(t *testing.T) {
	s := newShop(t)
	s.fail(t, 3)
	p := newTab(t, 1280, 900, "light")
	p.open(s.url)
	p.until(`document.querySelectorAll('.letter').length === 3`)
	goesOn := func(left int) {
		t.Helper()
		p.until(`document.querySelectorAll('.letter').length === ` + strconv.Itoa(left))
		p.until(`document.activeElement.id === 'letters-title'`)
		p.do(chromedp.KeyEvent(kb.Tab))
		require.Equal(t, "letters-query", eval[string](p, `document.activeElement.id`))
	}
	p.do(chromedp.Focus(chromedp.CSS(`.letter summary`)), chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector('.inside button')`)
	p.do(chromedp.Focus(chromedp.CSS(`.inside button[aria-label^="Redrive"]`)), chromedp.KeyEvent(kb.Enter))
	goesOn(2)

	p.do(chromedp.Focus(chromedp.CSS(`.letter input`)), chromedp.KeyEvent(" "))
	p.do(chromedp.Focus(chromedp.CSS(`#letters-bar button.danger`)), chromedp.KeyEvent(kb.Enter))
	p.until(`document.getElementById('confirm').open`)
	p.do(chromedp.Focus(chromedp.CSS(`#confirm-yes`)), chromedp.KeyEvent(kb.Enter))
	goesOn(1)

	p.do(chromedp.Focus(chromedp.CSS(`#filter`)))
	s.fail(t, 1)
	p.until(`document.querySelectorAll('.letter').length === 2`)
	require.Equal(t, "filter", eval[string](p, `document.activeElement.id`), "what is elsewhere stays")

	p.do(chromedp.Focus(chromedp.JSPath(card("orders.place")+`.querySelector('summary')`)), chromedp.KeyEvent(kb.Enter))
	stop, err := mediator.Listen(s.Mediator, func(context.Context, orderPlaced) error { return nil }, mediator.Group("late"))
	require.NoError(t, err)
	defer stop()
	p.until(`[...document.querySelectorAll('.group')].some((g) => g.textContent === 'late')`)
	require.Equal(t, "Details of orders.place", eval[string](p, `document.activeElement.textContent`), "the messages were drawn anew")
	require.True(t, eval[bool](p, card("orders.place")+`.querySelector('details').open`))
}
