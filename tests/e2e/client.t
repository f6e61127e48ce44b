#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client alone against a server that is right, wrong, slow, hostile or gone."""

import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))
sys.path.insert(0, os.path.join(HERE, '..', 'fakes'))
import fake_server as fake
from fake_server import FakeServer, Picture, Stream, goaway, hello, record
from picture import read_png
from tap import Tap

CLIENT = os.environ['VEDETTE_BUILD'] + '/client/native/vedette'
SECRET = 'correct horse'


class Client:
    """vedette --headless; lines in, JSON lines out."""

    def __init__(self, server, home, *options, answers=(SECRET,), pool='office', ca=True):
        read_end, write_end = os.pipe()
        os.write(write_end, ''.join(f'{a}\n' for a in answers).encode())
        os.close(write_end)
        arguments = [CLIENT, '--headless', '--server', f'localhost:{server.port}', '--user', 'alice', '--answers-fd', str(read_end)]
        arguments += ['--ca', server.ca] if ca is True else ['--ca', ca] if ca else []
        arguments += ['--pool', pool] if pool else []
        environment = dict(os.environ, XDG_CONFIG_HOME=home, https_proxy='http://127.0.0.1:9/', HTTPS_PROXY='http://127.0.0.1:9/')
        self.process = subprocess.Popen(arguments + list(options), pass_fds=[read_end], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        os.close(read_end)
        self.events = []
        self.pending = b''

    def line(self, seconds=20):
        end = time.monotonic() + seconds
        while b'\n' not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b''
            if not chunk:
                return None
            self.pending += chunk
        line, self.pending = self.pending.split(b'\n', 1)
        return json.loads(line)

    def ask(self, command, seconds=20):
        self.process.stdin.write(command.encode() + b'\n')
        self.process.stdin.flush()
        while (answer := self.line(seconds)) is not None:
            if 'event' not in answer:
                return answer
            self.events.append(answer)
        return {'ok': False, 'error': 'no answer'}

    def event(self, wanted, seconds=20):
        """The next event for which wanted(event) holds."""
        while (event := self.line(seconds)) is not None:
            self.events.append(event)
            if 'event' in event and wanted(event):
                return event
        return {}

    def state(self, name, seconds=20):
        return self.event(lambda e: e.get('state') == name, seconds)

    def end(self, seconds=20):
        """Closes the script and returns (exit code, everything that was printed)."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        self.events += [json.loads(line) for line in (self.pending + out).splitlines() if line.startswith(b'{')]
        self.pending = b''
        return self.process.returncode, (out + err).decode()


def test_logins(tap, server, home):
    client = Client(server, home)
    tap.ok(client.ask('wait-live 10000').get('ok'), 'right password: live')
    tap.equal(client.ask('state')['desktop'], 'd-1', 'state names the desktop')
    tap.equal(client.ask('pools')['pools'][0]['name'], 'office', 'pools are listed')
    tap.equal(client.end()[0], 0, 'and the end of the script ends it')
    tap.ok(all(h.get('x-vedette-client') == 'native' and 'origin' not in h and 'cookie' not in h
               for _, path, h, _ in server.requests if path.startswith('/api')), 'it says that it is native, and sends no Origin')
    client = Client(server, home, answers=['wrong'])
    code, text = client.end()
    tap.equal(code, 3, 'wrong password: exit 3')
    tap.ok(any(e.get('message') == 'The login failed.' for e in client.events), 'with the text of the server')
    tap.ok('wrong' not in text, 'and the password is printed nowhere')
    tap.equal(Client(server, home, answers=[]).end()[0], 3, 'no answer for a prompt: exit 3')
    server.rounds = [[{'style': 'info', 'text': 'Good morning'}, {'style': 'secret', 'text': 'Password: '}],
                     [{'style': 'error', 'text': 'Your password has expired'}, {'style': 'secret', 'text': 'New: '},
                      {'style': 'echo', 'text': 'Hint: '}],
                     [{'style': 'info', 'text': 'Changed'}]]
    server.wanted = [[SECRET], ['new one', 'a hint'], []]
    client = Client(server, home, answers=[SECRET, 'new one', 'a hint'])
    tap.ok(client.ask('wait-live 10000').get('ok'), 'several prompts and messages: live')
    tap.equal([e['text'] for e in client.events if e['event'] == 'prompt' and e['style'] in ('info', 'error')],
              ['Good morning', 'Your password has expired', 'Changed'], 'every message was shown')
    client.end()
    server.rounds = server.wanted = None
    server.pools = [{'name': 5}]
    client = Client(server, home, pool=None)
    tap.ok(not client.ask('pools')['ok'], 'an answer without meaning is an error, not a crash')
    tap.equal(client.end()[0], 0, 'and the client lives on')


def test_trust(tap, server, home):
    with tempfile.TemporaryDirectory() as folder:
        other = FakeServer(folder)
        seen = len(other.requests)
        client = Client(other, home, ca=server.ca)
        tap.equal(client.end()[0], 4, 'another authority: exit 4')
        tap.equal(len(other.requests), seen, 'and not one byte of a request was sent')
        client = Client(other, home, ca=None)
        tap.equal(client.end()[0], 4, 'an unknown server: exit 4')
        tap.ok(any(e.get('fingerprint') == other.fingerprint() for e in client.events), 'with its fingerprint')
        client = Client(other, home, '--trust-fingerprint', server.fingerprint(), ca=None)
        tap.equal(client.end()[0], 4, 'a wrong fingerprint: exit 4')
        tap.equal(len(other.requests), seen, 'and still nothing was sent')
        client = Client(other, home, '--trust-fingerprint', other.fingerprint(), ca=None)
        tap.ok(client.ask('wait-live 10000').get('ok'), 'the right fingerprint: live')
        client.end()
        client = Client(other, home, ca=None)
        tap.ok(client.ask('wait-live 10000').get('ok'), 'and it is remembered')
        client.end()
        port, seen = other.port, len(other.requests)
        other.drop()
        with tempfile.TemporaryDirectory() as second:
            changed = FakeServer(second, port=port)
            client = Client(changed, home, '--trust-fingerprint', changed.fingerprint(), ca=None)
            tap.equal(client.end()[0], 4, 'an authority that changed: exit 4, whatever is said')
            tap.equal(len(changed.requests), 0, 'and nothing was sent')
            changed.drop()
    with tempfile.TemporaryDirectory() as folder:
        named = FakeServer(folder, names=['DNS:elsewhere.example'])
        tap.equal(Client(named, home).end()[0], 4, 'a certificate for another name: exit 4')
        tap.equal(len(named.requests), 0, 'and nothing was sent')


def test_picture(tap, server, home, folder):
    client = Client(server, home, '--size', '650x330')
    tap.ok(client.ask('wait-size 650 330').get('ok'), 'the desktop takes the wanted size, tiles cut at the edges')
    client.ask('wait-settled 50')
    client.ask(f'dump {folder}/a.png')
    picture = read_png(f'{folder}/a.png')
    tap.equal((picture.width, picture.height), (650, 330), 'the picture has it')
    tap.ok(bytes(picture.pixels) == server.shown.rgb(), 'and every pixel')
    frames = client.ask('state')['frames']
    tap.ok(client.ask('key KEY_A').get('ok'), 'a key')
    while client.ask('state')['frames'] == frames:
        pass
    client.ask('wait-settled 50')
    client.ask(f'dump {folder}/b.png')
    changed = read_png(f'{folder}/b.png')
    tap.ok(bytes(changed.pixels) == server.shown.rgb() != bytes(picture.pixels), 'changes one tile exactly')
    cursor = client.ask(f'cursor {folder}/c.png')
    tap.equal((cursor.get('width'), cursor.get('hot_x'), cursor.get('hot_y')), (16, 1, 2), 'the cursor is there, not in the picture')
    client.ask('type aB')
    client.ask('move 12 34')
    client.ask('click 3')
    client.ask('wheel -120 240')
    client.ask('motion -4096 7')
    tap.equal(client.ask('motion 0 4097')['ok'], False, 'a motion out of range is refused')
    tap.equal(client.ask('click 9')['ok'], False, 'a button that does not exist is refused')
    tap.ok(client.ask('stats')['frames'] >= 2, 'stats count')
    client.ask('disconnect')
    client.end()
    keys = [struct.unpack('<IIHB', b)[2:] for kind, b in server.records if kind == fake.KEY][2:]
    tap.equal(keys, [(30, 1), (30, 0), (42, 1), (48, 1), (48, 0), (42, 0)], 'typed text is keys with shift')
    tap.ok((fake.POINTER, (12, 34)) in [(k, struct.unpack('<IIHH', b)[2:]) for k, b in server.records if k == fake.POINTER], 'pointer')
    tap.ok([struct.unpack('<IIBB', b)[2:] for k, b in server.records if k == fake.BUTTON] == [(3, 1), (3, 0)], 'button')
    tap.ok([struct.unpack('<IIhh', b)[2:] for k, b in server.records if k == fake.WHEEL] == [(-120, 240)], 'wheel')
    tap.ok([struct.unpack('<IIhh', b)[2:] for k, b in server.records if k == fake.MOTION] == [(-4096, 7)], 'motion')
    acks = [struct.unpack('<IHHB', b)[0] for k, b in server.records if k == fake.ACK]
    tap.ok(acks and acks == sorted(set(acks)), 'every frame was acknowledged once')


def test_once(tap, server, home, folder):
    client = Client(server, home, '--once', f'{folder}/once.png', '--table')
    code, text = client.end()
    report = next((e for e in client.events if 'ok' in e), {})
    tap.equal(code, 0, '--once: exit 0')
    tap.ok(all(report.get(k, -1) >= 0 for k in ('login_ms', 'connect_ms', 'first_frame_ms', 'settled_ms')), f'with timings {report}')
    tap.ok('PAM login' in text and os.path.exists(f'{folder}/once.png'), 'a table and a picture')
    server.connects = [(403, {'error': 'denied', 'message': 'Not for you.'})]
    client = Client(server, home, '--once', f'{folder}/no.png')
    tap.equal(client.end()[0], 5, 'denied: exit 5')
    tap.ok(any(e.get('text') == 'Not for you.' for e in client.events), 'with the reason')
    server.connects = [(200, {'state': 'waiting', 'session': None, 'position': 3, 'text': 'Full.', 'retry_ms': 100})] * 50
    client = Client(server, home, '--once', f'{folder}/no.png', '--timeout', '1000')
    tap.equal(client.end()[0], 6, 'no desktop in time: exit 6')
    server.connects = []


def test_waiting(tap, server, home):
    server.connects = [(200, {'state': 'waiting', 'session': 's', 'position': n, 'text': 'All in use.', 'retry_ms': 100}) for n in (2, 1)]
    client = Client(server, home)
    tap.ok(client.ask('wait-live 10000').get('ok'), 'a queue ends in a desktop')
    tap.equal([e['position'] for e in client.events if e.get('state') == 'waiting'], [2, 1], 'and shows the position on the way')
    client.end()


def test_reconnect(tap, server, home):
    client = Client(server, home)
    client.ask('wait-live 10000')
    server.drop()
    tap.ok(client.state('reconnecting'), 'a dropped line: reconnecting')
    tap.ok(client.ask('state')['width'] > 0, 'and the picture stays')
    tap.equal(client.ask('type x')['ok'], False, 'but takes no input')
    server.listen()
    tap.ok(client.ask('wait-live 5000').get('ok'), 'and it comes back within 5 s of the server')
    server.drop(listening=True)
    client.state('reconnecting')
    server.session = 's-2'
    client.ask('wait-live 5000')
    tap.ok(client.ask('state')['fresh'], 'another desktop than before is told apart')
    for _ in range(2):
        server.drop(listening=True)
        client.state('reconnecting')
        tap.ok(client.ask('wait-live 5000').get('ok'), 'again')
    client.end()


async def mute(stream):
    """A line that is up and says nothing after the first picture."""
    await stream.start()
    await stream.surface(64, 64)
    await stream.show(Picture(64, 64))
    while True:
        await stream.next()


def test_dead_line(tap, server, home):
    server.behave = mute
    client = Client(server, home)
    tap.ok(client.ask('wait-live 10000').get('ok'), 'a line goes dead')
    begin = time.monotonic()
    client.state('reconnecting', 10)
    tap.ok(time.monotonic() - begin <= 6.5, f'noticed after {time.monotonic() - begin:.1f} s')
    server.behave = Stream.desktop
    client.end()


def test_goaway(tap, server, home):
    for reason, end in ((1, 'session-ended'), (2, 'taken-over')):
        client = Client(server, home)
        client.ask('wait-live 10000')
        streams = len(server.streams)
        server.send(goaway(reason, 0, 'because'))
        event = client.state('ended')
        tap.equal((event.get('end'), event.get('text')), (end, 'because'), f'GOAWAY {reason}: {end}')
        tap.ok(not client.ask('wait-live 1500').get('ok'), 'the client does not come back by itself')
        tap.equal(len(server.streams), streams, 'and dials nothing')
        client.end()
    client = Client(server, home)
    client.ask('wait-live 10000')
    begin = time.monotonic()
    server.send(goaway(4, 700, 'restarting'))
    client.state('reconnecting')
    tap.ok(client.ask('wait-live 5000').get('ok') and time.monotonic() - begin >= 0.7, 'GOAWAY 4: back after the time it was given')
    client.end()


def frame(ops, flags=1, surface=1, number=1):
    return record(fake.FRAME, struct.pack('<IIIHB', number, 0, 0, surface, flags) + ops)


def tiles(numbers, data):
    body = struct.pack(f'<H{len(numbers)}H', len(numbers), *numbers) + data
    return b'\x01' + struct.pack('<I', len(body))[:3] + body


HOSTILE = {
    'an unknown critical record': record(999, b'', flags=2),
    'an unknown flag': record(999, b'', flags=0x80),
    'an unknown channel': record(fake.PONG, b'12345678', channel=77),
    'a client record from the host': record(fake.KEY, struct.pack('<IIHB', 1, 1, 30, 1)),
    'a local record': record(1, b'{}'),
    'a second hello': hello(),
    'a body above its limit': struct.pack('<HBBI', fake.PONG, 0, 0, 1 << 30),
    'a short surface': record(fake.SURFACE, b'\1\0'),
    'a surface of no size': record(fake.SURFACE, struct.pack('<HHH', 2, 0, 5)),
    'a surface beyond the limit': record(fake.SURFACE, struct.pack('<HHH', 2, 65535, 65535)),
    'a frame of another surface': frame(b'\x02\0\0\0', surface=9),
    'a cursor that lies about its size': record(fake.CURSOR_SHAPE, struct.pack('<IHHHH', 1, 200, 200, 0, 0) + b'x'),
    'a cursor of 60000 pixels': record(fake.CURSOR_SHAPE, struct.pack('<IHHHH', 1, 60000, 60000, 0, 0)),
    'an unknown operation': frame(b'\x77\0\0\0'),
    'an operation cut short': frame(b'\x01\xff\xff\x00abc'),
    'a tile outside': frame(b'\x02\0\0\0' + tiles([60000], fake.Zstd().flush(b'x' * 12288))),
    'tiles that do not rise': frame(b'\x02\0\0\0' + tiles([1, 1], fake.Zstd().flush(b'x' * 24576))),
    'too few pixels': frame(b'\x02\0\0\0' + tiles([0], fake.Zstd().flush(b'x' * 100))),
    'a bomb': frame(b'\x02\0\0\0' + tiles([0], fake.Zstd().flush(b'x' * 2000000))),
    'an RLE bomb': frame(b'\x02\0\0\0' + tiles([0], struct.pack('<IBB', 0xFD2FB528, 0, 13 << 3) + b'\x02\x00\x10\x41' * 500)),
    'no zstd at all': frame(b'\x02\0\0\0' + tiles([0], os.urandom(500))),
}


def test_hostile(tap, server, home):
    client = Client(server, home)
    client.ask('wait-live 10000')
    for name, data in HOSTILE.items():
        streams = len(server.streams)
        server.send(data)
        lost = client.state('reconnecting', 5)
        back = client.ask('wait-live 8000', 10).get('ok')
        tap.ok(lost and back and len(server.streams) > streams, f'{name}: ends the stream only')
    with open(f'/proc/{client.process.pid}/status', encoding='ascii') as f:
        peak = int(next(line for line in f if line.startswith('VmHWM')).split()[1])
    tap.ok(peak < 400000, f'and memory stays bounded: {peak} kB')
    client.end()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f'{folder}/server')
        os.makedirs(f'{folder}/home')
        tests = [(n, f) for n, f in globals().items() if n.startswith('test_') and (len(sys.argv) < 2 or n in sys.argv[1:])]
        for name, test in tests:
            tap.note(name)
            place = tempfile.mkdtemp(dir=folder)
            server = FakeServer(place)
            home = f'{folder}/home'
            test(*([tap, server, home, folder][:test.__code__.co_argcount]))
            server.drop()
    tap.done()


if __name__ == '__main__':
    main()
