# SPDX-License-Identifier: Apache-2.0
"""The three systems: how each one's machine, gateway and page are started. Defaults as Debian ships them."""
import os
import signal
import subprocess

from machine import Machine
from machines import GUEST, Guest, make_image
from oursystem import OurSystem
from procs import free_port, port_is_up, wait_for
from system import process_children
from vedette import Process, make_pki

SIZE = (1024, 768)
MEMORY_MB = 512
BOOT_S = 90


class Web:
    """start() brings a machine and its gateway, show() a page that shows it."""
    name = text = ""
    packages = ("chromium", "iproute2", "openssl", "qemu-system-x86", *GUEST)
    files = ()  # without these it is not installed
    display = None  # QEMU's options, None: for our streamer
    gateway_name = ""
    in_worker = False  # whether its page decodes and paints there

    def __init__(self, build):
        self.build = build
        self.machine = self.guest = None
        self.target = free_port()  # of QEMU's own server

    @classmethod
    def available(cls):
        return all(os.path.exists(path) for path in cls.files)

    def start(self, folder):
        self.folder = folder
        options = self.display and [word.format(port=self.target, vnc=self.target - 5900) for word in self.display]
        self.machine = Machine(folder, "other" if options else "dbus", memory_mb=MEMORY_MB, size=SIZE,
                               boot=make_image(self.build, "scene-vm-xga"), display_options=options)
        self.guest = Guest(f"{folder}/agent.sock")
        self.guest.ask("time", "time", BOOT_S)
        self.start_gateway()

    def start_gateway(self):
        raise NotImplementedError

    def show(self, page):
        """From the empty page to one that is connected; the first picture may still be on its way."""
        raise NotImplementedError

    def gateway_pid(self):
        raise NotImplementedError

    def server_pids(self):
        """Besides QEMU: whose processor time is the server's."""
        return [self.gateway_pid()]

    def stop(self):
        if self.machine:
            self.machine.stop()


class Vedette(Web):
    name = "vedette"
    text = "Vedette: QEMU's D-Bus display, vedette-streamer, vedette-gateway, its own page"
    packages = (*Web.packages, "qemu-system-gui")
    gateway_name = "vedette-gateway"
    focus = ".stage"
    in_worker = True
    ours = None

    def start_gateway(self):
        ours = OurSystem([], machine=self.machine)
        try:
            self.ours = ours.__enter__()
        except BaseException:
            for process in (ours.streamer, getattr(ours, "gateway", None)):
                if process:
                    process.stop()
            raise
        self.port, self.certificate = ours.port, f"{ours.folder}/pki/server.pem"

    def show(self, page):
        page.open(f"https://localhost:{self.port}/")
        page.click(".pool button")
        page.wait_live()

    def gateway_pid(self):
        return self.ours.gateway.pid

    def server_pids(self):
        return [self.ours.gateway.pid, self.ours.streamer.pid]

    def stop(self):
        if self.ours:
            self.ours.__exit__()
        super().stop()


class Websockify:
    """One websockify with TLS in front of a port; it starts a process for each connection."""

    def __init__(self, folder, target, web=None, options=(), environment=None):
        make_pki(folder, "127.0.0.1", "localhost")
        self.certificate, self.ca, self.port = f"{folder}/server.pem", f"{folder}/ca.pem", free_port()
        self.process = Process(["websockify", "--ssl-only", f"--cert={self.certificate}", f"--key={folder}/server.key",
                                *([f"--web={web}"] if web else []), *options, f"127.0.0.1:{self.port}", f"127.0.0.1:{target}"],
                               cwd=folder, stdout=subprocess.DEVNULL, env=environment)
        self.pid = self.process.pid
        wait_for(port_is_up(self.port), 20, "websockify's port")

    def stop(self):
        children = [pid for pid, _name in process_children(self.pid)]
        self.process.stop()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Websockified(Web):
    """QEMU's own server behind websockify, which serves the page too."""
    gateway_name = "websockify"
    web = address = ""
    gateway = None

    def start_gateway(self):
        wait_for(port_is_up(self.target), 20, "QEMU's port")
        self.gateway = Websockify(self.folder, self.target, self.web)
        self.port, self.certificate = self.gateway.port, self.gateway.certificate

    def show(self, page):
        page.open(f"https://localhost:{self.port}/{self.address}")
        page.wait("vedetteEye.canvas() !== null", 60)

    def gateway_pid(self):
        return self.gateway.pid

    def stop(self):
        if self.gateway:
            self.gateway.stop()
        super().stop()


class NoVnc(Websockified):
    name = "novnc"
    text = "noVNC, websockify, QEMU's VNC"
    packages = (*Web.packages, "novnc", "websockify")
    web = "/usr/share/novnc"
    files = (f"{web}/vnc.html", "/usr/bin/websockify")
    address = "vnc.html?autoconnect=true&resize=off&path=websockify"
    display = ("-display", "none", "-vnc", "127.0.0.1:{vnc}")
    focus = "#noVNC_container canvas"


class SpiceHtml5(Websockified):
    name = "spice-html5"
    text = "spice-html5, websockify, QEMU's SPICE"
    packages = (*Web.packages, "spice-html5", "websockify")
    web = "/usr/share/spice-html5"
    files = (f"{web}/spice_auto.html", "/usr/bin/websockify")
    address = "spice_auto.html?path=websockify"
    display = ("-display", "none", "-spice", "addr=127.0.0.1,port={port},disable-ticketing=on")
    focus = "#spice-screen canvas"


EVERYONE = (Vedette, NoVnc, SpiceHtml5)
