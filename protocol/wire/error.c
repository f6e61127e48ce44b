/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/error.h"

const char *
vdp_strerror(int error)
{
    if (error >= 0) {
        return "success";
    }
    switch ((enum vdp_error)error) {
    case VDP_ERR_NOMEM:
        return "memory is short";
    case VDP_ERR_TOO_BIG:
        return "a length is above its limit";
    case VDP_ERR_TRUNCATED:
        return "a message ended inside a field";
    case VDP_ERR_TRAILING:
        return "bytes were left after the last field";
    case VDP_ERR_RANGE:
        return "a field is out of range";
    case VDP_ERR_STATE:
        return "a message came that is not permitted here";
    case VDP_ERR_VERSION:
        return "no common protocol version";
    case VDP_ERR_CRITICAL:
        return "an unknown message that must be understood";
    case VDP_ERR_CORRUPT:
        return "compressed data is corrupt";
    }
    return "unknown protocol error";
}
