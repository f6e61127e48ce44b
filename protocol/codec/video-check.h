/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_VIDEO_CHECK_H
#define VDP_VIDEO_CHECK_H

/*
 * video-check: the headers of an access unit, looked at before a decoder takes memory for what they
 * say. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/video.h"

/*
 * Whether every size that data names is width by height, H.264 is of the constrained baseline
 * profile with whole frames only, and, with `key`, it is a picture that stands alone.
 */
bool vdp_video_header_fits(enum vdp_video_codec codec, const uint8_t *data, size_t size,
                           uint16_t width, uint16_t height, bool key);

#endif
