#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vedette-gateway alone, in front of a broker made of Python: tickets, relay, limits, hostile requests."""

import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from lonegateway import Bench, token
from tap import Tap
from vedette import (ENDED, GOAWAY, PROTOCOL, REFUSED, RESTART, TAKEN_OVER, TICKET, UPLINK, Folder, Refused, WebSocket, goaway, record, tls_connect, wait_for)

MIB = 1024 * 1024


NATIVE = ('X-Vedette-Client: native',)


def test_page(tap, bench):
    status, head, body = bench.request('GET', '/')
    tap.equal(status, 200, 'the page is served')
    tap.ok(b'Vedette' in body and '데스크톱'.encode() in body, 'in English and Korean')
    for wanted in ('content-security-policy: default-src \'none\'', 'x-content-type-options: nosniff', 'frame-ancestors \'none\''):
        tap.ok(wanted in head, f'with {wanted}')
    status, head, body = bench.request('GET', '/nothing')
    tap.equal((status, body), (404, b'There is nothing here.\n'), 'an unknown path has one fixed answer')
    tap.ok('content-security-policy' in head, 'with the same headers')
    tap.equal(bench.request('GET', '/', host='evil.example')[0], 421, 'a foreign Host is turned away')
    tap.equal(bench.request('DELETE', '/')[0] in (0, 403, 404, 405), True, 'other methods are refused')


def test_api(tap, bench):
    status, _head, body = bench.request('POST', '/api/login', (*NATIVE, f'Authorization: Bearer {token("t")}'), b'{"user":"a"}')
    answer = json.loads(body)
    tap.equal((status, answer['body'], answer['native']), (200, {'user': 'a'}, True), 'a native call reaches the broker')
    tap.equal(answer['bearer'], token('t'), 'with its bearer')
    own = f'Origin: https://127.0.0.1:{bench.port}'
    status, head, body = bench.request('POST', '/api/login', (own, f'Cookie: a=b; __Host-vedette={token("c")}'), b'{}')
    tap.equal((status, json.loads(body)['cookie'], json.loads(body)['native']), (200, token('c'), False), 'a page of ours too, with its cookie')
    tap.ok('set-cookie: __host-vedette=x; path=/; secure' in head, 'the cookie goes back')
    tap.equal(bench.request('GET', '/api/me', NATIVE)[0], 200, 'GET works')
    tap.equal(bench.request('GET', '/api/login', NATIVE)[0], 405, 'the wrong method is refused')
    tap.equal(bench.request('POST', '/api/secret', NATIVE, b'{}')[0], 404, 'an unknown call is refused')
    tap.equal(bench.request('POST', '/api/login', NATIVE, b'[1]')[0], 400, 'a body that is no object is refused')
    tap.equal(bench.request('POST', '/api/login', NATIVE, b'x' * 20000)[0], 413, 'a large body is refused')
    tap.equal(bench.request('POST', '/api/login', NATIVE)[0], 411, 'a body without length is refused')
    tap.equal(bench.request('POST', '/api/login', (*NATIVE, f'Cookie: __Host-vedette={token("c")}'), b'{}')[0], 403,
              'native with a cookie and no Origin is refused')
    tap.equal(bench.request('POST', '/api/login', (), b'{}')[0], 403, 'neither native nor Origin is refused')


def hostile_origins(port):
    return ['https://evil.example', f'https://evil.example:{port}', 'null', f'http://127.0.0.1:{port}', 'https://127.0.0.1',
            f'https://127.0.0.1:{port + 1}', f'https://127.0.0.1.evil.example:{port}', f'https://evil127.0.0.1:{port}',
            f'https://127.0.0.1:{port}.evil.example', f'https://127.0.0.1:{port}@evil.example', f'https://evil@127.0.0.1:{port}',
            f'HTTPS://127.0.0.1:{port}', f'https://DESK.example:{port}', f'https://desk.example.:{port}',
            f'https://desk.example:{port}/', f'https://desk.example:0{port}', f' https://desk.example:{port}x',
            f'https://desk.example:{port}, https://evil.example', f'https://xdesk.example:{port}', f'https://desk.example:{port}#',
            f'https://sub.desk.example:{port}', f'wss://desk.example:{port}', 'https://', 'desk.example']


