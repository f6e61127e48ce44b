#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that read nothing for a while: nobody's memory grows, the desktop goes on, and what they see then is the newest.

VEDETTE_SLOW_SECONDS (10) says for how long; the bench runs it with 60.
"""

import os
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, open_with_ticket, record
from line import Line
from picture import read_png
from system import POOL, System
from tap import Tap

SECONDS = float(os.environ.get('VEDETTE_SLOW_SECONDS', '10'))
USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=1)}
PING, PONG, KEY, SET_SIZE, FRAME, ACK = 20, 21, 32, 37, 65, 66
KEY_A, KEY_ENTER = 30, 28
MIB = 1024 * 1024


def resident(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith('VmRSS'))


class Sluggard:
    """A client that talks, and reads only when it is told to."""

    def __init__(self, system, ticket):
        result, self.stream = open_with_ticket(system, ticket)
        if result != 'stream':
            raise AssertionError(result)
        self.serial, self.frames, self.newest = 0, 0, 0
        self.stream.send(record(SET_SIZE, struct.pack('<HHH', 1024, 768, 120), 1))

    def press(self, code):
        for down in (1, 0):
            self.serial += 1
            self.stream.send(record(KEY, struct.pack('<IIHB', self.serial, 0, code, down), 1))

    def ping(self):
        self.stream.send(record(PING, struct.pack('<Q', 4711)))

    def read(self, seconds):
        """Reads one record and answers it as a client has to; False when there was none."""
        got = self.stream.next(seconds)
        if got is None:
            return False
        if got[0] == FRAME:
            number, self.newest = struct.unpack('<II', got[1][:8])
            self.frames += 1
            self.stream.send(record(ACK, struct.pack('<IHHB', number, 8, 8, 0), 4))
        elif got[0] == PING:
            self.stream.send(record(PONG, got[1]))
        return True

    def read_until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.read(max(0.0, end - time.monotonic()))
        return condition()


def deaf_client(tap, system):
    """The streamer has to hold the newest picture only, however much the desktop draws."""
    api = Api(system)
    api.login('alice', ['alice-canary-1'])
    client = Sluggard(system, api.connect('desk')['ticket'])
    client.press(KEY_A)
    tap.ok(client.read_until(lambda: client.newest == client.serial, 20), 'a client that reads sees its key')
    while client.read(0.5):
        pass
    pids = {name: system.pids(name)[0] for name in ('vedette-streamer', 'vedette-gateway')}
    before = {name: resident(pid) for name, pid in pids.items()}
    peak = dict(before)
    presses, end, pinged, client.frames = 0, time.monotonic() + SECONDS, 0.0, 0
    while time.monotonic() < end:
        client.press(KEY_ENTER if presses % 30 == 29 else KEY_A)
        presses += 1
        if time.monotonic() - pinged > 1:
            pinged = time.monotonic()
            client.ping()
        peak = {name: max(peak[name], resident(pid)) for name, pid in pids.items()}
        time.sleep(0.05)
    resumed = time.monotonic()
    newest = client.read_until(lambda: client.newest == client.serial, 20)
    took = time.monotonic() - resumed
    print(f'# {presses} presses in {SECONDS} s, {client.frames} frames after it, newest after {took * 1000:.0f} ms')
    if not newest:
        print(f'# closed: {client.stream.closed}, newest {client.newest} of {client.serial}\n# ' +
              '\n# '.join(system.log().splitlines()[-15:]))
    print('# growth: ' + ', '.join(f'{name} {(peak[name] - before[name]) // 1024} KiB' for name in pids))
    tap.ok(newest and took <= 1, 'the newest picture is there within 1 s')
    tap.ok(client.frames <= 8, f'and no history is played back: {client.frames} frames for {presses} changes')
    tap.ok(peak['vedette-streamer'] - before['vedette-streamer'] <= 32 * MIB, 'the streamer grew by at most 32 MiB')
    tap.ok(peak['vedette-gateway'] - before['vedette-gateway'] <= 2 * MIB,
           'the gateway grew by at most 1 MiB a direction')
    client.stream.close()


def type_by_monitor(system, desktop, seconds):
    """Types into the machine from the other side, where no line is in between."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        key = {'type': 'qcode', 'data': 'ret' if count % 30 == 29 else 'b'}
        system.monitor(desktop, {'execute': 'send-key', 'arguments': {'keys': [key], 'hold-time': 10}})
        count += 1
        time.sleep(0.05)
    return count


def equal_within(system, client, desktop, seconds):
    """Seconds until the client's picture was the screendump's. Comparing is slow here, so it comes afterwards."""
    start = time.monotonic()
    taken, paths = [], []
    while not taken or taken[-1] < seconds:
        paths.append(f'{system.folder}/slow{len(paths)}.png')
        client.do(f'dump {paths[-1]}')
        taken.append(time.monotonic() - start)
        time.sleep(0.05 if taken[-1] < 1.5 else 0.5)
    expected = system.screendump(desktop)
    for at, path in zip(taken, paths):
        if read_png(path).difference(expected) is None:
            return at
    raise AssertionError(f'no newest picture in {seconds} s')


def lines_and_stops(tap, system):
    with Line(system.port, ['--rate', '20M', '--delay', '20']) as line:
        client = system.client('alice', 'desk', 'alice-canary-1', ['--size', '800x600'], port=line.port)
        client.do('wait-live 60000', 70)
        client.do('wait-settled 300 20000')
        desktop = client.do('state')['desktop']
        before = client.do('stats')['frames']
        line.do('stall both 3')
        count = type_by_monitor(system, desktop, 3)
        took = equal_within(system, client, desktop, 3)
        frames = client.do('stats')['frames'] - before
        print(f'# line stalled: {count} changes, {frames} frames, equal after {took * 1000:.0f} ms')
        tap.ok(took <= 1, 'after a line that stood still the newest picture comes within 1 s')
        tap.ok(frames <= count / 3, 'and what was missed is not played back')

        os.kill(client.process.pid, signal.SIGSTOP)
        type_by_monitor(system, desktop, 3)
        os.kill(client.process.pid, signal.SIGCONT)
        took = equal_within(system, client, desktop, 3)
        print(f'# client stopped for 3 s: equal after {took * 1000:.0f} ms')
        tap.ok(took <= 1, 'after a stopped client goes on as well')

        os.kill(client.process.pid, signal.SIGSTOP)
        type_by_monitor(system, desktop, SECONDS)
        os.kill(client.process.pid, signal.SIGCONT)
        took = equal_within(system, client, desktop, 6)
        print(f'# client stopped for {SECONDS} s, given up meanwhile: equal after {took * 1000:.0f} ms')
        tap.ok(took <= 5, 'a client that was given up comes back by itself and sees the newest picture')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        deaf_client(tap, system)
        system.end_sessions()
        system.wait_ready('desk')
        lines_and_stops(tap, system)
    tap.done()


main()
