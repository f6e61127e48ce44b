#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The window of the thin client, as a person uses it: keys and pointer come from xdotool, what is seen is read from Xvfb."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import CLIENT, POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\n'
POOLS = {'desk': POOL.format(title='Desk', max=2, allow='Allow=alice', accel='any', spares=1) + '\n[Display]\nLastScreen=yes\n'}
WIDTH, HEIGHT = 1360, 900  # of the screen; the window's first size is 1280 x 800
POINTER = 64  # pixels of the screen's lower right corner, which the pointer covers


class Screen:
    """An X server whose picture is a file, and a window manager."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='vedette-gui.')
        # A caret that stands still lets the tests wait for a screen that does.
        os.makedirs(f'{self.folder}/gtk-4.0')
        with open(f'{self.folder}/gtk-4.0/settings.ini', 'w', encoding='utf-8') as file:
            file.write('[Settings]\ngtk-cursor-blink=false\n')
        read_end, write_end = os.pipe()
        with open(f'{self.folder}/xvfb.log', 'wb') as log:
            self.server = subprocess.Popen(
                ['Xvfb', '-displayfd', str(write_end), '-screen', '0', f'{WIDTH}x{HEIGHT}x24', '-nolisten', 'tcp', '-fbdir',
                 self.folder], pass_fds=[write_end], stdout=log, stderr=log)
        os.close(write_end)
        with os.fdopen(read_end) as file:
            number = file.readline().strip()
        self.environment = dict(os.environ, DISPLAY=f':{number}', XDG_CONFIG_HOME=self.folder, LANGUAGE='en')
        for name in ('WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS'):
            self.environment.pop(name, None)
        self.manager = subprocess.Popen(['openbox', '--sm-disable'], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        for process in (self.manager, self.server):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder)

    def tool(self, *arguments):
        """Runs xdotool and returns what it prints."""
        done = subprocess.run(['xdotool', *map(str, arguments)], env=self.environment, stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        return done.stdout.strip()

    def rows(self):
        """The screen: rows of B G R X."""
        with open(f'{self.folder}/Xvfb_screen0', 'rb') as file:
            data = file.read()
        head = struct.unpack('>25I', data[:100])
        stride, at = head[12], head[0] + head[19] * 12
        assert head[11] == 32
        return [data[at + y * stride:at + y * stride + WIDTH * 4] for y in range(HEIGHT)]

    def wait_still(self, before, seconds=60):
        """Waits until the screen differs from before and has been still for half a second."""
        last, since = None, 0

        def still():
            nonlocal last, since
            now = self.rows()
            if now != last:
                last, since = now, time.monotonic()
            return now != before and time.monotonic() - since > 0.5

        wait_for(still, seconds, 'a still screen')
        return last


def no_x(rows):
    """Rows of B G R X with X as zero."""
    out = []
    for row in rows:
        row = bytearray(row)
        row[3::4] = bytes(len(row) // 4)
        out.append(bytes(row))
    return out


def bgrx_rows(picture):
    out = []
    for y in range(picture.height):
        row = picture.pixels[y * picture.width * 3:(y + 1) * picture.width * 3]
        wide = bytearray(picture.width * 4)
        wide[0::4], wide[1::4], wide[2::4] = row[2::3], row[1::3], row[0::3]
        out.append(bytes(wide))
    return out


def find(rows, picture):
    """(x, y) of the place where the screen shows picture pixel for pixel, or None. Its corner may be under the pointer."""
    wanted = bgrx_rows(picture)
    probe = max(range(picture.height - POINTER), key=lambda y: len(set(wanted[y])))
    for y, row in enumerate(rows):
        x = row.find(wanted[probe])
        while x >= 0:
            top = y - probe
            if x % 4 == 0 and 0 <= top <= HEIGHT - picture.height and same(rows, wanted, x, top):
                return x // 4, top
            x = row.find(wanted[probe], x + 1)
    return None


def same(rows, wanted, left, top):
    for y, row in enumerate(wanted):
        end = len(row)
        if top + y >= HEIGHT - POINTER:
            end = min(end, (WIDTH - POINTER) * 4 - left)
        if rows[top + y][left:left + end] != row[:end]:
            return False
    return True


class Seat:
    """A client in its window, and what the guest shows meanwhile."""

    def __init__(self, system, screen):
        self.system, self.screen = system, screen
        self.desktop = None
        self.log = open(f'{screen.folder}/client.log', 'wb')
        self.client = subprocess.Popen(
            [CLIENT, '--server', f'localhost:{system.port}', '--ca', f'{system.state}/pki/ca.pem'],
            env=screen.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def close(self):
        if self.client.poll() is None:
            self.client.kill()
        self.client.wait()
        self.log.close()

    def said(self):
        with open(f'{self.screen.folder}/client.log', encoding='utf-8') as file:
            return file.read()

    def window(self, title):
        """Brings the window of that title to the front."""
        number = wait_for(lambda: self.screen.tool('search', '--onlyvisible', '--name', title).split(), 60, f'window {title}')[-1]
        self.screen.tool('windowactivate', '--sync', number)
        return number

    def shown(self):
        """(place, picture) when the window shows exactly what the guest shows, else None."""
        picture = self.system.screendump(self.desktop)
        rows = no_x(self.screen.rows())
        place = find(rows, picture)
        return (place, picture) if place else None

    def wait_shown(self, condition=lambda picture: True, seconds=60, what='the picture of the guest'):
        def both():
            found = self.shown()
            return found if found and condition(found[1]) else None

        return wait_for(both, seconds, what)


def log_in(tap, seat):
    screen = seat.screen
    seat.window('Vedette')
    page = screen.wait_still(None)
    screen.tool('type', 'alice')
    screen.tool('key', 'Return')
    prompt = screen.wait_still(page)
    screen.tool('type', 'wrong')
    screen.tool('key', 'Return')
    refused = screen.wait_still(prompt)
    screen.tool('key', 'Return')
    prompt = screen.wait_still(refused)
    screen.tool('type', 'alice-canary-1')
    screen.tool('key', 'Return')
    launcher = screen.wait_still(prompt)
    tap.equal(seat.system.ctl('session', 'list')['sessions'], [], 'the login alone opens nothing')
    screen.tool('key', 'Return')
    seat.window('^Desk ')
    sessions = wait_for(lambda: [s for s in seat.system.ctl('session', 'list')['sessions'] if s['desktop']], 60, 'a session')
    seat.desktop = sessions[0]['desktop']
    tap.ok(launcher != prompt, 'typed name and password lead to the launcher, and its first button to a desktop')


def work(tap, seat):
    screen = seat.screen
    screen.tool('mousemove', WIDTH - 1, HEIGHT - 1)
    place, first = seat.wait_shown(lambda p: p.width < WIDTH or p.height < HEIGHT, what='the first picture')
    tap.ok(True, f'the window shows the guest pixel for pixel: {first.width}x{first.height} at {place}')
    seat.window('^Desk ')
    screen.tool('type', '--delay', '40', 'Hello, window 42!')
    typed = seat.wait_shown(lambda p: p.difference(first), what='typed text')[1]
    tap.ok(typed.difference(first), 'typed text appears in the guest, and the window shows it pixel for pixel')
    screen.tool('key', 'F11')
    place, full = seat.wait_shown(lambda p: (p.width, p.height) == (WIDTH, HEIGHT), what='full screen')
    tap.equal(place, (0, 0), 'F11: the guest has taken the size of the screen and fills it')
    screen.tool('key', 'F11')
    place, back = seat.wait_shown(lambda p: (p.width, p.height) == (first.width, first.height), what='the window again')
    tap.ok(back.width == first.width, 'F11 again: the guest has the size of the window')


def still_guest(seat, seconds=1):
    """The guest's picture once it has not changed for a while."""
    last, since = None, 0

    def still():
        nonlocal last, since
        now = seat.system.screendump(seat.desktop)
        if last is None or now.difference(last):
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds

    wait_for(still, 30, 'a still guest')
    return last


