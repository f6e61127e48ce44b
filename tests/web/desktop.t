#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person works in a real browser: her picture is QEMU's own, pixel for pixel, keys and pointer arrive, and
the picture comes back by itself after a gateway, a streamer or the line died."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from browser import Browser, chromium, same_picture
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
KEYS_LINE = 118  # where the guest says how many keys it got, in pixels from the top
TEXT_LINE = 170  # its first line of text
LINE_HEIGHT = 18
LAYOUTS = {  # what is printed on the keys of these keyboards, and what a US desktop writes for them
    'US': ([('KeyT', 't'), ('KeyH', 'h'), ('KeyE', 'e')], 'the'),
    'German': ([('KeyY', 'z'), ('KeyZ', 'y'), ('Minus', 'ß'), ('BracketLeft', 'ü'), ('Semicolon', 'ö'), ('Quote', 'ä')], "yz-[;'"),
    'French': ([('KeyQ', 'a'), ('KeyA', 'q'), ('KeyW', 'z'), ('KeyZ', 'w'), ('Semicolon', 'm'), ('KeyM', ','), ('Digit2', 'é')], 'qawz;m2'),
    'Korean': ([('KeyR', 'ㄱ'), ('KeyK', 'ㅏ'), ('Lang1', 'HangulMode'), ('Lang2', 'HanjaMode'), ('KeyS', 'ㄴ')], 'rks'),
}
POOLS = {'desk': POOL.format(title='Office', max=2, allow='Allow=alice', accel='any', spares=1)}


def changed(page, before, what):
    wait_for(lambda: page.picture().difference(before), 20, what)


def line_of_guest(page, top):
    """The pixels of a line of text that the tiny guest keeps about its input."""
    picture = page.picture()
    return b''.join(picture.pixels[(y * picture.width + 40) * 3:(y * picture.width + 600) * 3] for y in range(top, top + 18))


def types(page, text):
    """No faster than the guest takes keys: QEMU's queue holds some thirty events and drops what comes then."""
    for character in text:
        before = line_of_guest(page, KEYS_LINE)
        page.keys(character)
        wait_for(lambda seen=before: line_of_guest(page, KEYS_LINE) != seen, 20, f'{character!r} to arrive')


def work(tap, system, page):
    page.login(f'https://localhost:{system.port}/', 'alice', 'alice-canary-1')
    page.wait_text('Ready')
    started = time.monotonic()
    page.click('.pool button')
    page.wait_live()
    tap.note(f'from the button to the first picture: {time.monotonic() - started:.2f} s')
    desktop = system.status()['sessions'][0]['desktop']
    wait_for(lambda: page.picture().width == 1000, 20, 'the size of the window')
    tap.equal(same_picture(page, system, desktop), None, 'the picture equals the screendump')
    before = page.picture()
    tap.equal((before.width, before.height), (1000, 700), 'the desktop has the size of the window')
    tap.ok(before.colours() > 16, 'and is a picture, not a blank screen')
    types(page, 'Hello, Vedette 42!')
    tap.equal(same_picture(page, system, desktop), None, 'typed text: equal to the screendump')
    typed = page.picture()
    page.mouse('mouseMoved', 123, 234)
    page.mouse('mousePressed', 123, 234, 'left', clickCount=1, buttons=1)
    page.mouse('mouseReleased', 123, 234, 'left', clickCount=1)
    page.mouse('mouseWheel', 123, 234, deltaX=0, deltaY=120)
    changed(page, typed, 'the pointer')
    tap.equal(same_picture(page, system, desktop), None, 'pointer, button and wheel: equal to the screendump')
    tap.ok(page.value("document.querySelector('.stage').style.cursor !== ''"), 'the cursor has the guest\'s shape')
    return desktop


