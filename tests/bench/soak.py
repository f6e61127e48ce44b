#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A desktop in use over a line that changes its rate, stalls and drops connections: the picture stays right, memory flat.

VEDETTE_BUILD=... tests/bench/soak.py [--seconds N] [--seed N]. Prints a line of JSON a minute and one at the end; fails
when a settled picture differs from the machine's own, when the streamer counts a digest that differs, or when memory
grows. Not part of make check: ten minutes are the default.
"""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../e2e/lib'))
from line import Line
from picture import read_png
from system import POOL, System, wait_for

USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=1)}
MEGABYTE = 1024 * 1024
# From the end of the first fifth to the last. The client's cache of tiles fills up to 64 MiB, the rest is to be flat.
GROWTH = {'streamer': 16 * MEGABYTE, 'gateway': 2 * MEGABYTE, 'client': 96 * MEGABYTE}
CHECK_SECONDS = 10
LINE_COMMANDS = ['rate down 20M', 'rate down 4M', 'rate down 1M', 'rate down 50M', 'rate down 0', 'delay both 1', 'delay both 20',
                 'delay both 60', 'queue both 1M', 'queue both 64k', 'loss both 1', 'loss both 0', 'stall both 1',
                 'stall down 3', 'stall both 9', 'drop']


def resident(pid):
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith('VmRSS'))
    except (OSError, StopIteration):
        return 0


class Soak:
    def __init__(self, system, line, seed, resize):
        self.system, self.line, self.resize = system, line, resize
        self.random = random.Random(seed)
        self.client = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'], port=line.port)
        self.client.do('wait-live 60000', 70)
        self.desktop = self.client.do('state')['desktop']
        self.counts = {'acts': 0, 'refused': 0, 'line_changes': 0, 'drops': 0, 'checks': 0, 'mismatches': 0}
        self.memory = []
        self.deck = []  # every command comes before one comes again

    def act(self):
        """One thing that a person does. Between two connections the client refuses; that is counted."""
        kind = self.random.randrange(10 if self.resize else 9)
        if kind < 5:
            command = 'type ' + ''.join(self.random.choice('abcdefgh XYZ 0123') for _ in range(8)).strip() + 'q'
        elif kind < 7:
            command = f'move {self.random.randrange(800)} {self.random.randrange(600)}'
        elif kind < 8:
            command = f'wheel 0 {self.random.choice([-120, 120])}'
        elif kind < 9:
            command = 'tap enter 30000'
        else:
            command = f'size {self.random.choice([800, 1024, 1280])} {self.random.choice([600, 768])}'
        answer = self.client.ask(command)
        self.counts['acts' if answer.get('ok') else 'refused'] += 1

    def change_line(self):
        if not self.deck:
            self.deck = self.random.sample(LINE_COMMANDS, len(LINE_COMMANDS))
        command = self.deck.pop()
        self.line.do(command)
        self.counts['line_changes'] += 1
        self.counts['drops'] += command == 'drop'

    def check(self):
        """Waits for a quiet picture and holds it against the machine's own."""
        path = f'{self.system.folder}/soak.png'
        difference = [None]

        def equal():
            self.client.ask('wait-live 30000')
            if not self.client.ask('wait-settled 200 30000').get('ok') or not self.client.ask(f'dump {path}').get('ok'):
                return False
            difference[0] = read_png(path).difference(self.system.screendump(self.desktop))
            return difference[0] is None

        self.counts['checks'] += 1
        try:
            wait_for(equal, 60, 'equal pictures')
        except AssertionError:
            self.counts['mismatches'] += 1
            print(f'# differs: {difference[0]}', flush=True)

    def processes(self):
        found = {name: self.system.pids(f'vedette-{name}')[0] for name in ('streamer', 'gateway')}
        return {**found, 'client': self.client.process.pid}

    def remember(self):
        self.memory.append({name: resident(pid) for name, pid in self.processes().items()})

    def report(self, seconds):
        stats = self.client.ask('stats')
        reconnects = sum(1 for event in self.client.events if event.get('state') == 'reconnecting')
        return {'seconds': round(seconds), **self.counts, 'reconnects': reconnects,
                'digest_mismatches': stats.get('mismatches'),
                'memory_kib': {name: value // 1024 for name, value in self.memory[-1].items()}}

    def run(self, seconds):
        start = time.monotonic()
        checked = changed = minute = start
        self.remember()
        while time.monotonic() - start < seconds:
            self.act()
            now = time.monotonic()
            if now - changed > 2:
                self.change_line()
                changed = now
            if now - checked > CHECK_SECONDS:
                self.check()
                checked = time.monotonic()
                self.remember()
            if now - minute > 60:
                print(json.dumps(self.report(now - start)), flush=True)
                minute = now
        self.line.do('rate both 0')
        self.check()
        self.remember()
        return self.report(time.monotonic() - start)


def growth(memory):
    """Of each process from the end of the first fifth, when everything is loaded, to the largest value in the last fifth."""
    fifth = max(1, len(memory) // 5)
    return {name: max(m[name] for m in memory[-fifth:]) - memory[fifth - 1][name] for name in memory[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=int, default=600)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--resize', action='store_true', help='the window changes its size as well')
    options = parser.parse_args()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        with Line(system.port, ['--rate', '20M', '--delay', '20']) as line:
            soak = Soak(system, line, options.seed, options.resize)
            result = soak.run(options.seconds)
            grown = growth(soak.memory)
            print(json.dumps({**result, 'growth_kib': {name: value // 1024 for name, value in grown.items()},
                              'line': line.end()}))
    bad = result['mismatches'] + (result['digest_mismatches'] or 0)
    return 1 if bad or any(grown[name] > GROWTH[name] for name in grown) else 0


sys.exit(main())
