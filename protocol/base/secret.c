/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/secret.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
vd_random(void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t n = getrandom(at, size, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            abort();
        }
        at += n;
        size -= (size_t)n;
    }
}

void
vd_token_new(char ret_token[VD_TOKEN_CHARS + 1])
{
    uint8_t bytes[VD_TOKEN_BYTES + 1];
    size_t i;

    vd_random(bytes, VD_TOKEN_BYTES);
    bytes[VD_TOKEN_BYTES] = 0; /* the last character carries 4 bits and two zero bits */
    for (i = 0; i < VD_TOKEN_CHARS; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8;

        if (bit / 8 + 1 <= VD_TOKEN_BYTES) {
            pair |= bytes[bit / 8 + 1];
        }
        ret_token[i] = base64url[(pair >> (10 - bit % 8)) & 63];
    }
    ret_token[VD_TOKEN_CHARS] = '\0';
    explicit_bzero(bytes, sizeof(bytes));
}

bool
vd_token_is_well_formed(const char *text)
{
    size_t i;

    for (i = 0; i < VD_TOKEN_CHARS; i++) {
        if (text[i] == '\0' || strchr(base64url, text[i]) == NULL) {
            return false;
        }
    }
    return text[VD_TOKEN_CHARS] == '\0';
}

void
vd_hex(char *ret_text, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    size_t i;

    for (i = 0; i < size; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * size] = '\0';
}

bool
vd_secret_equal(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t different = 0;
    size_t i;

    for (i = 0; i < size; i++) {
        different |= x[i] ^ y[i];
    }
    return different == 0;
}

void
vd_secret_free(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void
vd_secret_release(void *memory)
{
    if (memory != NULL) {
        explicit_bzero(memory, malloc_usable_size(memory));
        free(memory);
    }
}

void
vd_secret_harden_process(void)
{
    const struct rlimit none = {0, 0};

    /* Both only take away; a kernel that refuses leaves us as we were. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
