#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person opens the page in a real browser: login with every kind of prompt, launcher, languages; hostile
texts stay texts, and nothing behind the address leads anywhere else."""

import http.client
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from browser import Browser, chromium
from api import tls_context
from system import POOL, System
from tap import Tap

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'client', 'web', 'page')
HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;'
USERS = """user alice password alice-canary-1
user bob password bob-canary-2
ask bob auth echo 4711 Code from <b>your</b> phone:
tell bob auth info Welcome <script>alert(3)</script>
user carol password carol-canary-3 acct=NEW_AUTHTOK_REQD
"""
POOLS = {
    'desk': POOL.format(title='Office', max=1, allow='Allow=alice bob carol', accel='any', spares=0),
    'odd': POOL.format(title=HOSTILE, max=1, allow='Allow=alice bob carol', accel='any', spares=0),
}


def get(system, path, **headers):
    connection = http.client.HTTPSConnection('localhost', system.port, timeout=20, context=tls_context(system))
    connection.request('GET', path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def headers(tap, system):
    response, body = get(system, '/')
    policy = dict(part.strip().split(' ', 1) for part in response.headers['content-security-policy'].split(';'))
    tap.equal({key: policy.get(key) for key in ('default-src', 'script-src', 'style-src', 'worker-src', 'frame-ancestors', 'base-uri', 'form-action')},
              {'default-src': "'none'", 'script-src': "'self' 'wasm-unsafe-eval'", 'style-src': "'self'", 'worker-src': "'self'",
               'frame-ancestors': "'none'", 'base-uri': "'none'", 'form-action': "'none'"}, 'the policy is strict')
    tap.ok(all(part == "'self'" or (part.startswith('wss://') and part.endswith(f':{system.port}'))
               for part in policy['connect-src'].split()), 'scripts may talk to this server only')
    tap.ok(b'<script>' not in body and b'style=' not in body and b'onclick' not in body, 'nothing is inline')
    tag = response.headers['etag']
    again, nothing = get(system, '/', **{'If-None-Match': tag})
    tap.equal((again.status, nothing), (304, b''), 'what the browser has is not sent again')
    packed, data = get(system, '/main.js', **{'Accept-Encoding': 'gzip'})
    tap.equal((packed.headers['content-encoding'], data[:2]), ('gzip', b'\x1f\x8b'), 'files go out compressed')
    wasm, data = get(system, '/codec.wasm')
    tap.equal((wasm.headers['content-type'], data[:4]), ('application/wasm', b'\0asm'), 'and the decoder as what it is')
    files = [f'/{name}' for name in os.listdir(PAGE) if name != 'index.html']
    made = ['/', '/codec.wasm', '/constants.js', '/ko.json', '/theme.css', '/theme.json', '/logo.svg']
    total = sum(len(get(system, path, **{'Accept-Encoding': 'gzip'})[1]) for path in made + files)
    tap.ok(total < 400_000, f'the whole page with its decoder is small ({total} bytes in {len(made + files)} files)')


def login(tap, system, page):
    url = f'https://localhost:{system.port}/'
    page.login(url, 'alice', 'wrong')
    page.wait("document.querySelector('[role=alert]') !== null")
    refused = page.value("document.querySelector('[role=alert]').innerText")
    tap.ok(refused != '' and 'alice' not in refused, f'a wrong password is refused: {refused}')
    tap.equal(page.value('document.activeElement.id'), 'user', 'and the keyboard is where one types next')
    tap.equal(page.value('document.activeElement.value'), 'alice', 'with the name kept')
    page.login(url, 'nobody', 'wrong')
    page.wait("document.querySelector('[role=alert]') !== null")
    tap.equal(page.value("document.querySelector('[role=alert]').innerText"), refused, 'somebody unknown reads the same')
    page.login(url, 'alice', 'alice-canary-1')
    page.wait_text('Your desktops')
    page.wait("document.querySelectorAll('.pool').length === 2")
    tap.ok(True, 'the right one leads to the launcher')
    tap.equal(page.value('document.cookie'), '', 'no script can see the cookie')
    tap.ok('canary' not in page.value('JSON.stringify([localStorage, sessionStorage, location.href])'), 'and nothing secret is kept')


def hostile(tap, page):
    titles = page.value("[...document.querySelectorAll('.pool-title')].map((title) => title.textContent)")
    tap.ok(HOSTILE in titles, 'a hostile description is shown letter for letter')
    tap.equal(page.value("document.querySelectorAll('.pool img, .pool script, #app script').length"), 0, 'and makes no element')


def reload(tap, system, page):
    page.open(f'https://localhost:{system.port}/?host=evil.example&port=1&path=x&server=evil.example#host=evil.example')
    page.wait_text('Your desktops')
    page.wait("document.querySelectorAll('.pool').length === 2")
    tap.ok(True, 'the login lasts over a reload')
    foreign = [url for url in page.requests if not url.startswith(f'https://localhost:{system.port}/')]
    tap.equal(foreign, [], 'whatever the address says, only this server is asked')
    page.click('.bar button')
    page.wait("document.activeElement && document.activeElement.id === 'user'")
    page.open(f'https://localhost:{system.port}/')
    page.wait("document.activeElement && document.activeElement.id === 'user'")
    tap.ok(True, 'after logging out the login is asked for')


def prompts(tap, system, page):
    page.open(f'https://localhost:{system.port}/')
    page.wait("document.activeElement && document.activeElement.id === 'user'")
    page.fill('bob')
    page.key('Enter')
    page.wait("document.querySelectorAll('form input').length === 2")
    tap.equal(page.value("[...document.querySelectorAll('form input')].map((input) => input.type)"), ['password', 'text'],
              'every prompt has its field, secret or not')
    tap.ok(page.value("[...document.querySelectorAll('form input')].every((input) => document.querySelector(`label[for=${input.id}]`))"),
           'each with its label')
    tap.ok('Code from <b>your</b> phone' in page.text() and 'Welcome <script>alert(3)</script>' in page.text(), 'messages are shown as they are')
    page.fill('bob-canary-2')
    page.key('Tab')
    page.fill('4711')
    page.key('Enter')
    page.wait_text('Your desktops')
    tap.ok(True, 'and the answers log in')


def expired(tap, system, page):
    page.value("[...document.querySelectorAll('.bar button')].at(-1).click()")
    page.wait("document.activeElement && document.activeElement.id === 'user'")
    page.login(f'https://localhost:{system.port}/', 'carol', 'carol-canary-3')
    rounds = 0
    while not page.wait("document.querySelector('.launcher') ? 'in' : document.querySelectorAll('form input[type=password]').length > 1"
                        " || /new/i.test(document.querySelector('form')?.innerText ?? '')") == 'in':
        rounds += 1
        fields = page.value("document.querySelectorAll('form input').length")
        for field in range(fields):
            page.value(f"document.querySelectorAll('form input')[{field}].focus()")
            page.fill('carol-fresh-4')
        before = page.value("document.querySelector('form').dataset.asked = 'yes'")
        page.key('Enter')
        page.wait("document.querySelector('.launcher') !== null || document.querySelector('form')?.dataset.asked === undefined")
        tap.ok(before == 'yes' and rounds < 5, 'an expired password is asked to be renewed')
    page.wait_text('Your desktops')
    tap.ok(rounds > 0, 'and the new one logs in')


def keyboard(tap, page):
    page.wait("document.querySelectorAll('.pool').length === 2")
    page.value("document.querySelector('.heading').focus()")
    page.key('Tab')
    tap.ok(page.value("document.activeElement.dataset.pool !== undefined"), 'Tab goes to the first desktop')
    tap.ok(page.value("getComputedStyle(document.activeElement).outlineStyle !== 'none'"), 'and the focus can be seen')
    tap.ok(page.value("[...document.querySelectorAll('button, input')].every((e) => (e.innerText || e.ariaLabel || e.labels?.length))"),
           'everything that can be pressed has a name')
    tap.ok(page.value("document.querySelectorAll('h1').length === 1 && document.querySelectorAll('main').length === 1"),
           'one heading and one main part for screen readers')


def languages(tap, system, browser):
    page = browser.page(390, 844, 2, dark=True, phone=True)
    page.open(f'https://localhost:{system.port}/')
    page.wait_text('Continue')
    page.value("document.querySelector('.login-footer button').click()")
    page.wait_text('사용자 이름')
    tap.equal(page.value('document.documentElement.lang'), 'ko', 'Korean at the press of a button')
    tap.ok(page.value('document.documentElement.scrollWidth <= innerWidth'), 'nothing is wider than a phone')
    tap.equal(page.value('Object.keys(localStorage)'), ['vedette.language'], 'the language is all that is kept')
    page.open(f'https://localhost:{system.port}/')
    page.wait_text('사용자 이름')
    tap.ok(True, 'and it stays')
    return page


def main():
    tap = Tap()
    if chromium() is None:
        tap.note('no Chromium: install the package chromium')
        tap.ok(False, 'there is a browser')
        tap.done()
        return
    with System(USERS, POOLS) as system, Browser(f'{system.state}/pki/gateway.pem') as browser:
        if get(system, '/codec.wasm')[0].status == 404:
            print('1..0 # SKIP built without access from the browser')
            tap.finished = True
            return
        headers(tap, system)
        page = browser.page()
        page.open(f'https://localhost:{system.port}/')
        page.wait("document.activeElement && document.activeElement.id === 'user'")
        ready = page.value("Math.round(performance.getEntriesByType('navigation')[0].domInteractive), Math.round(performance.now())")
        tap.note(f'one can type after {ready} ms at most')
        login(tap, system, page)
        hostile(tap, page)
        reload(tap, system, page)
        prompts(tap, system, page)
        keyboard(tap, page)
        expired(tap, system, page)
        phone = languages(tap, system, browser)
        problems = [text for text in page.problems + phone.problems if '401' not in text]
        tap.equal(problems, [], 'no script failed, nothing broke the policy, no dialog opened')
    tap.done()


main()
