# SPDX-License-Identifier: Apache-2.0
"""What relaying bulk to a browser costs: the real gateways between a sender and a reader of ours, TLS 1.3 to the reader."""
import contextlib
import os
import socket
import ssl
import threading
import time

from oursystem import OurSystem
from systems import Vedette, Websockify
from usage import tree_seconds
from vedette import TICKET, UPLINK, Folder, WebSocket, record

CHUNK = 65536
RECORD = 32  # a type of record; a gateway does not ask which
WARM = 16 << 20  # bytes before it counts
# Chromium asks for AES-128 first; our reader in Python cannot, so websockify is told to take nothing else.
CIPHER = """openssl_conf = start
[start]
ssl_conf = all
[all]
system_default = one
[one]
Ciphersuites = TLS_AES_128_GCM_SHA256
"""


def _material():
    """Looks like what a codec puts out, and is nothing that compresses."""
    state, words = 1, bytearray()
    while len(words) < CHUNK - 8:
        state = (state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        words += state.to_bytes(8, "little")
    return record(RECORD, bytes(words))


def _take(client, count):
    """Reads so many bytes; the heads of WebSocket's frames are among them, some 10 in 65,536."""
    buffer, left = bytearray(1 << 18), count
    while left > 0:
        size = client.line.recv_into(buffer)
        if size == 0:
            raise RuntimeError("the gateway hung up")
        left -= size


def _measure(pid, client, send, amount):
    """CPU seconds of the gateway for what goes through it after a while."""
    sender = threading.Thread(target=send, args=(_material(), (WARM + amount) // CHUNK), daemon=True)
    sender.start()
    _take(client, WARM)
    before, began = tree_seconds(pid), time.monotonic()
    _take(client, amount - CHUNK)
    after, ended = tree_seconds(pid), time.monotonic()
    sender.join(10)
    return {"scene": "relay", "bytes": amount - CHUNK, "cpu_s": round(after - before, 4),
            "cpu_s_gb": round((after - before) / (amount - CHUNK) * 1e9, 4), "mb_s": round(amount / (ended - began) / 1e6),
            "cipher": client.line.cipher()[0]}


def vedette(amount):
    """vedette-gateway: the streamer comes by TLS too."""
    with OurSystem(None) as ours, contextlib.ExitStack() as stack:
        ca = f"{ours.folder}/pki/ca.pem"
        _stream, ticket, uplink_token = ours.pair()
        client = WebSocket(ours.port, ca, "/stream")
        stack.callback(client.close)
        client.send(record(TICKET, ticket.encode()))
        uplink = WebSocket(ours.port, ca, "/uplink")
        stack.callback(uplink.close)
        uplink.send(record(UPLINK, uplink_token.encode()))

        def send(material, times):
            with contextlib.suppress(OSError):
                for _ in range(times):
                    uplink.send(material)
        return _measure(ours.gateway.pid, client, send, amount)


def _accepted(server, folder, inner_tls):
    line, _address = server.accept()
    if not inner_tls:
        return line
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    return context.wrap_socket(line, server_side=True)


def websockify(amount, inner_tls=False):
    """websockify: what it relays comes to it as plain TCP, or by TLS as it comes to our gateway."""
    with Folder() as folder, socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        with open(f"{folder}/openssl.cnf", "w", encoding="ascii") as file:
            file.write(CIPHER)
        gateway = Websockify(folder, server.getsockname()[1], options=["--ssl-target"] if inner_tls else [],
                             environment={**os.environ, "OPENSSL_CONF": f"{folder}/openssl.cnf"})
        stack.callback(gateway.stop)
        server.settimeout(20)
        accepted = []
        accepting = threading.Thread(target=lambda: accepted.append(_accepted(server, folder, inner_tls)), daemon=True)
        accepting.start()
        client = WebSocket(gateway.port, gateway.ca, "/websockify", ("Sec-WebSocket-Protocol: binary",))
        stack.callback(client.close)
        accepting.join(20)
        line = accepted[0]
        stack.callback(line.close)

        def send(material, times):
            with contextlib.suppress(OSError):
                for _ in range(times):
                    line.sendall(material)
        return _measure(gateway.pid, client, send, amount)


RELAYS = {Vedette.gateway_name: vedette, "websockify": websockify,
          "websockify-tls": lambda amount: websockify(amount, inner_tls=True)}