def test_origins(tap, bench):
    refused = []
    for origin in hostile_origins(bench.port):
        try:
            bench.open('/stream', (f'Origin: {origin}',)).close()
        except Refused as error:
            refused.append(error.status)
    tap.equal(len(refused), len(hostile_origins(bench.port)), f'none of {len(hostile_origins(bench.port))} hostile Origins is upgraded')
    tap.equal(set(refused) <= {403}, True, 'all with 403')
    calls = [bench.request('POST', '/api/logout', (*NATIVE, f'Origin: {o}'), b'{}')[0] for o in hostile_origins(bench.port)]
    tap.equal(set(calls), {403}, 'nor may one call the API')
    bench.open('/stream', (f'Origin: https://desk.example:{bench.port}',)).close()
    tap.ok(True, 'our own Origin is')
    for path, headers, name in (('/stream', (f'Cookie: __Host-vedette={token("c")}',), 'a cookie without Origin'),
                                ('/uplink', (f'Origin: https://desk.example:{bench.port}',), 'an Origin at /uplink'),
                                ('/else', (), 'another path'),
                                ('/stream', ('Sec-WebSocket-Protocol: chat',), 'another sub-protocol')):
        try:
            bench.open(path, headers).close()
            tap.ok(False, f'{name} is refused')
        except Refused:
            tap.ok(True, f'{name} is refused')


def test_traversal(tap, bench):
    paths = ['/../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '//etc/passwd', '/./../../etc/passwd',
             '/vedette.css/../../etc/passwd', '/\\..\\..\\etc\\passwd', '/%00', '/vedette.css%00.html', '/%c0%ae%c0%ae/etc/passwd',
             '/ca.pem/', '/api/../ca.key', '/broker.sock', '//evil.example/', '/%5c%5cevil.example', '/.git/config']
    ours = [bench.request('GET', path)[2] for path in ('/', '/vedette.css')]
    answers = []
    for path in paths:
        status, head, body = bench.request('GET', path)
        # A zero byte ends the path for libwebsockets: "/%00" is "/".
        fine = body in ours if status == 200 else status in (0, 400, 403, 404) and b'root:' not in body
        answers.append(fine and 'location:' not in head)
        if not answers[-1]:
            tap.note(f'{path}: {status} {body[:60]!r}')
    tap.ok(all(answers), f'none of {len(paths)} path tricks yields a file or a redirect')


