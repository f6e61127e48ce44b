# SPDX-License-Identifier: Apache-2.0
"""tap: prints the Test Anything Protocol; a test that raises is a failure with its traceback."""

import atexit
import os
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = self.failed = 0
        self.finished = False
        sys.stdout.reconfigure(line_buffering=True)
        sys.excepthook = self._crashed
        atexit.register(self._check)

    def ok(self, condition, name):
        self.count += 1
        self.failed += 0 if condition else 1
        print(f'{"ok" if condition else "not ok"} {self.count} - {name}')
        return bool(condition)

    def equal(self, got, wanted, name):
        if not self.ok(got == wanted, name):
            print(f'#   got    {got!r}\n#   wanted {wanted!r}')

    def note(self, text):
        for line in str(text).splitlines():
            print(f'# {line}')

    def _crashed(self, kind, error, trace):
        for line in ''.join(traceback.format_exception(kind, error, trace)).splitlines():
            print(f'# {line}')
        self.failed += 1

    def _check(self):
        if not self.finished:
            print(f'not ok {self.count + 1} - the test came to its end')
            print(f'1..{self.count + 1}')
            sys.stdout.flush()
            os._exit(1)

    def done(self):
        self.finished = True
        print(f'1..{self.count}')
        if self.failed:
            sys.exit(1)
