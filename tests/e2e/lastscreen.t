#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The last screen of a desktop: its own user gets a small picture of it where the pool allows that, and nobody else
gets anything; it is only in memory, and goes with the session and with the policy."""

import base64
import http.client
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, tls_context
from jpeg import averaged, mean_error, read_jpeg
from system import POOL, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
SHOWN = '\n[Display]\nLastScreen=yes\n'
POOLS = {
    'shown': POOL.format(title='Shown', max=2, allow='Allow=alice', accel='any', spares=1) + SHOWN,
    'hidden': POOL.format(title='Hidden', max=2, allow='Allow=bob', accel='any', spares=1),
}
MAX_BYTES = 24 * 1024


def logged_in(system, user, password):
    api = Api(system)
    api.login(user, [password])
    return api


def fetch(api, path, method='GET', **headers):
    """(status, headers, bytes)"""
    connection = http.client.HTTPSConnection('localhost', api.system.port, timeout=40, context=tls_context(api.system))
    sent = {'X-Vedette-Client': 'native', **headers}
    if api.token:
        sent['Authorization'] = f'Bearer {api.token}'
    connection.request(method, path, None, sent)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, response.headers, data


def pool_of(api, name):
    return next(pool for pool in api.get('/api/pools')['pools'] if pool['name'] == name)


def visit(system, user, pool, password):
    """Connects, waits for a settled picture and leaves; (desktop, what QEMU showed then)."""
    client = system.client(user, pool, password, ['--size', '800x600'])
    client.do('wait-live 60000', 70)
    client.do('wait-settled 200 20000')
    desktop = client.do('state')['desktop']
    screen = system.screendump(desktop)
    client.end()
    wait_for(lambda: next(s for s in system.status()['sessions'] if s['user'] == user)['state'] == 'disconnected',
             30, f'{user} to be away')
    return desktop, screen


def traces(system, data):
    """Files of the running system that hold a part of the picture, as bytes or as base64."""
    middle = len(data) // 2 // 3 * 3  # where base64 of the part is a part of the base64
    needles = [data[middle:middle + 48], base64.b64encode(data[middle:middle + 48])]
    found = []
    for top in (f'{system.state}/broker', f'{system.state}/hostd', f'{system.state}/run', system.log_path):
        names = [top] if os.path.isfile(top) else [os.path.join(f, n) for f, _, all_ in os.walk(top) for n in all_]
        for name in names:
            if os.path.isfile(name) and 'memory' not in name:
                with open(name, 'rb') as file:
                    content = file.read()
                found += [name for needle in needles if needle in content]
    return found


def its_user(tap, system, alice):
    tap.equal(pool_of(alice, 'shown').get('picture', 0), None, 'before the first session there is no picture')
    _desktop, screen = visit(system, 'alice', 'shown', 'alice-canary-1')
    pool = wait_for(lambda: pool_of(alice, 'shown')['picture'] and pool_of(alice, 'shown'), 20, 'the picture')
    path = f"/api/picture/{pool['session']}"
    status, headers, data = fetch(alice, path)
    tap.equal((status, headers['Content-Type'], headers['Cache-Control']), (200, 'image/jpeg', 'no-store'),
              'its user gets it, for now and not to be kept')
    tap.equal(headers['X-Content-Type-Options'], 'nosniff', 'and it is nothing but a picture')
    tap.ok(data[:3] == b'\xff\xd8\xff' and 500 < len(data) <= MAX_BYTES, f'a JPEG of {len(data)} bytes')
    small = read_jpeg(data)
    tap.equal((small.width, small.height), (320, 240), 'of a small size in the ratio of the screen')
    error = mean_error(small, averaged(screen, small.width, small.height))
    tap.ok(error < 6, f'it shows what the screen showed (mean error {error:.2f} of 255)')
    tap.ok(small.colours() > 16, 'and is no blank')
    client = system.client('alice', 'shown', 'alice-canary-1', ['--size', '800x600'])
    client.do('wait-live 60000', 70)
    tap.equal((fetch(alice, path)[0], pool_of(alice, 'shown')['picture']), (404, None), 'while she looks there is none')
    client.end()
    newer = wait_for(lambda: pool_of(alice, 'shown')['picture'], 20, 'the next picture')
    tap.ok(newer > pool['picture'], 'and a newer one afterwards')
    tap.equal(traces(system, data), [], 'no file and no log has any of it')
    return path, newer


def nobody_else(tap, system, alice, bob, path):
    tap.equal(fetch(bob, path)[0], 404, 'another user gets 404')
    tap.equal(fetch(bob, path)[2], fetch(bob, '/api/picture/s-0123456789abcdef')[2], 'as for a session that there is not')
    tap.equal(fetch(Api(system), path)[0], 404, 'nobody gets 404')
    tap.equal([fetch(alice, p)[0] for p in ('/api/picture/', '/api/picture/x', f'{path}/', f'{path}0', '/api/picture/..')],
              [404] * 5, 'other paths get 404')
    tap.equal(fetch(alice, path, 'POST', **{'Content-Length': '0'})[0], 405, 'POST gets 405')
    origin = {'Origin': 'https://elsewhere.example'}
    tap.equal(fetch(alice, path, **origin)[0], 403, 'a page from elsewhere gets 403')
    tap.equal(fetch(bob, '/api/pools')[0], 200, 'the gateway is well')


def policy(tap, system, alice, bob, path, taken):
    # Hers comes after his would have: both go over one link.
    visit(system, 'bob', 'hidden', 'bob-canary-2')
    visit(system, 'alice', 'shown', 'alice-canary-1')
    wait_for(lambda: (pool_of(alice, 'shown')['picture'] or 0) > taken, 20, 'a newer picture')
    pool = pool_of(bob, 'hidden')
    tap.equal((pool['state'], pool['picture']), ('running', None), 'LastScreen=no: a session and no picture')
    tap.equal(fetch(bob, f"/api/picture/{pool['session']}")[0], 404, 'and 404')
    system.write_pool('shown', POOLS['shown'].replace('LastScreen=yes', 'LastScreen=no'))
    system.ctl('reload')
    tap.equal((fetch(alice, path)[0], pool_of(alice, 'shown')['picture']), (404, None), 'the picture goes with the policy')
    system.write_pool('shown', POOLS['shown'])
    system.write_pool('hidden', POOLS['hidden'] + SHOWN)
    system.ctl('reload')
    tap.equal(fetch(alice, path)[0], 404, 'and does not come back with it')
    visit(system, 'bob', 'hidden', 'bob-canary-2')
    wait_for(lambda: pool_of(bob, 'hidden')['picture'], 20, 'a picture where the policy has become yes')
    path = f"/api/picture/{pool_of(bob, 'hidden')['session']}"
    tap.equal(fetch(bob, path)[0], 200, 'a session that ran on gets one when its pool begins to allow it')
    bob.post('/api/logoff', {'session': path.rsplit('/', 1)[1]})
    tap.equal(fetch(bob, path)[0], 404, 'it goes with its session')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        system.wait_ready('shown')
        system.wait_ready('hidden')
        alice = logged_in(system, 'alice', 'alice-canary-1')
        bob = logged_in(system, 'bob', 'bob-canary-2')
        path, taken = its_user(tap, system, alice)
        nobody_else(tap, system, alice, bob, path)
        policy(tap, system, alice, bob, path, taken)
    tap.done()


main()
