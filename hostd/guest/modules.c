/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE_LIST "/modules/list"

static void
mount_one(const char *type, const char *target, unsigned long flags)
{
    mkdir(target, 0755);
    if (mount(type, target, type, flags, "") != 0 && errno != EBUSY) {
        fprintf(stderr, "init: mount %s: %s\n", target, strerror(errno));
    }
}

void
guest_mount_kernel(void)
{
    mount_one("devtmpfs", "/dev", MS_NOSUID);
    mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
    mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

static void
load_module(const char *file, const char *parameters)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "/modules/%s", file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1 || (syscall(SYS_finit_module, fd, parameters, 0) != 0 && errno != EEXIST)) {
        fprintf(stderr, "init: %s: %s\n", path, strerror(errno));
    }
    if (fd != -1) {
        close(fd);
    }
}

void
guest_load_modules(void)
{
    FILE *list = fopen(MODULE_LIST, "re");
    char line[256];

    if (list == NULL) {
        fprintf(stderr, "init: %s: %s\n", MODULE_LIST, strerror(errno));
        return;
    }
    while (fgets(line, sizeof(line), list) != NULL) {
        char *parameters;

        line[strcspn(line, "\n")] = '\0';
        parameters = strchr(line, ' ');
        if (parameters != NULL) {
            *parameters++ = '\0';
        }
        if (line[0] != '\0') {
            load_module(line, parameters == NULL ? "" : parameters);
        }
    }
    fclose(list);
}
