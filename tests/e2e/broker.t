#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real vedette-broker between a fake host, a fake gateway and a fake PAM helper: enrolment, login, desktops, tickets, restarts."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import fakes
from tap import Tap

BUILD = os.environ['VEDETTE_BUILD']
POOL = '[Pool]\nMax={max}\n{allow}\n[Image]\nName=tiny\n[Machine]\nCPU=1\nMemory=256M\nAccel={accel}\n[Spares]\nRunning={spares}\nRestrain=2/1h\n[Session]\nDisconnected={gone}\n'


def wait_for(condition, seconds=30, what='a condition'):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds} s for {what}')
        time.sleep(0.02)


class Broker:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.process = None
        self.launch = None
        self.log = open(f'{folder}/log', 'ab')

    def start(self):
        self.launch = fakes.Launch()
        theirs = self.launch.theirs
        self.process = subprocess.Popen(
            [f'{BUILD}/broker/vedette-broker', '--state', self.folder, '--config', f'{self.folder}/config', '--run',
             f'{self.folder}/run', '--host-port', str(self.port), '--launch-fd', str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stderr=self.log)
        theirs.close()
        wait_for(lambda: self.process.poll() is not None or self.alive(), 20, 'the broker')

    def alive(self):
        try:
            return self.admin({'type': 'status'})
        except OSError:
            return None

    def admin(self, message, seconds=20):
        channel = fakes.Channel(f'{self.folder}/run/broker.sock')
        answer = channel.call(message, seconds)
        channel.close()
        return answer

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ctl(self, *words):
        """What vedettectl prints for a person."""
        return subprocess.run([f'{BUILD}/broker/ctl/vedettectl', '--state', self.folder, '--config', f'{self.folder}/config', *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60).stdout

    def said(self):
        self.log.flush()
        with open(f'{self.folder}/log', encoding='utf-8', errors='replace') as file:
            return file.read()

    def pool(self, name):
        return next((p for p in self.admin({'type': 'status'})['pools'] if p['name'] == name), {})

    def write_pool(self, name, **values):
        with open(f'{self.folder}/config/pools.d/{name}.pool', 'w', encoding='utf-8') as file:
            file.write(POOL.format(**values))


def enrol(tap, broker, name):
    folder = broker.folder
    fakes.make_key(f'{folder}/{name}.key')
    fakes.openssl('req', '-new', '-key', f'{folder}/{name}.key', '-subj', '/CN=whatever', '-out', f'{folder}/{name}.csr')
    with open(f'{folder}/{name}.csr', encoding='utf-8') as file:
        csr = file.read()
    token = broker.admin({'type': 'host-token', 'name': name})['token']
    answers = []
    for wanted, host in ((token, 'another'), (token, name), (token, name)):
        link = fakes.Link(broker.port, f'{folder}/pki/ca.pem', '/join')
        link.send({'type': 'join', 'token': wanted, 'name': host, 'csr': csr})
        answers.append(link.receive())
        link.close()
    tap.equal([a['type'] for a in answers], ['refused', 'joined', 'refused'], 'a join token is for one host, once')
    with open(f'{folder}/{name}.pem', 'w', encoding='utf-8') as file:
        file.write(answers[1]['cert'])
    link = fakes.Link(broker.port, f'{folder}/pki/ca.pem', '/host')
    link.send({'type': 'hello', 'version': 1})
    while link.receive(5) is not None:
        pass
    tap.ok(link.closed, 'no host without a certificate')
    link.close()


def login(gateway, user, password, source='192.0.2.7'):
    _status, state, _cookie = gateway.ask('POST', '/api/login', {'user': user}, source=source)
    if state.get('state') != 'prompt':
        return state
    return gateway.ask('POST', '/api/login/answer', {'login': state['login'], 'answers': [password]}, source=source)[1]


def logins(tap, gateway):
    alice = login(gateway, 'alice', 'alice-secret')
    tap.equal((alice['state'], alice.get('user')), ('ok', 'alice'), 'the right password is in')
    refusals = []
    for user, password in (('alice', 'x'), ('nobody', 'x'), ("' OR 1=1", 'x'), ('a' * 65, 'x')):
        began = time.monotonic()
        refusals.append(login(gateway, user, password))
        tap.ok(time.monotonic() - began >= 0.9, f'{user[:9]}: the refusal leaves on the grid')
    tap.ok(all(r == refusals[0] and r['state'] == 'refused' for r in refusals), 'every refusal is the same')
    tap.equal(gateway.ask('GET', '/api/me', bearer=alice['token'])[:2], (200, {'user': 'alice'}), 'the token is good')
    tap.equal(gateway.ask('GET', '/api/me', bearer='A' * 43)[0], 401, 'an invented one is not')
    _s, state, _c = gateway.ask('POST', '/api/login', {'user': 'carol'}, native=False)
    _s, state, cookie = gateway.ask('POST', '/api/login/answer', {'login': state['login'], 'answers': ['carol-secret']})
    tap.ok('token' not in state and cookie.startswith('__Host-vedette=') and 'HttpOnly' in cookie,
           'a browser gets a cookie and no token')
    return alice['token'], login(gateway, 'bob', 'bob-secret')['token'], login(gateway, 'carol', 'carol-secret')['token']


def throttling(tap, broker, gateway):
    before = broker.launch.evaluated
    for _ in range(8):
        login(gateway, 'victim', 'guess', source='192.0.2.66')
    tap.equal(broker.launch.evaluated - before, 5, 'five guesses of eight are evaluated')
    tap.equal(login(gateway, 'victim', 'victim-secret', source='192.0.2.66')['state'], 'refused', 'not even the right one then')
    tap.equal(login(gateway, 'victim', 'victim-secret', source='192.0.2.9')['state'], 'ok',
              'the victim gets in from elsewhere')


def crowd(tap, broker, gateway):
    """Seventeen at once: sixteen have a prompt, one is told that it is busy, at once."""
    broker.launch.silent = True
    for number in range(16):
        gateway.next_id += 1
        gateway.send({'type': 'api', 'id': f'crowd-{number}', 'method': 'POST', 'path': '/api/login', 'source': '192.0.2.5',
                      'bearer': None, 'cookie': None, 'native': True, 'body': f'{{"user":"u{number}"}}'})
    began = time.monotonic()
    status, body, _cookie = gateway.ask('POST', '/api/login', {'user': 'late'})
    tap.equal((status, body['error']), (503, 'busy'), 'the seventeenth login is told busy')
    tap.ok(time.monotonic() - began < 1, 'within a second')
    broker.launch.silent = False


def connect(gateway, token, pool='desk', **more):
    return gateway.ask('POST', '/api/connect', {'pool': pool, **more}, bearer=token)[:2]


def streams(tap, broker, host, gateway, alice):
    status, first = connect(gateway, alice)
    tap.equal((status, first['state']), (200, 'ready'), 'a spare is given at once')
    wanted = wait_for(lambda: (host.want(first['desktop']) or {}).get('stream'), 10, 'the order to dial')
    tap.equal(wanted['url'], 'wss://localhost:8443/uplink', 'its host is told where to dial')
    ticket = gateway.redeem('ticket', first['ticket'])
    tap.ok(ticket['ok'] and ticket['stream'] == wanted['id'], 'the ticket is good')
    tap.ok(not gateway.redeem('ticket', first['ticket'])['ok'], 'once')
    tap.ok(not gateway.redeem('ticket', wanted['token'])['ok'], 'an uplink token is no ticket')
    uplink = gateway.redeem('uplink', wanted['token'])
    tap.ok(uplink['ok'] and uplink['stream'] == wanted['id'], 'the uplink token is good')
    gateway.stream(ticket['stream'], 'joined')
    wait_for(lambda: broker.admin({'type': 'session-list'})['sessions'][0]['state'] == 'connected', 10, 'connected')
    _status, second = connect(gateway, alice)
    tap.equal((second['session'], second['desktop']), (first['session'], first['desktop']), 'the same session again')
    event = gateway.wait_event('close')
    tap.equal((event['stream'], event['reason']), (ticket['stream'], 2), 'the older device is taken over')
    taken = gateway.redeem('ticket', second['ticket'])
    tap.equal(taken.get('replaces'), ticket['stream'], 'the redeemer hears whom it replaces')
    gateway.stream(taken['stream'], 'joined')
    gateway.stream(ticket['stream'], 'closed')
    return first, taken['stream']


def race(tap, gateway, path, stream, ticket):
    """A hundred redeemers on ten connections at once."""
    stranger = fakes.Gateway(path, name='stranger')
    token = ticket()
    tap.ok(not stranger.redeem('ticket', token)['ok'], 'a ticket is of no use at another gateway')
    tap.ok(not gateway.redeem('ticket', token)['ok'], 'and spent by the attempt')
    stranger.close()
    channels = [fakes.Gateway(path, [stream]) for _ in range(10)]
    token = ticket()
    results = []

    def run(channel):
        for _ in range(10):
            results.append(channel.redeem('ticket', token)['ok'])

    threads = [threading.Thread(target=run, args=(c,)) for c in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal((len(results), results.count(True)), (100, 1), 'of a hundred redeemers exactly one succeeds')
    for channel in channels:
        channel.close()


def limits(tap, broker, gateway, bob, carol):
    status, answer = connect(gateway, bob)
    tap.equal((status, answer.get('state')), (200, 'ready'), 'a second user gets the other desktop')
    status, refused = connect(gateway, carol)
    tap.equal((status, refused.get('error')), (409, 'full'), 'a third is refused')
    tap.ok('2' in refused['message'], f'with the reason: {refused["message"]}')
    status, again = connect(gateway, bob, new=True)
    tap.equal((status, again.get('error')), (409, 'full'), 'nobody has more than MaxPerUser')
    tap.equal(gateway.ask('POST', '/api/logoff', {'session': answer['session']}, bearer=carol)[0], 404,
              "nobody ends another's session")
    tap.equal(gateway.ask('POST', '/api/logoff', {'session': answer['session']}, bearer=bob)[0], 200, 'but their own')
    event = wait_for(lambda: broker.pool('desk').get('ready') == 1 and broker.pool('desk'), 20, 'a fresh desktop')
    tap.equal(event['total'], 2, 'the desktop was replaced')
    status, fresh = connect(gateway, carol)
    tap.equal((status, fresh['state']), (200, 'ready'), 'the third gets the fresh one')
    tap.ok(fresh['desktop'] != answer['desktop'], 'which is another one')
    return fresh


def reasons(tap, broker, host, gateway, alice):
    status, refused = connect(gateway, alice, 'fast')
    tap.equal((status, refused.get('error')), (503, 'unavailable'), 'Accel=kvm on a host without')
    tap.ok(host.accel['text'] in refused['message'], "repeats the probe's sentence")
    why = broker.admin({'type': 'why', 'user': 'alice', 'pool': 'fast'})
    tap.equal((why['ok'], why['hosts'][0]['rule']), (False, 'accel'), 'why names the rule')
    why = broker.admin({'type': 'why', 'user': 'mallory', 'pool': 'desk'})
    tap.ok(not why['ok'] and 'Deny=mallory' in why['text'], 'why names the Deny')
    tap.equal(connect(gateway, alice, 'nothing')[1]['error'], 'denied', 'a pool that is not there')


def reload(tap, broker):
    broker.write_pool('broken', max=0, allow='Allo=alice', accel='any', spares=1, gone='1h')
    answer = broker.admin({'type': 'reload'})
    tap.equal((answer['type'], len(answer['errors'])), ('error', 2), 'a reload with two mistakes reports both')
    tap.ok('broken.pool:2' in answer['text'] and "did you mean 'Allow'" in answer['text'], answer['text'].splitlines()[-1])
    tap.equal(broker.pool('desk').get('total'), 2, 'and changes nothing')
    os.unlink(f'{broker.folder}/config/pools.d/broken.pool')
    tap.equal(broker.admin({'type': 'reload'})['type'], 'reply', 'without the file it works')


def failures(tap, broker, host):
    host.fail.add('bad')
    broker.write_pool('bad', max=4, allow='Allow=alice', accel='any', spares=1, gone='1h')
    broker.admin({'type': 'reload'})
    pool = wait_for(lambda: broker.pool('bad').get('aside') and broker.pool('bad'), 30, 'the pool to be set aside')
    tap.ok('it did not boot' in pool['failure'], 'a pool whose desktops fail is set aside with the reason')
    tap.ok("pool 'bad' is set aside" in broker.said() and any(
        e['kind'] == 'restrain' and e['subject'] == 'bad' for e in broker.admin({'type': 'audit', 'since_ms': 0})['events']),
        'which is an error in the log and a line of the audit')
    for words in (['pool', 'list'], ['status'], ['why', 'alice', 'bad']):
        tap.ok(re.search('set aside for .*it did not boot', broker.ctl(*words)), f"and {' '.join(words)} says so")
    wait_for(lambda: broker.pool('bad')['total'] == 0, 20, 'the failed ones to go')
    host.fail.discard('bad')
    tap.ok('is taken up again' in broker.ctl('pool', 'resume', 'bad'), 'pool resume has it tried again')
    wait_for(lambda: broker.pool('bad')['ready'] == 1, 20, 'its spare')
    tap.ok('was not set aside' in broker.ctl('pool', 'resume', 'bad') and broker.pool('bad')['aside_until_ms'] is None,
           'and it is not aside any more')
    os.unlink(f'{broker.folder}/config/pools.d/bad.pool')
    broker.admin({'type': 'reload'})


def pressure(tap, broker, host, gateway, token):
    """A host without memory gets no desktops for the moment: whoever wants one waits in line, and is served when it can."""
    def pressed():
        return broker.admin({'type': 'host-list'})['hosts'][0]['pressed']
    broker.write_pool('calm', max=2, allow='Allow=bob', accel='any', spares=0, gone='1h')
    broker.admin({'type': 'reload'})
    host.load = {'memory_full10': 204, 'overhead': 0, 'busy': None}
    wait_for(pressed, 20, 'pressure')
    why = broker.admin({'type': 'why', 'user': 'bob', 'pool': 'calm'})
    tap.equal((why['hosts'][0]['rule'], why['hosts'][0]['ok']), ('pressure', False), 'why names the rule')
    tap.ok('waited for memory during 20.4 %' in why['hosts'][0]['text'], why['hosts'][0]['text'])
    status, answer = connect(gateway, token, 'calm')
    tap.equal((status, answer.get('state'), answer.get('text')), (200, 'waiting', 'The hosts are busy; you are number 1 in line.'),
              'nobody is turned away for it')
    tap.equal((broker.pool('calm')['total'], broker.pool('calm')['waiting']), (0, 1), 'nor is anything started')
    host.load = {'memory_full10': 0}
    wait_for(lambda: not pressed(), 20, 'no pressure')
    answer = wait_for(lambda: (a := connect(gateway, token, 'calm')[1])['state'] == 'ready' and a, 20, 'the desktop')
    tap.ok(answer['desktop'], 'when it is over a desktop comes by itself')
    tap.equal([broker.said().count(s) for s in ('further desktops: memory pressure is 20.4 %', 'desktops again: memory pressure')],
              [1, 1], 'both are said once')
    gateway.ask('POST', '/api/logoff', {'session': answer['session']}, bearer=token)
    os.unlink(f'{broker.folder}/config/pools.d/calm.pool')
    broker.admin({'type': 'reload'})
    wait_for(lambda: not any(d['pool'] == 'calm' for d in broker.admin({'type': 'status'})['desktops']), 20, 'its end')


def restart(tap, broker, gateway, host, alice, first, stream):
    before = {d['id'] for d in broker.admin({'type': 'status'})['desktops']}
    broker.kill()
    gateway.close()
    host.end()
    broker.start()
    known = fakes.Gateway(f'{broker.folder}/run/gateway.sock', [stream])
    status = broker.admin({'type': 'status'})
    tap.equal({d['id'] for d in status['desktops']}, before, 'after kill -9 every desktop is known')
    tap.equal(known.ask('GET', '/api/me', bearer=alice)[0], 200, 'and so is the login')
    answer = connect(known, alice)[1]
    tap.equal(answer['state'], 'waiting', 'while the host is away its desktop is waited for')
    session = next(s for s in broker.admin({'type': 'session-list'})['sessions'] if s['id'] == first['session'])
    tap.equal((session['state'], session['desktop']), ('connected', first['desktop']), 'a stream that the gateway lists stays')
    host = fakes.Host(broker.port, broker.folder, 'alpha')
    wait_for(lambda: host.want(first['desktop']), 20, 'the desired state')
    tap.equal((host.want(first['desktop'])['stream'] or {}).get('id'), stream, 'and in the desired state')
    tap.equal({w['id'] for w in host.wanted}, before, 'nothing is started twice')
    second = subprocess.run([f'{BUILD}/broker/vedette-broker', '--state', broker.folder, '--config', f'{broker.folder}/config',
                             '--run', f'{broker.folder}/run', '--host-port', '0'], capture_output=True, text=True, check=False,
                            timeout=20)
    tap.ok(second.returncode == 1 and 'another broker' in second.stderr, 'a second broker on the file is refused')
    return known, host


def expiry(tap, broker, gateway, host, token):
    broker.write_pool('short', max=2, allow='Allow=bob', accel='any', spares=1, gone='2s')
    broker.admin({'type': 'reload'})
    wait_for(lambda: broker.pool('short').get('ready') == 1, 20, 'a spare of the short pool')
    desktop = connect(gateway, token, 'short')[1]['desktop']
    wait_for(lambda: desktop not in {d['id'] for d in broker.admin({'type': 'status'})['desktops']}, 20, 'the end')
    tap.ok(True, 'a session that nobody shows ends after Disconnected= and takes its desktop along')
    host.holds = True
    for spare in [d['id'] for d in broker.admin({'type': 'status'})['desktops'] if d['pool'] == 'short']:
        host.desktops[spare] = 'starting'
    wait_for(lambda: broker.pool('short').get('ready') == 0, 20, 'no spare')
    first, answer = connect(gateway, token, 'short')
    tap.equal((first, answer['state'], answer['position']), (200, 'waiting', 1), 'without a ready one the user waits in line')
    for spare in [d['id'] for d in broker.admin({'type': 'status'})['desktops'] if d['pool'] == 'short']:
        host.desktops[spare] = 'ready'
    host.holds = False
    wait_for(lambda: connect(gateway, token, 'short')[1]['state'] == 'ready', 20, 'the desktop')
    tap.ok(True, 'and gets it when it is ready')


def secrets(tap, broker, tokens):
    data = b''
    for path in (f'{broker.folder}/broker/vedette.db', f'{broker.folder}/broker/vedette.db-wal', f'{broker.folder}/log'):
        with open(path, 'rb') as file:
            data += file.read()
    tap.ok(not any(t.encode() in data for t in tokens) and b'-secret' not in data, 'no token or password in database or log')


def run(tap, broker):
    broker.write_pool('desk', max=2, allow='Allow=alice bob carol mallory\nDeny=mallory', accel='any', spares=1, gone='1h')
    broker.write_pool('fast', max=2, allow='Allow=alice', accel='kvm', spares=1, gone='1h')
    broker.start()
    enrol(tap, broker, 'alpha')
    host = fakes.Host(broker.port, broker.folder, 'alpha')
    gateway = fakes.Gateway(f'{broker.folder}/run/gateway.sock')
    wait_for(lambda: broker.pool('desk').get('ready') == 1, 20, 'a spare')
    alice, bob, carol = logins(tap, gateway)
    pools = gateway.ask('GET', '/api/pools', bearer=alice)[1]['pools']
    tap.equal([(p['name'], p['state']) for p in pools], [('desk', 'ready'), ('fast', 'unavailable')], 'pools and their state')
    first, stream = streams(tap, broker, host, gateway, alice)
    wait_for(lambda: broker.pool('desk').get('ready') == 1, 20, 'the refill')
    limits(tap, broker, gateway, bob, carol)
    reasons(tap, broker, host, gateway, alice)
    reload(tap, broker)
    failures(tap, broker, host)
    pressure(tap, broker, host, gateway, bob)
    throttling(tap, broker, gateway)
    gateway, host = restart(tap, broker, gateway, host, alice, first, stream)
    tap.equal(login(gateway, 'victim', 'victim-secret', source='192.0.2.66')['state'], 'refused', 'the throttle survived')
    expiry(tap, broker, gateway, host, bob)
    race(tap, gateway, f'{broker.folder}/run/gateway.sock', stream, lambda: connect(gateway, bob, 'short')[1]['ticket'])
    crowd(tap, broker, gateway)
    secrets(tap, broker, [alice, bob, carol])
    answer = broker.admin({'type': 'shutdown', 'stop_desktops': True, 'timeout_ms': 20000}, 30)
    tap.equal(answer, {'type': 'reply', 'desktops': 0}, 'a shutdown answers when the last desktop is gone')
    host.end()
    broker.process.terminate()
    tap.equal(broker.process.wait(20), 0, 'SIGTERM ends it cleanly')


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix='vedette-broker.')
    os.makedirs(f'{folder}/config/pools.d')
    os.makedirs(f'{folder}/run')
    fakes.make_pki(f'{folder}/pki')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    broker = Broker(folder, port)
    try:
        run(tap, broker)
    except BaseException:
        broker.log.flush()
        with open(f'{folder}/log', encoding='utf-8', errors='replace') as file:
            tap.note(file.read()[-3000:])
        raise
    finally:
        if broker.process is not None and broker.process.poll() is None:
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


main()
