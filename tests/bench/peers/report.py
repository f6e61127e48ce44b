# SPDX-License-Identifier: Apache-2.0
"""From the figures of the sessions to tables, plots and docs/PERFORMANCE.md."""
import json
import os
import statistics
import subprocess

import line as lines_of
import plan
import svg
import targets

OURS = "vedette"
ENOUGH = 0.95  # of the drawn frames: who shows fewer is not the best peer
SCENES = plan.SCENES
# key, title, whether smaller is better, format
METRICS = (
    ("bytes_frame", "bytes a frame", "{:,.0f}"),
    ("cpu_ms_frame", "server CPU ms a frame", "{:.2f}"),
    ("p50", "seen p50 ms", "{:.1f}"),
    ("p95", "seen p95 ms", "{:.1f}"),
    ("lossless_ms", "lossless after ms", "{:.0f}"),
)
BEGIN, END = "<!-- peers: begin, written by tests/bench/peers/run --report -->", "<!-- peers: end -->"


def ours_of(line):
    return "vm-vedette" if line == "vm" else OURS


def load(path):
    if path and os.path.exists(path):
        with open(path) as source:
            return json.load(source)
    return {"measured": [], "load": []}


def save(path, results):
    if path:
        with open(f"{path}.new", "w") as target:
            json.dump(results, target, indent=1)
        os.replace(f"{path}.new", path)


def _figures(result):
    """What one run says, by frames that arrived: who drops frames sends fewer bytes and gains nothing by it here."""
    seen = result["seen"]
    kind = "input" if result["scene"] in plan.KEYS else "last"
    return {
        "share": seen / result["drawn"] if result["drawn"] else 0,
        "bytes_frame": result["bytes"] / seen if seen else None,
        "cpu_ms_frame": result["cpu_s"] * 1000 / seen if seen else None,
        "p50": result[f"{kind}_p50_ms"],
        "p95": result[f"{kind}_p95_ms"],
        "lossless_ms": result["lossless_ms"],
        "psnr": result.get("psnr"),
        "ssim": result.get("ssim"),
        "exact": bool(result.get("exact")),
    }


class Table:
    """Medians over the runs: cell[line, scene, peer]."""

    def __init__(self, results):
        groups = {}
        self.errors = []
        for result in results["measured"]:
            key = (result["line"], result["scene"], result["peer"])
            if "error" in result:
                self.errors.append((*key, result["error"]))
            elif "drawn" in result and result["scene"] not in ("stall", "photo1"):
                groups.setdefault(key, []).append(_figures(result))
        self.cell = {}
        for key, runs in groups.items():
            cell = {"runs": len(runs), "exact": all(run["exact"] for run in runs), "exact_runs": sum(run["exact"] for run in runs)}
            for name in ("share", "psnr", "ssim", *(metric[0] for metric in METRICS)):
                values = [run[name] for run in runs if run[name] is not None]
                # A median over fewer than half of the runs would hide those that never got there.
                cell[name] = statistics.median(values) if len(values) * 2 > len(runs) else None
                cell[name + "_spread"] = (max(values) - min(values)) / 2 / cell[name] if cell[name] else 0
            self.cell[key] = cell
        self.lines = [line for line in lines_of.LINES if any(key[0] == line for key in self.cell)]
        self.peers = sorted({key[2] for key in self.cell if key[2] != ours_of(key[0])})

    def scenes(self, line):
        return [scene for scene in SCENES if any(key[:2] == (line, scene) for key in self.cell)]

    def best(self, line, scene, metric, like):
        """(value, peer): the best of those that show enough frames; for bytes, of those whose picture ends as exactly as ours."""
        cells = [(self.cell[key], key[2]) for key in self.cell if key[:2] == (line, scene) and key[2] != ours_of(line)]
        if metric == "bytes_frame" and like["exact"]:
            cells = [one for one in cells if one[0]["exact"]] or cells
        whole = [one for one in cells if one[0]["share"] >= ENOUGH]
        if not whole and cells:
            most = max(cell["share"] for cell, _ in cells)
            whole = [one for one in cells if one[0]["share"] >= most - 0.05]
        values = [(cell[metric], peer) for cell, peer in whole if cell[metric] is not None]
        return min(values) if values else None

    def ratio(self, line, scene, metric):
        """(ratio, ours, the best's, the best's name) or None."""
        cell = self.cell.get((line, scene, ours_of(line)))
        best = cell and self.best(line, scene, metric, cell)
        if not best or cell[metric] is None or best[0] <= 0:
            return None
        return cell[metric] / best[0], cell[metric], best[0], best[1]


