#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vedettectl up with daemons that only pretend: owners and modes, restarts, enrolment, orphans, a clean end."""

import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from launch import MACHINE, REPLY, request
from system import process_children, wait_for
from tap import Tap

BUILD = os.environ['VEDETTE_BUILD']
CTL = f'{BUILD}/broker/ctl/vedettectl'
LAUNCH = f'{BUILD}/protocol/launch/vedette-launch'
ROOT = os.geteuid() == 0
BASE = 63000

# One script plays broker, gateway and hostd; each writes what it was given beside its socket.
DAEMON = r'''#!/usr/bin/python3
import fcntl, json, os, socket, struct, sys, array

options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
role = 'broker' if '--host-port' in options else 'gateway' if '--cert' in options else 'hostd'
def say(text):
    os.write(2, f'vedette-{role}[{os.getpid()}] notice {text}\n'.encode())
report = {'uid': os.getuid(), 'options': sys.argv[1:], 'fds': sorted(int(f) for f in os.listdir('/proc/self/fd') if int(f) < 20)}
if role == 'hostd':
    if '--join-fd' in options:
        report['token'] = os.read(int(options['--join-fd']), 100).decode()
    machine = f"{options['--state']}/machine"
    if not os.path.exists(machine):
        memfd = os.memfd_create('arguments', os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.write(memfd, b'600\0')
        fcntl.fcntl(memfd, 1033, 1 | 2 | 4 | 8)
        s = socket.socket(fileno=int(options['--launch-fd']))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        s.sendmsg([MACHINE_REQUEST],
                  [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [memfd, 2]))])
        error, _reserved, pid, _start = struct.unpack(REPLY, s.recv(64))
        open(machine, 'w').write(f'{error} {pid}')
    open(f"{options['--state']}/host.pem", 'w').write('no certificate')
    json.dump(report, open(f"{options['--state']}/report", 'w'))
elif role == 'gateway':
    report['key'] = open(options['--key']).read(10)
    print(json.dumps(report), flush=True)
else:
    report['key'] = open(f"{options['--state']}/pki/broker.key").read(10) and open(f"{options['--state']}/pki/ca.key").read(10)
    json.dump(report, open(f"{options['--state']}/broker/report", 'w'))
    path = f"{options['--run']}/broker.sock"
    if os.path.exists(path):
        os.unlink(path)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    say('main: ready')
    while True:
        peer, _ = server.accept()
        head = peer.recv(8, socket.MSG_WAITALL)
        if len(head) == 8:
            body = json.loads(peer.recv(struct.unpack('<HBBI', head)[3], socket.MSG_WAITALL))
            reply = {'type': 'reply', 'token': 'canary-token', 'gateways': [{'name': 'g'}], 'desktops': 1,
                     'hosts': [{'name': 'h', 'connected': True}]}
            if body['type'] == 'why':
                reply = {'type': 'error', 'code': 'not-found', 'text': 'there is no such pool'}
            if body['type'] == 'shutdown':
                say('main: asked to shut down')
            text = json.dumps(reply).encode()
            peer.sendall(struct.pack('<HBBI', 1, 0, 2, len(text)) + text)
        peer.close()
say('main: ready')
import signal
signal.pause()
'''.replace('MACHINE_REQUEST', repr(request(MACHINE, slot=5))).replace('REPLY', repr(REPLY))


class Up:
    def __init__(self, folder, options=(), log='up.log'):
        self.log_path = f'{folder}/{log}'
        self.ready_fd, write_end = os.pipe()
        with open(self.log_path, 'wb') as file:
            self.process = subprocess.Popen(
                [CTL, '--state', f'{folder}/state', '--config', f'{folder}/config', 'up', '--programs',
                 f'{folder}/programs', '--port', '18443', '--host-port', '18444', '--uid-base', str(BASE if ROOT else 0),
                 '--host-name', 'h', '--public-name', 'vedette.example', '--qemu', '/bin/sleep', '--ready-fd',
                 str(write_end), *options],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, pass_fds=[write_end])
        os.close(write_end)

    def ready(self):
        came, _, _ = select.select([self.ready_fd], [], [], 30)
        line = os.read(self.ready_fd, 100) if came else b''
        os.close(self.ready_fd)
        return line == b'ready\n'

    def log(self):
        with open(self.log_path, encoding='utf-8') as file:
            return file.read()

    def children(self):
        return [pid for pid, _name in process_children(self.process.pid)]

    def pid_of(self, option):
        """Ids of the children that have this option on their command line."""
        found = []
        for pid in self.children():
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    if option.encode() in file.read().split(b'\0'):
                        found.append(pid)
            except OSError:
                pass
        return found

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


