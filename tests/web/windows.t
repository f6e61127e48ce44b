#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several monitors of one desktop in a real browser: each window shows what QEMU shows on its head, pixel for pixel,
pointer and keys arrive in each, windows go and come back with the session, and nobody else's window shows anything."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from browser import Browser, chromium
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
DESK = POOL.format(title='Office', max=1, allow='Allow=alice', accel='any', spares=1) + '\n[Display]\nMonitors=3\n'
ONE = POOL.format(title='Kiosk', max=1, allow='Allow=bob', accel='any', spares=1) + '\n[Display]\nMonitors=1\n'
ADD = "[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Add a monitor')"
WHITE = b'\xff\xff\xff'  # its crosshair
WHEEL, KEYS, TEXT = 3, 4, 5  # lines of its panel
MARK = b'\xff\x00\xff'  # the tiny guest's square around a click on a further monitor
STATE = "document.querySelector('.desktop')?.dataset.state"


def pixel(picture, x, y):
    return picture.pixels[3 * (y * picture.width + x):3 * (y * picture.width + x) + 3]


def differences(system, desktop, pages):
    """None when each window is QEMU's screendump of its head; the guest may still be drawing, so look again."""
    found = [None]

    def equal():
        shown = [page.picture() for page in pages]
        found[0] = next((text for head, picture in enumerate(shown)
                         if (text := picture.difference(system.screendump(desktop, head)))), None)
        return found[0] is None

    try:
        wait_for(equal, 40, 'equal pictures')
    except AssertionError:
        return found[0]
    return None


def add(page, width, height, scale=1):
    """Presses the toolbar's button with the keyboard; the window that it opens, with a size."""
    page.wait(f'!{ADD}.hidden && !{ADD}.disabled')
    page.value(f'{ADD}.focus()')
    other = page.opened(lambda: page.key('Enter'))
    other.call('Emulation.setFocusEmulationEnabled', enabled=True)
    other.resize(width, height, scale)
    wait_live(other)
    return other


def wait_live(other):
    other.wait(f"{STATE} === 'live'", 90)


def shows(page, width, height):
    wait_for(lambda: (page.picture().width, page.picture().height) == (width, height), 40, f'a monitor of {width}x{height}')


def click(page, x, y):
    page.mouse('mouseMoved', x, y)
    page.mouse('mousePressed', x, y, 'left', clickCount=1, buttons=1)
    page.mouse('mouseReleased', x, y, 'left', clickCount=1)


def marked(page, x, y):
    """The tiny guest draws a square of five pixels around a click."""
    def at():
        seen = page.picture()
        return {(i, j) for i in range(x - 8, x + 9) for j in range(y - 8, y + 9) if pixel(seen, i, j) == MARK} == \
            {(i, j) for i in range(x - 2, x + 3) for j in range(y - 2, y + 3)}

    wait_for(at, 20, f'the mark of a click at {x}, {y}')


def two(tap, system, page, desktop):
    tap.equal(len(page.windows()), 1, 'there is one window')
    other = add(page, 800, 600)
    shows(other, 800, 600)
    shows(page, 1000, 700)
    tap.equal(differences(system, desktop, [page, other]), None, 'each window is what QEMU shows on its head, pixel for pixel')
    tap.ok(pixel(page.picture(), 500, 650)[2] == 96 and pixel(other.picture(), 500, 550)[2] == 144, 'and they are not the same')
    tap.equal(other.value('document.title'), 'Office, monitor 2', 'the window says what it is')
    tap.equal(other.value('location.search + location.hash'), '', 'its address has no secret')
    return other


def line(page, number):
    """The pixels of a line of the tiny guest's panel: 0 to 4 say what it has of input, the others are its text."""
    picture = page.picture()
    top = 48 + 18 * number if number < 5 else 170 + 18 * (number - 5)
    return b''.join(picture.pixels[(y * picture.width + 40) * 3:(y * picture.width + 600) * 3] for y in range(top, top + 18))


def changes(page, number, do, what):
    before = line(page, number)
    do()
    wait_for(lambda: line(page, number) != before, 20, what)


def key(page, kind, code, name, **more):
    page.call('Input.dispatchKeyEvent', type=kind, code=code, key=name, **more)


def focus(page, there=True):
    page.value(f"document.querySelector('.stage').{'focus' if there else 'blur'}()")


