# SPDX-License-Identifier: Apache-2.0
"""The scenes inside a QEMU machine, which is shown once by Vedette, once by QEMU's own VNC, once by its own SPICE."""
import os
import shutil
import socket
import subprocess
import time

from ours import Vedette
from procs import port_is_up, thread_seconds, wait_for
from servers import Peer, TigerVnc, Xspice
from stage import read_line

# Emulated processors are slow: what is 30 times a second elsewhere is 10 times a second here, for all three.
SLOWER = {"scroll": 200, "web": 200, "video": 150}
SCENES = ("attach", "type", "input", "scroll", "web", "flip", "alttab", "photo1", "video")
# What the guest is made with and of.
GUEST = ("cpio", "fonts-dejavu-core", "kmod", "xz-utils")
FONTS = "/usr/share/fonts/truetype/dejavu"


def make_image(build, name="scene-vm"):
    """The tiny guest's kernel and modules with scene-vm, or its like of another size, as the only program."""
    from machine import tiny_boot  # wants VEDETTE_BUILD when it is read
    kernel, initrd, cmdline = tiny_boot()
    program, root, image = (f"{build}/tests/bench/{path}" for path in (f"peers/{name}", name, f"{name}.img"))
    if not os.path.exists(image) or os.path.getmtime(image) < max(os.path.getmtime(program), os.path.getmtime(initrd)):
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(f"{root}/tmp")
        shutil.copy(program, f"{root}/init")
        libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.split()
        for path in sorted({word for word in libraries if word.startswith("/")}):
            os.makedirs(f"{root}{os.path.dirname(path)}", exist_ok=True)
            shutil.copy(path, f"{root}{path}")
        for folder in (FONTS, "/etc/fonts", "/usr/share/fontconfig"):
            if os.path.exists(folder):
                shutil.copytree(folder, f"{root}{folder}")
        names = subprocess.run(["find", ".", "-print0"], cwd=root, check=True, capture_output=True).stdout
        packed = subprocess.run(["cpio", "--quiet", "--null", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=names, check=True,
                                capture_output=True).stdout
        with open(initrd, "rb") as first, open(f"{image}.new", "wb") as target:
            target.write(first.read())
            target.write(packed)  # what comes later in such a file replaces what came before
        os.replace(f"{image}.new", image)
    return kernel, image, cmdline + " clocksource=acpi_pm"


class Guest:
    """The host's end of the guest's port."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb", buffering=0)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hear(self, seconds):
        return read_line(self.stream, seconds, "the guest").decode().strip()

    def ask(self, text, answer, seconds):
        self.say(text)
        line = self.hear(seconds)
        if line.split()[0] != answer:
            raise RuntimeError(f"the guest said {line}")
        return line

    def lines_until(self, last, seconds):
        lines = []
        while True:
            line = self.hear(seconds)
            if line == last:
                return lines
            lines.append(line)

    def clock_offset(self):
        """What is added to the guest's nanoseconds to make them the host's: of twenty questions the one that was answered the
        soonest; the error is at most half of what that took."""
        best = None
        for _ in range(20):
            before = time.monotonic_ns()
            guest = int(self.ask("time", "time", 10).split()[1])
            after = time.monotonic_ns()
            if best is None or after - before < best[0]:
                best = (after - before, (before + after) // 2 - guest)
        self.clock_error_us = best[0] // 2000
        return best[1]


class InMachine(Peer):
    """Mixed with the class that knows the viewer."""
    machine = True
    slower = SLOWER
    lines = ("vm",)
    scenes = SCENES
    settle = 3
    reconnects = False
    display = None  # QEMU's options

    def start_machine(self, kind):
        os.environ["VEDETTE_BUILD"] = self.build["build"]
        from machine import Machine
        folder = f"{self.procs.folder}/machine"
        os.makedirs(folder)
        self.qemu = Machine(folder, kind, memory_mb=512, size=(1280, 720), boot=make_image(self.build["build"]),
                            display_options=self.display and [word.format(port=self.port, vnc=self.port - 5900)
                                                              for word in self.display])
        self.guest = Guest(f"{folder}/agent.sock")
        self.guest.ask("time", "time", 90)

    def start(self, display):
        self.start_machine("other")
        wait_for(port_is_up(self.port), 10, "QEMU's port")

    def more_seconds(self):
        """QEMU without its virtual processor: what the display and the devices cost."""
        return thread_seconds(self.qemu.pid, lambda name: not name.startswith("CPU "))

    def stop(self):
        super().stop()
        if getattr(self, "qemu", None):
            self.qemu.stop()


class VmVedette(InMachine, Vedette):
    name = "vm-vedette"
    text = "Vedette: QEMU's D-Bus display, streamer, gateway (TLS), GTK client"
    packages = ("xdotool", "qemu-system-x86", "qemu-system-gui", *GUEST)
    programs = ("xdotool", "qemu-system-x86_64")

    def start(self, display):
        self.start_machine("dbus")
        self.start_system([], self.qemu)


class VmVnc(InMachine, TigerVnc):
    name = "vm-qemu-vnc"
    text = "QEMU's VNC, xtigervncviewer"
    packages = ("qemu-system-x86", "tigervnc-viewer", *GUEST)
    programs = ("qemu-system-x86_64", "xtigervncviewer")
    display = ("-display", "none", "-vnc", "127.0.0.1:{vnc}")


class VmSpice(InMachine, Xspice):
    name = "vm-qemu-spice"
    text = "QEMU's SPICE, spicy"
    packages = ("qemu-system-x86", "spice-client-gtk", *GUEST)
    programs = ("qemu-system-x86_64", "spicy")
    display = ("-display", "none", "-spice", "addr=127.0.0.1,port={port},disable-ticketing=on")


MACHINES = (VmVedette, VmVnc, VmSpice)
