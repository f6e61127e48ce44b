# SPDX-License-Identifier: Apache-2.0
"""One session of one system: a machine, its gateway, a Chromium with its page, and what is measured there."""
import contextlib
import json
import os
import random
import statistics
import time

from browser import Browser
from system import wait_for
from systems import SIZE
from usage import browser_seconds, bytes_between, qemu_seconds, sent, tree_seconds
from vedette import Folder

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_BASE, NEXT_BASE, BASES = 17, 1997, 60000  # numbers of a scene's first frame
KEY_S = (0.15, 0.35)  # between two keys, as it comes: no system's clock may agree with it
KEY_MS = 5000  # a key that is not seen until then is lost
CHATTER = 3000  # bytes in 0.1 s that are no picture
FORWARD_ID = 1 << 30  # of requests whose answers nobody waits for


class Plan:
    """What is played. A scene's first frames warm up whatever is compiled while it runs."""
    keys, warm_keys = 40, 5
    scenes = {"flip": {"warm": 4, "count": 12, "slower": 100}, "photo": {"warm": 0, "count": 3, "slower": 150}}
    rest_s = 3


class QuickPlan(Plan):
    keys, warm_keys = 8, 2
    scenes = {"flip": {"warm": 1, "count": 3, "slower": 100}, "photo": {"warm": 0, "count": 1, "slower": 150}}
    rest_s = 1


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def source_of(name):
    with open(f"{HERE}/{name}") as file:
        return file.read()


class Client:
    """The page in its browser, with our eye and our clock in it."""

    def __init__(self, system, stack):
        self.system = system
        self.browser = stack.enter_context(Browser(system.certificate))
        self.page = self.browser.page(*SIZE)
        self.clock, self.workers, self.forwarded = source_of("clock.js"), [], FORWARD_ID
        # These report every message of a page's sockets to us, which costs the page time.
        for domain in ("Network", "Log", "Runtime"):
            self.page.call(f"{domain}.disable")
        for source in (f"globalThis.vedetteSize = {json.dumps(SIZE)};", source_of("eye.js"), self.clock):
            self.page.call("Page.addScriptToEvaluateOnNewDocument", source=source)
        self.browser.listeners.append(self._listen)
        self.page.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)

    def _forward(self, method, session, **parameters):
        """A request out of a listener, where no answer can be waited for."""
        self.forwarded += 1
        os.write(self.browser.write_end, json.dumps({"id": self.forwarded, "method": method, "sessionId": session,
                                                     "params": parameters}).encode() + b"\0")

    def _listen(self, message):
        if message.get("method") != "Target.attachedToTarget" or message.get("sessionId") != self.page.session:
            return
        session = message["params"]["sessionId"]
        if message["params"]["targetInfo"]["type"] == "worker":
            self.workers.append(session)
            self._forward("Runtime.evaluate", session, expression=f"{self.clock};0")
        self._forward("Runtime.runIfWaitingForDebugger", session)

    def eye(self, call):
        return self.page.value(f"vedetteEye.{call}")

    def clock_ms(self):
        """(milliseconds in handlers, pictures that were decoded outside of them), or None where a worker has no clock."""
        answers = [self.page.value("vedetteClock.read()")]
        for session in self.workers:
            answer = self.browser.call("Runtime.evaluate", session, expression="globalThis.vedetteClock?.read()", returnByValue=True)
            answers.append(answer["result"].get("value"))
        if None in answers:
            return None
        return sum(answer["ms"] for answer in answers), sum(answer["bitmaps"] for answer in answers)

    def fit(self):
        """A page with something above its canvas gets a larger window, so that everybody's whole picture is on the screen."""
        for _ in range(3):
            right, bottom = self.page.value("(({right, bottom}) => [Math.ceil(right), Math.ceil(bottom)])"
                                            "(vedetteEye.canvas().getBoundingClientRect())")
            if right <= self.page.width and bottom <= self.page.height:
                return
            self.page.resize(max(right, self.page.width), max(bottom, self.page.height))

    def focus(self):
        self.page.value(f"document.querySelector({json.dumps(self.system.focus)}).focus()")

    def picture(self):
        return self.page.picture("vedetteEye.canvas()")


