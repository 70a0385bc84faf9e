// Small charts: lines over the latest samples.

import { svg } from './dom.js';

const samples = 120;
const least = 30; // that a chart has room for

// Series holds the latest values; null where there is none.
export class Series {
  constructor() {
    this.values = [];
  }

  add(value) {
    this.values.push(value === undefined ? null : value);
    if (this.values.length > samples) this.values.shift();
  }

  max() {
    return this.values.reduce((most, v) => (v > most ? v : most), 0);
  }
}

// Chart draws series over each other, all to one scale from 0 on. A line each, and
// the first one filled if asked for.
export class Chart {
  constructor(width, height, classes, filled) {
    this.width = width;
    this.height = height;
    this.filled = filled;
    this.area = svg('path', { class: 'area ' + classes[0] });
    this.lines = classes.map((c) => svg('path', { class: 'line ' + c, 'vector-effect': 'non-scaling-stroke' }));
    this.node = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' }, this.area, ...this.lines);
  }

  draw(series, label) {
    const top = Math.max(...series.map((s) => s.max()), 1e-9);
    series.forEach((s, i) => {
      const { line, area } = this.paths(s.values, top);
      this.lines[i].setAttribute('d', line);
      if (i === 0 && this.filled) this.area.setAttribute('d', area);
    });
    this.node.setAttribute('aria-label', label);
  }

  // paths leaves gaps where there is no value, and draws a lone one as a bar.
  paths(values, top) {
    const room = Math.max(least, values.length);
    const step = this.width / (room - 1);
    const from = room - values.length;
    let line = '';
    let area = '';
    let start = null;
    const close = (x) => {
      if (start === null) return;
      area += `L${x} ${this.height}L${start} ${this.height}Z`;
      start = null;
    };
    let last = 0;
    values.forEach((v, i) => {
      const x = Number(((from + i) * step).toFixed(2));
      if (v === null) {
        close(last);
        return;
      }
      const y = Number((this.height - 1.5 - (v / top) * (this.height - 3)).toFixed(2));
      if (start === null) {
        const alone = i + 1 >= values.length || values[i + 1] === null;
        line += alone ? `M${x} ${this.height}V${y}` : `M${x} ${y}`;
        area += `M${x} ${y}`;
        start = x;
      } else {
        line += `L${x} ${y}`;
        area += `L${x} ${y}`;
      }
      last = x;
    });
    close(last);
    return { line, area };
  }
}
