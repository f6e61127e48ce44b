/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless-private.h"

#include "client/native/png.h"
#include "protocol/base/clock.h"

#define ONCE_QUIET_MS 400u

static int
once_exit_code(const struct headless *headless, const char *failure)
{
    struct client_session_status status = client_session_status(headless->session);

    if (!failure)
        return CLIENT_EXIT_OK;
    switch (status.end) {
    case CLIENT_END_NONE:
        return CLIENT_EXIT_TIMEOUT;
    case CLIENT_END_UNTRUSTED:
        return CLIENT_EXIT_UNTRUSTED;
    case CLIENT_END_LOGIN:
        return CLIENT_EXIT_REFUSED;
    default:
        return CLIENT_EXIT_NO_DESKTOP;
    }
}

static void
once_table(const struct headless *headless, const struct client_session_times *times)
{
    g_autofree char *text = g_strdup_printf("  PAM login      %6" G_GINT64_FORMAT " ms\n"
                                            "  connect        %6" G_GINT64_FORMAT " ms\n"
                                            "  first frame    %6" G_GINT64_FORMAT " ms\n"
                                            "  settled frame  %6" G_GINT64_FORMAT " ms\n"
                                            "  picture        %s\n",
                                            headless->login_ms, times->connect, times->first_frame,
                                            times->settled, headless->config->once);

    headless_print_text(text);
}

/* The picture is written even when it never settled: it shows what is wrong. */
static void
once_waited(struct headless *headless, const char *failure)
{
    struct client_session_times times = client_session_times(headless->session);
    struct vdp_image image;
    g_autofree uint8_t *pixels = client_cells_copy(client_session_cells(headless->session), &image);
    int code = once_exit_code(headless, failure);
    g_autoptr(GError) error = NULL;
    json_t *report;

    if (image.width > 0 && !client_png_write_image(headless->config->once, &image, &error)) {
        failure = error->message;
        code = CLIENT_EXIT_FAILED;
    }
    report = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:s}", "ok", failure == NULL, "login_ms",
        (json_int_t)headless->login_ms, "connect_ms", (json_int_t)times.connect, "first_frame_ms",
        (json_int_t)times.first_frame, "settled_ms", (json_int_t)times.settled, "total_ms",
        (json_int_t)((vd_monotonic_us() - headless->login_started_us) / 1000), "width",
        (int)image.width, "height", (int)image.height, "file", headless->config->once);
    if (failure)
        json_object_set_new(report, "error", json_string(failure));
    headless_print(report);
    if (headless->config->table)
        once_table(headless, &times);
    headless_exit(headless, code);
}

void
headless_once_start(struct headless *headless)
{
    headless->wait_quiet_ms = ONCE_QUIET_MS;
    headless_wait_start(headless, HEADLESS_WAIT_SETTLED, (unsigned)headless->config->timeout_ms,
                        once_waited);
}
