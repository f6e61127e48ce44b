#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several monitors: each shows what QEMU shows on that head, the pointer meets every one to the pixel, they go and
come back, and a pool or a display that has one gives one."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from picture import read_png
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser carol password carol-canary-3\n'
POOLS = {
    'desk': POOL.format(title='Desk', max=1, allow='Allow=alice', accel='any', spares=1),
    'one': POOL.format(title='One', max=1, allow='Allow=carol', accel='any', spares=1) + '\n[Display]\nMonitors=1\n',
}
ONE = '800x600+0+0'
TWO = '1024x768+0+0 800x600+1024+100'
THREE = '640x480+800+0 800x600+0+0 1280x1024+0+600'
WHITE, MARK = b'\xff\xff\xff', b'\xff\x00\xff'


def places(monitors):
    """'WxH+X+Y ...' as (x, y, width, height)."""
    numbers = [[int(n) for n in word.replace('x', '+').split('+')] for word in monitors.split()]
    return [(x, y, width, height) for width, height, x, y in numbers]


def pixel(picture, x, y):
    at = 3 * (y * picture.width + x)
    return picture.pixels[at:at + 3]


def differences(system, client, desktop, monitors):
    """None when every monitor of the client's settled picture is QEMU's screendump of that head."""
    found = [None]

    def equal():
        client.do('wait-settled 200 20000')
        found[0] = None
        for head in range(len(monitors.split())):
            path = f'{system.folder}/head{head}.png'
            client.do(f'dump-monitor {head + 1} {path}')
            found[0] = found[0] or read_png(path).difference(system.screendump(desktop, head))
        return found[0] is None

    try:
        wait_for(equal, 20, 'equal pictures')
    except AssertionError:
        return found[0]
    return None


def dark(system, client, monitors):
    """Nothing of the picture that is no monitor's has a colour."""
    path = f'{system.folder}/wall.png'
    client.do(f'dump {path}')
    wall = read_png(path)
    areas = places(monitors)
    for y in range(wall.height):
        spans = sorted((x, x + width) for x, top, width, height in areas if top <= y < top + height)
        at = 0
        for left, right in spans + [(wall.width, wall.width)]:
            if any(wall.pixels[3 * (y * wall.width + at):3 * (y * wall.width + left)]):
                return f'a pixel with a colour in row {y}, between {at} and {left}'
            at = right
    return None


def look(system, client, monitor):
    client.do('wait-settled 200 20000')
    client.do(f'dump-monitor {monitor} {system.folder}/look.png')
    return read_png(f'{system.folder}/look.png')


def cross_is_at(picture, x, y):
    """The guest's crosshair, twenty pixels each way, and none of it a pixel further."""
    across = [pixel(picture, at, y) == WHITE for at in range(x - 21, x + 22)]
    down = [pixel(picture, x, at) == WHITE for at in range(y - 21, y + 22)]
    return across == [False] + [True] * 41 + [False] and down == [False] + [True] * 41 + [False]


def two(tap, system, alice, desktop):
    tap.equal(alice.do('monitors')['most'], 4, 'the host says that there can be four')
    alice.do(f'monitors {TWO}')
    alice.do(f'wait-monitors {TWO}', 70)
    tap.equal(differences(system, alice, desktop, TWO), None, 'two monitors, and each is what QEMU shows on its head')
    shown = [look(system, alice, number) for number in (1, 2)]
    tap.ok(pixel(shown[0], 300, 700)[2] == 96 and pixel(shown[1], 600, 500)[2] == 144, 'and they are not the same')
    tap.equal(dark(system, alice, TWO), None, 'between them there is nothing')


def pointing(tap, system, alice, desktop):
    (_, _, _, _), (left, top, width, height) = places(TWO)
    wrong = []
    for x, y in ((600, 300), (401, 333), (700, 573), (777, 400), (22, 577)):
        alice.do(f'move {left + x} {top + y}')
        try:
            wait_for(lambda at=(x, y): cross_is_at(look(system, alice, 2), *at), 20, 'the pointer')
        except AssertionError:
            wrong.append((x, y))
    tap.equal(wrong, [], 'the pointer is where it was put on the second monitor, to the pixel')
    # A click goes behind its position, whatever comes at once.
    for x, y in ((10, 10), (500, 411), (303, 222)):
        alice.do(f'move {left + x} {top + y}')
    alice.do('click 1')
    alice.do(f'move {left + 600} {top + 500}')

    def marked():
        seen = look(system, alice, 2)
        square = {(x, y) for x in range(290, 320) for y in range(210, 240) if pixel(seen, x, y) == MARK}
        return square == {(x, y) for x in range(301, 306) for y in range(220, 225)}

    wait_for(marked, 20, 'the mark of the click')
    tap.ok(True, 'and a click is there, though the pointer went on at once')
    tap.equal(differences(system, alice, desktop, TWO), None, 'both are still what QEMU shows')
    alice.do('move 500 700')
    wait_for(lambda: cross_is_at(look(system, alice, 1), 500, 700), 20, 'the pointer on the first monitor')
    alice.do('motion 40 0')
    wait_for(lambda: cross_is_at(look(system, alice, 1), 540, 700), 20, 'the mouse on the first monitor')
    tap.ok(True, 'on the first one positions and motions count too')
    alice.do(f'cursor {system.folder}/cursor.png')
    tap.ok(read_png(f'{system.folder}/cursor.png').colours() > 1, 'the cursor is shown')


def typed(tap, system, alice, desktop):
    before = look(system, alice, 1)
    alice.do('type two screens')
    wait_for(lambda: look(system, alice, 1).difference(before), 20, 'the text')
    tap.equal(differences(system, alice, desktop, TWO), None, 'what is typed appears as ever')