def installation():
    folder = tempfile.mkdtemp(prefix='vedette-up.')
    os.chmod(folder, 0o755)
    hidden = f'{folder}/programs'  # nobody but us may look into it, as into somebody's home
    os.makedirs(hidden)
    os.makedirs(f'{folder}/config/pools.d')
    for name in ('vedette-broker', 'vedette-gateway', 'vedette-hostd', 'vedette-pam', 'vedette-streamer'):
        with open(f'{hidden}/{name}', 'w', encoding='utf-8') as file:
            file.write(DAEMON)
        os.chmod(f'{hidden}/{name}', 0o755)
    shutil.copy(LAUNCH, hidden)
    os.chmod(hidden, 0o700)
    return folder


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def layout(tap, state):
    wanted = {'': (0, 0o711), 'pki': (0, 0o755), 'broker': (1, 0o700), 'hostd': (3, 0o700), 'images': (0, 0o755),
              'run': (1, 0o711), 'pki/ca.pem': (0, 0o644), 'pki/ca.key': (1, 0o600), 'pki/gateway.key': (2, 0o600),
              'pki/gateway.pem': (0, 0o644), 'pki/broker.key': (1, 0o600), 'pki/broker.pem': (0, 0o644)}
    wrong = []
    for name, (user, mode) in wanted.items():
        info = os.stat(f'{state}/{name}')
        uid = BASE + user if ROOT and user else os.geteuid()
        if (info.st_uid, stat.S_IMODE(info.st_mode)) != (uid, mode):
            wrong.append((name, info.st_uid, oct(info.st_mode)))
    tap.equal(wrong, [], 'every folder and key has its owner and mode')


def verbs(tap, folder):
    def ctl(*words):
        done = subprocess.run([CTL, '--state', f'{folder}/state', '--config', f'{folder}/config', *words],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr
    code, out, _ = ctl('status')
    tap.equal(code, 0, 'status')
    tap.ok('connected' in out and '1 gateway connected' in out, 'status is a table')
    code, out, _ = ctl('host', 'list', '--json')
    tap.ok(code == 0 and out.startswith('{') and '"type"' not in out, '--json may stand at the end')
    code, _, err = ctl('why', 'alice', 'nowhere')
    tap.equal((code, 'no such pool' in err), (1, True), 'a refusal is 1 and says why')
    tap.equal(ctl('stauts')[0], 2, 'a verb that does not exist is 2')
    tap.ok("did you mean 'status'" in ctl('stauts')[2], 'and the nearest is named')
    tap.equal([ctl(*w)[0] for w in ((), ('why', 'x'), ('host',), ('session', 'end'), ('--jsn',), ('image', 'build', 'x'))],
              [2] * 6, 'wrong use is 2')
    with open(f'{folder}/config/pools.d/bad.pool', 'w', encoding='utf-8') as file:
        file.write('[Pool]\nTyp=floating\n')
    code, _, err = ctl('verify')
    tap.ok(code == 1 and 'bad.pool:2:' in err, 'verify names file and line')
    os.unlink(f'{folder}/config/pools.d/bad.pool')
    tap.equal(ctl('verify')[0], 0, 'verify without mistakes')


def restarts(tap, up, state):
    machine = int(read(f'{state}/hostd/machine').split()[1])
    before = up.children()
    for option in ('--cert', '--run', '--join-fd', '--images'):
        for pid in up.pid_of(option):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda gone=pid: gone not in up.children(), 20, 'it to be gone')
    wait_for(lambda: len(up.children()) == len(before), 30, 'all to be back')
    wait_for(lambda: all(up.pid_of(o) for o in ('--cert', '--run', '--images')), 30, 'the daemons to be back')
    tap.ok(machine in up.children(), 'a machine outlives its host daemon and its launch')
    launches = up.pid_of('--launch-fd')
    os.kill(up.pid_of('--pam')[0], signal.SIGKILL)
    broker = up.pid_of('--run')
    wait_for(lambda: up.pid_of('--run') not in ([], broker) and up.pid_of('--pam'), 30, 'the pair to be back')
    tap.ok(len(launches) == len(up.pid_of('--launch-fd')), 'a daemon goes and comes with its launch')
    return machine


