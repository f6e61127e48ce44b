# SPDX-License-Identifier: Apache-2.0
"""browser: a real Chromium without a window, driven by the DevTools protocol over a pair of pipes.

Standard library only. The server's key is pinned by its digest; no other certificate is accepted.
"""

import base64
import hashlib
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../e2e/lib'))
from picture import Picture
from system import wait_for

PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome']

# The picture as it is presented: the canvas is drawn into another one, whose pixels can be read.
READ_PICTURE = """(() => {
  const from = CANVAS;
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [from.width, from.height];
  const context = copy.getContext('2d', {willReadFrequently: true});
  context.drawImage(from, 0, 0);
  const {data} = context.getImageData(0, 0, copy.width, copy.height);
  let text = '';
  for (let at = 0; at < data.length; at += 32768) {
    text += String.fromCharCode(...data.subarray(at, at + 32768));
  }
  return {width: copy.width, height: copy.height, rgba: btoa(text)};
})()"""

# KeyboardEvent.code of characters on a US keyboard, as far as the tests type them.
CODES = {' ': 'Space', '\n': 'Enter', '.': 'Period', ',': 'Comma', '-': 'Minus', '!': 'Digit1'}


def chromium():
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def key_digest(pem_path):
    """Base64 of SHA-256 of the public key of a certificate, as Chromium pins it."""
    with open(pem_path, encoding='ascii') as file:
        der = ssl.PEM_cert_to_DER_cert(file.read().split('-----END CERTIFICATE-----')[0] + '-----END CERTIFICATE-----\n')
    public = subprocess.run(['openssl', 'x509', '-inform', 'der', '-noout', '-pubkey'], input=der, check=True,
                            capture_output=True).stdout
    body = base64.b64decode(b''.join(public.splitlines()[1:-1]))
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


class Browser:
    """with Browser(certificate) as browser: one Chromium with a profile of its own."""

    def __init__(self, certificate, language='en', options=()):
        self.profile = tempfile.mkdtemp(prefix='vedette-browser.')
        self.errors = tempfile.TemporaryFile()
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        arguments = [chromium(), '--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
                     '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-first-run',
                     f'--user-data-dir={self.profile}', f'--lang={language}', f'--accept-lang={language}',
                     f'--ignore-certificate-errors-spki-list={key_digest(certificate)}',
                     '--remote-debugging-pipe', *options, 'about:blank']

        def pipes():
            os.setsid()
            # Neither end may be overwritten before it was copied.
            keep_in, keep_out = os.dup(to_browser), os.dup(from_browser)
            os.dup2(keep_in, 3)
            os.dup2(keep_out, 4)

        self.process = subprocess.Popen(arguments, preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.errors)
        os.close(to_browser)
        os.close(from_browser)
        self.pending = b''
        self.number = 0
        self.listeners = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)
        self.errors.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _message(self, seconds):
        end = time.monotonic() + seconds
        while b'\0' not in self.pending:
            ready, _, _ = select.select([self.read_end], [], [], max(0, end - time.monotonic()))
            part = os.read(self.read_end, 1 << 20) if ready else b''
            if not part:
                self.errors.seek(0)
                raise AssertionError(f'Chromium {"ended" if ready else "is silent"}: '
                                     f'{self.errors.read().decode(errors="replace")[-2000:]}')
            self.pending += part
        line, self.pending = self.pending.split(b'\0', 1)
        message = json.loads(line)
        for listener in self.listeners:
            listener(message)
        return message

    def call(self, method, session=None, seconds=60, **parameters):
        self.number += 1
        request = {'id': self.number, 'method': method, 'params': parameters}
        if session:
            request['sessionId'] = session
        os.write(self.write_end, json.dumps(request).encode() + b'\0')
        while True:
            message = self._message(seconds)
            if message.get('id') == self.number:
                if 'error' in message:
                    raise AssertionError(f'{method}: {message["error"]}')
                return message['result']

    def page(self, width=1000, height=700, scale=1, dark=False, phone=False):
        return Page(self, width, height, scale, dark, phone)


