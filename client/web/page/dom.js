// SPDX-License-Identifier: Apache-2.0
// dom: builds elements. Text from outside only ever becomes a text node.

// h('button', {class: 'x', onclick: f}, 'text', child…)
export function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) {
      continue;
    }
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else {
      element.setAttribute(key, value === true ? '' : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

// A line icon of constant path data; decoration, so that readers skip it.
export function icon(path, size = 20) {
  const svg = document.createElementNS(SVG, 'svg');
  const line = document.createElementNS(SVG, 'path');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 24 24', width: size, height: size, fill: 'none', stroke: 'currentColor',
    'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true',
  })) {
    svg.setAttribute(key, String(value));
  }
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

// Shows one view and moves the reader and the keyboard there.
export function show(view, focus) {
  document.getElementById('app').replaceChildren(view);
  focus?.focus({ preventScroll: true });
}
