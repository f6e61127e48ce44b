#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens when a clock strikes: logoff ends the machine, shutdown lets its guest end in order; a disk of one's own stays."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'


def pool(title, action, kind='floating'):
    text = POOL.format(title=title, max=2, allow='Allow=alice', accel='any', spares=0).replace('Type=floating', f'Type={kind}')
    return text.replace('Disconnected=10min', 'Disconnected=1s').replace('Expire=logoff', f'Expire={action}')


POOLS = {'plain': pool('Plain', 'logoff'), 'polite': pool('Polite', 'shutdown'), 'own': pool('Own', 'shutdown', 'dedicated')}


def expire(system, name):
    """A session that is left until its clock strikes; its desktop."""
    client = system.client('alice', name, 'alice-canary-1', ['--size', '1024x768'])
    client.do('wait-live 90000', 100)
    desktop = next(s['desktop'] for s in system.ctl('session', 'list')['sessions'] if s['pool'] == name)
    client.end()
    wait_for(lambda: not system.ctl('session', 'list')['sessions'], 30, 'the clock to strike')
    return desktop


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        gone = expire(system, 'plain')
        wait_for(lambda: f'{gone}: gone' in system.log(), 60, 'its desktop to be gone')
        tap.ok(f'{gone}: gone, switched off' not in system.log(), 'logoff ends the machine')
        gone = expire(system, 'polite')
        wait_for(lambda: f'{gone}: gone' in system.log(), 60, 'its desktop to be gone')
        tap.ok(f'{gone}: gone, switched off by its guest' in system.log(), 'shutdown lets its guest end in order')
        kept = expire(system, 'own')
        wait_for(lambda: any(d['id'] == kept and d['state'] == 'stopped' for d in system.ctl('desktop', 'list')['desktops']),
                 60, 'the own desktop to be off')
        tap.ok(f'{kept}: stopped, switched off by its guest' in system.log(), 'and one of her own is off')
        again = expire(system, 'own')
        tap.equal(again, kept, 'with its disk, which she has again')
    tap.done()


if __name__ == '__main__':
    main()