def keys(tap, system, page, desktop):
    before = line_of_guest(page, KEYS_LINE)
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='ShiftLeft', key='Shift')
    wait_for(lambda: line_of_guest(page, KEYS_LINE) != before, 20, 'Shift to arrive')
    held = line_of_guest(page, KEYS_LINE)
    page.value("document.querySelector('.stage').blur()")
    wait_for(lambda: line_of_guest(page, KEYS_LINE) != held, 20, 'Shift to be released')
    tap.equal(same_picture(page, system, desktop), None, 'a key that is down is released when the page loses the keyboard')
    page.value("document.querySelector('.stage').focus()")
    page.call('Input.dispatchKeyEvent', type='keyUp', code='ShiftLeft', key='Shift')
    before = line_of_guest(page, KEYS_LINE)
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.textContent === 'Ctrl+Alt+Del').click()")
    wait_for(lambda: line_of_guest(page, KEYS_LINE) != before, 20, 'Ctrl+Alt+Del')
    tap.ok(True, 'the toolbar sends Ctrl+Alt+Del')
    before = line_of_guest(page, KEYS_LINE)
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='AltRight', key='AltGraph')
    page.call('Input.dispatchKeyEvent', type='keyUp', code='AltRight', key='AltGraph')
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='IntlBackslash', key='Dead')
    page.call('Input.dispatchKeyEvent', type='keyUp', code='IntlBackslash', key='Dead')
    wait_for(lambda: line_of_guest(page, KEYS_LINE) != before, 20, 'AltGr and a dead key')
    tap.ok(True, 'AltGr and dead keys arrive as the keys they are')


class Lines:
    """The guest's lines of text, to be compared with each other."""

    def __init__(self, page):
        self.page, self.number = page, 0

    def pixels(self, number):
        return line_of_guest(self.page, TEXT_LINE + number * LINE_HEIGHT)

    def next(self):
        """Ends the line (its caret goes too) and returns its number."""
        self.number += 1
        before = self.pixels(self.number)
        self.page.key('Enter')
        wait_for(lambda: self.pixels(self.number) != before, 20, 'the next line')
        return self.number - 1

    def write(self, text):
        """A whole line, as the keyboard of a touch screen does; returns its number."""
        self.page.value("document.querySelector('.typing').focus()")
        self.page.fill(text)
        number = self.next()
        self.page.value("document.querySelector('.stage').focus()")
        return number

    def same(self, a, b):
        try:
            wait_for(lambda: self.pixels(a) == self.pixels(b), 20, 'equal lines')
            return True
        except AssertionError:
            return False


def physical(page, code, key, **more):
    for kind in ('rawKeyDown', 'keyUp'):
        before = line_of_guest(page, KEYS_LINE)
        page.call('Input.dispatchKeyEvent', type=kind, code=code, key=key, **more)
        wait_for(lambda seen=before: line_of_guest(page, KEYS_LINE) != seen, 20, f'{code} to arrive')


def layouts(tap, page, lines):
    before = line_of_guest(page, KEYS_LINE - LINE_HEIGHT)
    page.mouse('mouseMoved', 800, 600)  # the guest's cross must not lie on the text
    wait_for(lambda: line_of_guest(page, KEYS_LINE - LINE_HEIGHT) != before, 20, 'the pointer')
    lines.next()
    for name, (pressed, wanted) in LAYOUTS.items():
        for code, key in pressed:
            physical(page, code, key)
        typed = lines.next()
        tap.ok(lines.same(typed, lines.write(wanted)), f'{name} keyboard: keys are where they are, whatever is printed on them')


def locks(tap, page, lines):
    def press(code, key, caps):
        page.value(f"""for (const kind of ['keydown', 'keyup']) document.querySelector('.stage').dispatchEvent(
            new KeyboardEvent(kind, {{code: '{code}', key: '{key}', modifierCapsLock: {caps}, bubbles: true, cancelable: true}}))""")

    press('KeyQ', 'Q', 'true')
    press('KeyQ', 'q', 'false')
    pressed = lines.next()
    tap.ok(lines.same(pressed, lines.write('Qq')), 'Caps Lock that was switched on elsewhere is on in the desktop too, and off again')


def input_method(tap, page, lines):
    page.value("document.querySelector('.typing').focus()")
    page.call('Input.imeSetComposition', text='하', selectionStart=1, selectionEnd=1)
    tap.ok(page.value("document.querySelector('.typing').getBoundingClientRect().width > 100"), 'what is being composed can be seen')
    tap.equal(page.value("getComputedStyle(document.querySelector('.typing')).overflow"), 'hidden', 'without scroll bars beside it')
    before = lines.pixels(lines.number)
    page.call('Input.insertText', text='한글')
    wait_for(lambda: lines.pixels(lines.number) != before, 20, 'what was composed')
    page.value("document.querySelector('.stage').focus()")
    composed = lines.next()
    shown = lines.write('<ED><95><9C><EA><B8><80>')  # as the tiny guest shows bytes for which it has no glyph
    tap.ok(lines.same(composed, shown), 'text of an input method arrives as it is')


