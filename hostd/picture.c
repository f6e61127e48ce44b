/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/picture.h"

#include <stdlib.h>

#include "protocol/base/base64.h"
#include "protocol/codec/small.h"

json_t *
hostd_picture_read(const json_t *message, const char *desktop, uint64_t epoch)
{
    const json_t *jpeg = json_object_get(message, "jpeg");
    json_int_t width = json_integer_value(json_object_get(message, "width"));
    json_int_t height = json_integer_value(json_object_get(message, "height"));
    uint8_t *data;
    size_t size = 0;
    bool good;

    if (!json_is_string(jpeg) || width < 1 || width > VDP_SMALL_SIDE || height < 1 ||
        height > VDP_SMALL_SIDE) {
        return NULL;
    }
    data = malloc(VDP_SMALL_MAX_BYTES);
    good = data != NULL &&
           vd_base64_decode(json_string_value(jpeg), json_string_length(jpeg), data,
                            VDP_SMALL_MAX_BYTES, &size) &&
           vdp_small_check(data, size, (unsigned)width, (unsigned)height) == 0;
    free(data);
    return good ? json_pack("{s:s, s:s, s:I, s:I, s:I, s:O}", "type", "picture", "desktop", desktop,
                            "epoch", (json_int_t)epoch, "width", width, "height", height, "jpeg",
                            jpeg)
                : NULL;
}
