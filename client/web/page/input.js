// SPDX-License-Identifier: Apache-2.0
// input: keyboard, pointer, wheel and touch of one picture. Keys are physical; nothing that is down
// here stays down in the desktop when the page loses the keyboard.
import { KEY, keyCodes, keyOfCharacter } from './keys.js';

const LONG_PRESS_MS = 550;
const TOUCH_SLACK = 8; // CSS pixels that a finger may wander and still tap
const FAKE_CTRL_MS = 40; // Windows sends Ctrl and then AltGr for one key
const NOTCH = 120;
const isWindows = /Windows/.test(navigator.userAgent);
const isMac = /Mac/.test(navigator.platform);
const buttons = [1, 2, 3, 4, 5]; // of MouseEvent.button: left, middle, right, back, forward

export class Input {
  #down = new Set();
  #buttons = new Set();
  #heldCtrl = 0;
  #touches = new Map();
  #longPress = 0;
  #dragging = false;
  #wheelRest = { x: 0, y: 0 };

  // place(event) → {x, y} in surface pixels; send(message); shortcut(event) true when the page took it
  constructor(element, place, send, shortcut) {
    this.element = element;
    this.place = place;
    this.send = send;
    this.shortcut = shortcut;
    this.abort = new AbortController();
    const listen = (target, kinds, handler) => {
      for (const kind of kinds.split(' ')) {
        target.addEventListener(kind, handler, { signal: this.abort.signal, passive: false });
      }
    };
    listen(element, 'keydown', (event) => this.#keyDown(event));
    listen(element, 'keyup', (event) => this.#keyUp(event));
    listen(element, 'blur', () => this.releaseAll());
    listen(window, 'blur pagehide', () => this.releaseAll());
    listen(document, 'visibilitychange', () => this.releaseAll());
    listen(element, 'pointerdown', (event) => this.#pointerDown(event));
    listen(element, 'pointermove', (event) => this.#pointerMove(event));
    listen(element, 'pointerup pointercancel', (event) => this.#pointerUp(event));
    listen(element, 'wheel', (event) => this.#wheel(event));
    listen(element, 'contextmenu auxclick dragstart', (event) => event.preventDefault());
  }

  free() {
    this.releaseAll();
    this.abort.abort();
  }

  releaseAll() {
    clearTimeout(this.#heldCtrl);
    clearTimeout(this.#longPress);
    this.#heldCtrl = 0;
    if (this.#down.size > 0 || this.#buttons.size > 0) {
      this.send({ kind: 'release' });
    }
    this.#down.clear();
    this.#buttons.clear();
    this.#touches.clear();
    this.#dragging = false;
  }

  // Presses keys one after the other and lets them go in reverse: Ctrl+Alt+Del and the like.
  chord(codes) {
    codes.forEach((code) => this.send({ kind: 'key', code, down: true }));
    [...codes].reverse().forEach((code) => this.send({ kind: 'key', code, down: false }));
  }

  // Text of a touch screen's keyboard, as the keys of a US keyboard.
  type(text) {
    for (const character of text) {
      const key = keyOfCharacter(character);
      if (key) {
        this.chord(key.shift ? [KEY.LEFTSHIFT, key.code] : [key.code]);
      }
    }
  }

  #key(code, down) {
    if (down) {
      this.#down.add(code);
    } else {
      this.#down.delete(code);
    }
    this.send({ kind: 'key', code, down });
  }

  #flushCtrl() {
    if (this.#heldCtrl !== 0) {
      clearTimeout(this.#heldCtrl);
      this.#heldCtrl = 0;
      this.#key(KEY.LEFTCTRL, true);
    }
  }

  #keyDown(event) {
    if (this.shortcut(event)) {
      return;
    }
    const code = keyCodes[event.code];
    event.preventDefault();
    event.stopPropagation();
    if (code === undefined || event.repeat || this.#down.has(code)) {
      return; // the guest repeats a key that stays down
    }
    if (this.#heldCtrl !== 0 && event.code === 'AltRight') {
      clearTimeout(this.#heldCtrl); // it was AltGr, and Ctrl was never pressed
      this.#heldCtrl = 0;
    } else {
      this.#flushCtrl();
    }
    if (isWindows && event.code === 'ControlLeft') {
      this.#heldCtrl = setTimeout(() => this.#flushCtrl(), FAKE_CTRL_MS);
      return;
    }
    this.#key(code, true);
  }

  #keyUp(event) {
    const code = keyCodes[event.code];
    event.preventDefault();
    event.stopPropagation();
    if (event.code === 'ControlLeft') {
      this.#flushCtrl();
    }
    if (code === undefined || !this.#down.has(code)) {
      return;
    }
    this.#key(code, false);
    // macOS keeps the release of other keys to itself while Command is down.
    if (isMac && event.code.startsWith('Meta')) {
      for (const held of [...this.#down]) {
        this.#key(held, false);
      }
    }
  }

  #point(event) {
    const { x, y } = this.place(event);
    this.send({ kind: 'pointer', x, y });
  }

  #button(button, down) {
    if (down === this.#buttons.has(button)) {
      return;
    }
    if (down) {
      this.#buttons.add(button);
    } else {
      this.#buttons.delete(button);
    }
    this.send({ kind: 'button', button, down });
  }

  // Which of the mouse's buttons are down, from the bit mask that every event has.
  #syncButtons(mask) {
    [1, 4, 2, 8, 16].forEach((bit, i) => this.#button(buttons[i], (mask & bit) !== 0));
  }

  #pointerDown(event) {
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      // the pointer may be gone already
    }
    if (event.pointerType === 'touch') {
      this.#touchDown(event);
      return;
    }
    this.#point(event);
    this.#syncButtons(event.buttons);
  }

  #pointerMove(event) {
    if (event.pointerType === 'touch') {
      this.#touchMove(event);
      return;
    }
    this.#point(event);
    this.#syncButtons(event.buttons);
  }

  #pointerUp(event) {
    if (event.pointerType === 'touch') {
      this.#touchUp(event);
      return;
    }
    this.#point(event);
    this.#syncButtons(event.type === 'pointercancel' ? 0 : event.buttons);
  }

  // One finger: tap clicks, moving drags, holding still is the right button. Two fingers scroll.
  #touchDown(event) {
    this.#touches.set(event.pointerId, { x: event.clientX, y: event.clientY, event });
    clearTimeout(this.#longPress);
    if (this.#touches.size === 1) {
      this.#point(event);
      this.#longPress = setTimeout(() => {
        this.#button(3, true);
        this.#button(3, false);
        this.#touches.clear();
      }, LONG_PRESS_MS);
    }
  }

  #touchMove(event) {
    const touch = this.#touches.get(event.pointerId);
    if (!touch) {
      return;
    }
    const dx = event.clientX - touch.x;
    const dy = event.clientY - touch.y;
    if (this.#touches.size === 1) {
      if (!this.#dragging && Math.hypot(dx, dy) > TOUCH_SLACK) {
        clearTimeout(this.#longPress);
        this.#dragging = true;
        this.#button(1, true);
      }
      if (this.#dragging) {
        this.#point(event);
      }
    } else if (!this.#dragging) {
      clearTimeout(this.#longPress);
      touch.scrolled = true;
      this.#scroll(-dx * 3, -dy * 3);
      touch.x = event.clientX;
      touch.y = event.clientY;
    }
  }

  #touchUp(event) {
    const touch = this.#touches.get(event.pointerId);
    clearTimeout(this.#longPress);
    this.#touches.delete(event.pointerId);
    if (!touch) {
      return;
    }
    if (this.#dragging) {
      this.#dragging = false;
      this.#button(1, false);
    } else if (this.#touches.size === 0 && !touch.scrolled && event.type === 'pointerup') {
      this.#point(event);
      this.#button(1, true);
      this.#button(1, false);
    }
  }

  // What is left of a part of a notch waits for the next event.
  #scroll(dx, dy) {
    this.#wheelRest.x += dx;
    this.#wheelRest.y += dy;
    const x = Math.trunc(this.#wheelRest.x);
    const y = Math.trunc(this.#wheelRest.y);
    if (x !== 0 || y !== 0) {
      this.#wheelRest.x -= x;
      this.#wheelRest.y -= y;
      this.send({ kind: 'wheel', dx: x, dy: y });
    }
  }

  #wheel(event) {
    event.preventDefault();
    if (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL && event.wheelDeltaY !== undefined) {
      this.#scroll(-event.wheelDeltaX, -event.wheelDeltaY); // 120 a notch, the other way round
      return;
    }
    const unit = [1.2, NOTCH / 3, NOTCH * 5][event.deltaMode];
    this.#scroll(event.deltaX * unit, event.deltaY * unit);
  }
}