def _worse(table):
    rows = []
    for line in table.lines:
        for scene in table.scenes(line):
            cell = table.cell.get((line, scene, ours_of(line)))
            if not cell:
                continue
            shares = [(table.cell[key]["share"], key[2]) for key in table.cell if key[:2] == (line, scene) and key[2] != ours_of(line)]
            if shares and cell["share"] < max(shares)[0] - 0.005:
                rows.append((9, f"| {line} | {scene} | frames seen | {cell['share']:.0%} | {max(shares)[0]:.0%} {max(shares)[1]} | – |"))
            for metric, title, form in METRICS:
                ratio = table.ratio(line, scene, metric)
                if ratio and ratio[0] > 1:
                    rows.append((ratio[0], f"| {line} | {scene} | {title} | {form.format(ratio[1])} | "
                                           f"{form.format(ratio[2])} {ratio[3]} | **{ratio[0]:.2f}** |"))
    return [row for _, row in rows]


def _better(table):
    rows = []
    for line in table.lines:
        for scene in table.scenes(line):
            for metric, title, form in METRICS:
                ratio = table.ratio(line, scene, metric)
                if ratio and ratio[0] <= 1:
                    rows.append(f"| {line} | {scene} | {title} | {form.format(ratio[1])} | {form.format(ratio[2])} {ratio[3]} | "
                                f"{ratio[0]:.2f} |")
    return rows


def _value(cell, metric, form):
    if cell[metric] is None:
        return "–"
    spread = cell[metric + "_spread"]
    return form.format(cell[metric]) + (f" ±{spread:.0%}" if cell["runs"] > 1 else "")


