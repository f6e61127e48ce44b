// SPDX-License-Identifier: Apache-2.0
// desktop: the picture, its toolbar and the card that says why there is no picture; windows.js has its further
// monitors.
import { arrange } from './arrange.js';
import { Cursor } from './cursor.js';
import { h, icon, show } from './dom.js';
import { _ } from './i18n.js';
import { Input } from './input.js';
import { KEY, chords } from './keys.js';
import { Pane, tool } from './pane.js';
import { Session, cardOf, endText } from './session.js';
import { after, cancel } from './timers.js';
import { Windows } from './windows.js';

const RESIZE_MS = 250;
const SAY_MS = 8000;
const HELD_MS = 3600000; // until it goes on
const NOTICE_MS = 30000; // somebody may be away from the screen for a moment
const FIT_KEY = 'vedette.fit';
const ICONS = {
  lock: 'M6 3l12 9-5 1-3 5zM14 15l4 5',
  more: 'M6 9l6 6 6-6',
  monitor: 'M3 5h18v11H3zM9 20h6M12 16v4M12 8v5M9.5 10.5h5',
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
  #areas = []; // of the wall, in the order of the windows
  #resize = 0;
  #last = { frames: 0, bytes: 0, mix: [0, 0, 0, 0], at: 0 };

  // events: back(text), expired()
  constructor(pool, title, events) {
    this.title = title;
    this.events = events;
    this.abort = new AbortController();
    this.fit = kept(FIT_KEY) !== 'original';
    this.cursor = new Cursor();
    this.input = new Input((input) => {
      if (this.session.state === 'live') {
        this.worker.postMessage({ kind: 'input', input });
      }
    });
    this.windows = new Windows(title, this.input, this.cursor, {
      post: (message, moved) => this.worker.postMessage(message, moved),
      changed: () => this.#changed(), resized: () => this.#resized(),
      place: (pane, event, held) => this.#place(pane, event, held), say: (text) => this.#say(text),
    });
    this.#build();
    this.pane.attach(this.input, (event, held) => this.#place(this.pane, event, held), () => this.#pointerChanged());
    this.cursor.place(this.pane.stage);
    this.session = new Session(pool, {
      changed: () => this.#changed(),
      expired: () => this.#leave(() => events.expired()),
      dial: (url, ticket) => this.worker.postMessage({ kind: 'dial', url, ticket }),
      hangup: () => this.worker.postMessage({ kind: 'hangup' }),
    });
    this.#startWorker();
    const watch = new ResizeObserver(() => this.#resized());
    watch.observe(this.pane.view);
    this.abort.signal.addEventListener('abort', () => watch.disconnect());
    document.addEventListener('fullscreenchange', () => this.pane.fullscreenChanged(), { signal: this.abort.signal });
    show(this.pane.view, this.pane.stage);
    this.#changed();
  }

  #startWorker() {
    const handlers = {
      ready: () => {
        this.#sendMonitors();
        this.session.start();
      },
      failed: ({ text }) => {
        this.session.text = text;
        this.session.stop('unavailable');
      },
      live: ({ monitors }) => {
        this.windows.begin(monitors);
        this.session.live();
      },
      closed: (how) => this.session.closed(how),
      layout: ({ areas }) => {
        this.#areas = areas;
        this.pane.area = areas[0] ?? this.pane.area;
        this.windows.layout(areas.slice(1));
        this.#layout();
        this.#changed();
      },
      frame: ({ id, settled }) => {
        this.pane.canvas.dataset.frame = id;
        this.pane.canvas.dataset.settled = settled;
      },
      'cursor-shape': (shape) => this.cursor.shape(shape),
      'cursor-use': (use) => this.cursor.use(use),
      notice: (notice) => this.#say(noticeText(notice), notice.about === 'held' ? HELD_MS : NOTICE_MS),
      stats: (stats) => this.#figures(stats),
    };
    this.worker = new Worker('/worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => handlers[data.kind](data);
    this.worker.onerror = () => handlers.failed({ text: _('This browser cannot show desktops.') });
    const canvas = this.pane.canvas.transferControlToOffscreen();
    this.worker.postMessage({ kind: 'start', canvas, monitors: this.windows.most }, [canvas]);
  }

  #build() {
    this.cardBack = h('button', { class: 'flat', type: 'button', onclick: () => this.#back('') }, _('Cancel'));
    this.cardAgain = h('button', { class: 'primary', type: 'button', onclick: () => this.session.start() }, _('Reconnect'));
    this.pane = new Pane(_('Desktop: %s', this.title), h('div', { class: 'buttons' }, this.cardBack, this.cardAgain));
    this.figures = h('p', { class: 'figures', hidden: true });
    this.notice = h('p', { class: 'notice', role: 'status', hidden: true });
    this.pane.build([this.#toolbar(), this.notice], this.figures);
  }

  #toolbar() {
    const toggle = (button) => {
      const on = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(on));
      return on;
    };
    const again = () => this.pane.focus();
    this.pointerTool = tool(_('Lock the pointer'), icon(ICONS.lock), () => this.#lockPointer(), 'false');
    this.pointerTool.hidden = !this.pane.stage.requestPointerLock; // as on a phone
    this.monitorTool = tool(_('Add a monitor'), icon(ICONS.monitor), () => this.windows.add());
    this.chords = h('div', { class: 'chords', role: 'group', 'aria-label': _('More keys'), hidden: true },
      ...chords.map(([name, codes]) => h('button', {
        type: 'button', onclick: () => {
          this.input.chord(codes);
          again();
        },
      }, name)));
    return this.pane.toolbar([
      this.pane.fullTool(),
      this.monitorTool,
      tool(_('Original size'), '1:1', (button) => {
        this.fit = !toggle(button);
        keep(FIT_KEY, this.fit ? 'fit' : 'original');
        this.#layout();
        again();
      }, String(!this.fit)),
      tool(_('Send Ctrl+Alt+Del'), 'Ctrl+Alt+Del', () => {
        this.input.chord([KEY.LEFTCTRL, KEY.LEFTALT, KEY.DELETE]);
        again();
      }),
      tool(_('More keys'), icon(ICONS.more), (button) => {
        this.chords.hidden = !toggle(button);
        if (!this.chords.hidden) {
          this.chords.firstElementChild.focus();
        }
      }, 'false'),
      this.pointerTool,
      this.pane.keysTool(),
      tool(_('Statistics'), icon(ICONS.figures), (button) => {
        this.figures.hidden = !toggle(button);
        again();
      }, 'false'),
      h('span', { class: 'divider', 'aria-hidden': 'true' }),
      tool(_('Leave; your desktop goes on running'), _('Disconnect'), () => this.#disconnect()),
      tool(_('End the session and close the desktop'), _('Log off'), () => this.#logoff()),
    ], this.chords);
  }

  // For programs that want to know how far the mouse went and not where it is: 3-D viewers, games.
  async #lockPointer() {
    this.pane.focus();
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

  #resized() {
    this.#layout();
    cancel(this.#resize);
    this.#resize = after(RESIZE_MS, () => this.#sendMonitors());
  }

  // What all windows are as monitors; the desktop follows.
  #sendMonitors() {
    const sizes = this.windows.sizes(this.pane);
    if (sizes) {
      this.worker.postMessage({ kind: 'monitors', monitors: arrange(sizes) });
    }
  }

  #layout() {
    this.cursor.place(this.pane.stage, this.pane.layout(this.fit));
  }

  // On the wall. A drag may go on, and end, in the part of another window.
  #place(pane, event, held) {
    const at = pane.point(event);
    const own = pane.area ?? { x: 0, y: 0, width: 1, height: 1 };
    const { x, y, width, height } = (held && this.#areas.find((area) => area &&
      at.x >= area.x && at.x < area.x + area.width && at.y >= area.y && at.y < area.y + area.height)) || own;
    return {
      x: Math.max(x, Math.min(x + width - 1, at.x)),
      y: Math.max(y, Math.min(y + height - 1, at.y)),
    };
  }

  #changed() {
    const { state, end, fresh } = this.session;
    const live = state === 'live';
    const ended = state === 'ended';
    const became = state !== this.pane.view.dataset.state;
    this.pane.view.dataset.end = end;
    this.pane.show(state, cardOf(this.session));
    this.pane.view.classList.toggle('dark', live && this.#areas[0] === null);
    this.cardBack.textContent = ended ? _('Back') : _('Cancel');
    this.cardAgain.hidden = !ended || end === 'denied';
    this.monitorTool.hidden = !this.windows.offered;
    this.monitorTool.disabled = this.windows.full;
    this.windows.show(this.session);
    if (live && became) {
      this.#say(fresh ? _('Your earlier desktop is gone. This is a new one.') : '');
      this.pane.focus();
    } else if (!live) {
      this.input.releaseAll();
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
    if (!this.figures.hidden && this.pane.area) {
      this.figures.textContent = _(
        '%u × %u   %u frames/s   %.1f Mbit/s   host %.1f ms   round trip %.1f ms   decoding %.1f ms   on the screen %.1f ms\n' +
        'exact %u %%   reused %u %%   photo %u %%   film %u %%',
        this.pane.area.width, this.pane.area.height, Math.round((frames - this.#last.frames) / seconds),
        (bytes - this.#last.bytes) * 8 / 1e6 / seconds, hostMs, rttMs, decodeMs, presentMs,
        ...parts.map((part) => Math.round(part * 100 / Math.max(1, all))));
    }
    this.#last = { frames, bytes, mix, at: now };
    this.windows.look();
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
    this.windows.free();
    cancel(this.#resize);
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
