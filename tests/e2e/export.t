#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Revisions leave and enter as one file; what is foreign is refused before QEMU or its tools see it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from place import Place, identical, judge, refuse
from system import tiny_image, wait_for
from tap import Tap
from vdx import head, patched, tar, u32, u64, vdx, zstd

def check_round(tap, place):
    """There and back, and what comes back is the same."""
    source = tiny_image('tiny-disk')
    disk = f'{source}/tiny-disk/1/disk.qcow2'
    path = f'{place.folder}/tiny.vdx'
    code, said, errors = place.run('export', 'tiny-disk:1', path, images=source)
    judge(tap, code == 0 and said['digest'].startswith('sha256:'), 'a revision is exported', errors)
    again = f'{place.folder}/again.vdx'
    place.run('export', 'tiny-disk:1', again, images=source)
    with open(path, 'rb') as first, open(again, 'rb') as second:
        judge(tap, first.read() == second.read(), 'twice gives the same bytes')
    code, said, errors = place.run('export', 'tiny-disk:1', path, images=source)
    judge(tap, code == 1 and 'exists' in said['message'], 'a file that is there is not replaced', f'{said}')
    code, said, errors = place.run('export', 'tiny-disk:7', f'{place.folder}/none.vdx', images=source)
    judge(tap, code == 1 and not os.path.exists(f'{place.folder}/none.vdx'), 'what is not there leaves no file', f'{said}')
    judge(tap, os.stat(path).st_mode & 0o777 == 0o600, 'only its owner reads an export')
    judge(tap, os.path.getsize(path) < sum(os.path.getsize(f'{source}/tiny-disk/1/{n}') for n in os.listdir(f'{source}/tiny-disk/1')) / 2,
           'it is compressed')

    code, said, errors = place.run('import', path, '--name', 'copy')
    judge(tap, code == 0 and (said['name'], said['revision'], said['known']) == ('copy', 1, False),
           'it is imported under another name', f'{said} {errors}')
    judge(tap, identical(disk, f'{place.images}/copy/1/disk.qcow2'), 'with the same content on its disk')
    with open(f'{source}/tiny-disk/1/manifest.json', encoding='utf-8') as file:
        was = json.load(file)
    with open(f'{place.images}/copy/1/manifest.json', encoding='utf-8') as file:
        became = json.load(file)
    same = ('kind', 'cmdline', 'memory_min_mb', 'agent', 'description', 'files', 'digest')
    tap.equal([became[key] for key in same], [was[key] for key in same], 'and the same manifest but for name, number and time')
    tap.equal(place.run('list', '--verify')[0], 0, 'which is sound')
    code, said, errors = place.run('import', path, '--name', 'copy')
    judge(tap, code == 0 and (said['revision'], said['known']) == (1, True) and place.entries('copy') == ['.revision', '1'],
           'the same once more is known and not stored twice', f'{said}')
    with open(f'{place.images}/copy/1/vmlinuz', 'ab') as file:
        file.write(b'x')
    code, said, errors = place.run('import', path, '--name', 'copy')
    judge(tap, code == 0 and (said['revision'], said['known']) == (2, False), 'unless what is there is damaged', f'{said}')
    code, said, errors = place.run('import', path, '--name', '../copy')
    judge(tap, code == 1 and 'name' in said['message'], 'a name that is a path is refused', f'{said}')
    return path


