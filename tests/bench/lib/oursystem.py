# SPDX-License-Identifier: Apache-2.0
"""oursystem: gateway, streamer and headless client without broker and hostd, for benches.

The gateway, the streamer and the client are the real programs; the broker is played here: every login is let in,
there is one pool, "bench", and each connect hands out a ticket and orders the streamer to dial.
"""

import json
import os
import secrets
import socket
import sys
import threading

E2E = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../e2e/lib')
sys.path.insert(0, E2E)
from system import Client
from vedette import BUILD, Folder, Process, Records, json_record, make_pki, wait_for

TOKEN_LETTERS = 'AEIMQUYcgkosw048'  # what 256 bits in base64url may end with


def new_token():
    return secrets.token_urlsafe(32)[:42] + secrets.choice(TOKEN_LETTERS)


class Line:
    """One accepted local socket that carries JSON records: take(message, fds) is called on a thread of its own."""

    def __init__(self, path, take):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(2)
        self.peer = None
        self.take = take

    def serve(self, connect_to=None):
        if connect_to:
            self.peer = socket.socket(socket.AF_UNIX)
            self.peer.connect(connect_to)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        if self.peer is None:
            self.peer, _ = self.listener.accept()
        records = Records()
        try:
            while True:
                data, fds, _flags, _address = socket.recv_fds(self.peer, 65536, 4)
                if not data:
                    return
                for _kind, _channel, body in records.feed(data):
                    self.take(json.loads(body), fds)
                    fds = []
        except OSError:
            return

    def send(self, message):
        self.peer.sendall(json_record(message))


class OurSystem:
    """with OurSystem(['--x11', ':7']) as ours: client = ours.client(); client.do('wait-live')"""

    def __init__(self, streamer_options, environment=None, wrap=(), gateway_options=(), machine=None):
        """wrap: words in front of the streamer's command, such as ['perf', 'stat', '--'].
        machine: a Machine of machine.py to show instead of what the options name. Without options (None) there is no streamer:
        whoever asks for a pair of tokens plays it."""
        self.machine, self.streamer = machine, None
        self.streamer_options, self.environment = streamer_options, environment
        self.wrap, self.gateway_options = list(wrap), list(gateway_options)
        self.tickets, self.clients, self.status, self.count = {}, [], {}, 0

    def __enter__(self):
        self.holder = Folder()
        self.folder = self.holder.__enter__()
        self.state = self.folder  # system.Client wants STATE/pki/ca.pem
        os.mkdir(f'{self.folder}/pki')
        make_pki(f'{self.folder}/pki', '127.0.0.1', 'localhost')
        self.broker = Line(f'{self.folder}/broker.sock', self._from_gateway)
        self.broker.serve()
        self.gateway = Process([f'{BUILD}/broker/gateway/vedette-gateway', '--port=0', f'--cert={self.folder}/pki/server.pem',
                                f'--key={self.folder}/pki/server.key', f'--ca={self.folder}/pki/ca.pem',
                                '--public-name=localhost', '--public-name=127.0.0.1', '--name=bench',
                                f'--broker-socket={self.folder}/broker.sock', *self.gateway_options])
        self.port = int(self.gateway.wait_line('listening at').rsplit(' ', 1)[1])
        self.gateway.wait_line('main: ready')
        if self.streamer_options is not None:
            self._start_streamer()
        return self

    def _start_streamer(self):
        self.control = Line(f'{self.folder}/streamer.sock', self._from_streamer)
        fd = self.control.listener.fileno()
        self.streamer = Process([*self.wrap, f'{BUILD}/hostd/streamer/vedette-streamer', f'--control-fd={fd}',
                                 *self.streamer_options], pass_fds=[fd], env=self.environment)
        self.streamer.wait_line('main: ready')
        self.control.serve(f'{self.folder}/streamer.sock')
        wait_for(lambda: self.status, what='status of the streamer')
        if self.machine:
            self.control.send({'type': 'display', 'kind': self.machine.display})
            wait_for(lambda: self.status.get('width', 0) > 0, what='a picture of the machine')

    def __exit__(self, *_):
        for client in self.clients:
            client.end()
        if self.streamer:
            self.streamer.stop()
        self.gateway.stop()
        self.holder.__exit__()

    def client(self, *options, port=None):
        """A vedette --headless that logs in and connects; port: that of a proxy in front of the gateway."""
        self.clients.append(Client(self, 'bench', 'bench', 'any', options, port or self.port))
        return self.clients[-1]

    def pids(self):
        """What a server's processor time is made of."""
        pids = {'streamer': self.streamer.pid, 'gateway': self.gateway.pid}
        return {**pids, 'qemu': self.machine.pid} if self.machine else pids

    def _from_streamer(self, message, fds):
        if message['type'] == 'status':
            self.status = message
        elif message['type'] == 'display':
            for fd in fds:
                self.machine.take_display(fd)

    def _from_gateway(self, message, _fds):
        if message['type'] == 'redeem':
            stream = self.tickets.pop((message['kind'], message['token']), None)
            self.broker.send({'type': 'redeem-reply', 'id': message['id'], 'ok': stream is not None, 'stream': stream,
                              'replaces': None, 'text': '' if stream else 'unknown'})
        elif message['type'] == 'api':
            self.broker.send({'type': 'api-reply', 'id': message['id'], 'status': 200, 'cookie': None,
                              'body': self._answer(message['path'])})

    def _answer(self, path):
        if path.startswith('/api/login'):
            return {'state': 'ok', 'user': 'bench', 'token': new_token()}
        if path == '/api/pools':
            return {'pools': [{'name': 'bench', 'description': 'bench', 'state': 'ready', 'text': '', 'session': None}]}
        if path == '/api/connect':
            return self._connect()
        return {'user': 'bench'} if path == '/api/me' else {}

    def pair(self):
        """The name of a new stream, and the tokens for its two ends."""
        self.count += 1
        stream, ticket, uplink = f's-{self.count}', new_token(), new_token()
        self.tickets[('ticket', ticket)] = self.tickets[('uplink', uplink)] = stream
        return stream, ticket, uplink

    def _connect(self):
        stream, ticket, uplink = self.pair()
        with open(f'{self.folder}/pki/ca.pem', encoding='ascii') as ca:
            self.control.send({'type': 'dial', 'stream': stream, 'url': f'wss://localhost:{self.port}/uplink',
                               'token': uplink, 'ca': ca.read()})
        return {'state': 'ready', 'session': 'bench', 'desktop': 'bench', 'ticket': ticket, 'stream_path': '/stream'}
