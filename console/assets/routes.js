// Messages: the pipeline of each handler, drawn in order, and how it is doing.

import { $, el, say, mark, rate, latency, count, plural } from './dom.js';
import { Chart, Series } from './chart.js';

let rows = []; // one a route, in the order of the wiring
let cards = []; // one a message

const keyOf = (r, i) => [r.kind, r.name, r.group || '', r.handler, r.relay ? 'relay' : '', i].join('\n');

// wire draws the messages. What is known of the past of a handler stays.
export function wire(wiring) {
  const before = new Map(rows.map((row) => [row.key, row]));
  const focused = rows.find((row) => row.node.contains(document.activeElement));
  const seen = new Map();
  rows = wiring.routes ? wiring.routes.map((route) => {
    const alike = keyOf(route, '');
    const nth = seen.get(alike) || 0;
    seen.set(alike, nth + 1);
    return new Row(route, keyOf(route, nth), before.get(keyOf(route, nth)));
  }) : [];
  cards = [];
  let card = null;
  for (const row of rows) {
    const r = row.route;
    if (!card || card.route.kind !== r.kind || card.route.name !== r.name || card.route.message !== r.message) {
      card = new Card(r);
      cards.push(card);
    }
    card.add(row);
  }
  say($('messages-count'), cards.length ? String(cards.length) : '');
  note(wiring);
  arrange();
  if (!focused) return;
  const heir = rows.find((row) => row.key === focused.key)?.summary;
  if (heir?.isConnected) {
    heir.focus({ preventScroll: true });
  } else {
    $('messages-title').focus({ preventScroll: true });
    $('messages-title').scrollIntoView({ block: 'nearest' });
  }
}

function note(wiring) {
  const parts = [];
  if (!rows.length) {
    parts.push(el('p', { class: 'note' }, 'Nothing is wired: give mediator.New a Handle, HandleStream or Subscribe.'));
  } else if (!wiring.recorder) {
    const all = rows.every((row) => !row.route.recorded);
    parts.push(el('p', { class: 'note' }, all ? 'There are no figures, because nothing records them. Put a Recorder outermost: ' : 'Some handlers have no Recorder around them, so their figures are missing: ',
      el('code', null, 'mediator.Use(behaviors.NewRecorder(), …)')));
  }
  $('recorder-note').replaceChildren(...parts);
}

class Card {
  constructor(route) {
    this.route = route;
    this.rows = [];
    const what = route.interface ? 'interface' : route.kind;
    this.body = el('div', { class: 'handlers' });
    this.node = el('article', { class: 'card message', 'data-kind': route.kind },
      el('header', null,
        el('span', { class: 'kind', 'data-kind': route.kind }, what),
        el('h3', null, route.name),
        route.gives ? el('span', { class: 'gives' }, (route.kind === 'stream' ? 'items ' : 'returns ') + route.gives) : null),
      this.body);
  }

  add(row) {
    this.rows.push(row);
    this.body.append(row.node);
  }

  // worth is what the message is sorted by.
  worth(by) {
    return Math.max(...this.rows.map((row) => (row.figures && row.figures[by]) || 0));
  }

  has(text) {
    return this.rows.some((row) => row.text.includes(text));
  }
}

class Row {
  constructor(route, key, before) {
    this.route = route;
    this.key = key;
    this.figures = before?.figures; // the order may be by them before the next sample
    this.p50 = before ? before.p50 : new Series();
    this.p99 = before ? before.p99 : new Series();
    this.text = [route.name, route.group, route.handler, route.message, route.gives, ...route.behaviors.map((b) => b.name)].join(' ').toLowerCase();
    this.notes = route.behaviors.map(() => el('span', { class: 'reading' }));
    const steps = route.behaviors.map((b, i) => el('li', { class: 'step', title: b.type + (b.some ? ', for some of the calls' : '') },
      el('span', null, b.some ? b.name + '?' : b.name), this.notes[i]));
    steps.push(el('li', { class: 'step handler', title: route.relay ? 'relay' : 'handler' }, el('span', null, route.handler)));
    this.numbers = {};
    const number = (id, title) => {
      this.numbers[id] = el('dd', null, '–');
      return el('div', { class: 'number ' + id }, el('dt', null, title), this.numbers[id]);
    };
    this.chart = new Chart(160, 34, ['p99', 'p50'], true);
    this.more = el('dl', { class: 'facts' });
    this.summary = el('summary', null, 'Details', el('span', { class: 'hidden' }, ` of ${route.name}${route.group ? ' to ' + route.group : ''}`));
    this.details = el('details', { toggle: () => this.detail() }, this.summary, this.more);
    if (before && before.details.open) this.details.open = true;
    const label = route.relay ? 'relay' : route.group && route.group !== route.handler ? route.group : '';
    this.node = el('div', { class: 'route' },
      el('div', { class: 'way' },
        label ? el('p', { class: 'group' }, label) : null,
        el('ol', { class: 'pipeline', 'aria-label': 'Pipeline, outermost first' }, ...steps),
        this.details),
      el('div', { class: 'figures' },
        el('dl', { class: 'numbers' }, number('rate', route.kind === 'stream' ? 'runs/s' : 'calls/s'), number('errors', 'errors'),
          number('p50', 'p50'), number('p99', 'p99')),
        el('div', { class: 'spark' }, this.chart.node)));
  }