def _full(table, line):
    lines = ["| scene | system | runs | frames seen | bytes a frame | server CPU ms a frame | p50 ms | p95 ms | lossless after ms "
             "| at the end |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for scene in table.scenes(line):
        for peer in (ours_of(line), *table.peers):
            cell = table.cell.get((line, scene, peer))
            if not cell:
                continue
            quality = "exact" if cell["exact"] else "–" if cell["psnr"] is None else f"{cell['psnr']:.0f} dB, SSIM {cell['ssim']:.4f}"
            if 0 < cell["exact_runs"] < cell["runs"]:
                quality = f"exact in {cell['exact_runs']} of {cell['runs']}"
            lines.append(f"| {scene} | {peer} | {cell['runs']} | {cell['share']:.0%} | "
                         + " | ".join(_value(cell, metric, form) for metric, _, form in METRICS) + f" | {quality} |")
    return lines


MOMENTS = (
    ("attach", "Attaching to a text desktop: all bytes, time from the viewer's start (ours with its login) until both markers are there, "
     "and growth of the server's memory.",
     (("bytes", "bytes", "{:,.0f}"), ("attach_ms", "ms", "{:,.0f}"), ("grown_mb", "grown MB", "{:.1f}"))),
    ("photo1", "A photo that opens: bytes and time until SSIM 0.98 and until exact.",
     (("good_bytes", "bytes to SSIM 0.98", "{:,.0f}"), ("good_ms", "ms", "{:,.0f}"), ("exact_bytes", "bytes to exact", "{:,.0f}"),
      ("exact_ms", "ms", "{:,.0f}"))),
    ("resume", "Every connection breaks and the line is down for 5 s: bytes from its return on, and time until both markers of the new "
     "picture are there. Only Vedette's client comes back by itself; the others' are started anew at the line's return.",
     (("bytes", "bytes", "{:,.0f}"), ("resume_ms", "ms", "{:,.0f}"))),
    ("quiet", "A desktop on which nothing happens, 30 s.",
     (("bytes_min", "bytes a minute", "{:,.0f}"), ("cpu_pct", "server CPU % of a core", "{:.2f}"),
      ("encoder_pct", "of that the streamer", "{:.2f}"))),
    ("caret", "Twenty blinks of a caret, one of them with markers.", (("bytes", "bytes", "{:,.0f}"), ("cpu_s", "server CPU s", "{:.3f}"))),
    ("stall", "A client that reads nothing for 60 s while `video` plays: growth of the server's memory, part of the frames that the "
     "program could still draw, and how long after the line's return the newest frame was seen.",
     (("grown_mb", "grown MB", "{:.1f}"), ("draw_rate", "drawn", "{:.0%}"), ("resume_ms", "newest seen after ms", "{:,.0f}"))),
)


def _moments(results):
    figures = targets.Figures(results)
    lines = []
    for scene, text, columns in MOMENTS:
        keys = sorted((key for key in figures.runs if key[1] == scene), key=lambda key: (plan.LINES.index(key[0]), key[2]))
        if not keys:
            continue
        lines += [text, "", "| line | system | runs | " + " | ".join(column[1] for column in columns) + " |",
                  "|---|---|---:|" + "---:|" * len(columns)]
        for key in keys:
            values = [(figures.get(*key, column[0]), column[2]) for column in columns]
            lines.append(f"| {key[0]} | {key[2]} | {len(figures.runs[key])} | "
                         + " | ".join("–" if value is None else form.format(value) for value, form in values) + " |")
        lines.append("")
    return lines


def tables(results):
    table = Table(results)
    lines = ["| line | scene | what | ours | best peer | ratio |", "|---|---|---|---:|---:|---:|", *_worse(table), ""]
    for line in table.lines:
        lines += [lines_of.LINES[line][0] + ":", "", *_full(table, line), ""]
    return "\n".join(lines + _moments(results) + ["Targets:", "", *targets.table(results), ""])


def commit(source):
    answer = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return answer.stdout.strip() or "an unknown commit"


def machine(names):
    def first(path, key):
        with open(path) as source:
            return next((line.split(":", 1)[1].strip() for line in source if line.startswith(key)), "unknown")
    with open("/etc/debian_version") as source:
        debian = source.read().strip()
    versions = []
    for name in names:
        answer = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${Version}", name], capture_output=True, text=True)
        if answer.returncode == 0:
            versions.append(answer.stdout)
    memory = int(first("/proc/meminfo", "MemTotal").split()[0]) / 1048576
    return (f"{os.cpu_count()} cores of {first('/proc/cpuinfo', 'model name')}, {memory:.0f} GB, Linux {os.uname().release.split('-')[0]}, "
            f"Debian {debian}; {', '.join(versions)}")


def _section(results, source):
    table = Table(results)
    worse, better = _worse(table), _better(table)
    text = [BEGIN, "## Beside its peers", "",
            "`tests/bench/peers/run --report` (tests/bench/README.md) plays the same scenes on every system, 1280×720, 24 bit, through "
            "the same proxy that counts the bytes; on the line `vm` a QEMU machine draws them. Where ours is worse than the best peer:", "",
            "| line | scene | what | ours | best peer | ours ÷ best |", "|---|---|---|---:|---:|---:|", *worse, "",
            "The targets:", "", *targets.table(results), "",
            "The best peer is the best of those that show at least 95 % of the drawn frames (else of those with the most), for bytes the "
            "best of those whose picture ends as exactly as ours. Bytes and CPU are per frame that was seen. Where ours is equal or "
            "better:", "",
            "| line | scene | what | ours | best peer | ours ÷ best |", "|---|---|---|---:|---:|---:|", *better, ""]
    plots = []
    for line in table.lines:
        name = f"perf-ratios-{line}.svg"
        rows = []
        for scene in table.scenes(line):
            values = {title: (table.ratio(line, scene, metric) or [None])[0] for metric, title, _ in METRICS[:4]}
            rows.append((scene, values))
        plots.append((name, svg.ratios(f"{lines_of.LINES[line][0]}: ours ÷ the best peer", rows, [m[1] for m in METRICS[:4]])))
        text += [f"![ours ÷ the best peer, {lines_of.LINES[line][0]}](img/{name})", ""]
        name = f"perf-latency-{line}.svg"
        values = {(key[1], key[2]): (cell["p50"], cell["p95"] or cell["p50"] * 10) for key, cell in table.cell.items()
                  if key[0] == line and cell["p50"]}
        systems = [peer for peer in (ours_of(line), *table.peers) if any(key[1] == peer for key in values)]
        plots.append((name, svg.latencies(f"{lines_of.LINES[line][0]}: until seen", table.scenes(line), systems, values)))
        text += [f"![until seen, {lines_of.LINES[line][0]}](img/{name})", ""]
    text += results.get("notes", []) + [""]
    for line in table.lines:
        text += [f"### {lines_of.LINES[line][0]}", "", *_full(table, line), ""]
    text += _moments(results)
    missing = [lines_of.LINES[line][0] for line in lines_of.LINES if line not in table.lines]
    if not any(result["scene"] == "stall" for result in results["measured"]):
        missing.append("a client that reads nothing for 60 s")
    if missing:
        text += ["Not measured here: " + "; ".join(missing) + ".", ""]
    if table.errors:
        text += ["Failed: " + "; ".join(sorted({f"{peer} {scene} {line}: {error}" for line, scene, peer, error in table.errors})) + ".", ""]
    load = sorted(results["load"])
    load = load or [0]
    text += [f"Vedette at {results.get('commit', 'an unknown commit')}. Measured on {results.get('machine') or machine([])}. "
             f"Load average when the sessions began: median {load[len(load) // 2]:.1f}, {load[0]:.1f} to {load[-1]:.1f}; servers, "
             "viewers and bench share the machine. ± is half the range over the runs.", "", END]
    return "\n".join(text), plots


def write(results, source):
    section, plots = _section(results, source)
    path = f"{source}/docs/PERFORMANCE.md"
    with open(path) as document:
        text = document.read()
    if BEGIN in text:
        text = text.split(BEGIN)[0] + section + text.split(END, 1)[1]
    else:
        text = text.replace("## Codec", f"{section}\n\n## Codec", 1)
    with open(path, "w") as document:
        document.write(text)
    os.makedirs(f"{source}/docs/img", exist_ok=True)
    for name, plot in plots:
        with open(f"{source}/docs/img/{name}", "w") as target:
            target.write(plot)
