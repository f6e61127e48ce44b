# SPDX-License-Identifier: Apache-2.0
"""One session of one peer over one line, and one scene in it."""
import json
import os
import selectors
import subprocess
import time

from procs import Meter, Procs, display_is_up, free_display, port_is_up, wait_for

# Bits a second and milliseconds one way, as the proxy takes them.
LINES = {
    "lan": ("LAN: no limit", []),
    "wan20": ("20 Mbit/s, 40 ms round trip", ["--rate", "20M", "--delay", "20"]),
    "wan4": ("4 Mbit/s, 60 ms round trip", ["--rate", "4M", "--delay", "30"]),
    "bloat": ("10 Mbit/s, 20 ms, a FIFO of 1 s", ["--rate", "10M", "--delay", "10", "--queue", "1250000"]),
}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def read_line(stream, seconds, what):
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise RuntimeError(f"{what} said nothing within {seconds} s")
    line = stream.readline()
    if not line:
        raise RuntimeError(f"{what} has ended")
    return line


class Proxy:
    """The line, the same program for every peer. Counts what went down to the client."""

    def __init__(self, procs, programs, target, line):
        self.process = procs.spawn([programs["line-proxy"], "--listen", "127.0.0.1:0", "--connect", f"127.0.0.1:{target}",
                                    "--control", *LINES[line][1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.port = json.loads(read_line(self.process.stdout, 5, "line-proxy"))["port"]

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")

    def bytes_down(self):
        self.command("stats")
        return json.loads(read_line(self.process.stdout, 5, "line-proxy"))["down"]["bytes"]


class NoLine:
    port = 0

    def bytes_down(self):
        return 0


def read_log(path):
    events = {}
    try:
        with open(path) as log:
            for line in log:
                kind, number, *rest = line.split()
                if kind == "quality":
                    events["quality"] = {"exact": number == "1", "psnr": float(rest[1]), "ssim": float(rest[3])}
                else:
                    events.setdefault(kind, {})[int(number)] = int(rest[0])
    except FileNotFoundError:
        pass
    return events


def latencies(drawn, seen):
    """Milliseconds from drawing until that frame or a later one was there; frames that never came count as infinite."""
    result = []
    times = sorted(seen.items())
    for number, when in drawn.items():
        arrival = next((at for other, at in times if other >= number), None)
        result.append((arrival - when) / 1e6 if arrival is not None else float("inf"))
    return result


class Session:
    def __init__(self, peer_class, programs, folder, line, serial, first_display):
        self.programs = programs
        self.folder = folder
        self.serial = serial
        self.first_base = 17
        self.meter = Meter(f"{peer_class.name}-{serial}")
        self.procs = Procs(folder, self.meter)
        self.peer = peer_class(self.procs, programs)
        try:
            self._start(line, first_display)
        except Exception:
            self.close()
            raise

    def _start(self, line, first_display):
        self.server = free_display(first_display)
        self.peer.start(self.server)
        self.viewing = False
        self.proxy = NoLine()
        if self.peer.direct:
            self.viewer = self.server
            return
        self.viewer = free_display(self.server + 1)
        self.procs.spawn(["Xvfb", f":{self.viewer}", "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-noreset"])
        wait_for(display_is_up(self.viewer), 10, "the viewer's Xvfb")
        self.procs.spawn(["openbox"], self.viewer)
        # A window that comes before its manager may be left unpainted when it is taken over.
        wait_for(self._is_managed, 10, "the viewer's window manager")
        self.proxy = Proxy(self.procs, self.programs, self.peer.port, line)
        wait_for(port_is_up(self.proxy.port), 5, "the proxy")

    def _is_managed(self):
        answer = subprocess.run(["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"], capture_output=True, text=True,
                                env={**os.environ, "DISPLAY": f":{self.viewer}"})
        return "window id" in answer.stdout

    def _wait_until_quiet(self, seconds=8):
        end = time.monotonic() + seconds
        last, since = self.proxy.bytes_down(), time.monotonic()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.proxy.bytes_down()
            # Chatter of less than 3 kB in 0.1 s does not keep the bench waiting.
            if now - last > 3000:
                since = time.monotonic()
            last = now
            if time.monotonic() - since > 0.7:
                return

    def play(self, scene, frames=0, keys=0, timeout=25, settle=3, shot=False, stall=0):
        """The figures of one scene as a dict."""
        base = self.first_base
        self.first_base = (self.first_base + 997) % 60000 + 17
        tag = f"{self.folder}/{scene}{'-keys' if keys else ''}"
        expected = f"/dev/shm/vedette-bench-{os.getpid()}.raw"
        for path in (expected, f"{tag}.drawn", f"{tag}.seen"):
            if os.path.exists(path):
                os.unlink(path)
        player = self.procs.spawn(
            [self.programs["scene"], "--scene", scene, "--frames", str(keys or frames), "--base", str(base), "--log",
             f"{tag}.drawn", "--expected", expected, *(["--keys"] if keys else [])],
            self.server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        try:
            return self._watch(player, tag, scene, expected, keys, timeout, settle, shot, stall)
        finally:
            player.stdin.close()
            try:
                player.wait(5)
            except subprocess.TimeoutExpired:
                player.kill()
                player.wait()
            self.procs.started.remove(player)
            if os.path.exists(expected):
                os.unlink(expected)

    def _watch(self, player, tag, scene, expected, keys, timeout, settle, shot, stall):
        marks = [int(word) for word in read_line(player.stdout, 20, "scene").split()[1:]]
        base, frames = marks.pop(0), marks.pop()
        if not self.viewing:
            self.peer.view(self.proxy.port, self.viewer)
            self.viewing = True
        self._find(base)
        self._wait_until_quiet()
        # Once more: a viewer may still have moved or scaled its picture.
        place = self._find(base)
        origin = [place[0] - marks[0], place[1] - marks[1]]
        watcher = self.procs.spawn(
            [self.programs["watcher"], "--origin", f"{origin[0]},{origin[1]}", "--marks", ",".join(map(str, marks)), "--base",
             str(base), "--last", str(base + frames), "--expected", expected, "--log", f"{tag}.seen", "--timeout",
             str(timeout * 1000), "--settle", str(settle * 1000), *(["--keys", str(keys)] if keys else []),
             *(["--shot", f"{tag}.ppm"] if shot else [])],
            self.viewer, stdout=subprocess.PIPE, bufsize=0)
        if keys:
            player.stdin.write(b"go\n")
        read_line(watcher.stdout, 5, "watcher")
        bytes_before, cpu_before, start = self.proxy.bytes_down(), self.meter.seconds(), time.monotonic()
        if not keys:
            player.stdin.write(b"go\n")
        stalled = self._stall(stall) if stall else {}
        watcher.wait(timeout + 30)
        self.procs.started.remove(watcher)
        result = {"scene": "input" if keys else scene, "frames": frames, "bytes": self.proxy.bytes_down() - bytes_before,
                  "cpu_s": round(self.meter.seconds() - cpu_before, 4), "seconds": round(time.monotonic() - start, 2)}
        result.update(self._figures(tag, marks, keys))
        if stalled:
            result.update(self._after_stall(tag, stalled))
        return result

    def _stall(self, seconds):
        """Two seconds after the start the client reads nothing for a while."""
        time.sleep(2)
        before = most = self.meter.memory_kb()
        self.proxy.command(f"stall both {seconds}")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            most = max(most, self.meter.memory_kb())
        return {"end_ns": int(end * 1e9), "grown_mb": (most - before) / 1024}

    @staticmethod
    def _after_stall(tag, stalled):
        """When the frame that was the newest at the line's return, or a later one, was seen; and whether drawing went on."""
        drawn, seen = read_log(f"{tag}.drawn").get("frame", {}), read_log(f"{tag}.seen").get("last", {})
        times = sorted(drawn.values())
        newest = max((number for number, when in drawn.items() if when <= stalled["end_ns"]), default=0)
        arrival = min((when for number, when in seen.items() if number >= newest), default=None)
        return {"scene": "stall", "grown_mb": round(stalled["grown_mb"], 1),
                "draw_rate": round((len(times) - 1) / ((times[-1] - times[0]) / 1e9) / 25, 3),
                "resume_ms": arrival and round((arrival - stalled["end_ns"]) / 1e6, 1)}

    def _find(self, number):
        find = subprocess.run([self.programs["watcher"], "--find", str(number), "--timeout", "20000"], capture_output=True,
                              text=True, env={**os.environ, "DISPLAY": f":{self.viewer}"})
        if find.returncode != 0:
            raise RuntimeError("the first picture never came")
        return [int(word) for word in find.stdout.split()]

    def _figures(self, tag, marks, keys):
        drawn, seen = read_log(f"{tag}.drawn"), read_log(f"{tag}.seen")
        frames, one = drawn.get("frame", {}), marks[:2] == marks[2:]
        first, last = seen.get("first", {}), seen.get("first" if one else "last", {})
        result = {"drawn": len(frames), "seen": len(last), "seen_first": len(first), **seen.get("quality", {})}
        for name, start, marker in (("first", frames, first), ("last", frames, last),
                                    *((("input", seen.get("key", {}), last),) if keys else ())):
            values = latencies(start, marker)
            for label, share in (("p50", 0.5), ("p95", 0.95)):
                value = percentile(values, share)
                result[f"{name}_{label}_ms"] = None if value in (None, float("inf")) else round(value, 2)
        exact = seen.get("exact", {}).get(0)
        result["lossless_ms"] = round((exact - max(frames.values())) / 1e6, 1) if exact and frames else None
        return result

    def close(self):
        self.peer.stop()
        self.procs.end()
        self.meter.close()
