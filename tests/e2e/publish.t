#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A new revision of an image: tried by a canary, published, refused when it is broken or slow, rolled back, removed."""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from system import BUILD, CTL, POOL, SOURCE, System, wait_for
from tap import Tap

USERS = 'user alice password alice-canary-1\nuser bob password bob-canary-2\n'
DESK = POOL.format(title='Desk', max=4, allow='Allow=alice bob', accel='any', spares=1).replace(
    'Revision=latest', 'Revision=latest\nCanaryStart=60s\nCanaryFirstFrame=20s\nCanaryEcho=2s').replace('Clone=disk', 'Clone=auto')
END, NEWER = 2, 5  # kinds of NOTICE
RECIPE = """#!/bin/bash
bash {source}/hostd/image/recipes/tiny.recipe || exit 1
sed -i 's|panic=1|panic=1 {argument}|' "$VEDETTE_OUT/recipe.json"
"""


def build(system, argument):
    """A further revision of the test image, with another argument for its kernel."""
    recipe = f'{system.folder}/tiny.recipe'
    with open(recipe, 'w', encoding='utf-8') as file:
        file.write(RECIPE.format(source=SOURCE, argument=argument))
    os.chmod(recipe, 0o755)
    # A recipe finds its library beside itself.
    done = subprocess.run([CTL, '--state', system.state, '--config', system.config, '--programs', BUILD, '--cache',
                           f'{BUILD}/tests/cache', '--guest', f'{BUILD}/hostd/guest', '--recipe', recipe, 'image',
                           'build', 'tiny'], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def publish(system, revision, *options):
    """(status, what it said)"""
    done = subprocess.run([CTL, '--state', system.state, '--config', system.config, '--programs', BUILD, 'image', 'publish',
                           f'tiny:{revision}', *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def image(system, *words):
    return system.ctl('--programs', BUILD, 'image', *words)


def spares(system):
    return {d['revision'] for d in system.ctl('desktop', 'list')['desktops']
            if not d['session'] and d['state'] == 'ready' and d['wanted'] == 'running'}


def notices(user):
    user.do('state')  # what came until now
    return [event['kind'] for event in user.events if event['event'] == 'notice']


def clocks(system, user):
    session = next(s for s in system.ctl('session', 'list')['sessions'] if s['user'] == user)
    return system.ctl('session', 'show', session['id'])['session']


def no_canary(system):
    return all(d['owner'] != '#canary' for d in system.ctl('desktop', 'list')['desktops'])


def check_good(tap, system):
    code, text = publish(system, 1)
    tap.ok(code == 0 and 'first frame after' in text and 'echo of a after' in text, 'the first one is tried and published')
    tap.note(text.strip().replace('\n', '; '))
    build(system, 'tiny.other=1')
    entries = image(system, 'list')['images']
    tap.equal([entry['published'] for entry in entries], [True, False], 'a further one is a candidate')
    wait_for(lambda: any(i['revision'] == 2 for h in system.status()['hosts'] for i in h['images']), 20, 'the host to see it')
    tap.equal(system.pool('desk')['revision'], 1, 'which no desktop is made of')

    alice = system.client('alice', 'desk', 'alice-canary-1', ['--size', '1024x768'])
    alice.do('wait-live 60000', 70)
    code, _text = publish(system, 2, '--ask-after', '1s', '--end-after', '1h')
    tap.equal(code, 0, 'it is published')
    wait_for(lambda: spares(system) == {2}, 60, 'the spares to be of the new one')
    tap.ok(no_canary(system), 'the canaries are gone')
    tap.equal(alice.do('state')['state'], 'live', 'and no session was lost')
    wait_for(lambda: NEWER in notices(alice), 20, 'the notice')
    check_rollout(tap, system)
    return alice


def old_ones(system):
    """Who is on the old revision: the row of image rollout."""
    return next(r for r in image(system, 'rollout', 'tiny')['pools'][0]['revisions'] if r['revision'] == 1)


def check_rollout(tap, system):
    rollout = image(system, 'rollout', 'tiny')
    before = old_ones(system)
    tap.ok(rollout['revision'] == 2 and before['sessions'] == 1 and before['ends_ms'] - rollout['began_ms'] in range(3600000, 3660000),
           'its user is told that a newer desktop waits; who is on which and until when is to be seen')
    for pid in system.pids('vedette-broker'):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda gone=pid: gone not in system.pids('vedette-broker'), 20, 'the broker to die')
    wait_for(lambda: any(h['connected'] for h in system.status().get('hosts', [])), 30, 'the broker to be back')
    tap.equal(old_ones(system), before, 'a kill -9 of the broker changes nothing of that')
    tap.equal(clocks(system, 'alice')['update_ends_ms'], before['ends_ms'], 'session show says the same')


def check_refused(tap, system, argument, revision, wanted, what):
    build(system, argument)
    wait_for(lambda: any(i['revision'] == revision for h in system.status()['hosts'] for i in h['images']), 20,
             'the host to see it')
    code, text = publish(system, revision)
    tap.ok(code == 1 and wanted in text and f'tiny:{revision} is not published' in text, f'{what} is not published')
    tap.note(text.strip().splitlines()[-2])
    tap.equal(system.pool('desk')['revision'], 2, 'the old one stays in force')
    wait_for(lambda: no_canary(system), 30, 'the canary to be gone')
    bob = system.client('bob', 'desk', 'bob-canary-2', ['--size', '1024x768'])
    bob.do('wait-live 60000', 70)
    session = next(s for s in system.ctl('session', 'list')['sessions'] if s['user'] == 'bob')
    tap.equal(next(d['revision'] for d in system.ctl('desktop', 'list')['desktops'] if d['id'] == session['desktop']), 2,
              'and people get it')
    bob.do('logoff')
    bob.end()


def main():
    tap = Tap()
    with System(USERS, {'desk': DESK}) as system:
        system.wait_ready('desk')
        alice = check_good(tap, system)
        check_refused(tap, system, 'rdinit=/none', 3, 'it was not ready within 60 s', 'a guest that does not come up')
        check_refused(tap, system, 'tiny.slow=4000', 4, 'vedettectl: pool desk: ', 'a guest that is too slow')
        tap.equal(image(system, 'rollback', 'tiny')['published'], 1, 'rolled back, the one before is in force')
        wait_for(lambda: spares(system) == {1}, 60, 'the spares to be of the old one')
        code, _text = system.ctl('--programs', BUILD, 'image', 'rollback', 'tiny', check=False)
        tap.equal(code, 1, 'there is none before that')
        wait_for(lambda: clocks(system, 'alice')['update_ends_ms'] is None, 20, 'the deadline to be cancelled')
        tap.equal(publish(system, 2, '--end-after', '20s')[0], 0, 'and forward again')
        wait_for(lambda: spares(system) == {2}, 60, 'the spares to be of the new one')
        tap.equal(image(system, 'gc')['removed'], [], 'what a session needs is not removed')
        wait_for(lambda: END in notices(alice), 30, 'the announcement')
        wait_for(lambda: alice.do('state')['state'] == 'ended', 30, 'the session to be ended')
        tap.ok(any(e['kind'] == 'session-end' and 'newer version' in e['text'] for e in system.ctl('audit')['events']),
               'at the hard deadline it ends, announced')
        alice.end()
        wait_for(lambda: all(d['revision'] == 2 for d in system.ctl('desktop', 'list')['desktops']), 60, 'the old desktop to go')
        wait_for(lambda: image(system, 'gc')['removed'] == ['tiny:1'], 60, 'the old revision to be removed')
        tap.equal([entry['revision'] for entry in image(system, 'list')['images']], [2, 3, 4],
                  'later it is; candidates stay')
    tap.done()


if __name__ == '__main__':
    main()
