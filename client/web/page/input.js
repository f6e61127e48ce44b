// SPDX-License-Identifier: Apache-2.0
// input: keyboard, pointer, wheel and touch of a desktop's windows. Keys are physical; nothing that is down
// here stays down in the desktop when its last window loses the keyboard.
import { KEY, keyCodes, keyOfCharacter, locks } from './keys.js';
import { PointerLock } from './pointerlock.js';
import { after, cancel } from './timers.js';

const LONG_PRESS_MS = 550;
const TOUCH_SLACK = 8; // CSS pixels that a finger may wander and still tap
const FAKE_CTRL_MS = 40; // Windows sends Ctrl and then AltGr for one key
const NOTCH = 120;
const STROKE_MS = 10; // between two key events of text: a guest's keyboard queue is short
const SWITCH_MS = 150; // from one window of a desktop to another, until the second one has the keyboard
const MAX_TEXT = 256; // UTF-16 units of a TEXT record: three bytes each at most
const isWindows = /Windows/.test(navigator.userAgent);
const isMac = /Mac/.test(navigator.platform);
const modifiers = new Map([[29, 'Control'], [97, 'Control'], [42, 'Shift'], [54, 'Shift'], [56, 'Alt'], [100, 'Alt'],
  [125, 'Meta'], [126, 'Meta']]); // by their key codes
const buttons = [1, 2, 3, 4, 5]; // of MouseEvent.button: left, middle, right, back, forward

const hasKeyboard = (element) => element.ownerDocument.hasFocus() && element.ownerDocument.activeElement === element;

export class Input {
  #places = new Map(); // by element
  #leaving = 0;
  #carried = false; // what is down came from another window
  #down = new Set();
  #buttons = new Set();
  #heldCtrl = 0;
  #touches = new Map();
  #longPress = 0;
  #dragging = false;
  #wheelRest = { x: 0, y: 0 };
  #locks = null; // as told last; null: they are to be told with the next key
  #strokes = []; // messages of chords and text that are being typed; it goes on when the page loses the keyboard
  #stroke = 0;

  // send(message)
  constructor(send) {
    this.send = send;
  }

