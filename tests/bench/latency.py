#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Key to picture through the whole system: real gateway, QEMU, streamer and headless client over several lines.

VEDETTE_BUILD=... tests/bench/latency.py [--samples N] [--line NAME ...] prints one line of JSON a line and a table.
What is measured: from the key press in the client to the presented frame that the guest drew knowing the key and
that changed the picture. The tiny guest polls nothing slower than its console, but it runs without KVM here: compare
two runs on the same machine, not the milliseconds.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../e2e/lib'))
from line import LINES, Line
from system import POOL, System

USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=1)}


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def measure(system, line, samples):
    client = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'], port=line.port)
    client.do('wait-live 60000', 70)
    client.do('wait-settled 300 30000')
    for _ in range(5):
        client.do('tap a 20000')
    before = client.do('stats')
    seen = []
    for i in range(samples):
        seen.append(client.do('tap enter 20000' if i % 20 == 19 else 'tap a 20000')['seen_us'])
    after = client.do('stats')
    client.end()
    return {'p50_ms': percentile(seen, 0.5) / 1000, 'p95_ms': percentile(seen, 0.95) / 1000, 'samples': samples,
            'bytes': after['bytes_in'] - before['bytes_in'], 'frames': after['frames'] - before['frames'],
            'rtt_ms': after['rtt_us'] / 1000}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--samples', type=int, default=100)
    parser.add_argument('--line', action='append', choices=sorted(LINES))
    options = parser.parse_args()
    with System(USERS, POOLS) as system:
        for name in options.line or ['lan', 'wan']:
            system.wait_ready('desk')
            with Line(system.port, LINES[name]) as line:
                result = measure(system, line, options.samples)
                print(json.dumps({'line': name, **result}), flush=True)
            system.end_sessions()


main()
