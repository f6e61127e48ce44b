#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Desktops leave as one file, also while they run, and come back through the trash as their user's own."""

import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from place import judge
from system import IMAGE, POOL, System, wait_for
from tap import Tap
from vdx import desktop_head, patched, u32, u64, vdx

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
BEFORE, AFTER = 'the report of Monday', ' and of Tuesday'


def pool(title, spares=1, **more):
    text = POOL.format(title=title, max=4, allow='Allow=alice bob', accel='any', spares=spares)
    text = text.replace('Name=tiny', 'Name=tiny-disk').replace('Clone=disk', f'Clone={more.get("clone", "disk")}')
    return text.replace('Type=floating', f'Type={more.get("type", "floating")}')


POOLS = {'desk': pool('Desk', clone='auto'), 'own': pool('Own', type='dedicated')}


def session(system, user, name):
    client = system.client(user, name, f'{user}-canary-{1 if user == "alice" else 2}', ['--size', '1024x768'])
    client.do('wait-live 90000', 100)
    client.do('wait-settled 300 20000')
    return client


def text_region(system, client):
    """The echoed text as the client shows it; the status lines above it change with every boot."""
    client.do('wait-settled 300 20000')
    client.do(f'dump {system.folder}/text.png')
    return read_png(f'{system.folder}/text.png').crop(40, 180, 320, 120).pixels


def session_of(system, user):
    return next(s for s in system.ctl('session', 'list')['sessions'] if s['user'] == user)


def leave(system, client):
    client.do('logoff')
    client.end()
    wait_for(lambda: not system.ctl('session', 'list')['sessions'], 20, 'the session to end')


def entry(system, name):
    return next((e for e in system.ctl('trash', 'list')['trash'] if e['id'] == name), None)


def holds(path, text):
    with open(path, 'rb') as file:
        return text.encode() in file.read()


def folder_of(system, desktop):
    return f'{system.state}/hostd/desktops/{desktop}'


def leave_nodes_behind(folder):
    """What an export that was killed leaves in the machine."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(60)
        at = os.open(folder, os.O_RDONLY)
        peer.connect(f'/proc/self/fd/{at}/qmp-rescue.sock')
        os.close(at)
        lines = peer.makefile('rw')
        lines.readline()
        for name, arguments in (('qmp_capabilities', {}),
                                ('blockdev-add', {'driver': 'null-co', 'node-name': 'export-file', 'size': 1 << 20})):
            lines.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
            lines.flush()
            while 'return' not in json.loads(lines.readline()):
                pass


def check_live(tap, system):
    """A forked desktop that its user is on."""
    client = session(system, 'alice', 'desk')
    mine = session_of(system, 'alice')
    desktop = mine['desktop']
    client.do(f'type {BEFORE}')
    typed = text_region(system, client)
    wait_for(lambda: holds(f'{folder_of(system, desktop)}/disk.qcow2', BEFORE), 120, 'the guest to write it out')
    judge(tap, os.path.exists(f'{folder_of(system, desktop)}/middle.qcow2'), 'the desktop is a fork')
    path = f'{system.folder}/live.vdx'
    said = system.ctl('desktop', 'export', mine['id'], path)
    tap.equal((said['desktop'], said['live']), (desktop, True), 'the desktop of a session is exported while it runs')
    listed = subprocess.run([IMAGE, 'import', path, '--images', f'{system.state}/images', '--json'], capture_output=True,
                            text=True, check=False)
    judge(tap, listed.returncode == 1 and 'desktop import' in listed.stdout, 'it is not taken for an image', listed.stdout)
    tap.equal(os.stat(path).st_mode & 0o777, 0o600, 'and nobody else reads it')
    client.do(f'type {AFTER}')
    judge(tap, text_region(system, client) != typed, 'the desktop goes on')
    code, text = system.ctl('desktop', 'export', desktop, path, check=False)
    judge(tap, code == 1 and 'exists' in text, 'a file that is there is not replaced', text)
    leave_nodes_behind(folder_of(system, desktop))
    again = f'{system.folder}/again.vdx'
    judge(tap, system.ctl('desktop', 'export', desktop, again)['live'], 'what a killed export left in the machine is no hindrance')
    leave(system, client)
    return desktop, typed, path


def check_trash(tap, system, desktop):
    wait_for(lambda: entry(system, desktop), 60, 'the trash to have it')
    path = f'{system.folder}/trash.vdx'
    said = system.ctl('desktop', 'export', desktop, path)
    tap.equal(said['live'], False, 'an entry of the trash is exported')
    for name in ('d-00000000', '../trash', 's-00000000'):
        code, _ = system.ctl('desktop', 'export', name, f'{system.folder}/none.vdx', check=False)
        judge(tap, code == 1 and not os.path.exists(f'{system.folder}/none.vdx'), f'{name} is not there, and no file is left')
    return path


def restore(system, path, *words):
    said = system.ctl('desktop', 'import', path, *words)
    wait_for(lambda: entry(system, said['id']), 60, 'the trash to have it')
    checked = subprocess.run(['qemu-img', 'check', '-q', '-f', 'qcow2', f'{system.state}/hostd/trash/{said["id"]}/disk.qcow2'],
                             check=False)
    assert checked.returncode == 0, f'the disk of {path} is damaged'
    return said, system.ctl('trash', 'restore', said['id'])['desktop']


def check_back(tap, system, typed, live, trash):
    """Each with what was on the disk when it was taken."""
    said, restored = restore(system, live)
    tap.equal((said['user'], said['pool']), ('alice', 'desk'), 'an import is for whom it was')
    client = session(system, 'alice', 'desk')
    tap.equal(session_of(system, 'alice')['desktop'], restored, 'its user gets it')
    judge(tap, text_region(system, client) == typed, 'with what was on its disk when it was taken')
    judge(tap, not holds(f'{folder_of(system, restored)}/disk.qcow2', system.state), 'its disk names no file')
    leave(system, client)
    said, restored = restore(system, trash, '--user', 'bob', '--pool', 'own')
    tap.equal((said['user'], said['pool']), ('bob', 'own'), 'or for whom one says')
    client = session(system, 'bob', 'own')
    judge(tap, session_of(system, 'bob')['desktop'] == restored and text_region(system, client) != typed and
          holds(f'{folder_of(system, restored)}/disk.qcow2', BEFORE + AFTER),
          'with all that was on the disk when it was deleted')
    leave(system, client)
    return restored


def check_stopped(tap, system, desktop):
    """One that is somebody's own, switched off."""
    wait_for(lambda: any(d['id'] == desktop and d['state'] == 'stopped' for d in system.ctl('desktop', 'list')['desktops']),
             90, 'it to be switched off')
    said = system.ctl('desktop', 'export', desktop, f'{system.folder}/stopped.vdx')
    tap.equal(said['live'], False, 'a desktop that is switched off is exported')


