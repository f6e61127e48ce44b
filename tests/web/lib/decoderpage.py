# SPDX-License-Identifier: Apache-2.0
"""The page's decoder alone in a real Chromium: a test's page beside it, served from loopback."""

import functools
import http.server
import os
import shutil
import subprocess
import tempfile
import threading

from browser import Browser

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..')
WASM = os.path.join(os.environ['VEDETTE_BUILD'], 'broker', 'gateway', 'web', 'codec.wasm')


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def fill(folder, name, files):
    for path in ('client/web/page/decoder.js', 'client/web/page/film.js', 'client/web/page/wall.js', f'tests/web/{name}'):
        shutil.copy(os.path.join(SOURCE, path), folder)
    shutil.copy(WASM, folder)
    for path, data in files.items():
        with open(os.path.join(folder, path), 'wb') as out:
            out.write(data)
    with open(os.path.join(folder, 'constants.js'), 'w', encoding='utf-8') as out:
        subprocess.run([os.path.join(SOURCE, 'client/web/make-constants.sh')], stdout=out, check=True)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=x', '-keyout', f'{folder}/key.pem', '-out', f'{folder}/cert.pem'],
                   check=True, capture_output=True)


def run_page(name, files=None):
    """Opens tests/web/NAME beside the decoder and files (bytes by name); what it leaves in window.result."""
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, name, files or {})
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with Browser(f'{folder}/cert.pem') as browser:
                page = browser.page()
                page.open(f'http://127.0.0.1:{server.server_port}/{name}')
                page.wait('!!window.result')
                return page.value('window.result')
        finally:
            server.shutdown()
