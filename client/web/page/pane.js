// SPDX-License-Identifier: Apache-2.0
// pane: what each window of a desktop has: the stage with its picture, a toolbar, the field for text, and the
// card that says why there is no picture. The window may be another one than the one whose script this is.
import { h, icon } from './dom.js';
import { _ } from './i18n.js';
import { KEY, keyCodes } from './keys.js';

const MAX_SCALE_TOUCH = 1.5;
const MAX_WIDTH = 8192;
const MAX_HEIGHT = 4320;
const ICONS = {
  full: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  keys: 'M3 7h18v11H3zM7 11h0M11 11h0M15 11h0M8 15h8',
};

export function tool(label, content, action, pressed) {
  return h('button', {
    type: 'button', title: label, 'aria-label': label, 'aria-pressed': pressed, onclick: (event) => {
      action(event.currentTarget);
    },
  }, content);
}

export class Pane {
  area = null; // the part of the wall that is seen here
  #card = {};

  // name: of the desktop, for readers; buttons: of the card
  constructor(name, buttons = null) {
    this.canvas = h('canvas', { class: 'picture', width: 1, height: 1 });
    this.stage = h('div', { class: 'stage', tabindex: '0', role: 'application', 'aria-label': name }, this.canvas);
    this.typing = h('textarea', {
      class: 'typing', 'aria-label': _('Keyboard'), autocapitalize: 'none', autocorrect: 'off', autocomplete: 'off',
      spellcheck: 'false', rows: 1, oninput: (event) => this.#typed(event.isComposing),
      oncompositionstart: () => this.typing.classList.add('composing'), oncompositionend: () => this.#typed(false),
      onkeydown: (event) => this.#typedKey(event),
    });
    this.#card = {
      spinner: h('span', { class: 'spinner', 'aria-hidden': 'true' }), title: h('h1', { class: 'state-title' }),
      position: h('p', { class: 'state-position' }), text: h('p', { class: 'state-text' }),
    };
    this.card = h('section', { class: 'card state-card', 'aria-live': 'polite', role: 'status' },
      this.#card.spinner, this.#card.title, this.#card.position, this.#card.text, buttons);
  }

  // over: the toolbar and what is shown below it; more: whatever else lies on the picture.
  build(over, ...more) {
    this.view = h('div', { class: 'desktop' }, h('main', { class: 'desktop-main' }, this.stage),
      h('div', { class: 'over' }, ...over), this.typing, this.card, ...more);
  }

  toolbar(tools, ...more) {
    return h('nav', { class: 'toolbar', 'aria-label': _('Desktop') },
      h('button', {
        class: 'handle', type: 'button', 'aria-label': _('Toolbar'), title: _('Toolbar'), onclick: (event) => {
          const bar = event.currentTarget.parentElement;
          bar.classList.toggle('open');
          event.currentTarget.setAttribute('aria-expanded', String(bar.classList.contains('open')));
        }, 'aria-expanded': 'false',
      }, h('span', { class: 'grip' })),
      h('div', { class: 'tools', role: 'toolbar', 'aria-label': _('Desktop') }, ...tools), ...more);
  }

  fullTool() {
    return tool(_('Full screen (F11)'), icon(ICONS.full), () => this.fullscreen());
  }

  keysTool() {
    return tool(_('Write text with an input method or the screen keyboard'), icon(ICONS.keys),
      () => this.typing.focus({ preventScroll: true }));
  }

  // Keys and pointer go to the desktop by input from now on.
  attach(input, place, lockChanged) {
    this.input = input;
    input.add(this.stage, place, (event) => this.#shortcut(event), lockChanged);
  }

  get #document() {
    return this.stage.ownerDocument;
  }