class Session:
    def __init__(self, system, plan, stack):
        self.plan, self.system = plan, system
        self.bases = FIRST_BASE
        self.random = random.Random(1)  # the same pauses for everybody
        folder = stack.enter_context(Folder())
        stack.callback(system.stop)
        system.start(folder)
        self.client = Client(system, stack)
        self.resting = {}

    def measure(self, report):
        """Hands each result to report(dict)."""
        # Something is on the screen before the page comes.
        stage = self._put("type", self.plan.warm_keys + self.plan.keys, keys=True)
        self.system.show(self.client.page)
        self._look(stage)
        self.client.fit()
        report(self._keys(stage))
        self.resting = self._rest()
        report({"scene": "rest", **{f"{name}_ms_s": round(value * 1000, 3) for name, value in self.resting.items()}})
        for kind, how in self.plan.scenes.items():
            report(self._frames(kind, **how))

    def _put(self, kind, frames, slower=1, keys=False):
        """The scene's first picture is on the machine's screen: (base, x, y of the last marker)."""
        base = self.bases
        self.bases = (self.bases + NEXT_BASE) % BASES
        words = self.system.guest.ask(f"play {kind} {frames} {base} {slower} {int(keys)}", "ready", 120).split()
        return base, int(words[4]), int(words[5])

    def _look(self, stage):
        """Waits until the page shows the scene's first picture and nothing comes any more."""
        base, x, y = stage
        self.client.eye(f"look({x}, {y})")
        self._until(base, 30)
        self._quiet()

    def _until(self, number, seconds):
        if not self.client.eye(f"until({number}, {int(seconds * 1000)})"):
            raise RuntimeError(f"frame {number} never came; the page shows {self.client.eye('newest()')}")

    def _quiet(self, seconds=8, quiet=0.5):
        end, last, since = time.monotonic() + seconds, sent(self.system.port), time.monotonic()
        while time.monotonic() < end and time.monotonic() - since < quiet:
            time.sleep(0.1)
            now = sent(self.system.port)
            if bytes_between(last, now) > CHATTER:
                since = time.monotonic()
            last = now

    def _keys(self, stage):
        """Keys that come one by one: from the key in the browser until the canvas shows what it drew."""
        self.client.focus()
        self.client.eye("rest()")
        self.system.guest.say("go")
        values = []
        for _ in range(self.plan.warm_keys + self.plan.keys):
            time.sleep(self.random.uniform(*KEY_S))
            self.client.eye(f"arm({KEY_MS})")
            self.client.page.key("KeyA", "a")
            values.append(self.client.eye("shown()"))
            if all(value is None for value in values) and len(values) == 2:
                raise RuntimeError("no key arrives")
        if None in values:
            self.system.guest.say("stop")
        self.system.guest.lines_until("done", 30)
        values = [float("inf") if value is None else value for value in values[self.plan.warm_keys:]]
        return {"scene": "keys", "keys": len(values), "lost": sum(value == float("inf") for value in values),
                **{name: None if value == float("inf") else round(value, 2) for name, value in (
                    ("p50_ms", statistics.median(values)), ("p95_ms", percentile(values, 0.95)))}}

    def _sample(self):
        """Everything that is counted, now."""
        system = self.system
        return {"at": time.monotonic(), "clock": self.client.clock_ms(), "sent": sent(system.port),
                "cpu": {**browser_seconds(self.client.browser.process.pid), "gateway": tree_seconds(system.gateway_pid()),
                        "server": qemu_seconds(system.machine.pid) + sum(tree_seconds(pid) for pid in system.server_pids())}}

    def _rest(self):
        """Seconds of processor time a second while the picture stands still and our eye looks at it."""
        base, x, y = self._put("type", 1)
        self._look((base, x, y))
        before = self._sample()
        time.sleep(self.plan.rest_s)
        after = self._sample()
        seconds = after["at"] - before["at"]
        return {name: (after["cpu"][name] - before["cpu"][name]) / seconds for name in after["cpu"]}

    def _frames(self, kind, warm, count, slower):
        """Pictures that fill the screen, each one new, so far apart that everybody has time for each."""
        stage = self._put(kind, warm + count, slower)
        self._look(stage)
        base = stage[0]
        before = self._sample()
        self.system.guest.say("go")
        if warm:
            self._until(base + warm, 50)
            time.sleep(0.2)  # what still follows of that frame is not of the next
            before = self._sample()
        self._until(base + warm + count, 55)
        self._quiet()
        after = self._sample()
        self.system.guest.lines_until("done", 60)
        seen = [number for number in self.client.eye("numbers()") if base + warm < number <= base + warm + count]
        result = {"scene": kind, "frames": count, "seen": len(seen), "exact": self._difference() is None}
        return {**result, **self._per_frame(before, after, len(seen))}

    def _difference(self):
        """None when the page shows what QEMU does."""
        difference = [None]

        def equal():
            difference[0] = self.client.picture().difference(self.system.machine.screendump())
            return difference[0] is None
        with contextlib.suppress(AssertionError):
            wait_for(equal, 3, "the same picture")
        return difference[0]

    def _per_frame(self, before, after, frames):
        seconds = after["at"] - before["at"]
        figures = {f"{name}_ms": (after["cpu"][name] - before["cpu"][name] - self.resting[name] * seconds) * 1000
                   for name in after["cpu"]}
        figures["script_ms"] = figures["main_ms"] + figures["worker_ms"]
        figures["decoder_ms"] = figures["worker_ms" if self.system.in_worker else "main_ms"]
        figures["bytes"] = bytes_between(before["sent"], after["sent"])
        if before["clock"] and after["clock"] and before["clock"][1] == after["clock"][1]:
            figures["page_ms"] = after["clock"][0] - before["clock"][0]
        return {name: round(value / frames, 3) for name, value in figures.items()}
