#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Users sign in with their own account and bring their own disk to whatever desktop they get.

The broker's users are people of this machine in a mount namespace of this test.
"""

import fcntl
import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from namespaces import own_namespaces, people
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

PEOPLE = 'alice:x:4711:4700:Alice Able,room 1:/home/alice:/bin/bash\nbob:x:4712:4700::/home/bob:/bin/bash\n'
GROUPS = 'staff-of-test:x:4700:\nreaders:x:4701:alice\n'
PASSWORDS = {'alice': 'alice-canary-1', 'bob': 'bob-canary-2', 'carol': 'carol-canary-3'}
USERS = ''.join(f'user {name} password {password}\n' for name, password in PASSWORDS.items())
SECRET = 'alice saw the zebra'  # typed by alice, looked for where it must not be


def pool(title, clone='auto', spares=1):
    text = POOL.format(title=title, max=3, allow='Allow=alice bob carol', accel='any', spares=spares)
    return (text.replace('Clone=disk', f'Clone={clone}') + 'Account=user\n\n[UserDisk]\nSize=32M\n\n[Trash]\nKeep=never\n')


def enter(system, user, name='desk', seconds=90):
    client = system.client(user, name, PASSWORDS[user], ['--size', '1024x768'])
    client.do(f'wait-live {seconds * 1000}', seconds + 10)
    client.do('wait-settled 300 20000')
    return client


def shown(system, client, box=(40, 180, 320, 120)):
    """The echoed text as the client shows it, or another part of the screen."""
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/text.png')
    return read_png(f'{system.folder}/text.png').crop(*box).pixels


def record_of(system, user):
    desktop = next(s['desktop'] for s in system.ctl('session', 'list')['sessions'] if s['user'] == user)
    with open(f'{system.state}/hostd/desktops/{desktop}/record.json', encoding='utf-8') as file:
        return json.load(file)


def disk(system, user, name='desk'):
    return f'{system.state}/hostd/userdisks/{name}/{user}.img'


def leave(system, client):
    client.do('logoff')
    client.end()
    wait_for(lambda: not system.ctl('session', 'list')['sessions'], 30, 'the session to end')
    wait_for(lambda: all(is_free(path) for path in glob.glob(disk(system, '*'))), 60, 'their machines to end')
    wait_for(lambda: system.pool('desk').get('ready', 0) >= 1, 60, 'the next spare')


def ok(tap, condition, name, detail):
    if not condition:
        tap.note(detail)
    tap.ok(condition, name)


def is_free(path):
    """Whether no machine has the disk any more."""
    with open(path, 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False


def finds(path, text):
    """Whether text is in a file; the holes of a sparse one are passed over."""
    with open(path, 'rb') as file:
        size, at, rest = os.fstat(file.fileno()).st_size, 0, b''
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return False
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            os.lseek(file.fileno(), at, os.SEEK_SET)
            while at < end:
                chunk = os.read(file.fileno(), min(1 << 20, end - at))
                if text.encode() in rest + chunk:
                    return True
                rest, at = chunk[-len(text):], at + len(chunk)
    return False


def memory_finds(pid, text):
    """Whether text is in the memory of a process."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps, open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        for line in maps:
            first, last = (int(part, 16) for part in line.split()[0].split('-'))
            if 'r' not in line.split()[1] or '[v' in line:
                continue
            for at in range(first, last, 1 << 22):
                try:
                    if text.encode() in os.pread(memory.fileno(), min((1 << 22) + 64, last - at), at):
                        return True
                except OSError:
                    pass
    return False


def check_files(tap, system):
    client = enter(system, 'alice')
    empty = shown(system, client)
    names = {'alice': shown(system, client, (40, 36, 540, 20))}
    client.do(f'type {SECRET}')
    typed = shown(system, client)
    first = record_of(system, 'alice')
    tap.ok(typed != empty and first['userdisk'], 'alice has written something, and her disk is plugged')
    tap.ok(memory_finds(first['pid'], SECRET), 'which is in the memory of her machine')

    other = enter(system, 'bob')
    names['bob'] = shown(system, other, (40, 36, 540, 20))
    tap.ok(names['alice'] != names['bob'], 'each desktop has the name of its user')
    tap.ok(shown(system, other) == empty, 'bob sees nothing of it')
    other.do('type bob')
    leave_one(system, other)
    leave(system, client)
    tap.ok(finds(disk(system, 'alice'), SECRET), 'after the logoff it is on her disk')

    client = enter(system, 'alice')
    second = record_of(system, 'alice')
    tap.ok(second['id'] != first['id'] and shown(system, client) == typed, 'her next desktop is another one and has it')
    leave(system, client)


def leave_one(system, client):
    before = len(system.ctl('session', 'list')['sessions'])
    client.do('logoff')
    client.end()
    wait_for(lambda: len(system.ctl('session', 'list')['sessions']) < before, 30, 'the session to end')


def check_nothing_left(tap, system):
    """What the next user could get to: images, templates, overlays, memory of machines, other disks."""
    other = enter(system, 'bob')
    places = [path for path in glob.glob(f'{system.state}/**/*', recursive=True)
              if os.path.isfile(path) and path != disk(system, 'alice')]
    found = [path for path in places if finds(path, SECRET)]
    ok(tap, not found and len(places) > 10, f'none of {len(places)} files but her disk has it', str(found))
    machines = system.machines()
    found = [pid for pid in machines if memory_finds(pid, SECRET)]
    ok(tap, not found and machines, f'and no memory of {len(machines)} machines', str(found))
    leave_one(system, other)


