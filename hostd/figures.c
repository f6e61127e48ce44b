/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/figures.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/clock.h"

#define FIGURES_US (2 * G_USEC_PER_SEC) /* between two, so that rates say something */

void
hostd_figures_take(struct hostd_figures *figures, const json_t *message)
{
    static const char *const kept[] = {"rtt_us", "host_us", "decode_us", "present_us", "exact",
                                       "reused", "photo",   "film",      "idle_s"};
    const json_t *stats = json_object_get(message, "stats");
    json_int_t frames = json_integer_value(json_object_get(stats, "frames"));
    json_int_t bytes = json_integer_value(json_object_get(stats, "bytes"));
    int64_t now = vd_monotonic_us();
    int64_t passed = now - figures->at_us;
    size_t i;

    if (figures->at_us != 0 && passed < FIGURES_US) {
        return;
    }
    if (figures->at_us != 0 && frames >= figures->frames && bytes >= figures->bytes) {
        json_decref(figures->json);
        figures->json = json_pack(
            "{s:I, s:I, s:O*, s:O*}", "fps",
            (json_int_t)((frames - figures->frames) * G_USEC_PER_SEC / passed), "kbit_s",
            (json_int_t)((bytes - figures->bytes) * 8000 / passed), "width",
            json_object_get(message, "width"), "height", json_object_get(message, "height"));
        for (i = 0; i < G_N_ELEMENTS(kept); i++) {
            json_object_set(figures->json, kept[i], json_object_get(stats, kept[i]));
        }
    }
    figures->frames = frames;
    figures->bytes = bytes;
    figures->at_us = now;
}

void
hostd_figures_restart(struct hostd_figures *figures)
{
    figures->at_us = 0;
}

void
hostd_figures_clear(struct hostd_figures *figures)
{
    json_decref(figures->json);
    memset(figures, 0, sizeof(*figures));
}
