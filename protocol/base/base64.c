/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/base64.h"

#define INVALID 64u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
vd_base64_encode(char *ret_text, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t i;

    for (i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);

        *ret_text++ = alphabet[three >> 18];
        *ret_text++ = alphabet[three >> 12 & 63];
        *ret_text++ = left > 1 ? alphabet[three >> 6 & 63] : '=';
        *ret_text++ = left > 2 ? alphabet[three & 63] : '=';
    }
    *ret_text = '\0';
}

static uint32_t
value_of(char character)
{
    uint8_t c = (uint8_t)character;

    return c >= 'A' && c <= 'Z'   ? c - (uint32_t)'A'
           : c >= 'a' && c <= 'z' ? c - (uint32_t)'a' + 26
           : c >= '0' && c <= '9' ? c - (uint32_t)'0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : INVALID;
}

bool
vd_base64_decode(const char *text, size_t length, void *ret_data, size_t room, size_t *ret_size)
{
    uint8_t *bytes = ret_data;
    size_t padding = 0;
    size_t size;
    size_t used = 0;
    size_t i;

    if (length % 4 != 0) {
        return false;
    }
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    size = length / 4 * 3 - padding;
    if (size > room) {
        return false;
    }
    for (i = 0; i < length; i += 4) {
        uint32_t three = 0;
        size_t k;

        for (k = 0; k < 4; k++) {
            uint32_t value = i + k < length - padding ? value_of(text[i + k]) : 0;

            if (value == INVALID) {
                return false;
            }
            three = three << 6 | value;
        }
        for (k = 0; k < 3; k++) {
            uint8_t byte = (uint8_t)(three >> (16 - 8 * k));

            if (used < size) {
                bytes[used++] = byte;
            } else if (byte != 0) {
                return false;
            }
        }
    }
    *ret_size = size;
    return true;
}
