#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that one guest fills: that guest stands still and loses nothing, everybody else works on, and it goes on by
itself when there is room."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
DESK = POOL.format(title='Desk', max=3, allow='Allow=alice bob', accel='any', spares=1).replace(
    'Name=tiny', 'Name=tiny-disk')
DISK_MIB = 200
LEFT = 4 << 20  # bytes that are left beside the ballast
HOSTD_UID = 62003  # vedettectl up's own choice
HELD, FREED = 3, 4


def mounted(folder):
    os.makedirs(folder, exist_ok=True)
    return subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m,mode=0700,uid={HOSTD_UID},gid={HOSTD_UID}', 'none',
                           folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def client(system, user, number):
    found = system.client(user, 'desk', f'{user}-canary-{number}', ['--size', '1024x768'])
    found.do('wait-live 60000', 70)
    found.do('wait-settled 300 20000')
    return found


def notices(user):
    user.do('state')
    return [event['kind'] for event in user.events if event['event'] == 'notice']


def host(system):
    return (system.status().get('hosts') or [{}])[0]


def works(tap, system, user, name):
    done = answers(user)
    if not done:
        tap.note([(d['id'], d['state'], d['text']) for d in system.ctl('desktop', 'list')['desktops']])
    tap.ok(done, name)


def answers(user):
    return user.ask('tap b 20000').get('ok')


def check(tap, system, folder):
    system.wait_ready('desk')
    alice = client(system, 'alice', 1)
    system.wait_ready('desk')
    ballast = f'{folder}/ballast'
    status = os.statvfs(folder)
    with open(ballast, 'wb') as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - LEFT)
    wait_for(lambda: 'nearly full' in host(system).get('text', ''), 20, 'the host to notice')
    works(tap, system, alice, 'a desktop that writes little works on')
    alice.do('key enter')
    alice.do('type fill disk')
    wait_for(lambda: HELD in notices(alice), 30, 'the notice')
    tap.ok(True, 'whoever fills the disk stands still, and is told')
    text = wait_for(lambda: next((d['text'] for d in system.ctl('desktop', 'list')['desktops']
                                  if 'stands still' in d['text']), None), 20, 'the word of it')
    tap.ok(text, f'an administrator reads: {text}')

    bob = client(system, 'bob', 2)
    works(tap, system, bob, 'somebody else logs in and works')
    wait_for(lambda: system.pool('desk').get('starting') == 1, 20, 'a new spare to be ordered')
    tap.equal(system.pool('desk').get('failure'), '', 'new desktops wait and do not fail')

    os.unlink(ballast)
    wait_for(lambda: FREED in notices(alice), 30, 'the second notice')
    wait_for(lambda: answers(alice), 30, 'the guest to answer')
    tap.ok(True, 'with room it goes on by itself')
    system.wait_ready('desk')
    tap.ok(True, 'and the pool is refilled')
    wait_for(lambda: host(system).get('text') == '', 20, 'the host to be well')
    works(tap, system, bob, 'nobody else noticed')


def main():
    tap = Tap()
    system = System(USERS, {'desk': DESK}, image='tiny-disk')
    folder = f'{system.state}/hostd'
    if os.geteuid() != 0 or not mounted(folder):
        tap.ok(True, 'a full disk # SKIP a disk of our own cannot be mounted here')
        tap.done()
        return
    try:
        with system:
            check(tap, system, folder)
    finally:
        subprocess.run(['umount', '-l', folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(system.folder, ignore_errors=True)
    tap.done()


if __name__ == '__main__':
    main()
