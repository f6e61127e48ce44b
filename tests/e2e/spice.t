#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine that is shown over SPICE: the client's picture is QEMU's own, with virtio and with QXL."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, '../bench/lib')]
from machine import Machine
from oursystem import OurSystem
from picture import read_png
from tap import Tap
from vedette import Folder, wait_for
from system import POOL, System


def same_picture(client, machine, path):
    """None when both are equal within a while; the guest may still be drawing."""
    difference = [None]

    def equal():
        client.do('wait-settled 200 20000')
        client.do(f'dump {path}')
        difference[0] = read_png(path).difference(machine.screendump())
        return difference[0] is None

    try:
        wait_for(equal, 20, 'equal pictures')
    except TimeoutError:
        pass
    return difference[0]


def changed(client, before, path):
    client.do('wait-settled 200 20000')
    client.do(f'dump {path}')
    return read_png(path).difference(before)


def work(tap, folder, gpu):
    os.mkdir(folder)
    path = f'{folder}/picture.png'
    machine = Machine(folder, 'spice', gpu)
    try:
        if gpu == 'virtio':
            machine.wait_ready()
        with OurSystem([], machine=machine) as ours:
            client = ours.client()
            client.do('wait-live 60000', 70)
            tap.equal(same_picture(client, machine, path), None, f'{gpu}: the first picture equals the screendump')
            before = read_png(path)
            tap.ok(before.colours() > 1, f'{gpu}: and is no blank screen')
            if gpu == 'virtio':
                client.do('type Hello over SPICE 42!')
                wait_for(lambda: changed(client, before, path), 20, 'typed text on the screen')
                tap.equal(same_picture(client, machine, path), None, f'{gpu}: typed text, equal to the screendump')
                typed = read_png(path)
                client.do('move 123 234')
                client.do('click 1')
                client.do('wheel 0 120')
                wait_for(lambda: changed(client, typed, path), 20, 'the pointer on the screen')
                tap.equal(same_picture(client, machine, path), None, f'{gpu}: pointer, button and wheel, equal to the screendump')
                client.do(f'cursor {folder}/cursor.png')
                tap.ok(read_png(f'{folder}/cursor.png').colours() > 1, f'{gpu}: the cursor shape has come')
            tap.ok(ours.streamer.alive(), f'{gpu}: the jail let all of it pass')
            machine.stop()
            wait_for(lambda: not ours.status['display'], what='the display to be lost')
            tap.ok('SPICE' in ours.status['text'], f'{gpu}: a machine that ends is told: {ours.status["text"]}')
            if tap.failed:
                tap.note(ours.streamer.log()[-3000:])
    finally:
        machine.stop()


def pool_over_spice(tap):
    """The same through broker, hostd and launch, under separate uids."""
    pool = POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=0)
    pool = pool.replace('Accel=any', 'Accel=any\nDisplay=spice')
    with System('user alice password alice-canary-1\n', {'desk': pool}) as system:
        alice = system.client('alice', 'desk', 'alice-canary-1')
        alice.do('wait-live 90000', 100)
        desktop = alice.do('state')['desktop']
        path = f'{system.folder}/alice.png'
        alice.do('type a pool over SPICE')

        def equal():
            alice.do('wait-settled 200 20000')
            alice.do(f'dump {path}')
            return read_png(path).difference(system.screendump(desktop)) is None

        wait_for(equal, 30, 'equal pictures')
        tap.ok(read_png(path).colours() > 16, 'a pool with Display=spice shows the machine as it is')
        shown = read_png(path)
        alice.do('motion 40 30')
        wait_for(lambda: changed(alice, shown, path), 20, 'the mouse on the screen')
        wait_for(equal, 30, 'equal pictures')
        tap.ok(True, 'relative motion arrives')
        shown = read_png(path)
        alice.do('move 300 200')
        wait_for(lambda: changed(alice, shown, path), 20, 'the pointer on the screen')
        tap.ok(True, 'and so do positions')
        with open(f'{system.state}/hostd/desktops/{desktop}/record.json', encoding='utf-8') as record:
            tap.ok('"display": "spice"' in record.read(), 'and its record says how it is shown')


def main():
    tap = Tap()
    with Folder() as folder:
        for gpu in ('virtio', 'qxl'):
            work(tap, f'{folder}/{gpu}', gpu)
    pool_over_spice(tap)
    tap.done()


main()
