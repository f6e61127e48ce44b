/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/lastscreen.h"

#include <glib.h>

#include "protocol/base/base64.h"
#include "protocol/base/log.h"
#include "protocol/codec/small.h"
#include "protocol/wire/error.h"

json_t *
streamer_lastscreen_message(struct streamer_shadow *shadow)
{
    struct streamer_picture picture = {0};
    struct vdp_buffer jpeg = {0};
    struct vdp_image image;
    uint16_t width = 0;
    uint16_t height = 0;
    json_t *message = NULL;
    char *text;
    int result;

    if (!streamer_shadow_copy(shadow, &picture)) {
        return NULL;
    }
    image = (struct vdp_image){picture.pixels, picture.width * 4u, picture.width, picture.height};
    result = vdp_small_make(&image, &jpeg, &width, &height);
    if (result == 0) {
        text = g_malloc(VD_BASE64_CHARS(jpeg.size) + 1);
        vd_base64_encode(text, jpeg.data, jpeg.size);
        message = json_pack("{s:s, s:i, s:i, s:s}", "type", "picture", "width", (int)width,
                            "height", (int)height, "jpeg", text);
        g_free(text);
    } else {
        vd_debug("lastscreen", "no picture of the last screen: %s", vdp_strerror(result));
    }
    vdp_buffer_clear(&jpeg);
    streamer_picture_clear(&picture);
    return message;
}
