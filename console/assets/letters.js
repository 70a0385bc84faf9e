// Dead letters: search, a look inside, redrive and delete.

import { $, el, say, mark, age, count, plural, toast } from './dom.js';
import { act, get, alone, allowed, confirmed } from './actions.js';

const given = document.body.dataset.letters === 'true';
const limit = 100; // letters that one action may be about
let query = ''; // that was asked for
let shown = ''; // the query of the list that is shown
let next = '';
let known = null; // how many there were when the list was read, -1 if that was not known then, null if it is to be read
let total = null; // how many there are
let tried = null; // the total that the list was last read anew for
const again = 5000; // milliseconds until it is read anew for the same
let now = Date.now();
let reading = 0;
let pending = ''; // the reading that is: 'asked', 'unasked' or 'more'
let failed = false; // the last reading has
let further = false; // more is shown than the first page
const chosen = new Set();
const nodes = new Map(); // by ID
const ages = new Map(); // by ID, what keeps the text about time right

const bar = {
  all: el('input', { type: 'checkbox', id: 'letters-all', change: (e) => chooseAll(e.target.checked) }),
  text: el('span', { class: 'muted', role: 'status' }),
  redrive: el('button', { type: 'button', 'aria-label': 'Redrive the selected letters', click: (e) => alone(e.currentTarget, () => redrive([...chosen])) }, 'Redrive'),
  remove: el('button', { type: 'button', class: 'danger', 'aria-label': 'Delete the selected letters', click: (e) => remove(e.currentTarget, [...chosen]) }, 'Delete'),
  refresh: el('button', { type: 'button', hidden: true, click: () => load(false) }, 'Refresh'),
};

if (given) {
  const tools = allowed ? [el('label', { for: 'letters-all', class: 'choose' }, bar.all, ' Select all'), bar.text, bar.redrive, bar.remove] : [bar.text];
  $('letters-bar').append(...tools, bar.refresh);
  load(false);
} else {
  $('letters-tools').hidden = true;
  $('letter-list').append(el('p', { class: 'empty' }, 'The console was given no store: ', el('code', null, 'console.DeadLetters(store)')));
}

// used tells whether somebody works with the list.
function used() {
  return chosen.size > 0 || further || near() || $('letter-list').querySelector('details[open]') !== null;
}

function near() {
  return [$('letter-list'), $('letters-bar'), $('letters-more')].some((part) => part.contains(document.activeElement));
}

// load reads the list anew, or goes on where it ended. If nobody has asked for it, what is
// used by the time that it comes stays as it is.
async function load(more, unasked) {
  const mine = ++reading;
  pending = more ? 'more' : unasked ? 'unasked' : 'asked';
  const q = more ? shown : query;
  try {
    const found = await get('letters', { q, after: more ? next : '' });
    if (mine !== reading) return;
    failed = false;
    if (unasked && used()) {
      tried = null;
      return;
    }
    const focused = near() ? document.activeElement : null;
    const before = nodes.size;
    next = found.next;
    shown = q;
    further = more;
    if (!more) {
      known = total === null ? -1 : total;
      bar.refresh.hidden = true;
      nodes.clear();
      ages.clear();
      chosen.clear();
      $('letter-list').replaceChildren();
    }
    $('letter-list').querySelector('.empty')?.remove();
    for (const letter of found.letters) {
      if (nodes.has(letter.id)) continue;
      const node = makeLetter(letter);
      nodes.set(letter.id, node);
      $('letter-list').append(node);
    }
    // The total is of a moment before the list was read; a whole list tells for itself.
    if (!shown && !next) known = nodes.size;
    if (!nodes.size) $('letter-list').append(el('p', { class: 'empty' }, next ? 'None found so far.' : shown ? 'No letter has that in it.' : 'There are no dead letters.'));
    $('letters-more').hidden = !next;
    say($('letters-more'), nodes.size ? 'Show more' : 'Search on');
    refreshBar();
    if (focused && lost(focused)) goOn(more ? [...nodes.values()].at(Math.min(before, nodes.size - 1)) : null);
  } catch (e) {
    if (mine !== reading) return;
    failed = true;
    toast(e.message, 'bad');
  } finally {
    if (mine === reading) pending = '';
  }
}

// lost tells whether an element can keep the focus no longer.
function lost(e) {
  return e.disabled || !e.isConnected || !e.checkVisibility();
}

// goOn has the focus, which what had it has lost, in a letter, or without one where the
// section begins.
function goOn(letter) {
  const target = letter ? letter.querySelector('input, summary') : $('letters-title');
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: 'nearest' });
}

function makeLetter(letter) {
  const inside = el('div', { class: 'inside' });
  const meta = el('span', { class: 'muted meta' });
  const tell = () => say(meta, `${age(now - letter.last)} ago · ${plural(letter.attempts, 'attempt')}` +
    (letter.redrives ? ` · ${plural(letter.redrives, 'failed redrive')}` : ''));
  tell();
  ages.set(letter.id, tell);
  const details = el('details', { toggle: () => { if (details.open && (!inside.firstChild || inside.dataset.failed)) look(letter.id, inside); } },
    el('summary', null,
      el('span', null, el('span', { class: 'name' }, letter.name), letter.group ? el('span', { class: 'muted' }, ' to ' + letter.group) : null),
      el('span', { class: 'error' }, letter.error || 'no error'),
      meta),
    inside);
  const box = allowed ? el('input', { type: 'checkbox', 'aria-label': `Select ${letter.name} ${letter.id}`, change: (e) => choose(letter.id, e.target.checked) }) : null;
  return el('article', { class: 'card letter', 'data-id': letter.id }, box, details);
}

