# SPDX-License-Identifier: Apache-2.0
"""Processor time and bytes, read alike for everybody: /proc/PID/task/TID/schedstat and the kernel's count of each connection."""
import os
import re
import subprocess

from procs import thread_seconds
from system import process_children

WORKER = "DedicatedWorker"  # how Chromium names a worker's thread, as far as a thread's name goes


def tree(pid):
    return [pid, *(child for child, _name in process_children(pid))]


def tree_seconds(pid):
    """Of a process and all that it started, as far as they live."""
    return sum(thread_seconds(one) for one in tree(pid))


def qemu_seconds(pid):
    """QEMU without its virtual processor: what the display and the devices cost."""
    return thread_seconds(pid, lambda name: not name.startswith("CPU "))


def _words(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _script_seconds(pid):
    """The threads of a renderer on which a page's scripts run: (its main one, those of its workers)."""
    main = workers = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm") as comm, open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                if int(task) == pid:
                    main += int(stat.read().split()[0])
                elif comm.read().startswith(WORKER):
                    workers += int(stat.read().split()[0])
    except OSError:
        pass
    return main / 1e9, workers / 1e9


def browser_seconds(pid):
    """{main, worker, renderer, browser}: the threads that run scripts, their processes, all of Chromium."""
    pids = tree(pid)
    renderers = [one for one in pids if b"--type=renderer" in _words(one)]
    scripts = [_script_seconds(one) for one in renderers]
    return {"main": sum(main for main, _workers in scripts), "worker": sum(workers for _main, workers in scripts),
            "renderer": sum(thread_seconds(one) for one in renderers),
            "browser": sum(thread_seconds(one) for one in pids)}


def sent(port):
    """{peer: bytes} of the connections that were accepted at a port: TCP payload to the client, TLS included."""
    answer = subprocess.run(["ss", "-tinHO", "state", "established", f"( sport = :{port} )"], check=True, capture_output=True,
                            text=True).stdout
    counts = {}
    for line in answer.splitlines():
        found = re.search(r"\bbytes_sent:(\d+)", line)
        counts[line.split()[3]] = int(found.group(1)) if found else 0
    return counts


def bytes_between(before, after):
    """What the connections that are there afterwards have carried meanwhile."""
    return sum(count - before.get(peer, 0) for peer, count in after.items())
