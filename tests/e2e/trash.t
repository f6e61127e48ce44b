#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Desktops that were deleted come back with what was in them; dedicated ones keep it anyway."""

import glob
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'


def pool(title, spares=1, **more):
    text = POOL.format(title=title, max=4, allow='Allow=alice bob', accel='any', spares=spares)
    text = text.replace('Name=tiny', 'Name=tiny-disk').replace('Clone=disk', f'Clone={more.get("clone", "disk")}')
    return text.replace('Type=floating', f'Type={more.get("type", "floating")}') + more.get('extra', '')


POOLS = {'desk': pool('Desk', spares=2, clone='auto'), 'own': pool('Own', type='dedicated'),
         'never': pool('Never', extra='[Trash]\nKeep=never\n', spares=0)}


def session(system, user, name):
    client = system.client(user, name, f'{user}-canary-{1 if user == "alice" else 2}', ['--size', '1024x768'])
    client.do('wait-live 90000', 100)
    client.do('wait-settled 300 20000')
    return client


def text_region(system, client):
    """The echoed text as the client shows it; the status lines above it change with every boot."""
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/text.png')
    picture = read_png(f'{system.folder}/text.png')
    return picture.crop(40, 180, 320, 120).pixels


def desktop_of(system, user):
    return next(s['desktop'] for s in system.ctl('session', 'list')['sessions'] if s['user'] == user)


def leave(system, client):
    client.do('logoff')
    client.end()
    wait_for(lambda: not system.ctl('session', 'list')['sessions'], 20, 'the session to end')


def trash(system):
    return system.ctl('trash', 'list')['trash']


def check_floating(tap, system):
    client = session(system, 'alice', 'desk')
    first = desktop_of(system, 'alice')
    empty = text_region(system, client)
    client.do('type the report of Monday')
    typed = text_region(system, client)
    tap.ok(typed != empty, 'something was typed')
    leave(system, client)
    entry = wait_for(lambda: trash(system), 30, 'the trash to have it')[0]
    tap.equal((entry['id'], entry['user'], entry['pool'], entry['image']), (first, 'alice', 'desk', 'tiny-disk'),
              'a floating desktop that somebody had goes into the trash')
    tap.equal(entry['expires_ms'] - entry['deleted_ms'], 15 * 60 * 1000, 'for a quarter of an hour')

    client = session(system, 'alice', 'desk')
    tap.ok(text_region(system, client) == empty, 'the next one is empty')
    leave(system, client)
    wait_for(lambda: len(trash(system)) == 2, 30, 'that one to be in the trash too')

    restored = system.ctl('trash', 'restore', first)['desktop']
    tap.equal(system.ctl('trash', 'restore', first)['desktop'], restored, 'asked twice it comes back once')
    code, text = system.ctl('trash', 'restore', 'd-00000000', check=False)
    tap.ok(code == 1 and 'vedettectl trash list' in text, 'what is not there says where to look')
    client = session(system, 'alice', 'desk')
    tap.equal(desktop_of(system, 'alice'), restored, 'its user gets it')
    tap.ok(text_region(system, client) == typed, 'with what was in it')
    other = session(system, 'bob', 'desk')
    tap.ok(desktop_of(system, 'bob') != restored and text_region(system, other) == empty, 'and nobody else does')
    other.do('logoff')
    other.end()
    leave(system, client)
    return restored, typed


def state(system, desktop):
    return next((d['state'] for d in system.ctl('desktop', 'list')['desktops'] if d['id'] == desktop), 'none')


def check_kept(tap, system, restored, typed):
    wait_for(lambda: state(system, restored) == 'stopped', 90, 'it to be switched off')
    tap.ok(all(e['id'] != restored for e in trash(system)), 'a desktop of its user\'s own is switched off, not deleted')
    for pid in system.pids('vedette-hostd'):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: system.log().count('notice main: ready') >= 2, 30, 'hostd to be back')
    client = session(system, 'alice', 'desk')
    tap.ok(desktop_of(system, 'alice') == restored and text_region(system, client) == typed,
           'and starts again with its disk, after hostd was killed too')
    code, text = system.ctl('desktop', 'delete', restored, check=False)
    tap.ok(code == 1 and 'alice' in text, 'it is not deleted under its user')
    leave(system, client)
    system.ctl('desktop', 'delete', restored)
    wait_for(lambda: any(e['id'] == restored for e in trash(system)), 90, 'the deleted one to be in the trash')
    tap.ok(state(system, restored) in ('none', 'gone'), 'deleted it is in the trash again')


def check_dedicated(tap, system):
    client = session(system, 'bob', 'own')
    mine = desktop_of(system, 'bob')
    client.do('type my own desktop')
    typed = text_region(system, client)
    leave(system, client)
    wait_for(lambda: state(system, mine) == 'stopped', 90, 'it to be switched off')
    client = session(system, 'bob', 'own')
    tap.ok(desktop_of(system, 'bob') == mine and text_region(system, client) == typed, 'a dedicated desktop is kept')
    leave(system, client)


def check_never(tap, system):
    before = len(trash(system))
    client = session(system, 'bob', 'never')
    gone = desktop_of(system, 'bob')
    leave(system, client)
    wait_for(lambda: state(system, gone) == 'none', 60, 'the desktop to be gone')
    tap.equal(len(trash(system)), before, 'Keep=never keeps nothing')


def check_emptied(tap, system):
    system.ctl('trash', 'empty')
    wait_for(lambda: not trash(system), 20, 'the trash to be empty')
    tap.equal(glob.glob(f'{system.state}/hostd/trash/*'), [], 'emptied, nothing is left on the disk')
    records = [json.load(open(path, encoding='utf-8'))
               for path in glob.glob(f'{system.state}/hostd/desktops/*/record.json')]
    tap.ok(all(record['stage'] != 'failed' for record in records), 'and no desktop has failed')


def main():
    tap = Tap()
    with System(USERS, POOLS, image='tiny-disk') as system:
        system.wait_ready('desk')
        restored, typed = check_floating(tap, system)
        check_kept(tap, system, restored, typed)
        check_dedicated(tap, system)
        check_never(tap, system)
        check_emptied(tap, system)
    tap.done()


if __name__ == '__main__':
    main()
