#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""client: what a frame costs the thin client.

    VEDETTE_BUILD=build/dev python3 tests/bench/client.py [--headless] [--size WxH] [--frames N] [--client FILE]

A fake server sends the frames of three workloads as fast as they are acknowledged, two on their way.
A frame of "page" changes every tile, one of "caret" a single tile, one of "scroll" a quarter of them.
Printed for each: frames a second, processor time of the whole client a frame, and the times that the
client itself reports in its ACKs: decoding, and from decoded to shown. Without --headless the client
has a window on $DISPLAY, and xdotool types the password.
"""

import argparse
import asyncio
import ctypes
import ctypes.util
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../fakes'))
import fake_server  # noqa: E402
from fake_server import ACK, FRAME, FRAME_KEY, PING, PONG, FakeServer, Picture, record  # noqa: E402

LINE = 16  # pixels: the height of a line of text


class Buffer(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t), ('pos', ctypes.c_size_t)]


class Zstd:
    """A stream of libzstd at level 1 with the window of the codec, flushed once a frame."""

    def __init__(self):
        self.library = ctypes.CDLL('libzstd.so.1')
        self.library.ZSTD_createCCtx.restype = ctypes.c_void_p
        self.library.ZSTD_compressStream2.restype = ctypes.c_size_t
        self.stream = ctypes.c_void_p(self.library.ZSTD_createCCtx())
        for name, value in ((100, 1), (101, 23)):  # ZSTD_c_compressionLevel, ZSTD_c_windowLog
            self.library.ZSTD_CCtx_setParameter(self.stream, name, value)

    def flush(self, data):
        target = ctypes.create_string_buffer(len(data) + len(data) // 64 + 1024)
        source = ctypes.create_string_buffer(bytes(data), len(data))
        into = Buffer(ctypes.addressof(target), len(target), 0)
        from_ = Buffer(ctypes.addressof(source), len(data), 0)
        left = 1
        while left:
            left = self.library.ZSTD_compressStream2(self.stream, ctypes.byref(into), ctypes.byref(from_), 1)
        return target.raw[:into.pos]


def text_lines(width, count):
    """Lines of something like text: dark strokes on white, as rows of BGR."""
    chance = random.Random(7)
    glyphs = [[bytes(3) * n + b'\xff' * 3 * (8 - n) for n in (chance.randrange(8) for _ in range(LINE))] for _ in range(60)]
    lines = []
    for _ in range(count):
        letters = [chance.choice(glyphs) for _ in range(-(-width // 8))]
        lines.append(b''.join(b''.join(g[y] for g in letters)[:width * 3] for y in range(LINE)))
    return lines


def workloads(width, height, frames):
    """(name, [(picture, tiles or None)])"""
    lines = text_lines(width, 400)
    rows = -(-height // LINE)
    across, down = -(-width // 64), -(-height // 64)

    def page(first):
        pixels = b''.join(lines[(first + i) % len(lines)] for i in range(rows))
        return Picture(width, height, pixels[:width * height * 3])

    pages = [page(37 * i) for i in range(6)]
    middle = (down // 2) * across + across // 2
    quarter = [y * across + x for y in range(down // 4, down // 4 + down // 2) for x in range(across // 4, across // 4 + across // 2)]
    yield 'page', [(pages[i % 6], None) for i in range(frames)]
    yield 'scroll', [(pages[i % 6], quarter) for i in range(frames)]
    yield 'caret', [(pages[i % 6], [middle]) for i in range(frames)]


def encode(width, height, frames):
    """A list of (name, [bytes of operations]): one zstd stream through all of them."""
    zstd = Zstd()
    first = Picture(width, height)
    encoded = [('key', [b'\x02\0\0\0' + first.tiles(zstd)])]
    for name, steps in workloads(width, height, frames):
        encoded.append((name, [picture.tiles(zstd, tiles) for picture, tiles in steps]))
    return encoded


def processor_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Bench:
    def __init__(self, encoded, width, height):
        self.encoded, self.width, self.height = encoded, width, height
        self.pid = None
        self.results = []
        self.done = asyncio.Event()

    async def play(self, stream, frames, number):
        """Sends the frames and returns the (decode, present) of their ACKs in milliseconds."""
        times, sent = [], 0
        while len(times) < len(frames):
            while sent < len(frames) and sent - len(times) < 2:
                flags = FRAME_KEY if number == 0 else 0
                head = struct.pack('<IIIHB', number + sent, 0, 900, 1, flags)
                await stream.send(record(FRAME, head + frames[sent]))
                sent += 1
            kind, body = await stream.next()
            if kind == PING:
                await stream.send(record(PONG, body))
            elif kind == ACK:
                _frame, decode, present, _queued = struct.unpack('<IHHB', body)
                times.append((decode / 8, present / 8))
        return times

    async def behave(self, stream):
        await stream.start()
        await stream.surface(self.width, self.height)
        number = 0
        for name, frames in self.encoded:
            before, started = processor_seconds(self.pid), time.monotonic()
            times = await self.play(stream, frames, number)
            number += len(frames)
            if name == 'key':
                continue
            seconds = time.monotonic() - started
            self.results.append({
                'workload': name, 'frames': len(frames), 'bytes': sum(map(len, frames)) // len(frames),
                'frames_per_second': round(len(frames) / seconds, 1),
                'cpu_ms': round((processor_seconds(self.pid) - before) * 1000 / len(frames), 2),
                'decode_ms': round(statistics.median(t[0] for t in times), 2),
                'present_ms': round(statistics.median(t[1] for t in times), 2)})
        self.done.set()
        await asyncio.sleep(3600)


def start_client(options, server, folder):
    arguments = [options.client, '--server', f'localhost:{server.port}', '--ca', server.ca, '--user', 'alice', '--pool',
                 'office']
    environment = dict(os.environ, XDG_CONFIG_HOME=folder)
    if options.headless:
        read_end, write_end = os.pipe()
        os.write(write_end, b'correct horse\n')
        os.close(write_end)
        return subprocess.Popen(arguments + ['--headless', '--password-fd', str(read_end)], pass_fds=[read_end],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
    client = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL)
    subprocess.run(['xdotool', 'search', '--sync', '--onlyvisible', '--pid', str(client.pid), 'windowfocus'], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(['xdotool', 'key', 'Return'], check=True)
    while not any(path == '/api/login' for _, path, _, _ in server.requests):
        time.sleep(0.1)
    time.sleep(0.5)
    subprocess.run(['xdotool', 'type', 'correct horse'], check=True)
    subprocess.run(['xdotool', 'key', 'Return'], check=True)
    return client


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--headless', action='store_true')
    parser.add_argument('--size', default='1920x1080')
    parser.add_argument('--frames', type=int, default=90)
    parser.add_argument('--client', default=f'{os.environ.get("VEDETTE_BUILD", ".")}/client/native/vedette')
    options = parser.parse_args()
    width, height = map(int, options.size.split('x'))
    with tempfile.TemporaryDirectory() as folder:
        server = FakeServer(folder)
        bench = Bench(encode(width, height, options.frames), width, height)
        server.behave = bench.behave
        client = start_client(options, server, folder)
        bench.pid = client.pid
        asyncio.run_coroutine_threadsafe(bench.done.wait(), server.loop).result(300)
        client.kill()
        client.wait()
    for result in bench.results:
        print(json.dumps(result))


if __name__ == '__main__':
    main()
