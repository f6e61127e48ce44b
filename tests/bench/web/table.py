# SPDX-License-Identifier: Apache-2.0
"""From the figures of the sessions to a table of medians."""
import statistics

SYSTEMS = ("vedette", "novnc", "spice-html5")
TITLES = {"vedette": "Vedette", "novnc": "noVNC", "spice-html5": "spice-html5"}
SCENES = {"flip": "text", "photo": "photo"}
# Of a full frame: key, title, format, the targets beside the two.
FRAME = (
    ("decoder_ms", "decode + paint: CPU of the thread that does it, ms", "{:.1f}", ("0.4", "0.2")),
    ("page_ms", "the same by the page's own clock, ms", "{:.1f}", ("0.4", "0.2")),
    ("script_ms", "CPU of all threads that run scripts, ms", "{:.1f}", ("0.4", "0.2")),
    ("renderer_ms", "CPU of the page's process, ms", "{:.1f}", None),
    ("browser_ms", "CPU of all of Chromium, ms", "{:.1f}", None),
    ("gateway_ms", "CPU of the gateway, ms", "{:.2f}", None),
    ("server_ms", "CPU of gateway, streamer, QEMU without its guest, ms", "{:.1f}", None),
    ("bytes", "bytes on the wire", "{:,.0f}", None),
)


def values(results, system, scene, key):
    return [result[key] for result in results["measured"]
            if result["system"] == system and result.get("scene") == scene and result.get(key) is not None]


def _cell(found, form):
    if not found:
        return "–"
    text = form.format(statistics.median(found))
    return text if len(found) == 1 else f"{text} ({form.format(min(found))}…{form.format(max(found))})"


def _ratio(ours, theirs):
    if not ours or not theirs or statistics.median(theirs) <= 0:
        return "–"
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}"


def _row(results, title, scene, key, form, targets):
    found = [values(results, system, scene, key) for system in SYSTEMS]
    wanted = " / ".join(f"≤ {target}" for target in targets) if targets else ""
    return "| " + " | ".join([title, *(_cell(one, form) for one in found), _ratio(found[0], found[1]), _ratio(found[0], found[2]),
                              wanted]) + " |"


def _relay(results):
    """One websockify stands behind both peers."""
    ours = values(results, "vedette-gateway", "relay", "cpu_s_gb")
    for name, text, target in (("websockify", "websockify has plain TCP inside", "≤ 0.2"), ("websockify-tls", "both have TLS inside", "")):
        theirs = values(results, name, "relay", "cpu_s_gb")
        ratio = _ratio(ours, theirs)
        yield (f"| gateway: CPU s a GB relayed, bulk; {text} | {_cell(ours, '{:.2f}')} | {_cell(theirs, '{:.2f}')} | the same | {ratio} | "
               f"{ratio} | {target} |")


def _reached(results):
    """Who showed which frames, and whether the last one was exact."""
    lines = []
    for scene, text in SCENES.items():
        words = []
        for system in SYSTEMS:
            runs = [result for result in results["measured"] if result["system"] == system and result.get("scene") == scene
                    and "seen" in result]
            if runs:
                words.append(f"{TITLES[system]} {sum(run['seen'] for run in runs)} of {sum(run['frames'] for run in runs)} shown, "
                             f"the last one exact in {sum(run['exact'] for run in runs)} of {len(runs)} runs")
        if words:
            lines.append(f"{text}: {'; '.join(words)}.")
    return lines


NOTES = (
    "Ratios are ours ÷ theirs, of the medians; in brackets the lowest and the highest run. 1024×768, TLS 1.3 to Chromium everywhere.",
    "Frames come 0.8 s (a page of text on 87 % of the screen) or 2.5 s (a photo on all of it) apart, so that everybody has "
    "time for each; no figure says what happens when pictures come faster than a client decodes.",
    "CPU a frame is without what the same processes use while the picture rests, our own looking at the canvas included. Ours decodes and paints in "
    "a worker, the peers on the page's main thread, where the looking is done for everybody: what it costs more while pictures change is in "
    "their row of the thread that decodes and not in ours, and for ours in the row of all threads, dearer because it copies a worker's canvas.",
    "By the page's own clock: what the handlers of socket messages and of loaded images take; what Chromium's compositor and its "
    "JPEG threads do is only in the two rows below it. Ours decodes in a worker, the peers on the page's main thread.",
    "Keys go by DevTools into the page; seen is when a script that looks at the canvas with every requestAnimationFrame (16.7 ms) "
    "reads another number there. A machine without KVM draws them, alike for all.",
    "Not alike: vedette-gateway gets its bytes by TLS from the streamer, websockify by plain TCP from QEMU, and so has half of the "
    "cryptography (in bulk it is also measured with --ssl-target, as it would have to stand before a host that is another machine); the streamer that encodes is a process of ours while QEMU's VNC and SPICE encode within QEMU; Vedette's page logs in "
    "at a played broker, the peers' connect without a password.",
    "QEMU's VNC looks at its screen every 30 ms, and less often after a rest, and so sends later; its lossy mode is off by default, so noVNC "
    "gets no JPEG. spice-html5 has no GLZ and gets what spice-server chooses without it.",
)


def text(results):
    head = ["figure", *(TITLES[system] for system in SYSTEMS), "÷ noVNC", "÷ spice-html5", "target"]
    lines = ["| " + " | ".join(head) + " |", "|---|---:|---:|---:|---:|---:|---|"]
    for key, title, form, targets in FRAME:
        for scene, name in SCENES.items():
            lines.append(_row(results, f"{name} frame: {title}", scene, key, form, targets))
    for key, name, targets in (("p50_ms", "p50", ("1", "1")), ("p95_ms", "p95", None)):
        lines.append(_row(results, f"key → seen {name}, ms", "keys", key, "{:.1f}", targets))
    lines += [*_relay(results), _row(results, "at rest: CPU of all of Chromium, ms a second", "rest", "browser_ms_s", "{:.1f}", None), ""]
    lines += [*_reached(results), *NOTES]
    errors = [f"{result['system']}, run {result['run'] + 1}: {result['error']}" for result in results["measured"] if "error" in result]
    if errors:
        lines += ["", "Failed:", *errors]
    runs = 1 + max((result["run"] for result in results["measured"]), default=0)
    lines += ["", f"{runs} interleaved runs; {results.get('machine', '')}; {results.get('commit', '')}; load {results.get('load', '')}."]
    return "\n".join(line if line.startswith("|") or not line else f"{line}  " for line in lines)
