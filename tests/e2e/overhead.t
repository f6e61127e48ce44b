#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What desktops cost their host: a real host measures it and says so, a pool whose OverheadMax= is passed gets no more
desktops and says why, one with a higher line is served, and a changed file ends it."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import CTL, POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'


def pool(title, spares, overhead, most=2):
    return (POOL.format(title=title, max=most, allow='Allow=alice bob', accel='any', spares=spares)
            + f'\n[Placement]\nOverheadMax={overhead}\n')


POOLS = {'desk': pool('Desk', 1, 'none', 1), 'tight': pool('Tight', 0, '0.1%'), 'loose': pool('Loose', 0, '1000%')}
PRESSURE = {'cpu': 'cpu_some10', 'memory': 'memory_full10', 'io': 'io_some60'}


def host(system):
    return (system.ctl('host', 'list')['hosts'] or [{}])[0]


def load(system):
    return host(system).get('load', {})


def words(system, *arguments):
    done = subprocess.run([CTL, '--state', system.state, '--config', system.config, *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.stdout + done.stderr


def work(client):
    """Keys make the guest draw and the streamer encode."""
    for _ in range(5):
        client.do('type what desktops cost their host')
        client.do('key enter')


def refusal(system, name):
    _code, text = system.ctl('why', 'bob', name, check=False)
    return text


def measured(tap, system, alice):
    def figure():
        work(alice)
        return load(system).get('overhead') is not None and system.pool('tight').get('over')
    over = wait_for(figure, 120, 'an overhead')
    found = load(system)
    tap.note(found)
    tap.equal(over, [host(system)['name']], 'the host has passed the line of one pool')
    tap.ok(found['guest_ms'] >= 3000, 'a guest has worked')
    tap.ok(0 < found['other_ms'], 'and others for it')
    tap.ok(found['overhead'] > 0, f'which is an overhead of {found["overhead"] / 10} %')
    tap.ok(found['guest_mb'] >= 192 and found['other_mb'] > 0, 'memory is counted, too')
    tap.ok(found['busy'] is not None and 0 < found['busy'] <= 1000, 'processors are busy')
    for name, key in PRESSURE.items():
        tap.equal(found[key] is not None, os.path.exists(f'/proc/pressure/{name}'), f'pressure of {name} as the kernel has it')
    tap.equal(system.pool('loose').get('over'), [], 'of the other pool it has not')
    text = words(system, 'host', 'list')
    tap.note(text)
    tap.ok('OVERHEAD' in text and 'beside them' in text and 'pressure, 10 and 60 s' in text, 'host list shows it')
    tap.ok('tight: ' in words(system, 'pool', 'list'), 'pool list shows who has passed which line')


def refused(tap, system):
    text = refusal(system, 'tight')
    tap.note(text)
    tap.ok('"rule":"overhead"' in text.replace(' ', ''), 'why names the rule')
    tap.ok('has passed OverheadMax=0.1%' in text, 'and the line')
    bob = system.client('bob', 'tight', 'bob-canary-2')
    state = wait_for(lambda: (s := bob.ask('state')).get('state') not in ('connecting', 'login', 'starting') and s, 30,
                     'bob to be refused')
    tap.note(state)
    tap.ok(state.get('state') != 'live', 'nobody gets a desktop of that pool')
    bob.end()
    tap.equal(system.pool('tight').get('total'), 0, 'and none was started')
    tap.ok('"ok":true' in refusal(system, 'loose').replace(' ', ''), 'the other pool may have one')


def served(system, name):
    bob = system.client('bob', name, 'bob-canary-2', ['--size', '1024x768'])
    bob.do('wait-live 120000', 130)
    bob.end()


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'])
        alice.do('wait-live 60000', 70)
        measured(tap, system, alice)
        refused(tap, system)
        served(system, 'loose')
        tap.ok(True, 'a pool with a higher line is served')
        system.write_pool('tight', POOLS['tight'].replace('0.1%', '1000%'))
        system.ctl('reload')
        served(system, 'tight')
        tap.ok(True, 'with a changed file it gets desktops again')
        said = re.findall(r'gets (no further desktops|desktops again): .*', system.log())
        tap.note(said)
        tap.ok(said[0] == 'no further desktops' and said[-1] == 'desktops again', 'both are in the log')
        tap.ok(all(a != b for a, b in zip(said, said[1:])), 'each of them once')
    tap.done()


main()
