/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_ERROR_H
#define VDP_ERROR_H

/* error: what the protocol library returns; 0 or positive is success. */

enum vdp_error {
    VDP_ERR_NOMEM = -1,     /* memory is short */
    VDP_ERR_TOO_BIG = -2,   /* a length is above its named limit */
    VDP_ERR_TRUNCATED = -3, /* a message ended inside a field */
    VDP_ERR_TRAILING = -4,  /* bytes were left after the last field */
    VDP_ERR_RANGE = -5,     /* a field is outside its documented range */
    VDP_ERR_STATE = -6,     /* the message is not permitted in this state or direction */
    VDP_ERR_VERSION = -7,   /* no common version */
    VDP_ERR_CRITICAL = -8,  /* an unknown record that must be understood */
    VDP_ERR_CORRUPT = -9,   /* compressed data does not decode to what was declared */
};

/* A short English phrase without a final stop; never NULL. */
const char *vdp_strerror(int error);

#endif
