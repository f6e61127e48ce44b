# SPDX-License-Identifier: Apache-2.0
"""One session of one peer over one line, and one scene in it."""
import os
import subprocess
import time

from line import NoLine, Proxy
from procs import Meter, Procs, display_is_up, free_display, port_is_up, wait_for
from stage import DisplayStage, GuestStage, read_line

# Its pictures are shown before the scene begins.
WARM = ("alttab",)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


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
    def __init__(self, peer_class, programs, folder, line, serial, first_display, shots=False):
        self.programs = programs
        self.shots = shots
        self.folder = folder
        self.serial = serial
        self.first_base = 17
        self.meter = Meter(f"{peer_class.name}-{serial}")
        self.procs = Procs(folder, self.meter)
        self.peer = peer_class(self.procs, programs)
        self.viewing = False
        self.viewers = []
        try:
            self._start(line, first_display)
        except Exception:
            self.close()
            raise

    def _start(self, line, first_display):
        self.server = free_display(first_display)
        self.peer.start(self.server)
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

    def view(self):
        before = len(self.procs.started)
        self.peer.view(self.proxy.port, self.viewer)
        self.viewers = self.procs.started[before:]
        self.viewing = True

    def view_anew(self):
        """For viewers that give up when their connection breaks."""
        for process in self.viewers:
            process.kill()
            process.wait()
            self.procs.started.remove(process)
        self.view()

    def cpu_seconds(self):
        return self.meter.seconds() + self.peer.more_seconds()

    def wait_until_quiet(self, seconds=8, quiet=0.5):
        end = time.monotonic() + seconds
        last, since = self.proxy.bytes_down(), time.monotonic()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.proxy.bytes_down()
            # Chatter of less than 3 kB in 0.1 s does not keep the bench waiting.
            if now - last > 3000:
                since = time.monotonic()
            last = now
            if time.monotonic() - since > quiet:
                return

    def stage(self, scene, kind, frames=0, keys=0):
        """The scene, ready to begin, its first picture shown on the server."""
        base = self.first_base
        self.first_base = (self.first_base + 997) % 60000 + 17
        self.tag = f"{self.folder}/{scene}"
        self.expected = f"/dev/shm/vedette-bench-{os.getpid()}.raw"
        for path in (self.expected, f"{self.tag}.drawn", f"{self.tag}.seen"):
            if os.path.exists(path):
                os.unlink(path)
        stage = GuestStage if self.peer.machine else DisplayStage
        return stage(self, kind, keys or frames, base, keys, self.tag, self.expected)

    def unstage(self, stage):
        stage.close()
        if os.path.exists(self.expected):
            os.unlink(self.expected)

    def place(self, base, marks):
        """Where the picture lies on the viewer's display."""
        if not self.viewing:
            self.view()
        self.find(base)
        self.wait_until_quiet()
        # Once more: a viewer may still have moved or scaled its picture.
        place = self.find(base)
        return [place[0] - marks[0], place[1] - marks[1]]

    def find(self, number):
        find = subprocess.run([self.programs["watcher"], "--find", str(number), "--timeout", "20000"], capture_output=True,
                              text=True, env={**os.environ, "DISPLAY": f":{self.viewer}"})
        if find.returncode != 0:
            raise RuntimeError("the first picture never came")
        return [int(word) for word in find.stdout.split()]

    def watcher(self, origin, marks, base, last, timeout, settle, *options):
        watcher = self.procs.spawn(
            [self.programs["watcher"], "--origin", f"{origin[0]},{origin[1]}", "--marks", ",".join(map(str, marks)), "--base",
             str(base), "--last", str(last), "--expected", self.expected, "--log", f"{self.tag}.seen", "--timeout",
             str(int(timeout * 1000)), "--settle", str(int(settle * 1000)), *(["--shot", f"{self.tag}.ppm"] if self.shots else []),
             *options],
            self.viewer, stdout=subprocess.PIPE, bufsize=0)
        return watcher

    def wait_watcher(self, watcher, timeout):
        watcher.wait(timeout + 30)
        self.procs.started.remove(watcher)

    def play(self, scene, kind=None, frames=0, keys=0, timeout=25, settle=None, during=None, grabs=False):
        """The figures of one scene as a dict. during(session, stage) is called when it has begun, for what happens meanwhile."""
        stage = self.stage(scene, kind or scene, frames, keys)
        try:
            return self._watch(stage, scene, keys, timeout, self.peer.settle if settle is None else settle, during, grabs)
        finally:
            self.unstage(stage)

    def _watch(self, stage, scene, keys, timeout, settle, during, grabs):
        base, *marks, frames = stage.marks
        origin = self.place(base, marks)
        if scene in WARM:
            stage.warm()
            self.wait_until_quiet(quiet=1)
        watcher = self.watcher(origin, marks, base, base + frames, timeout, settle, *(["--keys", str(keys)] if keys else []),
                               *(["--grabs"] if grabs else []))
        if keys:
            stage.go()
        read_line(watcher.stdout, 5, "watcher")
        bytes_before, cpu_before, start = self.proxy.bytes_down(), self.cpu_seconds(), time.monotonic()
        if not keys:
            stage.go()
        more = during(self, stage) if during else {}
        self.wait_watcher(watcher, timeout)
        result = {"scene": scene, "frames": frames, "bytes": self.proxy.bytes_down() - bytes_before,
                  "cpu_s": round(self.cpu_seconds() - cpu_before, 4), "seconds": round(time.monotonic() - start, 2)}
        stage.finish()
        result.update(self.figures(marks, keys))
        result.update(more)
        return result

    def figures(self, marks, keys):
        drawn, seen = read_log(f"{self.tag}.drawn"), read_log(f"{self.tag}.seen")
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
