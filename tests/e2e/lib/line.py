# SPDX-License-Identifier: Apache-2.0
"""line: tests/bench/line/line-proxy in front of a gateway, for tests and benches."""

import json
import os
import select
import subprocess

PROXY = f'{os.environ["VEDETTE_BUILD"]}/tests/bench/line/line-proxy'

LINES = {
    'lan': ['--delay', '0.1'],
    'wan': ['--rate', '20M', '--delay', '20', '--queue', '100k'],
    'dsl': ['--rate', '4M', '--delay', '30', '--queue', '60k'],
    'loss': ['--rate', '20M', '--delay', '50', '--loss', '1'],
    'bloat': ['--rate', '10M', '--delay', '10', '--queue', '1250k'],
}


class Line:
    """with Line(port, options) as line: connect to line.port instead of port."""

    def __init__(self, port, options=()):
        self.process = subprocess.Popen([PROXY, '--listen', '127.0.0.1:0', '--connect', f'127.0.0.1:{port}',
                                         '--control', *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = self._answer()['port']
        self.counts = None

    def _answer(self):
        if not select.select([self.process.stdout], [], [], 10)[0]:
            raise AssertionError('the line proxy said nothing')
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def do(self, command):
        """rate, delay, queue, loss, stall, drop: see tests/bench/README.md."""
        self.process.stdin.write(command.encode() + b'\n')
        self.process.stdin.flush()

    def stats(self):
        self.do('stats')
        return self._answer()

    def end(self):
        """The counts of the whole life."""
        if self.counts is None:
            self.process.stdin.close()
            self.counts = self._answer()
            self.process.wait(10)
            self.process.stdout.close()
        return self.counts
