// What all parts of the page share: elements made of text alone, and numbers made
// readable. Nothing here, or anywhere in the page, turns text into markup.

export const $ = (id) => document.getElementById(id);

// el makes an element. Attributes that are false or null are left out, functions are
// listeners.
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

const namespace = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

// say changes a node's text if it is another, so that nothing moves without need.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

// Keyed keeps one node for each key, in the order of the items.
export class Keyed {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.parts = new Map();
  }

  // show moves no node that has the focus in it: it would lose it. The others move past it.
  // If it leaves, the focus goes to what takes its place.
  show(items, key) {
    const wanted = new Map(items.map((item) => [key(item), item]));
    const focused = [...this.parent.children].findIndex((node) => node.contains(document.activeElement));
    for (const [k, part] of this.parts) {
      if (wanted.has(k)) continue;
      part.node.remove();
      this.parts.delete(k);
    }
    let next = this.parent.firstChild;
    for (const [k, item] of wanted) {
      if (!this.parts.has(k)) this.parts.set(k, this.make(item));
      const part = this.parts.get(k);
      while (next !== part.node && part.node.contains(document.activeElement)) {
        const later = next;
        next = next.nextSibling;
        this.parent.append(later);
      }
      if (next === part.node) next = next.nextSibling;
      else this.parent.insertBefore(part.node, next);
      part.update(item);
    }
    if (focused === -1 || this.parent.contains(document.activeElement)) return;
    const heir = this.parent.children[Math.min(focused, this.parent.children.length - 1)] || this.parent;
    heir.tabIndex = -1; // not one of its buttons: Enter may be pressed once more
    heir.focus({ preventScroll: true });
  }
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (n) => (n < 100000 ? whole.format(n) : short.format(n));

export function rate(n) {
  if (n === undefined || n === null) return '–';
  if (n === 0) return '0';
  if (n < 10) return n.toFixed(n < 1 ? 2 : 1);
  return count(Math.round(n));
}

const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];

// latency is nanoseconds in words.
export function latency(ns) {
  if (ns === undefined || ns === null) return '–';
  for (const [size, unit] of units) {
    if (ns >= size) {
      const n = ns / size;
      return (n < 10 ? n.toFixed(1) : String(Math.round(n))) + '\u00a0' + unit;
    }
  }
  return Math.round(ns) + '\u00a0ns';
}

// age is milliseconds in words.
export function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + '\u00a0s';
  if (s < 3600) return Math.floor(s / 60) + '\u00a0min';
  if (s < 172800) return Math.floor(s / 3600) + '\u00a0h';
  return Math.floor(s / 86400) + '\u00a0days';
}

export const plural = (n, one, many) => count(n) + ' ' + (n === 1 ? one : many || one + 's');

// toast shows a text, or the parts of one, for a while, in place of one with the same text.
export function toast(text, tone) {
  const node = el('p', { class: 'toast', 'data-tone': tone || 'good' }, ...[text].flat());
  [...$('toasts').children].find((other) => other.textContent === node.textContent)?.remove();
  $('toasts').append(node);
  giveWay();
  setTimeout(() => {
    node.remove();
    if (!$('toasts').firstChild) $('toasts').classList.remove('above');
  }, tone === 'bad' ? 12000 : 5000);
}

// giveWay moves the toasts to the other end of the page if they cover what has the focus.
function giveWay() {
  const toasts = $('toasts');
  const focused = document.activeElement;
  if (!toasts.firstChild || focused === document.body) return;
  const covers = () => {
    const a = focused.getBoundingClientRect();
    const b = toasts.getBoundingClientRect();
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  };
  if (!covers()) return;
  toasts.classList.toggle('above');
  if (covers()) toasts.classList.toggle('above');
}

document.addEventListener('focusin', giveWay);
document.addEventListener('scroll', giveWay, { passive: true });
