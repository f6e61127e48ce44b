# SPDX-License-Identifier: Apache-2.0
"""system: a whole Vedette on this machine, in a folder of its own, for end-to-end tests.

Everything is real: launch, broker, gateway, hostd, QEMU (TCG) with the tiny guest, streamer, client.
The PAM stack is tests/fakes/pam_script.so with a script of users. Every process that is started is
ended by its id.
"""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from picture import read_ppm

SOURCE = os.environ.get('VEDETTE_SOURCE') or os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
BUILD = os.environ['VEDETTE_BUILD']
CTL = f'{BUILD}/broker/ctl/vedettectl'
CLIENT = f'{BUILD}/client/native/vedette'
IMAGE = f'{BUILD}/hostd/image/vedette-image'

POOL = """[Pool]
Description={title}
Type=floating
Max={max}
MaxPerUser=1
{allow}

[Image]
Name=tiny
Revision=latest
Refresh=logoff

[Machine]
CPU=1
Memory=192M
Accel={accel}
Clone=disk

[Spares]
Running={spares}

[Session]
Disconnected=10min
OnDisconnectExpire=logoff
"""


# Signals that a program gives itself; whoever else kills one here uses another.
CRASH = re.compile(r'\S+ died of signal (?:4|5|6|7|8|11|31)\b')


