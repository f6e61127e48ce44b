// SPDX-License-Identifier: Apache-2.0
// cursor: the guest's pointer shapes as CSS cursors, so that the pointer never
// waits for the network. All windows of a desktop show them.
const MAX_SHAPES = 64;
const MAX_CSS = 128; // browsers ignore larger ones

export class Cursor {
  #shapes = new Map();
  #used = null;
  #elements = new Map(); // with the CSS pixels that a surface pixel has in their window

  // Its windows show the shapes at that scale.
  place(element, scale = 1) {
    this.#elements.set(element, scale);
    this.#apply(element, scale);
  }

  remove(element) {
    this.#elements.delete(element);
  }

  shape({ id, width, height, hotX, hotY, pixels }) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d').putImageData(
      new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
    const empty = !pixels.some((value, i) => i % 4 === 3 && value !== 0);
    this.#shapes.delete(id);
    this.#shapes.set(id, { canvas, width, height, hotX, hotY, empty, css: new Map() });
    if (this.#shapes.size > MAX_SHAPES) {
      this.#shapes.delete(this.#shapes.keys().next().value);
    }
    this.#applyAll();
  }

  use({ id, visible }) {
    this.#used = { id, visible };
    this.#applyAll();
  }

  reset() {
    this.#used = null;
    this.#elements.forEach((_, element) => {
      element.style.cursor = '';
    });
  }

  #applyAll() {
    this.#elements.forEach((scale, element) => this.#apply(element, scale));
  }

  #apply(element, scale) {
    if (!this.#used) {
      return;
    }
    const shape = this.#shapes.get(this.#used.id);
    if (!this.#used.visible || !shape || shape.empty) {
      element.style.cursor = shape || !this.#used.visible ? 'none' : 'default';
      return;
    }
    element.style.cursor = this.#css(shape, scale);
  }

  #css(shape, scale) {
    const factor = Math.min(scale, MAX_CSS / shape.width, MAX_CSS / shape.height);
    const key = factor.toFixed(3);
    if (!shape.css.has(key)) {
      const scaled = document.createElement('canvas');
      scaled.width = Math.max(1, Math.round(shape.width * factor));
      scaled.height = Math.max(1, Math.round(shape.height * factor));
      scaled.getContext('2d').drawImage(shape.canvas, 0, 0, scaled.width, scaled.height);
      const x = Math.min(scaled.width - 1, Math.round(shape.hotX * factor));
      const y = Math.min(scaled.height - 1, Math.round(shape.hotY * factor));
      shape.css.set(key, `url(${scaled.toDataURL('image/png')}) ${x} ${y}, default`);
    }
    return shape.css.get(key);
  }
}
