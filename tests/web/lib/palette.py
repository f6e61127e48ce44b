# SPDX-License-Identifier: Apache-2.0
"""palette: a picture as a PNG of at most 256 colours, small enough for the repository."""

import collections
import struct
import zlib

COLOURS = 256
STEP = 4  # colours that are closer than this are taken for one when the table is made


def _spread(box, counts):
    """How wrong one colour for all of the box would be (the sum of squares along the worst axis), and that axis."""
    weight = sum(counts[c] for c in box)
    errors = []
    for axis in range(3):
        mean = sum(c[axis] * counts[c] for c in box) / weight
        errors.append(sum((c[axis] - mean) ** 2 * counts[c] for c in box))
    return max(errors), errors.index(max(errors))


def _mean(box, counts):
    weight = sum(counts[c] for c in box)
    return tuple(round(sum(c[i] * counts[c] for c in box) / weight) for i in range(3))


def _table(counts):
    """Cuts the box that is most wrong at the mean of its worst axis, until there are enough."""
    boxes = [(*_spread(list(counts), counts), list(counts))]
    while len(boxes) < COLOURS:
        worst = max(boxes, key=lambda entry: entry[0])
        error, axis, box = worst
        if error == 0:
            break
        boxes.remove(worst)
        mean = sum(c[axis] * counts[c] for c in box) / sum(counts[c] for c in box)
        for half in ([c for c in box if c[axis] <= mean], [c for c in box if c[axis] > mean]):
            boxes.append((*_spread(half, counts), half))
    return [_mean(box, counts) for _error, _axis, box in boxes]


def write_palette_png(path, width, height, pixels):
    """pixels: three bytes each, row after row."""
    colours = [pixels[i:i + 3] for i in range(0, len(pixels), 3)]
    exact = collections.Counter(colours)
    counts = collections.Counter()
    if len(exact) <= COLOURS:
        counts = collections.Counter({tuple(c): n for c, n in exact.items()})
    else:
        for c, n in exact.items():
            counts[tuple(min(255, v // STEP * STEP + STEP // 2) for v in c)] += n
        for c in sorted(exact, key=exact.get)[-16:]:  # grounds and texts stay what they are
            counts[tuple(c)] += exact[c]
    table = _table(counts)
    nearest, number = {}, {}
    for c in exact:
        near = tuple(v // STEP for v in c)
        if exact[c] > len(colours) // 200 or near not in nearest:
            best = min(range(len(table)), key=lambda i: sum((a - b) ** 2 for a, b in zip(table[i], c)))
            nearest.setdefault(near, best)
            number[c] = best
        else:
            number[c] = nearest[near]
    numbers = bytes(number[c] for c in colours)
    rows = b''.join(b'\0' + numbers[y * width:(y + 1) * width] for y in range(height))
    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n')
        for kind, body in ((b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0)),
                           (b'PLTE', b''.join(map(bytes, table))), (b'IDAT', zlib.compress(rows, 9)), (b'IEND', b'')):
            file.write(struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body)))
