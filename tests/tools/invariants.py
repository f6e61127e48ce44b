# SPDX-License-Identifier: Apache-2.0
"""invariants: what has to be true of a host's state folder whatever was killed, once it has come to rest.

As a program: python3 invariants.py STATE [UID_BASE] prints what is broken, a line each, and exits with 1.
"""

import json
import os
import sys

FIRST_DESKTOP_UID = 100  # beyond the base, docs/ADMIN.md
LAST_DESKTOP_UID = 100 + 16384
DESKTOP_FILES = {'record.json', 'machine.log', 'disk.qcow2', 'middle.qcow2', 'qmp.sock', 'qmp-rescue.sock', 'agent.sock',
                 'identity.json', 'parked', 'streamer.json', 'streamer.log', 'streamer.sock'}


def processes():
    """(pid, effective uid, arguments) of everything that runs."""
    found = []
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open(f'/proc/{entry}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
            uid = os.stat(f'/proc/{entry}').st_uid
        except OSError:
            continue  # it has just ended
        if words[0]:
            found.append((int(entry), uid, words))
    return found


def option(words, name):
    return words[words.index(name) + 1] if name in words[:-1] else None


def read_json(path, problems):
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        problems.append(f'{path} does not read: {error}')
        return None


def is_ours(state, pid):
    """Whether a process writes its log into this state folder: other installations may have the same users."""
    try:
        return os.readlink(f'/proc/{pid}/fd/2').startswith(f'{state}/')
    except OSError:
        return False  # it has just ended


def check_desktops(state, problems):
    """Records by id; each folder explains itself."""
    records, uuids, slots = {}, {}, {}
    folder = f'{state}/hostd/desktops'
    for name in sorted(os.listdir(folder)):
        record = read_json(f'{folder}/{name}/record.json', problems)
        if record is None:
            continue
        records[name] = record
        if record['id'] != name:
            problems.append(f'{name} has the record of {record["id"]}')
        if record['uuid'] in uuids:
            problems.append(f'{name} and {uuids[record["uuid"]]} are the same machine')
        uuids[record['uuid']] = name
        if record['stage'] == 'running':
            if record['slot'] in slots:
                problems.append(f'{name} and {slots[record["slot"]]} run in the same slot')
            slots[record['slot']] = name
        extra = set(os.listdir(f'{folder}/{name}')) - DESKTOP_FILES
        if extra:
            problems.append(f'{name} has files that nobody knows: {sorted(extra)}')
    return records


def check_machines(state, records, uid_base, problems):
    """Every machine is a desktop's or a template's, every running desktop has its machine, no user is left over."""
    by_uuid = {}
    for pid, uid, words in processes():
        if os.path.basename(words[0]).startswith('qemu-system') and option(words, '-uuid'):
            by_uuid.setdefault(option(words, '-uuid'), []).append((pid, uid))
    templates = f'{state}/hostd/templates'
    known = {record['uuid']: name for name, record in records.items()}
    for name in os.listdir(templates) if os.path.isdir(templates) else []:
        if os.path.exists(f'{templates}/{name}/record.json'):
            record = read_json(f'{templates}/{name}/record.json', problems)
            known[record['uuid']] = name
    for uuid, pids in by_uuid.items():
        if uuid in known and len(pids) > 1:
            problems.append(f'{known[uuid]} runs {len(pids)} times')
    for name, record in records.items():
        runs = [pid for pid, _uid in by_uuid.get(record['uuid'], [])]
        if record['stage'] == 'running' and runs != [record['pid']]:
            problems.append(f'{name} is {record["pid"]} by its record and {runs} by its machine')
        if record['stage'] in ('stopped', 'gone', 'failed') and runs:
            problems.append(f'{name} is {record["stage"]} and runs as {runs}')
    if uid_base is None:
        return
    slots = {record['slot'] for record in records.values() if record['stage'] == 'running'}
    for pid, uid, words in processes():
        slot = uid - uid_base - FIRST_DESKTOP_UID
        if FIRST_DESKTOP_UID <= uid - uid_base < LAST_DESKTOP_UID - 1 and slot not in slots and is_ours(state, pid):
            problems.append(f'process {pid} ({words[0]}) runs as the user of slot {slot}, which no desktop has')


def check_trash(state, records, problems):
    folder = f'{state}/hostd/trash'
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        files = set(os.listdir(f'{folder}/{name}'))
        if not {'trash.json', 'disk.qcow2'} <= files or files - {'trash.json', 'disk.qcow2', 'middle.qcow2'}:
            problems.append(f'the trash has {name} with {sorted(files)}')
        if os.path.exists(f'{state}/hostd/desktops/{name}/disk.qcow2'):
            problems.append(f'{name} is in the trash and a desktop')


def check_templates(state, problems):
    folder = f'{state}/hostd/templates'
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        files = set(os.listdir(f'{folder}/{name}'))
        if 'template.json' in files and not {'ram', 'state'} <= files:
            problems.append(f'template {name} is finished without {sorted({"ram", "state"} - files)}')


def check(state, uid_base=None, broker=None):
    """What is broken; broker: the answer of 'desktop list', to compare with."""
    problems = []
    records = check_desktops(state, problems)
    check_machines(state, records, uid_base, problems)
    check_trash(state, records, problems)
    check_templates(state, problems)
    if broker is not None:
        wanted = {desktop['id'] for desktop in broker}
        for name in wanted - set(records):
            problems.append(f'the broker has {name}, its host does not')
        for name in set(records) - wanted:
            problems.append(f'the host has {name}, the broker does not')
    return problems


def main():
    if len(sys.argv) not in (2, 3):
        print('usage: invariants.py STATE [UID_BASE]', file=sys.stderr)
        return 2
    problems = check(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else None)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
