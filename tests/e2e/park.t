#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parked desktops: spares in files that come back when somebody waits, sessions that are parked by a clock and go on where
they were, with the user's own disk and after a restart of everything."""

import glob
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from namespaces import own_namespaces, people
from picture import read_png
from system import POOL, System, process_children, wait_for
from tap import Tap

PEOPLE = 'alice:x:4711:4700:Alice Able,room 1:/home/alice:/bin/bash\nbob:x:4712:4700::/home/bob:/bin/bash\n'
GROUPS = 'staff-of-test:x:4700:\n'
USERS = ''.join(f'user {name} password {name}-canary-1\n' for name in ('alice', 'bob'))


def pool(title, running, parked, clone='disk', away='10min', more=''):
    text = POOL.format(title=title, max=4, allow='Allow=alice bob', accel='any', spares=running)
    text = text.replace('Clone=disk', f'Clone={clone}').replace('\n\n[Session]', f'\nParked={parked}\nRestrain=99/1min\n\n[Session]')
    return text.replace('Disconnected=10min', f'Disconnected={away}').replace('Expire=logoff', 'Expire=park') + more


# A spare that is booted, one that is forked, and a desktop with its user's own account and disk.
POOLS = {'cold': pool('Cold', 0, 2), 'fork': pool('Fork', 1, 1, clone='auto', away='1s'),
         'home': pool('Home', 0, 1, clone='auto', away='1s', more='Account=user\n\n[UserDisk]\nSize=32M\n')}


def ok(tap, condition, name, detail):
    if not condition:
        tap.note(detail)
    tap.ok(condition, name)


def desktops(system, pool_name):
    return [d for d in system.ctl('desktop', 'list')['desktops'] if d['pool'] == pool_name]


def states(system, pool_name):
    return sorted(d['state'] for d in desktops(system, pool_name))


def record(system, desktop):
    with open(f'{system.state}/hostd/desktops/{desktop}/record.json', encoding='utf-8') as file:
        return json.load(file)


def files(system, desktop):
    return sorted(os.listdir(f'{system.state}/hostd/desktops/{desktop}'))


def session_of(system, user):
    return next(s for s in system.ctl('session', 'list')['sessions'] if s['user'] == user)


def enter(system, user, name):
    client = system.client(user, name, f'{user}-canary-1', ['--size', '1024x768'])
    client.do('wait-live 90000', 100)
    client.do('wait-settled 300 20000')
    return client


def shown(system, client):
    """The line that was typed, as the client shows it."""
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/text.png')
    return read_png(f'{system.folder}/text.png').crop(40, 180, 320, 120).pixels


def wait_parked(system, desktop):
    wait_for(lambda: any(d['id'] == desktop and d['state'] == 'parked' for d in system.ctl('desktop', 'list')['desktops']), 60,
             'the desktop to be parked')


def check_spares(tap, system):
    wait_for(lambda: states(system, 'cold') == ['parked', 'parked'], 120, 'two parked spares')
    ids = [d['id'] for d in desktops(system, 'cold')]
    tap.ok(all(record(system, name)['pid'] == 0 and 'parked' in files(system, name) for name in ids),
           'a parked spare has a file and no process')
    tap.equal(system.pool('cold')['parked'], 2, 'the pool says so')
    held = system.ctl('host', 'list')['hosts'][0]
    client = enter(system, 'alice', 'cold')
    desktop = session_of(system, 'alice')['desktop']
    tap.ok(desktop in ids and f'{desktop}: waking with' in system.log(), 'whoever comes gets one that is brought back')
    tap.ok(record(system, desktop)['woken'] and 'parked' not in files(system, desktop), 'whose file is gone from then on')
    ok(tap, held['memory_mb'] > 0 and states(system, 'cold').count('parked') >= 1, 'the other one stays parked', held)
    client.do('type brought back')
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/seen.png')
    tap.ok(not read_png(f'{system.folder}/seen.png').difference(system.screendump(desktop)), 'it takes keys and shows what its machine draws')
    wait_for(lambda: states(system, 'cold') == ['parked', 'parked', 'ready'], 120, 'its place among the parked to be filled')
    tap.ok(True, 'and another one is parked in its place')
    client.do('logoff')
    client.end()


def check_session(tap, system):
    """A clock parks a session: the picture is the same when its user is back, the machine another process."""
    client = enter(system, 'alice', 'fork')
    client.do('type where I left it')
    before = shown(system, client)
    desktop = session_of(system, 'alice')['desktop']
    pid = record(system, desktop)['pid']
    client.end()
    wait_parked(system, desktop)
    tap.ok(not os.path.exists(f'/proc/{pid}'), 'nobody was connected for too long: its machine has ended')
    tap.equal(session_of(system, 'alice')['desktop'], desktop, 'and its session goes on')
    client = enter(system, 'alice', 'fork')
    tap.equal(session_of(system, 'alice')['desktop'], desktop, 'its user gets it back')
    tap.ok(shown(system, client) == before, 'as it was')
    client.do('type and more')
    tap.ok(shown(system, client) != before, 'and can go on')
    client.end()
    return desktop, before


