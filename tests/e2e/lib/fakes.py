# SPDX-License-Identifier: Apache-2.0
"""fakes: a host, a gateway and a PAM helper that speak to a real vedette-broker, for broker.t."""

import array
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from launch import REPLY
from websocket import take_frames

JSON = 1


def frame(message):
    body = json.dumps(message).encode()
    return struct.pack('<HBBI', JSON, 0, 0, len(body)) + body


def unframe(data):
    """(message or None, rest)"""
    if len(data) < 8:
        return None, data
    size = struct.unpack('<HBBI', data[:8])[3]
    if len(data) < 8 + size:
        return None, data
    return json.loads(data[8:8 + size]), data[8 + size:]


def openssl(*arguments):
    subprocess.run(['openssl', *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_key(path):
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path)


def make_pki(folder):
    """ca.pem ca.key broker.pem broker.key in folder."""
    os.makedirs(folder)
    make_key(f'{folder}/ca.key')
    openssl('req', '-x509', '-new', '-key', f'{folder}/ca.key', '-subj', '/CN=test CA', '-days', '2', '-out',
            f'{folder}/ca.pem', '-addext', 'basicConstraints=critical,CA:TRUE', '-addext',
            'keyUsage=critical,keyCertSign,cRLSign')
    make_key(f'{folder}/broker.key')
    openssl('req', '-new', '-key', f'{folder}/broker.key', '-subj', '/CN=localhost', '-out', f'{folder}/broker.csr')
    with open(f'{folder}/broker.ext', 'w', encoding='utf-8') as file:
        file.write('subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
    openssl('x509', '-req', '-in', f'{folder}/broker.csr', '-CA', f'{folder}/ca.pem', '-CAkey', f'{folder}/ca.key',
            '-CAcreateserial', '-days', '2', '-extfile', f'{folder}/broker.ext', '-out', f'{folder}/broker.pem')


class Channel:
    """One local socket that carries JSON records."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.pending = b''

    def send(self, message):
        self.socket.sendall(frame(message))

    def receive(self, seconds=20):
        end = time.monotonic() + seconds
        while True:
            message, self.pending = unframe(self.pending)
            if message is not None:
                return message
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            chunk = self.socket.recv(65536)
            if not chunk:
                return None
            self.pending += chunk

    def call(self, message, seconds=20):
        self.send(message)
        return self.receive(seconds)

    def close(self):
        self.socket.close()


class Gateway(Channel):
    """A gateway with one client: calls the API and redeems tickets."""

    def __init__(self, path, streams=(), name='gw'):
        super().__init__(path)
        self.next_id = 0
        self.events = []
        self.send({'type': 'hello', 'name': name, 'uplink_url': 'wss://localhost:8443/uplink', 'streams': list(streams)})

    def answer_to(self, kind, number, seconds=30):
        while True:
            message = self.receive(seconds)
            if message is None:
                raise AssertionError(f'no {kind} came')
            if message['type'] == kind and message.get('id') == number:
                return message
            self.events.append(message)

    def ask(self, method, path, body=None, bearer=None, source='192.0.2.7', native=True):
        self.next_id += 1
        self.send({'type': 'api', 'id': self.next_id, 'method': method, 'path': path, 'source': source, 'bearer': bearer,
                   'cookie': None, 'native': native, 'body': json.dumps(body) if body is not None else ''})
        reply = self.answer_to('api-reply', self.next_id)
        return reply['status'], reply['body'], reply['cookie']

    def redeem(self, kind, token):
        self.next_id += 1
        self.send({'type': 'redeem', 'id': self.next_id, 'kind': kind, 'token': token, 'source': '192.0.2.7'})
        return self.answer_to('redeem-reply', self.next_id)

    def stream(self, stream, state):
        self.send({'type': 'stream', 'stream': stream, 'state': state, 'text': '', 'bytes_up': 0, 'bytes_down': 0})

    def wait_event(self, kind, seconds=20):
        end = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event['type'] == kind:
                    self.events.remove(event)
                    return event
            message = self.receive(max(0.01, end - time.monotonic()))
            if message is None:
                raise AssertionError(f'no {kind} came')
            self.events.append(message)


class Link:
    """A host's end of a WebSocket to the broker."""

    def __init__(self, port, ca, path, cert=None, key=None):
        context = ssl.create_default_context(cafile=ca)
        if cert:
            context.load_cert_chain(cert, key)
        raw = socket.create_connection(('127.0.0.1', port), timeout=20)
        self.socket = context.wrap_socket(raw, server_hostname='localhost')
        lines = [f'GET {path} HTTP/1.1', f'Host: localhost:{port}', 'Upgrade: websocket', 'Connection: Upgrade',
                 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13',
                 'Sec-WebSocket-Protocol: vdp.v1', '', '']
        self.socket.sendall('\r\n'.join(lines).encode())
        self.bytes = b''
        self.pending = b''
        self.closed = False
        while b'\r\n\r\n' not in self.bytes:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise AssertionError('the broker closed the upgrade')
            self.bytes += chunk
        head, _, self.bytes = self.bytes.partition(b'\r\n\r\n')
        self.status = int(head.split()[1])

    def send(self, message):
        data = frame(message)
        head = (struct.pack('!BB', 0x82, 0x80 | len(data)) if len(data) < 126
                else struct.pack('!BBH', 0x82, 0x80 | 126, len(data)))
        self.socket.sendall(head + b'\0\0\0\0' + data)

    def _unwrap(self):
        self.bytes, payload, closed = take_frames(self.bytes)
        self.pending += payload
        self.closed = self.closed or closed

    def receive(self, seconds=20):
        end = time.monotonic() + seconds
        while True:
            self._unwrap()
            message, self.pending = unframe(self.pending)
            if message is not None:
                return message
            left = end - time.monotonic()
            if self.closed or left <= 0:
                return None
            if not self.socket.pending() and not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                chunk = self.socket.recv(65536)
            except OSError:
                chunk = b''
            if not chunk:
                self.closed = True
            self.bytes += chunk

    def close(self):
        self.socket.close()


class Host(threading.Thread):
    """A host whose desktops are ready at once and gone when they should be."""

    def __init__(self, port, folder, name, memory_mb=8192, accel=None, images=((('tiny', 1)),)):
        super().__init__(daemon=True)
        self.link = Link(port, f'{folder}/pki/ca.pem', '/host', f'{folder}/{name}.pem', f'{folder}/{name}.key')
        self.name, self.memory_mb = name, memory_mb
        self.images = [{'name': n, 'revision': r, 'digest': 'sha256:0'} for n, r in images]
        self.accel = accel or {'kind': 'tcg', 'mips': 2, 'text': 'emulated KVM: 1.4 M instructions/s'}
        self.lock = threading.Lock()
        self.desktops, self.wanted, self.fail = {}, [], set()
        self.holds = False
        self.load = {}
        self.ended = False
        self.start()

    def report(self):
        with self.lock:
            desktops = [{'id': w['id'], 'pool': w['pool'], 'image': w['image'], 'revision': w['revision'],
                         'epoch': w['epoch'], 'state': self.desktops[w['id']],
                         'text': 'it did not boot' if self.desktops[w['id']] == 'failed' else '', 'since_ms': 0,
                         'accel': 'tcg', 'stream': None} for w in self.wanted if w['id'] in self.desktops]
        self.link.send({'type': 'observed', 'seq': 1, 'memory_free_mb': self.memory_mb, 'desktops': desktops,
                        'images': self.images, 'load': self.load})

    def run(self):
        try:
            self.link.send({'type': 'hello', 'version': 1, 'host': self.name, 'boot_id': 'boot-1', 'cpus': 4,
                            'memory_mb': self.memory_mb, 'accel': self.accel})
            self.report()
            while not self.ended:
                message = self.link.receive(1)
                if self.link.closed:
                    break
                if message is not None and message['type'] == 'desired':
                    with self.lock:
                        self.wanted = message['desktops']
                        for w in self.wanted:
                            if w['state'] == 'gone':
                                self.desktops[w['id']] = 'gone'
                            elif w['pool'] in self.fail:
                                self.desktops[w['id']] = 'failed'
                            elif not self.holds:
                                self.desktops.setdefault(w['id'], 'ready')
                            else:
                                self.desktops.setdefault(w['id'], 'starting')
                self.report()
        except OSError:
            pass

    def want(self, desktop):
        with self.lock:
            return next((w for w in self.wanted if w['id'] == desktop), None)

    def end(self):
        self.ended = True
        self.link.close()
        self.join(5)


def text(value):
    return struct.pack('<H', len(value)) + value.encode()


class Launch(threading.Thread):
    """vedette-launch and vedette-pam in one: every user's password is the user's name and '-secret'."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.evaluated = 0
        self.silent = False
        self.start()

    def run(self):
        while True:
            try:
                request = self.ours.recvmsg(4096, 1024)[0]
            except OSError:
                return
            if not request:
                return
            mine, given = socket.socketpair()
            reply = struct.pack(REPLY, 0, 0, 1, 1)
            self.ours.sendmsg([reply], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [given.fileno()]))])
            given.close()
            threading.Thread(target=self.converse, args=(mine,), daemon=True).start()

    def converse(self, peer):
        with peer:
            kind, body = self.read(peer)
            if kind != 1 or self.silent:
                peer.recv(1)
                return
            size = struct.unpack('<H', body[:2])[0]
            user = body[2:2 + size].decode()
            self.write(peer, 16, struct.pack('<BB', 1, 1) + text('Password: '))
            kind, body = self.read(peer)
            if kind != 2:
                return
            size = struct.unpack('<H', body[1:3])[0]
            self.evaluated += 1
            good = body[3:3 + size].decode() == f'{user}-secret'
            self.write(peer, 17, struct.pack('<BBH', good, 6 if good else 1, 0 if good else 7) + text(user))

    @staticmethod
    def write(peer, kind, body):
        peer.sendall(struct.pack('<IB', len(body), kind) + body)

    @staticmethod
    def read(peer):
        data = b''
        while len(data) < 5 or len(data) < 5 + struct.unpack('<I', data[:4])[0]:
            chunk = peer.recv(4096)
            if not chunk:
                return 0, b''
            data += chunk
        return data[4], data[5:]
