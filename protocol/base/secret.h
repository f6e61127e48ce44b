/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_SECRET_H
#define VEDETTE_BASE_SECRET_H

/*
 * secret: random tokens, and memory that is wiped.
 *
 * Tokens come from getrandom(2); base64url is RFC 4648 section 5 without padding.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VD_TOKEN_BYTES 32u /* 256 bits */
#define VD_TOKEN_CHARS 43u /* the same in base64url */

/* Fills data with random bytes; aborts when the kernel has none to give. */
void vd_random(void *data, size_t size);

/* Writes a fresh token of VD_TOKEN_CHARS characters and a terminating zero. */
void vd_token_new(char ret_token[VD_TOKEN_CHARS + 1]);

/* True for exactly VD_TOKEN_CHARS characters of the base64url alphabet. */
bool vd_token_is_well_formed(const char *text);

/* Writes 2 * size hexadecimal digits and a terminating zero. */
void vd_hex(char *ret_text, const void *data, size_t size);

/* Compares without telling by time where the difference is. */
bool vd_secret_equal(const void *a, const void *b, size_t size);

/* Overwrites and frees a string; accepts NULL. */
void vd_secret_free(char *text);

/*
 * Overwrites and frees memory of malloc(), the whole block; accepts NULL. For libraries that let
 * their memory be freed by us, such as json_set_alloc_funcs(malloc, vd_secret_release).
 */
void vd_secret_release(void *memory);

/* RLIMIT_CORE 0 and not dumpable: no core file, no ptrace, no /proc/PID/mem for the same uid. */
void vd_secret_harden_process(void);

#endif
