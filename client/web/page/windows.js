// SPDX-License-Identifier: Apache-2.0
// windows: the further monitors of a desktop, each in a window of its own. Such a window is an empty document of the
// gateway's without a script: all that is in it is built from here, so that whoever else opens it sees nothing, and
// it has nothing to ask anybody for. The desktop's worker paints into its canvas.
import { MAX_MONITORS } from './constants.js';
import { h } from './dom.js';
import { _, language } from './i18n.js';
import { Pane, tool } from './pane.js';
import { cardOf } from './session.js';
import { addView, after, cancel, removeView } from './timers.js';

const PATH = '/monitor.html';
const OPEN_MS = 10000; // for the empty document to arrive
const LOOK_MS = 50;
const DARK_MS = 10000; // what a desktop does not light by then it does not use

// The screen of a window: the one that its middle is on, or null.
function screenOf(view, screens) {
  const x = view.screenX + view.outerWidth / 2;
  const y = view.screenY + view.outerHeight / 2;
  return screens.find((one) => x >= one.left && x < one.left + one.width && y >= one.top && y < one.top + one.height) ?? null;
}

// Whether the document is there; a page of the browser's own, which says that it is not, cannot be looked at.
async function arrived(popup) {
  for (let waited = 0; waited < OPEN_MS; waited += LOOK_MS) {
    try {
      if (popup.location.pathname === PATH && popup.document.readyState === 'complete') {
        return true;
      }
    } catch {
      return false;
    }
    if (popup.closed) {
      return false;
    }
    await new Promise((done) => {
      setTimeout(done, LOOK_MS);
    });
  }
  return false;
}

class Further {
  #met = false; // with a picture
  #waits = 0; // timer: for the desktop to use this monitor
  #dark = false; // it did not
  #abort = new AbortController();

  // number: counted from 2, for people; events: changed(), resized(), closed()
  constructor(popup, id, number, title, alone, events) {
    Object.assign(this, { popup, id, events });
    const name = _('%s, monitor %u', title, number);
    this.pane = new Pane(name);
    this.fill = h('button', { class: 'primary fill', type: 'button', hidden: !alone, onclick: () => this.pane.fullscreen() },
      _('Fill this screen'));
    const bar = this.pane.toolbar([this.pane.fullTool(), this.pane.keysTool(),
      tool(_('Remove this monitor'), _('Remove this monitor'), () => this.close())]);
    this.pane.build([bar, this.fill]);
    const page = popup.document;
    page.title = name;
    page.documentElement.lang = language;
    page.getElementById('app').replaceChildren(this.pane.view);
    const signal = { signal: this.#abort.signal };
    popup.addEventListener('resize', () => events.resized(), signal);
    popup.addEventListener('focus', () => events.resized(), signal); // it may have been moved
    popup.addEventListener('pagehide', () => events.closed(), signal);
    page.addEventListener('fullscreenchange', () => this.pane.fullscreenChanged(), signal);
    this.pane.stage.addEventListener('focus', () => {
      this.fill.hidden = true;
    }, signal);
  }

  show(session, most, number) {
    const live = session.state === 'live';
    if (live && number > most) {
      this.pane.show('ended', { title: _('This desktop cannot have another monitor.') });
    } else if (live && this.pane.area === null) {
      this.#wait();
      this.pane.show('waiting', this.#dark ? { title: _('The desktop does not use this monitor.') } :
        { title: _('The desktop gets this monitor…'), busy: true });
    } else {
      this.#waitNot();
      this.pane.show(session.state, cardOf(session));
      this.#meet(live);
    }
  }

  // It may take its time, or an administrator has said meanwhile that there can be less.
  #wait() {
    if (this.#waits === 0) {
      this.#waits = after(DARK_MS, () => {
        this.#dark = true;
        this.events.changed();
      });
    }
  }

  #waitNot() {
    cancel(this.#waits);
    this.#waits = 0;
    this.#dark = false;
  }

  // The keyboard is where there is something for it as soon as there is a picture.
  #meet(live) {
    if (live && !this.#met) {
      this.#met = true;
      (this.fill.hidden ? this.pane.stage : this.fill).focus({ preventScroll: true });
    }
  }

  // Its window goes too; one that was loaded anew is empty.
  close() {
    this.#waitNot();
    this.#abort.abort();
    this.popup.close();
    this.events.closed();
  }
}

export class Windows {
  #open = []; // of Further
  #details = null; // where screens are, as far as the browser says
  #asked = false; // for another one that is not there yet
  #lastId = 0;
  #most = 1; // monitors of the desktop
  #abort = new AbortController();

