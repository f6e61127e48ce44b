#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vedette-pam with a scripted PAM module: the whole conversation, and no way around a refusal."""

import array
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from launch import PAM, REPLY
from launch import request as launch_request
from tap import Tap

BUILD = os.environ['VEDETTE_BUILD']
HELPER = f'{BUILD}/broker/pam/vedette-pam'
LAUNCH = f'{BUILD}/protocol/launch/vedette-launch'
MODULE = f'{BUILD}/tests/fakes/pam_script.so'
START, ANSWERS, PROMPTS, RESULT = 1, 2, 16, 17
SECRET, ECHO, INFO, ERROR = 1, 2, 3, 4
AUTHENTICATE, ACCOUNT, CHANGE, CREDENTIALS, SESSION, DONE = 1, 2, 3, 4, 5, 6
# Twelve codes at five stages: 60 ways to say no, and close_session on top.
CODES = {'OPEN_ERR': 1, 'SERVICE_ERR': 3, 'SYSTEM_ERR': 4, 'BUF_ERR': 5, 'PERM_DENIED': 6, 'AUTH_ERR': 7,
         'CRED_INSUFFICIENT': 8, 'AUTHINFO_UNAVAIL': 9, 'MAXTRIES': 11, 'ACCT_EXPIRED': 13, 'SESSION_ERR': 14,
         'CRED_ERR': 17}
STAGES = {'auth': AUTHENTICATE, 'acct': ACCOUNT, 'chauthtok': CHANGE, 'setcred': CREDENTIALS, 'open': SESSION,
          'close': SESSION}


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack('<H', len(data)) + data


def frame(kind, body):
    return struct.pack('<IB', len(body), kind) + body


class Helper:
    """One conversation over a stream socket."""

    def __init__(self, peer, process=None):
        self.socket, self.process = peer, process
        self.socket.settimeout(20)

    def start(self, user, source='192.0.2.1'):
        self.socket.sendall(frame(START, text(user) + text(source)))
        return self

    def answer(self, *answers):
        self.socket.sendall(frame(ANSWERS, bytes([len(answers)]) + b''.join(text(a) for a in answers)))

    def _exactly(self, size):
        data = b''
        while len(data) < size:
            chunk = self.socket.recv(size - len(data))
            if not chunk:
                return None
            data += chunk
        return data

    def next(self):
        """('prompts', [(style, text)..]), ('result', ok, stage, code, user) or ('end',)"""
        try:
            head = self._exactly(5)
        except ConnectionResetError:
            head = None
        if head is None:
            return ('end',)
        size, kind = struct.unpack('<IB', head)
        body = self._exactly(size)
        if kind == RESULT:
            ok, stage, code, length = struct.unpack('<BBHH', body[:6])
            return 'result', ok, stage, code, body[6:6 + length].decode()
        prompts, at = [], 1
        for _ in range(body[0]):
            style, length = struct.unpack('<BH', body[at:at + 3])
            prompts.append((style, body[at + 3:at + 3 + length].decode()))
            at += 3 + length
        return 'prompts', prompts

    def close(self):
        """Exit status of the helper."""
        self.socket.close()
        return self.process.wait(20) if self.process else None


