# SPDX-License-Identifier: Apache-2.0
"""picture: reads the PNG of the headless client and the PPM of QEMU's screendump, and compares them."""

import struct
import zlib


class Picture:
    """RGB8 pixels, three bytes each, row after row."""

    def __init__(self, width, height, pixels):
        assert len(pixels) == width * height * 3
        self.width, self.height, self.pixels = width, height, pixels

    def difference(self, other):
        """None when equal, else a sentence that says where the first difference is and how many there are."""
        if (self.width, self.height) != (other.width, other.height):
            return f'{self.width}x{self.height} is not {other.width}x{other.height}'
        if self.pixels == other.pixels:
            return None
        rows = self.width * 3
        wrong = 0
        first = None
        for y in range(self.height):
            a, b = self.pixels[y * rows:(y + 1) * rows], other.pixels[y * rows:(y + 1) * rows]
            if a == b:
                continue
            for x in range(self.width):
                if a[3 * x:3 * x + 3] != b[3 * x:3 * x + 3]:
                    wrong += 1
                    first = first or (x, y)
        return f'{wrong} pixels differ, the first at {first}'

    def crop(self, x, y, width, height):
        rows = range(y, y + height)
        return Picture(width, height, b''.join(self.pixels[(row * self.width + x) * 3:(row * self.width + x + width) * 3]
                                               for row in rows))

    def colours(self):
        return len({self.pixels[i:i + 3] for i in range(0, len(self.pixels), 3)})


def _unfilter(kind, row, above, step):
    out = bytearray(row)
    if kind == 1:
        for i in range(step, len(out)):
            out[i] = (out[i] + out[i - step]) & 255
    elif kind == 2:
        for i, up in enumerate(above):
            out[i] = (out[i] + up) & 255
    elif kind == 3:
        for i, up in enumerate(above):
            left = out[i - step] if i >= step else 0
            out[i] = (out[i] + (left + up) // 2) & 255
    elif kind == 4:
        for i, b in enumerate(above):
            a = out[i - step] if i >= step else 0
            c = above[i - step] if i >= step else 0
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            out[i] = (out[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
    return out


def read_png(path):
    """8 bit RGB or RGBA without interlace, which is all that the client writes."""
    with open(path, 'rb') as file:
        data = file.read()
    assert data[:8] == b'\x89PNG\r\n\x1a\n', f'{path} is no PNG'
    at, packed = 8, b''
    width = height = step = 0
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour, _, _, interlace = struct.unpack('>IIBBBBB', body)
            assert depth == 8 and colour in (2, 6) and interlace == 0
            step = 3 if colour == 2 else 4
        elif kind == b'IDAT':
            packed += body
        at += size + 12
    raw = zlib.decompress(packed)
    rows, above, stride = [], bytes(width * step), width * step
    for y in range(height):
        line = raw[y * (stride + 1):(y + 1) * (stride + 1)]
        above = _unfilter(line[0], line[1:], above, step)
        rows.append(bytes(above) if step == 3 else bytes(v for i, v in enumerate(above) if i % 4 != 3))
    return Picture(width, height, b''.join(rows))


def read_ppm(path):
    """Binary PPM (P6, 255) as QEMU writes it."""
    with open(path, 'rb') as file:
        data = file.read()
    fields, at = [], 0
    while len(fields) < 4:
        end = at
        while not data[end:end + 1].isspace():
            end += 1
        fields.append(data[at:end])
        at = end + 1
    assert fields[0] == b'P6' and fields[3] == b'255'
    width, height = int(fields[1]), int(fields[2])
    return Picture(width, height, data[at:at + width * height * 3])
