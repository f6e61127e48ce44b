#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an administrator meets: a full or read-only disk of a host, a damaged image, drain, session end, Deny, gateways."""

import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, Refused
from system import POOL, System, wait_for
from tap import Tap

USERS = ''.join(f'user {name} password {name}-canary-1\n' for name in ('alice', 'bob'))
DISK_MIB = 160
HOSTD_UID = 62003  # vedettectl up's own choice


def pool(deny='', spares=1, name='tiny'):
    text = POOL.format(title='Desk', max=3, allow=f'Allow=alice bob\n{deny}', accel='any', spares=spares)
    return text.replace('Name=tiny', f'Name={name}')


def host(system):
    return (system.status().get('hosts') or [{}])[0]


def kill_and_wait(system, program):
    old = system.pids(program)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: system.pids(program) and not set(old) & set(system.pids(program)), 30, f'another {program}')


def session_of(system, user):
    return next((s for s in system.status().get('sessions', []) if s['user'] == user), {})


def works(client):
    """Input goes out and a settled picture is there."""
    client.do('wait-live 30000', 40)
    client.do('type x')
    return client.do('wait-settled 100 5000', 10)['width'] > 0


def follows(client):
    """New frames come after a key, on a stream that lives."""
    before = client.do('state')
    if before['state'] != 'live' or not client.ask('type x').get('ok'):
        return False
    client.ask('wait-settled 60 2000')
    return client.do('state')['frames'] > before['frames']


def trouble(tap, system, alice, what):
    """The host's state folder cannot be written now."""
    machines, desktop = system.machines(), alice.do('state')['desktop']
    wait_for(lambda: host(system).get('text'), 30, 'the host to report it')
    tap.note(host(system)['text'])
    code, text = subprocess_ctl(system, 'host', 'list')
    tap.ok(code == 0 and 'degraded' in text, f'{what}: the host is shown as degraded')
    tap.ok(works(alice), f'{what}: what runs goes on')
    kill_and_wait(system, 'vedette-hostd')
    wait_for(lambda: host(system).get('connected'), 30, 'hostd to be back')
    wait_for(lambda: any(d['id'] == desktop and d['state'] == 'ready' for d in system.status()['desktops']), 30,
             'the desktop to be adopted')
    tap.equal(machines - system.machines(), set(), f'{what}: hostd starts on it and kills nothing')
    tap.ok(works(alice), f'{what}: and the picture follows')


