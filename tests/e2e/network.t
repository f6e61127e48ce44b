#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Desktops on a bridge, each with a network card of its own address; forks too.

Runs in a network and a mount namespace of its own, where the bridges are and QEMU's helper is told which one it may use.
"""

import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from namespaces import bridges, own_namespaces
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
SPARES = 3


def pool(title, bridge, clone='auto', spares=1):
    text = POOL.format(title=title, max=spares, allow='Allow=alice', accel='any', spares=spares)
    return text.replace('Clone=disk', f'Clone={clone}\nNetwork=bridge:{bridge}')


def records(system, name):
    found = []
    for path in glob.glob(f'{system.state}/hostd/desktops/*/record.json'):
        with open(path, encoding='utf-8') as file:
            record = json.load(file)
        if record['pool'] == name and record['ready']:
            found.append(record)
    return found


def mac_of(record):
    digits = record['uuid'][-10:]
    return '02:' + ':'.join(digits[i:i + 2] for i in range(0, 10, 2))


def on_the_bridge():
    """Addresses that the bridge has heard of."""
    done = subprocess.run(['bridge', '-j', 'fdb', 'show', 'br', 'vdtest0'], capture_output=True, text=True, check=True)
    return {entry['mac'] for entry in json.loads(done.stdout)}


def main():
    own_namespaces(bridges('vdtest0', 'vdtest1', allowed=['vdtest0']), network=True)
    tap = Tap()
    pools = {'fork': pool('Fork', 'vdtest0', spares=SPARES), 'boot': pool('Boot', 'vdtest0', clone='disk')}
    with System(USERS, pools) as system:
        system.wait_ready('fork', SPARES)
        forks = records(system, 'fork')
        answers = []
        for record in forks:
            with open(f'{system.state}/hostd/desktops/{record["id"]}/identity.json', encoding='utf-8') as file:
                answers.append(json.load(file))
        tap.ok(len(forks) == SPARES and all(record['forked'] for record in forks), 'desktops with a card are forked')
        tap.equal(sorted(answer['mac'] for answer in answers), sorted(mac_of(record) for record in forks),
                  'the guest of each says the address that is its own')
        tap.equal(len({answer['mac'] for answer in answers}), SPARES, 'and no two have the same')
        system.wait_ready('boot', 1)
        booted = records(system, 'boot')
        wanted = {mac_of(record) for record in forks + booted}
        wait_for(lambda: wanted <= on_the_bridge(), 60, f'{wanted} on the bridge')
        tap.ok(True, 'the bridge hears each of them, forked or booted, by that address')
        done = subprocess.run(['ip', '-j', 'link', 'show', 'master', 'vdtest0'], capture_output=True, check=True)
        tap.ok(len(json.loads(done.stdout)) >= SPARES + 1, 'over a port of its own')

        system.write_pool('refused', pool('Refused', 'vdtest1'))
        system.ctl('reload')
        text = wait_for(lambda: next((p['failure'] for p in system.status()['pools'] if p['name'] == 'refused' and
                                      p['failure']), None), 60, 'a failure')
        tap.ok('/etc/qemu/bridge.conf' in text, 'a bridge that is not allowed is refused, and why is said')
        system.write_pool('wrong', pool('Wrong', 'no/name'))
        code, text = system.ctl('verify', check=False)
        tap.ok(code == 1 and 'as bridge:br0' in text, 'and what is no bridge is a mistake in the file')
    tap.done()


main()
