# SPDX-License-Identifier: Apache-2.0
"""The messages of vedette-launch as far as tests speak them; see protocol/launch/request.h."""

import struct

PAM, MACHINE = 1, 2
REPLY = '<iiqQ'  # error, reserved, pid, start time
VERSION = 2


def request(verb, slot=0):
    return struct.pack('<IIIiqQ16s', VERSION, verb, slot, 0, 0, 0, b'')
