# SPDX-License-Identifier: Apache-2.0
"""place: a store of images of its own, where what vedette-image runs is watched."""

import json
import os
import shutil
import subprocess
import tempfile

from system import IMAGE

# Stands before qemu-img in PATH and notes who ran it with what. It may be run by a user that can do little else.
SPY = """#!/bin/sh
echo "$(id -u) $$ $*" >>"$SPY_LOG"
[ ! -e "$SPY_HOLD" ] || exec tail -f /dev/null
exec "$REAL_QEMU_IMG" "$@"
"""


class Place:
    """A store of images, and programs that are watched."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='vedette-export.')
        self.images = f'{self.folder}/images'
        self.spied, self.hold = f'{self.folder}/spied', f'{self.folder}/hold'
        os.chmod(self.folder, 0o755)
        os.mkdir(f'{self.folder}/bin')
        with open(f'{self.folder}/bin/qemu-img', 'w', encoding='utf-8') as file:
            file.write(SPY)
        os.chmod(f'{self.folder}/bin/qemu-img', 0o755)
        self.forget()
        self.environment = {**os.environ, 'PATH': f'{self.folder}/bin:{os.environ["PATH"]}', 'SPY_LOG': self.spied, 'SPY_HOLD': self.hold,
                            'REAL_QEMU_IMG': shutil.which('qemu-img')}

    def forget(self):
        """Nothing was run so far."""
        with open(self.spied, 'w', encoding='utf-8'):
            os.chmod(self.spied, 0o666)

    def runs(self):
        """Each run of qemu-img: its user, process and arguments."""
        with open(self.spied, encoding='utf-8') as file:
            return [line.split() for line in file]

    def command(self, *words, images=None):
        return [IMAGE, *words, '--images', images or self.images, '--json']

    def run(self, *words, images=None):
        done = subprocess.run(self.command(*words, images=images), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=self.environment, check=False)
        return done.returncode, json.loads(done.stdout), done.stderr

    def file(self, name, data):
        with open(f'{self.folder}/{name}', 'wb') as file:
            file.write(data)
        return f'{self.folder}/{name}'

    def disk(self, name, *options, size='1M'):
        path = f'{self.folder}/{name}'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', *options, path, size], check=True, cwd=self.folder)
        with open(path, 'rb') as file:
            return file.read()

    def entries(self, name):
        folder = f'{self.images}/{name}'
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else None


def judge(tap, condition, name, detail=''):
    if not tap.ok(condition, name) and detail:
        tap.note(detail)


def identical(first, second):
    return subprocess.run(['qemu-img', 'compare', '-f', 'qcow2', '-F', 'qcow2', first, second],
                          stdout=subprocess.DEVNULL, check=False).returncode == 0


def refuse(tap, place, data, says, name, file='bad.vdx'):
    """Whatever is refused (bytes, or a path) leaves neither a revision nor a draft that stays, and never ran a tool."""
    place.forget()
    path = data if isinstance(data, str) else place.file(file, data)
    code, said, _ = place.run('import', path, '--name', 'bad')
    left = place.entries('bad')
    judge(tap, code == 1 and says in said.get('message', '') and left in (None, ['.revision']) and not place.runs(),
           name, f'{code} {said} {left}')
