/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/footprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define MAX_STATM 256u
#define BYTES_MIB (1024u * 1024u)
/*
 * Per cent of a fork's memory that is kept free for it. An idle one takes under 12, one that is
 * worked in 15 to 30 of a gigabyte; what it takes beyond that is measured and no longer free.
 */
#define FORK_SHARE 30u

unsigned
hostd_footprint_promise_mb(unsigned memory_mb, bool forked)
{
    return forked ? memory_mb * FORK_SHARE / 100 : memory_mb;
}

/* What a fork has in common with its template is not its own. */
static unsigned
touched_mb(pid_t pid, bool forked)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
    unsigned long pages = 0, resident = 0, shared = 0;
    char *text = NULL;
    size_t size;

    if (vd_file_read(path, MAX_STATM, &text, &size) < 0) {
        return 0;
    }
    if (sscanf(text, "%lu %lu %lu", &pages, &resident, &shared) == 3 && forked) {
        resident -= MIN(resident, shared);
    }
    free(text);
    return (unsigned)(resident * (unsigned long)sysconf(_SC_PAGESIZE) / BYTES_MIB);
}

unsigned
hostd_footprint_untouched_mb(const struct kvm_record *record)
{
    unsigned promise = hostd_footprint_promise_mb(record->memory_mb, record->forked);
    unsigned touched =
        record->process.pid == 0 ? 0 : touched_mb(record->process.pid, record->forked);

    if (record->stage != KVM_STAGE_PREPARED && record->process.pid == 0) {
        return 0;
    }
    return promise > touched ? promise - touched : 0;
}