def wait_for(condition, seconds=60, what='a condition'):
    """Polls condition until it is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds} s for {what}')
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def process_children(pid):
    """(pid, program) of every process below pid, at any depth, and of orphans that were adopted by it."""
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as file:
                    text = file.read()
                name = text[text.index('(') + 1:text.rindex(')')]
                rest = text[text.rindex(')') + 2:].split()
                parents[int(entry)] = (int(rest[1]), name, rest[0])
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for child, (ppid, name, state) in parents.items():
            if ppid == parent and state != 'Z':
                found.append((child, name))
                todo.append(child)
    return found


def tiny_image(name='tiny'):
    """The folder with the tiny image, built once a build folder; tiny-disk has one of its own."""
    images = f'{BUILD}/tests/images' if name == 'tiny' else f'{BUILD}/tests/images-{name}'
    if not os.path.exists(f'{images}/{name}/1/manifest.json'):
        os.makedirs(images, exist_ok=True)
        subprocess.run([IMAGE, 'build', name, '--recipe', f'{SOURCE}/hostd/image/recipes/{name}.recipe',
                        '--images', images, '--cache', f'{BUILD}/tests/cache', '--guest', f'{BUILD}/hostd/guest'],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=None if os.environ.get('VEDETTE_KEEP') else subprocess.DEVNULL)
    return images


class System:
    """with System(users=..., pools=...) as system: a running installation."""

    def __init__(self, users, pools, up_options=(), image='tiny'):
        self.folder = tempfile.mkdtemp(prefix='vedette-e2e.')
        os.chmod(self.folder, 0o755)
        self.state, self.config = f'{self.folder}/state', f'{self.folder}/config'
        self.port, self.host_port = free_port(), free_port()
        self.up_options = list(up_options)
        self.log_path = f'{self.folder}/up.log'
        self.clients = []
        self.up = None
        os.makedirs(f'{self.config}/pools.d')
        os.makedirs(f'{self.config}/pam.d')
        os.makedirs(self.state)
        os.chmod(self.state, 0o711)
        shutil.copytree(tiny_image(image), f'{self.state}/images')
        for name, text in pools.items():
            self.write_pool(name, text)
        self.users_path = f'{self.folder}/users'
        with open(self.users_path, 'w', encoding='utf-8') as file:
            file.write(users)
        os.chmod(self.users_path, 0o600)
        with open(f'{self.config}/pam.d/vedette', 'w', encoding='utf-8') as file:
            for stage in ('auth', 'account', 'password', 'session'):
                file.write(f'{stage} required {BUILD}/tests/fakes/pam_script.so file={self.users_path}\n')

    def write_pool(self, name, text):
        with open(f'{self.config}/pools.d/{name}.pool', 'w', encoding='utf-8') as file:
            file.write(text)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind=None, *_):
        crashes = self.end()
        if kind is None and crashes:
            raise AssertionError(f'a program crashed meanwhile: {", ".join(sorted(crashes))}')

    def end(self):
        """Ends everything and returns which programs had crashed."""
        for client in list(self.clients):
            client.end()
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            try:
                self.up.wait(60)
            except subprocess.TimeoutExpired:
                for pid, _name in process_children(self.up.pid):
                    os.kill(pid, signal.SIGKILL)
                self.up.kill()
                self.up.wait()
        crashes = set(CRASH.findall(self.log()))
        if os.environ.get('VEDETTE_KEEP'):
            print(f'# kept {self.folder}')
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return crashes

    def start(self):
        """Starts `vedettectl up` and returns when broker, gateway and host are connected."""
        read_end, write_end = os.pipe()
        with open(self.log_path, 'ab') as log:
            self.up = subprocess.Popen(
                [CTL, '--state', self.state, '--config', self.config, 'up', '--programs', BUILD,
                 '--port', str(self.port), '--host-port', str(self.host_port), '--pam-service', 'vedette',
                 '--pam-confdir', f'{self.config}/pam.d', '--stop-desktops', '--ready-fd', str(write_end),
                 *self.up_options],
                pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(write_end)
        ready, _, _ = select.select([read_end], [], [], 60)
        line = os.read(read_end, 100) if ready else b''
        os.close(read_end)
        if not line:
            raise AssertionError(f'vedettectl up did not get ready:\n{self.log()[-4000:]}')

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()

    def ctl(self, *arguments, check=True):
        """Runs vedettectl --json and returns the parsed answer; with check=False (status, text)."""
        done = subprocess.run([CTL, '--state', self.state, '--config', self.config, '--json', *arguments],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        if not check:
            return done.returncode, done.stdout + done.stderr
        if done.returncode != 0:
            raise AssertionError(f'vedettectl {arguments}: {done.returncode} {done.stdout}{done.stderr}')
        return json.loads(done.stdout)

    def status(self):
        code, text = self.ctl('status', check=False)
        return json.loads(text) if code == 0 else {}

    def pool(self, name):
        return next((p for p in self.status().get('pools', []) if p['name'] == name), {})

    def wait_ready(self, pool, count=1, seconds=120):
        """Waits until the pool has count desktops that nobody uses yet."""
        wait_for(lambda: self.pool(pool).get('ready', 0) >= count, seconds, f'{count} ready in {pool}')

    def pids(self, program):
        """Ids of the running processes of this system with that program name (cut to 15 characters)."""
        return [pid for pid, name in process_children(self.up.pid) if name == program[:15]]

    def machines(self):
        return {pid for pid, name in process_children(self.up.pid) if name.startswith('qemu-system')}

    def client(self, user, pool=None, password=None, options=(), port=None):
        """port: of a line in front of the gateway."""
        client = Client(self, user, pool, password, options, port or self.port)
        self.clients.append(client)
        return client

    def end_sessions(self):
        for session in self.ctl('session', 'list')['sessions']:
            self.ctl('session', 'end', session['id'])

    def screendump(self, desktop, head=None):
        """QEMU's own picture of a desktop, or of one of its heads, by the monitor that is kept for rescue."""
        target = tempfile.mkdtemp(dir=self.folder)
        os.chmod(target, 0o777)
        path = f'{target}/screen.ppm'
        of_head = {} if head is None else {'device': 'gpu', 'head': head}
        answer = self.monitor(desktop, {'execute': 'screendump', 'arguments': {'filename': path, **of_head}})
        if 'return' not in answer:
            raise AssertionError(f'screendump: {answer}')
        picture = read_ppm(path)
        shutil.rmtree(target)
        return picture

    def monitor(self, desktop, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(f'{self.state}/hostd/desktops/{desktop}/qmp-rescue.sock')
            stream = s.makefile('rw', encoding='utf-8')
            stream.readline()
            for request in ({'execute': 'qmp_capabilities'}, command):
                stream.write(json.dumps(request) + '\n')
                stream.flush()
                while True:
                    answer = json.loads(stream.readline())
                    if 'event' not in answer:
                        break
            return answer


class Client:
    """vedette --headless with a script on its standard input; every command answers one JSON line."""

    def __init__(self, system, user, pool, password, options, port):
        self.system = system
        self.events = []
        read_end, write_end = os.pipe()
        arguments = [CLIENT, '--headless', '--server', f'localhost:{port}', '--ca',
                     f'{system.state}/pki/ca.pem', '--user', user]
        if pool:
            arguments += ['--pool', pool]
        if password is not None:
            arguments += ['--password-fd', str(read_end)]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(arguments + list(options), pass_fds=[read_end], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        os.close(read_end)
        if password is not None:
            os.write(write_end, password.encode() + b'\n')
        os.close(write_end)
        self.pending = b''

    def _line(self, seconds):
        end = time.monotonic() + seconds
        while b'\n' not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b''
            if not chunk:
                self.errors.seek(0)
                text = self.errors.read().decode(errors='replace')[-2000:]
                raise AssertionError(f'the client {"said nothing" if not ready else "ended"}: {text}')
            self.pending += chunk
        line, self.pending = self.pending.split(b'\n', 1)
        return json.loads(line)

    def ask(self, command, seconds=60):
        """Sends one command and returns its answer; state changes that come between are kept in events."""
        self.process.stdin.write(command.encode() + b'\n')
        self.process.stdin.flush()
        while True:
            answer = self._line(seconds)
            if 'event' not in answer:
                return answer
            self.events.append(answer)

    def do(self, command, seconds=60):
        """Like ask, but a refusal is a failure."""
        answer = self.ask(command, seconds)
        if not answer.get('ok'):
            raise AssertionError(f'{command}: {answer}')
        return answer

    def wait_exit(self, seconds=60):
        return self.process.wait(seconds)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()
        if self in self.system.clients:
            self.system.clients.remove(self)
