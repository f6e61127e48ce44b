# SPDX-License-Identifier: Apache-2.0
"""websocket: takes WebSocket frames of a server (RFC 6455, unmasked) out of bytes that have come."""

import struct

TEXT_OR_BINARY, CLOSE = (0, 1, 2), 8


def take_frames(data):
    """(rest, payload, closed): what is no whole frame yet, the payloads in a row, whether a close came."""
    payload, closed = b'', False
    while len(data) >= 2:
        size, at = data[1] & 127, 2
        if size == 126:
            size, at = struct.unpack('!H', data[2:4].ljust(2, b'\0'))[0], 4
        elif size == 127:
            size, at = struct.unpack('!Q', data[2:10].ljust(8, b'\0'))[0], 10
        if len(data) < at + size:
            break
        kind, body, data = data[0] & 15, data[at:at + size], data[at + size:]
        if kind in TEXT_OR_BINARY:
            payload += body
        elif kind == CLOSE:
            closed = True
    return data, payload, closed
