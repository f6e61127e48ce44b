# SPDX-License-Identifier: Apache-2.0
"""prepare: what a bench beside peers needs before it measures: packages of Debian, programs of ours."""
import os
import subprocess
import sys

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))


def install(packages):
    """Installs those that are missing, and what our programs are built with."""
    with open(f"{SOURCE}/autogen.packages") as lines:
        ours_needs = {line.split()[1] for line in lines if line.startswith("build ")}
    wanted = sorted(set(packages) | ours_needs)
    missing = [package for package in wanted
               if subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], capture_output=True,
                                 text=True).stdout != "install ok installed"]
    if missing:
        print("installing", *missing, file=sys.stderr)
        # A server that its package starts would be measured with the others; this policy lets none start.
        policy = "/usr/sbin/policy-rc.d"
        mine = not os.path.exists(policy)
        if mine:
            with open(policy, "w") as script:
                script.write("#!/bin/sh\nexit 101\n")
            os.chmod(policy, 0o755)
        try:
            subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *missing], check=True,
                           env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdout=subprocess.DEVNULL)
        finally:
            if mine:
                os.unlink(policy)


def make(build, parts):
    """Builds what is not built of these folders, from a fresh clone too."""
    if not os.path.exists(f"{build}/config.status"):
        if not os.path.exists(f"{SOURCE}/configure"):
            subprocess.run(["autoreconf", "-if"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
        os.makedirs(build, exist_ok=True)
        subprocess.run([f"{SOURCE}/configure", "CFLAGS=-O2 -g"], cwd=build, check=True, stdout=subprocess.DEVNULL)
    for part in parts:
        subprocess.run(["make", "-j2", "-C", f"{build}/{part}"], check=True, stdout=subprocess.DEVNULL)
