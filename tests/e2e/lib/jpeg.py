# SPDX-License-Identifier: Apache-2.0
"""jpeg: reads a JPEG with the library that Vedette itself uses, for tests."""

import ctypes
import ctypes.util

from picture import Picture

RGB = 0  # TJPF_RGB


def read_jpeg(data):
    library = ctypes.CDLL(ctypes.util.find_library('turbojpeg') or 'libturbojpeg.so.0')
    library.tjInitDecompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitDecompress())
    width, height, sampling = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    size = ctypes.c_ulong(len(data))
    try:
        if library.tjDecompressHeader2(handle, data, size, ctypes.byref(width), ctypes.byref(height), ctypes.byref(sampling)):
            raise AssertionError('this is no JPEG')
        pixels = ctypes.create_string_buffer(width.value * height.value * 3)
        if library.tjDecompress2(handle, data, size, pixels, width, 0, height, RGB, 0):
            raise AssertionError('this JPEG is damaged')
    finally:
        library.tjDestroy(handle)
    return Picture(width.value, height.value, pixels.raw)


def averaged(picture, width, height):
    """picture at a smaller size, each pixel the average of the ones that it stands for."""
    out = bytearray()
    for y in range(height):
        rows = range(y * picture.height // height, (y + 1) * picture.height // height)
        for x in range(width):
            left, right = x * picture.width // width, (x + 1) * picture.width // width
            count = len(rows) * (right - left)
            for channel in range(3):
                total = sum(sum(picture.pixels[(row * picture.width + left) * 3 + channel:(row * picture.width + right) * 3:3])
                            for row in rows)
                out.append((total + count // 2) // count)
    return Picture(width, height, bytes(out))


def mean_error(a, b):
    return sum(abs(x - y) for x, y in zip(a.pixels, b.pixels)) / len(a.pixels)
