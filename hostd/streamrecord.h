/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_STREAMRECORD_H
#define HOSTD_STREAMRECORD_H

/* streamrecord: what is on disk about a desktop's streamer, streamer.json in the desktop's folder.
 */

#include <stdbool.h>

#include "protocol/launch/launch.h"

#define HOSTD_STREAM_ID_MAX 64u

struct hostd_streamrecord {
    const char *boot_id; /* borrowed; of this boot */
    unsigned slot;
    struct vd_process process;             /* pid 0: none */
    char dialled[HOSTD_STREAM_ID_MAX + 1]; /* the last stream that it was told to dial */
};

/* 0 or a negative errno. */
int hostd_streamrecord_write(const struct hostd_streamrecord *record, const char *folder);

/*
 * Fills all but boot_id, which says what boot this is; process only while it runs. False when there
 * is none, or it is damaged.
 */
bool hostd_streamrecord_read(struct hostd_streamrecord *record, const char *folder);

#endif
