# SPDX-License-Identifier: Apache-2.0
"""machine: one QEMU (TCG) with the tiny guest, its display given to a streamer of oursystem, without hostd."""

import json
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../e2e/lib'))
from picture import read_ppm
from vedette import BUILD, Process, wait_for

# As hostd/kvm/spec.c has them.
DISPLAYS = {
    'dbus': ['-display', 'dbus,p2p=yes'],
    'spice': ['-display', 'none', '-spice',
              'port=0,disable-ticketing=on,image-compression=off,jpeg-wan-compression=never,'
              'zlib-glz-wan-compression=never,streaming-video=off,playback-compression=off,agent-mouse=off,'
              'disable-copy-paste=on,disable-agent-file-xfer=on,seamless-migration=off'],
}
GPUS = {
    'virtio': 'virtio-vga,id=gpu,max_outputs=1,edid=on,xres={},yres={}',
    'qxl': 'qxl-vga,id=gpu,max_outputs=1,xres={},yres={}',
}
CLIENT_KIND = {'dbus': '@dbus-display', 'spice': 'spice'}


def image_folder():
    """The tiny image; VEDETTE_TINY names one that is made already."""
    folder = os.environ.get('VEDETTE_TINY') or f'{BUILD}/tests/images/tiny/1'
    if not os.path.exists(f'{folder}/manifest.json'):
        recipe = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../hostd/image/recipes/tiny.recipe')
        subprocess.run([f'{BUILD}/hostd/image/vedette-image', 'build', 'tiny', '--recipe', recipe, '--images',
                        os.path.dirname(os.path.dirname(folder)), '--guest', f'{BUILD}/hostd/guest', '--cache', f'{BUILD}/tests/cache'], check=True,
                       stdout=subprocess.DEVNULL)
    return folder


def tiny_boot():
    image = image_folder()
    with open(f'{image}/manifest.json', encoding='utf-8') as file:
        return f'{image}/vmlinuz', f'{image}/initrd.img', json.load(file)['cmdline']


class Machine:
    def __init__(self, folder, display, gpu='virtio', memory_mb=192, size=(1280, 800), boot=None, display_options=None):
        """boot: kernel, initial file system and command line of another guest; display_options: QEMU's, of another display."""
        self.folder, self.display, self.lock = folder, display, threading.Lock()
        self.count = 0
        kernel, initrd, cmdline = boot or tiny_boot()
        self.process = Process([
            'qemu-system-x86_64', '-name', 'guest=bench,debug-threads=on', '-nodefaults', '-no-user-config', '-machine', 'q35,usb=off,vmport=off,smbus=off,sata=off,hpet=off',
            '-accel', 'tcg,thread=multi', '-cpu', 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand', '-smp', '1',
            '-m', f'{memory_mb}M', '-qmp', f'unix:{folder}/qmp.sock,server=on,wait=off', *(display_options or DISPLAYS[display]),
            '-device', GPUS[gpu].format(*size),
            '-device', 'virtio-keyboard-pci', '-device', 'virtio-tablet-pci', '-object', 'rng-random,id=r,filename=/dev/urandom',
            '-device', 'virtio-rng-pci,rng=r', '-chardev', f'socket,id=agent,path={folder}/agent.sock,server=on,wait=off',
            '-device', 'virtio-serial-pci,id=serial,max_ports=2',
            '-device', 'virtserialport,bus=serial.0,nr=1,chardev=agent,name=org.vedette.agent.0',
            '-kernel', kernel, '-initrd', initrd, '-append', cmdline])
        self.pid = self.process.pid
        self.qmp = socket.socket(socket.AF_UNIX)
        wait_for(lambda: os.path.exists(f'{folder}/qmp.sock'), what='the monitor')
        self.qmp.settimeout(30)
        self.qmp.connect(f'{folder}/qmp.sock')
        self.stream = self.qmp.makefile('r', encoding='utf-8')
        self.stream.readline()
        self.ask('qmp_capabilities')

    def ask(self, command, fd=None, **arguments):
        with self.lock:
            data = json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n'
            if fd is None:
                self.qmp.sendall(data)
            else:
                socket.send_fds(self.qmp, [data], [fd])
            while True:
                answer = json.loads(self.stream.readline())
                if 'event' not in answer:
                    break
        if 'return' not in answer:
            raise AssertionError(f'{command}: {answer}')
        return answer['return']

    def wait_ready(self, seconds=60):
        """Until the guest's agent says that the session is on the screen."""
        agent = socket.socket(socket.AF_UNIX)
        agent.connect(f'{self.folder}/agent.sock')
        agent.settimeout(seconds)
        text = b''
        while b'"ready"' not in text:
            part = agent.recv(4096)
            if not part:
                raise AssertionError('the agent went away')
            text += part
        agent.close()

    def take_display(self, fd):
        """What a streamer sends in answer to {"type":"display"}."""
        self.count += 1
        self.ask('getfd', fd=fd, fdname=f'display-{self.count}')
        more = {'skipauth': True} if self.display == 'spice' else {}
        self.ask('add_client', protocol=CLIENT_KIND[self.display], fdname=f'display-{self.count}', **more)
        os.close(fd)

    def screendump(self):
        path = f'{self.folder}/screen.ppm'
        self.ask('screendump', filename=path)
        return read_ppm(path)

    def stop(self):
        self.qmp.close()
        self.process.stop()
