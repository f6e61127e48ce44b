#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG rectangles in the page's decoder, in a real Chromium."""
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))
from browser import Browser

SOURCE = os.path.join(HERE, '..', '..')
WASM = os.path.join(os.environ['VEDETTE_BUILD'], 'broker', 'gateway', 'web', 'codec.wasm')


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def fill(folder):
    for path in ('client/web/page/decoder.js', 'tests/web/jpeg.html'):
        shutil.copy(os.path.join(SOURCE, path), folder)
    shutil.copy(WASM, folder)
    with open(os.path.join(folder, 'constants.js'), 'w') as out:
        subprocess.run([os.path.join(SOURCE, 'client/web/make-constants.sh')], stdout=out, check=True)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=x', '-keyout', f'{folder}/key.pem', '-out', f'{folder}/cert.pem'],
                   check=True, capture_output=True)


def measure():
    with tempfile.TemporaryDirectory() as folder:
        fill(folder)
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Browser(f'{folder}/cert.pem') as browser:
            page = browser.page()
            page.open(f'http://127.0.0.1:{server.server_port}/jpeg.html')
            page.wait('!!window.result')
            return page.value('window.result')


result = measure()
print('#', result)
checks = [
    (result.get('placed') is True, 'the pixels are those that the browser decodes'),
    (result.get('copied') is True, 'and can be copied by the next frame'),
    (result.get('waits') is False, 'a frame without JPEG is done at once'),
    (bool(result.get('tail')), 'bytes after the end are refused before the browser sees them'),
    (bool(result.get('broken')), 'so is what the browser cannot decode, by an error'),
    (result.get('late') is True, 'what comes late for another surface is dropped'),
]
for number, (passed, text) in enumerate(checks, 1):
    print('ok' if passed else 'not ok', number, '-', text)
print(f'1..{len(checks)}')
sys.exit(0 if all(passed for passed, _ in checks) else 1)
