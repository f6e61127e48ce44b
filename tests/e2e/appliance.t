#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Appliances (OVA, OVF with files) become revisions; hostile ones are refused before qemu-img sees them."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from ova import digests, ovf, vmdk, with_footer
from place import Place, identical, judge, refuse
from system import wait_for
from tap import Tap
from vdx import patched, tar

DISK = 'appliance-disk1.vmdk'
BYTES = 32 << 20
MORE_DISKS = '<Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>'
DEVICES = ('<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>'
           '<Item><rasd:ResourceType>35</rasd:ResourceType></Item><Item><rasd:ResourceType>15</rasd:ResourceType></Item>')
DTD = b'<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a "b"><!ENTITY b "&a;&a;&a;">]><Envelope>&b;</Envelope>'


def make_disk(place):
    """A disk with something on it, and the same as the VMDK of an appliance."""
    source = f'{place.folder}/source.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', source, str(BYTES)], check=True)
    subprocess.run(['qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 3M', '-c', 'write -P 9 20M 64k', source], check=True,
                   stdout=subprocess.DEVNULL)
    return source, vmdk(source, f'{place.folder}/source.vmdk')


def ova(disk, descriptor=None, listed=None, last=False, name=DISK):
    """An archive of descriptor, list of digests (b'': none) and disk; last: the list is at its end."""
    files = [('old.ovf', descriptor if descriptor is not None else ovf(disk, BYTES)), (name, disk)]
    text = listed if listed is not None else digests(files)
    members = [files[0], ('old.mf', text), files[1]] if not last else [*files, ('old.mf', text)]
    return tar([m for m in members if m != ('old.mf', b'')])


def check_ova(tap, place, source, disk):
    code, said, errors = place.run('import', place.file('old.ova', ova(disk)))
    judge(tap, code == 0 and (said['name'], said['revision']) == ('Old-office', 1), 'an OVA becomes a revision', f'{said} {errors}')
    folder = f'{place.images}/Old-office/1'
    judge(tap, identical(source, f'{folder}/disk.qcow2'), 'with what was on its disk')
    tap.equal(sorted(os.listdir(folder)), ['disk.qcow2', 'manifest.json'], 'and nothing else of it is kept')
    with open(f'{folder}/manifest.json', encoding='utf-8') as file:
        manifest = json.load(file)
    tap.equal((manifest['kind'], manifest['kernel'], manifest['memory_min_mb'], manifest['agent']), ('disk', None, 256, False),
              'its manifest says what the descriptor says')
    owner = os.stat(f'{folder}/disk.qcow2')
    tap.equal((owner.st_uid, owner.st_mode & 0o777), (os.getuid(), 0o644), 'the disk belongs to us')
    notes = '\n'.join(said['notes'])
    judge(tap, all(text in notes for text in ('2 processors and 256 MB', 'SCSI (lsilogic)', 'network card (E1000)', 'agent')),
          'what desktops do not have is said', notes)
    runs = place.runs()
    judge(tap, len(runs) == 1 and '-f vmdk -O qcow2' in ' '.join(runs[0]) and
          runs[0][0] == ('65534' if os.getuid() == 0 else str(os.getuid())),
          'qemu-img ran once, with formats given, and not as root', f'{runs}')
    tap.equal(place.run('list', '--verify')[0], 0, 'the revision is sound')

    code, said, errors = place.run('import', place.file('old.ova', ova(disk, last=True)), '--name', 'named')
    judge(tap, code == 0 and said['name'] == 'named', 'the list of digests may come last', f'{said} {errors}')
    listed = digests([('old.ovf', ovf(disk, BYTES)), (DISK, disk)], 'SHA1')
    code, said, errors = place.run('import', place.file('old.ova', ova(disk, listed=listed)), '--name', 'named')
    judge(tap, code == 0 and said['revision'] == 2, 'SHA1 is known, too', f'{said} {errors}')
    code, said, errors = place.run('import', place.file('old.ova', ova(disk, listed=b'')), '--name', 'named')
    judge(tap, code == 0 and 'no list of digests' in '\n'.join(said['notes']), 'without digests it says so', f'{said} {errors}')
    descriptor = ovf(disk, 32, disk_more=' ovf:capacityAllocationUnits="byte * 2^20"', items=DEVICES)
    code, said, errors = place.run('import', place.file('old.ova', ova(disk, descriptor)), '--name', 'named')
    notes = '\n'.join(said.get('notes', []))
    judge(tap, code == 0 and all(text in notes for text in ('EFI', 'a sound card', 'a CD drive')),
          'firmware and other devices are said', f'{said} {errors}')