def focus(tap, seat):
    """The tiny guest shows how many keys are down: none, when the window loses the keyboard while one is held."""
    screen = seat.screen
    seat.window('^Desk ')
    before = still_guest(seat)
    screen.tool('keydown', 'Shift_L')
    wait_for(lambda: seat.system.screendump(seat.desktop).difference(before), 30, 'the guest to see the key')
    held = still_guest(seat)
    other = subprocess.Popen(['xmessage', 'another window'], env=screen.environment, stderr=subprocess.DEVNULL)
    try:
        number = wait_for(lambda: screen.tool('search', '--onlyvisible', '--name', 'xmessage').split(), 30, 'another window')[-1]
        screen.tool('windowactivate', '--sync', number)
        wait_for(lambda: seat.system.screendump(seat.desktop).difference(held), 30, 'the guest to see the key go')
        tap.ok(True, 'a key that is held is let go when the window loses the keyboard')
    finally:
        screen.tool('keyup', 'Shift_L')
        other.terminate()
        other.wait()
    seat.window('^Desk ')


def kill_gateway(tap, seat):
    """What was there turns grey at once, and comes back by itself."""
    place, picture = seat.wait_shown()
    left, top = place[0] * 4, place[1]
    good = seat.screen.rows()

    def grey():
        now = seat.screen.rows()
        points = [(x, y) for y in range(top + 8, top + picture.height, 16) for x in range(left, left + picture.width * 4, 64)]
        return sum(now[y][x:x + 3] != good[y][x:x + 3] for x, y in points) > 0.9 * len(points)

    pid = seat.system.pids('vedette-gateway')[0]
    os.kill(pid, signal.SIGKILL)
    wait_for(grey, 20, 'a picture that is visibly not live')
    tap.ok(True, 'kill -9 of the gateway: nobody can take the last picture for live')
    again = seat.wait_shown(seconds=60, what='the picture to come back')
    tap.equal(again[0], place, 'and it comes back by itself')


