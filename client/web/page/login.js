// SPDX-License-Identifier: Apache-2.0
// login: the user's name, then every prompt that PAM has, several rounds and messages included.
import { call } from './api.js';
import { h, show } from './dom.js';
import { _, choose, language, themed } from './i18n.js';

export function logo(size) {
  return h('img', { class: 'logo', src: '/logo.svg', alt: '', width: size, height: size });
}

function languageSwitch(redraw) {
  const other = language === 'ko' ? ['en', 'English'] : ['ko', '한국어'];
  return h('button', {
    class: 'link', type: 'button', lang: other[0], onclick: async () => {
      await choose(other[0]);
      redraw();
    },
  }, other[1]);
}

function promptText(text) {
  const bare = text.trim().replace(/\s*:$/, '');
  return bare === 'Password' ? _('Password') : bare;
}

class Login {
  constructor(done, message) {
    this.done = done;
    this.message = message;
    this.user = '';
    this.login = null; // {id, prompts} while PAM asks
    this.busy = false;
  }

  draw() {
    const fields = this.login ? this.#promptFields() : this.#userField();
    const submit = h('button', { class: 'primary wide', type: 'submit' },
      this.login ? _('Log in') : _('Continue'));
    this.status = h('p', { class: 'busy-text', role: 'status', 'aria-live': 'polite' });
    this.form = h('form', {
      novalidate: true, autocomplete: 'on', onsubmit: (event) => {
        event.preventDefault();
        this.#submit();
      },
    }, ...fields, h('div', { class: 'buttons' },
      this.login && h('button', { class: 'flat', type: 'button', onclick: () => this.#restart('') }, _('Back')),
      submit), this.status);
    const view = h('div', { class: 'login-view' },
      h('main', { class: 'centre' },
        h('section', { class: 'card login-card', 'aria-labelledby': 'product' },
          h('div', { class: 'brand' }, logo(88), h('h1', { class: 'product', id: 'product' }, themed('Title')),
            h('p', { class: 'greeting' }, themed('Greeting'))),
          this.message && h('p', { class: 'message error', role: 'alert' }, this.message),
          this.form)),
      h('footer', { class: 'login-footer' }, themed('Footer') && h('span', {}, themed('Footer')),
        languageSwitch(() => this.draw())));
    show(view, this.form.querySelector('input') ?? submit);
  }

  #userField() {
    this.inputs = [h('input', {
      id: 'user', name: 'username', type: 'text', autocomplete: 'username', autocapitalize: 'none',
      autocorrect: 'off', spellcheck: 'false', maxlength: 256, required: true, value: this.user,
    })];
    return [h('label', { for: 'user' }, _('User name')), ...this.inputs];
  }

  // Answers are wanted for secret and echo; info and error are only told.
  #promptFields() {
    const elements = [h('p', { class: 'who' }, this.user)];
    this.inputs = [];
    for (const prompt of this.login.prompts) {
      const text = String(prompt.text ?? '');
      if (prompt.style === 'secret' || prompt.style === 'echo') {
        const id = `answer-${this.inputs.length}`;
        const secret = prompt.style === 'secret';
        const input = h('input', {
          id, type: secret ? 'password' : 'text', maxlength: 512, spellcheck: 'false', autocapitalize: 'none',
          autocomplete: secret ? 'current-password' : 'one-time-code',
        });
        this.inputs.push(input);
        elements.push(h('label', { for: id }, promptText(text)), input);
      } else {
        const bad = prompt.style === 'error';
        elements.push(h('p', { class: `message ${bad ? 'error' : 'info'}`, role: bad ? 'alert' : 'status' }, text));
      }
    }
    return elements;
  }

  #restart(message) {
    this.login = null;
    this.message = message;
    this.draw();
  }

  async #submit() {
    const answers = this.inputs.map((input) => input.value);
    if (this.busy || (!this.login && answers[0].trim() === '')) {
      this.inputs[0]?.focus();
      return;
    }
    if (!this.login) {
      this.user = answers[0].trim();
    }
    this.#setBusy(true);
    const { status, body } = this.login
      ? await call('/api/login/answer', { login: this.login.id, answers })
      : await call('/api/login', { user: this.user });
    this.#setBusy(false);
    this.#take(status, body);
  }

  #setBusy(busy) {
    this.busy = busy;
    this.form.setAttribute('aria-busy', String(busy));
    for (const element of this.form.elements) {
      element.disabled = busy;
    }
    this.status.textContent = busy ? _('Logging in…') : '';
  }

  #take(status, body) {
    if (body.state === 'ok') {
      this.done(String(body.user ?? this.user));
    } else if (body.state === 'prompt' && Array.isArray(body.prompts)) {
      this.login = { id: body.login, prompts: body.prompts };
      this.message = '';
      this.draw();
    } else if (status === 0) {
      this.#restart(_('%s cannot be reached.', location.host));
    } else {
      this.#restart(String(body.message || _('The login failed.')));
    }
  }
}

// Shows the login; done(user) when it is through.
export function showLogin(done, message = '') {
  new Login(done, message).draw();
}
