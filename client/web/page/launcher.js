// SPDX-License-Identifier: Apache-2.0
// launcher: the user's pools, renewed while it is shown.
import { call } from './api.js';
import { h, icon, show } from './dom.js';
import { _, themed } from './i18n.js';
import { logo } from './login.js';

const REFRESH_MS = 3000;
const SOON_MS = 700; // the first time: a screen that was just left is under way
const SURE_MS = 6000; // for a second press
const SCREEN = 'M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM9 21h6';
const states = ['ready', 'running', 'starting', 'full', 'unavailable'];

function stateText(state) {
  return {
    ready: _('Ready'), running: _('Running'), starting: _('Starting'), full: _('In use'),
    unavailable: _('Not available'),
  }[state];
}

export class Launcher {
  #timer = 0;
  #shown = '';
  #screens = new Map(); // address → <img>: a card that is drawn anew keeps its picture
  #gone = false;

  // events: connect(pool), logout(), expired()
  constructor(user, events, notice = '') {
    this.events = events;
    this.list = h('ul', { class: 'pools' });
    this.notice = h('p', { class: 'message info', role: 'status', hidden: notice === '' }, notice);
    this.heading = h('h1', { class: 'heading', tabindex: '-1' }, _('Your desktops'));
    this.view = h('div', { class: 'launcher' },
      h('header', { class: 'bar' }, logo(36), h('span', { class: 'bar-product' }, themed('Title')),
        h('span', { class: 'bar-user' }, user),
        h('button', { class: 'flat', type: 'button', onclick: () => this.#leave(() => events.logout()) }, _('Log out'))),
      h('main', { class: 'launcher-body' }, this.heading, this.notice, this.list));
    show(this.view, this.heading);
    this.#refresh();
  }

  #leave(then) {
    this.#gone = true;
    clearTimeout(this.#timer);
    then();
  }

  #say(text) {
    if (this.notice.textContent !== text) {
      this.notice.textContent = text;
      this.notice.hidden = text === '';
    }
  }

  async #refresh() {
    const { status, body } = await call('/api/pools');
    if (this.#gone) {
      return;
    }
    if (status === 401) {
      this.#leave(() => this.events.expired());
      return;
    }
    if (status === 200 && Array.isArray(body.pools)) {
      this.#draw(body.pools);
    } else {
      this.#say(_('The server does not answer. Trying again…'));
      this.failing = true;
    }
    this.#timer = setTimeout(() => this.#refresh(), this.waited ? REFRESH_MS : SOON_MS);
    this.waited = true;
  }

  #draw(pools) {
    if (this.failing) {
      this.failing = false;
      this.#say('');
    }
    const text = JSON.stringify(pools);
    if (text === this.#shown) {
      return;
    }
    this.#shown = text;
    const focused = document.activeElement?.dataset?.pool;
    const before = this.#screens;
    this.#screens = new Map();
    this.list.replaceChildren(...pools.map((pool, i) => this.#card(pool, i, before)));
    if (pools.length === 0) {
      this.#say(_('There is no desktop for you. Please ask your administrator.'));
    }
    const again = [...this.list.querySelectorAll('button')].find((button) => button.dataset.pool === focused);
    if (focused !== undefined) {
      again?.focus({ preventScroll: true });
    }
  }

  // What the desktop showed when its user left it, or a drawing where that is not to be had.
  #screen(pool, title, before) {
    const empty = () => h('div', { class: 'pool-screen empty' }, icon(SCREEN, 34));
    if (typeof pool.session !== 'string' || !Number.isSafeInteger(pool.picture)) {
      return empty();
    }
    const address = `/api/picture/${encodeURIComponent(pool.session)}?${pool.picture}`;
    const screen = before.get(address) ?? h('img', {
      class: 'pool-screen', src: address, alt: _('The last screen of %s', title), decoding: 'async', draggable: 'false',
      onerror: () => screen.replaceWith(empty()), // it went between the list and the question
    });
    this.#screens.set(address, screen);
    return screen;
  }

  #card(pool, i, before) {
    const name = String(pool.name);
    const state = states.includes(pool.state) ? pool.state : 'unavailable';
    const title = String(pool.description || name);
    const button = h('button', {
      class: 'primary wide', type: 'button', 'data-pool': name, 'aria-describedby': `pool-${i}`,
      disabled: state === 'unavailable', onclick: () => this.#leave(() => this.events.connect(name, title)),
    }, state === 'running' ? _('Resume') : _('Connect'));
    return h('li', { class: 'card pool', 'data-state': state },
      this.#screen(pool, title, before),
      h('h2', { class: 'pool-title', id: `pool-${i}` }, title),
      h('p', { class: 'pool-name' }, name),
      h('p', { class: `pool-state ${state}` }, stateText(state)),
      h('p', { class: 'pool-detail' }, String(pool.text ?? '')), button,
      state === 'running' && typeof pool.session === 'string' && this.#logoff(pool.session, i));
  }

  // Closes a desktop without opening it first: one that hangs, or that another device shows.
  #logoff(session, i) {
    let sure = 0;
    const button = h('button', {
      class: 'flat wide logoff', type: 'button', 'aria-describedby': `pool-${i}`, onclick: async () => {
        if (sure === 0) {
          button.textContent = _('Close it with everything in it?');
          sure = setTimeout(() => {
            sure = 0;
            button.textContent = _('Log off');
          }, SURE_MS);
          return;
        }
        clearTimeout(sure);
        button.disabled = true;
        const { status } = await call('/api/logoff', { session });
        if (status !== 200 && status !== 404) {
          this.#say(_('The server could not be asked to log off. Please try again.'));
        }
        this.#shown = ''; // whatever it is now is drawn
        clearTimeout(this.#timer);
        await this.#refresh();
      },
    }, _('Log off'));
    return button;
  }
}