def point_and_type(tap, system, page, other, desktop):
    click(other, 303, 222)
    other.mouse('mouseMoved', 600, 500)
    marked(other, 303, 222)
    tap.ok(True, 'a click in the second window lands there')
    changes(page, WHEEL, lambda: other.mouse('mouseWheel', 600, 500, deltaX=0, deltaY=120), 'the wheel')
    tap.ok(True, 'and so does the wheel')
    tap.ok(other.value("document.querySelector('.stage').style.cursor !== ''"), 'the pointer has the guest\'s shape there')
    changes(page, TEXT, lambda: other.keys('Second'), 'what was typed')
    tap.equal(differences(system, desktop, [page, other]), None, 'what is typed there arrives, and both are what QEMU shows')
    changes(page, KEYS, lambda: (key(other, 'rawKeyDown', 'AltRight', 'AltGraph'), key(other, 'keyUp', 'AltRight', 'AltGraph')), 'AltGr')
    other.value("document.querySelector('.typing').focus()")
    changes(page, TEXT, lambda: other.fill('한글'), 'text of an input method')
    focus(other)
    tap.ok(True, 'so do AltGr and the text of an input method')
    drag(tap, page, other)
    page.mouse('mouseMoved', 700, 600)


def drag(tap, page, other):
    def pointer(kind, x, y, buttons):
        page.value(f"""document.querySelector('.stage').dispatchEvent(new PointerEvent('pointer{kind}', {{pointerType: 'mouse',
            clientX: {x}, clientY: {y}, buttons: {buttons}, bubbles: true}}))""")

    def cross(x, y):
        """The guest's crosshair on the second monitor."""
        seen = other.picture()
        return pixel(seen, x, y + 15) == WHITE == pixel(seen, x - 15, y)

    pointer('down', 990, 300, 1)
    pointer('move', 1100, 330, 1)
    wait_for(lambda: cross(100, 330), 20, 'the pointer on the second monitor')
    tap.ok(True, 'a drag that begins in the first window goes on in the second one\'s part')
    changes(page, WHEEL, lambda: pointer('up', 1100, 330, 0), 'the end of the drag')
    tap.ok(cross(100, 330), 'and ends there')
    pointer('move', 1100, 330, 0)
    wait_for(lambda: pixel(page.picture(), 999, 345) == WHITE, 20, 'the pointer at the edge')
    tap.ok(True, 'without a button the pointer stays in the window\'s own')


def two_keyboards(tap, page, other):
    """Moving from window to window is no press and no release, but for keys whose end would be lost."""
    other.mouse('mouseMoved', 600, 500)
    key(other, 'rawKeyDown', 'Enter', 'Enter')
    changes(page, KEYS, lambda: key(other, 'keyUp', 'Enter', 'Enter'), 'Enter')
    changes(page, TEXT + 1, lambda: other.keys('A'), 'a capital')
    changes(page, TEXT + 2, lambda: other.key('Enter'), 'the next line')
    focus(page)
    changes(page, KEYS, lambda: key(page, 'rawKeyDown', 'ShiftLeft', 'Shift', modifiers=8), 'Shift')
    focus(page, False)
    focus(other)
    changes(page, TEXT + 2, lambda: key(other, 'rawKeyDown', 'KeyA', 'A', modifiers=8), 'the letter')
    key(other, 'keyUp', 'KeyA', 'A', modifiers=8)
    key(other, 'keyUp', 'ShiftLeft', 'Shift')
    changes(page, TEXT + 3, lambda: other.key('Enter'), 'the next line')
    tap.equal(line(page, TEXT + 2) == line(page, TEXT + 1), True, 'Shift that is held in one window counts in the other')
    focus(page)
    changes(page, KEYS, lambda: key(page, 'rawKeyDown', 'ShiftLeft', 'Shift', modifiers=8), 'Shift')
    focus(page, False)
    focus(other)
    changes(page, TEXT + 3, lambda: key(other, 'rawKeyDown', 'KeyA', 'a'), 'the letter')
    key(other, 'keyUp', 'KeyA', 'a')
    changes(page, TEXT + 4, lambda: other.key('Enter'), 'the next line')
    tap.ok(line(page, TEXT + 3) not in (line(page, TEXT + 1), line(page, TEXT + 4)), 'and is up again when it was let go on the way')
    focus(page)
    changes(page, KEYS, lambda: key(page, 'rawKeyDown', 'KeyX', 'x'), 'a key')
    changes(page, KEYS, lambda: (focus(page, False), focus(other)), 'its release')
    tap.ok(True, 'another key that is held ends with the window')
    changes(page, KEYS, lambda: key(other, 'rawKeyDown', 'ControlLeft', 'Control', modifiers=2), 'Ctrl')
    changes(page, KEYS, lambda: focus(other, False), 'its release')
    tap.ok(True, 'and all end when neither window has the keyboard')
    focus(other)