class Page:
    """One tab."""

    def __init__(self, browser, width, height, scale, dark, phone):
        self.browser = browser
        self.problems = []  # exceptions, and what the policy or the network refused
        self.requests = []
        context = browser.call('Target.createBrowserContext')['browserContextId']
        self._attach(context)
        browser.listeners.append(self._listen)
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        self.resize(width, height, scale, phone)
        self.call('Emulation.setFocusEmulationEnabled', enabled=True)
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def _attach(self, context, target=None):
        self.context = context
        target = target or self.browser.call('Target.createTarget', url='about:blank', browserContextId=context)['targetId']
        self.target = target
        self.session = self.browser.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']

    def second(self, target=None):
        """Another tab with the same cookies, or the one that has been opened as target."""
        other = object.__new__(Page)
        other.browser, other.problems, other.requests = self.browser, [], []
        other._attach(self.context, target)
        self.browser.listeners.append(other._listen)
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            other.call(f'{domain}.enable')
        if target is None:
            other.resize(self.width, self.height)
        return other

    def windows(self):
        """The targets that share this page's cookies."""
        targets = self.browser.call('Target.getTargets')['targetInfos']
        return [one['targetId'] for one in targets if one['type'] == 'page' and one.get('browserContextId') == self.context]

    def opened(self, do):
        """The window that do() opens."""
        before = self.windows()
        do()
        new = wait_for(lambda: [one for one in self.windows() if one not in before], 20, 'a window')
        return self.second(new[0])

    def _listen(self, message):
        if message.get('sessionId') != self.session:
            return
        method, parameters = message.get('method'), message.get('params', {})
        if method == 'Runtime.exceptionThrown':
            self.problems.append(json.dumps(parameters['exceptionDetails'])[:400])
        elif method == 'Log.entryAdded' and parameters['entry']['level'] == 'error':
            entry = parameters['entry']
            self.problems.append(f'{entry["source"]}: {entry["text"]} {entry.get("url", "")}')
        elif method == 'Page.javascriptDialogOpening':
            self.problems.append('a dialog opened')
        elif method == 'Network.requestWillBeSent':
            self.requests.append(parameters['request']['url'])
        elif method == 'Network.webSocketCreated':
            self.requests.append(parameters['url'])

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width, height, scale=1, phone=False):
        self.width, self.height = width, height
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        self.call('Emulation.setTouchEmulationEnabled', enabled=phone)

    def open(self, url):
        self.call('Page.navigate', url=url)

    def value(self, expression):
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in result:
            raise AssertionError(f'{expression[:200]}: {json.dumps(result["exceptionDetails"])[:600]}')
        return result['result'].get('value')

    def wait(self, expression, seconds=30):
        try:
            return wait_for(lambda: self.value(expression), seconds, expression)
        except AssertionError as error:
            raise AssertionError(f'{error}; the page shows: {self.text()!r}; problems: {self.problems}') from None

    def text(self):
        return self.value('document.body ? document.body.innerText : ""')

    def wait_text(self, text, seconds=30):
        return self.wait(f'document.body && document.body.innerText.includes({json.dumps(text)})', seconds)

    def key(self, code, text=None, modifiers=0):
        """One key, pressed and released; text is what it would write into a field of the page."""
        name = text or code
        parameters = {'code': code, 'key': name, 'modifiers': modifiers}
        if code == 'Enter':
            parameters.update(key='Enter', windowsVirtualKeyCode=13)
            text = '\r'
        elif code == 'Tab':
            parameters.update(key='Tab', windowsVirtualKeyCode=9)
        elif text:
            parameters.update(windowsVirtualKeyCode=ord(text.upper()[0]))
        self.call('Input.dispatchKeyEvent', type='keyDown' if text else 'rawKeyDown', **parameters,
                  **({'text': text} if text else {}))
        self.call('Input.dispatchKeyEvent', type='keyUp', **parameters)

    def keys(self, text):
        for character in text:
            code = CODES.get(character) or (f'Digit{character}' if character.isdigit() else f'Key{character.upper()}')
            shift = character.isupper() or character == '!'
            if shift:
                self.call('Input.dispatchKeyEvent', type='rawKeyDown', code='ShiftLeft', key='Shift', modifiers=8)
            self.key(code, character if character != '\n' else None, 8 if shift else 0)
            if shift:
                self.call('Input.dispatchKeyEvent', type='keyUp', code='ShiftLeft', key='Shift')

    def fill(self, text):
        self.call('Input.insertText', text=text)

    def mouse(self, kind, x, y, button='none', **more):
        self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, **more)

    def click(self, selector):
        """Clicks an element where it is on the screen."""
        box = self.wait(f"""(() => {{
          const element = document.querySelector({json.dumps(selector)});
          if (!element || element.disabled) return null;
          const box = element.getBoundingClientRect();
          return {{x: box.x + box.width / 2, y: box.y + box.height / 2}};
        }})()""")
        self.mouse('mouseMoved', box['x'], box['y'])
        self.mouse('mousePressed', box['x'], box['y'], 'left', clickCount=1, buttons=1)
        self.mouse('mouseReleased', box['x'], box['y'], 'left', clickCount=1)

    def login(self, url, user, password):
        """From the empty page to the launcher."""
        self.open(url)
        self.wait("document.activeElement && document.activeElement.id === 'user'")
        self.fill(user)
        self.key('Enter')
        self.wait("document.activeElement && document.activeElement.type === 'password'")
        self.fill(password)
        self.key('Enter')

    def state(self):
        return self.value("document.querySelector('.desktop')?.dataset.state ?? ''")

    def wait_live(self, seconds=90):
        self.wait("document.querySelector('.desktop')?.dataset.state === 'live' &&"
                  " document.querySelector('canvas.picture').width > 1 &&"
                  " document.querySelector('canvas.picture').dataset.frame !== undefined", seconds)

    def picture(self, canvas="document.querySelector('canvas.picture')"):
        got = self.value(READ_PICTURE.replace('CANVAS', canvas))
        rgba = base64.b64decode(got['rgba'])
        pixels = bytearray(got['width'] * got['height'] * 3)
        for i in range(3):
            pixels[i::3] = rgba[i::4]
        return Picture(got['width'], got['height'], bytes(pixels))

    def screenshot(self, path):
        data = base64.b64decode(self.call('Page.captureScreenshot', format='png')['data'])
        with open(path, 'wb') as file:
            file.write(data)


def same_picture(page, system, desktop, seconds=30, head=None):
    """None when the page's picture is QEMU's screendump; the guest may still be drawing, so look again."""
    difference = [None]

    def equal():
        difference[0] = page.picture().difference(system.screendump(desktop, head))
        return difference[0] is None

    try:
        wait_for(equal, seconds, 'equal pictures')
    except AssertionError:
        return difference[0]
    return None
