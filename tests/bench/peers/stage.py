# SPDX-License-Identifier: Apache-2.0
"""Where a scene is played: by a program on an X display, or by the only process of a machine."""
import os
import selectors
import subprocess


def read_line(stream, seconds, what):
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise RuntimeError(f"{what} said nothing within {seconds} s")
    line = stream.readline()
    if not line:
        raise RuntimeError(f"{what} has ended")
    return line


class DisplayStage:
    """One run of `scene` on the server's display."""

    def __init__(self, session, kind, frames, base, keys, tag, expected):
        self.procs = session.procs
        self.player = self.procs.spawn(
            [session.programs["scene"], "--scene", kind, "--frames", str(frames), "--base", str(base), "--log", f"{tag}.drawn",
             "--expected", expected, *(["--keys"] if keys else [])],
            session.server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.marks = [int(word) for word in read_line(self.player.stdout, 20, "scene").split()[1:]]

    def warm(self):
        self.player.stdin.write(b"warm\n")
        read_line(self.player.stdout, 20, "scene")

    def go(self):
        self.player.stdin.write(b"go\n")

    def finish(self):
        """The log of what was drawn is complete."""

    def close(self):
        self.player.stdin.close()
        try:
            self.player.wait(5)
        except subprocess.TimeoutExpired:
            self.player.kill()
            self.player.wait()
        self.procs.started.remove(self.player)


class GuestStage:
    """The same scenes, drawn by the guest of the peer's machine; their last picture is drawn once more out here."""

    def __init__(self, session, kind, frames, base, keys, tag, expected):
        self.guest, self.log = session.peer.guest, f"{tag}.drawn"
        subprocess.run([session.programs["scene"], "--scene", kind, "--frames", str(frames), "--base", str(base), "--expected",
                        f"{expected}.new", "--render"], check=True, stderr=subprocess.DEVNULL)
        os.replace(f"{expected}.new", expected)
        slower = session.peer.slower.get(kind, 0)
        answer = self.guest.ask(f"play {kind} {frames} {base} {slower} {int(bool(keys))}", "ready", 90)
        self.marks = [int(word) for word in answer.split()[1:]]
        self.offset = self.guest.clock_offset()
        self.going = False

    def warm(self):
        self.guest.ask("warm", "warmed", 60)

    def go(self):
        self.guest.say("go")
        self.going = True

    def finish(self):
        """The guest sends its log when it is through: nothing goes over its port while it is measured."""
        lines = self.guest.lines_until("done", 30)
        self.going = False
        # Once more: what the two clocks have drifted apart meanwhile is split evenly.
        offset = (self.offset + self.guest.clock_offset()) // 2
        with open(self.log, "w") as log:
            for line in lines:
                kind, number, when = line.split()
                log.write(f"{kind} {number} {int(when) + offset}\n")

    def close(self):
        if self.going:
            self.guest.say("stop")
            try:
                self.guest.lines_until("done", 20)
            except (OSError, RuntimeError):
                pass