def refused(tap, alice):
    for words in ('800x600+0+0 800x600+799+0', '8192x4320+0+0 800x600+8192+0', '800x600+1+0', '99999x1+0+0'):
        tap.ok(not alice.ask(f'monitors {words}')['ok'], f'the client does not send {words}')
    tap.equal(len(alice.do('monitors')['monitors']), 2, 'and what there was stays')


def streamer_dies(tap, system, alice, desktop):
    killed = system.pids('vedette-streamer')
    before = system.screendump(desktop, 0)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: [pid for pid in system.pids('vedette-streamer') if pid not in killed], 30, 'another streamer')

    def has_key():
        alice.ask('key 30')  # until there is a stream again it goes nowhere
        return system.screendump(desktop, 0).difference(before)

    wait_for(has_key, 40, 'the guest to have a key')
    alice.do(f'wait-monitors {TWO}', 70)
    tap.equal(differences(system, alice, desktop, TWO), None, 'after kill -9 of the streamer both are back')


def hostd_dies(tap, system, alice):
    """Positions go through it; it comes back, and a position that was under way holds nothing up."""
    left, top = places(TWO)[1][:2]
    killed = system.pids('vedette-hostd')
    for pid in killed:
        alice.do(f'move {left + 400} {top + 400}')
        os.kill(pid, signal.SIGKILL)
    alice.do(f'move {left + 500} {top + 444}')
    wait_for(lambda: [pid for pid in system.pids('vedette-hostd') if pid not in killed], 30, 'another hostd')

    def meets():
        alice.do(f'move {left + 123} {top + 456}')
        return cross_is_at(look(system, alice, 2), 123, 456)

    wait_for(meets, 40, 'the pointer after kill -9 of hostd')
    tap.ok(True, 'after kill -9 of hostd the pointer is where it is put')


def reload(tap, system, alice):
    system.write_pool('desk', POOLS['desk'] + '\n[Display]\nMonitors=1\n')
    system.ctl('reload')
    alice.do('wait-monitors 1024x768+0+0', 70)
    tap.ok(True, 'a reload with Monitors=1 takes the second one away')
    system.write_pool('desk', POOLS['desk'])
    system.ctl('reload')

    def both():
        alice.do(f'monitors {TWO}')
        alice.do('wait-settled 100 20000')
        return len(alice.do('monitors')['monitors']) == 2

    wait_for(both, 40, 'two monitors')
    tap.ok(True, 'and one without lets it be asked for again')


def others(tap, system, alice, desktop):
    alice.do(f'monitors {THREE}')
    alice.do(f'wait-monitors {THREE}', 70)
    tap.equal(differences(system, alice, desktop, THREE), None, 'three, the first one in the middle')
    tap.equal(dark(system, alice, THREE), None, 'with nothing between them')
    alice.do('move 1200 1500')  # on the third: in its own pixels 1200, 900
    wait_for(lambda: cross_is_at(look(system, alice, 3), 1200, 900), 20, 'the pointer on the third')
    tap.ok(True, 'the pointer meets the third one')
    alice.do(f'monitors {TWO}')
    alice.do(f'wait-monitors {TWO}', 70)
    tap.equal(differences(system, alice, desktop, TWO), None, 'one of them goes')
    alice.do(f'monitors {ONE}')
    alice.do(f'wait-monitors {ONE}', 70)
    tap.equal(differences(system, alice, desktop, ONE), None, 'and one is left')
    alice.do(f'monitors {TWO}')
    alice.do(f'wait-monitors {TWO}', 70)
    another_device(tap, system, desktop)
    alice.end()


def another_device(tap, system, desktop):
    """The same session from a device with one screen."""
    device = system.client('alice', 'desk', 'alice-canary-1', ['--size', '800x600'])
    device.do('wait-live 60000', 70)
    device.do(f'wait-monitors {ONE}', 70)
    tap.equal(device.do('state')['desktop'], desktop, 'another device takes the session over')
    tap.equal(differences(system, device, desktop, ONE), None, 'and has one monitor, as it asked')
    path = f'{system.folder}/one.png'
    device.do(f'dump {path}')
    tap.equal((read_png(path).width, read_png(path).height), (800, 600), 'which is all of the picture')
    device.do('move 123 234')
    wait_for(lambda: cross_is_at(look(system, device, 1), 123, 234), 20, 'the pointer')
    device.end()


def policy(tap, system):
    carol = system.client('carol', 'one', 'carol-canary-3', ['--size', '800x600'])
    carol.do('wait-live 60000', 70)
    carol.do(f'wait-monitors {ONE}', 70)
    tap.equal(carol.do('monitors')['most'], 1, 'Monitors=1: the host says that there is one')
    carol.do('monitors 1024x768+0+0 800x600+1024+0')
    carol.do('wait-monitors 1024x768+0+0', 70)
    tap.equal(len(carol.do('monitors')['monitors']), 1, 'and gives one')
    carol.end()


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('desk')
        alice = system.client('alice', 'desk', 'alice-canary-1', ['--size', '800x600'])
        alice.do('wait-live 60000', 70)
        desktop = alice.do('state')['desktop']
        alice.do(f'wait-monitors {ONE}', 70)
        two(tap, system, alice, desktop)
        pointing(tap, system, alice, desktop)
        typed(tap, system, alice, desktop)
        refused(tap, alice)
        streamer_dies(tap, system, alice, desktop)
        hostd_dies(tap, system, alice)
        reload(tap, system, alice)
        others(tap, system, alice, desktop)
        system.wait_ready('one')
        policy(tap, system)
    tap.done()


main()
