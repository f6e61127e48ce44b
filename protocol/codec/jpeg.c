/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/jpeg.h"

#include <stdlib.h>
#include <turbojpeg.h>

#define FULL_COLOUR 85u /* quality from which colours keep their resolution */

struct vdp_jpeg_writer {
    tjhandle handle; /* its tables and buffers serve many pictures */
};

struct vdp_jpeg_writer *
vdp_jpeg_writer_new(void)
{
    struct vdp_jpeg_writer *writer = calloc(1, sizeof(*writer));

    if (writer != NULL) {
        writer->handle = tjInitCompress();
        if (writer->handle == NULL) {
            free(writer);
            return NULL;
        }
    }
    return writer;
}

void
vdp_jpeg_writer_free(struct vdp_jpeg_writer *writer)
{
    if (writer != NULL) {
        tjDestroy(writer->handle);
        free(writer);
    }
}

int
vdp_jpeg_encode(struct vdp_jpeg_writer *writer, const struct vdp_image *image,
                const struct vdp_rect *rect, unsigned quality, struct vdp_buffer *out)
{
    int sampling = quality >= FULL_COLOUR ? TJSAMP_444 : TJSAMP_420;
    unsigned long size = tjBufSize(rect->width, rect->height, sampling);
    uint8_t *to = vdp_buffer_reserve(out, size);
    /* The fast transform's errors show where few others are left. */
    int flags = TJFLAG_NOREALLOC | (sampling == TJSAMP_420 ? TJFLAG_FASTDCT : 0);
    int result;

    if (to == NULL) {
        return VDP_ERR_NOMEM;
    }
    result = tjCompress2(writer->handle, image->pixels + rect->y * image->stride + rect->x * 4u,
                         rect->width, (int)image->stride, rect->height, TJPF_BGRX, &to, &size,
                         sampling, (int)quality, flags);
    if (result != 0) {
        return VDP_ERR_NOMEM;
    }
    out->size += size;
    return 0;
}

int
vdp_jpeg_decode(const uint8_t *data, size_t size, const struct vdp_rect *rect, uint8_t *pixels,
                size_t stride)
{
    tjhandle handle = tjInitDecompress();
    int result;

    if (handle == NULL) {
        return VDP_ERR_NOMEM;
    }
    /* TJPF_BGRA writes 255 where TJPF_BGRX leaves the fourth byte undefined. */
    result = tjDecompress2(handle, data, size, pixels + rect->y * stride + rect->x * 4u,
                           rect->width, (int)stride, rect->height, TJPF_BGRA, TJFLAG_STOPONWARNING);
    tjDestroy(handle);
    return result == 0 ? 0 : VDP_ERR_CORRUPT;
}
