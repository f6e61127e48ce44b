# SPDX-License-Identifier: Apache-2.0
"""firefox: a real Firefox without a window, driven by WebDriver BiDi (W3C) over its WebSocket on loopback.

Standard library only. Its profile accepts the server's certificate; whether that is checked is Chromium's test.
"""

import base64
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../e2e/lib'))
from browser import Page
from system import wait_for
from websocket import take_frames

PROGRAMS = ['firefox-esr', 'firefox']
NAMED_KEYS = {'Enter': '\ue007', 'Tab': '\ue004', 'Escape': '\ue00c'}  # as WebDriver calls them
PREFERENCES = {'browser.shell.checkDefaultBrowser': False, 'datareporting.policy.dataSubmissionEnabled': False,
               'toolkit.telemetry.enabled': False, 'app.update.enabled': False, 'network.captive-portal-service.enabled': False,
               'network.connectivity-service.enabled': False, 'browser.newtabpage.enabled': False,
               'services.settings.server': 'data:,', 'extensions.getAddons.cache.enabled': False}


def firefox():
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def _mask(payload):
    """One text frame of a client. Firefox does not take a mask of zeros."""
    size = len(payload)
    head = bytes([129, 128 | size]) if size < 126 else bytes([129, 254]) + size.to_bytes(2, 'big') if size < 65536 else \
        bytes([129, 255]) + size.to_bytes(8, 'big')
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


class Firefox:
    """with Firefox() as firefox: one browser with a profile of its own."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix='vedette-firefox.')
        self.number, self.listeners, self.bytes, self.text = 0, [], b'', ''
        self.line = None
        with open(f'{self.profile}/user.js', 'w', encoding='utf-8') as file:
            file.writelines(f'user_pref("{key}", {json.dumps(value)});\n' for key, value in PREFERENCES.items())
        self.log_path = f'{self.profile}/log'
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen([firefox(), '--headless', '--no-remote', '--profile', self.profile,
                                             '--remote-debugging-port', '0', 'about:blank'], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            env={**os.environ, 'HOME': self.profile, 'MOZ_DISABLE_CONTENT_SANDBOX': '1'})

    def __enter__(self):
        try:
            self._connect()
            self.call('session.new', capabilities={'alwaysMatch': {'acceptInsecureCerts': True}})
            self.call('session.subscribe', events=['log.entryAdded'])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.line is not None:
            self.line.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _connect(self):
        def address():
            with open(self.log_path, encoding='utf-8', errors='replace') as file:
                text = file.read()
            if self.process.poll() is not None:
                raise AssertionError(f'Firefox ended: {text[-2000:]}')
            return re.search(r'ws://([0-9.]+):(\d+)', text)

        found = wait_for(address, 60, 'Firefox to listen')
        self.line = socket.create_connection((found[1], int(found[2])), 30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.line.sendall(f'GET /session HTTP/1.1\r\nHost: {found[1]}:{found[2]}\r\nUpgrade: websocket\r\n'
                          f'Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
        answer = b''
        while b'\r\n\r\n' not in answer:
            part = self.line.recv(4096)
            if not part:
                raise AssertionError(f'Firefox hung up: {answer!r}')
            answer += part
        if b' 101 ' not in answer:
            raise AssertionError(f'Firefox refuses: {answer!r}')
        self.bytes = answer.split(b'\r\n\r\n', 1)[1]

    def _message(self, end):
        while True:
            try:
                message, at = json.JSONDecoder().raw_decode(self.text)
                self.text = self.text[at:]
                return message
            except json.JSONDecodeError:
                pass
            ready, _, _ = select.select([self.line], [], [], max(0, end - time.monotonic()))
            part = self.line.recv(1 << 20) if ready else b''
            if not part:
                raise AssertionError('Firefox is silent')
            self.bytes, payload, _closed = take_frames(self.bytes + part)
            self.text += payload.decode()

    def call(self, method, seconds=60, **parameters):
        self.number += 1
        self.line.sendall(_mask(json.dumps({'id': self.number, 'method': method, 'params': parameters}).encode()))
        end = time.monotonic() + seconds
        while True:
            message = self._message(end)
            if message.get('id') == self.number:
                if message.get('type') == 'error':
                    raise AssertionError(f'{method}: {message["error"]}: {message.get("message")}')
                return message['result']
            for listener in self.listeners:
                listener(message)

    def page(self, width=1000, height=700):
        return FirefoxPage(self, width, height)


class FirefoxPage(Page):
    """A tab; what it can do is what a test of Chromium's can, as far as it is needed here."""

    def __init__(self, browser, width, height):  # pylint: disable=super-init-not-called
        self.browser, self.problems, self.requests = browser, [], []
        self.context = self.windows()[0]
        browser.listeners.append(self._listen)
        self.resize(width, height)

    def windows(self):
        return [one['context'] for one in self.browser.call('browsingContext.getTree')['contexts']]

    def second(self, target=None):
        other = object.__new__(FirefoxPage)
        other.browser, other.problems, other.requests, other.context = self.browser, self.problems, [], target
        return other

    def _listen(self, message):
        entry = message.get('params', {})
        if message.get('method') == 'log.entryAdded' and entry.get('level') == 'error':
            self.problems.append(str(entry.get('text')))

    def resize(self, width, height, scale=1, phone=False):
        self.width, self.height = width, height
        self.browser.call('browsingContext.setViewport', context=self.context, viewport={'width': width, 'height': height})

    def open(self, url):
        self.browser.call('browsingContext.navigate', context=self.context, url=url, wait='complete')

    def value(self, expression, activation=False):
        """activation: as if the user had just clicked."""
        got = self.browser.call('script.evaluate', target={'context': self.context}, awaitPromise=True, userActivation=activation,
                                expression=f'Promise.resolve({expression}).then((v) => JSON.stringify(v ?? null))')
        if got['type'] != 'success':
            raise AssertionError(f'{expression[:200]}: {json.dumps(got)[:600]}')
        return json.loads(got['result']['value'])

    def _press(self, names):
        actions = [{'type': kind, 'value': name} for name in names for kind in ('keyDown', 'keyUp')]
        self.browser.call('input.performActions', context=self.context,
                          actions=[{'type': 'key', 'id': 'keyboard', 'actions': actions}])

    def key(self, code, text=None, modifiers=0):
        self._press([NAMED_KEYS.get(code, text or code)])

    def keys(self, text):
        self._press(text)

    fill = keys

    def screenshot(self, path):
        data = self.browser.call('browsingContext.captureScreenshot', context=self.context)['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))
