// The page: one stream of events, and the parts that show what it brings.

import { $, el, say, mark, rate, latency, count, toast } from './dom.js';
import { Chart, Series } from './chart.js';
import * as routes from './routes.js';
import * as breakers from './breakers.js';
import * as streams from './streams.js';
import * as letters from './letters.js';

const hiddenFor = 10000; // milliseconds until a hidden page disconnects
const retryAfter = 5000;
const quiet = 10000; // without an event, until the connection is taken for lost

let source = null;
let paused = false;
let over = false;
let timer = 0;
let opened = false; // the page has been connected
let watch = 0;
let patience = quiet; // longer if samples are further apart
let last = 0; // when the last sample of this connection came
let wiring = null;

function status(text, tone) {
  say($('status'), text);
  mark($('status'), 'data-tone', tone);
}

function connect() {
  clearTimeout(timer);
  if (source || paused || over) return;
  status('Connecting', 'quiet');
  source = new EventSource('events');
  last = 0;
  alive();
  source.addEventListener('open', () => {
    if (opened) letters.missed();
    opened = true;
    last = 0;
  });
  source.addEventListener('wiring', (e) => {
    alive();
    wiring = JSON.parse(e.data);
    routes.wire(wiring);
    breakers.wire(wiring);
  });
  source.addEventListener('sample', (e) => {
    const now = performance.now();
    if (last) patience = Math.max(quiet, 4 * (now - last));
    last = now;
    alive();
    show(JSON.parse(e.data));
  });
  source.addEventListener('error', () => {
    alive(); // it tries again by itself
    status('Disconnected', 'bad');
    $('health').hidden = true; // it may be another by now
    if (source && source.readyState === EventSource.CLOSED) {
      disconnect();
      timer = setTimeout(connect, retryAfter);
      refusal().then((text) => { if (text && !source) complain([text]); });
    }
  });
}

// alive has the page connect anew if nothing is heard for too long. A connection may be
// lost without a word; but samples may also be rare, so it is more patient each time
// until it knows how rare.
function alive() {
  clearTimeout(watch);
  watch = setTimeout(() => {
    patience *= 2;
    disconnect();
    $('health').hidden = true;
    connect();
  }, patience);
}

// refusal is why the server gives no events, '' if it is not known: an EventSource does
// not tell.
async function refusal() {
  const asking = new AbortController();
  try {
    const response = await fetch('events', { signal: asking.signal });
    return response.ok ? '' : (await response.json()).error;
  } catch {
    return ''; // that it is disconnected is shown already
  } finally {
    asking.abort();
  }
}

let complaints = '';

// complain shows what is wrong, and touches nothing if that was shown already: it would
// be read aloud again.
function complain(problems) {
  const now = JSON.stringify(problems);
  if (now === complaints) return;
  complaints = now;
  $('problems').replaceChildren(...problems.map((p) => el('p', { class: 'note', 'data-tone': 'bad' }, p)));
}

function disconnect() {
  clearTimeout(timer);
  clearTimeout(watch);
  if (source) source.close();
  source = null;
}

function show(sample) {
  if (sample.closed) {
    over = true;
    disconnect();
    mark($('pause'), 'aria-disabled', true);
    status('Closed', 'bad');
    toast('The mediator is closed. What is shown is how it was then.', 'bad');
  } else {
    status('Live', 'good');
  }
  overview(sample);
  routes.update(sample);
  breakers.update(sample);
  streams.update(sample, wiring);
  letters.update(sample);
  complain(sample.problems || []);
}

const tiles = {};
for (const [id, title] of [['rate', 'Calls/s'], ['errors', 'Errors/s'], ['p50', 'Latency p50'], ['p99', 'Latency p99'],
  ['inflight', 'In flight'], ['open', 'Breakers open'], ['streams', 'Streams'], ['letters', 'Dead letters']]) {
  const value = el('dd', { id: 'tile-' + id }, '–');
  $('tiles').append(el('div', { class: 'tile' }, el('dt', null, title), value));
  tiles[id] = value;
}

const calls = new Series();
const errors = new Series();
const chart = new Chart(600, 72, ['calls', 'errors'], true);
$('traffic').append(chart.node);
let first = 0;

function tile(id, text, tone) {
  say(tiles[id], text);
  mark(tiles[id], 'data-tone', tone);
}

function overview(sample) {
  const t = sample.total || {};
  tile('rate', rate(t.rate));
  tile('errors', rate(t.errors), t.errors > 0 ? 'bad' : null);
  tile('p50', latency(t.p50));
  tile('p99', latency(t.p99));
  tile('inflight', t.inFlight === undefined ? '–' : count(t.inFlight));
  const open = sample.breakers.reduce((n, b) => n + b.circuits.filter((c) => c.state !== 'closed').length, 0);
  tile('open', sample.breakers.length ? count(open) : '–', open ? 'bad' : null);
  tile('streams', count(sample.streams.running.length + (sample.streams.more || 0)), streams.worst(sample.streams.running));
  $('health').hidden = !sample.streams.status;
  say($('health'), sample.streams.status || '');
  mark($('health'), 'data-tone', streams.tones[sample.streams.status]);
  const lost = sample.letters;
  tile('letters', !lost ? '–' : lost.error ? '?' : count(lost.count), lost && (lost.error || lost.count) ? 'warn' : null);
  if (t.rate !== undefined) {
    calls.add(t.rate);
    errors.add(t.errors);
    first = first || sample.time;
    say($('traffic-span'), `last ${Math.max(1, Math.round((sample.time - first) / 1000))} s, up to ${rate(calls.max())}/s`);
  }
  chart.draw([calls, errors], `Traffic: ${rate(t.rate)} calls and ${rate(t.errors)} errors per second`);
}

$('pause').addEventListener('click', () => {
  if (over) return;
  paused = !paused;
  say($('pause'), paused ? 'Resume' : 'Pause');
  if (paused) {
    disconnect();
    status('Paused', 'warn');
  } else {
    connect();
  }
});

let hiding = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(disconnect, hiddenFor);
  else connect();
});

window.addEventListener('pagehide', disconnect);
window.addEventListener('pageshow', connect);
connect();
