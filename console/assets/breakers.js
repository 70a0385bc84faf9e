// Circuit breakers: each key with its state, and what can be done about it.

import { $, el, say, mark, age, count, plural, Keyed, toast } from './dom.js';
import { act, alone, allowed } from './actions.js';

let routesOf = new Map();
const tones = { closed: 'good', 'half-open': 'warn', open: 'bad', isolated: 'bad' };

export function wire(wiring) {
  routesOf = new Map((wiring.breakers || []).map((b) => [b.id, b.routes]));
}

// turn asks for it for a circuit, or for all if that is null.
async function turn(op, id, circuit) {
  const done = await act('breaker', { op, id, key: circuit && circuit.key, bytes: circuit && circuit.bytes });
  if (done) toast([el('span', null, circuit ? nameOf(circuit) : 'All keys'), ': ' + done.state]);
}

const nameOf = (circuit) => circuit.key || '(empty key)';

function buttons(id, circuit, whose) {
  if (!allowed) return null;
  const name = (op) => `${op} ${whose}`;
  return el('div', { class: 'buttons' },
    el('button', { type: 'button', 'aria-label': name('Isolate'), click: (e) => alone(e.currentTarget, () => turn('isolate', id, circuit)) }, circuit ? 'Isolate' : 'Isolate all'),
    el('button', { type: 'button', 'aria-label': name('Reset'), click: (e) => alone(e.currentTarget, () => turn('reset', id, circuit)) }, circuit ? 'Reset' : 'Reset all'));
}

function makeBreaker({ breaker }) {
  const routes = routesOf.get(breaker.id) || [];
  const title = el('h3', null, ...routes.slice(0, 3).flatMap((name, i) => [i ? ', ' : null, el('span', null, name)]), routes.length > 3 ? ` and ${routes.length - 3} more` : null);
  const state = el('span', { class: 'badge' });
  const body = el('div', { class: 'circuits' });
  const more = el('p', { class: 'muted' });
  const circuits = new Keyed(body, ({ circuit }) => makeCircuit(breaker.id, circuit, routes));
  const header = el('header', null, state, title, buttons(breaker.id, null, 'all keys of ' + title.textContent));
  const node = el('article', { class: 'card breaker' }, header, body, more);
  return {
    node,
    update({ breaker: b, time }) {
      say(state, b.state);
      mark(state, 'data-tone', tones[b.state]);
      header.hidden = b.circuits.length === 1 && !header.contains(document.activeElement);
      circuits.show(b.circuits.map((circuit) => ({ circuit, time })), (c) => (c.circuit.bytes ? 'bytes ' + c.circuit.bytes : 'text ' + c.circuit.key));
      say(more, b.more ? `and ${plural(b.more, 'key')} more, all closed or shown when these have closed` : b.circuits.length ? '' : 'No call yet.');
    },
  };
}

function makeCircuit(id, circuit, routes) {
  const state = el('span', { class: 'badge' });
  const facts = el('p', { class: 'muted' });
  const node = el('div', { class: 'circuit' }, state, el('div', null, el('p', { class: 'name' }, nameOf(circuit)), facts), buttons(id, circuit, nameOf(circuit)));
  return {
    node,
    update({ circuit: c, time }) {
      say(state, c.state);
      mark(state, 'data-tone', tones[c.state]);
      const parts = [`for ${age(time - c.since)}`];
      if (!routes.includes(c.key)) parts.unshift('around ' + plural(routes.length, 'message'));
      if (c.retry) parts.push(`tries again in ${age(c.retry)}`);
      if (c.state === 'closed') parts.push(`${plural(c.failures, 'failure')} of ${count(c.successes + c.failures)} in the window`);
      parts.push(`${count(c.rejected)} rejected`, plural(c.changes, 'change'));
      say(facts, parts.join(' · '));
    },
  };
}

const list = new Keyed($('breaker-list'), makeBreaker);
const empty = el('p', { class: 'empty' }, 'No circuit breaker stands around a handler.');

export function update(sample) {
  list.show(sample.breakers.map((breaker) => ({ breaker, time: sample.time })), (b) => b.breaker.id + ':' + (routesOf.get(b.breaker.id) || []).join(','));
  if (!sample.breakers.length) $('breaker-list').append(empty);
  else empty.remove();
  say($('breakers-count'), sample.breakers.length ? String(sample.breakers.length) : '');
}