def check_once_only(tap, system):
    """One disk, one machine: refused by hostd's lock, and by QEMU's own behind it."""
    client = enter(system, 'alice')
    pid = record_of(system, 'alice')['pid']
    tap.ok(not is_free(disk(system, 'alice')), 'the disk of a running desktop is locked')
    for hostd in system.pids('vedette-hostd'):
        os.kill(hostd, signal.SIGKILL)
    tap.ok(not is_free(disk(system, 'alice')), 'and stays so without hostd')
    done = subprocess.run(['qemu-io', '-f', 'raw', '-c', 'write 0 512', disk(system, 'alice')], capture_output=True,
                          text=True, check=False)
    ok(tap, 'lock' in done.stderr + done.stdout and done.returncode != 0, 'QEMU refuses a second writer by itself',
           done.stderr + done.stdout)
    client.do('type !')
    tap.ok(record_of(system, 'alice')['pid'] == pid, 'her desktop runs on')
    wait_for(lambda: system.status().get('hosts', [{}])[0].get('connected'), 60, 'hostd to be back')

    with open(disk(system, 'bob'), 'rb+') as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        late = system.client('bob', 'desk', PASSWORDS['bob'], ['--size', '1024x768'])
        wait_for(lambda: 'still in use by another desktop' in system.log(), 60, 'the refusal')
        wait_for(lambda: 'still in use' in late.ask('state').get('text', ''), 30, 'a word to the user')
        tap.ok(True, 'whose files are in use elsewhere reads so')
    late.do('wait-live 90000', 100)
    tap.ok(record_of(system, 'bob')['userdisk'], 'and gets in when they are free')
    leave_one(system, late)
    leave(system, client)


def check_kills(tap, system):
    """hostd dies while somebody signs in; her session comes nevertheless, once, with her files."""
    for delay_ms in (0, 30, 80, 150, 300):
        client = system.client('alice', 'desk', PASSWORDS['alice'], ['--size', '1024x768'])
        wait_for(lambda: any(s.get('desktop') for s in system.ctl('session', 'list')['sessions']), 60, 'a desktop')
        time.sleep(delay_ms / 1000)  # the moment of the fault, not a wait
        for hostd in system.pids('vedette-hostd'):
            os.kill(hostd, signal.SIGKILL)
        client.do('wait-live 90000', 100)
        leave(system, client)
    machines = [pid for pid in system.machines()
                if any(os.path.realpath(fd) == disk(system, 'alice') for fd in glob.glob(f'/proc/{pid}/fd/*'))]
    tap.equal(machines, [], 'after five kills of hostd during a sign-in nobody holds the disk')
    client = enter(system, 'alice')
    tap.ok(record_of(system, 'alice')['userdisk'], 'and alice gets in with it')
    leave(system, client)


def check_reset(tap, system):
    """A guest that starts anew knows nobody; its user is signed in again."""
    client = enter(system, 'alice')
    before = shown(system, client)
    desktop = record_of(system, 'alice')['id']
    count = system.log().count("'alice' is signed in")
    system.monitor(desktop, {'execute': 'system_reset'})
    wait_for(lambda: system.log().count("'alice' is signed in") > count, 60, 'her to be signed in again')
    tap.ok(shown(system, client) == before, 'after a restart of the guest her files are there again')
    leave(system, client)


def check_refusals(tap, system):
    client = system.client('carol', 'desk', PASSWORDS['carol'])
    answer = wait_for(lambda: (lambda state: state if state.get('text') else None)(client.ask('state')), 30, 'a refusal')
    ok(tap, 'does not know it' in answer['text'], 'who is no person of the system reads why', str(answer))
    client.end()
    why = system.ctl('why', 'carol', 'desk', check=False)[1]
    ok(tap, 'Account=user' in why and '1000' in why, 'and so does the administrator', why)


def check_delete(tap, system):
    """An administrator deletes what a user left; never under her feet, and for good."""
    disks = {entry['user']: entry for entry in system.ctl('disk', 'list')['disks']}
    tap.equal(sorted(disks), ['alice', 'bob'], 'the disks are listed')
    tap.equal(disks['alice']['state'], 'free', 'as free')
    client = enter(system, 'alice')
    code, text = system.ctl('disk', 'delete', 'desk', 'alice', check=False)
    ok(tap, code == 1 and 'session end' in text, 'one in use is not deleted', text)
    leave(system, client)
    for hostd in system.pids('vedette-hostd'):
        os.kill(hostd, signal.SIGKILL)
    system.ctl('disk', 'delete', 'desk', 'alice')
    wait_for(lambda: [d['user'] for d in system.ctl('disk', 'list')['disks']] == ['bob'], 60, 'it to be gone')
    tap.ok(not os.path.exists(disk(system, 'alice')), 'its file is gone, though hostd had been killed')
    code, text = system.ctl('disk', 'delete', 'desk', 'alice', check=False)
    ok(tap, code == 1 and 'disk list' in text, 'what is not there says where to look', text)
    client = enter(system, 'alice')
    tap.ok(not finds(disk(system, 'alice'), SECRET), 'and she begins anew')
    leave(system, client)


def main():
    own_namespaces(people(PEOPLE, GROUPS))
    tap = Tap()
    with System(USERS, {'desk': pool('Desk')}) as system:
        system.wait_ready('desk')
        check_files(tap, system)
        check_nothing_left(tap, system)
        check_once_only(tap, system)
        check_reset(tap, system)
        check_kills(tap, system)
        check_refusals(tap, system)
        check_delete(tap, system)
    tap.done()


main()
