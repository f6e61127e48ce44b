// SPDX-License-Identifier: Apache-2.0
// desktop: the picture, its toolbar and the card that says why there is no picture.
import { Cursor } from './cursor.js';
import { h, icon, show } from './dom.js';
import { _ } from './i18n.js';
import { Input } from './input.js';
import { KEY, chords, keyCodes } from './keys.js';
import { Session, endText, stateText } from './session.js';

const RESIZE_MS = 250;
const SAY_MS = 8000;
const HELD_MS = 3600000; // until it goes on
const NOTICE_MS = 30000; // somebody may be away from the screen for a moment
const FIT_KEY = 'vedette.fit';
const MAX_SCALE_TOUCH = 1.5;
const ICONS = {
  lock: 'M6 3l12 9-5 1-3 5zM14 15l4 5',
  full: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  more: 'M6 9l6 6 6-6',
  keys: 'M3 7h18v11H3zM7 11h0M11 11h0M15 11h0M8 15h8',
  figures: 'M4 20V10M10 20V4M16 20v-8M21 20H3',
};

function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // it then lasts as long as the page does
  }
}

/** What a notice says, in the user's language unless an administrator wrote it. */
function noticeText({ about, seconds, text }) {
  switch (about) {
    case 'end':
      return _('This session ends in %u minutes. Please save your work.', Math.ceil(seconds / 60));
    case 'held':
      return _('Your desktop stands still: its host has no room left. It goes on by itself.');
    case 'freed':
      return _('Your desktop goes on.');
    case 'newer':
      return _('A newer version of this desktop is there. Please log off and connect again when it suits you.');
    default:
      return text;
  }
}

export class Desktop {
  #surface = null;
  #resize = 0;
  #wanted = '';
  #last = { frames: 0, bytes: 0, mix: [0, 0, 0, 0], at: 0 };