def sizes(tap, system, page, other, desktop):
    other.resize(640, 480)
    shows(other, 640, 480)
    tap.equal(differences(system, desktop, [page, other]), None, 'the second monitor follows its window')
    other.resize(400, 300, 2)
    shows(other, 800, 600)
    tap.equal(differences(system, desktop, [page, other]), None, 'on a screen of double density every device pixel is one')
    tap.equal(other.value("document.querySelector('canvas.picture').getBoundingClientRect().width"), 400, 'at its true size')
    other.resize(800, 600)
    page.resize(1100, 700)
    shows(page, 1100, 700)
    tap.equal(differences(system, desktop, [page, other]), None, 'the first one follows its own')
    page.resize(1000, 700)
    shows(page, 1000, 700)
    focus(other)
    other.key('F11')
    other.wait('document.fullscreenElement !== null')
    tap.equal(other.value('document.activeElement.className'), 'stage', 'F11 makes the second window fill its screen')
    other.key('F11')
    other.wait('document.fullscreenElement === null')


def three(tap, system, page, other, desktop):
    third = add(page, 640, 480)
    shows(third, 640, 480)
    tap.equal(differences(system, desktop, [page, other, third]), None, 'three windows, three monitors')
    page.wait(f'{ADD}.disabled')
    tap.ok(True, 'more than the pool allows are not offered')
    key(other, 'rawKeyDown', 'Escape', 'Escape', modifiers=3)
    key(other, 'keyUp', 'Escape', 'Escape', modifiers=3)
    tap.equal(other.value('document.activeElement.className'), 'handle', 'Ctrl+Alt+Escape leads to the window\'s toolbar')
    other.value("[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Remove this monitor').focus()")
    try:
        other.key('Enter')
    except AssertionError:
        pass  # the window is gone before the key is up
    wait_for(lambda: len(page.windows()) == 2, 20, 'the window to close')
    wait_for(lambda: system.screendump(desktop, 1).width == 640, 40, 'the second monitor to be what the third was')
    tap.equal(differences(system, desktop, [page, third]), None, 'its monitor goes, and the other window keeps its own')
    return third


def comes_back(tap, system, pages, desktop, what, do):
    for page in pages:
        page.value("""window.states = []; new MutationObserver(() => states.push(document.querySelector('.desktop')?.dataset.state))
            .observe(document.querySelector('.desktop'), {attributes: true, attributeFilter: ['data-state']})""")
    do()
    for page in pages:
        page.wait("states.includes('reconnecting')", 20)
        wait_live(page)
    tap.ok(True, f'after {what} both windows say that they wait, and are live again')
    changes(pages[0], TEXT + 4, lambda: pages[1].keys('x'), 'a key')
    tap.equal(differences(system, desktop, pages), None, 'and each is what QEMU shows')


def recovery(tap, system, page, other, desktop):
    def kill(program):
        return lambda: [os.kill(pid, signal.SIGKILL) for pid in system.pids(program)]  # the other pool's streamer too

    def stop_the_line():
        gateway = system.pids('vedette-gateway')[0]
        os.kill(gateway, signal.SIGSTOP)
        try:
            for one in (page, other):
                one.wait(f"{STATE} === 'reconnecting'", 20)
                tap.ok('grayscale' in one.value("getComputedStyle(document.querySelector('.picture')).filter"), 'a dead line: the picture is grey')
            tap.ok('Reconnecting' in other.text(), 'and the second window says why')
        finally:
            os.kill(gateway, signal.SIGCONT)

    comes_back(tap, system, [page, other], desktop, 'kill -9 of the streamer', kill('vedette-streamer'))
    comes_back(tap, system, [page, other], desktop, 'kill -9 of the gateway', kill('vedette-gateway'))
    comes_back(tap, system, [page, other], desktop, 'a dead line', stop_the_line)


