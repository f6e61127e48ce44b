# SPDX-License-Identifier: Apache-2.0
"""The targets T1 to T24 and T28: what must hold against which peer, what was measured, and whether it does."""
import statistics

import plan

OURS, VM = "vedette", "vm-vedette"


class Figures:
    """Medians of single figures of the runs, whatever scene they come from."""

    def __init__(self, results):
        self.runs = {}
        for result in results["measured"]:
            if "error" not in result:
                self.runs.setdefault((result["line"], result["scene"], result["peer"]), []).append(result)

    def get(self, line, scene, peer, figure):
        """figure: a key of the result, or one computed from it. None where most runs do not have it."""
        runs = self.runs.get((line, scene, peer), [])
        values = [value for value in (COMPUTED.get(figure, lambda run: run.get(figure))(run) for run in runs) if value is not None]
        return statistics.median(values) if values and len(values) * 2 > len(runs) else None

    def measured(self, line, scene, peer):
        return (line, scene, peer) in self.runs


def _per_seen(key):
    return lambda run: run[key] / run["seen"] if run.get("seen") else None


COMPUTED = {
    "bytes_frame": _per_seen("bytes"),
    "cpu_frame": _per_seen("cpu_s"),
    "share": lambda run: run["seen"] / run["drawn"] if run.get("drawn") else None,
}


class Row:
    """One comparison of one target."""

    def __init__(self, number, what, peer, must, measured, holds):
        self.cells = (number, what, peer, must, measured, holds)

    def text(self):
        return "| " + " | ".join(self.cells) + " |"


def _verdict(holds):
    return "yes" if holds else "**no**"


