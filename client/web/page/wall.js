// SPDX-License-Identifier: Apache-2.0
// wall: the canvases of a session's windows. The decoder's picture is one, the wall; each canvas shows its
// part of it, and of what changed only what lies in that part is copied.

const same = (a, b) => a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;

export class Wall {
  #parts = []; // {id, canvas, context, area}, in the order of MONITORS; area null: nothing is to be shown

  get count() {
    return this.#parts.length;
  }

  add(id, canvas) {
    const context = canvas.getContext('2d', { alpha: false, desynchronized: false });
    this.#parts.push({ id, canvas, context, area: null });
  }

  // Which one it was.
  remove(id) {
    const index = this.#parts.findIndex((part) => part.id === id);
    this.#parts.splice(index, 1);
    return index;
  }

  // areas: which part of the image each canvas shows; those that did not change are painted anew with all.
  show(image, areas, all) {
    this.#parts.forEach((part, i) => {
      const before = part.area;
      part.area = areas[i] ?? null;
      if (part.area === null || (!all && before !== null && same(before, part.area))) {
        return;
      }
      const { width, height } = part.area;
      if (part.canvas.width !== width || part.canvas.height !== height) {
        part.canvas.width = width;
        part.canvas.height = height;
      }
      this.#put(part, image, 0, 0, image.width, image.height);
    });
  }

  // A rectangle of the image to wherever it is seen.
  put(image, x, y, width, height) {
    this.#parts.forEach((part) => this.#put(part, image, x, y, width, height));
  }

  #put({ context, area }, image, x, y, width, height) {
    if (area !== null && x < area.x + area.width && area.x < x + width && y < area.y + area.height && area.y < y + height) {
      context.putImageData(image, -area.x, -area.y, x, y, width, height); // the canvas cuts off the rest
    }
  }
}
