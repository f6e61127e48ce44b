#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pool files: five mistakes give five lines and change nothing; `why` explains; Accel=kvm is refused with the figure."""

import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import CTL, POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser mallory password mallory-canary-9\n'
POOLS = {
    'desk': POOL.format(title='Desk', max=2, allow='Allow=alice mallory\nDeny=mallory', accel='any', spares=1),
    'fast': POOL.format(title='Fast', max=2, allow='Allow=alice', accel='kvm', spares=1),
}
BROKEN = """[Pool]
Descripton=Broken
Type=floating
Max=many
Max=3
Allow=alice

[Image]
Name=tiny

[Machin]
CPU=1

[Spares]
Running=-4
"""


def mistakes(tap, system):
    before, machines = system.pool('desk'), system.machines()
    system.write_pool('broken', BROKEN)
    code, text = system.ctl('verify', check=False)
    tap.equal(code, 1, 'verify fails')
    tap.note(text)
    lines = sorted(set(re.findall(r'broken\.pool:(\d+)', text)), key=int)
    tap.ok(len(lines) >= 5, f'five mistakes, five lines: {lines}')
    tap.ok('Description' in text, 'the nearest key is named')
    tap.ok('Machine' in text, 'the nearest section is named')
    for pid in system.pids('vedette-broker'):
        os.kill(pid, signal.SIGHUP)
    code, text = system.ctl('reload', check=False)
    tap.equal(code, 1, 'a reload is refused')
    after = system.pool('desk')
    tap.equal((after.get('name'), after.get('ready')), (before.get('name'), before.get('ready')), 'and changes nothing')
    tap.equal(system.pool('broken'), {}, 'the broken pool is not there')
    tap.equal(system.machines(), machines, 'nothing that runs was touched')
    os.unlink(f'{system.config}/pools.d/broken.pool')
    tap.equal(system.ctl('reload', check=False)[0], 0, 'without the file a reload works')


def run(system, *words):
    done = subprocess.run([CTL, '--state', system.state, '--config', system.config, *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def planning(tap, system):
    path = f'{system.config}/pools.d/desk.pool'
    with open(path, encoding='utf-8') as file:
        before = file.read()
    code, text = run(system, 'diff')
    tap.ok(code == 0 and 'in force' in text, f'diff: nothing to tell: {text.strip()}')
    machines = system.machines()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(before.replace('Description=Desk', 'Description=Office').replace('Disconnected=10min', 'Disconnected=90min'))
    code, text = run(system, 'diff')
    tap.note(text)
    tap.ok(code == 1 and '- [Session] Disconnected=10min' in text and '+ [Session] Disconnected=90min' in text, 'diff: key by key')
    code, text = run(system, 'plan')
    tap.ok(code == 0 and '~ desk: changed' in text and '+ [Pool] Description=Office' in text, 'plan tells it too')
    tap.ok(system.pool('desk')['description'] == 'Desk', 'and nothing is in force')
    tap.equal(system.machines(), machines, 'nor started or stopped')
    code, text = run(system, 'apply')
    tap.note(text)
    tap.ok(code == 0 and system.pool('desk')['description'] == 'Office', 'apply puts it in force')
    code, text = run(system, 'cat', 'desk')
    tap.ok('Disconnected=90min' in text and '# the default\nMaxPerUser=1' in text, 'cat shows every key')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(before)
    system.ctl('reload')


def reasons(tap, system):
    code, text = system.ctl('why', 'alice', 'fast', check=False)
    tap.note(text)
    hosts = system.ctl('host', 'list')['hosts']
    accel = hosts[0]['accel']
    tap.note(accel)
    if accel['kind'] == 'kvm':
        tap.equal(code, 0, 'this machine has a real KVM: the pool is served')
    else:
        tap.ok(accel['text'] in text, "why repeats the probe's sentence")
        if os.path.exists('/dev/kvm'):
            tap.ok(re.search(r'\d M instructions/s', accel['text']), 'the probe gives its figure')
        tap.equal(system.pool('fast').get('ready', 0), 0, 'no desktop of a pool with Accel=kvm is started')
    _code, text = system.ctl('why', 'mallory', 'desk', check=False)
    tap.ok('eny' in text, f'why: deny wins over allow: {text.strip()[:120]}')
    client = system.client('mallory', 'desk', 'mallory-canary-9')
    state = wait_for(lambda: (s := client.ask('state')).get('state') in ('ended', 'refused', 'idle', 'launcher', 'denied') and s, 30,
                     'mallory to be refused')
    tap.ok(state.get('state') != 'live', 'a denied user gets no desktop')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        mistakes(tap, system)
        planning(tap, system)
        reasons(tap, system)
    tap.done()


main()