def check_hostile(tap, system):
    with open(f'{system.state}/images/tiny-disk/1/manifest.json', encoding='utf-8') as file:
        base = json.load(file)
    with open(f'{system.state}/images/tiny-disk/1/disk.qcow2', 'rb') as file:
        size = int.from_bytes(file.read(32)[24:], 'big')
    path = f'{system.folder}/overlay.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/shadow', '-F', 'raw', path, str(size)], check=True)
    with open(path, 'rb') as file:
        overlay = file.read()

    def bad(title, says, disk=overlay, files=None, **changes):
        files = files or [('disk.qcow2', disk)]
        with open(f'{system.folder}/bad.vdx', 'wb') as file:
            file.write(vdx(files, desktop_head(files, base, **changes)))
        code, text = system.ctl('desktop', 'import', f'{system.folder}/bad.vdx', check=False)
        left = [n for n in os.listdir(f'{system.state}/hostd') if n.startswith('importing-')]
        judge(tap, code == 1 and says in text and left == [], f'{title} is refused', f'{code} {text} {left}')

    bad('a desktop of an image that is not here', 'is not here', base={'name': 'x', 'revision': 1, 'digest': 'sha256:' + 64 * 'a'})
    bad('a disk with data elsewhere', 'another file', patched(overlay, (72, u64(4))))
    bad('an encrypted disk', 'encrypted', patched(overlay, (32, u32(1))))
    bad('a disk of another size', 'does not fit', patched(overlay, (24, u64(size - 512))))
    bad('raw bytes', 'no qcow2', bytes(65536))
    bad('a file that no desktop has', 'no desktop has', files=[('disk.qcow2', overlay), ('evil.qcow2', overlay)])
    bad('a user with a line in her name', 'plain text', desktop={'user': 'alice\nroot'})
    bad('a desktop without processors', 'number', desktop={'cpu': 0})
    files = [('disk.qcow2', overlay)]
    with open(f'{system.folder}/named.vdx', 'wb') as file:
        file.write(vdx(files, desktop_head(files, base)))
    said = system.ctl('desktop', 'import', f'{system.folder}/named.vdx')
    disk = f'{system.state}/hostd/trash/{said["id"]}/disk.qcow2'
    with open(disk, 'rb') as file:
        judge(tap, file.read(20)[8:] == bytes(12), 'a disk that names a file comes in without that name')
    folder = os.stat(f'{system.state}/hostd')
    owners = {(os.stat(f'{os.path.dirname(disk)}/{n}').st_uid, os.stat(f'{os.path.dirname(disk)}/{n}').st_gid)
              for n in os.listdir(os.path.dirname(disk))}
    tap.equal(owners, {(folder.st_uid, folder.st_gid)}, 'what came in belongs to the host')


def check_killed(tap, system, path):
    """kill -9 in the middle of an import; a pipe that stays open keeps it there."""
    pipe = f'{system.folder}/pipe'
    os.mkfifo(pipe)
    with open(path, 'rb') as file:
        good = file.read()
    before = len(os.listdir(f'{system.state}/hostd/trash'))
    process = subprocess.Popen([IMAGE, 'import-desktop', pipe, '--images', f'{system.state}/images', '--in-use',
                                f'{system.state}/hostd'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with open(pipe, 'wb', buffering=0) as file:
        file.write(good[:len(good) - 1000])
        wait_for(lambda: any(n.startswith('importing-') for n in os.listdir(f'{system.state}/hostd')), 60, 'it to begin')
        user = os.stat(f'/proc/{process.pid}').st_uid
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    tap.equal(user, os.stat(f'{system.state}/hostd').st_uid, 'what unpacks is the host\'s user, not root')
    removed = system.ctl('image', 'gc')['removed']
    left = [n for n in os.listdir(f'{system.state}/hostd') if n.startswith('importing-')]
    judge(tap, left == [] and len(os.listdir(f'{system.state}/hostd/trash')) == before and len(removed) == 1,
          'killed it leaves a folder, which gc removes, and no entry', f'{left} {removed}')


def main():
    tap = Tap()
    with System(USERS, POOLS, image='tiny-disk') as system:
        system.wait_ready('desk')
        desktop, typed, live = check_live(tap, system)
        trash = check_trash(tap, system, desktop)
        own = check_back(tap, system, typed, live, trash)
        check_stopped(tap, system, own)
        check_hostile(tap, system)
        check_killed(tap, system, live)
    tap.done()


main()