  // Takes what comes to an element, of the desktop's page or of a further window of it.
  // place(event, held) → {x, y} in surface pixels, held: with a button that went down before;
  // shortcut(event) true when the page took it;
  // lockChanged() when the pointer was locked or let go, for the one element that may lock it
  add(element, place, shortcut, lockChanged = null) {
    const abort = new AbortController();
    const listen = (target, kinds, handler) => {
      for (const kind of kinds.split(' ')) {
        target.addEventListener(kind, handler, { signal: abort.signal, passive: false });
      }
    };
    const page = element.ownerDocument;
    this.#places.set(element, { place, shortcut, abort });
    if (lockChanged) {
      this.pointer = new PointerLock(element, this.send, lockChanged);
    }
    listen(element, 'keydown', (event) => this.#keyDown(event));
    listen(element, 'keyup', (event) => this.#keyUp(event));
    listen(element, 'blur', () => this.#left());
    listen(page.defaultView, 'blur pagehide', () => this.#left());
    listen(page, 'visibilitychange', () => this.#left());
    listen(element, 'pointerdown', (event) => this.#pointerDown(event));
    listen(element, 'pointermove', (event) => this.#pointerMove(event));
    listen(element, 'pointerup pointercancel', (event) => this.#pointerUp(event));
    listen(element, 'wheel', (event) => this.#wheel(event));
    listen(element, 'contextmenu auxclick dragstart', (event) => event.preventDefault());
  }

  remove(element) {
    this.#places.get(element)?.abort.abort();
    this.#places.delete(element);
    this.#left();
  }

  free() {
    cancel(this.#stroke);
    this.releaseAll();
    this.pointer.free();
    this.#places.forEach(({ abort }) => abort.abort());
  }

  // A window lost the keyboard. Another one of the same desktop may have it in a moment: what modifies a click
  // there stays down until then, and other keys end here, since their release may come to nobody.
  #left() {
    if (this.#places.size < 2) {
      this.releaseAll();
      return;
    }
    this.pointer.unlock();
    cancel(this.#heldCtrl);
    this.#heldCtrl = 0;
    this.#locks = null;
    [...this.#down].filter((code) => !modifiers.has(code)).forEach((code) => this.#key(code, false));
    this.#carried = true;
    cancel(this.#leaving);
    this.#leaving = after(SWITCH_MS, () => {
      if (![...this.#places.keys()].some(hasKeyboard)) {
        this.releaseAll();
      }
    });
  }

  // Modifiers that came along from another window may have been let go on the way.
  #settle(event) {
    if (this.#carried) {
      this.#carried = false;
      [...this.#down].filter((code) => modifiers.has(code) && !event.getModifierState(modifiers.get(code)) &&
        !(code === KEY.RIGHTALT && event.getModifierState('AltGraph'))).forEach((code) => this.#key(code, false));
    }
  }

  releaseAll() {
    this.pointer.unlock();
    cancel(this.#leaving);
    cancel(this.#heldCtrl);
    cancel(this.#longPress);
    this.#carried = false;
    this.#heldCtrl = 0;
    this.#locks = null;
    if (this.#down.size > 0 || this.#buttons.size > 0) {
      this.send({ kind: 'release' });
    }
    this.#down.clear();
    this.#buttons.clear();
    this.#touches.clear();
    this.#dragging = false;
  }

  // Presses keys one after the other and lets them go in reverse: Ctrl+Alt+Del and the like. Behind
  // text that is still being typed.
  chord(codes) {
    this.#later(...codes.map((code) => ({ kind: 'key', code, down: true })),
      ...codes.map((code) => ({ kind: 'key', code, down: false })).reverse());
  }

  #later(...messages) {
    this.#strokes.push(...messages);
    if (this.#stroke === 0) {
      this.#nextStroke();
    }
  }

  // Text of a touch screen's keyboard or an input method: as the keys of a US keyboard where it has
  // them all, else as it is, for the guest's agent to write.
  type(text) {
    const keys = [...text].map((character) => keyOfCharacter(character));
    if (keys.includes(null)) {
      this.#write(text);
      return;
    }
    keys.forEach(({ code, shift }) => this.chord(shift ? [KEY.LEFTSHIFT, code] : [code]));
  }

  #nextStroke() {
    const next = this.#strokes.shift();
    this.#stroke = 0;
    if (next) {
      this.send(next);
      this.#stroke = after(STROKE_MS, () => this.#nextStroke());
    }
  }

  // Lines are keys between the texts.
  #write(text) {
    text.split('\n').forEach((line, i) => {
      if (i > 0) {
        this.chord([keyCodes.Enter]);
      }
      const characters = [...line.replace(/\p{Cc}/gu, ' ')];
      for (let part = ''; characters.length > 0 || part !== '';) {
        if (characters.length > 0 && part.length + characters[0].length <= MAX_TEXT) {
          part += characters.shift();
        } else {
          this.#later({ kind: 'text', text: part });
          part = '';
        }
      }
    });
  }

  // The guest's lock keys follow this keyboard's, which may have changed while another window had it.
  // Browsers differ in what the event of a lock key itself shows: that one is told with the next key.
  #syncLocks(event) {
    if (Object.hasOwn(locks, event.code)) {
      this.#locks = null;
      return;
    }
    let now = isMac ? locks.NumLock : 0; // a Mac's keypad has digits only
    for (const [name, bit] of Object.entries(locks)) {
      now |= event.getModifierState(name) ? bit : 0;
    }
    if (now !== this.#locks) {
      this.#locks = now;
      this.send({ kind: 'locks', locks: now });
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
      cancel(this.#heldCtrl);
      this.#heldCtrl = 0;
      this.#key(KEY.LEFTCTRL, true);
    }
  }

  #keyDown(event) {
    if (this.#places.get(event.currentTarget).shortcut(event)) {
      return;
    }
    this.#settle(event);
    const code = keyCodes[event.code];
    event.preventDefault();
    event.stopPropagation();
    if (this.#isMacCaps(event) || code === undefined || event.repeat || this.#down.has(code)) {
      return; // the guest repeats a key that stays down
    }
    this.#syncLocks(event);
    if (this.#heldCtrl !== 0 && event.code === 'AltRight') {
      cancel(this.#heldCtrl); // it was AltGr, and Ctrl was never pressed
      this.#heldCtrl = 0;
    } else {
      this.#flushCtrl();
    }
    if (isWindows && event.code === 'ControlLeft') {
      this.#heldCtrl = after(FAKE_CTRL_MS, () => this.#flushCtrl());
      return;
    }
    this.#key(code, true);
  }

  // macOS reports the lock, not the key: pressed when it goes on, released when it goes off.
  #isMacCaps(event) {
    if (!isMac || event.code !== 'CapsLock') {
      return false;
    }
    this.#locks = (event.type === 'keydown' ? locks.CapsLock : 0) | locks.NumLock;
    this.send({ kind: 'locks', locks: this.#locks });
    return true;
  }

  #keyUp(event) {
    const code = keyCodes[event.code];
    event.preventDefault();
    event.stopPropagation();
    if (this.#isMacCaps(event)) {
      return;
    }
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
    if (this.pointer.locked) {
      this.pointer.move(event);
      return;
    }
    const { x, y } = this.#places.get(event.currentTarget).place(event, this.#buttons.size > 0);
    this.send({ kind: 'pointer', x, y });
  }

  #button(button, down) {
    if (down === this.#buttons.has(button)) {
      return;
    }
    this.pointer.flush();
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
    const element = event.currentTarget;
    event.preventDefault();
    element.focus({ preventScroll: true });
    this.#settle(event);
    try {
      element.setPointerCapture(event.pointerId);
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
    cancel(this.#longPress);
    if (this.#touches.size === 1) {
      this.#point(event);
      this.#longPress = after(LONG_PRESS_MS, () => {
        this.#button(3, true);
        this.#button(3, false);
        this.#touches.clear();
      });
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
        cancel(this.#longPress);
        this.#dragging = true;
        this.#button(1, true);
      }
      if (this.#dragging) {
        this.#point(event);
      }
    } else if (!this.#dragging) {
      cancel(this.#longPress);
      touch.scrolled = true;
      this.#scroll(-dx * 3, -dy * 3);
      touch.x = event.clientX;
      touch.y = event.clientY;
    }
  }

  #touchUp(event) {
    const touch = this.#touches.get(event.pointerId);
    cancel(this.#longPress);
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
