# SPDX-License-Identifier: Apache-2.0
"""namespaces: a test that needs another /etc, or bridges, without touching this machine's."""

import os
import subprocess
import sys
import tempfile

MARK = 'VEDETTE_OWN_NAMESPACES'
ETC = 'mount -t overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" overlay /etc'


def own_namespaces(prepare, network=False):
    """Runs this program once more in mount (and network) namespaces of its own and ends with its status; returns there.

    prepare is a shell script that runs before, in the new namespaces, with a scratch file system at "$0" and its folders
    "upper" and "work": what it writes to "upper" lies over /etc then.
    """
    if os.environ.get(MARK):
        return
    folder = tempfile.mkdtemp(prefix='vedette-namespaces.')
    script = f'set -e\nmount -t tmpfs tmpfs "$0"\nmkdir "$0/upper" "$0/work"\n{prepare}\n{ETC}\n'
    if network:
        script += 'ip link set lo up\n'
    options = ['--mount', '--propagation', 'private', *(['--net'] if network else [])]
    done = subprocess.run(['unshare', *options, 'sh', '-c', script + 'exec "$@"', folder, sys.executable, *sys.argv],
                          env={**os.environ, MARK: '1'}, check=False)
    os.rmdir(folder)
    sys.exit(done.returncode)


def people(passwd, group):
    """For prepare: these lines behind those of the system's files."""
    return (f"{{ cat /etc/passwd; printf '%s' '{passwd}'; }} >\"$0/upper/passwd\"\n"
            f"{{ cat /etc/group; printf '%s' '{group}'; }} >\"$0/upper/group\"")


def bridges(*names, allowed=()):
    """For prepare, with network: bridges, and which of them QEMU's helper may use."""
    lines = ''.join(f'ip link add {name} type bridge\nip link set {name} up\n' for name in names)
    allow = ''.join(f'allow {name}\\n' for name in allowed)
    return f"{lines}mkdir \"$0/upper/qemu\"\nprintf '{allow}' >\"$0/upper/qemu/bridge.conf\""
