# SPDX-License-Identifier: Apache-2.0
"""vedette-gateway alone, in front of a broker made of Python."""

import json
import os
import socket
import threading

from vedette import BUILD, JSON, TICKET, UPLINK, Process, Records, WebSocket, json_record, make_pki, read_head, record, status_of, tls_connect, wait_for


def token(letter):
    return letter * 42 + 'A'


class Broker:
    """Answers as a broker would; tickets is {token: (stream, replaces)}."""

    def __init__(self, path):
        self.path = path
        self.tickets = {}
        self.messages = []
        self.line = None
        self.listener = None
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(5)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.line:
            self.line.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                self.line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(self.line,), daemon=True).start()

    def _serve(self, line):
        records = Records()
        while True:
            data = line.recv(65536)
            if not data:
                return
            for kind, _channel, body in records.feed(data):
                assert kind == JSON
                message = json.loads(body)
                self.messages.append(message)
                self._answer(message)

    def _answer(self, message):
        if message['type'] == 'redeem':
            known = self.tickets.pop((message['kind'], message['token']), None)
            reply = {'type': 'redeem-reply', 'id': message['id'], 'ok': known is not None, 'text': 'no'}
            if known:
                reply.update(stream=known[0], replaces=known[1])
            self.send(reply)
        elif message['type'] == 'api' and message['path'] != '/api/pools':  # that one is never answered
            self.send({'type': 'api-reply', 'id': message['id'], 'status': 200,
                       'cookie': '__Host-vedette=x; Path=/; Secure' if message['path'] == '/api/login' else None,
                       'body': {'path': message['path'], 'body': message['body'], 'bearer': message['bearer'],
                                'cookie': message['cookie'], 'native': message['native']}})

    def send(self, message):
        self.line.sendall(json_record(message))

    def seen(self, **wanted):
        return [m for m in list(self.messages) if all(m.get(key) == value for key, value in wanted.items())]


class Bench:
    """A gateway with its broker."""

    def __init__(self, folder, *options, launcher=()):
        self.folder, self.launcher = folder, launcher
        self.ca = f'{folder}/ca.pem'
        make_pki(folder, '127.0.0.1', 'localhost')
        self.broker = Broker(f'{folder}/broker.sock')
        self.options = options
        self.pairs = 0
        self.start()

    def start(self):
        self.process = Process([*self.launcher, f'{BUILD}/broker/gateway/vedette-gateway', '--port=0', f'--cert={self.folder}/server.pem',
                                f'--key={self.folder}/server.key', f'--ca={self.ca}', '--public-name=127.0.0.1',
                                '--public-name=desk.example', '--name=bench',
                                f'--broker-socket={self.folder}/broker.sock', *self.options])
        self.port = int(self.process.wait_line('listening at').rsplit(' ', 1)[1])
        self.process.wait_line('main: ready')
        wait_for(lambda: self.broker.seen(type='hello'), what='hello at the broker')

    def open(self, path, headers=(), **options):
        return WebSocket(self.port, self.ca, path, headers, **options)

    def client(self, ticket, **options):
        line = self.open('/stream', **options)
        line.send(record(TICKET, ticket.encode()))
        return line

    def uplink(self, ticket):
        line = self.open('/uplink')
        line.send(record(UPLINK, ticket.encode()))
        return line

    def pair(self, stream, replaces=None, **options):
        ticket, uplink_token = (f'{kind}{self.pairs:042d}' for kind in 'tu')
        self.pairs += 1
        self.broker.tickets[('ticket', ticket)] = (stream, replaces)
        self.broker.tickets[('uplink', uplink_token)] = (stream, None)
        client, uplink = self.client(ticket, **options), self.uplink(uplink_token)
        wait_for(lambda: self.broker.seen(type='stream', stream=stream, state='joined'), what=f'{stream} joined')
        return client, uplink

    def raw(self, data, seconds=20):
        """Status of the answer to these bytes; 0 when the gateway only closed."""
        try:
            with tls_connect(self.port, self.ca, seconds=seconds) as line:
                try:
                    line.sendall(data)
                except OSError:
                    pass  # refused before the end
                return status_of(read_head(line)[0])
        except OSError:
            return 0

    def request(self, method, path, headers=(), body=None, host=None):
        """(status, header text, body) of one request."""
        lines = [f'{method} {path} HTTP/1.1', f'Host: {host or f"127.0.0.1:{self.port}"}', *headers]
        data = b'' if body is None else body
        if body is not None:
            lines.append(f'Content-Length: {len(body)}')
        with tls_connect(self.port, self.ca) as line:
            line.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1') + data)
            head, rest = read_head(line)
            length = next((int(h.split(b':')[1]) for h in head.split(b'\r\n') if h.lower().startswith(b'content-length')), 0)
            while len(rest) < length:
                part = line.recv(65536)
                if not part:
                    break
                rest += part
            return status_of(head), head.decode('latin-1').lower(), rest