BOXES = """['.toolbar', '.notice'].map((s) => document.querySelector(s).getBoundingClientRect())"""


def more_keys(tap, system, page):
    before = line_of_guest(page, KEYS_LINE)
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'More keys').click()")
    page.value("[...document.querySelectorAll('.chords button')].find((b) => b.textContent === 'Alt+Tab').click()")
    wait_for(lambda: line_of_guest(page, KEYS_LINE) != before, 20, 'Alt+Tab')
    tap.equal(page.value('document.activeElement.className'), 'stage', 'keys that the browser keeps are sent from a list')
    page.value("document.querySelector('.handle').click()")
    page.wait("document.querySelector('.chords').offsetHeight > 20 && document.querySelector('.toolbar').getBoundingClientRect().top === 0")
    system.ctl('session', 'tell', system.status()['sessions'][0]['id'], 'Please save your work.')
    page.wait_text('Please save your work.')
    tap.ok(page.value(f'(([bar, notice]) => notice.height > 20 && notice.top >= bar.bottom)({BOXES})'),
           'a message does not cover the list')
    page.value("document.querySelector('.handle').click()")
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'More keys').click()")
    page.value("document.querySelector('.stage').focus()")


def pointer_lock(tap, system, page, desktop):
    def place():
        return line_of_guest(page, KEYS_LINE - LINE_HEIGHT)

    def moves(what, do):
        before = place()
        do()
        wait_for(lambda: place() != before, 20, what)
        tap.ok(True, what)

    button = "[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Lock the pointer')"
    moves('the pointer has a place', lambda: page.mouse('mouseMoved', 300, 400))
    page.value(f'{button}.focus()')
    page.key('Enter')
    page.wait("document.pointerLockElement === document.querySelector('.stage')")
    page.wait(f"{button}.getAttribute('aria-pressed') === 'true'")
    tap.ok('Esc' in page.value("document.querySelector('.notice').innerText"), 'Enter on the toolbar locks the pointer, and a notice says how to get it back')
    tap.equal(page.value('document.activeElement.className'), 'stage', 'and the keyboard is in the picture')
    for name, (x, y) in {'right': (40, 0), 'up': (0, -30)}.items():
        moves(f'the mouse goes {name}', lambda x=x, y=y: page.value(f"""document.querySelector('.stage').dispatchEvent(
            new PointerEvent('pointermove', {{pointerType: 'mouse', movementX: {x}, movementY: {y}, bubbles: true}}))"""))
    moves('Chromium\'s own mouse moves the desktop\'s', lambda: page.mouse('mouseMoved', 350, 450))
    moves('a button goes down', lambda: page.mouse('mousePressed', 350, 450, 'left', clickCount=1, buttons=1))
    moves('and up', lambda: page.mouse('mouseReleased', 350, 450, 'left', clickCount=1))
    tap.equal(same_picture(page, system, desktop), None, 'the picture equals the screendump')
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='Escape', key='Escape', modifiers=3)
    page.call('Input.dispatchKeyEvent', type='keyUp', code='Escape', key='Escape')
    page.wait('document.pointerLockElement === null')
    page.wait(f"{button}.getAttribute('aria-pressed') === 'false'")
    tap.ok(page.value("document.querySelector('.notice').hidden"), 'Ctrl+Alt+Escape lets it go')
    page.value(f'{button}.focus()')
    page.key('Enter')
    page.wait("document.pointerLockElement !== null")
    page.value("dispatchEvent(new Event('blur'))")
    page.wait('document.pointerLockElement === null')
    tap.ok(True, 'and so does leaving the window')
    page.value("document.querySelector('.stage').focus()")
    moves('and the pointer has a place again', lambda: page.mouse('mouseMoved', 800, 600))


def full_screen(tap, page):
    page.key('F11')
    page.wait('document.fullscreenElement !== null')
    tap.equal(page.value('document.activeElement.className'), 'stage', 'F11 makes the desktop fill the screen and keeps the keyboard')
    page.key('F11')
    page.wait('document.fullscreenElement === null')
    page.call('Input.dispatchKeyEvent', type='rawKeyDown', code='Escape', key='Escape', modifiers=3)
    page.call('Input.dispatchKeyEvent', type='keyUp', code='Escape', key='Escape')
    tap.equal(page.value('document.activeElement.className'), 'handle', 'Ctrl+Alt+Escape leads out of the picture')
    page.value("document.querySelector('.stage').focus()")


