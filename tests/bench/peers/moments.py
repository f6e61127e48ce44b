# SPDX-License-Identifier: Apache-2.0
"""What is not frames one after the other: attaching, a photo that opens, resuming, quiet, a caret, a client that reads nothing."""
import time

from line import Sampler
from measure import read_log
from stage import read_line

BREAK_S = 5
QUIET_S = 30


def _there_ns(events):
    """When both markers were there. Not when the picture was exact: a viewer's own bar may lie over it for some seconds."""
    return max((min(events[kind].values()) for kind in ("first", "last") if events.get(kind)), default=None)


def _take_in(session, marks, number):
    """Watches a picture that may be there already, until it is exact or settle is over."""
    x, y = session.find(number)
    watcher = session.watcher([x - marks[0], y - marks[1]], marks, number - 1, number, 25, session.peer.settle)
    session.wait_watcher(watcher, 25)
    return read_log(f"{session.tag}.seen")


def attach(session):
    """A text desktop is there; a viewer comes."""
    if session.viewing:
        raise RuntimeError("attach comes before every other scene")
    stage = session.stage("attach", "quiet")
    try:
        base, *marks, _ = stage.marks
        memory, encoder, start = session.meter.memory_kb(), session.peer.encoder_kb(), time.monotonic_ns()
        session.view()
        events = _take_in(session, marks, base)
        session.wait_until_quiet()
        if _there_ns(events) is None:
            raise RuntimeError("the viewer was not seen to show the picture")
        result = {"scene": "attach", "bytes": session.proxy.bytes_down(), "attach_ms": round((_there_ns(events) - start) / 1e6),
                  "grown_mb": round((session.meter.memory_kb() - memory) / 1024, 1), **events.get("quality", {})}
        if encoder is not None:
            result["encoder_mb"] = round((session.peer.encoder_kb() - encoder) / 1024, 1)
        return result
    finally:
        session.unstage(stage)


def photo1(session):
    """Bytes until the photo is good to look at, and until it is exact."""
    with Sampler(session.proxy) as sampler:
        result = session.play("photo1", grabs=True, settle=3)
    events = read_log(f"{session.tag}.seen")
    start = min(read_log(f"{session.tag}.drawn")["frame"].values())
    before = sampler.at(start)
    for name in ("good", "exact"):
        when = events.get(name, {}).get(0)
        result[f"{name}_bytes"] = sampler.at(when) - before if when else None
        result[f"{name}_ms"] = round((when - start) / 1e6, 1) if when else None
    return {**result, "scene": "photo1"}


def resume(session):
    """The line is down for five seconds; meanwhile a line of text is drawn. Viewers that give up are started anew at its return."""
    stage = session.stage("resume", "resume")
    try:
        base, *marks, _ = stage.marks
        origin = session.place(base, marks)
        watcher = None
        if session.peer.reconnects:
            watcher = session.watcher(origin, marks, base, base + 1, 40, session.peer.settle)
            read_line(watcher.stdout, 5, "watcher")
        with Sampler(session.proxy) as sampler:
            session.proxy.command(f"stall both {BREAK_S}")
            session.proxy.command("drop")
            back = time.monotonic_ns() + BREAK_S * 1000000000
            time.sleep(2)
            stage.go()
            time.sleep(max(0, (back - time.monotonic_ns()) / 1e9))
            if watcher:
                session.wait_watcher(watcher, 40)
                events = read_log(f"{session.tag}.seen")
            else:
                session.view_anew()
                events = _take_in(session, marks, base + 1)
        stage.finish()
        when = _there_ns(events)
        return {"scene": "resume", "resume_ms": when and round((when - back) / 1e6, 1),
                "bytes": session.proxy.bytes_down() - sampler.at(back), "anew": not session.peer.reconnects,
                **events.get("quality", {})}
    finally:
        session.unstage(stage)


def quiet(session, seconds=QUIET_S):
    """Nothing happens at all."""
    stage = session.stage("quiet", "quiet")
    try:
        base, *marks, _ = stage.marks
        session.place(base, marks)
        session.wait_until_quiet(quiet=3)
        count, cpu, encoder = session.proxy.bytes_down(), session.cpu_seconds(), session.peer.encoder_seconds()
        start = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - start
        result = {"scene": "quiet", "bytes_min": round((session.proxy.bytes_down() - count) * 60 / took),
                  "cpu_pct": round((session.cpu_seconds() - cpu) * 100 / took, 3)}
        if encoder is not None:
            result["encoder_pct"] = round((session.peer.encoder_seconds() - encoder) * 100 / took, 3)
        return result
    finally:
        session.unstage(stage)


def caret(session):
    """Only the last of the blinks carries markers."""
    result = session.play("caret", settle=1)
    return {"scene": "caret", "blinks": result["drawn"], "bytes": result["bytes"], "seconds": result["seconds"],
            "cpu_s": result["cpu_s"]}


def _stall(session, seconds):
    time.sleep(2)
    before = most = session.meter.memory_kb()
    session.proxy.command(f"stall both {seconds}")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)
        most = max(most, session.meter.memory_kb())
    return {"end_ns": int(end * 1e9), "grown_mb": round((most - before) / 1024, 1)}


def stall(session, seconds=60):
    """Two seconds after the start of a video the client reads nothing for a while: when was what was the newest frame at the
    line's return, or a later one, seen; and did drawing go on?"""
    result = session.play("stall", "video", frames=25 * (seconds + 6), timeout=seconds + 20,
                          during=lambda *_: _stall(session, seconds))
    drawn, seen = read_log(f"{session.tag}.drawn").get("frame", {}), read_log(f"{session.tag}.seen").get("last", {})
    times, end = sorted(drawn.values()), result.pop("end_ns")
    newest = max((number for number, when in drawn.items() if when <= end), default=0)
    arrival = min((when for number, when in seen.items() if number >= newest), default=None)
    return {**result, "scene": "stall", "draw_rate": round((len(times) - 1) / ((times[-1] - times[0]) / 1e9) / 25, 3),
            "resume_ms": arrival and round((arrival - end) / 1e6, 1)}


MOMENTS = {"attach": attach, "photo1": photo1, "resume": resume, "quiet": quiet, "caret": caret, "stall": stall}
