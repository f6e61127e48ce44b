#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person leaves her desktop and finds a picture of it on its card, in her language, in the dark and at the width of a
phone; where the pool does not allow it, and before there is one, a drawing stands there."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from browser import Browser, chromium, same_picture
from jpeg import averaged, mean_error
from system import POOL, System
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
POOLS = {
    'shown': POOL.format(title='Office', max=1, allow='Allow=alice', accel='any', spares=1) + '\n[Display]\nLastScreen=yes\n',
    'hidden': POOL.format(title='Vault', max=1, allow='Allow=alice', accel='any', spares=1),
}
LOADED = "document.querySelector('img.pool-screen')?.complete && document.querySelector('img.pool-screen').naturalWidth > 0"
# The picture of the card, as the browser has decoded it.
IMAGE = """(() => {
  const image = document.querySelector('img.pool-screen');
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [image.naturalWidth, image.naturalHeight];
  copy.getContext('2d').drawImage(image, 0, 0);
  return copy;
})()"""


def card(name):
    return f"[...document.querySelectorAll('.pool')].find((card) => card.innerText.includes('{name}'))"


def visit(system, page, name):
    """To the desktop and back; what its canvas, which is the machine's screen then, showed at the end."""
    page.wait(f"{card(name)} && !{card(name)}.querySelector('button').disabled")
    page.value(f"{card(name)}.querySelector('button').click()")
    page.wait_live()
    page.wait("document.querySelector('canvas.picture').width === 1000 && document.querySelector('canvas.picture').dataset.settled === 'true'")
    desktop = next(s['desktop'] for s in system.ctl('session', 'list')['sessions'] if s['state'] == 'connected')
    difference = same_picture(page, system, desktop)
    assert difference is None, difference
    seen = page.picture()
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.textContent === 'Disconnect').click()")
    page.wait_text('Your desktops')
    return seen


def close_to(picture, seen):
    small = averaged(seen, picture.width, picture.height)
    return mean_error(picture, small)


def leaves(tap, system, page, url):
    page.login(url, 'alice', 'alice-canary-1')
    page.wait("document.querySelectorAll('.pool').length === 2")
    tap.equal(page.value("document.querySelectorAll('.pool-screen.empty svg').length"), 2, 'at first every card has a drawing')
    seen = visit(system, page, 'Office')
    page.wait(LOADED)
    tap.ok(True, 'the card shows a picture that the browser has loaded')
    picture = page.picture(IMAGE)
    tap.equal((picture.width, picture.height), (320, 224), 'in the ratio of the window')
    error = close_to(picture, seen)
    tap.ok(error < 6, f'of what the desktop showed (mean error {error:.2f} of 255)')
    tap.equal(page.value("document.querySelector('img.pool-screen').alt"), 'The last screen of Office', 'and says so to who cannot see it')
    tap.equal(page.value("getComputedStyle(document.querySelector('img.pool-screen')).objectFit"), 'cover', 'it fills its place')
    page.value("window.kept = document.querySelector('img.pool-screen')")
    visit(system, page, 'Vault')
    page.wait(f"{card('Vault')}?.querySelector('.pool-state').classList.contains('running')")
    page.wait(LOADED)
    tap.equal(page.value(f"{card('Vault')}.querySelector('.pool-screen').tagName"), 'DIV', 'where it is not allowed there is a drawing')


def stays(tap, page):
    """A list that changes draws the cards anew, and not the picture."""
    page.value("window.kept = document.querySelector('img.pool-screen')")
    page.value(f"{card('Vault')}.querySelector('.logoff').click()")
    page.wait(f"{card('Vault')}.querySelector('.logoff').textContent.endsWith('?')")
    page.value(f"{card('Vault')}.querySelector('.logoff').click()")
    page.wait(f"!{card('Vault')}.querySelector('.pool-state').classList.contains('running')", 60)
    tap.ok(page.value("window.kept === document.querySelector('img.pool-screen')"), 'a new list does not load it again')


def phone(tap, browser, page, url):
    page.resize(390, 780, 1, True)
    page.wait("innerWidth === 390")
    box = page.value("(({left, right, width, height}) => ({left, right, width, height}))"
                     "(document.querySelector('img.pool-screen').getBoundingClientRect())")
    tap.ok(box['left'] >= 0 and box['right'] <= 390 and box['width'] > 300 and 150 < box['height'] < 260, f'at the width of a phone it fits: {box}')
    tap.equal(page.value('document.documentElement.scrollWidth'), 390, 'and nothing sticks out')
    dark = browser.page(dark=True)
    dark.login(url, 'alice', 'alice-canary-1')
    dark.wait(LOADED)
    light_ground = page.value("getComputedStyle(document.querySelector('.pool-screen.empty')).backgroundColor")
    dark_ground = dark.value("getComputedStyle(document.querySelector('.pool-screen.empty')).backgroundColor")
    tap.ok(light_ground != dark_ground, f'the drawing follows the theme: {light_ground}, {dark_ground}')
    return dark


def korean(tap, system, url):
    with Browser(f'{system.state}/pki/gateway.pem', 'ko') as browser:
        page = browser.page()
        page.login(url, 'alice', 'alice-canary-1')
        page.wait(LOADED)
        tap.equal(page.value("document.querySelector('img.pool-screen').alt"), 'Office의 마지막 화면', 'in Korean too')


def goes(tap, system, page):
    page.resize(1000, 700)
    system.end_sessions()
    page.wait("document.querySelector('img.pool-screen') === null && document.querySelectorAll('.pool-screen.empty').length === 2", 30)
    tap.ok(True, 'it goes with its session')


def main():
    tap = Tap()
    if chromium() is None:
        tap.note('no Chromium: install the package chromium')
        tap.ok(False, 'there is a browser')
        tap.done()
        return
    with System(USERS, POOLS) as system, Browser(f'{system.state}/pki/gateway.pem') as browser:
        url = f'https://localhost:{system.port}/'
        page = browser.page()
        page.open(url)
        page.wait_text('Vedette')
        if page.value("document.querySelector('script') === null"):
            print('1..0 # SKIP built without access from the browser')
            tap.finished = True
            return
        system.wait_ready('shown')
        system.wait_ready('hidden')
        leaves(tap, system, page, url)
        stays(tap, page)
        dark = phone(tap, browser, page, url)
        korean(tap, system, url)
        goes(tap, system, page)
        problems = [text for text in page.problems + dark.problems if '401' not in text]
        tap.equal(problems, [], 'no script failed and nothing broke the policy')
        tap.ok(any('/api/picture/' in request for request in page.requests), 'the picture came from the server, not out of the list')
    tap.done()


main()