  update(figures, readings) {
    this.figures = figures;
    const f = figures || {};
    say(this.numbers.rate, rate(f.rate));
    say(this.numbers.errors, f.errors === undefined ? '–' : f.errors > 0 ? share(f.errors, f.rate) : '0');
    mark(this.numbers.errors, 'data-tone', f.errors > 0 ? 'bad' : null);
    // The figures of a quiet moment are those of the last call.
    if (f.p50 !== undefined || !this.quiet) {
      say(this.numbers.p50, latency(f.p50));
      say(this.numbers.p99, latency(f.p99));
      this.quiet = f.p50 !== undefined;
    }
    mark(this.node, 'data-idle', f.rate > 0 || f.inFlight > 0 ? null : 'true');
    if (figures && f.rate !== undefined) {
      this.p50.add(f.p50);
      this.p99.add(f.p99);
    }
    this.chart.draw([this.p99, this.p50], `Latency: p50 ${latency(f.p50)}, p99 ${latency(f.p99)}`);
    this.readings = this.route.behaviors.map((b) => this.mine(readings[b.id] || []));
    this.notes.forEach((node, i) => {
      const { text, tone } = brief(this.readings[i]);
      say(node, text);
      mark(node, 'data-tone', tone);
    });
    if (this.details.open) this.detail();
  }

  // mine are the readings that are about this handler, or about all.
  mine(all) {
    const { name, group } = this.route;
    return all.filter((r) => !r.scope || r.scope === name || (group && r.scope === name + ' to ' + group));
  }

  detail() {
    const { route, figures: f } = this;
    const facts = [['Message type', route.message], ['Handler', route.handler]];
    if (route.group) facts.push(['Group', route.group]);
    if (route.gives) facts.push([route.kind === 'stream' ? 'Items' : 'Response', route.gives]);
    if (f) {
      facts.push([route.kind === 'stream' ? 'Runs in all' : 'Calls in all', count(f.calls)], ['In flight', count(f.inFlight)]);
      if (f.items !== undefined) facts.push(['Items', `${rate(f.items)}/s, ${count(f.itemsTotal)} in all`]);
      for (const [ending, n] of Object.entries(f.endings || {})) facts.push([ending[0].toUpperCase() + ending.slice(1), count(n)]);
    } else {
      facts.push(['Figures', route.recorded ? 'none: another subscriber to an interface has the same group, and their calls cannot be told apart'
        : 'none: there is no Recorder around this handler']);
    }
    (this.readings || []).forEach((all, i) => {
      if (all.length) facts.push([route.behaviors[i].name, all.map((r) => `${r.name} ${r.state || count(r.value)}`).join(', ')]);
    });
    this.more.replaceChildren(...facts.map(([what, value]) => el('div', null, el('dt', null, what), el('dd', null, value))));
  }
}

const share = (errors, all) => (all > 0 ? (errors / all * 100).toFixed(errors / all < 0.1 ? 1 : 0) + '%' : rate(errors) + '/s');

// brief is what of the readings fits into the drawing: a state, or the first that is
// not zero.
function brief(readings) {
  const state = readings.find((r) => r.state);
  if (state) return { text: state.state, tone: state.value > 0 ? 'bad' : 'good' };
  const said = readings.find((r) => r.value > 0);
  return said ? { text: `${said.name} ${count(said.value)}`, tone: null } : { text: '', tone: null };
}

export function update(sample) {
  const readings = { ...sample.readings };
  for (const b of sample.breakers) {
    readings[b.id] = b.circuits.map((c) => ({ scope: c.key, name: 'state', value: c.state === 'closed' ? 0 : 1, state: c.state }));
  }
  rows.forEach((row, i) => row.update(sample.routes[i], readings));
  if ($('order').value !== 'wired') arrange();
}

// arrange shows the cards that are wanted in the order that is wanted. While somebody
// is in the list, nothing moves.
function arrange() {
  const list = $('routes');
  const text = $('filter').value.trim().toLowerCase();
  const kind = $('kind').value;
  const by = $('order').value;
  const shown = cards.filter((c) => (!kind || c.route.kind === kind) && (!text || c.has(text)));
  if (by !== 'wired') {
    const worth = new Map(shown.map((c) => [c, c.worth(by)]));
    shown.sort((a, b) => worth.get(b) - worth.get(a));
    const same = list.children.length === shown.length && shown.every((c) => c.node.parentNode === list);
    if (same && (list.contains(document.activeElement) || list.matches(':hover'))) return;
  }
  const nodes = shown.map((c) => c.node);
  if (!nodes.length && cards.length) nodes.push(el('p', { class: 'empty' }, 'No message is like that.'));
  if (nodes.length !== list.children.length || nodes.some((n, i) => list.children[i] !== n)) list.replaceChildren(...nodes);
  say($('messages-count'), shown.length === cards.length ? String(cards.length || '') : `${shown.length} of ${plural(cards.length, 'message')}`);
}

for (const id of ['filter', 'kind', 'order']) $(id).addEventListener('input', arrange);
$('messages-tools').addEventListener('submit', (e) => e.preventDefault());
