# SPDX-License-Identifier: Apache-2.0
"""vdx: exports and disks made by hand, as somebody who means harm would make them."""

import ctypes
import hashlib
import io
import json
import struct
import tarfile

ZSTD = ctypes.CDLL('libzstd.so.1')
ZSTD.ZSTD_compressBound.restype = ctypes.c_size_t
ZSTD.ZSTD_compress.restype = ctypes.c_size_t


def zstd(data):
    room = ZSTD.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    size = ZSTD.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:size]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def seal(files):
    """The digest over a list of files."""
    lines = ''.join(f'{f["sha256"]} {f["size"]} {f["name"]}\n' for f in files)
    return f'sha256:{sha256(lines.encode())}'


def listing(files):
    return [{'name': name, 'size': len(data), 'sha256': sha256(data)} for name, data in files]


def sealed(whole):
    """A head with the digest over itself."""
    text = json.dumps(whole, sort_keys=True, separators=(',', ':'))
    return json.dumps({**whole, 'digest': f'sha256:{sha256(text.encode())}'}).encode()


def desktop_head(files, image, desktop=None, **changes):
    """vedette.json of a desktop that stands on image, a manifest."""
    known = {'id': 'd-0123456789abcdef', 'pool': 'desk', 'user': 'alice', 'cpu': 1, 'memory_mb': 192, 'live': False}
    return sealed({'format': 1, 'kind': 'desktop', 'desktop': {**known, **(desktop or {})},
                   'base': {key: image[key] for key in ('name', 'revision', 'digest')}, 'files': listing(files), **changes})


def head(files, **changes):
    """vedette.json for files, (name, bytes) in order."""
    listed = listing(files)
    names = [name for name, _ in files]
    manifest = {'format': 1, 'name': 'foreign', 'revision': 4, 'created': '2026-01-01T00:00:00Z', 'kind': 'disk',
                'description': '', 'disk': 'disk.qcow2' if 'disk.qcow2' in names else None,
                'kernel': 'vmlinuz' if 'vmlinuz' in names else None, 'initrd': None, 'cmdline': '', 'memory_min_mb': 64,
                'agent': False, 'files': listed, 'digest': seal(listed)}
    manifest.update(changes)
    return sealed({'format': 1, 'kind': 'revision', 'manifest': manifest})


def tar(members):
    """members: (name or TarInfo, bytes) in order; a plain tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info.isfile():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data) if info.isfile() else None)
    return out.getvalue()


def vdx(files, first=None, **changes):
    """A whole export; first is what stands in for its head."""
    return zstd(tar([('vedette.json', first if first is not None else head(files, **changes)), *files]))


def patched(data, *changes):
    """data with bytes at offsets replaced: (offset, bytes)."""
    data = bytearray(data)
    for at, new in changes:
        data[at:at + len(new)] = new
    return bytes(data)


def u32(value):
    return struct.pack('>I', value)


def u64(value):
    return struct.pack('>Q', value)
