/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/streamer-fixture.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_SECONDS 30

uint32_t
fixture_pixel(unsigned step, unsigned x, unsigned y)
{
    uint32_t value = (x * 2654435761u) ^ (y * 40503u) ^ (step * 97u);

    return 0xff000000u | (step == 0 ? (value >> 8 & 0xffffffu) : value * 31u & 0xffffffu);
}

static struct vdp_rect
step_rect(unsigned step)
{
    struct vdp_rect rect = {(uint16_t)(step * 17 % 120), (uint16_t)(step * 29 % 80),
                            (uint16_t)(20 + step % 50), (uint16_t)(10 + step % 40)};

    if (step == 0) {
        rect = (struct vdp_rect){0, 0, FIXTURE_WIDTH, FIXTURE_HEIGHT};
    }
    return rect;
}

static void
paint(uint32_t *picture, unsigned step)
{
    struct vdp_rect rect = step_rect(step);
    unsigned x;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
            picture[y * FIXTURE_WIDTH + x] = fixture_pixel(step, x, y);
        }
    }
}

GBytes *
fixture_trace(unsigned steps, uint64_t interval_us)
{
    uint32_t *picture = g_new0(uint32_t, FIXTURE_WIDTH * FIXTURE_HEIGHT);
    struct vdp_buffer out = {0};
    unsigned step;

    streamer_trace_put_header(&out, FIXTURE_WIDTH, FIXTURE_HEIGHT);
    for (step = 0; step <= steps; step++) {
        struct vdp_rect rect = step_rect(step);

        paint(picture, step);
        streamer_trace_put_frame(&out, step * interval_us, 1);
        streamer_trace_put_rect(&out, rect,
                                (const uint8_t *)(picture + rect.y * FIXTURE_WIDTH + rect.x),
                                FIXTURE_WIDTH * 4);
    }
    g_free(picture);
    g_assert_cmpint(out.error, ==, 0);
    return g_bytes_new_with_free_func(out.data, out.size, free, out.data);
}

uint8_t *
fixture_picture(unsigned steps)
{
    uint32_t *picture = g_new0(uint32_t, FIXTURE_WIDTH * FIXTURE_HEIGHT);
    unsigned step;

    for (step = 0; step <= steps; step++) {
        paint(picture, step);
    }
    return (uint8_t *)picture;
}

static gboolean
give_up(gpointer data)
{
    (void)data;
    g_error("waited for too long");
    return G_SOURCE_REMOVE;
}

void
fixture_wait(bool (*done)(void *data), void *data)
{
    guint watchdog = g_timeout_add_seconds(TIMEOUT_SECONDS, give_up, NULL);

    while (!done(data)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(watchdog);
}
