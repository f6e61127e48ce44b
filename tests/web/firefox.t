#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page in a real Firefox: login, launcher, the picture to the pixel, keys, a second monitor, and coming back."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from browser import same_picture
from firefox import Firefox, firefox
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Office', max=1, allow='Allow=alice', accel='any', spares=1)}


def second_monitor(tap, system, page, desktop):
    button = "[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Add a monitor')"
    other = page.opened(lambda: page.value(f'{button}.click()', activation=True))
    other.wait("document.querySelector('.desktop')?.dataset.state === 'live'", 60)
    other.resize(800, 600)
    wait_for(lambda: other.picture().width == 800, 40, 'the size of the second window')
    tap.equal(same_picture(page, system, desktop, head=0), None, "with a second window the first is QEMU's first head to the pixel")
    tap.equal(same_picture(other, system, desktop, head=1), None, 'and the second its second')
    before = page.picture().pixels
    other.value("document.querySelector('.stage').focus()")
    other.keys('second')
    wait_for(lambda: page.picture().pixels != before, 30, 'the keys of the second window')
    tap.ok(True, 'keys of the second window arrive')
    return other


def main():
    tap = Tap()
    if firefox() is None:
        tap.note('there is no Firefox here')
        tap.ok(True, 'nothing to try')
        tap.done()
        return
    with System(USERS, POOLS) as system, Firefox() as browser:
        page = browser.page()
        url = f'https://localhost:{system.port}/'
        page.login(url, 'alice', 'wrong')
        page.wait("document.querySelector('[role=alert]') !== null")
        tap.ok('alice' not in page.value("document.querySelector('[role=alert]').innerText"), 'a wrong password is refused')
        page.login(url, 'alice', 'alice-canary-1')
        page.wait_text('Office')
        tap.ok(True, 'the right one leads to the launcher')

        system.wait_ready('desk')
        page.value("document.querySelector('.pool button').click()")
        page.wait_live()
        desktop = system.ctl('session', 'list')['sessions'][0]['desktop']
        tap.equal(same_picture(page, system, desktop), None, "the picture is QEMU's to the pixel")

        before = page.picture().pixels
        page.value("document.querySelector('.picture').focus()")
        page.keys('quick fox')
        wait_for(lambda: page.picture().pixels != before, 30, 'the keys to be seen')
        count = page.value("document.querySelector('canvas.picture').dataset.frame")
        tap.equal(same_picture(page, system, desktop), None, f'keys arrive, and what they draw is shown (frame {count})')

        other = second_monitor(tap, system, page, desktop)
        for gateway in system.pids('vedette-gateway'):
            os.kill(gateway, signal.SIGKILL)
        wait_for(lambda: page.state() != 'live', 20, 'the loss to be shown')
        page.wait_live()
        page.keys('!')
        tap.equal(same_picture(page, system, desktop), None, 'it comes back by itself after the gateway was killed')
        other.wait("document.querySelector('.desktop').dataset.state === 'live'")
        tap.equal(same_picture(other, system, desktop, head=1), None, 'and so does the second window')
        if os.environ.get('VEDETTE_SHOT'):
            page.screenshot(os.environ['VEDETTE_SHOT'])
        problems = [text for text in page.problems if 'WebSocket' not in text and 'connection' not in text]
        tap.equal(problems, [], 'no script failed, and the policy refused nothing')
    tap.done()


main()
