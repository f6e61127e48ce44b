#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points while two users log in, type and log off; at the end nothing is doubled, lost or left over.

VEDETTE_CHAOS_SEED repeats a run's choices, VEDETTE_CHAOS_SECONDS makes it longer than the 35 s of --check.
"""

import os
import random
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, Refused
from system import POOL, System, process_children, wait_for
from tap import Tap

USERS = ''.join(f'user {name} password {name}-canary-1\n' for name in ('alice', 'bob', 'carol'))
POOLS = {'desk': POOL.format(title='Desk', max=3, allow='Allow=alice bob carol', accel='any', spares=1)}
DAEMONS = ('vedette-gateway', 'vedette-broker', 'vedette-hostd', 'vedette-streamer', 'vedette-launch')
SEED = int(os.environ.get('VEDETTE_CHAOS_SEED') or int.from_bytes(os.urandom(4), 'big'))
SECONDS = float(os.environ.get('VEDETTE_CHAOS_SECONDS') or 35)


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return b''


class Lost(Exception):
    """An acknowledged session is not the user's any more."""


class User:
    """One person with a headless client, and the session that a client was told is theirs."""

    def __init__(self, system, name):
        self.system, self.name = system, name
        self.client = None
        self.session = self.desktop = self.failure = None
        self.done = []

    def begin(self):
        if self.client is not None:
            self.client.end()
        self.client = self.system.client(self.name, 'desk', f'{self.name}-canary-1')

    def note(self):
        """Remembers what was acknowledged; a session that was may not turn into another one by itself."""
        state = self.client.do('state')
        if state['state'] == 'live' and state['session']:
            if self.session not in (None, state['session']):
                raise Lost(f'{self.name} had {self.session} on {self.desktop} and now has {state}')
            self.session, self.desktop = state['session'], state['desktop']
        return state

    def step(self, choose):
        """One thing that a person does, whatever state the line is in."""
        if self.client is None or self.client.process.poll() is not None:
            self.begin()
            self.client.ask('wait-live 12000', 20)
            self.note()
            return 'comes'
        state = self.note()
        if state['state'] == 'ended':
            self.begin()
            return 'comes again'
        what = choose.choice(('type', 'type', 'type', 'leave', 'logoff'))
        if what == 'type':
            self.client.ask('type hello')
        elif what == 'leave':
            self.client.end()
            self.client = None
        elif state['state'] == 'live':
            # Whether it arrives before something is killed is open: either outcome is right.
            self.session = self.desktop = None
            self.client.ask('logoff', 40)
            self.client.end()
            self.client = None
        return what

    def live(self, choose, over):
        """Steps until over is set; what went wrong for good is kept in failure."""
        while not over.is_set():
            try:
                self.done.append(self.step(choose))
            except Lost as lost:
                self.failure = str(lost)
                return
            except (AssertionError, OSError) as error:
                self.done.append(f'client ended with {self.client and self.client.process.poll()}')  # its login was refused while the broker was away
                self.client = None
            over.wait(choose.choice((0, 0.1, 0.5)))


def kill_some(system, choose):
    """Kills one or two daemons, or all of one kind; returns what."""
    below = [(pid, name) for pid, name in process_children(system.up.pid) if name in {d[:15] for d in DAEMONS}]
    names = sorted({name for _, name in below})
    if not names:
        return 'nothing'
    wanted = {choose.choice(names) for _ in range(choose.choice((1, 1, 2)))}
    for pid, name in below:
        if name in wanted:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return ' and '.join(sorted(wanted))


def storm(tap, system, users):
    """Users live on threads of their own, so that a kill meets them anywhere."""
    choose, over = random.Random(SEED), threading.Event()
    threads = [threading.Thread(target=user.live, args=(random.Random(SEED + n), over), daemon=True)
               for n, user in enumerate(users, 1)]
    for thread in threads:
        thread.start()
    end, kills = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        over.wait(choose.choice((0.02, 0.3, 1, 2, 3)))
        killed = kill_some(system, choose)
        kills += 1
        tap.note(f'{SECONDS - (end - time.monotonic()):5.1f} s: killed {killed}')
    over.set()
    for thread in threads:
        thread.join(60)
    for user in users:
        tap.note(f'{user.name}: {", ".join(user.done)}')
        tap.equal(user.failure, None, f'{user.name} keeps every session that was acknowledged')
    return kills


def machine_ids(system):
    """{pid: id of its desktop}, from the names that QEMU shows."""
    found = {}
    for pid in system.machines():
        match = re.search(rb'\0-name\0(?:guest=)?([a-z0-9-]+)', read(f'/proc/{pid}/cmdline'))
        found[pid] = match.group(1).decode() if match else '?'
    return found