def test_headers(tap, bench):
    before = bench.process.rss_kb()
    big = b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: ' + b'x' * MIB + b'\r\n\r\n'
    statuses = {bench.raw(big) for _ in range(20)}
    tap.ok(200 not in statuses, f'a header of 1 MiB is refused ({statuses})')
    many = b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n' + b''.join(b'Cookie: %06d=xxxxxxxxxxxxxxxxxxxxxxxx\r\n' % i for i in range(20000)) + b'\r\n'
    tap.ok(bench.raw(many) != 200, 'so are very many headers')
    started = time.monotonic()
    with tls_connect(bench.port, bench.ca) as line:
        line.sendall(b'GET / HTTP/1.1\r\nHost: 127.')
        closed = b'x'
        try:
            while closed and time.monotonic() - started < 20:
                line.settimeout(0.2)
                try:
                    closed = line.recv(100)
                except TimeoutError:
                    line.sendall(b'0')
        except OSError:
            pass
    tap.ok(time.monotonic() - started < 8, f'a slow header is cut off ({time.monotonic() - started:.1f} s)')
    with socket.create_connection(('127.0.0.1', bench.port)) as silent:
        silent.settimeout(20)
        tap.equal(silent.recv(1), b'', 'a connection that says nothing too')
    tap.ok(bench.process.rss_kb() - before < 8 * 1024 or bench.process.sanitized(), f'memory stays ({before} to {bench.process.rss_kb()} KiB)')
    lines = [socket.create_connection(('127.0.0.1', bench.port)) for _ in range(80)]
    refused = 0
    for line in lines[64:]:
        line.settimeout(1.0)
        try:
            refused += line.recv(1) == b''
        except OSError:
            refused += 1
    tap.ok(refused >= 16, 'one address gets 64 connections without a ticket')
    for line in lines:
        line.close()
    wait_for(lambda: bench.raw(b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n') == 200, what='the gateway to serve again')


def test_relay(tap, bench):
    client, uplink = bench.pair('s-1')
    up, down = record(20, b'12345678'), record(65, os.urandom(3 * MIB), 4)
    client.send(up)
    tap.equal(uplink.receive_all(len(up)), up, 'bytes go up')
    sender = threading.Thread(target=uplink.send, args=(down,))
    sender.start()
    tap.ok(client.receive_all(len(down)) == down, '3 MiB come down unchanged')
    sender.join()
    bench.broker.send({'type': 'close', 'stream': 's-1', 'reason': ENDED, 'text': 'the session ended'})
    tap.equal(goaway(client.receive_record(GOAWAY))[::2], (ENDED, 'the session ended'), 'the broker ends a stream with its reason')
    tap.equal((client.receive(), uplink.receive_record(GOAWAY) is not None), (None, True), 'and both ends are closed')
    closed = wait_for(lambda: bench.broker.seen(type='stream', stream='s-1', state='closed'))
    tap.equal((closed[0]['bytes_up'], closed[0]['bytes_down']), (len(up), len(down)), 'the broker hears how much went')


def test_early_bytes(tap, bench):
    bench.broker.tickets[('ticket', token('1'))] = ('s-early', None)
    bench.broker.tickets[('uplink', token('2'))] = ('s-early', None)
    client = bench.open('/stream')
    hello = record(18, b'h' * 16)
    client.send(record(TICKET, token('1').encode()) + hello)
    wait_for(lambda: bench.broker.seen(type='redeem', token=token('1')))
    uplink = bench.uplink(token('2'))
    tap.equal(uplink.receive_all(len(hello)), hello, 'what came behind the ticket is kept for the other end')
    client.close()
    tap.equal(uplink.receive_record(GOAWAY) is not None, True, 'the uplink is closed when the client has gone')
    bench.broker.tickets[('ticket', token('3'))] = ('s-half', None)
    bench.broker.tickets[('uplink', token('4'))] = ('s-half', None)
    client, uplink = bench.client(token('3')), bench.uplink(token('4'))
    half = record(65, b'x' * 1000, 4)[:600]
    uplink.send(record(66, b'whole') + half)
    tap.equal(client.receive_all(len(record(66, b'whole')) + 600)[-1:], b'x', 'a part of a record was relayed')
    uplink.close()
    tap.equal(client.receive_record(GOAWAY), None, 'then no GOAWAY is put into its middle: the line just closes')


def test_refusals(tap, bench):
    for data, name in ((record(TICKET, token('z').encode()), 'an unknown ticket'), (record(TICKET, b'short'), 'a short ticket'),
                       (record(18, b'x' * 16), 'another first record'), (record(UPLINK, token('z').encode()), 'the wrong kind'),
                       (record(TICKET, b'x' * 65), 'a long first record'), (b'\xff' * 64, 'noise')):
        line = bench.open('/stream')
        line.send(data)
        body = line.receive_record(GOAWAY)
        tap.ok(body is not None and goaway(body)[0] in (REFUSED, PROTOCOL) and line.receive() is None, f'{name} is refused with GOAWAY')
    bench.broker.tickets[('ticket', token('5'))] = ('s-once', None)
    first, second = bench.client(token('5')), bench.client(token('5'))
    answers = [line for line in (first, second) if wait_for(lambda line=line: answer_of(line))[0] == 'refused']
    tap.equal(len(answers), 1, 'a ticket opens one stream')
    first.close()
    second.close()


def answer_of(line):
    """('refused',) after a GOAWAY, ('waits',) when nothing came for a moment."""
    try:
        body = line.receive_record(GOAWAY, 1)
    except TimeoutError:
        return ('waits',)
    return ('refused',) if body is not None else ('closed',)


def test_ends(tap, bench):
    client, uplink = bench.pair('s-2')
    uplink.close()
    tap.equal(goaway(client.receive_record(GOAWAY))[:2], (RESTART, 500), 'the client hears that the streamer went away')
    old_client, old_uplink = bench.pair('s-3')
    new_client, new_uplink = bench.pair('s-4', replaces='s-3')
    tap.equal(goaway(old_client.receive_record(GOAWAY))[0], TAKEN_OVER, 'a replaced client hears that it was taken over')
    tap.equal(goaway(old_uplink.receive_record(GOAWAY))[0], TAKEN_OVER, 'so does its streamer')
    new_client.send(record(20, b'12345678'))
    tap.equal(len(new_uplink.receive()), 16, 'the new pair works')
    for line in (client, old_client, old_uplink, new_client, new_uplink):
        line.close()


def test_slow_client(tap, bench):
    client, uplink = bench.pair('s-5', receive_buffer=65536)
    before = bench.process.rss_kb()
    frame = record(65, b'f' * MIB, 4)
    uplink.line.settimeout(2)
    sent = 0
    try:
        while sent < 200 * MIB:
            uplink.send(frame)
            sent += len(frame)
    except OSError:
        pass
    grown = bench.process.rss_kb() - before
    tap.ok(sent < 60 * MIB, f'a client that does not read stops the streamer ({sent // MIB} MiB went)')
    tap.ok(grown < 4 * 1024 or bench.process.sanitized(), f'and memory stays bounded (+{grown} KiB)')
    other_client, other_uplink = bench.pair('s-6')
    other_uplink.send(frame)
    tap.equal(len(other_client.receive_all(len(frame))), len(frame), 'while another stream runs')
    for line in (client, uplink, other_client, other_uplink):
        line.close()


def test_broker_away(tap, bench):
    client, uplink = bench.pair('s-7')
    waiting = {}
    thread = threading.Thread(target=lambda: waiting.update(status=bench.request('GET', '/api/pools', NATIVE)[0]))
    thread.start()
    wait_for(lambda: bench.broker.seen(type='api', path='/api/pools'))
    bench.broker.stop()
    thread.join(20)
    tap.equal(waiting.get('status'), 503, 'a call that waits is answered when the broker dies')
    status, _head, body = bench.request('POST', '/api/login', NATIVE, b'{}')
    tap.equal((status, json.loads(body)['error']), (503, 'away'), 'without a broker the API says so')
    client.send(record(20, b'abcdefgh'))
    tap.equal(uplink.receive_all(16), record(20, b'abcdefgh'), 'a stream goes on without the broker')
    late = bench.client(token('y'))
    tap.equal(goaway(late.receive_record(GOAWAY))[0], RESTART, 'a ticket is asked to come again')
    bench.broker.messages.clear()
    bench.broker.start()
    hello = wait_for(lambda: bench.broker.seen(type='hello'), what='hello after the restart')
    tap.ok('s-7' in hello[0]['streams'], 'a broker that is back hears of the streams that live')
    tap.equal(bench.request('POST', '/api/login', NATIVE, b'{}')[0], 200, 'and the API works again')
    client.close()
    uplink.close()


def main():
    tap = Tap()
    with Folder() as folder:
        bench = Bench(folder, '--header-timeout-ms=1500')
        try:
            for test in (test_page, test_api, test_origins, test_traversal, test_relay, test_early_bytes, test_refusals, test_ends,
                         test_slow_client, test_broker_away, test_headers):
                test(tap, bench)
            tap.ok(bench.process.alive(), 'the gateway lives')
            tap.ok(all(token(letter) not in bench.process.log() for letter in 'abctyzABC'), 'no ticket is in its log')
        finally:
            bench.process.stop()
            if tap.failed:
                tap.note(bench.process.log()[-3000:])
    tap.done()


main()