// look shows all of a letter.
async function look(id, inside) {
  mark(inside, 'data-failed', null);
  inside.replaceChildren(el('p', { class: 'muted' }, 'Loading'));
  try {
    const l = await get('letter', { id });
    const fact = (what, value) => el('div', null, el('dt', null, what), el('dd', null, value));
    const block = (title, text, note) => [el('h4', null, title, note ? el('span', { class: 'muted' }, ' ' + note) : null), el('pre', { tabindex: 0, 'aria-label': title }, text)];
    const headers = Object.entries(l.headers || {});
    inside.replaceChildren(
      el('dl', { class: 'facts' }, fact('ID', l.id), fact('Kind', l.kind), fact('First failed', new Date(l.first).toLocaleString()),
        fact('Last failed', new Date(l.last).toLocaleString()), fact('Attempts', count(l.attempts)), fact('Failed redrives', count(l.redrives))),
      el('h4', null, 'Error, and what it wraps'),
      el('ol', { class: 'chain' }, ...(l.errors || []).map((e) => el('li', null, e))),
      ...(l.bodyIs ? block('Body', l.body, `${l.contentType}, ${count(l.bodySize)} bytes${l.cut ? ', only the beginning' : ''}`) : [el('p', { class: 'muted' }, 'The letter has no body: no codec could encode the message.')]),
      ...(headers.length ? [el('h4', null, 'Headers'), el('dl', { class: 'facts' }, ...headers.map(([k, v]) => fact(k, v)))] : []),
      ...(l.stack ? block('Stack of the panic', l.stack) : []),
      allowed ? el('div', { class: 'buttons' },
        el('button', { type: 'button', 'aria-label': 'Redrive ' + id, click: (e) => alone(e.currentTarget, () => redrive([id])) }, 'Redrive'),
        el('button', { type: 'button', class: 'danger', 'aria-label': 'Delete ' + id, click: (e) => remove(e.currentTarget, [id]) }, 'Delete')) : '');
  } catch (e) {
    mark(inside, 'data-failed', true); // opened once more, it is read once more
    inside.replaceChildren(el('p', { class: 'note', 'data-tone': 'bad' }, e.message));
  }
}

function choose(id, on) {
  if (on) chosen.add(id);
  else chosen.delete(id);
  refreshBar();
}

function chooseAll(on) {
  for (const [id, node] of nodes) {
    const wanted = on && (chosen.has(id) || chosen.size < limit);
    if (wanted) chosen.add(id);
    else chosen.delete(id);
    node.querySelector('input').checked = wanted;
  }
  refreshBar();
}

function refreshBar() {
  $('letters-bar').hidden = !nodes.size && bar.refresh.hidden;
  say(bar.text, chosen.size ? `${chosen.size} selected` : shown ? `${plural(nodes.size, 'letter')} found${next ? ' so far' : ''}` : '');
  bar.all.checked = chosen.size > 0 && chosen.size >= Math.min(nodes.size, limit);
  for (const button of [bar.redrive, bar.remove]) button.disabled = !chosen.size || chosen.size > limit;
}

async function redrive(ids) {
  const done = await act('redrive', { ids });
  if (!done) return;
  const failed = done.outcomes.filter((o) => o.status !== 'redriven');
  const text = `${plural(done.redriven, 'letter')} redriven` + (done.failed ? `, ${done.failed} failed again` : '') + (done.skipped ? `, ${done.skipped} skipped` : '');
  toast(text + (failed.length ? ': ' + failed[0].error : '') + (done.error ? '. It ended early: ' + done.error : ''), failed.length || done.error ? 'bad' : 'good');
  await load(false);
}

async function remove(button, ids) {
  if (await confirmed(`Delete ${plural(ids.length, 'dead letter')} for good?`, 'Delete')) {
    await alone(button, async () => {
      const done = await act('delete', { ids });
      if (!done) return;
      toast(`${plural(done.deleted, 'letter')} deleted`);
      await load(false);
    });
  }
  // A list that came under the dialog has left no button to give the focus back to.
  if (document.activeElement === document.body || lost(document.activeElement)) goOn(null);
}

// missed tells that letters may have come and gone without a sample that says so.
export function missed() {
  known = null;
  tried = null;
}

// update tells that there are more or fewer letters. A list that somebody uses is not
// changed under their hands.
export function update(sample) {
  now = sample.time;
  for (const tell of ages.values()) tell();
  if (!given || !sample.letters) return;
  total = sample.letters.error ? null : sample.letters.count;
  say($('letters-count'), sample.letters.error ? 'cannot be counted: ' + sample.letters.error : String(total || ''));
  if (total === null) return;
  if (known === -1) known = total;
  if (pending || total === known || (tried && (failed || total === tried.total) && now - tried.at < again)) return;
  if (used()) {
    bar.refresh.hidden = false;
    refreshBar();
  } else {
    tried = { total, at: now };
    load(false, true);
  }
}

$('letters-tools').addEventListener('submit', (e) => {
  e.preventDefault();
  query = $('letters-query').value.trim();
  load(false);
});
// What comes next in a list that is about to be replaced is nobody's.
$('letters-more').addEventListener('click', () => { if (pending !== 'asked') load(true); });
