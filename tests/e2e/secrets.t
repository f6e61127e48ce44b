#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""While a desktop is shown: who listens on the network, and where no password, ticket or key may appear."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, open_with_ticket
from system import POOL, System, process_children
from tap import Tap

PASSWORD = 'canary-password-5d41402abc'
OTHER = 'canary-password-9e107d9d37'
USERS = f'user alice password {PASSWORD}\nuser bob password {OTHER}\n'
POOLS = {'desk': POOL.format(title='Desk', max=2, allow='Allow=alice bob', accel='any', spares=1)}


def listeners(system):
    """Program names below `up` that listen on a TCP port."""
    names = dict(process_children(system.up.pid))
    names[system.up.pid] = 'vedettectl'
    text = subprocess.run(['ss', '-H', '-ltnp'], capture_output=True, text=True, check=True).stdout
    return sorted({name for pid, name in names.items() if f'pid={pid},' in text})


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return b''


def files_below(folder, skip=()):
    for root, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in skip]
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path):
                yield path


def tokens(system):
    """What the API and vedettectl hand out: a login's bearer token, tickets used and not, a host's join token."""
    api = Api(system)
    api.login('bob', [OTHER])
    used = api.connect('desk')['ticket']
    result, stream = open_with_ticket(system, used)
    if result != 'stream':
        raise AssertionError(f'the ticket was not taken: {result}')
    found = {'other password': OTHER, 'bearer token': api.token, 'used ticket': used,
             'fresh ticket': api.connect('desk')['ticket'], 'join token': system.ctl('host', 'token', 'elsewhere')['token']}
    stream.close()
    return {name: value.encode() for name, value in found.items()}


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice = system.client('alice', 'desk', PASSWORD)
        alice.do('wait-live 60000', 70)
        tap.equal(listeners(system), ['vedette-broker', 'vedette-gateway'],
                  'only broker and gateway listen; hostd, streamer and QEMU on no port')
        secrets = {'password': PASSWORD.encode()}
        for name in ('ca.key', 'gateway.key', 'broker.key'):
            lines = read(f'{system.state}/pki/{name}').splitlines()
            secrets[name] = lines[1] if len(lines) > 2 else b''
        secrets.update(tokens(system))
        tap.ok(all(secrets.values()), f'there are secrets to look for: {", ".join(secrets)}')
        pids = [pid for pid, _ in process_children(system.up.pid)] + [system.up.pid, alice.process.pid]
        for where in ('cmdline', 'environ'):
            found = [(pid, name) for pid in pids for name, value in secrets.items()
                     if value in read(f'/proc/{pid}/{where}')]
            tap.equal(found, [], f'no secret in any {where}')
        found = [name for name, value in secrets.items() if value in read(system.log_path)]
        tap.equal(found, [], 'no secret in the logs')
        found = [(path, name) for path in files_below(f'{system.state}', skip=('images', 'pki')) for name, value in secrets.items()
                 if value in read(path)]
        tap.equal(found, [], 'no secret in the state folder outside pki: database, WAL, records')
        modes = {name: oct(os.stat(f'{system.state}/pki/{name}').st_mode & 0o777) for name in os.listdir(f'{system.state}/pki')
                 if name.endswith('.key')}
        tap.equal({m for m in modes.values()}, {'0o600'}, 'keys are for their owner only')
        for name in ('vedette-broker', 'vedette-gateway', 'vedette-streamer'):
            for pid in system.pids(name):
                status = read(f'/proc/{pid}/status').decode()
                fields = dict(line.split(':\t', 1) for line in status.splitlines() if ':\t' in line)
                if os.geteuid() == 0:
                    tap.ok(fields['Uid'].split()[1] != '0', f'{name} is not root')
                    tap.equal(int(fields['CapEff'], 16), 0, f'{name} has no capability')
        for pid in system.machines():
            status = read(f'/proc/{pid}/status').decode()
            tap.ok('Seccomp:\t2' in status, "QEMU's own sandbox is on")
    tap.done()


main()