def crash(system):
    for pid in [system.up.pid] + [pid for pid, _name in process_children(system.up.pid)]:
        os.kill(pid, signal.SIGKILL)
    system.up.wait(60)


def check_restart(tap, system, desktop):
    """Everything is killed, as after a power cut: a parked desktop is still there."""
    wait_parked(system, desktop)
    crash(system)
    system.start()
    wait_parked(system, desktop)
    client = enter(system, 'alice', 'fork')
    tap.equal(session_of(system, 'alice')['desktop'], desktop, 'a parked desktop outlives a restart of everything')
    client.do('logoff')
    client.end()
    wait_for(lambda: f'{desktop}: gone' in system.log(), 60, 'it to go')
    wait_for(lambda: not glob.glob(f'{system.state}/hostd/desktops/{desktop}'), 60, 'its folder to go')
    tap.ok(True, 'after the logoff nothing of it is left')


def check_home(tap, system):
    client = enter(system, 'alice', 'home')
    client.do('type of mine')
    before = shown(system, client)
    desktop = session_of(system, 'alice')['desktop']
    client.end()
    wait_parked(system, desktop)
    tap.ok(record(system, desktop)['userdisk'], 'a desktop with its user\'s disk is parked')
    system.ctl('disk', 'delete', 'home', 'alice', check=False)
    tap.ok(glob.glob(f'{system.state}/hostd/userdisks/home/alice.img'), 'and that disk cannot be deleted meanwhile')
    client = enter(system, 'alice', 'home')
    ok(tap, shown(system, client) == before and session_of(system, 'alice')['desktop'] == desktop,
       'it comes back with the disk in its place', system.log()[-2000:])
    client.do('type saved')
    text = shown(system, client)
    client.do('logoff')
    client.end()
    wait_for(lambda: f'{desktop}: gone' in system.log(), 60, 'it to go')
    client = enter(system, 'alice', 'home')
    tap.ok(session_of(system, 'alice')['desktop'] != desktop and shown(system, client) == text,
           'and what was written after it came back is on the next desktop')
    client.do('logoff')
    client.end()


def check_killed(tap, system):
    """hostd is killed while one is being parked, and while one is being brought back."""
    client = enter(system, 'bob', 'fork')
    client.do('type killed')
    before = shown(system, client)
    desktop = session_of(system, 'bob')['desktop']
    client.end()
    wait_for(lambda: f'{desktop}: parking' in system.log(), 60, 'its parking to begin')
    restart(system)
    wait_parked(system, desktop)
    client = system.client('bob', 'fork', 'bob-canary-1', ['--size', '1024x768'])
    wait_for(lambda: f'{desktop}: waking with' in system.log(), 60, 'its waking to begin')
    restart(system)
    client.do('wait-live 90000', 100)
    client.do('wait-settled 300 20000')
    tap.ok(shown(system, client) == before, 'a hostd that is killed while it parks or wakes a desktop loses nothing of it')
    client.do('logoff')
    client.end()
    tap.ok(not glob.glob(f'{system.state}/hostd/desktops/*/parked.new'), 'and leaves no half file')


def check_stood_still(tap, system):
    """hostd is killed while a guest stands still, which so never sees that its line was cut."""
    client = enter(system, 'bob', 'fork')
    desktop = session_of(system, 'bob')['desktop']
    system.monitor(desktop, {'execute': 'stop'})
    restart(system)
    wait_for(lambda: f'{desktop}: stands still for no reason, goes on' in system.log(), 60, 'it to go on')
    client.end()
    wait_parked(system, desktop)
    tap.ok(True, 'a guest that stood still meanwhile goes on, and can be parked all the same')
    system.end_sessions()


def restart(system):
    starts = system.log().count('notice main: ready')
    for pid in system.pids('vedette-hostd'):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: system.log().count('notice main: ready') > starts, 30, 'hostd to be back')


def check_damaged(tap, system):
    """A file that was cut short costs its spare and nobody's time but that of one start."""
    wait_for(lambda: states(system, 'cold') == ['parked', 'parked'], 120, 'two parked spares')
    broken = [d['id'] for d in desktops(system, 'cold')]
    for name in broken:
        with open(f'{system.state}/hostd/desktops/{name}/parked', 'r+b') as file:
            file.truncate(4096)
    client = enter(system, 'bob', 'cold')
    tap.ok(session_of(system, 'bob')['desktop'] not in broken, 'a damaged file is noticed, and another desktop is started')
    client.do('logoff')
    client.end()


def main():
    own_namespaces(people(PEOPLE, GROUPS))
    tap = Tap()
    with System(USERS, POOLS, image='tiny') as system:
        check_spares(tap, system)
        desktop, _before = check_session(tap, system)
        check_restart(tap, system, desktop)
        check_home(tap, system)
        check_killed(tap, system)
        check_stood_still(tap, system)
        check_damaged(tap, system)
    tap.done()


if __name__ == '__main__':
    main()
