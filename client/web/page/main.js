// SPDX-License-Identifier: Apache-2.0
// main: which view is shown. The address of the page is never read for anything: whatever stands
// behind ? or # cannot lead the browser to another server.
import { call } from './api.js';
import { Desktop } from './desktop.js';
import { load, _ } from './i18n.js';
import { Launcher } from './launcher.js';
import { showLogin } from './login.js';

function login(message) {
  showLogin((user) => launcher(user), message);
}

function launcher(user, notice) {
  new Launcher(user, {
    connect: (pool, title) => new Desktop(pool, title, {
      back: (text) => launcher(user, text),
      expired: () => login(_('Your login has expired. Please log in again.')),
    }),
    logout: async () => {
      await call('/api/logout', {});
      login('');
    },
    expired: () => login(_('Your login has expired. Please log in again.')),
  }, notice);
}

await load();
const { status, body } = await call('/api/me');
if (status === 200 && typeof body.user === 'string') {
  launcher(body.user);
} else {
  login('');
}