def _plain(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


class Targets:
    def __init__(self, results):
        self.figures = Figures(results)
        self.rows = []

    def absent(self, number, what, peer, must, why):
        self.rows.append(Row(number, what, peer, must, "–", why))

    def _why(self, line, scene, *peers):
        for peer in peers:
            if not self.figures.measured(line, scene, peer):
                return f"not measured: no {scene} of {peer} on {line}"
        return "not measured: most runs have no such figure"

    def ratio(self, number, what, line, scene, figure, peer, must, base=0, bigger=False, also=None):
        """Ours over the peer's; base is taken off both. also: (text, holds) of ours alone."""
        mine = VM if line == "vm" else OURS
        ours, theirs = (self.figures.get(line, scene, name, figure) for name in (mine, peer))
        rule = f"{'≥' if bigger else '≤'} {must:g}" + (f" and {also[0]}" if also else "")
        if theirs == 0 and ours is not None:
            self.rows.append(Row(number, what, peer, rule, f"{_plain(ours)} ÷ 0", _verdict(ours == 0)))
            return
        if ours is None or theirs is None or theirs - base <= 0:
            self.absent(number, what, peer, rule, self._why(line, scene, mine, peer))
            return
        ratio = (ours - base) / (theirs - base)
        holds = (ratio >= must if bigger else ratio <= must) and (also is None or also[1](ours))
        scale = 1000 if figure == "cpu_frame" else 1
        self.rows.append(Row(number, what, peer, rule,
                             f"{ratio:.2f} ({_plain((ours - base) * scale)} ÷ {_plain((theirs - base) * scale)})", _verdict(holds)))

    def alone(self, number, what, line, scene, figure, must, bigger=False, unit="", peer=OURS):
        ours = self.figures.get(line, scene, peer, figure)
        rule = f"{'≥' if bigger else '≤'} {must:g}{unit}"
        if ours is None:
            self.absent(number, what, "–", rule, self._why(line, scene, peer))
        else:
            self.rows.append(Row(number, what, "–", rule, f"{ours:.3g}{unit}", _verdict(ours >= must if bigger else ours <= must)))

    def to_lossless(self, number, what, line, scene, peer, must):
        """A peer that never gets there is worse than everybody who does."""
        if self.figures.measured(line, scene, peer) and self.figures.get(line, scene, peer, "lossless_ms") is None:
            ours = self.figures.get(line, scene, OURS, "lossless_ms")
            self.rows.append(Row(number, what, peer, f"≤ {must:g}", "neither becomes exact" if ours is None else
                                 f"{ours:.0f} ms; the peer's picture never becomes exact", _verdict(ours is not None)))
        else:
            self.ratio(number, what, line, scene, "lossless_ms", peer, must)


def compute(results):
    """All rows, in the order of their numbers."""
    t = Targets(results)
    ratio, alone = t.ratio, t.alone
    ratio("T1", "page flip, bytes", "lan", "flip", "bytes_frame", "tigervnc-ll", 0.35)
    ratio("T2", "page flip in a machine, bytes", "vm", "flip", "bytes_frame", "vm-qemu-spice", 0.35)
    ratio("T3", "smooth scroll, bytes", "lan", "web", "bytes_frame", "tigervnc", 0.25)
    ratio("T4", "smooth scroll in a machine, bytes", "vm", "web", "bytes_frame", "vm-qemu-spice", 0.2)
    ratio("T5", "smooth scroll, bytes", "lan", "web", "bytes_frame", "xpra", 0.8)
    ratio("T6", "terminal lines, bytes", "lan", "term", "bytes_frame", "tigervnc", 1.1)
    ratio("T7", "typing, bytes a key (mean, with TLS and the marker)", "lan", "type", "bytes_frame", "tigervnc", 0.6,
          also=("≤ 300 B", lambda ours: ours <= 300))
    ratio("T8", "alt-tab in a machine, bytes", "vm", "alttab", "bytes_frame", "vm-qemu-spice", 0.1)
    ratio("T9", "cold attach, bytes", "lan", "attach", "bytes", "tigervnc-ll", 0.6)
    ratio("T9", "cold attach to a machine, bytes", "vm", "attach", "bytes", "vm-qemu-spice", 0.8)
    ratio("T10", "a photo in a machine, bytes to SSIM ≥ 0.98", "vm", "photo1", "good_bytes", "vm-qemu-spice", 0.25)
    ratio("T11", "a photo in a machine, bytes to lossless", "vm", "photo1", "exact_bytes", "vm-qemu-spice", 1.35)
    ratio("T12", "page flip, bytes", "lan", "flip", "bytes_frame", "freerdp-shadow", 0.3)
    ratio("T12", "photos, bytes", "lan", "photo", "bytes_frame", "freerdp-shadow", 0.3)
    t.absent("T12", "page flip, photos", "weston RDP", "≤ 0.3", "not measured: Weston's X applications need XWayland, which no other "
             "peer has between scene and server")
    ratio("T13", "page flip, server CPU (ms a frame; all change as many pixels)", "lan", "flip", "cpu_frame", "tigervnc", 0.5)
    ratio("T14", "page flip, server CPU", "lan", "flip", "cpu_frame", "xpra", 0.25)
    ratio("T15", "page flip in a machine, CPU of QEMU and daemon", "vm", "flip", "cpu_frame", "vm-qemu-spice", 0.6)
    ratio("T16", "key to picture in a machine, p50", "vm", "input", "input_p50_ms", "vm-qemu-spice", 0.75)
    ratio("T16", "key to picture in a machine, p95", "vm", "input", "input_p95_ms", "vm-qemu-spice", 0.7)
    ratio("T17", "key to picture, p50", "lan", "input", "input_p50_ms", "tigervnc", 1)
    ratio("T17", "key to picture, p50", "lan", "input", "input_p50_ms", "xrdp", 0.6)
    for peer in ("tigervnc", "spice"):
        ratio("T18", "key to picture beside a video, 20 Mbit/s, p95", "wan20", "input-video", "input_p95_ms", peer, 0.6)
    for peer, must in (("spice", 0.3), ("xrdp", 0.3), ("tigervnc", 1)):
        ratio("T19", "bufferbloat: key to picture beside a video above the round trip, p95", "bloat", "input-video", "input_p95_ms",
              peer, must, base=plan.round_trip("bloat"))
    for scene in ("scroll", "flip", "photo"):
        for peer in ("tigervnc", "xpra"):
            t.to_lossless("T20", f"20 Mbit/s, {scene}: last change to lossless", "wan20", scene, peer, 0.8)
    alone("T21", "20 Mbit/s, video: part of the drawn frames that is seen", "wan20", "video", "share", 0.95, bigger=True)
    ratio("T21", "20 Mbit/s, video: frames seen", "wan20", "video", "seen", "xrdp", 1.5, bigger=True)
    ratio("T21", "20 Mbit/s, video: frames seen", "wan20", "video", "seen", "tigervnc", 1.2, bigger=True)
    ratio("T22", "video, bytes a frame seen (SSIM in motion not taken)", "lan", "video", "bytes_frame", "tigervnc", 0.35)
    ratio("T23", "20 Mbit/s, resume after 5 s: bytes", "wan20", "resume", "bytes", "tigervnc", 0.05)
    alone("T23", "20 Mbit/s, resume: until the new picture is there after the line's return", "wan20", "resume", "resume_ms",
          2 * plan.round_trip("wan20") + 100, unit=" ms")
    ratio("T24", "quiet, bytes a minute", "lan", "quiet", "bytes_min", "tigervnc", 0.5)
    alone("T24", "quiet, bytes a minute", "lan", "quiet", "bytes_min", 2000, unit=" B")
    alone("T24", "quiet, the streamer's CPU", "lan", "quiet", "encoder_pct", 0.3, unit=" %")
    _caret(t)
    alone("T28", "the streamer's memory grows by, when a viewer attaches", "lan", "attach", "encoder_mb", 16, unit=" MiB")
    return t.rows


def _caret(targets):
    """What a blink adds to what a quiet desktop sends anyway."""
    get = targets.figures.get
    total, blinks, seconds, quiet = (get("lan", scene, OURS, figure) for scene, figure in (
        ("caret", "bytes"), ("caret", "blinks"), ("caret", "seconds"), ("quiet", "bytes_min")))
    if None in (total, blinks, seconds, quiet):
        targets.absent("T24", "a caret's blink", "–", "≤ 100 B", "not measured: no quiet or caret on lan")
        return
    each = (total - quiet * seconds / 60) / blinks
    targets.rows.append(Row("T24", "a caret's blink", "–", "≤ 100 B", f"{each:.0f} B", _verdict(each <= 100)))


def table(results):
    """Lines of markdown."""
    return ["| | what | against | must | measured: ratio (ours ÷ theirs) | holds |", "|---|---|---|---|---|---|",
            *(row.text() for row in compute(results))]
