#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A line that breaks: the client comes back by itself and gets what changed, not the picture that it still shows."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from line import Line
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=0)}
NOTHING = 6000  # bytes: two TLS handshakes, the ticket, HELLO, the cursor, a key frame without tiles


def settle(client, path):
    client.do('wait-settled 300 20000')
    client.do(f'dump {path}')
    return read_png(path)


def come_back(client, line, how):
    """Breaks the line and returns the bytes that came down until the picture was whole again."""
    client.events.clear()
    before = line.stats()['down']['bytes']
    how()
    wait_for(lambda: client.do('state')['state'] != 'live' or client.events, 20, 'the client to notice')
    client.do('wait-live 30000', 40)
    client.do('wait-settled 100 20000')
    return line.stats()['down']['bytes'] - before


def main():
    tap = Tap()
    with System(USERS, POOLS) as system, Line(system.port) as line:
        client = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'], port=line.port)
        client.do('wait-live 60000', 70)
        shown = settle(client, f'{system.folder}/first.png')
        first = line.stats()['down']['bytes']
        tap.note(f'the first picture took {first} bytes, login and all')

        again = come_back(client, line, lambda: line.do('drop'))
        tap.ok(again < NOTHING, f'a dropped line, nothing changed: {again} bytes')
        tap.ok(not settle(client, f'{system.folder}/second.png').difference(shown), 'the picture is the same')

        def restart_streamer():
            for pid in system.pids('vedette-streamer'):
                os.kill(pid, signal.SIGKILL)
        again = come_back(client, line, restart_streamer)
        tap.ok(again < NOTHING, f'a new streamer, which knows nothing of the client: {again} bytes')

        client.do('type changed')
        shown = settle(client, f'{system.folder}/third.png')
        again = come_back(client, line, lambda: (line.do('drop'), client.ask('type while-away')))
        tap.ok(again < first / 2, f'typed around the break: {again} bytes')
        tap.equal(client.do('stats')['mismatches'], 0, 'client and streamer agree on every picture')

        def figures():
            client.ask('tap a 5000')
            return system.ctl('session', 'show', system.status()['sessions'][0]['id'])['session']['figures']
        # The first ones may be from before anything was shown.
        shown = wait_for(lambda: (now := figures()) and now['exact'] > 50 and now, 30, 'the figures of the stream')
        def notice():
            client.ask('state')
            return next((event for event in client.events if event.get('event') == 'notice'), None)
        system.ctl('session', 'tell', system.status()['sessions'][0]['id'], 'Please save your work. 저장하세요.')
        told = wait_for(notice, 20, 'the message')
        tap.equal((told['kind'], told['text']), (1, 'Please save your work. 저장하세요.'), 'and can say something to the user')
        client.events.clear()
        come_back(client, line, lambda: line.do('drop'))
        told = wait_for(notice, 20, 'the message once more')
        tap.equal(told['kind'], 1, 'who reads it also when she comes back')
        tap.equal((shown['width'], shown['height']), (1024, 768), f'an administrator sees how the stream does: {shown}')
    tap.done()


main()
