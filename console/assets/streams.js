// Running streams, and the components that the health depends on.

import { $, el, say, mark, age, count, rate, Keyed, plural } from './dom.js';

export const tones = { healthy: 'good', warning: 'warn', unhealthy: 'bad', failed: 'bad' };

// worst is the tone of the stream that is the least well, null if all are well.
export function worst(running) {
  const found = running.map((s) => tones[s.status]);
  return ['bad', 'warn'].find((tone) => found.includes(tone)) || null;
}

function makeStream({ stream }) {
  const status = el('span', { class: 'badge' });
  const findings = el('p', { class: 'findings' });
  const value = {};
  const number = (id, title) => {
    value[id] = el('dd', null, '–');
    return el('div', { class: 'number' }, el('dt', null, title), value[id]);
  };
  const fill = el('span', { class: 'fill' });
  const meter = el('div', { class: 'meter', role: 'meter', 'aria-label': 'Queue', 'aria-valuemin': 0 }, fill);
  const node = el('article', { class: 'card stream' },
    el('div', { class: 'way' }, el('header', null, status, el('h3', null, stream.name)), findings),
    el('dl', { class: 'numbers' }, number('rate', 'items/s'), number('items', 'items'), number('dropped', 'dropped'), number('skipped', 'sampled out'), number('age', 'runs for')),
    el('div', { class: 'queue' }, number('depth', 'queue'), meter));
  return {
    node,
    update({ stream: s, time }) {
      say(status, s.status || (s.pressure ? 'pressure' : 'running'));
      mark(status, 'data-tone', s.status ? tones[s.status] : s.pressure ? 'warn' : 'quiet');
      say(findings, (s.findings || []).join(' · '));
      say(value.rate, rate(s.rate));
      say(value.items, count(s.items));
      say(value.dropped, count(s.dropped));
      mark(value.dropped, 'data-tone', s.dropped ? 'warn' : null);
      say(value.skipped, count(s.skipped));
      say(value.age, s.started ? age(time - s.started) : '–');
      say(value.depth, s.queued ? `${count(s.depth)} of ${count(s.capacity)}` : 'none');
      meter.hidden = !s.queued;
      mark(meter, 'aria-valuemax', s.capacity);
      mark(meter, 'aria-valuenow', Math.min(s.depth, s.capacity));
      mark(meter, 'data-tone', s.pressure ? 'warn' : 'good');
      fill.style.width = (s.capacity ? Math.min(100, s.depth / s.capacity * 100) : 0) + '%';
    },
  };
}

const list = new Keyed($('stream-list'), makeStream);
const empty = el('p', { class: 'empty' });
const more = el('p', { class: 'muted' });
let componentsShown = '';

export function update(sample, wiring) {
  const { running, components } = sample.streams;
  empty.remove();
  more.remove();
  list.show(running.map((stream) => ({ stream, time: sample.time })), (s) => s.stream.id);
  if (!running.length) {
    const hasStreams = wiring && (wiring.routes || []).some((r) => r.kind === 'stream');
    say(empty, !hasStreams ? 'No stream is wired.' : wiring.monitor ? 'No stream runs.'
      : 'No stream is watched. Put a health.Monitor around the handler, or a boundary of package backpressure.');
    $('stream-list').append(empty);
  }
  if (sample.streams.more) {
    say(more, `and ${plural(sample.streams.more, 'stream')} more`);
    $('stream-list').append(more);
  }
  say($('streams-count'), running.length ? count(running.length + (sample.streams.more || 0)) : '');
  const now = JSON.stringify(components || []);
  if (now !== componentsShown) {
    componentsShown = now;
    $('components').replaceChildren(...(components || []).map((c) => el('p', { class: 'component' },
      el('span', { class: 'badge', 'data-tone': tones[c.status] }, c.status), ' ', el('span', null, c.name), c.error ? el('span', { class: 'muted' }, ' ' + c.error) : null)));
  }
}
