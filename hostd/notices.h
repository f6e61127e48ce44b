/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_NOTICES_H
#define HOSTD_NOTICES_H

/*
 * notices: what the user of a stream is told, once to each stream: the broker's notices, and that
 * her machine stands still. Messages for the streamer (docs/PROTOCOL.md, "Local channels").
 */

#include <jansson.h>
#include <stdbool.h>

#include "hostd/streamrecord.h"

/* All zeros at first. */
struct hostd_notices {
    char held[HOSTD_STREAM_ID_MAX + 1]; /* the stream that was told that its machine stands still */
    char noticed[HOSTD_STREAM_ID_MAX + 1]; /* the stream that was told a notice, */
    json_int_t number;                     /* and its number */
};

/*
 * The message about notice, as the broker's list has it, to stream, which is the one it is for and
 * streams; NULL when there is none or it was told. New reference, noted as told.
 */
json_t *hostd_notices_take(struct hostd_notices *notices, const json_t *notice, const char *stream);

/* The same when whether the machine stands still is news to stream. */
json_t *hostd_notices_held(struct hostd_notices *notices, bool held, const char *stream);

#endif
