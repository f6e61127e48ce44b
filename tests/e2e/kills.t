#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostd is killed at random moments of forking, parking, waking, stopping, deleting, restoring and publishing: no desktop is doubled or
lost, no file, socket or user is left over. VEDETTE_KILLS=200 for a long run; VEDETTE_SEED repeats one."""

import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, '../tools')]
import invariants
from system import BUILD, POOL, System, wait_for
from tap import Tap

KILLS = int(os.environ.get('VEDETTE_KILLS', '12'))
SEED = int(os.environ.get('VEDETTE_SEED', str(time.time_ns() % 100000)))
MOST_MS = 900  # a fork, a stop or a restore is over by then
SPARES = 2
UID_BASE = 62000 if os.geteuid() == 0 else None
USERS = ''.join(f'user {name} password {name}-canary-1\n' for name in ('alice', 'bob'))
DESK = POOL.format(title='Desk', max=8, allow='Allow=alice bob', accel='any', spares=SPARES).replace(
    'Name=tiny', 'Name=tiny-disk').replace('Clone=disk', 'Clone=auto').replace(
        '\n\n[Session]', '\nParked=1\nRestrain=99/1min\n\n[Session]')
OWN = DESK.replace('Type=floating', 'Type=dedicated').replace(f'Running={SPARES}', 'Running=1').replace('Parked=1\n', '')


class Faults:
    """What is going on when hostd is killed; each returns at once."""

    def __init__(self, system):
        self.system, self.clients = system, {}

    def desktops(self, **wanted):
        return [d for d in self.system.ctl('desktop', 'list')['desktops']
                if all(d[key] == value for key, value in wanted.items())]

    def login(self):
        """A session: a spare goes, another one is forked; an owner's desktop starts."""
        name, pool = random.choice(('alice', 'bob')), random.choice(('desk', 'own'))
        if (name, pool) not in self.clients:
            self.clients[name, pool] = self.system.client(name, pool, f'{name}-canary-1')

    def logoff(self):
        """A desktop goes into the trash, or is switched off."""
        if self.clients:
            client = self.clients.pop(random.choice(sorted(self.clients)))
            client.ask('logoff')
            client.end()

    def crash(self):
        """A machine ends by itself: its desktop has failed and is replaced."""
        machines = sorted(self.system.machines())
        if machines:
            os.kill(random.choice(machines), signal.SIGKILL)

    def delete(self):
        free = [d['id'] for d in self.desktops(wanted='running', session='')]
        if free:
            self.system.ctl('desktop', 'delete', random.choice(free), check=False)

    def restore(self):
        trash = self.system.ctl('trash', 'list')['trash']
        if trash:
            self.system.ctl('trash', 'restore', random.choice(trash)['id'], check=False)

    def park(self):
        """A session's desktop goes into a file, its client away; a later login wakes it."""
        sessions = [s for s in self.system.ctl('session', 'list')['sessions'] if s['desktop'] and s['state'] != 'parked']
        if sessions:
            session = random.choice(sessions)
            self.system.ctl('session', 'park', session['id'], check=False)
            client = self.clients.pop((session['user'], session['pool']), None)
            if client is not None:
                client.end()

    def empty(self):
        self.system.ctl('trash', 'empty', check=False)

    def rollback(self):
        """Another revision is in force: every spare is replaced, from another template."""
        revision = random.choice((1, 2))
        self.system.ctl('--programs', BUILD, 'image', 'rollback', 'tiny-disk', check=False)
        with open(f'{self.system.state}/images/tiny-disk/published', 'w', encoding='ascii') as file:
            file.write(f'{revision}\n')

    def any(self):
        random.choice((self.login, self.login, self.logoff, self.logoff, self.park, self.park, self.crash, self.delete,
                       self.restore, self.restore, self.empty, self.rollback))()


def second_revision(system):
    """The same files under another number, with a manifest that says so."""
    system.ctl('--programs', BUILD, '--cache', f'{BUILD}/tests/cache', '--guest', f'{BUILD}/hostd/guest', '--recipe',
               f'{os.path.dirname(HERE)}/../hostd/image/recipes/tiny-disk.recipe', 'image', 'build', 'tiny-disk')


def at_rest(system):
    """Every desktop is what is wanted of it."""
    settled = {'running': ('ready',), 'stopped': ('stopped',), 'parked': ('parked',)}
    listed = system.ctl('desktop', 'list')['desktops']
    return (len(system.pids('vedette-hostd')) == 1 and all(d['state'] in settled.get(d['wanted'], ()) for d in listed) and
            system.pool('desk').get('ready', 0) >= SPARES and not system.pool('desk').get('outdated') and listed)


def kill(system):
    starts = system.log().count('notice main: ready')
    for pid in system.pids('vedette-hostd'):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: system.log().count('notice main: ready') > starts, 30, 'hostd to be back')


def main():
    tap = Tap()
    random.seed(SEED)
    tap.note(f'{KILLS} kills, VEDETTE_SEED={SEED}')
    with System(USERS, {'desk': DESK, 'own': OWN}, image='tiny-disk') as system:
        second_revision(system)
        system.wait_ready('desk', SPARES)
        faults = Faults(system)
        broken = []
        for number in range(KILLS):
            faults.any()
            time.sleep(random.uniform(0, MOST_MS) / 1000)  # the moment of the fault, not a wait
            kill(system)
            listed = wait_for(lambda: at_rest(system), 120, f'rest after kill {number + 1}')
            broken = wait_for(lambda: [invariants.check(system.state, UID_BASE, system.ctl('desktop', 'list')['desktops'])],
                              10, 'an answer')[0]
            if broken and listed:
                break
        tap.equal(broken, [], f'after each of {KILLS} kills nothing is doubled, lost or left over')
        for client in list(faults.clients.values()):
            client.end()
        system.end_sessions()
        wait_for(lambda: at_rest(system), 120, 'rest')
        tap.equal(invariants.check(system.state, UID_BASE, system.ctl('desktop', 'list')['desktops']), [],
                  'nor when everybody has left')
        desktop = faults.desktops(wanted='running')[0]['id']
        with open(f'{system.state}/hostd/desktops/{desktop}/stray', 'w', encoding='ascii'):
            pass
        found = invariants.check(system.state, UID_BASE, [])
        tap.ok(any('stray' in text for text in found) and any('the broker does not' in text for text in found),
               'the check itself finds what is wrong')
    tap.done()


if __name__ == '__main__':
    main()