  // events: post(message, transfer) to the worker, changed(), resized(), place(pane, event, held), say(text)
  constructor(title, input, cursor, events) {
    Object.assign(this, { title, input, cursor, events });
    addEventListener('pagehide', () => this.#closeAll(), { signal: this.#abort.signal });
  }

  // How many monitors this browser can show: on a touch screen there is one window at a time.
  get most() {
    return matchMedia('(pointer: coarse)').matches ? 1 : MAX_MONITORS;
  }

  get offered() {
    return Math.min(this.most, this.#most) > 1;
  }

  get full() {
    return this.#open.length + 1 >= Math.min(this.most, this.#most);
  }

  // A stream has begun, to a desktop with so many monitors; its layout comes later.
  begin(most) {
    this.#most = most;
    this.layout([]);
  }

  layout(areas) {
    this.#open.forEach((one, i) => {
      one.pane.area = areas[i] ?? null;
      this.cursor.place(one.pane.stage, one.pane.layout(true));
    });
  }

  show(session) {
    this.#open.forEach((one, i) => one.show(session, this.#most, i + 2));
  }

  // {width, height, scale, screen} of the desktop's own pane and all others; null while a window has no size.
  sizes(pane) {
    const screens = this.#details?.screens ?? [];
    const all = [{ pane, popup: window }, ...this.#open].map((one) => ({ size: one.pane.size(), screen: screenOf(one.popup, screens) }));
    return all.every(({ size }) => size) ? all.map(({ size, screen }) => ({ ...size, screen })) : null;
  }

  // By a click or key of the user's: browsers open no window without.
  async add() {
    if (this.full || this.#asked) {
      return;
    }
    this.#asked = true;
    try {
      const screen = await this.#freeScreen();
      const popup = this.#abort.signal.aborted ? undefined : open(PATH, '', this.#features(screen));
      if (popup === null) {
        this.events.say(_('The browser did not open a window. Please allow this page to open windows and try again.'));
      } else if (popup && await arrived(popup) && !this.#abort.signal.aborted) {
        this.#take(popup, screen !== null);
      } else if (popup) {
        popup.close();
        this.events.say(_('The window could not be opened. Please try again.'));
      }
    } finally {
      this.#asked = false;
    }
  }

  #take(popup, alone) {
    const id = ++this.#lastId;
    const one = new Further(popup, id, this.#open.length + 2, this.title, alone, {
      resized: () => {
        this.cursor.place(one.pane.stage, one.pane.layout(true));
        this.events.resized();
      },
      changed: this.events.changed,
      closed: () => this.#remove(one),
    });
    this.#open.push(one);
    addView(popup);
    one.pane.attach(this.input, (event, held) => this.events.place(one.pane, event, held));
    const canvas = one.pane.canvas.transferControlToOffscreen();
    this.events.post({ kind: 'window', id, canvas }, [canvas]);
    this.events.changed();
    this.events.resized();
  }

  // A screen without a window of this desktop, or null: then the user puts the window where it is to be.
  async #freeScreen() {
    if (!window.getScreenDetails) {
      return null;
    }
    try {
      if (this.#details === null) {
        this.#details = await window.getScreenDetails();
        this.#details.addEventListener('screenschange', () => this.events.resized(), { signal: this.#abort.signal });
      }
    } catch {
      return null; // the user does not want it
    }
    const { screens } = this.#details;
    const used = [window, ...this.#open.map(({ popup }) => popup)].map((one) => screenOf(one, screens));
    return screens.find((one) => !used.includes(one)) ?? null;
  }

  #features(screen) {
    return screen ?
      `popup,left=${screen.availLeft},top=${screen.availTop},width=${screen.availWidth},height=${screen.availHeight}` :
      `popup,width=${innerWidth},height=${innerHeight}`;
  }

  #remove(one) {
    if (!this.#open.includes(one)) {
      return;
    }
    this.#open = this.#open.filter((other) => other !== one);
    removeView(one.popup);
    this.input.remove(one.pane.stage);
    this.cursor.remove(one.pane.stage);
    this.events.post({ kind: 'gone', id: one.id });
    one.close();
    this.events.changed();
    this.events.resized();
  }

  // Windows that went without a word.
  look() {
    this.#open.filter(({ popup }) => popup.closed).forEach((one) => this.#remove(one));
  }

  #closeAll() {
    this.#open.forEach((one) => one.close());
  }

  free() {
    this.#abort.abort();
    this.#closeAll();
  }
}
