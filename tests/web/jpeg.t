#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG rectangles in the page's decoder, in a real Chromium."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from decoderpage import run_page

result = run_page('jpeg.html')
print('#', result)
checks = [
    (result.get('placed') is True, 'the pixels are those that the browser decodes'),
    (result.get('copied') is True, 'and can be copied by the next frame'),
    (result.get('waits') is False, 'a frame without JPEG is done at once'),
    (bool(result.get('tail')), 'bytes after the end are refused before the browser sees them'),
    (bool(result.get('broken')), 'so is what the browser cannot decode, by an error'),
    (result.get('late') is True, 'what comes late for another surface is dropped'),
]
for number, (passed, text) in enumerate(checks, 1):
    print('ok' if passed else 'not ok', number, '-', text)
print(f'1..{len(checks)}')
sys.exit(0 if all(passed for passed, _ in checks) else 1)