def refused_twice(tap, folder):
    other = Up(folder, log='other.log')
    os.close(other.ready_fd)
    tap.equal(other.process.wait(20), 1, 'a second up on the same state is refused')
    tap.ok('another' in other.log() and 'kill' in other.log(), 'and says what to do')


def whole_life(tap, folder):
    state = f'{folder}/state'
    up = Up(folder)
    tap.ok(up.ready(), 'up says when all is up')
    tap.ok('vedette is up: https://vedette.example:18443' in up.log(), 'and prints the address')
    layout(tap, state)
    wait_for(lambda: os.path.exists(f'{state}/hostd/report') and read(f'{state}/hostd/report').endswith('}'), 20, 'hostd')
    report = json.loads(read(f'{state}/hostd/report'))
    tap.equal(report['token'], 'canary-token', 'the local host joins by itself')
    tap.equal(report['fds'][:5], [0, 1, 2, 3, 4], 'over a pipe')
    tap.equal(report['uid'], BASE + 3 if ROOT else os.geteuid(), 'under its own user')
    arguments = b''.join(open(f'/proc/{pid}/cmdline', 'rb').read() for pid in up.children())
    tap.ok(b'canary-token' not in arguments and 'canary-token' not in up.log(), 'the token is in no argv and no log')
    tap.ok('gateway  | {"uid": %d' % (BASE + 2 if ROOT else os.geteuid()) in up.log(), 'log lines carry their program')
    tap.equal(read(f'{state}/hostd/machine').split()[0], '0', 'the host starts a machine')
    verbs(tap, folder)
    machine = restarts(tap, up, state)
    refused_twice(tap, folder)
    certificate = read(f'{state}/pki/ca.pem')
    tap.equal(up.end(signal.SIGINT), 0, 'it ends when interrupted')
    tap.ok(os.path.exists(f'/proc/{machine}'), 'desktops run on')
    os.kill(machine, signal.SIGKILL)
    os.unlink(f'{state}/hostd/machine')
    up = Up(folder, ['--stop-desktops'])
    tap.ok(up.ready(), 'it starts again on the same state')
    tap.equal(read(f'{state}/pki/ca.pem'), certificate, 'with the authority that clients know')
    wait_for(lambda: os.path.exists(f'{state}/hostd/machine') and read(f'{state}/hostd/machine'), 20, 'a machine')
    left = up.children()
    tap.equal(up.end(), 0, 'it ends with its desktops')
    tap.ok('asked to shut down' in up.log(), 'after it asked the broker')
    tap.equal([pid for pid in left if os.path.exists(f'/proc/{pid}')], [], 'and nothing is left')


def sudden_death(tap, folder):
    up = Up(folder)
    up.ready()
    daemons = [pid for o in ('--cert', '--run', '--images', '--pam', '--machine') for pid in up.pid_of(o)]
    machine = int(read(f'{folder}/state/hostd/machine').split()[1])
    up.process.kill()
    up.process.wait()
    wait_for(lambda: not [p for p in daemons if os.path.exists(f'/proc/{p}')], 20, 'the daemons to die')
    tap.ok(True, 'daemons do not outlive a supervisor that was killed')
    if os.path.exists(f'/proc/{machine}'):
        os.kill(machine, signal.SIGKILL)
    socket_path = f'{folder}/state/run/broker.sock'
    if os.path.exists(socket_path):
        os.unlink(socket_path)
    done = subprocess.run([CTL, '--state', f'{folder}/state', 'status'], capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 1 and 'vedettectl --state' in done.stderr and ' up' in done.stderr,
           'without a broker vedettectl says how to start one')


def main():
    tap, folder = Tap(), installation()
    try:
        whole_life(tap, folder)
        sudden_death(tap, folder)
    except BaseException:
        for name in ('up.log', 'other.log'):
            if os.path.exists(f'{folder}/{name}'):
                tap.note(read(f'{folder}/{name}')[-3000:])
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


main()
