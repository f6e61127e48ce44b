#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forked desktops: one template, each fork somebody of its own, nobody writes to the template, and what cannot be
forked is booted."""

import errno
import glob
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
SPARES = 4
FORKED = POOL.format(title='Desk', max=SPARES + 1, allow='Allow=alice', accel='any', spares=SPARES).replace(
    'Clone=disk', 'Clone=auto').replace('\n\n[Session]', '\nRestrain=99/1min\n\n[Session]')
BOOTED = POOL.format(title='Booted', max=1, allow='Allow=alice', accel='any', spares=1)


def records(system):
    """record.json of every desktop, by id."""
    found = {}
    for path in glob.glob(f'{system.state}/hostd/desktops/*/record.json'):
        try:
            with open(path, encoding='utf-8') as file:
                record = json.load(file)
            found[record['id']] = record
        except FileNotFoundError:
            pass  # just removed
    return found


def identities(system, ids):
    found = []
    for name in ids:
        with open(f'{system.state}/hostd/desktops/{name}/identity.json', encoding='utf-8') as file:
            found.append(json.load(file))
    return found


def ready(system, pool):
    return [name for name, record in records(system).items()
            if record['pool'] == pool and record['ready'] and record['stage'] == 'running']


def template_memory(system):
    """Paths of hostd's descriptors of the memory of templates."""
    found = []
    for pid in system.pids('vedette-hostd'):
        for number in os.listdir(f'/proc/{pid}/fd'):
            path = f'/proc/{pid}/fd/{number}'
            try:
                if 'vedette-template' in os.readlink(path):
                    found.append(path)
            except FileNotFoundError:
                pass  # closed meanwhile
    return found


def check_identities(tap, system):
    ids = ready(system, 'desk')
    tap.ok(all(records(system)[name]['forked'] for name in ids), 'every one of them was forked')
    tap.equal(system.log().count('making a template'), 1, 'from one template')
    known = identities(system, ids)
    for what in ('host', 'machine', 'uuid', 'random'):
        tap.equal(len({identity[what] for identity in known}), len(ids), f'{len(ids)} of them have as many of: {what}')
    generations = {system.monitor(name, {'execute': 'query-vm-generation-id'})['return']['guid'] for name in ids}
    tap.equal(len(generations), len(ids), 'and as many generation ids')
    tap.ok(all(identity['host'] == name for identity, name in zip(known, ids)), 'the host name is that of the desktop')
    for identity, name in zip(known, ids):
        tap.equal(identity['uuid'].lower(), records(system)[name]['uuid'], 'the guest sees the uuid of its machine')


def check_session(tap, system):
    client = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'])
    client.do('wait-live 60000', 70)
    client.do('type forked')
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/seen.png')
    desktop = next(d for d in system.ctl('session', 'list')['sessions'])['desktop']
    tap.ok(not read_png(f'{system.folder}/seen.png').difference(system.screendump(desktop)),
           'a fork shows what its machine draws')
    system.end_sessions()
    client.end()
    wait_for(lambda: desktop not in records(system), 30, 'the used one to go')
    system.wait_ready('desk', SPARES)
    tap.ok(desktop not in ready(system, 'desk'), 'the next one is another fork')


def check_sealed(tap, system):
    paths = template_memory(system)
    tap.ok(len(paths) >= 1, 'hostd holds the memory of the template')
    fd = os.open(paths[0], os.O_RDWR)
    try:
        os.pwrite(fd, b'x', 4096)
        problem = 0
    except OSError as error:
        problem = error.errno
    os.close(fd)
    tap.equal(problem, errno.EPERM, 'which not even root can write to')


def check_restart(tap, system):
    before = set(ready(system, 'desk'))
    for pid in system.pids('vedette-hostd'):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: system.log().count('notice main: ready') >= 2, 30, 'hostd to be back')
    victim = sorted(before)[0]
    machine = records(system)[victim]['pid']
    os.kill(machine, signal.SIGKILL)
    wait_for(lambda: len(ready(system, 'desk')) == SPARES and victim not in ready(system, 'desk'), 60, 'a new fork')
    tap.ok(before - {victim} <= set(ready(system, 'desk')), 'forks run on without hostd and are found again')
    tap.equal(system.log().count('making a template'), 1, 'the template comes from disk after a restart')


