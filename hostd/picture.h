/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_PICTURE_H
#define HOSTD_PICTURE_H

/*
 * picture: the last screen of a desktop on its way from its streamer to the broker.
 *
 * The streamer meets the guest's bytes, and the broker closes the link of a host that sends it
 * nonsense: so it is looked through here, where one streamer is all that can be at fault.
 */

#include <jansson.h>
#include <stdint.h>

/*
 * What the broker is told when the streamer of a desktop said message: a new reference, or NULL
 * when that is not a picture as docs/PROTOCOL.md has it.
 */
json_t *hostd_picture_read(const json_t *message, const char *desktop, uint64_t epoch);

#endif
