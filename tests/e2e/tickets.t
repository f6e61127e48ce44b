#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A ticket opens exactly one stream: not twice, not late, not for another, not in a race of a hundred."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, Refused, open_with_ticket
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
POOLS = {'desk': POOL.format(title='Desk', max=2, allow='Allow=alice bob', accel='any', spares=1)}
RACERS = 100
TICKET_SECONDS = 31


def race(system, ticket):
    results, lock = [], threading.Lock()

    def run():
        try:
            result, stream = open_with_ticket(system, ticket)
        except OSError as error:
            result, stream = f'refused {error}', None
        with lock:
            results.append((result, stream))

    threads = [threading.Thread(target=run) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, stream in results:
        if stream:
            stream.close()
    return [result for result, _ in results]


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice, bob = Api(system), Api(system)
        alice.login('alice', ['alice-canary-1'])
        bob.login('bob', ['bob-canary-2'])

        late = alice.connect('desk')
        issued = time.monotonic()

        first = alice.connect('desk')
        result, stream = open_with_ticket(system, first['ticket'])
        tap.equal(result, 'stream', 'a ticket opens a stream')
        again, other = open_with_ticket(system, first['ticket'])
        tap.ok(again.startswith('goaway 3') or again == 'closed', f'the second time it is refused: {again}')
        other.close()
        stream.close()

        try:
            stolen = bob.call('POST', '/api/logoff', {'session': first['session']})
            tap.ok(stolen[0] >= 400, f'another user cannot end the session: {stolen[0]}')
        except Refused as refusal:
            tap.ok(True, f'another user cannot end the session: {refusal}')
        bobs = bob.connect('desk')
        tap.ok(bobs['desktop'] != first['desktop'], "another user's ticket is for another desktop")
        status, _ = Api(system).call('POST', '/api/connect', {'pool': 'desk'})
        tap.equal(status, 401, 'no ticket without a login')

        forged, other = open_with_ticket(system, 'A' * 43)
        tap.ok(forged.startswith('goaway 3') or forged == 'closed', f'a made-up ticket is refused: {forged}')
        other.close()

        contested = alice.connect('desk')
        results = race(system, contested['ticket'])
        tap.equal(results.count('stream'), 1, f'{RACERS} at once: exactly one stream')

        wait_for(lambda: time.monotonic() - issued > TICKET_SECONDS, 40, 'the ticket to expire')
        result, stream = open_with_ticket(system, late['ticket'])
        tap.ok(result.startswith('goaway 3') or result == 'closed', f'after {TICKET_SECONDS} s it is refused: {result}')
        stream.close()
        rest = alice.connect('desk')
        result, stream = open_with_ticket(system, rest['ticket'])
        tap.equal(result, 'stream', 'and a new one works')
        stream.close()
    tap.done()


main()
