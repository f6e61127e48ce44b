#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A new revision by a script that runs in the booted one; what fails leaves nothing, and a user's machine takes none."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import IMAGE, POOL, System, process_children, tiny_image, wait_for
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

    def list(self):
        """What the list says of the sound revisions, by number."""
        done = subprocess.run([IMAGE, 'list', '--verify', '--images', self.images, '--json'], capture_output=True, text=True,
                              check=True)
        return {i['revision']: i for i in json.loads(done.stdout)['images'] if i['name'] == 'tiny-disk'}

    def entries(self):
        return sorted(os.listdir(f'{self.images}/tiny-disk'))

    def holds(self, revision, text):
        """Whether the disk of a revision has the text on it."""
        raw = f'{self.folder}/raw'
        subprocess.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', f'{self.images}/tiny-disk/{revision}/disk.qcow2',
                        raw], check=True)
        with open(raw, 'rb') as file:
            return text.encode() in file.read()


def ok(tap, condition, name, detail):
    if not condition:
        tap.note(detail)
    tap.ok(condition, name)


def refused(tap, shop, script, wanted, name, image='tiny-disk', *more, before=None):
    before = before or shop.entries()
    code, _said, errors = shop.patch(script, image, *more)
    if code != 1 or wanted not in errors:
        tap.note(f'{code} {errors[-1500:]}')
    tap.ok(code == 1 and wanted in errors and shop.entries() == before, name)


def check_made(tap, shop):
    code, said, errors = shop.patch('note patched at noon', 'tiny-disk', '--note', '6월 보안 갱신')
    ok(tap, code == 0 and said['revision'] == 2, 'a script makes the next revision', errors[-2000:])
    tap.ok('Running the script' in errors and '  noted\n' in errors and 'Trying the new revision' in errors,
           'its steps are shown, and what the script says')
    tap.ok(shop.holds(2, 'patched at noon') and not shop.holds(1, 'patched at noon'),
           'the new one has what the script did, the old one is as it was')
    found = shop.list()
    digest = hashlib.sha256(b'note patched at noon').hexdigest()
    ok(tap, found[2].get('patched') == {'revision': 1, 'digest': found[1]['digest'], 'script': digest, 'note': '6월 보안 갱신'} and
       'patched' not in found[1], 'the list says where it is from', found)
    code, said, errors = shop.patch('note and once more', 'tiny-disk', '--rev', '7')
    ok(tap, code == 0 and said['revision'] == 7 and shop.holds(7, 'patched at noon') and shop.list()[7]['patched']['revision'] == 2,
       'the newest one is patched next, into the number that was asked for', errors[-2000:])


def check_refused(tap, shop):
    before = shop.entries()
    code, _said, errors = shop.patch('fail', 'tiny-disk')
    ok(tap, code == 1 and 'there is no package of that name' in errors and 'ended with status 3' in errors and shop.entries() == before,
       'what a failing script says is printed, and its status, no revision is made', errors[-2000:])
    ok(tap, '?[2J?2J\N{REPLACEMENT CHARACTER} 갱신 two\n  @progress 99 not so\n' in errors and '\x1b' not in errors and ': 99%' not in errors,
       'what a script says moves neither a terminal nor the bar', repr(errors[-2000:]))
    refused(tap, shop, 'hang', 'which may take 2 s (--seconds): the guest took too long', 'one that hangs is ended', 'tiny-disk',
            '--seconds', '2')
    refused(tap, shop, 'flood', 'says more than', 'as is one that floods')
    refused(tap, shop, 'crash', 'the machine ended by itself', 'and one in a guest that ends')
    refused(tap, shop, 'note x', 'there is no such image', 'an image that is not there is said to be none', 'nothing')
    refused(tap, shop, 'note x', 'tiny-disk/9', 'as is a revision', 'tiny-disk:9')
    refused(tap, shop, 'note x', 'tiny-disk:7 cannot be had, 8 and above can', 'a number is not given twice', 'tiny-disk', '--rev', '7')
    refused(tap, shop, 'note x', 'only an image with a disk', 'one without a disk has nothing to patch', 'tiny')
    refused(tap, shop, 'x' * (300 << 10), 'the script cannot be read', 'a script has a largest size')
    refused(tap, shop, '', 'is empty', 'and a smallest')
    done = subprocess.run(shop.command('note x', 'tiny-disk', '--note', 'two\nlines'), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    tap.ok(done.returncode == 2 and '--note' in done.stderr, 'a note is one line')


def check_killed(tap, shop):
    before = shop.entries()
    process = subprocess.Popen(shop.command('hang', 'tiny-disk'), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    machines = wait_for(lambda: [pid for pid, name in process_children(process.pid) if name.startswith('qemu-system')],
                        60, 'the machine')
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    wait_for(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in machines), 30, 'the machine to end')
    tap.ok(shop.entries() != before, 'a patch that is killed takes its machine along')
    refused(tap, shop, 'note x', 'the script cannot be read', 'and the next one removes what it left', 'tiny-disk', '--script', '/dev/null',
            before=before)


def check_user(tap):
    """The host end of the channel is ours once hostd is gone: we stand behind it in the machine's queue."""
    pools = {'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=1)}
    with System('user alice password alice-canary-1\n', pools) as system:
        system.wait_ready('desk')
        desktop = os.listdir(f'{system.state}/hostd/desktops')[0]
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect(f'{system.state}/hostd/desktops/{desktop}/agent.sock')
            for pid in system.pids('vedette-hostd'):
                os.kill(pid, signal.SIGKILL)
            stream = line.makefile('rw', encoding='utf-8')
            text = 'note nobody asked for it'
            stream.write(json.dumps({'type': 'script', 'utf8': text.encode().hex()}) + '\n')
            stream.write(json.dumps({'type': 'run', 'size': str(len(text))}) + '\n')
            stream.flush()
            answer = json.loads(stream.readline())
            while answer['type'] in ('hello', 'ready', 'pong'):
                tap.note(answer)
                answer = json.loads(stream.readline())
        ok(tap, answer == {'type': 'ran', 'status': 'refused'}, "the agent in a user's machine runs nothing, whoever its host is", answer)


def main():
    tap = Tap()
    shop = Shop()
    try:
        check_made(tap, shop)
        check_refused(tap, shop)
        check_killed(tap, shop)
        check_user(tap)
    finally:
        shutil.rmtree(shop.folder, ignore_errors=True)
    tap.done()


main()
