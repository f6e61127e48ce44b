#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Films in the page's decoder, in a real Chromium: pixel for pixel what the native client shows."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from decoderpage import run_page
from tap import Tap

MAKE_FILM = os.path.join(os.environ['VEDETTE_BUILD'], 'tests', 'fakes', 'make-film')
CODECS = {'h264': 1, 'vp8': 2}


def main():
    tap = Tap()
    for name, number in CODECS.items():
        made = subprocess.run([MAKE_FILM, name], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
        if made.returncode == 77:
            tap.note(f'{name}: no codec on this machine')
            continue
        if made.returncode != 0:
            raise AssertionError(f'make-film {name}: {made.returncode} {made.stderr.decode()}')
        result = run_page('film.html', {'film.bin': made.stdout})
        tap.note(f'{name}: {result}')
        if 'error' not in result and number not in result['codecs']:
            tap.note(f'{name}: this browser does not decode it, and says so')
            continue
        tap.equal(result.get('different'), 0, f'{name}: the picture is the one that the native client shows')
        tap.ok(result.get('films', 0) > 5, f'{name}: which came through the video codec')
        tap.ok(result.get('failed'), f'{name}: a decoder that never answers is given up after a second, and the film asked for anew')
        tap.equal(result.get('again'), 0, f'{name}: and shown again from its key frame')
        tap.ok(result.get('lies'), f'{name}: a header of another size is refused before the browser sees it')
    tap.done()


main()
