#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images: a build is a revision or nothing; the tiny guest boots under real QEMU and shows what its source says."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_ppm
from tap import Tap

SOURCE = os.environ.get('VEDETTE_SOURCE') or os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
BUILD = os.environ['VEDETTE_BUILD']
IMAGE = f'{BUILD}/hostd/image/vedette-image'
GUEST = f'{BUILD}/hostd/guest'

GOOD = """#!/bin/bash
echo '@progress 10 First step'
echo '@progress 60 Second step: detail one'
echo '@progress 70 Second step: detail two'
echo "secret of $VEDETTE_WORK" >"$VEDETTE_WORK/scratch"
echo kernel >"$VEDETTE_OUT/vmlinuz"
echo '{"kind":"kernel","cmdline":"quiet","memory_min_mb":64,"agent":false,"description":"x"}' >"$VEDETTE_OUT/recipe.json"
"""
BAD = GOOD + 'for i in $(seq 30); do echo "line $i" >&2; done; exit 7\n'
# Says where it is and then waits for an end that does not come by itself.
LONG = GOOD + 'echo $$ >"$VEDETTE_CACHE/running"; exec tail -f /dev/null\n'


def judge(tap, condition, name, detail=''):
    if not tap.ok(condition, name) and detail:
        tap.note(detail)


def wait_for(check, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.05)
    raise TimeoutError(what)


class Workshop:
    """A folder with recipes, images and a cache."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='vedette-image.')
        self.images, self.cache = f'{self.folder}/images', f'{self.folder}/cache'
        for name, text in (('good', GOOD), ('bad', BAD), ('long', LONG)):
            self.write(name, text)

    def write(self, name, text):
        with open(f'{self.folder}/{name}.recipe', 'w') as file:
            file.write(text)
        os.chmod(f'{self.folder}/{name}.recipe', 0o755)

    def command(self, recipe, name='thing'):
        return [IMAGE, 'build', name, '--recipe', recipe, '--images', self.images, '--cache', self.cache,
                '--guest', GUEST, '--json']

    def build(self, recipe, name='thing'):
        done = subprocess.run(self.command(f'{self.folder}/{recipe}.recipe', name), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout), done.stderr

    def list(self, *more):
        done = subprocess.run([IMAGE, 'list', '--images', self.images, '--json', *more], capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout)['images']

    def entries(self, name='thing'):
        folder = f'{self.images}/{name}'
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def revisions(tap, shop):
    code, said, errors = shop.build('bad')
    judge(tap, code == 1 and shop.entries() == ['.revision'] and shop.list()[1] == [],
           'a failed build leaves no revision and no draft', f'{code} {shop.entries()}')
    tail = [line for line in errors.splitlines() if line.startswith('line ')]
    judge(tap, tail == [f'line {i}' for i in range(11, 31)] and said['log'] in errors and os.path.exists(said['log']),
           'its last twenty lines and the path of the log are printed', errors)

    code, said, errors = shop.build('good')
    judge(tap, code == 0 and said['revision'] == 1, 'the first good build is revision 1', f'{said} {errors}')
    steps = [line for line in errors.splitlines() if 'step' in line]
    judge(tap, len(steps) == 2, 'off a terminal there is one line a step', errors)
    code, said, _ = shop.build('good')
    judge(tap, code == 0 and said['revision'] == 2, 'the second is revision 2')
    with open(f'{shop.images}/thing/1/manifest.json') as file:
        manifest = json.load(file)
    judge(tap, sorted(os.listdir(f'{shop.images}/thing/1')) == ['manifest.json', 'vmlinuz'] and manifest['kernel'] == 'vmlinuz',
           'a revision holds its files and its manifest, no scratch')


def killed(tap, shop):
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(shop.command(f'{shop.folder}/long.recipe'), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running = f'{shop.cache}/running'
        wait_for(lambda: os.path.exists(running) and os.path.getsize(running) > 0, 60, 'the recipe runs')
        with open(running) as file:
            recipe = int(file.read())
        os.unlink(running)
        process.send_signal(number)
        process.wait(60)
        wait_for(lambda: not os.path.exists(f'/proc/{recipe}'), 60, 'the recipe ends')
        judge(tap, len(shop.list()[1]) == 2, f'a build ended by {number.name} leaves no revision, and its recipe ends with it')
    code, said, _ = shop.build('good')
    judge(tap, code == 0 and said['revision'] == 3 and shop.entries() == ['.revision', '1', '2', '3'],
           'the next build removes what was left', f'{said} {shop.entries()}')


def damaged(tap, shop):
    judge(tap, shop.list('--verify')[0] == 0, 'digests of untouched revisions are right')
    with open(f'{shop.images}/thing/2/vmlinuz', 'a') as file:
        file.write('x')
    code, images = shop.list('--verify')
    judge(tap, code == 1 and [i['revision'] for i in images if 'problem' in i] == [2], 'a changed file is found', f'{images}')
    with open(f'{shop.images}/thing/1/manifest.json') as file:
        text = file.read()
    with open(f'{shop.images}/thing/1/manifest.json', 'w') as file:
        file.write(text.replace('"vmlinuz"', '"../2/vmlinuz"'))
    code, images = shop.list()
    judge(tap, code == 1 and 'problem' in images[0], 'a manifest that points out of its folder is refused', f'{images}')


class Machine:
    """The tiny guest under QEMU, driven over QMP."""

    def __init__(self, folder, revision):
        with open(f'{revision}/manifest.json') as file:
            manifest = json.load(file)
        self.folder = folder
        self.process = subprocess.Popen(
            ['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-accel', 'tcg', '-M', 'q35', '-cpu', 'max',
             '-m', str(max(manifest['memory_min_mb'], 160)), '-display', 'none', '-device', 'virtio-vga',
             '-device', 'virtio-keyboard-pci', '-device', 'virtio-tablet-pci', '-device', 'virtio-serial-pci',
             '-chardev', f'socket,id=agent,path={folder}/agent,server=on,wait=off',
             '-device', 'virtserialport,chardev=agent,name=org.vedette.agent.0',
             '-qmp', f'unix:{folder}/qmp,server=on,wait=off', '-serial', f'file:{folder}/serial',
             '-kernel', f'{revision}/{manifest["kernel"]}', '-initrd', f'{revision}/{manifest["initrd"]}',
             '-append', manifest['cmdline']], stdin=subprocess.DEVNULL)
        self.agent = self.connect('agent')
        self.qmp = self.connect('qmp')
        json.loads(self.qmp.readline())
        self.call('qmp_capabilities')

    def connect(self, name):
        wait_for(lambda: os.path.exists(f'{self.folder}/{name}'), 30, name)
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(180)
        wait_for(lambda: peer.connect_ex(f'{self.folder}/{name}') == 0, 30, name)
        return peer.makefile('rw')

    def call(self, command, **arguments):
        self.qmp.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self.qmp.flush()
        while True:
            answer = json.loads(self.qmp.readline())
            if 'error' in answer:
                raise RuntimeError(answer['error']['desc'])
            if 'return' in answer:
                return answer['return']

    def say(self, kind):
        self.agent.write(json.dumps({'type': kind}) + '\n')
        self.agent.flush()

    def picture(self):
        path = f'{self.folder}/shot.ppm'
        self.call('screendump', filename=path)
        return read_ppm(path)

    def send(self, *events):
        self.call('input-send-event', events=[{'type': kind, 'data': data} for kind, data in events])

    def press(self, *names):
        for down in (True, False):
            for name in names if down else reversed(names):
                self.send(('key', {'key': {'type': 'qcode', 'data': name}, 'down': down}))


def pixel(picture, x, y):
    at = 3 * (y * picture.width + x)
    return tuple(picture.pixels[at:at + 3])


def cells(picture, line, count):
    """One line of echoed text as a string of '#' and ' ' for each cell's dots: enough to compare two lines."""
    top = 32 + 16 + 5 * 18 + 16 + 16 + line * 18
    return [tuple(pixel(picture, 48 + 12 * i + 2 * x, top + 2 * y) for y in range(7) for x in range(5)) for i in range(count)]


