# SPDX-License-Identifier: Apache-2.0
"""Who plays what on which line, in which order, and how long that will take."""
import time

import line as lines
import machines

# In the order in which a session plays them: attach needs a viewer that has not come yet.
SCENES = ("attach", "type", "input", "term", "scroll", "drag", "web", "flip", "alttab", "slides", "photo", "photo1", "video",
          "input-video", "office", "idle", "resume", "quiet", "caret", "stall")
# Scenes in which keys are pressed at the viewer, and what they draw.
KEYS = {"input": "type", "input-video": "input-video"}
FLOOR = ("type", "input", "term", "scroll", "drag", "web", "flip", "alttab", "slides", "photo", "video", "input-video", "office", "idle")
# Everything on a LAN; on the others what a line makes a difference to.
ON_LINE = {
    "lan": (*FLOOR, "attach", "photo1", "quiet", "caret"),
    "vm": machines.SCENES,
    "wan20": ("type", "input", "scroll", "web", "flip", "photo", "video", "input-video", "resume"),
    "wan4": ("type", "input", "scroll", "web", "video"),
    "bloat": ("input-video",),
    "stall": ("stall",),
}
LINES = tuple(ON_LINE)
# Long and steady: once is enough.
ONCE = ("quiet", "caret", "stall")
QUICK = {"lan": ("attach", "type", "flip"), "wan20": ("input-video",), "vm": ("type",)}
QUICK_PEERS = {"wan20": ("vedette", "tigervnc", "spice")}
QUICK_FRAMES = {"type": 20, "flip": 3}

# Seconds, of a machine of two cores: what a session costs before its first scene, and scenes with what surrounds them.
BEGIN_S, SCENE_S, MACHINE_S = 4, 6, 12
LONG_S = {"stall": 75, "quiet": 36, "caret": 13, "resume": 12}


def over(line):
    """The line of line.py; a client that stalls does so on a LAN."""
    return "lan" if line == "stall" else line


def title(line):
    return lines.LINES[over(line)][0]


def round_trip(line):
    return lines.LINES[over(line)][2]


def _scenes(peer, line, run, arguments):
    wanted = arguments.scenes.split(",") if arguments.scenes else QUICK[line] if arguments.quick else ON_LINE[line]
    if peer.scenes and not arguments.scenes:
        wanted = [scene for scene in wanted if scene in peer.scenes]
    return [scene for scene in SCENES
            if scene in wanted and scene not in peer.lacks and (run == 0 or scene not in ONCE)]


def sessions(peers, arguments):
    """[(run, line, peer, scenes)]: every run of everybody before the next run of anybody."""
    wanted = arguments.lines.split(",") if arguments.lines else tuple(QUICK) if arguments.quick else LINES
    result = []
    for run in range(1 if arguments.quick else arguments.runs):
        for line in wanted:
            # Another order in each run, so that nobody always comes after the same one.
            shift = run % len(peers)
            for peer in peers[shift:] + peers[:shift]:
                if line not in peer.lines or arguments.quick and peer.name not in QUICK_PEERS.get(line, (peer.name,)):
                    continue
                scenes = _scenes(peer, line, run, arguments)
                if scenes:
                    result.append((run, line, peer, scenes))
    return result


class Clock:
    """How long it will still take: what was expected of the rest, scaled by how wrong that was so far."""

    def __init__(self, planned):
        self.planned = [(MACHINE_S if peer.machine else BEGIN_S) + sum(LONG_S.get(scene, SCENE_S) for scene in scenes)
                        for _, _, peer, scenes in planned]
        self.start, self.count = time.monotonic(), 0

    def done(self):
        self.count += 1

    def spent(self):
        return time.monotonic() - self.start

    def left(self):
        before, after = sum(self.planned[:self.count]), sum(self.planned[self.count:])
        seconds = after * (self.spent() / before if before else 1)
        return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
