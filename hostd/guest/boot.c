/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vedette-boot: the init of a disk image's initial file system. It loads the modules that the root
 * disk and the display need, mounts /dev/vda and hands over to the image's own init. A
 * distribution's initial file system finds its way on any hardware; this one knows the machine, and
 * saves seconds without KVM.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/guest/modules.h"
#include "hostd/guest/uevent.h"

#define DISK       "/dev/vda"
#define NEW_ROOT   "/root"
#define DISK_TRIES 100 /* of 100 ms each */

static _Noreturn void
give_up(const char *what)
{
    fprintf(stderr, "vedette-boot: %s: %s\n", what, strerror(errno));
    _exit(1); /* the kernel panics, and panic=1 ends the machine: the host sees it */
}

static void
wait_for_disk(int uevents)
{
    struct pollfd p = {.fd = uevents, .events = POLLIN};

    for (int i = 0; i < DISK_TRIES && access(DISK, F_OK) != 0; i++) {
        poll(&p, 1, 100);
        uevent_take(uevents);
    }
}

static void
carry_mount(const char *from, const char *to)
{
    if (mount(from, to, NULL, MS_MOVE, NULL) != 0) {
        give_up(to);
    }
}

int
main(void)
{
    char name[] = "/sbin/init";
    char *argv[] = {name, NULL};
    int uevents = uevent_open();

    if (getpid() != 1) {
        fprintf(stderr, "vedette-boot: runs as the init of an image's initial file system only\n");
        return 2;
    }
    guest_mount_kernel();
    guest_load_modules();
    wait_for_disk(uevents);
    mkdir(NEW_ROOT, 0755);
    if (mount(DISK, NEW_ROOT, "ext4", MS_NOATIME, "") != 0) {
        give_up(DISK);
    }
    carry_mount("/dev", NEW_ROOT "/dev");
    carry_mount("/proc", NEW_ROOT "/proc");
    carry_mount("/sys", NEW_ROOT "/sys");
    if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 ||
        chdir("/") != 0) {
        give_up(NEW_ROOT);
    }
    execv(argv[0], argv);
    give_up(argv[0]);
}
