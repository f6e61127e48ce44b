/* SPDX-License-Identifier: Apache-2.0 */
/* process: names a process for good, so that a pid that was reused is never taken for the old one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/launch/launch.h"

#define STAT_MAX_BYTES 4096u

/* Reads state and start time of pid; false when there is no such process. */
static bool
read_stat(pid_t pid, char *ret_state, uint64_t *ret_start_time)
{
    char path[64];
    char *text = NULL;
    const char *after_name;
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (pid <= 0 || vd_file_read(path, STAT_MAX_BYTES, &text, NULL) < 0) {
        return false;
    }
    /* The name may hold blanks and parentheses; the last one ends it. */
    after_name = strrchr(text, ')');
    if (after_name != NULL) {
        found = sscanf(after_name,
                       ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                       "%*s %" SCNu64,
                       ret_state, ret_start_time) == 2;
    }
    free(text);
    return found;
}

uint64_t
vd_process_start_time(pid_t pid)
{
    uint64_t start_time = 0;
    char state;

    return read_stat(pid, &state, &start_time) ? start_time : 0;
}

bool
vd_process_is_alive(struct vd_process process)
{
    uint64_t start_time = 0;
    char state = '\0';

    return read_stat(process.pid, &state, &start_time) && start_time == process.start_time &&
           state != 'Z' && state != 'X';
}
