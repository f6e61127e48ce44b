/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small picture: two bytes of width, two of height, then the JPEG. What the check takes a decoder
 * must survive. The same bytes as text are base64, of which there is one spelling.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/base64.h"
#include "protocol/codec/jpeg.h"
#include "protocol/codec/small.h"
#include "tests/fuzz/fuzz.h"

static void
respell(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    char *text = malloc(VD_BASE64_CHARS(size) + 1);
    size_t got = 0;

    if (bytes != NULL && text != NULL &&
        vd_base64_decode((const char *)data, size, bytes, size, &got)) {
        vd_base64_encode(text, bytes, got);
        if (strlen(text) != size || memcmp(text, data, size) != 0) {
            abort();
        }
    }
    free(bytes);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t pixels[VDP_SMALL_SIDE * VDP_SMALL_SIDE * 4];
    struct vdp_rect rect = {0};

    respell(data, size);
    if (size < 4) {
        return 0;
    }
    rect.width = (uint16_t)(data[0] | data[1] << 8);
    rect.height = (uint16_t)(data[2] | data[3] << 8);
    if (vdp_small_check(data + 4, size - 4, rect.width, rect.height) == 0) {
        (void)vdp_jpeg_decode(data + 4, size - 4, &rect, pixels, rect.width * 4u);
    }
    return 0;
}