def check_folder(tap, place, source, disk):
    folder = f'{place.folder}/folder'
    os.mkdir(folder)
    descriptor = ovf(disk, BYTES)
    for name, data in (('old.ovf', descriptor), (DISK, disk), ('old.mf', digests([('old.ovf', descriptor), (DISK, disk)]))):
        place.file(f'folder/{name}', data)
    code, said, errors = place.run('import', f'{folder}/old.ovf', '--name', 'beside')
    judge(tap, code == 0 and identical(source, f'{place.images}/beside/1/disk.qcow2'), 'an OVF with its files is taken', f'{said} {errors}')
    place.file('folder/old.mf', digests([('old.ovf', descriptor), (DISK, b'other')]))
    refuse(tap, place, f'{folder}/old.ovf', 'digest that is listed', 'with a wrong digest it is not')
    os.unlink(f'{folder}/old.mf')
    os.rename(f'{folder}/{DISK}', f'{place.folder}/elsewhere.vmdk')
    refuse(tap, place, f'{folder}/old.ovf', 'No such file', 'without its disk it is not')
    os.symlink(f'{place.folder}/elsewhere.vmdk', f'{folder}/{DISK}')
    refuse(tap, place, f'{folder}/old.ovf', DISK, 'with a link in place of its disk it is not')


