# SPDX-License-Identifier: Apache-2.0
"""Both ends of many relayed sessions in one process: sockets that never block, and what they counted."""

import selectors
import ssl
import struct
import time

FRAME, ACK, PING, PONG = 65, 66, 20, 21


def message(payload, masked, opcode=2):
    """A WebSocket message, binary unless told otherwise; a mask of zeros changes nothing."""
    size, bit = len(payload), 0x80 if masked else 0
    head = struct.pack('!BB', 0x80 | opcode, bit | size) if size < 126 else struct.pack('!BBH', 0x80 | opcode, bit | 126, size)
    return head + (b'\0\0\0\0' if masked else b'') + payload


def record(kind, body):
    return struct.pack('<HBBI', kind, 0, 0, len(body)) + body


def stamped_frame(size, masked):
    """A FRAME record of size bytes that says when it was made."""
    body = struct.pack('<IId', 1, 0, time.monotonic()) + bytes(size - 8 - 16)
    return message(record(FRAME, body), masked)


class End:
    """One socket. Sends what fits, keeps the rest; cuts what comes into WebSocket messages."""

    def __init__(self, loop, line, data=b'', masked=True):
        self.loop, self.line, self.masked = loop, line, masked
        self.data, self.rest = bytearray(data), b''
        self.received = 0
        self.heard = None  # called with each payload; None: bytes are only counted
        line.setblocking(False)
        loop.add(self)

    def send(self, data):
        """False when the last one is still on its way."""
        if self.rest:
            return False
        self.rest = data
        self.flush()
        return True

    def flush(self):
        try:
            while self.rest:
                self.rest = self.rest[self.line.send(self.rest):]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            pass
        self.loop.want(self)

    def read(self):
        try:
            for _ in range(8):
                part = self.line.recv(65536)
                if not part:
                    raise ConnectionError('an end was closed')
                self.received += len(part)
                if self.heard:
                    self.data += part
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        while self.heard and (found := self._cut()) is not None:
            opcode, payload = found
            if opcode == 9:  # the gateway asks whether we live
                self.send(message(payload, self.masked, 10))
            elif opcode == 2:
                self.heard(payload)

    def _cut(self):
        """(opcode, payload) of one whole message, or None."""
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
        found = self.data[0] & 0x0f, bytes(self.data[at:at + size])
        del self.data[:at + size]
        return found


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def add(self, end):
        end.events = selectors.EVENT_READ
        self.selector.register(end.line, end.events, end)

    def want(self, end):
        self._change(end, end.events | selectors.EVENT_WRITE if end.rest else end.events & ~selectors.EVENT_WRITE)

    def listen(self, end, on):
        """Whether the end reads at all."""
        self._change(end, end.events | selectors.EVENT_READ if on else end.events & ~selectors.EVENT_READ)

    def _change(self, end, events):
        if events == end.events:
            return
        if end.events == 0:
            self.selector.register(end.line, events, end)
        elif events == 0:
            self.selector.unregister(end.line)
        else:
            self.selector.modify(end.line, events, end)
        end.events = events

    def run(self, seconds, tick=None, every=0.005):
        """Turns for so long; tick() is called about every so often."""
        end, due = time.monotonic() + seconds, time.monotonic()
        while (now := time.monotonic()) < end:
            if tick and now >= due:
                tick()
                due = max(due + every, now)
            self.turn(max(0, min(due if tick else end, end) - time.monotonic()))

    def turn(self, seconds=0):
        """Whatever is ready now, or becomes so within seconds."""
        for key, events in self.selector.select(seconds):
            if events & selectors.EVENT_WRITE:
                key.data.flush()
            if events & selectors.EVENT_READ:
                key.data.read()
