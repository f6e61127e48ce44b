#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""D-Bus against SPICE: the same tiny guest, streamer and client, the screen taken from QEMU in either way.

VEDETTE_BUILD=... tests/bench/capture.py [--rounds N] [--seconds N] [--samples N]

Both machines run side by side and are measured in turns, so that whatever else this machine does falls on both. For each
workload: frames a second at the client, processor time of QEMU without its virtual processor (what the display costs
there), of the streamer, and key to presented frame. Medians over the rounds with their range, then ratios spice/dbus.
"idle" types nothing; "typing" taps keys and waits for each; "pointer" moves it as fast as the client takes orders;
"output" holds Enter's line feed going, which scrolls the whole screen.
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from machine import Machine
from oursystem import OurSystem
from vedette import Folder

TICKS = os.sysconf('SC_CLK_TCK')


def thread_seconds(path):
    """(name, processor seconds) of one thread."""
    with open(f'{path}/stat', encoding='utf-8') as file:
        name, fields = file.read().split('(', 1)[1].rsplit(')', 1)
    fields = fields.split()
    return name, (int(fields[11]) + int(fields[12])) / TICKS


def processor_seconds(pid, guest=True):
    """guest=False leaves out the threads that are virtual processors."""
    total = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        try:
            name, seconds = thread_seconds(f'/proc/{pid}/task/{thread}')
        except OSError:
            continue  # it ended meanwhile
        total += seconds if guest or not name.startswith('CPU ') else 0
    return total


class Side:
    """One machine with its streamer and its client."""

    def __init__(self, display, folder):
        os.mkdir(folder)
        self.machine = Machine(folder, display)
        self.machine.wait_ready(180)
        self.ours = OurSystem([], machine=self.machine).__enter__()
        self.client = self.ours.client()
        self.client.do('wait-live 60000', 70)
        self.client.do('wait-settled 500 60000', 70)
        self.client.do('tap a 20000')

    def end(self):
        self.ours.__exit__()
        self.machine.stop()

    def counts(self):
        stats = self.client.do('stats')
        return {'frames': stats['frames'], 'bytes': stats['bytes_in'], 'streamer': processor_seconds(self.ours.streamer.pid),
                'qemu': processor_seconds(self.machine.pid, guest=False), 'time': time.monotonic()}

    def measure(self, work):
        before = self.counts()
        latencies = work(self.client) or []
        after = self.counts()
        seconds = after['time'] - before['time']
        frames = after['frames'] - before['frames']
        result = {'fps': frames / seconds, 'qemu_pct': 100 * (after['qemu'] - before['qemu']) / seconds,
                  'streamer_pct': 100 * (after['streamer'] - before['streamer']) / seconds,
                  'kB_s': (after['bytes'] - before['bytes']) / seconds / 1000}
        if frames > 20:
            result['cpu_ms_frame'] = 1000 * (after['qemu'] - before['qemu'] + after['streamer'] - before['streamer']) / frames
        if latencies:
            latencies.sort()
            result['p50_ms'] = latencies[len(latencies) // 2]
            result['p95_ms'] = latencies[int(len(latencies) * 0.95)]
        return result


def workloads(options):
    def typing(client):
        return [client.do('tap enter 20000' if i % 20 == 19 else 'tap a 20000')['seen_us'] / 1000 for i in range(options.samples)]

    def pointer(client):
        end, i = time.monotonic() + options.seconds, 0
        while time.monotonic() < end:
            i += 1
            client.do(f'move {100 + i * 7 % 900} {100 + i * 3 % 500}')

    def output(client):
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            client.do('key enter')

    return {'idle': lambda client: time.sleep(options.seconds), 'typing': typing, 'pointer': pointer, 'output': output}


def show(results):
    for name, sides in results.items():
        print(f'{name}:')
        for key in sides['dbus'][0]:
            values = {side: [r[key] for r in rounds if key in r] for side, rounds in sides.items()}
            if not all(values.values()):
                continue
            medians = {side: statistics.median(v) for side, v in values.items()}
            text = '  '.join(f'{side} {medians[side]:8.2f} [{min(v):.2f}..{max(v):.2f}]' for side, v in values.items())
            ratio = f'{medians["spice"] / medians["dbus"]:.2f}' if medians['dbus'] else '-'
            print(f'  {key:13} {text}  ratio {ratio}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--samples', type=int, default=200)
    options = parser.parse_args()
    results = {}
    with Folder() as folder:
        sides = {}
        try:
            for display in ('dbus', 'spice'):
                sides[display] = Side(display, f'{folder}/{display}')
            for i in range(options.rounds):
                for name, work in workloads(options).items():
                    for display in ('dbus', 'spice') if i % 2 == 0 else ('spice', 'dbus'):
                        result = sides[display].measure(work)
                        results.setdefault(name, {'dbus': [], 'spice': []})[display].append(result)
                        print(json.dumps({'workload': name, 'display': display, **result}), file=sys.stderr, flush=True)
        finally:
            for side in sides.values():
                side.end()
    show(results)


main()