def colours(rows):
    return len({row[x:x + 3] for row in rows for x in range(0, len(row), 4)})


def last_screen(tap, seat):
    """The launcher of a new client has a picture of what the former one left: many colours where there were few."""
    screen = seat.screen
    wait_for(lambda: seat.system.status()['sessions'][0]['state'] == 'disconnected', 30, 'the session to be left')
    seat.window('Vedette')
    page = screen.wait_still(None)
    screen.tool('type', 'alice')
    screen.tool('key', 'Return')
    prompt = screen.wait_still(page)
    screen.tool('type', 'alice-canary-1')
    few = colours(prompt)
    screen.tool('key', 'Return')
    wait_for(lambda: colours(screen.rows()) > few + 1500, 30, 'the picture')
    tap.ok(True, 'the launcher shows what the desktop showed last')


def main():
    tap = Tap()
    for program in ('Xvfb', 'xdotool', 'openbox', 'xmessage'):
        if shutil.which(program) is None:
            tap.ok(True, f'# SKIP {program} is missing')
            tap.done()
            return
    screen = Screen()
    try:
        with System(USERS, POOLS) as system:
            system.wait_ready('desk')
            seat = Seat(system, screen)
            try:
                log_in(tap, seat)
                work(tap, seat)
                focus(tap, seat)
                kill_gateway(tap, seat)
                said = seat.said()
                tap.ok('WARNING' not in said and 'CRITICAL' not in said, f'the client has nothing to complain of: {said[-400:]!r}')
            finally:
                seat.close()
            seat = Seat(system, screen)
            try:
                last_screen(tap, seat)
                said = seat.said()
                tap.ok('WARNING' not in said and 'CRITICAL' not in said, f'which the client does not mind: {said[-400:]!r}')
            finally:
                seat.close()
    finally:
        screen.close()
    tap.done()


main()
