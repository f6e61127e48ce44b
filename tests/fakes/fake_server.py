#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fake_server: the network's view of Vedette (API and stream over TLS), for tests of the client alone.

As a library: FakeServer(folder) runs in a thread; tests set its attributes and read what it saw.
As a program: prints its address and fingerprint and serves until it is ended.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import ssl
import struct
import subprocess
import threading

TILE = 64
TICKET, HELLO, GOAWAY, PING, PONG = 16, 18, 19, 20, 21
KEY, POINTER, BUTTON, WHEEL, RELEASE_ALL, SET_SIZE, MOTION = 32, 33, 34, 35, 36, 37, 40
CURSOR_SHAPE, CURSOR_USE, CURSOR_WARP, SURFACE, FRAME, ACK, REFRESH = 48, 49, 50, 64, 65, 66, 67
FRAME_KEY, FRAME_SETTLED = 1, 2
MAGIC = 0x31504456
CHANNELS = {CURSOR_SHAPE: 2, CURSOR_USE: 2, CURSOR_WARP: 2, SURFACE: 4, FRAME: 4, KEY: 1}


def record(kind, body=b'', flags=0, channel=None):
    return struct.pack('<HBBI', kind, CHANNELS.get(kind, 0) if channel is None else channel, flags, len(body)) + body


def hello(low=1, high=1):
    return record(HELLO, struct.pack('<IHHQ', MAGIC, low, high, 7))


def goaway(reason, retry_ms, text):
    return record(GOAWAY, struct.pack('<BI', reason, retry_ms) + text.encode())


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


class Zstd:
    """A zstd stream of raw blocks: valid, and nothing to install."""

    def __init__(self):
        self.started = False

    def flush(self, data):
        out = b''
        if not self.started:
            out = struct.pack('<IBB', 0xFD2FB528, 0, (23 - 10) << 3)
            self.started = True
        for i in range(0, len(data), 131072):
            block = data[i:i + 131072]
            out += struct.pack('<I', len(block) << 3)[:3] + block
        return out