def statistics(tap, page):
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Statistics').click()")
    page.wait("/^1000 × 700 .* frames\\/s .* host \\d+\\.\\d ms .* decoding \\d+\\.\\d ms .* on the screen \\d+\\.\\d ms\\n"
              "exact \\d+ % .* film \\d+ %$/.test(document.querySelector('.figures').innerText)")
    shown = page.value("document.querySelector('.figures').innerText")
    tap.ok(True, f'the figures are shown: {shown}')
    page.value("[...document.querySelectorAll('.tools button')].find((b) => b.ariaLabel === 'Statistics').click()")
    tap.equal(page.value("document.querySelector('.figures').hidden"), True, 'until one has seen enough')


def sizes(tap, system, page, desktop):
    page.resize(800, 600)
    wait_for(lambda: page.picture().width == 800, 30, 'the new size')
    tap.equal(same_picture(page, system, desktop), None, 'after a resize: equal to the screendump')
    page.resize(600, 400, 2)
    wait_for(lambda: page.picture().width == 1200, 30, 'the size in device pixels')
    tap.equal(same_picture(page, system, desktop), None, 'on a screen of double density every device pixel is one')
    tap.equal(page.value("document.querySelector('canvas.picture').getBoundingClientRect().width"), 600, 'at its true size')
    page.resize(1000, 700)
    wait_for(lambda: page.picture().width == 1000, 30, 'the size of before')


def comes_back(tap, system, page, desktop, what, do):
    page.value("""window.states = []; new MutationObserver(() => states.push(document.querySelector('.desktop')?.dataset.state))
        .observe(document.querySelector('.desktop'), {attributes: true, attributeFilter: ['data-state']})""")
    started = time.monotonic()
    do()
    page.wait("states.includes('reconnecting')", 20)
    noticed = time.monotonic() - started
    page.wait("states.at(-1) === 'live'", 60)
    back = time.monotonic() - started
    tap.equal(same_picture(page, system, desktop), None, f'after {what} the picture is back ({noticed:.1f} s to notice, {back:.1f} s to be back)')
    before = page.picture()
    page.keys('x')
    changed(page, before, 'a key')
    return noticed, back


def recovery(tap, system, page, desktop):
    def kill(program):
        return lambda: [os.kill(pid, signal.SIGKILL) for pid in system.pids(program)]  # the spare has a streamer, too

    comes_back(tap, system, page, desktop, 'a killed gateway', kill('vedette-gateway'))
    comes_back(tap, system, page, desktop, 'a killed streamer', kill('vedette-streamer'))
    gateway = system.pids('vedette-gateway')[0]
    resumed = []

    def stop_for_a_while():
        os.kill(gateway, signal.SIGSTOP)
        try:
            stopped = time.monotonic()
            page.wait("states.includes('reconnecting')", 20)
            tap.ok(time.monotonic() - stopped < 7, f'a dead line is noticed after {time.monotonic() - stopped:.1f} s')
            tap.ok('grayscale' in page.value("getComputedStyle(document.querySelector('.picture')).filter"), 'and the picture turns grey')
            wait_for(lambda: time.monotonic() - stopped > 10, 20, '10 s of silence')
        finally:
            os.kill(gateway, signal.SIGCONT)
            resumed.append(time.monotonic())

    comes_back(tap, system, page, desktop, '10 s of a dead line', stop_for_a_while)
    tap.note(f'{time.monotonic() - resumed[0]:.1f} s after the line was back everything had been compared')


def takeover(tap, system, page):
    other = page.second()
    other.open(f'https://localhost:{system.port}/')
    other.wait_text('Resume')
    other.click('.pool button')
    other.wait_live()
    page.wait("document.querySelector('.desktop').dataset.end === 'taken-over'")
    tap.ok('another device' in page.text(), 'a second tab takes over, and the first one says so')
    tap.equal(other.state(), 'live', 'the second one stays')
    page.click('.state-card .primary')
    page.wait_live()
    other.wait("document.querySelector('.desktop').dataset.end === 'taken-over'")
    tap.ok(True, 'and can be taken back')
    page.value("[...document.querySelectorAll('.tools button')].at(-1).click()")
    page.wait_text('You logged off')
    wait_for(lambda: not system.status()['sessions'], 60, 'the session to end')
    tap.ok(True, 'logging off ends the session')
    return other