def takeover(tap, system, page, other, desktop):
    device = page.second()
    device.open(f'https://localhost:{system.port}/')
    device.wait_text('Resume')
    device.click('.pool button')
    device.wait_live()
    for one in (page, other):
        one.wait(f"{STATE} === 'ended'")
        tap.ok('another device' in one.text(), 'another device takes over, and the window says so')
    shows(device, 1000, 700)
    tap.equal(differences(system, desktop, [device]), None, 'the other device has one monitor')
    page.click('.state-card .primary')
    page.wait_live()
    wait_live(other)
    shows(other, 640, 480)
    tap.equal(differences(system, desktop, [page, other]), None, 'Reconnect brings both back')
    device.call('Page.close')
    wait_for(lambda: len(page.windows()) == 2, 20, 'the other device to go')


def fewer(tap, system, page, other, desktop):
    system.write_pool('desk', DESK.replace('Monitors=3', 'Monitors=1'))
    system.ctl('reload')
    other.wait(f"{STATE} === 'waiting'", 60)
    other.wait_text('does not use this monitor', 60)
    tap.ok(True, 'when the pool allows one monitor meanwhile, the second window says that it is not used')
    tap.equal(differences(system, desktop, [page]), None, 'and the first one goes on')
    system.write_pool('desk', DESK)
    system.ctl('reload')

    def back():
        other.resize(700 if other.width == 640 else 640, 480)  # until the host has read the pool anew
        try:
            return other.wait(f"{STATE} === 'live'", 5)
        except AssertionError:
            return False

    wait_for(back, 60, 'the second monitor')
    other.resize(640, 480)
    shows(other, 640, 480)
    tap.equal(differences(system, desktop, [page, other]), None, 'and when more are allowed again it comes back with the next size')


def closing(tap, system, page, other, desktop):
    other.call('Page.close')
    wait_for(lambda: len(page.windows()) == 1, 20, 'the window to close')
    page.wait(f'!{ADD}.disabled')
    wait_for(lambda: dark(system, desktop), 40, 'the second head to be dark')
    shows(page, 1000, 700)
    tap.equal(differences(system, desktop, [page]), None, 'closing the second window leaves one monitor')
    again = add(page, 800, 600)
    shows(again, 800, 600)
    again.call('Page.reload')
    wait_for(lambda: len(page.windows()) == 1, 20, 'the window to close')
    tap.ok(True, 'one that is loaded anew closes')
    again = add(page, 800, 600)
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.textContent === 'Disconnect').click()")
    wait_for(lambda: len(page.windows()) == 1, 20, 'the window to close')
    page.wait_text('Resume')
    tap.ok(True, 'leaving the desktop closes its further window')
    page.click('.pool button')
    page.wait_live()
    add(page, 800, 600)
    page.open(f'https://localhost:{system.port}/robots.txt')
    wait_for(lambda: len(page.windows()) == 1, 20, 'the window to close')
    tap.ok(True, 'and so does leaving the page')
    page.open(f'https://localhost:{system.port}/')
    page.wait_text('Resume')
    page.click('.pool button')
    page.wait_live()
    add(page, 800, 600)
    page.call('Page.close')
    wait_for(lambda: not page.windows(), 20, 'the window to close')
    tap.ok(True, 'and closing its tab')


def dark(system, desktop):
    """QEMU has words on a head that the guest does not use; they are less than a picture."""
    return system.screendump(desktop, 1).colours() < 3


def strangers(tap, system, browser):
    for where in (f'https://localhost:{system.port}/robots.txt', 'about:blank'):
        page = browser.page()
        page.open(where)
        page.wait(f"location.href === '{where}' && document.readyState === 'complete'")
        other = page.opened(lambda page=page: page.call('Runtime.evaluate', userGesture=True,
                                                        expression=f"window.open('https://localhost:{system.port}/monitor.html')"))
        other.wait("location.pathname === '/monitor.html' && document.readyState === 'complete'")
        tap.equal(other.value("document.body.innerText.trim() + document.querySelectorAll('canvas, script, #app > *').length"), '0',
                  f'opened from {where.split("/")[-1]} it shows nothing, and there is nothing in it that could')


