# SPDX-License-Identifier: Apache-2.0
"""Vedette itself: gateway and streamer with the x11 capture, the GTK client as the viewer."""
import os
import subprocess
import time

from procs import process_seconds, resident_kb, wait_for
from servers import SIZE, Peer


class Vedette(Peer):
    name = "vedette"
    text = "Vedette: x11 capture, streamer, gateway (TLS), GTK client"
    packages = ("xdotool",)
    programs = ("xdotool",)
    reconnects = True

    def __init__(self, procs, build):
        super().__init__(procs, build)
        self.system = None

    def start(self, display):
        self.xvfb(display)
        self.start_system(["--x11", f":{display}"])

    def start_system(self, options, machine=None):
        os.environ["VEDETTE_BUILD"] = self.build["build"]
        from oursystem import OurSystem  # wants VEDETTE_BUILD when it is read
        system = OurSystem(options, machine=machine)
        system.__enter__()
        self.system = system
        for pid in (system.streamer.pid, system.gateway.pid):
            self.procs.meter.add(pid)
        self.port = system.port

    def view(self, port, display):
        self.procs.spawn([f"{self.build['build']}/client/native/vedette", "--server", f"127.0.0.1:{port}", "--ca",
                          f"{self.system.folder}/pki/ca.pem", "--user", "bench", "--pool", "bench"], display)

        environment = {**os.environ, "DISPLAY": f":{display}"}

        def ask(*words):
            return subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True).stdout.split()

        # The login page has both names filled in; Return is what a user presses.
        def logged_in():
            window = ask("search", "--name", "^bench ")
            if not window:
                ask("key", "Return")
                time.sleep(0.3)
            return window
        window = wait_for(logged_in, 20, "the client's desktop window")
        # The desktop is as large as its window: as large as everybody's.
        ask("windowsize", "--sync", window[0], *SIZE.split("x"))
        wait_for(lambda: ask("getwindowgeometry", window[0])[-1] == SIZE, 5, "the client's size")

    def encoder_kb(self):
        return resident_kb(self.system.streamer.pid)

    def encoder_seconds(self):
        return process_seconds(self.system.streamer.pid)

    def stop(self):
        if self.system:
            self.system.__exit__(None, None, None)
