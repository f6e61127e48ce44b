# SPDX-License-Identifier: Apache-2.0
"""Two plots, as SVG: ratios on a logarithmic axis, and latencies of every system."""
import math

COLOURS = ("#1f5fa8", "#c4572e", "#3c8c40", "#8150a0", "#8a7420", "#308890", "#a03860", "#606060")
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
        '<rect width="{width}" height="{height}" fill="#ffffff"/>\n<text x="10" y="20" font-size="14">{title}</text>\n')


def _text(x, y, text, anchor="start", colour="#202020"):
    text = str(text).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{text}</text>\n'


def _axis(low, high, left, right):
    span = math.log(high) - math.log(low)
    return lambda value: left + (math.log(min(max(value, low), high)) - math.log(low)) / span * (right - left)


def _ticks(low, high):
    value = 10 ** math.floor(math.log10(low))
    while value <= high * 1.001:
        for step in (1, 2, 5):
            if low * 0.999 <= value * step <= high * 1.001:
                yield value * step
        value *= 10


def _frame(parts, x, low, high, top, bottom):
    for tick in _ticks(low, high):
        parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" y2="{bottom}" stroke="#dddddd"/>\n')
        parts.append(_text(x(tick), bottom + 16, f"{tick:g}", "middle", "#606060"))


def ratios(title, rows, metrics):
    """rows: [(scene, {metric: ratio or None})]; bars to the left of 1 are better than the best peer."""
    left, width, bar = 110, 760, 14
    block = bar * len(metrics) + 12
    bottom = 60 + block * len(rows)
    x = _axis(0.05, 20, left, width - 40)
    parts = [HEAD.format(width=width, height=bottom + 50, title=title)]
    for index, metric in enumerate(metrics):
        parts.append(f'<rect x="{left + index * 170}" y="32" width="10" height="10" fill="{COLOURS[index]}"/>\n')
        parts.append(_text(left + index * 170 + 15, 41, metric))
    _frame(parts, x, 0.05, 20, 52, bottom)
    parts.append(f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="52" y2="{bottom}" stroke="#202020" stroke-width="1.5"/>\n')
    for row, (scene, values) in enumerate(rows):
        y = 60 + row * block
        parts.append(_text(left - 8, y + block / 2, scene, "end"))
        for index, metric in enumerate(metrics):
            value = values.get(metric)
            if value is None:
                continue
            start, end = sorted((x(1), x(value)))
            parts.append(f'<rect x="{start:.1f}" y="{y + index * bar}" width="{max(end - start, 1):.1f}" height="{bar - 3}"'
                         f' fill="{COLOURS[index]}"/>\n')
            parts.append(_text(end + 3 if value >= 1 else start - 3, y + index * bar + 10, f"{value:.2f}",
                               "start" if value >= 1 else "end", "#606060"))
    parts.append(_text(left, bottom + 36, "ours ÷ the best peer; left of 1 is better than every peer", colour="#606060"))
    return "".join(parts) + "</svg>\n"


def latencies(title, scenes, systems, values):
    """values[scene, system] = (p50, p95) in ms: a dot and a line to p95 for each."""
    left, width, step = 110, 860, 11
    between = (width - left) / max(len(systems), 7)  # their names stand in one row
    block = step * len(systems) + 12
    bottom = 60 + block * len(scenes)
    x = _axis(1, 2000, left, width - 30)
    parts = [HEAD.format(width=width, height=bottom + 50, title=title)]
    for index, system in enumerate(systems):
        parts.append(f'<circle cx="{left + index * between:.0f}" cy="37" r="4" fill="{COLOURS[index % 8]}"/>\n')
        parts.append(_text(left + index * between + 7, 41, system))
    _frame(parts, x, 1, 2000, 52, bottom)
    for row, scene in enumerate(scenes):
        y = 60 + row * block
        parts.append(_text(left - 8, y + block / 2, scene, "end"))
        for index, system in enumerate(systems):
            if (scene, system) not in values:
                continue
            p50, p95 = values[scene, system]
            at, colour = y + index * step + 5, COLOURS[index % 8]
            parts.append(f'<line x1="{x(p50):.1f}" x2="{x(p95):.1f}" y1="{at}" y2="{at}" stroke="{colour}" stroke-width="2"/>\n')
            parts.append(f'<circle cx="{x(p50):.1f}" cy="{at}" r="4" fill="{colour}"/>\n')
    parts.append(_text(left, bottom + 36, "ms from drawing (input: from the key) until seen: dot p50, line to p95", colour="#606060"))
    return "".join(parts) + "</svg>\n"
