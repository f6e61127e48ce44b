// SPDX-License-Identifier: Apache-2.0
// pointerlock: the mouse without a place, for programs that want to know how far it went. What it
// went is summed and goes out once for each picture of the screen.
export class PointerLock {
  #rest = { x: 0, y: 0 };
  #frame = 0;
  #abort = new AbortController();

  // send(message); changed() after the browser locked the pointer or let it go
  constructor(element, send, changed) {
    this.element = element;
    this.send = send;
    document.addEventListener('pointerlockchange', () => {
      this.#drop();
      changed();
    }, { signal: this.#abort.signal });
  }

  get locked() {
    return document.pointerLockElement === this.element;
  }

  // Whether the browser did it. It asks for a click or a key of the user's just before.
  async lock() {
    // Programs in the guest accelerate by themselves; not every system has motion without it.
    for (const options of [{ unadjustedMovement: true }, undefined]) {
      try {
        await this.#request(options);
        return true;
      } catch {
        // the next one
      }
    }
    return false;
  }

  // Older browsers return no promise and know no options: the events say what happened.
  #request(options) {
    return this.element.requestPointerLock(options) ?? new Promise((resolve, reject) => {
      const once = { signal: this.#abort.signal, once: true };
      document.addEventListener('pointerlockchange', resolve, once);
      document.addEventListener('pointerlockerror', reject, once);
    });
  }

  unlock() {
    this.#drop();
    if (this.locked) {
      document.exitPointerLock();
    }
  }

  move(event) {
    this.#rest.x += event.movementX;
    this.#rest.y += event.movementY;
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => this.flush());
    }
  }

  // What went before a button belongs before it. Parts of a pixel wait for the next event.
  flush() {
    const dx = Math.trunc(this.#rest.x);
    const dy = Math.trunc(this.#rest.y);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (dx !== 0 || dy !== 0) {
      this.#rest.x -= dx;
      this.#rest.y -= dy;
      this.send({ kind: 'motion', dx, dy });
    }
  }

  #drop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#rest = { x: 0, y: 0 };
  }

  free() {
    this.unlock();
    this.#abort.abort();
  }
}
