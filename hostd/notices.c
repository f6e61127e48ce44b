/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/notices.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/clock.h"

json_t *
hostd_notices_take(struct hostd_notices *notices, const json_t *notice, const char *stream)
{
    json_t *text = json_object_get(notice, "text");
    json_int_t number = json_integer_value(json_object_get(notice, "n"));
    int64_t left_ms = json_integer_value(json_object_get(notice, "ends_ms")) - vd_wall_ms();
    json_t *message;

    if (notice == NULL || (number == notices->number && strcmp(notices->noticed, stream) == 0)) {
        return NULL;
    }
    g_strlcpy(notices->noticed, stream, sizeof(notices->noticed));
    notices->number = number;
    message = json_pack("{s:s, s:s, s:I}", "type", "notice", "stream", stream, "seconds",
                        (json_int_t)MAX(left_ms / 1000, 0));
    if (json_is_string(text)) {
        json_object_set(message, "text", text);
    }
    if (json_is_true(json_object_get(notice, "newer"))) {
        json_object_set_new(message, "newer", json_true());
    }
    return message;
}

json_t *
hostd_notices_held(struct hostd_notices *notices, bool held, const char *stream)
{
    bool told = strcmp(notices->held, stream) == 0;

    if (held == told) {
        return NULL;
    }
    g_strlcpy(notices->held, held ? stream : "", sizeof(notices->held));
    return json_pack("{s:s, s:s, s:b}", "type", "notice", "stream", stream, "held", (int)held);
}
