"use strict";

const $ = (id) => document.getElementById(id);
const grouped = new Intl.NumberFormat("en");
const counts = ["produced", "delivered", "dropped", "sampledOut", "abandoned", "queued"];

// What is on the page, by name.
const prices = new Map();
const consumers = new Map();
let newestEntry = 0;

const events = new EventSource("events");
events.onmessage = (message) => show(JSON.parse(message.data));
events.onerror = () => setStatus("offline", "");

function show(view) {
  $("source").textContent =
    `${grouped.format(view.quotes)} quotes of ${view.source}, ${view.elapsed.toFixed(0)} s` + (view.over ? ", the end" : "");
  setStatus(view.over ? "over" : view.status, view.over ? "" : view.status);
  for (const p of view.prices) showPrice(p);
  for (const c of view.consumers) showConsumer(c, view.over);
  showJournal(view.journal);
  if (view.over) events.close();
}

function setStatus(text, tone) {
  const status = $("status");
  if (status.textContent !== text) status.textContent = text; // a screen reader says what changes
  status.className = `pill ${tone}`;
  document.title = `${text} · Ticker`;
}

// card returns the copy of a template that belongs to a name.
function card(all, name, template, parent) {
  let one = all.get(name);
  if (!one) {
    one = $(template).content.firstElementChild.cloneNode(true);
    one.querySelector("h3").textContent = name;
    one.dataset.name = name;
    all.set(name, one);
    // In the order of the names, wherever a new one comes.
    const after = template === "price" && [...all.keys()].sort().find((other) => other > name);
    $(parent).insertBefore(one, after ? all.get(after) : null);
  }
  return one;
}

function showPrice(p) {
  const one = card(prices, p.symbol, "price", "prices");
  const now = one.querySelector(".now");
  const text = priceText(p.price);
  if (now.textContent !== text) {
    now.textContent = text;
    now.classList.remove("moved");
    void now.offsetWidth; // lets the animation begin anew
    now.classList.add("moved");
  }
  one.classList.toggle("up", p.change > 0);
  one.classList.toggle("down", p.change < 0);
  one.querySelector(".change").textContent = `${p.change < 0 ? "−" : "+"}${Math.abs(p.change * 100).toFixed(2)}%`;
  one.title = p.day ? `${p.symbol}, ${p.day}` : p.symbol;
  const least = Math.min(...p.history);
  const spread = Math.max(...p.history) - least || 1;
  const step = 100 / Math.max(p.history.length - 1, 1);
  one.querySelector("polyline").setAttribute(
    "points",
    p.history.map((v, i) => `${(i * step).toFixed(1)},${(28 - ((v - least) / spread) * 26).toFixed(1)}`).join(" "),
  );
}

function priceText(p) {
  if (p >= 15 && p < 1e12) return p.toFixed(2);
  if (p >= 0.01 && p < 15) return p.toFixed(4);
  return p.toPrecision(6);
}

function showConsumer(c, over) {
  const one = card(consumers, c.name, "consumer", "consumers");
  const button = one.querySelector("button");
  if (!button.onclick) button.onclick = () => stall(c.name, button);
  button.disabled = !c.connected || over || button.dataset.busy === "yes";
  one.classList.toggle("away", !c.connected);
  one.querySelector(".strategy").textContent = c.strategy;
  const pill = one.querySelector(".pill");
  pill.textContent = c.connected ? c.status : over ? "done" : "away";
  pill.className = `pill ${c.connected ? c.status : ""}`;

  const depth = one.querySelector(".depth");
  depth.classList.toggle("pressure", c.pressure);
  depth.setAttribute("aria-valuenow", c.queued);
  depth.setAttribute("aria-valuemax", c.capacity);
  depth.firstElementChild.style.width = `${c.capacity ? (100 * c.queued) / c.capacity : 0}%`;
  one.querySelector(".queue").textContent = !c.connected
    ? ""
    : `${grouped.format(c.queued)} of ${grouped.format(c.capacity)} queued · ${c.rate.toFixed(0)}/s in · ${lag(c.lag)} behind` +
      (c.pace ? ` · paced to ${c.pace.toFixed(0)}/s` : "") +
      (c.sample > 1 ? ` · 1 in ${c.sample} kept` : "");

  const parts = { delivered: c.delivered, dropped: c.dropped, sampled: c.sampledOut, abandoned: c.abandoned, queued: c.queued };
  for (const [name, n] of Object.entries(parts)) {
    one.querySelector(`.shares .${name}`).style.width = `${c.produced ? (100 * n) / c.produced : 0}%`;
  }
  for (const name of counts) one.querySelector(`.n-${name}`).textContent = grouped.format(c[name]);

  const notes = one.querySelector(".notes");
  const connections = c.connections > 1 ? `connected ${c.connections} times` : "";
  const interrupts = c.interrupts ? `interrupted and resumed: ${c.interrupts}` : "";
  notes.textContent = (c.connected ? [...c.findings] : []).concat(interrupts, connections).filter(Boolean).join(" · ");
  notes.classList.toggle("wrong", c.connected && c.status === "unhealthy");
}

function lag(seconds) {
  return seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(1)} s`;
}

async function stall(consumer, button) {
  button.dataset.busy = "yes";
  button.disabled = true;
  try {
    const answer = await fetch(`stall/${consumer}`, { method: "POST" });
    if (!answer.ok) throw new Error(answer.statusText);
  } catch (err) {
    button.textContent = `No: ${err.message}`;
  }
  setTimeout(() => { button.dataset.busy = "no"; }, 1000);
}

function showJournal(entries) {
  const list = $("journal");
  for (const e of entries) {
    if (e.number <= newestEntry) continue;
    newestEntry = e.number;
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = `${e.after.toFixed(1)} s`;
    const text = document.createElement("span");
    text.textContent = e.text;
    item.append(time, text);
    if (/: (unhealthy|failed)|has failed|interrupted/.test(e.text)) item.className = "bad";
    if (/healthy again/.test(e.text)) item.className = "good";
    list.prepend(item);
  }
  while (list.childElementCount > 100) list.lastElementChild.remove();
}
