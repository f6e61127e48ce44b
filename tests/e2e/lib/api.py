# SPDX-License-Identifier: Apache-2.0
"""api: the HTTPS API as a native client speaks it, and the first steps of a stream, for tests."""

import http.client
import json
import os
import select
import socket
import ssl
import struct
import time

from websocket import take_frames

TICKET, UPLINK, HELLO, GOAWAY, SURFACE = 16, 17, 18, 19, 64


class Refused(Exception):
    """An answer that is not 200."""


def tls_context(system):
    context = ssl.create_default_context(cafile=f'{system.state}/pki/ca.pem')
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


class Api:
    def __init__(self, system):
        self.system = system
        self.token = None

    def call(self, method, path, body=None, headers=None):
        """(status, parsed body)"""
        connection = http.client.HTTPSConnection('localhost', self.system.port, timeout=40,
                                                 context=tls_context(self.system))
        sent = {'X-Vedette-Client': 'native', 'Content-Type': 'application/json'}
        if self.token:
            sent['Authorization'] = f'Bearer {self.token}'
        sent.update(headers or {})
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, {'text': text.decode(errors='replace')}

    def get(self, path):
        status, body = self.call('GET', path)
        if status != 200:
            raise Refused(f'{path}: {status} {body}')
        return body

    def post(self, path, body):
        status, answer = self.call('POST', path, body)
        if status != 200:
            raise Refused(f'{path}: {status} {answer}')
        return answer

    def _state(self, status, answer):
        if answer.get('state') == 'ok':
            self.token = answer['token']
        elif 'state' not in answer:
            answer = {'state': 'refused', 'status': status, **answer}
        return answer

    def login(self, user, answers):
        """Begins a login and gives answers, one round of prompts each, until they are used up."""
        state = self._state(*self.call('POST', '/api/login', {'user': user}))
        for text in answers:
            if state['state'] != 'prompt':
                break
            state = self.answer(state, [text])
        return state

    def answer(self, state, answers):
        return self._state(*self.call('POST', '/api/login/answer', {'login': state['login'], 'answers': answers}))

    def answer_all(self, state, old, new):
        """Answers rounds of prompts of a password change: the old password where it is asked for, else the new."""
        for _ in range(6):
            if state['state'] != 'prompt':
                break
            wanted = [p for p in state['prompts'] if p['style'] in ('secret', 'echo')]
            texts = [p['text'].lower() for p in wanted]
            state = self.answer(state, [old if 'current' in t or 'old' in t else new for t in texts])
        return state

    def connect(self, pool, seconds=90):
        """Connects until there is a ticket."""
        end = time.monotonic() + seconds
        while True:
            answer = self.post('/api/connect', {'pool': pool})
            if answer['state'] == 'ready':
                return answer
            if time.monotonic() > end:
                raise AssertionError(f'no desktop in {seconds} s: {answer}')
            time.sleep(answer.get('retry_ms', 200) / 1000)


def record(kind, body, channel=0):
    return struct.pack('<HBBI', kind, channel, 0, len(body)) + body


def hello():
    return record(HELLO, struct.pack('<IHHQ', 0x31504456, 1, 1, 7))


class Stream:
    """One WebSocket to the gateway; reads VDP records."""

    def __init__(self, system, path='/stream', headers=()):
        raw = socket.create_connection(('localhost', system.port), timeout=30)
        self.socket = tls_context(system).wrap_socket(raw, server_hostname='localhost')
        lines = [f'GET {path} HTTP/1.1', f'Host: localhost:{system.port}', 'Upgrade: websocket', 'Connection: Upgrade',
                 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13',
                 'Sec-WebSocket-Protocol: vdp.v1', *headers, '', '']
        self.socket.sendall('\r\n'.join(lines).encode())
        self.bytes = b''
        while b'\r\n\r\n' not in self.bytes:
            chunk = self.socket.recv(4096)
            if not chunk:
                break
            self.bytes += chunk
        head, _, self.bytes = self.bytes.partition(b'\r\n\r\n')
        self.status = int(head.split()[1]) if head else 0
        self.stream = b''
        self.closed = False

    def send(self, data):
        mask = os.urandom(4)
        size = len(data)
        head = struct.pack('!BB', 0x82, 0x80 | size) if size < 126 else struct.pack('!BBH', 0x82, 0x80 | 126, size)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _frames(self):
        self.bytes, payload, closed = take_frames(self.bytes)
        self.stream += payload
        self.closed = self.closed or closed

    def next(self, seconds=20):
        """(type, body) of the next record, or None when the stream was closed or nothing came."""
        end = time.monotonic() + seconds
        while True:
            self._frames()
            if len(self.stream) >= 8:
                kind, _channel, _flags, size = struct.unpack('<HBBI', self.stream[:8])
                if len(self.stream) >= 8 + size:
                    body, self.stream = self.stream[8:8 + size], self.stream[8 + size:]
                    return kind, body
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


def open_with_ticket(system, ticket, seconds=20):
    """'stream' when a host answers with its HELLO, else the text of the GOAWAY or 'closed'."""
    stream = Stream(system)
    stream.send(record(TICKET, ticket.encode()) + hello())
    result = 'closed'
    while (got := stream.next(seconds)) is not None:
        if got[0] == HELLO:
            result = 'stream'
            break
        if got[0] == GOAWAY:
            result = f'goaway {got[1][0]} {got[1][5:].decode(errors="replace")}'
            break
    return result, stream