def subprocess_ctl(system, *words):
    done = subprocess.run([f'{os.environ["VEDETTE_BUILD"]}/broker/ctl/vedettectl', '--state', system.state, *words],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def full_disk(tap, system, alice):
    filler = f'{system.state}/hostd/filler'
    with open(filler, 'wb') as file:
        try:
            while True:
                file.write(b'\0' * 65536)
                file.flush()
        except OSError:
            pass
    trouble(tap, system, alice, 'full')
    os.unlink(filler)
    wait_for(lambda: host(system).get('text') == '', 30, 'the host to be well')
    tap.ok(True, 'with room again the host is well')


def read_only(tap, system, alice):
    folders = [f'{system.state}/hostd'] + [root for root, _, _ in os.walk(f'{system.state}/hostd/desktops')]
    for folder in folders:
        os.chmod(folder, 0o500)
    trouble(tap, system, alice, 'read-only')
    for folder in folders:
        os.chmod(folder, 0o700)
    wait_for(lambda: host(system).get('text') == '', 30, 'the host to be well')
    system.ctl('reload')
    system.wait_ready('desk')
    tap.ok(True, 'when it can be written again a spare is there')


def damaged_image(tap, system):
    shutil.copytree(f'{system.state}/images/tiny', f'{system.state}/images/broken')
    manifest = f'{system.state}/images/broken/1/manifest.json'
    with open(manifest, encoding='utf-8') as file:
        text = file.read()
    with open(manifest, 'w', encoding='utf-8') as file:
        file.write(text.replace('"name": "tiny"', '"name": "broken"', 1))
    with open(f'{system.state}/images/broken/1/initrd.img', 'r+b') as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    wait_for(lambda: any(i['name'] == 'broken' for i in host(system).get('images', [])), 20, 'the host to see the image')
    before = system.machines()
    system.write_pool('other', pool(name='broken'))
    system.ctl('reload')
    wait_for(lambda: 'is not the file that the manifest describes' in system.log(), 30, 'the damage to be found')
    wait_for(lambda: not any(i['name'] == 'broken' for i in host(system).get('images', [])), 20, 'it to be reported no more')
    tap.equal(system.machines() - before, set(), 'nothing starts from a damaged image')
    os.unlink(f'{system.config}/pools.d/other.pool')
    system.ctl('reload')


def session_end(tap, system, alice):
    started, session = time.monotonic(), session_of(system, 'alice')
    system.ctl('session', 'end', session['id'])
    state = wait_for(lambda: (s := alice.do('state'))['state'] == 'ended' and s, 10, 'the client to hear of it')
    seconds = time.monotonic() - started
    tap.note(f'the client heard of it after {seconds:.2f} s: {state["text"]}')
    tap.ok(seconds < 2, 'an administrator ends a session and its stream within 2 s')
    tap.ok('administrator' in state['text'], 'with the reason')
    wait_for(lambda: all(d['id'] != session['desktop'] for d in system.status()['desktops']), 30, 'her desktop to be gone')


def deny(tap, system, bob):
    machines, session = system.machines(), session_of(system, 'bob')
    system.write_pool('desk', pool('Deny=bob'))
    system.ctl('reload')
    tap.equal(session_of(system, 'bob').get('id'), session['id'], 'a Deny that is loaded ends no session')
    tap.equal(machines - system.machines(), set(), 'and no desktop')
    api = Api(system)
    api.login('bob', ['bob-canary-1'])
    tap.equal(api.get('/api/pools')['pools'], [], 'the pool is not shown any more')
    status, answer = api.call('POST', '/api/connect', {'pool': 'desk'})
    tap.equal((status, answer.get('error')), (403, 'denied'), 'nor given')
    system.write_pool('desk', pool())
    system.ctl('reload')
    bob.end()
    bob = system.client('bob', 'desk', 'bob-canary-1')
    bob.do('wait-live 30000', 40)
    tap.equal(bob.do('state')['session'], session['id'], 'without the Deny it is the same session again')
    return bob


def drain(tap, system):
    name = host(system)['name']
    system.ctl('host', 'drain', name)
    wait_for(lambda: len(system.status()['desktops']) == len([s for s in system.status()['sessions'] if s['desktop']]), 60,
             'the spares to go')
    tap.ok(session_of(system, 'bob').get('desktop'), 'a drained host keeps the desktops that are used')
    kill_and_wait(system, 'vedette-broker')
    wait_for(lambda: host(system).get('connected'), 30, 'the host to be linked')
    tap.equal(host(system)['drained'], True, 'and stays drained when the broker is restarted')
    code, text = system.ctl('why', 'alice', 'desk', check=False)
    tap.ok('drained' in text, f'why says so ({code})')
    try:
        api = Api(system)
        api.login('alice', ['alice-canary-1'])
        api.connect('desk', 1)
        tap.ok(False, 'nobody new gets in')
    except (Refused, AssertionError) as refusal:
        tap.ok('drained' in str(refusal), f'nobody new gets in: {refusal}')
    system.ctl('host', 'undrain', name)
    system.wait_ready('desk')
    tap.ok(True, 'taken back it fills up again')


def gateways(tap, system, bob):
    desktop = bob.do('state')['desktop']
    for turn in ('once', 'and again'):
        kill_and_wait(system, 'vedette-gateway')
        wait_for(lambda: follows(bob), 30, 'the picture to follow the keyboard')
        tap.equal(bob.do('state')['desktop'], desktop, f'the gateway is killed {turn}: the same desktop comes back')


def mounted(system):
    folder = f'{system.state}/hostd'
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m,mode=0700,uid={HOSTD_UID},gid={HOSTD_UID}', 'none', folder],
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def main():
    tap = Tap()
    system = System(USERS, {'desk': pool()})
    disk = os.geteuid() == 0 and mounted(system)
    try:
        with system:
            system.wait_ready('desk')
            alice = system.client('alice', 'desk', 'alice-canary-1')
            bob = system.client('bob', 'desk', 'bob-canary-1')
            alice.do('wait-live 60000', 70)
            bob.do('wait-live 60000', 70)
            system.wait_ready('desk')
            if disk:
                full_disk(tap, system, alice)
            else:
                tap.note('no folder system of a limited size can be mounted here')
            if os.geteuid() == 0:
                read_only(tap, system, alice)
            damaged_image(tap, system)
            session_end(tap, system, alice)
            bob = deny(tap, system, bob)
            drain(tap, system)
            gateways(tap, system, bob)
    finally:
        if disk:
            subprocess.run(['umount', '-l', f'{system.state}/hostd'], stdin=subprocess.DEVNULL, check=False)
            shutil.rmtree(system.folder, ignore_errors=True)
    tap.done()


main()