def check_archives(tap, place, disk):
    def bad(data, says, name):
        refuse(tap, place, data, says, name, 'bad.ova')

    descriptor = ovf(disk, BYTES)
    bad(b'no archive' * 100, 'no', 'a file that is no archive is refused')
    bad(ova(disk)[:len(disk) // 2], 'damaged', 'a cut OVA is refused')
    bad(tar([(DISK, disk), ('old.ovf', descriptor)]), 'begin with a descriptor', 'a disk before the descriptor is refused')
    bad(tar([('old.ovf', descriptor)]), 'disk is missing', 'an OVA without its disk is refused')
    bad(tar([('old.ovf', descriptor), (DISK, disk), (DISK, disk)]), 'twice', 'two files of one name are refused')
    for name in ('../' + DISK, '/tmp/' + DISK, 'a/' + DISK):
        bad(tar([('old.ovf', descriptor), (name, disk)]), 'path', f'a member {name} is refused')
    info = tarfile.TarInfo(DISK)
    info.type, info.linkname = tarfile.SYMTYPE, '/etc/shadow'
    bad(tar([('old.ovf', descriptor), (info, b'')]), 'no plain file', 'a link in place of the disk is refused')
    files = [('old.ovf', descriptor), (DISK, disk)]
    bad(ova(disk, listed=digests([files[0], (DISK, disk[:-1])])), 'digest that is listed', 'a disk with another digest is refused')
    bad(ova(disk, listed=digests([('old.ovf', descriptor + b' '), files[1]])), 'digest that is listed',
        'a descriptor with another digest is refused')
    bad(ova(disk, listed=digests(files[:1])), 'not in its list', 'a disk without a digest among others is refused')
    bad(ova(disk, listed=digests(files, 'SHA512')), 'no SHA1 or SHA256', 'digests of another kind are refused')
    bad(ova(disk, listed=digests([files[0], ('../x', b'')])), 'path', 'a path in the digests is refused')
    bad(ova(disk, listed=b'SHA256(x)' * 20000), 'too long', 'digests without end are refused')


def check_descriptors(tap, place, disk):
    for title, says, descriptor in (
            ('no XML', 'no XML', b'once upon a time'),
            ('a DTD', 'DTD', DTD),
            ('a DTD from elsewhere', 'DTD', b'<?xml version="1.0"?><!DOCTYPE e SYSTEM "file:///etc/passwd"><Envelope/>'),
            ('no OVF', 'no OVF', b'<html/>'),
            ('two machines', 'more than one machine', b'<Envelope><VirtualSystemCollection/></Envelope>'),
            ('no machine', 'no machine', b'<Envelope/>'),
            ('two disks', 'more than one disk', ovf(disk, BYTES, items=MORE_DISKS)),
            ('a path to its disk', 'path', ovf(disk, BYTES, href='../../etc/shadow')),
            ('a disk at an address', 'path', ovf(disk, BYTES, href='http://192.0.2.1/disk.vmdk')),
            ('a disk on another one', 'stands on another', ovf(disk, BYTES, disk_more=' ovf:parentRef="x"')),
            ('a compressed disk', 'compressed', ovf(disk, BYTES, file_more=' ovf:compression="gzip"')),
            ('a disk in parts', 'parts', ovf(disk, BYTES, file_more=' ovf:chunkSize="1000"')),
            ('too large a disk', 'larger than', ovf(disk, 17, disk_more=' ovf:capacityAllocationUnits="byte * 2^40"')),
            ('another size than its disk', 'descriptor says', ovf(disk, BYTES * 2)),
            ('more than 1 MiB', 'too long', ovf(disk, BYTES, items=' ' * (1 << 20)))):
        refuse(tap, place, ova(disk, descriptor), says, f'a descriptor with {title} is refused', 'bad.ova')


def text_of(disk, old, new):
    """The descriptor within a VMDK, changed: it has room for more."""
    size = 512 * struct.unpack('<Q', disk[36:44])[0]
    text = disk[512:512 + size].rstrip(b'\0').replace(old, new)
    return disk[:512] + text.ljust(size, b'\0') + disk[512 + size:]


def check_disks(tap, place, source, disk):
    flat = (b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
            b'RW 65536 FLAT "/etc/shadow" 0\n').ljust(4096, b'\n')
    extent = b'RW 65536 SPARSE "source.vmdk"'
    streamed = with_footer(disk)
    hostile = {
        'a list of files': (flat, 'no VMDK with its data'),
        'a qcow2 that stands on /etc/shadow': (place.disk('shadow.qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw'), 'no VMDK'),
        'raw bytes': (bytes(65536), 'no VMDK'),
        'nothing': (b'', 'no VMDK'),
        'a capacity of 0': (patched(disk, (12, bytes(8))), 'it shows 0'),
        'a capacity beyond all limits': (patched(disk, (12, struct.pack('<Q', 1 << 40))), 'are allowed'),
        'version 9': (patched(disk, (4, struct.pack('<I', 9))), 'version 9'),
        'a grain of 0': (patched(disk, (20, bytes(8))), 'not possible'),
        'a table of billions': (patched(disk, (44, struct.pack('<I', 1 << 31))), 'not possible'),
        'a descriptor elsewhere': (patched(disk, (28, struct.pack('<Q', 9))), 'not where it should be'),
        'a parent': (text_of(disk, b'parentCID=ffffffff', b'parentCID=12345678'), 'stands on another'),
        'a parent by name': (text_of(disk, b'# Extent', b'parentFileNameHint="/etc/shadow"\n# Extent'), 'stands on another'),
        'a flat extent': (text_of(disk, extent, b'RW 65536 FLAT "/etc/shadow" 0'), 'in another file'),
        'an extent with a path': (text_of(disk, extent, b'RW 65536 SPARSE "/etc/shadow"'), 'no plain file'),
        'two extents': (text_of(disk, extent, extent + b'\n' + extent), '2 extents'),
        'no extent': (text_of(disk, extent, b''), '0 extents'),
        'a kind of many files': (text_of(disk, b'streamOptimized', b'twoGbMaxExtentSparse'), 'other files'),
        'a footer that says something else': (patched(streamed, (len(streamed) - 1012, struct.pack('<Q', 1))), 'different things'),
        'a footer without a capacity': (patched(streamed, (len(streamed) - 1012, bytes(8))), 'it shows 0'),
        'no footer': (streamed[:-512], 'footer is missing'),
        'half a sector at its end': (streamed + bytes(7), 'footer is missing'),
    }
    for title, (data, says) in hostile.items():
        refuse(tap, place, ova(data), says, f'a disk with {title} is refused', 'bad.ova')
    code, said, errors = place.run('import', place.file('old.ova', ova(streamed)), '--name', 'streamed')
    judge(tap, code == 0 and identical(source, f'{place.images}/streamed/1/disk.qcow2'), 'a VMDK with its tables at the end is taken',
          f'{said} {errors}')
    sparse = vmdk(source, f'{place.folder}/sparse.vmdk', 'monolithicSparse')
    code, said, errors = place.run('import', place.file('old.ova', ova(sparse)), '--name', 'sparse')
    judge(tap, code == 0 and identical(source, f'{place.images}/sparse/1/disk.qcow2'), 'a sparse VMDK without compression is taken',
          f'{said} {errors}')
    place.forget()
    broken = patched(disk, (70000, bytes(range(256)) * 8))
    code, said, _ = place.run('import', place.file('bad.ova', ova(broken)), '--name', 'bad')
    judge(tap, code == 1 and 'cannot be converted' in said['message'] and place.entries('bad') == ['.revision'] and place.runs(),
          'damage in the data is qemu-img\'s to find, and leaves nothing', f'{said} {place.entries("bad")}')


def check_killed(tap, place, disk):
    """kill -9 while qemu-img runs: it goes, too, and gc removes what is left."""
    place.forget()
    place.file('hold', b'')
    process = subprocess.Popen(place.command('import', place.file('old.ova', ova(disk)), '--name', 'half'), env=place.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int(wait_for(place.runs, 60, 'qemu-img to run')[0][1])
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    wait_for(lambda: not os.path.exists(f'/proc/{pid}'), 60, 'qemu-img to be gone')
    judge(tap, len(place.entries('half')) == 2, 'killed while it converts, it leaves a draft and no process', f'{place.entries("half")}')
    os.unlink(place.hold)
    code, said, errors = place.run('gc')
    judge(tap, code == 0 and place.entries('half') is None and place.entries('bad') is None, 'which gc removes', f'{said} {errors}')


def main():
    tap = Tap()
    place = Place()
    try:
        source, disk = make_disk(place)
        check_ova(tap, place, source, disk)
        check_folder(tap, place, source, disk)
        check_archives(tap, place, disk)
        check_descriptors(tap, place, disk)
        check_disks(tap, place, source, disk)
        check_killed(tap, place, disk)
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)
    tap.done()


main()
