# SPDX-License-Identifier: Apache-2.0
"""Processes of one run: started, counted, ended by their own pids."""
import os
import signal
import socket
import subprocess
import time


def thread_seconds(pid, wanted=lambda name: True):
    """CPU time of a process's living threads whose names are wanted."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm") as comm, open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                if wanted(comm.read().strip()):
                    total += int(stat.read().split()[0])
    except OSError:
        pass
    return total / 1e9


def process_seconds(pid):
    """CPU time of a process, of threads that have ended too: clock_getcpuclockid(3), spelled out."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_kb(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmRSS:")), 0)
    except OSError:
        return 0


class Meter:
    """CPU time of a set of processes and of everything they start, in seconds.

    A cgroup counts threads and processes that have ended too; without one the living processes' schedstat is summed.
    """

    V1 = "/sys/fs/cgroup/cpuacct"
    V2 = "/sys/fs/cgroup"

    def __init__(self, name):
        self.path = None
        self.pids = []
        for root, stat in ((self.V1, "cpuacct.usage"), (self.V2, "cpu.stat")):
            path = f"{root}/vedette-bench-{os.getpid()}-{name}"
            try:
                os.mkdir(path)
            except OSError:
                continue
            if os.path.exists(f"{path}/{stat}"):
                self.path, self.stat = path, stat
                return
            os.rmdir(path)

    def kind(self):
        return f"cgroup {self.stat}" if self.path else "schedstat of the living threads"

    def add(self, pid):
        self.pids.append(pid)
        if self.path:
            with open(f"{self.path}/cgroup.procs", "w") as procs:
                procs.write(str(pid))

    def _tree(self):
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as stat:
                        parent = int(stat.read().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry))
        todo, seen = list(self.pids), set()
        while todo:
            pid = todo.pop()
            if pid not in seen:
                seen.add(pid)
                todo += children.get(pid, [])
        return seen

    def seconds(self):
        if self.path:
            with open(f"{self.path}/{self.stat}") as stat:
                text = stat.read()
            if self.stat == "cpuacct.usage":
                return int(text) / 1e9
            return int(text.split("usage_usec", 1)[1].split()[0]) / 1e6
        return sum(thread_seconds(pid) for pid in self._tree())

    def memory_kb(self):
        """Resident memory of the counted processes."""
        return sum(resident_kb(pid) for pid in self._tree())

    def close(self):
        if self.path:
            try:
                os.rmdir(self.path)
            except OSError:
                pass


class Procs:
    """What one session of one peer has started."""

    def __init__(self, folder, meter):
        self.folder = folder
        self.meter = meter
        self.started = []
        self.count = 0
        os.makedirs(f"{folder}/home", exist_ok=True)
        os.makedirs(f"{folder}/run", mode=0o700, exist_ok=True)

    def spawn(self, argv, display=None, server=False, env=None, **how):
        """server: its CPU counts. Output goes to a file of its own in the folder."""
        self.count += 1
        name = os.path.basename(argv[0])
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "GST_PLUGIN_PATH")}
        environment.update(HOME=f"{self.folder}/home", XDG_RUNTIME_DIR=f"{self.folder}/run", NO_AT_BRIDGE="1",
                           GDK_BACKEND="x11", GSETTINGS_BACKEND="memory", **(env or {}))
        if display:
            environment["DISPLAY"] = f":{display}"
        log = open(f"{self.folder}/{self.count:02}-{name}.log", "wb")
        how.setdefault("stdout", log)
        how.setdefault("stderr", log)
        how.setdefault("stdin", subprocess.DEVNULL)
        # A stopped shell waits until its pid is where it is counted, so that nothing escapes the count.
        process = subprocess.Popen(["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *argv] if server else argv,
                                   env=environment, start_new_session=True, cwd=self.folder, **how)
        log.close()
        if server:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            self.meter.add(process.pid)
            os.kill(process.pid, signal.SIGCONT)
        self.started.append(process)
        return process

    def end(self):
        for process in reversed(self.started):
            for signum, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
                try:
                    os.killpg(process.pid, signum)
                    process.wait(patience)
                    if signum == signal.SIGTERM:
                        continue
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    pass
            process.poll()
        self.started = []


def wait_for(what, seconds, text):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = what()
        if result:
            return result
        time.sleep(0.05)
    raise RuntimeError(f"{text}: not within {seconds} s")


def display_is_up(number):
    return lambda: os.path.exists(f"/tmp/.X11-unix/X{number}")


def port_is_up(port):
    """Whether someone listens there; asks the kernel, because a connection would be the peer's first client."""
    def look():
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table) as lines:
                for line in lines:
                    fields = line.split()
                    if len(fields) > 3 and fields[3] == "0A" and fields[1].endswith(f":{port:04X}"):
                        return True
        return False
    return look


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_display(first):
    number = first
    while os.path.exists(f"/tmp/.X11-unix/X{number}") or os.path.exists(f"/tmp/.X{number}-lock"):
        number += 1
    return number
