# SPDX-License-Identifier: Apache-2.0
"""The systems that are compared: how each one's server and viewer are started. Defaults as Debian ships them unless said."""
import os
import re
import shutil

from procs import display_is_up, free_port, port_is_up, wait_for

SIZE = "1280x720"


class Peer:
    """One session: start() brings a display on which a scene can be drawn, view() a viewer that goes through the proxy's port."""
    name = ""
    packages = ()
    programs = ()
    text = ""
    direct = False  # the watcher looks at the very display on which the scene draws
    machine = False  # scenes are played by a machine's guest
    reconnects = False  # the viewer comes back by itself when its connection breaks
    settle = 3  # seconds within which the picture becomes exact, if it ever does
    slower = {}  # percent that a scene is played slower by
    lines = ("lan", "wan20", "wan4", "bloat", "stall")
    scenes = None  # those that it is asked for; all otherwise
    lacks = ()  # those that it cannot play

    def __init__(self, procs, build):
        self.procs = procs
        self.build = build
        self.port = free_port()

    @classmethod
    def available(cls):
        return all(shutil.which(program) or os.path.exists(program) for program in cls.programs)

    def xvfb(self, display):
        """A server without a protocol of its own draws into Xvfb, whose CPU counts as Xvnc's would."""
        self.procs.spawn(["Xvfb", f":{display}", "-screen", "0", f"{SIZE}x24", "-nolisten", "tcp", "-noreset"], server=True)
        wait_for(display_is_up(display), 10, "Xvfb")

    def start(self, display):
        raise NotImplementedError

    def view(self, port, display):
        raise NotImplementedError

    def more_seconds(self):
        """CPU time of the server that the meter does not count."""
        return 0

    def encoder_kb(self):
        """Resident memory of the process that encodes, where it is one of its own."""

    def encoder_seconds(self):
        """Its CPU time."""

    def stop(self):
        """What end() of the processes does not do."""


class Floor(Peer):
    """Nothing between the scene and the watcher: what the instrument itself adds."""
    name = "floor"
    text = "the instrument's own floor: the watcher on the scene's display"
    programs = ("Xvfb",)
    direct = True

    def start(self, display):
        self.xvfb(display)

    def view(self, port, display):
        pass


class TigerVnc(Peer):
    name = "tigervnc"
    text = "TigerVNC, viewer's defaults (JPEG where it pays)"
    packages = ("tigervnc-standalone-server", "tigervnc-viewer")
    programs = ("Xtigervnc", "xtigervncviewer")
    options = ()
    settle = 1.5  # what it sent as JPEG stays so

    def start(self, display):
        self.procs.spawn(["Xtigervnc", f":{display}", "-geometry", SIZE, "-depth", "24", "-rfbport", str(self.port),
                          "-SecurityTypes", "None", "-localhost", "-AcceptSetDesktopSize=0"], server=True)
        wait_for(display_is_up(display), 10, "Xtigervnc")
        wait_for(port_is_up(self.port), 10, "Xtigervnc's port")

    def view(self, port, display):
        self.procs.spawn(["xtigervncviewer", "-RemoteResize=0", "-MenuKey=", *self.options, f"127.0.0.1::{port}"], display)


class TigerVncLossless(TigerVnc):
    name = "tigervnc-ll"
    settle = 3
    lines = ("lan",)
    text = "TigerVNC, Tight without JPEG"
    options = ("-AutoSelect=0", "-PreferredEncoding=Tight", "-FullColor=1", "-NoJPEG=1", "-CustomCompressLevel=1",
               "-CompressLevel=2")


class Xpra(Peer):
    name = "xpra"
    text = "xpra, seamless, mmap=no"
    lacks = ("resume",)  # after a broken connection a second viewer is let in and shown nothing
    # Of its recommendations those that an encoder or the protocol uses.
    packages = ("xpra", "python3-gi-cairo", "python3-lz4", "python3-lzo", "python3-brotli", "python3-numpy", "python3-pil")
    programs = ("xpra",)
    plain = ("--mmap=no", "--pulseaudio=no", "--speaker=no", "--microphone=no", "--webcam=no", "--printing=no",
             "--notifications=no", "--bell=no", "--mdns=no", "--clipboard=no", "--file-transfer=no", "--dbus-launch=")

    def start(self, display):
        self.procs.spawn(["xpra", "start", f":{display}", "--daemon=no", f"--bind-tcp=127.0.0.1:{self.port}",
                          "--html=off", "--systemd-run=no", "--dbus-proxy=no", "--dbus-control=no", "--start-new-commands=no",
                          f"--xvfb=Xvfb +extension Composite -screen 0 {SIZE}x24+32 -nolisten tcp -noreset",
                          *self.plain], server=True)
        wait_for(port_is_up(self.port), 30, "xpra's port")

    def view(self, port, display):
        self.procs.spawn(["xpra", "attach", f"tcp://127.0.0.1:{port}/", "--opengl=no", "--tray=no", *self.plain], display)