class Stack:
    """A folder with a PAM service that follows a script."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='vedette-pam.')
        self.users = f'{self.folder}/users'
        with open(f'{self.folder}/vedette', 'w', encoding='utf-8') as file:
            for stage in ('auth', 'account', 'password', 'session'):
                file.write(f'{stage} required {MODULE} file={self.users}\n')

    def write(self, script):
        with open(self.users, 'w', encoding='utf-8') as file:
            file.write(script)

    def helper(self, confdir=None):
        ours, theirs = socket.socketpair()
        process = subprocess.Popen([HELPER, '--service', 'vedette', '--confdir', confdir or self.folder],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
                                   preexec_fn=lambda: os.dup2(theirs.fileno(), 3) if theirs.fileno() != 3
                                   else os.set_inheritable(3, True))
        theirs.close()
        return Helper(ours, process)

    def login(self, script, user, *rounds):
        """Writes script, logs in with one tuple of answers a round of questions; returns all that was said."""
        self.write(script)
        helper, said, rounds = self.helper().start(user), [], list(rounds)
        while True:
            got = helper.next()
            said.append(got)
            if got[0] != 'prompts':
                break
            if any(style in (SECRET, ECHO) for style, _ in got[1]):
                helper.answer(*(rounds.pop(0) if rounds else ()))
        helper.close()
        return said


def plain_logins(tap, stack):
    said = stack.login('user alice password right\n', 'alice', ['right'])
    tap.equal(said, [('prompts', [(SECRET, 'Password: ')]), ('result', 1, DONE, 0, 'alice')], 'right password')
    said = stack.login('user alice password right\n', 'alice', ['wrong'])
    tap.equal(said[-1], ('result', 0, AUTHENTICATE, 7, ''), 'wrong password')
    said = stack.login('user alice password right\n', 'nobody-here', ['right'])
    tap.equal(said[0], ('prompts', [(SECRET, 'Password: ')]), 'somebody unknown is asked the same')
    tap.equal(said[-1][1], 0, 'and refused')
    said = stack.login('user alice password right rename=alice.canonical\n', 'alice', ['right'])
    # The other stages look for the new name in the script and do not find it: the name did change.
    tap.equal(said[-1], ('result', 0, ACCOUNT, 10, ''), 'later stages see the name that a module gave')
    said = stack.login('user alice password right rename=carol\nuser carol password other\n', 'alice', ['right'])
    tap.equal(said[-1], ('result', 1, DONE, 0, 'carol'), 'and so does the broker')
    tap.equal(stack.login('user a password p\n', 'a', ['p' * 512])[-1][1:4], (0, AUTHENTICATE, 7), '512 bytes of answer')


def conversations(tap, stack):
    script = ('user alice password right\nask alice auth echo 123456 Code: \nask alice auth secret blue Colour: \n'
              'tell alice auth info Welcome\ntell alice auth error Beware\n')
    said = stack.login(script, 'alice', ['right', '123456', 'blue'])
    tap.equal(said, [('prompts', [(SECRET, 'Password: '), (ECHO, 'Code: '), (SECRET, 'Colour: '), (INFO, 'Welcome'),
                                  (ERROR, 'Beware')]), ('result', 1, DONE, 0, 'alice')],
              'several prompts and messages in one go')
    tap.equal(stack.login(script, 'alice', ['right', '123456', 'red'])[-1][1], 0, 'one wrong answer of three')
    tap.equal(stack.login(script, 'alice', ['right', '123456'])[-1], ('end',), 'one answer too few ends it')
    tap.equal(stack.login(script, 'alice', ['right', '123456', 'blue', ''])[-1], ('end',), 'so does one too many')
    said = stack.login('user alice password right\ntell alice acct info Last login: never\n'
                       'tell alice open error Disk almost full\n', 'alice', ['right'])
    tap.equal(said[1:], [('prompts', [(INFO, 'Last login: never')]), ('prompts', [(ERROR, 'Disk almost full')]),
                         ('result', 1, DONE, 0, 'alice')], 'messages alone wait for no answer')


def expired_passwords(tap, stack):
    script = 'user alice password old acct=NEW_AUTHTOK_REQD\nuser bob password x\n'
    said = stack.login(script, 'alice', ['old'], ['fresh'], ['fresh'])
    tap.equal([s[1] for s in said[1:3]], [[(SECRET, 'New password: ')],
                                          [(SECRET, 'Retype new password: '), (INFO, 'The password is being changed.')]],
              'an expired password is changed')
    tap.equal(said[-1], ('result', 1, DONE, 0, 'alice'), 'and then it is a login')
    with open(stack.users, encoding='utf-8') as file:
        changed = file.read()
    tap.equal(changed, 'user alice password fresh\nuser bob password x\n', 'the change is written')
    tap.equal(stack.login(changed, 'alice', ['fresh'])[-1][1], 1, 'the new password works')
    tap.equal(stack.login(script, 'alice', ['old'], ['fresh'], ['typo'])[-1][1:3], (0, CHANGE), 'two that differ')
    tap.equal(stack.login(script, 'alice', ['old'], ['old'], ['old'])[-1][1:3], (0, CHANGE), 'the old one again')
    stack.write(script)
    helper = stack.helper().start('alice')
    helper.next()
    helper.answer('old')
    helper.next()
    helper.close()
    with open(stack.users, encoding='utf-8') as file:
        tap.equal(file.read(), script, 'a person who leaves in the middle changes nothing')


def every_refusal(tap, stack):
    for stage, number in STAGES.items():
        wrong = []
        for name, code in CODES.items():
            expire = 'acct=NEW_AUTHTOK_REQD ' if stage == 'chauthtok' else ''
            said = stack.login(f'user alice password right {expire}{stage}={name}\n', 'alice', ['right'], ['fresh'],
                               ['fresh'])
            if said[-1] != ('result', 0, number, code, ''):
                wrong.append((name, said[-1]))
        tap.equal(wrong, [], f'{len(CODES)} codes at {stage} are refusals')
    said = stack.login('user alice password right acct=IGNORE\n', 'alice', ['right'])
    tap.equal(said[-1][1], 0, 'a stage that nobody decided is a refusal')


def accidents(tap, stack):
    for stage in ('auth', 'acct', 'setcred', 'open', 'close'):
        said = stack.login(f'user alice password right {stage}:crash\n', 'alice', ['right'])
        tap.equal(said[-1], ('end',), f'a module that crashes in {stage} is the end without a result')
    stack.write('user alice password right\n')
    for name, data in (('a wrong frame', frame(RESULT, b'')), ('a size above the limit', b'\xff\xff\xff\xff\x01'),
                       ('an empty name', frame(START, text('') + text(''))), ('nothing at all', b'')):
        helper = stack.helper()
        helper.socket.sendall(data)
        helper.socket.shutdown(socket.SHUT_WR)
        tap.equal(helper.next(), ('end',), f'{name} instead of START')
        tap.ok(helper.close() != 0, 'and the helper says that it failed')
    helper = stack.helper(confdir=f'{stack.folder}/missing').start('alice')
    tap.equal(helper.next()[1], 0, 'a PAM service that does not exist refuses')
    helper.close()
    helper = stack.helper().start('alice')
    helper.next()
    helper.socket.sendall(frame(ANSWERS, b'\x01' + text('right')) * 2)
    tap.equal(helper.next()[1], 1, 'answers that came early are left over')
    helper.close()


def password_file(tap, stack):
    """The stack of autogen.sh --run: a user that the system does not know, hash made over standard input."""
    with open(HELPER, 'rb') as file:
        if b'libasan' in file.read():
            tap.note("AddressSanitizer puts itself before crypt_r() and finds none in a module's own libraries")
            return
    done = subprocess.run(['openssl', 'passwd', '-6', '-stdin'], input=b'from-the-file\n', capture_output=True, check=True)
    folder = f'{stack.folder}/pwdfile'
    os.mkdir(folder)
    with open(f'{folder}/passwd', 'w', encoding='utf-8') as file:
        file.write(f'vedette-demo-user:{done.stdout.decode().strip()}\n')
    os.chmod(f'{folder}/passwd', 0o600)
    with open(f'{folder}/vedette', 'w', encoding='utf-8') as file:
        file.write(f'auth     required pam_pwdfile.so pwdfile={folder}/passwd\naccount  required pam_permit.so\n'
                   'password required pam_deny.so\nsession  required pam_permit.so\n')
    for password, wanted in (('from-the-file', 1), ('something-else', 0)):
        helper = stack.helper(confdir=folder).start('vedette-demo-user')
        tap.equal(helper.next()[1], [(SECRET, 'Password: ')], 'pam_pwdfile asks')
        helper.answer(password)
        tap.equal(helper.next()[1], wanted, f'{password}: {"in" if wanted else "refused"}')
        helper.close()


def hanging_module(tap, stack):
    """Under vedette-launch: a module that sleeps is killed, and its place is free again."""
    stack.write('user alice password right auth:sleep=600\n')
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    launch = subprocess.Popen([LAUNCH, '--role', 'broker', '--launch-fd', str(theirs.fileno()), '--pam', HELPER,
                               '--pam-confdir', stack.folder, '--pam-seconds', '2'],
                              pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    theirs.close()
    ours.settimeout(20)
    for _ in range(2):
        ours.send(launch_request(PAM))
        data, control, _flags, _address = ours.recvmsg(64, 512)
        error, _reserved, pid, _start = struct.unpack(REPLY, data)
        fds = array.array('i')
        for level, kind, body in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(body[:4])
        tap.equal(error, 0, 'launch starts a helper')
        helper = Helper(socket.socket(fileno=fds[0])).start('alice')
        helper.next()
        begin = time.monotonic()
        helper.answer('right')
        tap.equal(helper.next(), ('end',), 'a module that hangs is killed')
        tap.ok(time.monotonic() - begin < 10, 'in time')
        while os.path.exists(f'/proc/{pid}') and time.monotonic() - begin < 20:
            time.sleep(0.01)
        tap.ok(not os.path.exists(f'/proc/{pid}'), 'and no zombie is left')
        helper.close()
    ours.close()
    tap.equal(launch.wait(20), 0, 'launch ends with its caller')


def main():
    tap, stack = Tap(), Stack()
    try:
        plain_logins(tap, stack)
        conversations(tap, stack)
        expired_passwords(tap, stack)
        every_refusal(tap, stack)
        accidents(tap, stack)
        password_file(tap, stack)
        hanging_module(tap, stack)
    finally:
        shutil.rmtree(stack.folder)
    tap.done()


main()