def check_damaged(tap, place, path):
    with open(path, 'rb') as file:
        good = file.read()
    kernel = ('vmlinuz', b'kernel' * 1000)
    refuse(tap, place, b'', 'no archive', 'an empty file is refused')
    refuse(tap, place, b'no archive' * 100, 'no archive', 'a file that is no archive is refused')
    for part in (1, 2, 3):
        refuse(tap, place, good[:len(good) * part // 4], 'damaged', f'cut after {part} quarters it is refused')
    files = [kernel]
    wrong = head([('vmlinuz', b'kernel' * 999 + b'kernol')], kind='kernel')
    refuse(tap, place, vdx(files, wrong), 'digest', 'a file with another digest is refused')
    wrong = head([('vmlinuz', b'kernel' * 999)], kind='kernel')
    refuse(tap, place, vdx(files, wrong), 'too long', 'a longer file is refused')
    wrong = head([('vmlinuz', b'kernel' * 1001)], kind='kernel')
    refuse(tap, place, vdx(files, wrong), 'digest', 'a shorter file is refused')
    text = head(files, kind='kernel')
    refuse(tap, place, vdx(files, text.replace(b'"memory_min_mb": 64', b'"memory_min_mb": 65')), 'digest of its head',
           'a changed head is refused')
    refuse(tap, place, vdx([], text), 'missing', 'a missing file is refused')
    refuse(tap, place, vdx([kernel, ('more', b'')], text), 'more files', 'a file too many is refused')
    refuse(tap, place, zstd(tar([kernel, ('vedette.json', text)])), 'missing', 'a head that is not first is refused')
    refuse(tap, place, vdx(files, b'[' * 200000), 'too long', 'a head without end is refused')
    refuse(tap, place, vdx(files, head(files, kind='kernel', digest='sha256:' + 64 * '0')), 'digest',
           'a manifest with a wrong digest is refused')


def check_members(tap, place):
    """Archives that would write elsewhere."""
    kernel = ('vmlinuz', b'kernel')
    text = head([kernel], kind='kernel')
    for name in ('../vmlinuz', '/etc/vmlinuz', './vmlinuz', 'a/vmlinuz', '.hidden'):
        refuse(tap, place, zstd(tar([('vedette.json', text), (name, b'kernel')])), 'path', f'a member {name} is refused')
    for kind, title in ((tarfile.SYMTYPE, 'symbolic link'), (tarfile.LNKTYPE, 'hard link'), (tarfile.DIRTYPE, 'folder'),
                        (tarfile.CHRTYPE, 'device'), (tarfile.FIFOTYPE, 'pipe')):
        info = tarfile.TarInfo('vmlinuz')
        info.type, info.linkname = kind, '/etc/passwd'
        refuse(tap, place, zstd(tar([('vedette.json', text), (info, b'')])), 'no plain file', f'a {title} is refused')
    for files, changes, name in (([('evil.bin', b'x'), kernel], {}, 'a file that no image has is refused'),
                                 ([('vmlinuz', b'x')], {'disk': 'vmlinuz', 'kind': 'disk', 'kernel': None},
                                  'a kernel in the role of the disk is refused')):
        refuse(tap, place, vdx(files, **{'kind': 'kernel', **changes}), 'refused', name)


def check_disks(tap, place):
    """Disks that QEMU would follow elsewhere. The right one goes in, each other one says why not."""
    plain = place.disk('plain.qcow2')
    code, said, errors = place.run('import', place.file('plain.vdx', vdx([('disk.qcow2', plain)])))
    judge(tap, code == 0 and said['name'] == 'foreign', 'a plain disk is taken', f'{said} {errors}')
    place.disk('base.qcow2')
    real = {
        'a backing file': (place.disk('overlay.qcow2', '-b', f'{place.folder}/base.qcow2', '-F', 'qcow2'), 'stands on another'),
        'a backing file /etc/shadow': (place.disk('shadow.qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw'), 'stands on another'),
        'an external data file': (place.disk('data.qcow2', '-o', 'data_file=elsewhere.raw'), 'another file'),
        # By its field: making one measures how fast the processor derives keys, and fails on a busy one.
        'encryption': (patched(plain, (32, u32(2))), 'encrypted'),
        'subclusters': (place.disk('sub.qcow2', '-o', 'extended_l2=on'), 'not known'),
        'more than 16 TiB': (place.disk('large.qcow2', '-o', 'cluster_size=2M', size='17T'), 'are allowed'),
    }
    for option, title, says in (('snapshot -c one', 'a snapshot', 'snapshots'), ('bitmap --add', 'a bitmap', 'bitmaps')):
        place.disk('inside.qcow2')
        verb, *rest = option.split()
        last = [f'{place.folder}/inside.qcow2'] + (['b0'] if verb == 'bitmap' else [])
        subprocess.run(['qemu-img', verb, *rest, *last], check=True)
        with open(f'{place.folder}/inside.qcow2', 'rb') as file:
            real[title] = (file.read(), says)
    real.update({
        'raw bytes': (b'\0' * 65536, 'no qcow2'),
        'the bytes of a VMDK': (b'KDMV' + b'\0' * 65536, 'no qcow2'),
        'version 4': (patched(plain, (4, u32(4))), 'version 4'),
        'a feature that nobody knows': (patched(plain, (72, u64(1 << 40))), 'not known'),
        'a mark of damage': (patched(plain, (72, u64(2))), 'damaged'),
        'clusters of 2^31 bytes': (patched(plain, (20, u32(31))), 'clusters'),
        'a table beyond its end': (patched(plain, (40, u64(1 << 40))), 'table'),
        'half a header': (plain[:80], 'header'),
    })
    for title, (data, says) in real.items():
        refuse(tap, place, vdx([('disk.qcow2', data)]), says, f'a disk with {title} is refused')


def check_killed(tap, place, path):
    """kill -9 in the middle; a pipe that stays open keeps it there."""
    pipe = f'{place.folder}/pipe'
    os.mkfifo(pipe)
    with open(path, 'rb') as file:
        good = file.read()
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(place.command('import', pipe, '--name', 'half'), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(pipe, 'wb', buffering=0) as file:
            file.write(good[:len(good) // 2])
            wait_for(lambda: any(e.startswith('.building-') for e in place.entries('half') or []), 60, 'a draft')
            process.send_signal(number)
            if number == signal.SIGTERM:
                with contextlib.suppress(BrokenPipeError):  # it looks for the signal when bytes come
                    file.write(good[len(good) // 2:-1000])
            else:
                process.wait(60)
        process.wait(60)
        left = place.entries('half')
        judge(tap, process.returncode != 0 and '1' not in left, f'ended by {number.name} an import is no revision', f'{left}')
        if number == signal.SIGTERM:
            tap.equal(left, ['.revision'], 'ended by SIGTERM it tidies up')
        else:
            judge(tap, len(left) == 2, 'ended by SIGKILL it leaves a draft', f'{left}')
    code, said, errors = place.run('gc')
    judge(tap, code == 0 and place.entries('half') is None, 'which gc removes, with the folder of an image that never was',
           f'{said} {errors}')
    code, said, errors = place.run('import', path, '--name', 'half')
    judge(tap, code == 0 and said['revision'] == 1, 'then it is imported as if nothing had been', f'{said} {errors}')
    judge(tap, place.entries('bad') is None, 'nothing is left of all that was refused')


def main():
    tap = Tap()
    place = Place()
    try:
        path = check_round(tap, place)
        check_damaged(tap, place, path)
        check_members(tap, place)
        check_disks(tap, place)
        check_killed(tap, place, path)
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)
    tap.done()


main()