class Xspice(Peer):
    name = "spice"
    text = "SPICE: Xspice (QXL driver and spice-server in Xorg), spicy"
    packages = ("xserver-xspice", "spice-client-gtk")
    programs = ("Xspice", "spicy")

    def start(self, display):
        # As packaged it asks for four heads in a framebuffer that is too small for them, and crashes.
        with open("/etc/X11/spiceqxl.xorg.conf") as source:
            config = re.sub(r"(?m)^\s*#.*\n", "", source.read())
        options = "".join(f'    Option "{name}" "{value}"\n' for name, value in (
            ("NumHeads", 1), ("FrameBufferSize", 32), ("SurfaceBufferSize", 128), ("CommandBufferSize", 128),
            ("SpiceDisableTicketing", "True"), ("SpicePort", self.port), ("SpiceAddr", "127.0.0.1")))
        config = config.replace('Driver "spiceqxl"\n', f'Driver "spiceqxl"\n{options}', 1)
        config = config.replace("    DefaultDepth 24\n", '    DefaultDepth 24\n    SubSection "Display"\n        Depth 24\n'
                                f'        Modes "{SIZE}"\n    EndSubSection\n', 1)
        path = f"{self.procs.folder}/xspice.conf"
        with open(path, "w") as target:
            target.write(config)
        self.procs.spawn(["Xspice", "--config", path, "--port", str(self.port), "--disable-ticketing",
                          f":{display}", "-noreset", "-nolisten", "tcp",
                          "-logfile", f"{self.procs.folder}/xspice-xorg.log"],
                         server=True)
        wait_for(display_is_up(display), 10, "Xspice")
        wait_for(port_is_up(self.port), 10, "Xspice's port")
        self.procs.spawn(["xrandr", "-s", SIZE], display)

    def view(self, port, display):
        folder = f"{self.procs.folder}/home/.config/spicy"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/settings", "w") as settings:
            settings.write("[general]\nresize-guest=false\nscaling=false\n")
        self.procs.spawn(["spicy", "-h", "127.0.0.1", "-p", str(port)], display)


class Shadow(Peer):
    name = "freerdp-shadow"
    settle = 1.5
    lines = ("lan",)
    scenes = ("type", "scroll", "flip", "photo", "video", "input")
    text = "FreeRDP shadow of an Xvfb, RemoteFX"
    packages = ("freerdp2-shadow-x11", "freerdp2-x11")
    programs = ("freerdp-shadow-cli", "xfreerdp")

    def start(self, display):
        self.xvfb(display)
        self.procs.spawn(["freerdp-shadow-cli", f"/port:{self.port}", "/bind-address:127.0.0.1", "-auth", "/sec:tls"],
                         display, server=True)
        wait_for(port_is_up(self.port), 20, "the shadow's port")

    def view(self, port, display):
        self.procs.spawn(["xfreerdp", f"/v:127.0.0.1:{port}", "/u:bench", "/p:bench", "/cert:ignore", "/sec:tls", "/rfx",
                          f"/size:{SIZE}", "-decorations"], display)


class Xrdp(Peer):
    name = "xrdp"
    text = "xrdp with xorgxrdp, xfreerdp"
    packages = ("xrdp", "xorgxrdp", "freerdp2-x11")
    programs = ("/usr/sbin/xrdp", "/etc/X11/xrdp/xorg.conf", "xfreerdp")

    def start(self, display):
        os.makedirs("/tmp/.xrdp", mode=0o1777, exist_ok=True)
        env = {"DISPLAY": f":{display}"}
        self.procs.spawn(["/usr/lib/xorg/Xorg", f":{display}", "-config", "/etc/X11/xrdp/xorg.conf", "-noreset", "-nolisten", "tcp",
                          "-logfile", f"{self.procs.folder}/xorgxrdp.log"], server=True, env=env)
        wait_for(display_is_up(display), 10, "Xorg")
        socket = next((path for path in (f"/tmp/.xrdp/xrdp_display_{display}", f"/run/xrdp/sockdir/xrdp_display_{display}")
                       if os.path.exists(path)), f"/tmp/.xrdp/xrdp_display_{display}")
        with open("/etc/xrdp/xrdp.ini") as source:
            config = source.read().split("[Xorg]")[0]
        config = re.sub(r"(?m)^port=.*$", f"port=tcp://127.0.0.1:{self.port}", config, count=1)
        config = re.sub(r"(?m)^#?autorun=.*$", "autorun=bench", config)
        config = re.sub(r"(?m)^LogFile=.*$", f"LogFile={self.procs.folder}/xrdp.log", config)
        config += f"\n[bench]\nname=bench\nlib=libxup.so\nusername=bench\npassword=bench\nip=127.0.0.1\nport={socket}\ncode=20\n"
        path = f"{self.procs.folder}/xrdp.ini"
        with open(path, "w") as target:
            target.write(config)
        self.procs.spawn(["/usr/sbin/xrdp", "--nodaemon", "--config", path], server=True)
        wait_for(port_is_up(self.port), 10, "xrdp's port")

    def view(self, port, display):
        self.procs.spawn(["xfreerdp", f"/v:127.0.0.1:{port}", "/u:bench", "/p:bench", "/cert:ignore", f"/size:{SIZE}",
                          "-decorations"], display)


PEERS = (TigerVnc, TigerVncLossless, Xpra, Xspice, Xrdp, Shadow)
