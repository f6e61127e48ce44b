#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Login right, wrong, expired, denied; throttling that outlives the broker; the same answer for every refusal."""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from api import Api, Refused
from system import POOL, System, wait_for
from tap import Tap

USERS = """user alice password alice-canary-1
user locked password locked-canary-1 acct=PERM_DENIED
user limited password limited-canary-1 open=SESSION_ERR
user expired password expired-canary-1 acct=NEW_AUTHTOK_REQD
"""
POOLS = {'desk': POOL.format(title='Desk', max=2, allow='Allow=alice expired', accel='any', spares=0)}


def refusals(tap, system):
    texts = set()
    for user, password in (('alice', 'wrong'), ('nobody-here', 'wrong'), ('locked', 'locked-canary-1'),
                           ('limited', 'limited-canary-1'), ('a' * 64, 'x'), ("x' OR 1=1", 'x')):
        answer = Api(system).login(user, [password])
        tap.equal(answer['state'], 'refused', f'{user[:12]}: refused')
        texts.add(answer.get('message'))
    tap.equal(len(texts), 1, 'one text for every refusal')


def main():
    tap = Tap()
    with System(USERS, POOLS) as system:
        api = Api(system)
        answer = api.login('alice', ['alice-canary-1'])
        tap.equal(answer['state'], 'ok', 'right password: in')
        tap.equal([p['name'] for p in api.get('/api/pools')['pools']], ['desk'], 'and sees her pool')
        refusals(tap, system)

        kinds = [(e['kind'], e['user']) for e in system.ctl('audit')['events']]
        tap.ok(('login', 'alice') in kinds and ('login-refused', 'locked') in kinds, 'the audit trail has both')

        expired = Api(system)
        answer = expired.login('expired', ['expired-canary-1'])
        tap.equal(answer['state'], 'prompt', 'an expired password asks for a new one')
        tap.ok(len(answer['prompts']) >= 1, f'with prompts: {[p["text"] for p in answer["prompts"]]}')
        tap.ok(expired.token is None, 'and gives no token before it is changed')
        answer = expired.answer_all(answer, 'expired-canary-1', 'brand-new-canary-2')
        tap.equal(answer['state'], 'ok', 'after the change: in')
        tap.equal(Api(system).login('expired', ['brand-new-canary-2'])['state'], 'ok', 'the new password works')

        for _ in range(12):
            Api(system).login('alice', ['guess'])
        tap.equal(Api(system).login('alice', ['alice-canary-1'])['state'], 'refused', 'guesses are throttled')
        for pid in system.pids('vedette-broker'):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda gone=pid: gone not in system.pids('vedette-broker'), 20, 'the broker to die')
        wait_for(lambda: system.status().get('gateways'), 60, 'the broker to be back and the gateway with it')
        tap.equal(Api(system).login('alice', ['alice-canary-1'])['state'], 'refused', 'also after a restart of the broker')
        try:
            tap.ok(api.get('/api/pools')['pools'], 'a token from before the restart still works')
        except Refused as refusal:
            tap.ok(False, f'a token from before the restart still works: {refusal}')
    tap.done()


main()
