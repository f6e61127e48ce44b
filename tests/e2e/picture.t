#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person logs in and works: what she types and points at appears in her picture, equal to QEMU's own."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\nuser carol password carol-canary-3\n'
POOLS = {'desk': POOL.format(title='Desk', max=2, allow='Allow=alice bob carol', accel='any', spares=1)}


def same_picture(system, client, desktop, name):
    """None when the client's settled picture is QEMU's screendump; the guest may still be drawing, so look again."""
    path = f'{system.folder}/{name}.png'
    difference = [None]

    def equal():
        client.do('wait-settled 200 20000')
        client.do(f'dump {path}')
        difference[0] = read_png(path).difference(system.screendump(desktop))
        return difference[0] is None

    try:
        wait_for(equal, 20, 'equal pictures')
    except AssertionError:
        return difference[0]
    return None


def mouse(tap, system, alice):
    """Relative motion ends where absolute positions do, however many there are at once."""
    def look(name):
        alice.do('wait-settled 200 20000')
        alice.do(f'dump {system.folder}/{name}.png')
        return read_png(f'{system.folder}/{name}.png')

    def arrives(name, commands, wanted, what):
        for command in commands:
            alice.do(command)
        try:
            wait_for(lambda: look(name).difference(wanted) is None, 20, what)
        except AssertionError:
            return look(name).difference(wanted)
        return None

    places = {}  # small enough that scaling them to the tablet's range and back does not miss a pixel
    for name, x, y in (('top', 140, 0), ('far', 340, 300), ('near', 140, 300), ('start', 100, 300)):
        before = look('before')
        alice.do(f'move {x} {y}')
        wait_for(lambda seen=before, at=name: look(at).difference(seen), 20, f'the pointer at {x}, {y}')
        places[name] = look(name)
    tap.equal(arrives('went', ['motion 40 0'], places['near'], 'the mouse'), None, 'the mouse goes as far as it is told')
    tap.equal(arrives('went', ['motion 1 0'] * 200, places['far'], 'many motions'), None, 'many motions at once are one long one')
    tap.equal(arrives('went', ['motion -240 0'], places['start'], 'the way back'), None, 'and it comes back')
    tap.equal(arrives('went', ['move 140 300'], places['near'], 'a position'), None, 'positions go on to count')
    tap.equal(arrives('went', ['motion 0 -4000'], places['top'], 'the way up'), None, 'up to the edge of the screen')


def work(tap, system):
    alice = system.client('alice', 'desk', 'alice-canary-1', ['--size', '800x600'])
    alice.do('wait-live 60000', 70)
    state = alice.do('state')
    desktop = state['desktop']
    tap.equal(same_picture(system, alice, desktop, 'first'), None, 'the first picture equals the screendump')
    before = read_png(f'{system.folder}/first.png')
    tap.ok(before.colours() > 16, 'and is a picture, not a blank screen')
    tap.equal((before.width, before.height), (800, 600), 'the guest has taken the size of the window')

    alice.do('type Hello, Vedette 42!')
    wait_for(lambda: changed(system, alice, before), 20, 'typed text on the screen')
    tap.equal(same_picture(system, alice, desktop, 'typed'), None, 'typed text: equal to the screendump')
    typed = read_png(f'{system.folder}/typed.png')
    tap.ok(typed.difference(before), 'typed text changed the picture')

    alice.do('move 123 234')
    alice.do('click 1')
    alice.do('wheel 0 120')
    wait_for(lambda: changed(system, alice, typed), 20, 'the pointer on the screen')
    tap.equal(same_picture(system, alice, desktop, 'moved'), None, 'pointer, button and wheel: equal to the screendump')

    mouse(tap, system, alice)

    alice.do('size 1024 768')

    def resized():
        alice.do('wait-settled 200 20000')
        alice.do(f'dump {system.folder}/size.png')
        return read_png(f'{system.folder}/size.png').width == 1024

    wait_for(resized, 30, 'the new size')
    tap.equal(same_picture(system, alice, desktop, 'size'), None, 'after a resize: equal to the screendump')
    alice.do(f'cursor {system.folder}/cursor.png')
    tap.ok(read_png(f'{system.folder}/cursor.png').colours() > 1, 'the cursor shape has come')
    return alice, desktop


def changed(system, client, before):
    client.do('wait-settled 200 20000')
    client.do(f'dump {system.folder}/now.png')
    return read_png(f'{system.folder}/now.png').difference(before)


def others(tap, system, alice, desktop):
    bob = system.client('bob', 'desk', 'bob-canary-2')
    bob.do('wait-live 120000', 130)
    bobs = bob.do('state')['desktop']
    tap.ok(bobs != desktop, 'a second user gets a desktop of his own')
    tap.equal(len(system.machines()), 2, 'two machines run')
    carol = system.client('carol', 'desk', 'carol-canary-3')

    state = wait_for(lambda: (s := carol.do('state'))['state'] == 'ended' and s, 30, 'carol to be refused')
    tap.equal((state['end'], state['desktop']), ('full', ''), 'the third gets none')
    tap.ok('2 desktops' in state['text'], f'and is told why: {state["text"]}')
    alice.do('logoff')
    wait_for(lambda: system.pool('desk').get('ready', 0) >= 1, 120, 'the desktop to be replaced')
    carol.do('connect desk')
    carol.do('wait-live 60000', 70)
    carols = carol.do('state')['desktop']
    tap.ok(carols not in (desktop, bobs), 'after a logoff the place is free for a fresh desktop')
    carol.do('wait-settled 300 20000')
    carol.do(f'dump {system.folder}/fresh.png')
    wait_for(lambda: not os.path.exists(f'{system.state}/hostd/desktops/{desktop}'), 60, 'the old desktop to go')
    tap.ok(True, 'nothing of the old desktop is left on the disk')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice, desktop = work(tap, system)
        others(tap, system, alice, desktop)
    tap.done()


main()