def screens(tap, system):
    """A browser that says where its screens are."""
    options = ['--screen-info={1200x800}{-900,100 900x600}', '--window-size=1000,700']  # rows of QEMU's screendump are multiples of 4
    with Browser(f'{system.state}/pki/gateway.pem', options=options) as browser:
        page = browser.page()
        browser.call('Browser.grantPermissions', permissions=['windowManagement'], browserContextId=page.context)
        page.call('Emulation.clearDeviceMetricsOverride')
        page.login(f'https://localhost:{system.port}/', 'alice', 'alice-canary-1')
        page.wait_text('Office')
        page.value("""const post = Worker.prototype.postMessage; Worker.prototype.postMessage = function (message, ...rest) {
            window.asked = message.kind === 'monitors' ? message.monitors : window.asked; post.call(this, message, ...rest); }; 1""")
        page.click('.pool button')
        page.wait_live()
        page.wait(f'!{ADD}.hidden')
        page.value(f'{ADD}.focus()')
        other = page.opened(lambda: page.key('Enter'))
        wait_live(other)
        tap.ok(other.value('screenX < 0 && outerWidth === 900'), 'with the Window Management API it opens on the next screen')
        tap.equal(other.value('document.activeElement.innerText'), 'Fill this screen', 'and offers to fill it')
        other.key('Enter')
        other.wait('document.fullscreenElement !== null')
        shows(other, 900, 600)
        tap.equal(other.value("document.querySelector('.fill').hidden"), True, 'which Enter does')
        page.wait('asked.length === 2 && asked[0].width === 1000 && asked[1].width === 900 && asked[1].height === 600')
        asked = page.value('asked')
        tap.equal([(one['x'], one['y']) for one in asked], [(900, 0), (0, 100)], 'the monitors lie as the screens do')
        tap.equal(differences(system, system.status()['sessions'][0]['desktop'], [page, other]), None, 'and each is what QEMU shows')


def one_monitor(tap, system, browser):
    page = browser.page()
    page.login(f'https://localhost:{system.port}/', 'bob', 'bob-canary-2')
    system.wait_ready('one')
    page.wait_text('Kiosk')
    page.click('.pool button')
    page.wait_live()
    tap.equal(page.value(f'{ADD}.hidden'), True, 'where the pool allows one monitor there is no button for another')


def main():
    tap = Tap()
    if chromium() is None:
        tap.note('no Chromium: install the package chromium')
        tap.ok(False, 'there is a browser')
        tap.done()
        return
    with System(USERS, {'desk': DESK, 'one': ONE}) as system, Browser(f'{system.state}/pki/gateway.pem') as browser:
        page = browser.page()
        page.open(f'https://localhost:{system.port}/')
        page.wait_text('Vedette')
        if page.value("document.querySelector('script') === null"):
            print('1..0 # SKIP built without access from the browser')
            tap.finished = True
            return
        system.wait_ready('desk')
        page.login(f'https://localhost:{system.port}/', 'alice', 'alice-canary-1')
        page.wait_text('Ready')
        page.click('.pool button')
        page.wait_live()
        desktop = system.status()['sessions'][0]['desktop']
        other = two(tap, system, page, desktop)
        point_and_type(tap, system, page, other, desktop)
        two_keyboards(tap, page, other)
        sizes(tap, system, page, other, desktop)
        third = three(tap, system, page, other, desktop)
        recovery(tap, system, page, third, desktop)
        takeover(tap, system, page, third, desktop)
        fewer(tap, system, page, third, desktop)
        closing(tap, system, page, third, desktop)
        strangers(tap, system, browser)
        screens(tap, system)
        one_monitor(tap, system, browser)
        # A stranger's text is no page that names its icon, and so the browser asks for one.
        # A text that is no page names no icon, and so the browser asks for one.
        passing = ('favicon.ico', '401', 'ERR_CONNECTION', 'ERR_TIMED_OUT', '503', 'ERR_EMPTY_RESPONSE', 'ERR_SOCKET', 'WebSocket')
        problems = [text for one in (page, other, third) for text in one.problems if not any(part in text for part in passing)]
        tap.equal(problems, [], 'no script failed and nothing broke the policy')
    tap.done()


main()
