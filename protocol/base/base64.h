/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_BASE64_H
#define VEDETTE_BASE_BASE64_H

/* base64: bytes inside JSON texts; RFC 4648 section 4, with padding. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that so many bytes become, without a terminating zero. */
#define VD_BASE64_CHARS(size) (((size) + 2u) / 3u * 4u)

/* Writes VD_BASE64_CHARS(size) characters and a terminating zero. */
void vd_base64_encode(char *ret_text, const void *data, size_t size);

/*
 * The bytes of text, which has length characters, into at most room bytes. Strict: one text for
 * the same bytes, so no white space, no missing padding and no bits beyond the end. False and
 * nothing of use in ret_data otherwise.
 */
bool vd_base64_decode(const char *text, size_t length, void *ret_data, size_t room,
                      size_t *ret_size);

#endif
