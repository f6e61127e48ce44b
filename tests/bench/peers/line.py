# SPDX-License-Identifier: Apache-2.0
"""The line between a system's server and its viewer: line-proxy, the same for everybody, which also counts."""
import bisect
import json
import subprocess
import threading
import time

from stage import read_line

# Bits a second and milliseconds one way, as the proxy takes them; the round trip in ms.
LINES = {
    "lan": ("LAN: no limit", [], 0),
    "wan20": ("20 Mbit/s, 40 ms round trip", ["--rate", "20M", "--delay", "20"], 40),
    "wan4": ("4 Mbit/s, 60 ms round trip", ["--rate", "4M", "--delay", "30"], 60),
    "vm": ("LAN: no limit, the scenes inside a machine", [], 0),
    "bloat": ("10 Mbit/s, 20 ms, a FIFO of 1 s", ["--rate", "10M", "--delay", "10", "--queue", "1250000"], 20),
}


class Proxy:
    """Counts what went down to the client."""

    def __init__(self, procs, programs, target, line):
        self.process = procs.spawn([programs["line-proxy"], "--listen", "127.0.0.1:0", "--connect", f"127.0.0.1:{target}",
                                    "--control", *LINES[line][1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.port = json.loads(read_line(self.process.stdout, 5, "line-proxy"))["port"]
        self.lock = threading.Lock()

    def command(self, text):
        with self.lock:
            self.process.stdin.write(text.encode() + b"\n")

    def bytes_down(self):
        with self.lock:
            self.process.stdin.write(b"stats\n")
            return json.loads(read_line(self.process.stdout, 5, "line-proxy"))["down"]["bytes"]


class NoLine:
    port = 0

    def bytes_down(self):
        return 0


class Sampler:
    """with Sampler(proxy) as sampler: ...; sampler.at(ns) is what had gone down by then, by at most 10 ms too much."""

    def __init__(self, proxy, period=0.008):
        self.proxy, self.period = proxy, period
        self.times, self.counts = [], []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._take()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self._take()

    def _take(self):
        self.counts.append(self.proxy.bytes_down())
        self.times.append(time.monotonic_ns())

    def _run(self):
        while not self.over.wait(self.period):
            self._take()

    def at(self, when):
        return self.counts[min(bisect.bisect_left(self.times, when), len(self.counts) - 1)]