  get #window() {
    return this.#document.defaultView ?? window;
  }

  focus() {
    this.stage.focus({ preventScroll: true });
  }

  // state: of the view; no card without a title.
  show(state, { title = '', position = '', text = '', busy = false }) {
    this.view.dataset.state = state;
    this.card.hidden = title === '';
    this.#card.spinner.hidden = !busy;
    this.#card.title.textContent = title;
    this.#card.position.textContent = position;
    this.#card.text.textContent = text;
  }

  // Keys that belong to the page: F11 for full screen, and the way out of the picture.
  #shortcut(event) {
    if (event.code === 'F11' && !event.ctrlKey && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      if (!event.repeat) {
        this.fullscreen();
      }
      return true;
    }
    if (event.code === 'Escape' && event.ctrlKey && event.altKey) {
      event.preventDefault();
      this.input.releaseAll();
      this.view.querySelector('.handle').focus();
      return true;
    }
    return false;
  }

  // What an input method composes is seen here until it is done, and then goes out in one piece.
  #typed(composing) {
    if (composing) {
      return;
    }
    const text = this.typing.value;
    this.typing.value = '';
    this.typing.classList.remove('composing');
    this.input.type(text);
  }

  // Keys that write nothing, and combinations, go out as they are.
  #typedKey(event) {
    const code = keyCodes[event.code || event.key];
    const combined = event.ctrlKey || event.altKey || event.metaKey;
    if (event.isComposing || event.key === 'Process' || code === undefined || event.key === 'Unidentified' ||
        (event.key.length === 1 && (!combined || event.getModifierState('AltGraph')))) {
      return;
    }
    event.preventDefault();
    const held = [[event.ctrlKey, KEY.LEFTCTRL], [event.altKey, KEY.LEFTALT], [event.metaKey, KEY.LEFTMETA],
      [event.shiftKey, KEY.LEFTSHIFT]].filter(([down, key]) => down && key !== code).map(([, key]) => key);
    if (!/^(Control|Alt|Meta|Shift)/.test(event.key)) {
      this.input.chord([...held, code]);
    }
  }

  async fullscreen() {
    this.focus();
    if (this.#document.fullscreenElement) {
      await this.#document.exitFullscreen();
      return;
    }
    try {
      await this.view.requestFullscreen({ navigationUI: 'hide' });
      await this.#window.navigator.keyboard?.lock?.();
    } catch {
      // the browser may refuse either; the window still works
    }
  }

  fullscreenChanged() {
    if (!this.#document.fullscreenElement) {
      this.#window.navigator.keyboard?.unlock?.();
    }
    if (!this.view.contains(this.#document.activeElement)) {
      this.focus(); // but whoever went elsewhere meanwhile stays there
    }
  }

  // Surface pixels a CSS pixel stands for: as many as the screen has, but readable under a finger.
  #pixels() {
    const ratio = this.#window.devicePixelRatio || 1;
    return this.#window.matchMedia('(pointer: coarse)').matches ? Math.min(ratio, MAX_SCALE_TOUCH) : ratio;
  }

  // As a monitor: {width, height, scale}, or null while the window has no size.
  size() {
    const pixels = this.#pixels();
    const box = this.view.getBoundingClientRect();
    const even = (value) => Math.max(2, Math.min(MAX_WIDTH, Math.round(value)) & ~1);
    const scale = Math.max(30, Math.min(1200, Math.round(pixels * 120)));
    return box.width > 0 ? { width: even(box.width * pixels), height: Math.min(MAX_HEIGHT, even(box.height * pixels)), scale } : null;
  }

  // Puts the canvas on whole device pixels; 1:1 unless it has to be scaled to fit. CSS pixels of a surface pixel.
  layout(fitted) {
    if (!this.area) {
      return 1;
    }
    const box = this.view.getBoundingClientRect();
    const ratio = this.#window.devicePixelRatio || 1;
    const { width, height } = this.area;
    const natural = 1 / this.#pixels();
    const toFit = Math.min(box.width / width, box.height / height);
    // A surface that follows the window misses it by a rounded pixel at most: that is no reason to scale.
    const near = Math.abs(toFit / natural - 1) < 2 / Math.min(width, height);
    const scale = fitted && !near ? toFit : natural;
    const snap = (value) => Math.round(value * ratio) / ratio;
    Object.assign(this.canvas.style, {
      width: `${width * scale}px`, height: `${height * scale}px`,
      left: `${Math.max(0, snap((box.width - width * scale) / 2))}px`,
      top: `${Math.max(0, snap((box.height - height * scale) / 2))}px`,
      imageRendering: Math.abs(scale * ratio - Math.round(scale * ratio)) < 1e-6 ? 'pixelated' : 'auto',
    });
    this.stage.classList.toggle('scrolls', !fitted);
    return scale;
  }

  // Where an event is on the wall; outside the area when it is outside the picture.
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const { x, y, width, height } = this.area ?? { x: 0, y: 0, width: 1, height: 1 };
    return {
      x: x + Math.floor((event.clientX - box.left) / box.width * width),
      y: y + Math.floor((event.clientY - box.top) / box.height * height),
    };
  }
}