def tiny(tap, shop):
    done = subprocess.run(shop.command(f'{SOURCE}/hostd/image/recipes/tiny.recipe', 'tiny'), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    judge(tap, done.returncode == 0, 'the tiny guest builds', done.stderr[-2000:])
    machine = Machine(shop.folder, f'{shop.images}/tiny/1')
    try:
        heard = [json.loads(machine.agent.readline())['type'], json.loads(machine.agent.readline())['type']]
        judge(tap, heard == ['hello', 'ready'], 'it boots and says hello and ready', f'{heard}')
        first = machine.picture()
        w, h = first.width, first.height
        wanted = {(x, y): (x * 255 // (w - 1), y * 255 // (h - 1), 96) for x, y in ((0, 0), (w - 1, 0), (9, h - 1), (w - 1, h - 1))}
        judge(tap, all(pixel(first, *at) == colour for at, colour in wanted.items()), 'the gradient is there to the pixel')
        left = w - 32 - 64
        tiles = [pixel(first, left + 5, 32 + i * 72 + 5) for i in range(3)]
        judge(tap, tiles == [(255, 0, 0), (0, 255, 0), (0, 0, 255)], 'the tiles are there', f'{tiles}')
        typed(tap, machine)
        pointed(tap, machine)
        machine.say('ping')
        answer = json.loads(machine.agent.readline())
        judge(tap, answer == {'type': 'pong', 'ready': True}, 'ping is answered', f'{answer}')
        machine.say('poweroff')
        judge(tap, machine.process.wait(60) == 0, 'poweroff is obeyed')
    finally:
        if machine.process.poll() is None:
            machine.process.kill()
        machine.process.wait()


def typed(tap, machine):
    for name in 'abab':
        machine.press(name)
    machine.press('shift', 'a')
    machine.press('x')
    machine.press('backspace')
    machine.press('ret')
    paper = (0xf8, 0xf8, 0xf4)

    def echoed():
        seen = cells(machine.picture(), 0, 6)
        return seen if set(seen[5]) == {paper} and set(seen[4]) != {paper} else None

    seen = wait_for(echoed, 60, 'typed text shows')
    judge(tap, seen[0] == seen[2] and seen[1] == seen[3] and len({seen[0], seen[1], seen[4]}) == 3,
           'typed keys are echoed, shift and backspace included')


def pointed(tap, machine):
    picture = machine.picture()
    x, y = picture.width * 3 // 4, picture.height * 3 // 4
    machine.send(('abs', {'axis': 'x', 'value': x * 32767 // (picture.width - 1)}),
                 ('abs', {'axis': 'y', 'value': y * 32767 // (picture.height - 1)}))

    def crossed():
        now = machine.picture()
        return [(i, j) for i in range(x - 2, x + 3) for j in range(y - 2, y + 3)
                if all(pixel(now, i + d, j) == (255, 255, 255) and pixel(now, i, j + d) == (255, 255, 255) for d in (-20, 20))]

    at = wait_for(crossed, 60, 'the crosshair follows')
    judge(tap, len(at) == 1, 'the crosshair follows the pointer', f'{at}')


def main():
    tap = Tap()
    shop = Workshop()
    try:
        revisions(tap, shop)
        killed(tap, shop)
        damaged(tap, shop)
        tiny(tap, shop)
    finally:
        shutil.rmtree(shop.folder, ignore_errors=True)
    tap.done()


main()
