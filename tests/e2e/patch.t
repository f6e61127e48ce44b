#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A new revision by a script that runs in the booted one; what fails leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import IMAGE, process_children, tiny_image, wait_for
from tap import Tap


class Shop:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='vedette-e2e-patch.')
        self.images = f'{self.folder}/images'
        shutil.copytree(tiny_image('tiny-disk'), self.images)
        shutil.copytree(f'{tiny_image()}/tiny', f'{self.images}/tiny')

    def command(self, script, image, *more):
        with open(f'{self.folder}/script', 'w', encoding='utf-8') as file:
            file.write(script)
        return [IMAGE, 'patch', image, '--script', f'{self.folder}/script', '--images', self.images,
                '--cache', f'{self.folder}/cache', '--json', *more]

    def patch(self, script, image='tiny-disk', *more):
        done = subprocess.run(self.command(script, image, *more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)
        return done.returncode, json.loads(done.stdout), done.stderr

    def entries(self):
        return sorted(os.listdir(f'{self.images}/tiny-disk'))

    def holds(self, revision, text):
        """Whether the disk of a revision has the text on it."""
        raw = f'{self.folder}/raw'
        subprocess.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', f'{self.images}/tiny-disk/{revision}/disk.qcow2',
                        raw], check=True)
        with open(raw, 'rb') as file:
            return text.encode() in file.read()


def refused(tap, shop, script, wanted, name, image='tiny-disk', *more):
    before = shop.entries()
    code, _said, errors = shop.patch(script, image, *more)
    if code != 1 or wanted not in errors:
        tap.note(f'{code} {errors[-1500:]}')
    tap.ok(code == 1 and wanted in errors and shop.entries() == before, name)


def main():
    tap = Tap()
    shop = Shop()
    try:
        code, said, errors = shop.patch('note patched at noon', 'tiny-disk', '--note', '6월 보안 갱신')
        if code != 0:
            tap.note(errors[-2000:])
        tap.ok(code == 0 and said['revision'] == 2, 'a script makes the next revision')
        tap.ok('Running the script' in errors and 'Trying the new revision' in errors, 'its steps are shown')
        tap.ok(shop.holds(2, 'patched at noon') and not shop.holds(1, 'patched at noon'),
               'the new one has what the script did, the old one is as it was')
        done = subprocess.run([IMAGE, 'list', '--verify', '--images', shop.images, '--json'], capture_output=True, text=True,
                              check=True)
        found = [i['patched'] for i in json.loads(done.stdout)['images'] if i['name'] == 'tiny-disk' and i['revision'] == 2]
        tap.ok([(f['revision'], f['note']) for f in found] == [(1, '6월 보안 갱신')], f'the list says where it is from: {found}')
        code, said, errors = shop.patch('note and once more')
        tap.ok(code == 0 and said['revision'] == 3 and shop.holds(3, 'patched at noon'), 'the newest one is patched next')

        refused(tap, shop, 'fail', 'there is no package of that name', 'what a failing script says is printed, no revision is made')
        refused(tap, shop, 'fail', 'status 3', 'and so is its status')
        refused(tap, shop, 'hang', 'took too long', 'one that hangs is ended', 'tiny-disk', '--seconds', '2')
        refused(tap, shop, 'flood', 'says more than', 'as is one that floods')
        refused(tap, shop, 'note x', 'there is no such image', 'an image that is not there is said to be none', 'nothing')
        refused(tap, shop, 'note x', 'tiny-disk/9', 'as is a revision', 'tiny-disk:9')
        refused(tap, shop, 'note x', 'only an image with a disk', 'one without a disk has nothing to patch', 'tiny')
        refused(tap, shop, 'x' * (300 << 10), 'the script cannot be read', 'a script has a largest size')

        process = subprocess.Popen(shop.command('hang', 'tiny-disk'), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        machines = wait_for(lambda: [pid for pid, name in process_children(process.pid) if name.startswith('qemu-system')],
                            60, 'the machine')
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        wait_for(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in machines), 30, 'the machine to end')
        tap.ok(True, 'a patch that is killed takes its machine along')
        code, said, _errors = shop.patch('note at last')
        tap.ok(code == 0 and shop.entries() == ['.revision', '1', '2', '3', str(said['revision'])],
               'and the next one removes what it left')
    finally:
        shutil.rmtree(shop.folder, ignore_errors=True)
    tap.done()


main()
