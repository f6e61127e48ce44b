#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every daemon in turn while a session is open: the desktop lives, the picture comes back by itself."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
POOLS = {'desk': POOL.format(title='Desk', max=3, allow='Allow=alice bob', accel='any', spares=1)}


def picture_follows(system, client, letter):
    """Types a letter and says whether the picture changed; False while the line is away."""
    path = f'{system.folder}/crash.png'
    if client.do('state')['state'] != 'live':
        return False
    client.ask('wait-settled 100 3000')
    client.ask(f'dump {path}')
    before = read_png(path)
    if not client.ask(f'type {letter}').get('ok'):
        return False
    end = time.monotonic() + 2
    while time.monotonic() < end:
        client.ask('wait-settled 60 1000')
        if client.ask(f'dump {path}').get('ok') and read_png(path).difference(before):
            return True
    return False


def kill_in_turn(tap, system, alice):
    machines = system.machines()
    desktop = alice.do('state')['desktop']
    for program in ('vedette-gateway', 'vedette-broker', 'vedette-streamer', 'vedette-hostd'):
        for pid in system.pids(program):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda gone=pid: gone not in system.pids(program), 20, f'{program} {pid} to die')
        wait_for(lambda: system.pids(program), 20, f'{program} to be restarted')
        started = time.monotonic()
        wait_for(lambda: picture_follows(system, alice, 'x'), 30, f'the picture after kill -9 of {program}')
        seconds = time.monotonic() - started
        tap.note(f'{program}: the picture followed the keyboard {seconds:.1f} s after the restart')
        tap.ok(True, f'{program}: the picture came back by itself')
        wait_for(lambda: system.status().get('hosts') and system.pool('desk').get('ready', 0) >= 1, 60, 'calm')
        tap.equal(machines - system.machines(), set(), f'{program}: every QEMU still runs under its pid')
        tap.equal(len(system.machines()), len(machines), f'{program}: no desktop was started twice')
        tap.equal(alice.do('state')['desktop'], desktop, f'{program}: it is the same desktop')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice = system.client('alice', 'desk', 'alice-canary-1', ['--size', '800x600'])
        alice.do('wait-live 60000', 70)
        system.wait_ready('desk')
        kill_in_turn(tap, system, alice)
        bob = system.client('bob', 'desk', 'bob-canary-2')
        bob.do('wait-live 60000', 70)
        tap.ok(True, 'a new login works')
    tap.done()


main()