  // events: back(text), expired()
  constructor(pool, title, events) {
    this.title = title;
    this.events = events;
    this.abort = new AbortController();
    this.fit = kept(FIT_KEY) !== 'original';
    this.#build();
    this.cursor = new Cursor(this.picture);
    this.session = new Session(pool, {
      changed: () => this.#changed(),
      expired: () => this.#leave(() => events.expired()),
      dial: (url, ticket) => this.worker.postMessage({ kind: 'dial', url, ticket }),
      hangup: () => this.worker.postMessage({ kind: 'hangup' }),
    });
    this.input = new Input(this.picture, (event) => this.#place(event), (input) => {
      if (this.session.state === 'live') {
        this.worker.postMessage({ kind: 'input', input });
      }
    }, (event) => this.#shortcut(event), () => this.#pointerChanged());
    this.#startWorker();
    const watch = new ResizeObserver(() => this.#resized());
    watch.observe(this.view);
    this.abort.signal.addEventListener('abort', () => watch.disconnect());
    document.addEventListener('fullscreenchange', () => this.#fullscreenChanged(), { signal: this.abort.signal });
    show(this.view, this.picture);
    this.#changed();
  }

  #startWorker() {
    const handlers = {
      ready: () => {
        this.#sendSize();
        this.session.start();
      },
      failed: ({ text }) => {
        this.session.text = text;
        this.session.stop('unavailable');
      },
      live: () => this.session.live(),
      closed: (how) => this.session.closed(how),
      surface: ({ width, height }) => {
        this.#surface = { width, height };
        this.#layout();
      },
      frame: ({ id, settled }) => {
        this.canvas.dataset.frame = id;
        this.canvas.dataset.settled = settled;
      },
      'cursor-shape': (shape) => this.cursor.shape(shape),
      'cursor-use': (use) => this.cursor.use(use),
      notice: (notice) => this.#say(noticeText(notice), notice.about === 'held' ? HELD_MS : NOTICE_MS),
      stats: (stats) => this.#figures(stats),
    };
    this.worker = new Worker('/worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => handlers[data.kind](data);
    this.worker.onerror = () => handlers.failed({ text: _('This browser cannot show desktops.') });
    const canvas = this.canvas.transferControlToOffscreen();
    this.worker.postMessage({ kind: 'start', canvas }, [canvas]);
  }

  #build() {
    this.canvas = h('canvas', { class: 'picture', width: 1, height: 1 });
    this.picture = h('div', {
      class: 'stage', tabindex: '0', role: 'application', 'aria-label': _('Desktop: %s', this.title),
    }, this.canvas);
    this.cardTitle = h('h1', { class: 'state-title' });
    this.cardText = h('p', { class: 'state-text' });
    this.cardPosition = h('p', { class: 'state-position' });
    this.cardBack = h('button', { class: 'flat', type: 'button', onclick: () => this.#back('') }, _('Cancel'));
    this.cardAgain = h('button', { class: 'primary', type: 'button', onclick: () => this.session.start() }, _('Reconnect'));
    this.spinner = h('span', { class: 'spinner', 'aria-hidden': 'true' });
    this.card = h('section', { class: 'card state-card', 'aria-live': 'polite', role: 'status' }, this.spinner,
      this.cardTitle, this.cardPosition, this.cardText, h('div', { class: 'buttons' }, this.cardBack, this.cardAgain));
    this.figures = h('p', { class: 'figures', hidden: true });
    this.notice = h('p', { class: 'notice', role: 'status', hidden: true });
    this.typing = h('textarea', {
      class: 'typing', 'aria-label': _('Keyboard'), autocapitalize: 'none', autocorrect: 'off', autocomplete: 'off',
      spellcheck: 'false', rows: 1, oninput: (event) => this.#typed(event.isComposing),
      oncompositionstart: () => this.typing.classList.add('composing'), oncompositionend: () => this.#typed(false),
      onkeydown: (event) => this.#typedKey(event),
    });
    this.view = h('div', { class: 'desktop' }, h('main', { class: 'desktop-main' }, this.picture),
      h('div', { class: 'over' }, this.#toolbar(), this.notice), this.typing, this.card, this.figures);
  }

  #tool(label, content, action, pressed) {
    return h('button', {
      type: 'button', title: label, 'aria-label': label, 'aria-pressed': pressed, onclick: (event) => {
        action(event.currentTarget);
      },
    }, content);
  }

  #toolbar() {
    const toggle = (button) => {
      const on = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(on));
      return on;
    };
    const again = () => this.picture.focus({ preventScroll: true });
    this.pointerTool = this.#tool(_('Lock the pointer'), icon(ICONS.lock), () => this.#lockPointer(), 'false');
    this.pointerTool.hidden = !this.picture.requestPointerLock; // as on a phone
    const tools = h('div', { class: 'tools', role: 'toolbar', 'aria-label': _('Desktop') },
      this.#tool(_('Full screen (F11)'), icon(ICONS.full), () => this.#fullscreen()),
      this.#tool(_('Original size'), '1:1', (button) => {
        this.fit = !toggle(button);
        keep(FIT_KEY, this.fit ? 'fit' : 'original');
        this.#layout();
        again();
      }, String(!this.fit)),
      this.#tool(_('Send Ctrl+Alt+Del'), 'Ctrl+Alt+Del', () => {
        this.input.chord([KEY.LEFTCTRL, KEY.LEFTALT, KEY.DELETE]);
        again();
      }),
      this.#tool(_('More keys'), icon(ICONS.more), (button) => {
        this.chords.hidden = !toggle(button);
        if (!this.chords.hidden) {
          this.chords.firstElementChild.focus();
        }
      }, 'false'),
      this.pointerTool,
      this.#tool(_('Write text with an input method or the screen keyboard'), icon(ICONS.keys),
        () => this.typing.focus({ preventScroll: true })),
      this.#tool(_('Statistics'), icon(ICONS.figures), (button) => {
        this.figures.hidden = !toggle(button);
        again();
      }, 'false'),
      h('span', { class: 'divider', 'aria-hidden': 'true' }),
      this.#tool(_('Leave; your desktop goes on running'), _('Disconnect'), () => this.#disconnect()),
      this.#tool(_('End the session and close the desktop'), _('Log off'), () => this.#logoff()));
    this.chords = h('div', { class: 'chords', role: 'group', 'aria-label': _('More keys'), hidden: true },
      ...chords.map(([name, codes]) => h('button', {
        type: 'button', onclick: () => {
          this.input.chord(codes);
          again();
        },
      }, name)));
    return h('nav', { class: 'toolbar', 'aria-label': _('Desktop') },
      h('button', {
        class: 'handle', type: 'button', 'aria-label': _('Toolbar'), title: _('Toolbar'), onclick: (event) => {
          const bar = event.currentTarget.parentElement;
          bar.classList.toggle('open');
          event.currentTarget.setAttribute('aria-expanded', String(bar.classList.contains('open')));
        }, 'aria-expanded': 'false',
      }, h('span', { class: 'grip' })), tools, this.chords);
  }

  // Keys that belong to the page: F11 for full screen, and the way out of the picture.
  #shortcut(event) {
    if (event.code === 'F11' && !event.ctrlKey && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      if (!event.repeat) {
        this.#fullscreen();
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

  // For programs that want to know how far the mouse went and not where it is: 3-D viewers, games.
  async #lockPointer() {
    this.picture.focus({ preventScroll: true });
    if (this.input.pointer.locked) {
      this.input.pointer.unlock();
    } else if (this.session.state === 'live' && !await this.input.pointer.lock()) {
      this.#say(_('The browser did not lock the pointer. Please try again.'));
    }
  }

  #pointerChanged() {
    const { locked } = this.input.pointer;
    this.pointerTool.setAttribute('aria-pressed', String(locked));
    const text = _('The pointer is locked to the desktop. Press Esc to get it back; in full screen hold Esc.');
    if (locked || this.notice.textContent === text) {
      this.#say(locked ? text : ''); // another notice stays
    }
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

  async #fullscreen() {
    this.picture.focus({ preventScroll: true });
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return;
    }
    try {
      await this.view.requestFullscreen({ navigationUI: 'hide' });
      await navigator.keyboard?.lock?.();
    } catch {
      // the browser may refuse either; the window still works
    }
  }

  #fullscreenChanged() {
    if (!document.fullscreenElement) {
      navigator.keyboard?.unlock?.();
    }
    if (!this.view.contains(document.activeElement)) {
      this.picture.focus({ preventScroll: true }); // but whoever went elsewhere meanwhile stays there
    }
  }

  // Surface pixels a CSS pixel stands for: as many as the screen has, but readable under a finger.
  #pixels() {
    const ratio = devicePixelRatio || 1;
    return matchMedia('(pointer: coarse)').matches ? Math.min(ratio, MAX_SCALE_TOUCH) : ratio;
  }

  #resized() {
    this.#layout();
    clearTimeout(this.#resize);
    this.#resize = setTimeout(() => this.#sendSize(), RESIZE_MS);
  }

  #sendSize() {
    const pixels = this.#pixels();
    const box = this.view.getBoundingClientRect();
    const even = (value) => Math.max(2, Math.min(8192, Math.round(value)) & ~1);
    const scale = Math.max(30, Math.min(1200, Math.round(pixels * 120)));
    const size = { width: even(box.width * pixels), height: Math.min(4320, even(box.height * pixels)), scale };
    const text = JSON.stringify(size);
    if (box.width > 0 && text !== this.#wanted) {
      this.#wanted = text;
      this.worker.postMessage({ kind: 'size', size });
    }
  }

  // Puts the canvas on whole device pixels; 1:1 unless it has to be scaled to fit.
  #layout() {
    if (!this.#surface) {
      return;
    }
    const box = this.view.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const { width, height } = this.#surface;
    const pixels = this.#pixels();
    const natural = 1 / pixels;
    const toFit = Math.min(box.width / width, box.height / height);
    // A surface that follows the window misses it by a rounded pixel at most: that is no reason to scale.
    const near = Math.abs(toFit / natural - 1) < 2 / Math.min(width, height);
    const scale = this.fit && !near ? toFit : natural;
    const snap = (value) => Math.round(value * ratio) / ratio;
    Object.assign(this.canvas.style, {
      width: `${width * scale}px`, height: `${height * scale}px`,
      left: `${Math.max(0, snap((box.width - width * scale) / 2))}px`,
      top: `${Math.max(0, snap((box.height - height * scale) / 2))}px`,
      imageRendering: Math.abs(scale * ratio - Math.round(scale * ratio)) < 1e-6 ? 'pixelated' : 'auto',
    });
    this.picture.classList.toggle('scrolls', !this.fit);
    this.cursor.apply(scale);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.#surface ?? { width: 1, height: 1 };
    const inside = (value, size) => Math.max(0, Math.min(size - 1, Math.floor(value)));
    return {
      x: inside((event.clientX - box.left) / box.width * width, width),
      y: inside((event.clientY - box.top) / box.height * height, height),
    };
  }

  #changed() {
    const { state, end, text, position, fresh } = this.session;
    const live = state === 'live';
    const ended = state === 'ended';
    this.view.dataset.state = state;
    this.view.dataset.end = end;
    this.card.hidden = live;
    this.spinner.hidden = ended;
    this.cardTitle.textContent = ended ? endText(end) || stateText(state) : stateText(state);
    this.cardPosition.textContent = state === 'waiting' && position > 0 ? _('You are number %u in line.', position) : '';
    this.cardText.textContent = end === 'taken-over' ? '' : text;
    this.cardBack.textContent = ended ? _('Back') : _('Cancel');
    this.cardAgain.hidden = !ended || end === 'denied';
    if (live) {
      this.#say(fresh ? _('Your earlier desktop is gone. This is a new one.') : '');
      this.picture.focus({ preventScroll: true });
    } else {
      this.input?.releaseAll();
      this.cursor.reset();
      if (ended) {
        (this.cardAgain.hidden ? this.cardBack : this.cardAgain).focus();
      }
    }
  }

  #say(text, ms = SAY_MS) {
    this.notice.textContent = text;
    this.notice.hidden = text === '';
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => this.#say(''), text === '' ? 1e9 : ms);
  }

  #figures({ frames, bytes, hostMs, decodeMs, presentMs, rttMs, mix }) {
    const now = performance.now();
    const seconds = (now - this.#last.at) / 1000;
    const parts = mix.map((part, i) => part - this.#last.mix[i]);
    const all = parts.reduce((sum, part) => sum + part, 0);
    if (!this.figures.hidden && this.#surface) {
      this.figures.textContent = _(
        '%u × %u   %u frames/s   %.1f Mbit/s   host %.1f ms   round trip %.1f ms   decoding %.1f ms   on the screen %.1f ms\n' +
        'exact %u %%   reused %u %%   photo %u %%   film %u %%',
        this.#surface.width, this.#surface.height, Math.round((frames - this.#last.frames) / seconds),
        (bytes - this.#last.bytes) * 8 / 1e6 / seconds, hostMs, rttMs, decodeMs, presentMs,
        ...parts.map((part) => Math.round(part * 100 / Math.max(1, all))));
    }
    this.#last = { frames, bytes, mix, at: now };
  }

  #disconnect() {
    this.worker.postMessage({ kind: 'hangup' });
    this.session.stop('disconnected');
    this.#back(endText('disconnected'));
  }

  async #logoff() {
    if (await this.session.logoff()) {
      this.#back(endText('logged-off'));
    } else {
      this.#say(_('The server could not be asked to log off. Please try again.'));
    }
  }

  #back(text) {
    this.#leave(() => this.events.back(text));
  }

  #leave(then) {
    clearTimeout(this.#resize);
    clearTimeout(this.noticeTimer);
    this.input.free();
    this.abort.abort();
    this.worker.postMessage({ kind: 'hangup' });
    this.session.free();
    // What was posted before still goes out; then the worker ends by itself.
    this.worker.postMessage({ kind: 'quit' });
    if (document.fullscreenElement) {
      document.exitFullscreen();
    }
    then();
  }
}