def touch(tap, system, browser):
    """A phone: taps, drags and its own keyboard."""
    page = browser.page(390, 700, 2, phone=True)
    system.wait_ready('desk')
    page.login(f'https://localhost:{system.port}/', 'alice', 'alice-canary-1')
    page.wait_text('Ready')
    page.click('.pool button')
    page.wait_live()
    wait_for(lambda: page.picture().height == 1050, 30, 'a size that can be read')
    desktop = system.status()['sessions'][0]['desktop']
    tap.equal(same_picture(page, system, desktop), None, 'on a phone the picture equals the screendump')

    def finger(kind, *points):
        page.call('Input.dispatchTouchEvent', type=kind, touchPoints=[{'x': x, 'y': y, 'id': i} for i, (x, y) in enumerate(points)])

    def moves(what, *events):
        before = line_of_guest(page, 100)
        for event in events:
            finger(*event)
        wait_for(lambda: line_of_guest(page, 100) != before, 20, what)
        tap.ok(True, f'{what} arrives')

    moves('a tap', ('touchStart', (200, 500)), ('touchEnd',))
    moves('a drag', ('touchStart', (100, 500)), ('touchMove', (150, 550)), ('touchMove', (250, 600)), ('touchEnd',))
    moves('a scroll with two fingers', ('touchStart', (100, 400)), ('touchStart', (100, 400), (200, 400)),
          ('touchMove', (100, 440), (200, 440)), ('touchMove', (100, 480), (200, 480)), ('touchEnd',))
    before = page.picture()
    page.value("document.querySelector('.typing').focus()")
    page.fill('Hi there')
    changed(page, before, 'the text of the screen keyboard')
    tap.equal(same_picture(page, system, desktop), None, 'what the screen keyboard writes arrives')
    return page


def close_from_launcher(tap, system, page):
    page.open(f'https://localhost:{system.port}/')
    page.wait_text('Resume')
    tap.equal(page.value("document.activeElement.className.includes('logoff')"), False, 'Enter resumes or does nothing')
    page.click('.logoff')
    page.wait("document.querySelector('.logoff').textContent.endsWith('?')")
    tap.equal(len(system.status()['sessions']), 1, 'the launcher asks once more before it closes a desktop')
    page.click('.logoff')
    wait_for(lambda: not system.status()['sessions'], 60, 'the session to end')
    page.wait("document.querySelector('.logoff') === null")
    tap.ok(True, 'and then closes one that nobody looks at')


def main():
    tap = Tap()
    if chromium() is None:
        tap.note('no Chromium: install the package chromium')
        tap.ok(False, 'there is a browser')
        tap.done()
        return
    with System(USERS, POOLS) as system, Browser(f'{system.state}/pki/gateway.pem') as browser:
        page = browser.page()
        page.open(f'https://localhost:{system.port}/')
        page.wait_text('Vedette')
        if page.value("document.querySelector('script') === null"):
            print('1..0 # SKIP built without access from the browser')
            tap.finished = True
            return
        system.wait_ready('desk')
        desktop = work(tap, system, page)
        keys(tap, system, page, desktop)
        lines = Lines(page)
        layouts(tap, page, lines)
        locks(tap, page, lines)
        input_method(tap, page, lines)
        more_keys(tap, system, page)
        pointer_lock(tap, system, page, desktop)
        full_screen(tap, page)
        statistics(tap, page)
        sizes(tap, system, page, desktop)
        recovery(tap, system, page, desktop)
        other = takeover(tap, system, page)
        phone = touch(tap, system, browser)
        close_from_launcher(tap, system, phone)
        passing = ('401', 'ERR_CONNECTION', 'ERR_TIMED_OUT', '503', 'ERR_EMPTY_RESPONSE', 'ERR_SOCKET', 'WebSocket')
        problems = [text for text in page.problems + other.problems + phone.problems if not any(part in text for part in passing)]
        tap.equal(problems, [], 'no script failed and nothing broke the policy')
    tap.done()


main()
