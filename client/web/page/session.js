// SPDX-License-Identifier: Apache-2.0
// session: from connect to live and back again by itself; the same states as the native client's.
import { call } from './api.js';
import { _ } from './i18n.js';
import { after, cancel } from './timers.js';

const GOAWAY = { ENDED: 1, TAKEN_OVER: 2 };
const STEADY_MS = 3000;
const CONNECT_MS = 5000; // an answer that a dead line keeps is asked for again
const ends = { denied: 'denied', full: 'full', unavailable: 'unavailable' };

export function backoffMs(failures) {
  return [0, 250, 500, 1000][failures] ?? (failures < 20 ? 1000 : 2000);
}

export function stateText(state) {
  return {
    connecting: _('Connecting…'), waiting: _('Waiting for a desktop…'), opening: _('Opening the desktop…'),
    live: _('Connected'), reconnecting: _('Connection lost. Reconnecting…'), ended: _('Disconnected'),
  }[state];
}

export function endText(end) {
  return {
    disconnected: _('You disconnected. Your desktop goes on running.'),
    'logged-off': _('You logged off. The desktop was closed.'),
    session: _('The session has ended.'),
    'taken-over': _('This desktop is now shown on another device.'),
    denied: _('You may not use this desktop.'),
    full: _('All desktops are in use at the moment.'),
    unavailable: _('No desktop is available at the moment.'),
  }[end] ?? '';
}

// What the card of a window says: {title, position, text, busy}; without a title there is a picture.
export function cardOf({ state, end, text, position }) {
  if (state === 'live') {
    return {};
  }
  const ended = state === 'ended';
  return {
    title: ended ? endText(end) || stateText(state) : stateText(state), busy: !ended,
    position: state === 'waiting' && position > 0 ? _('You are number %u in line.', position) : '',
    text: end === 'taken-over' ? '' : text,
  };
}

export class Session {
  state = 'connecting';
  end = '';
  text = '';
  position = 0;
  fresh = false;
  #failures = 0;
  #wasLive = false;
  #timer = 0;
  #steady = 0;
  #run = 0;
  #id = '';

  // events: changed(), expired(), dial(url, ticket), hangup()
  constructor(pool, events) {
    this.pool = pool;
    this.events = events;
    this.online = () => this.#hurry();
    addEventListener('online', this.online);
  }

  start() {
    this.#run++;
    this.#failures = 0;
    this.#wasLive = false;
    this.fresh = false;
    this.end = this.text = '';
    this.#become('connecting');
    this.#ask();
  }

  live() {
    this.#wasLive = true;
    this.text = '';
    this.#become('live');
    cancel(this.#steady);
    this.#steady = after(STEADY_MS, () => {
      this.#failures = 0;
    });
  }

  // The stream ended: {cause, reason, retryMs, text} of the worker.
  closed(how) {
    cancel(this.#steady);
    if (this.state === 'ended') {
      return;
    }
    if (how.cause === 'goaway') {
      this.text = how.text;
      if (how.reason === GOAWAY.ENDED || how.reason === GOAWAY.TAKEN_OVER) {
        this.stop(how.reason === GOAWAY.ENDED ? 'session' : 'taken-over');
        return;
      }
    }
    this.#retry(how.retryMs ?? 0);
  }

  stop(end) {
    this.#run++;
    cancel(this.#timer);
    this.#timer = 0;
    cancel(this.#steady);
    this.end = end;
    this.#become('ended');
  }

  async logoff() {
    const { status } = await call('/api/logoff', { session: this.#id });
    if (status === 200) {
      this.events.hangup();
      this.stop('logged-off');
      return true;
    }
    return false;
  }

  free() {
    this.stop('disconnected');
    removeEventListener('online', this.online);
  }

  #become(state) {
    this.state = state;
    this.events.changed();
  }

  #later(ms) {
    cancel(this.#timer);
    this.#timer = after(ms + Math.random() * ms / 4, () => this.#ask());
  }

  // The browser has a network again: no reason to wait for the timer.
  #hurry() {
    if (this.#timer !== 0 && this.state !== 'ended' && this.state !== 'live') {
      this.#later(0);
    }
  }

  #retry(leastMs) {
    const ms = Math.max(backoffMs(this.#failures++), leastMs);
    this.#become(this.#wasLive ? 'reconnecting' : 'connecting');
    this.#later(ms);
  }

  async #ask() {
    const run = this.#run;
    cancel(this.#timer);
    this.#timer = 0;
    const { status, body } = await call('/api/connect', { pool: this.pool }, CONNECT_MS);
    if (run !== this.#run || this.state === 'live') {
      return;
    }
    if (status === 200 && body.state === 'ready' && typeof body.ticket === 'string') {
      this.#dial(body);
    } else if (status === 200 && body.state === 'waiting') {
      this.position = Number(body.position) || 0;
      this.text = String(body.text ?? '');
      this.#failures = 0;
      this.#become(this.#wasLive ? 'reconnecting' : 'waiting');
      this.#later(Math.min(Math.max(Number(body.retry_ms) || 0, 200), 10000));
    } else if (status === 401) {
      this.stop('expired');
      this.events.expired();
    } else {
      this.#refused(status, body);
    }
  }

  #refused(status, body) {
    const end = Object.hasOwn(ends, body.error) ? ends[body.error] : '';
    this.text = String(body.message ?? '');
    // While hosts come back after a restart there may be no room for a moment.
    const passing = this.#wasLive && (end === 'full' || end === 'unavailable');
    if (passing || (end === '' && (status === 0 || status === 429 || status >= 500))) {
      this.#retry(0);
    } else {
      this.stop(end || 'unavailable');
    }
  }

  #dial(body) {
    this.fresh = this.#wasLive && this.#id !== '' && this.#id !== body.session;
    this.#id = String(body.session ?? '');
    if (!this.#wasLive) {
      this.#become('opening');
    }
    // Never another host than the one that the page came from.
    const path = body.stream_path === '/stream' ? body.stream_path : '/stream';
    this.events.dial(`wss://${location.host}${path}`, body.ticket);
  }
}