def check_killed_while_forking(tap, system):
    """hostd is killed at many moments of forking; what it leaves is neither doubled nor lost."""
    for delay_ms in (0, 20, 60, 120, 250):
        seen = set(records(system))
        victim = sorted(ready(system, 'desk'))[0]
        os.kill(records(system)[victim]['pid'], signal.SIGKILL)
        wait_for(lambda: set(records(system)) - seen, 60, 'a new one to be begun')
        time.sleep(delay_ms / 1000)  # the moment of the fault, not a wait
        starts = system.log().count('notice main: ready')
        for pid in system.pids('vedette-hostd'):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: system.log().count('notice main: ready') > starts, 30, 'hostd to be back')
        wait_for(lambda: len(ready(system, 'desk')) == SPARES, 60, 'the spares to be whole')
    wait_for(lambda: len(system.machines()) == len(records(system)), 20, 'every machine to have its folder')
    live = {record['pid'] for record in records(system).values() if record['stage'] == 'running'}
    tap.equal(system.machines(), live, 'after five kills of hostd every machine is a desktop and every desktop a machine')


def stop_while_forking(system):
    """Stops a machine that holds its template's state; (id, pid), or None when it had it already."""
    seen = set(records(system))
    os.kill(records(system)[sorted(ready(system, 'desk'))[0]]['pid'], signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for name in set(records(system)) - seen:
            record = records(system).get(name, {'ready': True})
            if record['ready']:
                return None
            try:
                fds = glob.glob(f'/proc/{record["pid"]}/fd/*')
                if any(os.readlink(fd).endswith('/state') for fd in fds):
                    os.kill(record['pid'], signal.SIGSTOP)
                    return name, record['pid']
            except FileNotFoundError:
                pass  # closed meanwhile
    raise AssertionError('no new fork')


def check_stalled(tap, system):
    """A fork whose machine stands still for so long that its monitor is given up is brought on afterwards."""
    caught = None
    while caught is None:
        wait_for(lambda: len(ready(system, 'desk')) == SPARES, 60, 'the spares to be whole')
        caught = stop_while_forking(system)
    name, pid = caught
    hosts = system.pids('vedette-hostd')
    try:
        wait_for(lambda: f'{name}: the machine does not answer' in system.log(), 60, 'its monitor to be given up')
        tap.ok(f'{name}: runs' not in system.log(), 'a fork that stands still does not run')
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: f'{name}: runs' in system.log(), 60, 'the stalled fork')
    tap.equal(system.pids('vedette-hostd'), hosts, 'it runs as soon as it goes on, and hostd with it')


def check_damaged(tap, system):
    """A template that nobody can start from is given up; people get booted desktops meanwhile."""
    for path in glob.glob(f'{system.state}/hostd/templates/*/state'):
        with open(path, 'r+b') as file:
            file.truncate(1000)
    before = set(ready(system, 'desk'))
    for name in before:
        os.kill(records(system)[name]['pid'], signal.SIGKILL)
    wait_for(lambda: 'cannot be forked, its desktops are booted' in system.log(), 60, 'the template to be given up')
    wait_for(lambda: [name for name in ready(system, 'desk') if not records(system)[name]['forked']], 120,
             'a booted desktop')
    tap.ok(True, 'a damaged template is given up after two forks, and desktops are booted')


def main():
    tap = Tap()
    with System(USERS, {'desk': FORKED, 'booted': BOOTED}) as system:
        system.wait_ready('desk', SPARES)
        check_identities(tap, system)
        system.wait_ready('booted', 1)
        tap.ok(not any(record['forked'] for record in records(system).values() if record['pool'] == 'booted'),
               'Clone=disk is booted')
        check_session(tap, system)
        check_sealed(tap, system)
        check_restart(tap, system)
        check_killed_while_forking(tap, system)
        check_stalled(tap, system)
        check_damaged(tap, system)
        system.write_pool('screen', FORKED.replace('Clone=auto', 'Clone=fork\nDisplay=qxl'))
        code, text = system.ctl('verify', check=False)
        tap.ok(code == 1 and re.search(r'screen\.pool:\d+: Clone=fork needs Display=dbus', text),
               'verify refuses to fork what SPICE shows')
    tap.done()


if __name__ == '__main__':
    main()
