# SPDX-License-Identifier: Apache-2.0
"""vedette: small tools for tests that start one program: processes, certificates, records, WebSocket.

Standard library only. Everything that is started is ended by its id; everything that is written lies in
a temporary folder.
"""

import base64
import json
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

BUILD = os.environ['VEDETTE_BUILD']

# Record types, docs/PROTOCOL.md.
JSON, TICKET, UPLINK, HELLO, GOAWAY = 1, 16, 17, 18, 19
ENDED, TAKEN_OVER, REFUSED, RESTART, PROTOCOL, TIMEOUT = 1, 2, 3, 4, 5, 6


def wait_for(condition, seconds=20, what='a condition'):
    """The first true value of condition(); fails loudly after a while."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f'no {what} within {seconds} s')
        time.sleep(0.02)


class Folder:
    """A temporary folder: with Folder() as path."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='vedette-')
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A program with its standard error collected; ended by its id."""

    def __init__(self, arguments, **options):
        self.lines = []
        self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
        self.pid = self.child.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stderr:
            self.lines.append(line.rstrip('\n'))

    def log(self):
        return '\n'.join(self.lines)

    def wait_line(self, text, seconds=20):
        def look():
            if self.child.poll() is not None:
                self.reader.join(1)
                raise RuntimeError(f'ended with {self.child.returncode}: {self.log()}')
            return next((line for line in list(self.lines) if text in line), None)
        return wait_for(look, seconds, f'line with "{text}"')

    def rss_kb(self):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as status:
            return next(int(line.split()[1]) for line in status if line.startswith('VmRSS:'))

    def sanitized(self):
        """Whether it carries AddressSanitizer, which keeps freed memory and so says nothing about growth."""
        with open(f'/proc/{self.pid}/maps', encoding='ascii') as maps:
            return 'asan' in maps.read()

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        if self.alive():
            self.child.kill()
        self.child.wait()
        self.reader.join(5)


def make_pki(folder, *names):
    """ca.pem, server.pem and server.key for a server with these names."""
    subprocess.run([f'{BUILD}/tests/fakes/make-pki', folder, *names], check=True)


def record(kind, body=b'', channel=0):
    return struct.pack('<HBBI', kind, channel, 0, len(body)) + body


def json_record(message):
    return record(JSON, json.dumps(message).encode())


class Records:
    """Cuts bytes into records: feed() returns those that are whole."""

    def __init__(self):
        self.data = bytearray()

    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 8:
            kind, channel, _flags, size = struct.unpack_from('<HBBI', self.data)
            if len(self.data) < 8 + size:
                break
            found.append((kind, channel, bytes(self.data[8:8 + size])))
            del self.data[:8 + size]
        return found


def goaway(body):
    """(reason, retry_ms, text) of a GOAWAY."""
    reason, retry_ms = struct.unpack_from('<BI', body)
    return reason, retry_ms, body[5:].decode()


def tls_connect(port, ca, host='127.0.0.1', seconds=20, receive_buffer=0):
    """A verified TLS 1.3 socket."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    raw = socket.socket()
    raw.settimeout(seconds)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect((host, port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname=host)


class Refused(Exception):
    """The upgrade was answered with another status; status is 0 when the server just closed."""

    def __init__(self, status):
        super().__init__(f'status {status}')
        self.status = status


def read_head(line):
    """The head of an HTTP answer from a socket, and what came after it."""
    head = b''
    while b'\r\n\r\n' not in head:
        try:
            part = line.recv(4096)
        except OSError:
            part = b''
        if not part:
            return head, b''
        head += part
    return head.split(b'\r\n\r\n', 1)


def status_of(head):
    words = head.split(b' ', 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


class WebSocket:
    """A client of one WebSocket: binary messages, answers pings."""

    def __init__(self, port, ca, path, headers=(), host=None, receive_buffer=0):
        self.line = tls_connect(port, ca, receive_buffer=receive_buffer)
        self.data = bytearray()
        self.closed = False
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f'GET {path} HTTP/1.1', f'Host: {host or f"127.0.0.1:{port}"}', 'Upgrade: websocket',
                 'Connection: Upgrade', f'Sec-WebSocket-Key: {key}', 'Sec-WebSocket-Version: 13']
        if not any(header.lower().startswith('sec-websocket-protocol') for header in headers):
            lines.append('Sec-WebSocket-Protocol: vdp.v1')
        self.line.sendall(('\r\n'.join([*lines, *headers]) + '\r\n\r\n').encode('latin-1'))
        head, rest = read_head(self.line)
        if status_of(head) != 101:
            self.line.close()
            raise Refused(status_of(head))
        self.data += rest

    def _send_frame(self, opcode, payload):
        size = len(payload)
        if size < 126:
            head = struct.pack('!BB', 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack('!BBH', 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack('!BBQ', 0x80 | opcode, 0x80 | 127, size)
        self.line.sendall(head + b'\0\0\0\0' + payload)  # a mask of zeros changes nothing

    def send(self, data):
        self._send_frame(2, data)

    def _frame(self):
        """One whole frame out of the buffer: (opcode, payload) or None."""
        if len(self.data) < 2:
            return None
        size, at = self.data[1] & 0x7f, 2
        if size == 126:
            if len(self.data) < 4:
                return None
            (size,), at = struct.unpack_from('!H', self.data, 2), 4
        elif size == 127:
            if len(self.data) < 10:
                return None
            (size,), at = struct.unpack_from('!Q', self.data, 2), 10
        if len(self.data) < at + size:
            return None
        frame = self.data[0] & 0x0f, bytes(self.data[at:at + size])
        del self.data[:at + size]
        return frame

    def receive(self, seconds=20):
        """The next binary payload, or None when the peer has closed."""
        end = time.monotonic() + seconds
        while not self.closed:
            frame = self._frame()
            if frame is None:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError('nothing received')
                if not self.line.pending():
                    select.select([self.line], [], [], left)
                self.line.settimeout(max(left, 0.01))
                try:
                    part = self.line.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    part = b''
                if not part:
                    self.closed = True
                self.data += part
                continue
            opcode, payload = frame
            if opcode == 9:
                self._send_frame(10, payload)
            elif opcode == 8:
                self.closed = True
            elif opcode in (0, 2):
                return payload
        return None

    def receive_all(self, size, seconds=60):
        """Exactly size bytes, or fewer when the peer closed."""
        data = bytearray()
        while len(data) < size:
            part = self.receive(seconds)
            if part is None:
                break
            data += part
        return bytes(data)

    def receive_record(self, kind, seconds=20):
        """The body of the first record of this kind, or None when the peer closed before."""
        records = Records()
        while True:
            part = self.receive(seconds)
            if part is None:
                return None
            for found, _channel, body in records.feed(part):
                if found == kind:
                    return body

    def close(self):
        self.line.close()