class Picture:
    """BGR pixels and the operations that bring a client to them."""

    def __init__(self, width, height, pixels=None):
        self.width, self.height = width, height
        if pixels is None:
            row = bytearray()
            for x in range(width):
                row += bytes((x & 255, 128, 255 - (x & 255)))
            pixels = b''.join(bytes(row[3 * (y % 16):] + row[:3 * (y % 16)]) for y in range(height))
        self.pixels = bytearray(pixels)

    @classmethod
    def read_ppm(cls, path):
        with open(path, 'rb') as f:
            magic, size, _, data = f.read().split(b'\n', 3)
        assert magic == b'P6', path
        width, height = map(int, size.split())
        pixels = bytearray(data)
        pixels[0::3], pixels[2::3] = pixels[2::3], pixels[0::3]
        return cls(width, height, pixels)

    def fill(self, x, y, width, height, bgr):
        for row in range(y, min(y + height, self.height)):
            at = (row * self.width + x) * 3
            n = min(width, self.width - x)
            self.pixels[at:at + 3 * n] = bytes(bgr) * n

    def rgb(self):
        out = bytearray(self.pixels)
        out[0::3], out[2::3] = out[2::3], out[0::3]
        return bytes(out)

    def tiles(self, zstd, numbers=None):
        across, down = -(-self.width // TILE), -(-self.height // TILE)
        numbers = range(across * down) if numbers is None else numbers
        data = bytearray()
        for n in numbers:
            ty, tx = divmod(n, across)
            right = min((tx + 1) * TILE, self.width)
            for y in range(ty * TILE, min((ty + 1) * TILE, self.height)):
                data += self.pixels[(y * self.width + tx * TILE) * 3:(y * self.width + right) * 3]
        skips = [b - a - 1 for a, b in zip([-1, *numbers], numbers)]
        listed = b''.join(varint(v) for v in [len(skips), *(skip << 1 for skip in skips)])
        body = listed + zstd.flush(bytes(data))
        return b'\x01' + struct.pack('<I', len(body))[:3] + body


class Stream:
    """The host's end of one WebSocket."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.buffer = b''
        self.zstd = Zstd()
        self.frame_id = 0
        self.surface_id = 0
        self.serial = 0
        self.silent = False

    async def message(self):
        head = await self.reader.readexactly(2)
        size = head[1] & 127
        if size == 126:
            size = struct.unpack('>H', await self.reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack('>Q', await self.reader.readexactly(8))[0]
        mask = await self.reader.readexactly(4) if head[1] & 128 else b'\0\0\0\0'
        data = await self.reader.readexactly(size)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        if head[0] & 15 == 8:
            raise ConnectionError('closed by the client')
        return data if head[0] & 15 in (0, 2) else b''

    async def next(self):
        """The next record: (type, body)."""
        while len(self.buffer) < 8 or len(self.buffer) < 8 + struct.unpack_from('<I', self.buffer, 4)[0]:
            self.buffer += await self.message()
        kind, _, _, size = struct.unpack_from('<HBBI', self.buffer)
        body, self.buffer = self.buffer[8:8 + size], self.buffer[8 + size:]
        self.server.records.append((kind, body))
        return kind, body

    async def send(self, data, chunk=65536):
        for i in range(0, len(data), chunk):
            part = data[i:i + chunk]
            head = b'\x82' + (bytes([len(part)]) if len(part) < 126 else
                              b'\x7e' + struct.pack('>H', len(part)) if len(part) < 65536 else
                              b'\x7f' + struct.pack('>Q', len(part)))
            self.writer.write(head + part)
        await self.writer.drain()

    async def show(self, picture, settled=True, key=True, numbers=None):
        ops = b''
        if key:
            self.zstd = Zstd()
            ops = b'\x02\0\0\0'
        ops += picture.tiles(self.zstd, numbers)
        self.frame_id += 1
        flags = (FRAME_KEY if key else 0) | (FRAME_SETTLED if settled else 0)
        await self.send(record(FRAME, struct.pack('<IIIHB', self.frame_id, self.serial, 900, self.surface_id, flags) + ops))

    async def surface(self, width, height):
        self.surface_id += 1
        await self.send(record(SURFACE, struct.pack('<HHH', self.surface_id, width, height)))

    async def start(self):
        """From the ticket to the hello of both ends."""
        kind, body = await self.next()
        if kind != TICKET or body.decode() not in self.server.tickets:
            await self.send(goaway(3, 0, 'the ticket is not valid'))
            raise ConnectionError('no ticket')
        self.server.tickets.remove(body.decode())
        await self.send(hello())
        assert (await self.next())[0] == HELLO

    async def desktop(self):
        """A desktop that obeys: sizes, keys that draw a block each, a cursor, pings."""
        await self.start()
        picture = self.server.picture or Picture(640, 480)
        self.server.shown = picture
        rgba = b''.join(bytes((255, 255, 255, 255 if x <= y else 0)) for y in range(16) for x in range(16))
        await self.surface(picture.width, picture.height)
        await self.show(picture)
        await self.send(record(CURSOR_SHAPE, struct.pack('<IHHHH', 5, 16, 16, 1, 2) + rgba))
        await self.send(record(CURSOR_USE, struct.pack('<IB', 5, 1)))
        while True:
            kind, body = await self.next()
            if kind == PING and not self.silent:
                await self.send(record(PONG, body))
            elif kind == SET_SIZE and self.server.resizes:
                width, height, _ = struct.unpack('<HHH', body)
                if (width, height) != (picture.width, picture.height):
                    picture = self.server.shown = Picture(width, height)
                    await self.surface(width, height)
                    await self.show(picture)
            elif kind == KEY:
                self.serial, _, code, down = struct.unpack('<IIHB', body)
                if down and self.server.draws:
                    picture.fill((code % 8) * 64 + 8, 8, 32, 32, (code, 255 - code, 40))
                    await self.show(picture, key=False, numbers=[code % 8])


class FakeServer:
    def __init__(self, folder, port=0, names=('DNS:localhost', 'IP:127.0.0.1')):
        self.folder = folder
        self.ca = f'{folder}/ca.pem'
        self.port = port
        self.users = {'alice': 'correct horse'}
        self.pools = [{'name': 'office', 'description': 'Office desktop', 'state': 'ready', 'text': '2 of 4 free', 'session': None}]
        self.rounds = None      # [[prompt, …], …] of every login; None: one secret prompt
        self.wanted = None      # the answers of each round; None: the password
        self.login_delay = 0
        self.connects = []      # answers of /api/connect before it answers ready: (status, body)
        self.behave = Stream.desktop
        self.picture = None
        self.shown = None
        self.resizes = True
        self.draws = True
        self.tickets = []
        self.requests = []      # (method, path, headers, body)
        self.records = []       # (type, body) of clients
        self.connections = 0    # TCP
        self.streams = []
        self.logins = {}
        self.session = 's-1'
        self.writers = set()
        make_certificates(folder, names)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.listen()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def listen(self):
        async def start():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_cert_chain(f'{self.folder}/chain.pem', f'{self.folder}/server.key')
            self.listener = await asyncio.start_server(self.accept, '127.0.0.1', self.port, ssl=context)
            self.port = self.listener.sockets[0].getsockname()[1]
        self.call(start())

    def drop(self, listening=False):
        """Cuts every connection; unless listening, new ones are refused until listen()."""
        async def cut():
            if not listening:
                self.listener.close()
            for writer in list(self.writers):
                writer.transport.abort()
        self.call(cut())

    def send(self, data):
        """Sends raw bytes on the newest stream."""
        self.call(self.streams[-1].send(data))

    def fingerprint(self):
        key = subprocess.run(['openssl', 'x509', '-in', self.ca, '-pubkey', '-noout'], check=True, capture_output=True).stdout
        der = base64.b64decode(b''.join(key.splitlines()[1:-1]))
        return 'sha256:' + hashlib.sha256(der).hexdigest()

    async def accept(self, reader, writer):
        self.connections += 1
        self.writers.add(writer)
        try:
            while await self.request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def request(self, reader, writer):
        line = (await reader.readuntil(b'\r\n')).decode().split()
        headers = {}
        while (header := (await reader.readuntil(b'\r\n')).decode().strip()):
            name, value = header.split(':', 1)
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get('content-length', 0)))
        self.requests.append((line[0], line[1], headers, body))
        if headers.get('upgrade', '').lower() == 'websocket':
            await self.websocket(headers, reader, writer)
            return False
        status, answer = await self.answer(line[1], headers, json.loads(body) if body else {})
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        writer.write(f'HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n'.encode() + data)
        await writer.drain()
        return True

    async def websocket(self, headers, reader, writer):
        key = headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                      f'Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: vdp.v1\r\n\r\n').encode())
        stream = Stream(self, reader, writer)
        self.streams.append(stream)
        await self.behave(stream)

    async def answer(self, path, headers, body):
        if path == '/api/login':
            login = f'l-{len(self.logins)}'
            self.logins[login] = [body['user'], 0]
            return 200, self.next_round(login)
        if path == '/api/login/answer':
            await asyncio.sleep(self.login_delay)
            return 200, self.check(body)
        if headers.get('authorization') != 'Bearer the-token':
            return 401, {'error': 'login', 'message': 'log in first'}
        if path == '/api/pools':
            return 200, {'pools': self.pools}
        if path == '/api/connect':
            if self.connects:
                return self.connects.pop(0)
            ticket = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip('=')
            self.tickets.append(ticket)
            return 200, {'state': 'ready', 'session': self.session, 'desktop': 'd-1', 'ticket': ticket, 'stream_path': '/stream'}
        if path in ('/api/logoff', '/api/logout'):
            return 200, {}
        return 404, {'error': 'not-found', 'message': 'no such call'}

    def next_round(self, login):
        rounds = self.rounds or [[{'style': 'secret', 'text': 'Password: '}]]
        return {'state': 'prompt', 'login': login, 'prompts': rounds[self.logins[login][1]]}

    def check(self, body):
        user, turn = self.logins[body['login']]
        wanted = self.wanted[turn] if self.wanted else [self.users.get(user)]
        if body['answers'] != wanted:
            return {'state': 'refused', 'message': 'The login failed.'}
        self.logins[body['login']][1] = turn + 1
        if turn + 1 < len(self.rounds or [1]):
            return self.next_round(body['login'])
        return {'state': 'ok', 'user': user, 'token': 'the-token'}


def make_certificates(folder, names):
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True, cwd=folder)
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl('req', '-x509', *curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Fake authority',
            '-addext', 'keyUsage=critical,keyCertSign')
    openssl('req', *curve, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
    with open(f'{folder}/server.ext', 'w', encoding='ascii') as f:
        f.write(f'subjectAltName={",".join(names)}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
            '-out', 'server.pem', '-extfile', 'server.ext')
    with open(f'{folder}/chain.pem', 'w', encoding='ascii') as chain:
        for name in ('server.pem', 'ca.pem'):
            with open(f'{folder}/{name}', encoding='ascii') as part:
                chain.write(part.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--folder', required=True)
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--picture', help='PPM to show')
    parser.add_argument('--pools', help='JSON file with the list of pools')
    parser.add_argument('--queue', type=int, default=0, help='answers of waiting before a desktop is ready')
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    server = FakeServer(options.folder, options.port)
    if options.picture:
        server.picture = Picture.read_ppm(options.picture)
        server.resizes = server.draws = False
    if options.pools:
        with open(options.pools, encoding='utf-8') as f:
            server.pools = json.load(f)
    server.connects = [(200, {'state': 'waiting', 'session': 's-1', 'position': options.queue - i, 'retry_ms': 1000,
                              'text': 'All desktops are in use.'}) for i in range(options.queue)]
    print(json.dumps({'port': server.port, 'ca': server.ca, 'fingerprint': server.fingerprint()}), flush=True)
    threading.Event().wait()


if __name__ == '__main__':
    main()
