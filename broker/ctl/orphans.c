/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/orphans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define STAT_MAX_BYTES 4096u

static bool
is_living_child(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%ld/stat", (long)pid);
    char *text = NULL;
    const char *after_name;
    long parent = 0;
    char state = 'X';

    if (vd_file_read(path, STAT_MAX_BYTES, &text, NULL) < 0) {
        return false;
    }
    after_name = strrchr(text, ')');
    if (after_name == NULL || sscanf(after_name, ") %c %ld", &state, &parent) != 2) {
        parent = 0;
    }
    free(text);
    return parent == (long)getpid() && state != 'Z' && state != 'X';
}

static bool
is_known(pid_t pid, const pid_t *known, size_t known_count)
{
    size_t i;

    for (i = 0; i < known_count; i++) {
        if (known[i] == pid) {
            return true;
        }
    }
    return false;
}

GArray *
ctl_orphans_list(const pid_t *known, size_t known_count)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(pid_t));
    GDir *folder = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        pid_t pid = (pid_t)strtol(name, NULL, 10);

        if (pid > 0 && !is_known(pid, known, known_count) && is_living_child(pid)) {
            g_array_append_val(list, pid);
        }
    }
    if (folder != NULL) {
        g_dir_close(folder);
    }
    return list;
}

bool
ctl_orphans_runs(pid_t pid, const char *path)
{
    g_autofree char *link = g_strdup_printf("/proc/%ld/exe", (long)pid);
    struct stat program;
    struct stat running;

    return stat(path, &program) == 0 && stat(link, &running) == 0 &&
           program.st_dev == running.st_dev && program.st_ino == running.st_ino;
}