def is_calm(system):
    """Status when all is connected, wanted and observed agree and the pool has its spare; else None."""
    status = system.status()
    desktops = status.get('desktops', [])
    if not (status.get('gateways') and all(h['connected'] for h in status.get('hosts', [{'connected': False}]))):
        return None
    if any(d['state'] != 'ready' or d['wanted'] != 'running' for d in desktops):
        return None
    pool = next((p for p in status['pools'] if p['name'] == 'desk'), {})
    if pool.get('ready', 0) + pool.get('assigned', 0) < min(pool.get('assigned', 0) + 1, pool.get('max', 0)):
        return None
    ids = sorted(machine_ids(system).values())
    if ids != sorted(d['id'] for d in desktops):
        return None
    return status if len(system.pids('vedette-streamer')) == len(desktops) else None


def explain(tap, system):
    tap.note(f'status: {system.status()}')
    tap.note(f'machines: {machine_ids(system)}')
    tap.note(f'processes: {sorted(process_children(system.up.pid))}')
    tap.note(f'folders: {os.listdir(f"{system.state}/hostd/desktops")}')
    tap.note(system.log()[-6000:])


def open_files(system):
    """{program: most descriptors that one of its processes has}"""
    most = {}
    for pid, name in process_children(system.up.pid):
        try:
            most[name] = max(most.get(name, 0), len(os.listdir(f'/proc/{pid}/fd')))
        except OSError:
            pass
    return most


def invariants(tap, system, users, status):
    ids = sorted(machine_ids(system).values())
    desktops = sorted(d['id'] for d in status['desktops'])
    tap.equal(ids, desktops, 'one QEMU for each desktop of the broker, none doubled, none left over')
    tap.equal(len(desktops) <= 3, True, 'the pool kept to its maximum')
    tap.equal(sorted(os.listdir(f'{system.state}/hostd/desktops')), desktops, 'one folder for each desktop')
    tap.equal(len(system.pids('vedette-streamer')), len(desktops), 'one streamer for each desktop')
    sessions = {s['id']: s for s in status['sessions']}
    for user in users:
        own = [s for s in sessions.values() if s['user'] == user.name]
        tap.ok(len(own) <= 1, f'{user.name} has one session at most')
        if user.session is not None:
            tap.equal((sessions.get(user.session) or {}).get('desktop'), user.desktop,
                      f"{user.name}'s acknowledged session is there with its desktop")
    used = [s['desktop'] for s in sessions.values() if s['desktop']]
    tap.equal(len(used), len(set(used)), 'no desktop has two users')
    for name in ('vedette-gateway', 'vedette-broker', 'vedette-hostd', 'vedette-launch'):
        wanted = 2 if name == 'vedette-launch' else 1
        tap.equal(len(system.pids(name)), wanted, f'{name} runs {wanted} time{"s" if wanted > 1 else ""}')
    folder = system.state.encode()
    sockets = [line.split()[-1] for line in read('/proc/net/unix').splitlines() if folder in line]
    run = f'{system.state}/run/'.encode()  # they are bound under another name and renamed
    stray = sorted({s for s in sockets if not s.startswith(run) and not any(d.encode() in s for d in desktops)})
    tap.equal(sorted(os.listdir(run.decode())), ['broker.sock', 'gateway.sock'], 'the folder of sockets is tidy')
    tap.equal(stray, [], 'no socket is left over')
    most = open_files(system)
    tap.note(f'open descriptors: {most}')
    tap.ok(all(count < 64 for count in most.values()), 'no program gathers descriptors')


def working_login(tap, system, users):
    """A third user gets in; when all three desktops are taken one of the others makes room."""
    api = Api(system)
    answer = api.login('carol', ['carol-canary-1'])
    tap.equal(answer['state'], 'ok', 'a new login works')
    status = system.status()
    if sum(1 for s in status['sessions'] if s['desktop']) >= 3:
        system.ctl('session', 'end', status['sessions'][0]['id'])
    try:
        ready = api.connect('desk')
        tap.ok(bool(ready['ticket']), 'and gets a desktop')
    except Refused as refusal:
        tap.ok(False, f'and gets a desktop: {refusal}')
    for user in users:
        if user.session is None:
            continue
        user.begin()
        user.client.do('wait-live 60000', 70)
        state = user.client.do('state')
        tap.equal((state['session'], state['desktop']), (user.session, user.desktop),
                  f'{user.name} comes back to the same session')


def main():
    tap = Tap()
    print(f'# seed {SEED}: VEDETTE_CHAOS_SEED={SEED} repeats the choices')
    with System(USERS, POOLS) as system:
        up = system.up.pid
        system.wait_ready('desk')
        users = [User(system, 'alice'), User(system, 'bob')]
        try:
            kills = storm(tap, system, users)
            tap.ok(kills >= 5, f'{kills} times something was killed')
            status = wait_for(lambda: is_calm(system), 90, 'calm after the storm')
            for user in users:
                if user.client is not None and user.client.process.poll() is None:
                    user.note()
            invariants(tap, system, users, status)
            working_login(tap, system, users)
        except AssertionError:
            explain(tap, system)
            raise
        left = [pid for pid, _ in process_children(up)]
        for client in list(system.clients):
            client.end()
        system.up.send_signal(signal.SIGTERM)
        tap.equal(system.up.wait(60), 0, 'up ends')
        tap.equal([pid for pid in left if os.path.exists(f'/proc/{pid}')], [], 'and nothing is left')
    tap.done()


main()
