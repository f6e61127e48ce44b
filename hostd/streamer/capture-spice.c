/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture-spice.h"

#include "hostd/streamer/cursor-alpha.h"
#include "hostd/streamer/damage.h"
#include "hostd/streamer/keymap.h"
#include "hostd/streamer/spice-library.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"

#define EXTENDED_QNUM 0x80u  /* in ours, for a code behind 0xe0 */
#define EXTENDED_CODE 0x100u /* the same in spice-glib's */
/* Without reading the socket empty: a machine that never stops drawing is shown as well. */
#define MAX_GATHER_US 10000
#define GATHER_PRIORITY                                                                            \
    (G_PRIORITY_DEFAULT_IDLE + 10) /* behind what spice-glib does while idle                       \
                                    */

struct spice {
    const struct spice_library *library; /* NULL: not installed */
    struct capture *capture;
    int (*connect)(void *user_data);
    void *connect_data;
    SpiceSession *session;
    SpiceChannel *main, *display, *cursor, *inputs; /* borrowed from the session, or NULL */
    GSource *flush;                                 /* ready while something was gathered */
    struct streamer_damage damage;
    int64_t since_us; /* of the damage */
    int button_state; /* SPICE_MOUSE_BUTTON_MASK_* */
};

static void
lose(struct spice *spice, const char *text)
{
    capture_lost(spice->capture, text);
}

/* Pixels. */

static bool
has_known_pixels(const SpiceDisplayPrimary *primary)
{
    return primary->data != NULL && primary->width > 0 && primary->height > 0 &&
           primary->width <= (int)VDP_MAX_SIDE && primary->height <= (int)VDP_MAX_SIDE &&
           primary->stride >= primary->width * 4 &&
           (primary->format == SPICE_SURFACE_FMT_32_xRGB ||
            primary->format == SPICE_SURFACE_FMT_32_ARGB);
}

static void
copy_rect(struct spice *spice, const SpiceDisplayPrimary *primary, struct vdp_rect rect)
{
    const uint8_t *pixels =
        primary->data + (size_t)rect.y * (size_t)primary->stride + (size_t)rect.x * 4;

    streamer_shadow_write(capture_shadow(spice->capture), rect.x, rect.y, rect.width, rect.height,
                          pixels, (size_t)primary->stride);
}

/* Copies what was gathered; a surface of another size is copied whole. */
static void
copy_damage(struct spice *spice)
{
    struct streamer_damage damage = spice->damage;
    SpiceDisplayPrimary primary = {0};
    uint16_t width = 0;
    uint16_t height = 0;
    size_t i;

    streamer_damage_clear(&spice->damage);
    spice->since_us = 0;
    if (spice->display == NULL ||
        !spice->library->display_channel_get_primary(spice->display, 0, &primary)) {
        return; /* between two modes the last picture stays */
    }
    if (!has_known_pixels(&primary)) {
        vd_warning("capture-spice", "a surface of format %d, %dx%d: 32 bit BGRX is known only",
                   (int)primary.format, primary.width, primary.height);
        return;
    }
    streamer_shadow_size(capture_shadow(spice->capture), &width, &height);
    if (width != primary.width || height != primary.height) {
        if (!streamer_shadow_replace(capture_shadow(spice->capture), (uint32_t)primary.width,
                                     (uint32_t)primary.height, primary.data,
                                     (size_t)primary.stride)) {
            lose(spice, "the machine's surface is too large");
        }
        return;
    }
    for (i = 0; i < damage.count; i++) {
        struct vdp_rect rect = damage.rects[i];

        /* It may have been told for a larger surface that is no more. */
        if (rect.x < width && rect.y < height) {
            rect.width = MIN(rect.width, width - rect.x);
            rect.height = MIN(rect.height, height - rect.y);
            copy_rect(spice, &primary, rect);
        }
    }
}

static gboolean
flush_damage(gpointer data)
{
    struct spice *spice = data;

    g_source_set_ready_time(spice->flush, -1);
    copy_damage(spice);
    return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_flush(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs flush_funcs = {.dispatch = dispatch_flush};

static void
take_invalidate(SpiceChannel *channel, int x, int y, int width, int height, gpointer data)
{
    struct spice *spice = data;
    int left = CLAMP(x, 0, (int)VDP_MAX_SIDE);
    int top = CLAMP(y, 0, (int)VDP_MAX_SIDE);
    int right = (int)CLAMP((int64_t)x + width, 0, (int)VDP_MAX_SIDE);
    int bottom = (int)CLAMP((int64_t)y + height, 0, (int)VDP_MAX_SIDE);
    int64_t now_us = vd_monotonic_us();

    (void)channel;
    if (left >= right || top >= bottom) {
        return;
    }
    streamer_damage_add(&spice->damage,
                        (struct vdp_rect){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                                          (uint16_t)(bottom - top)});
    if (spice->since_us == 0) {
        spice->since_us = now_us;
    }
    if (now_us - spice->since_us > MAX_GATHER_US) {
        copy_damage(spice);
    } else {
        g_source_set_ready_time(spice->flush, 0);
    }
}

static void
take_mark(SpiceChannel *channel, gint mark, gpointer data)
{
    struct spice *spice = data;

    (void)channel;
    if (mark != 0) {
        g_source_set_ready_time(spice->flush, 0); /* a new surface may be all that there is */
    }
}

/* Cursor. */

static void
take_cursor(GObject *object, GParamSpec *property, gpointer data)
{
    struct spice *spice = data;
    SpiceCursorShape *shape = NULL;

    (void)property;
    g_object_get(object, "cursor", &shape, NULL);
    if (shape != NULL && shape->data != NULL && shape->width >= 1 && shape->height >= 1 &&
        shape->width <= VDP_MAX_CURSOR && shape->height <= VDP_MAX_CURSOR) {
        size_t count = (size_t)shape->width * shape->height;
        uint8_t *rgba = g_memdup2(shape->data, count * 4);

        streamer_cursor_straighten(rgba, count);
        streamer_shadow_set_cursor(capture_shadow(spice->capture), shape->width, shape->height,
                                   MIN(shape->hot_spot_x, shape->width - 1u),
                                   MIN(shape->hot_spot_y, shape->height - 1u), rgba);
        g_free(rgba);
    }
    if (shape != NULL) {
        g_boxed_free(spice->library->cursor_shape_get_type(), shape);
    }
}

static void
take_cursor_hide(SpiceChannel *channel, gpointer data)
{
    struct spice *spice = data;

    (void)channel;
    streamer_shadow_show_cursor(capture_shadow(spice->capture), false);
}

/* Channels. */

static void
take_open(SpiceChannel *channel, gint with_tls, gpointer data)
{
    struct spice *spice = data;
    int fd = with_tls ? -1 : spice->connect(spice->connect_data);

    if (fd < 0 || !spice->library->channel_open_fd(channel, fd)) {
        lose(spice, "no connection for a SPICE channel");
    }
}

static void
take_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
    struct spice *spice = data;
    int type = -1;
    char text[64];

    if (event == SPICE_CHANNEL_OPENED) {
        if (channel == spice->main) {
            spice->library->main_channel_request_mouse_mode((SpiceMainChannel *)channel,
                                                            SPICE_MOUSE_MODE_CLIENT);
        }
    } else if (event != SPICE_CHANNEL_NONE && event != SPICE_CHANNEL_SWITCHING) {
        g_object_get(channel, "channel-type", &type, NULL);
        g_snprintf(text, sizeof(text), "SPICE channel %d ended (%d)", type, (int)event);
        lose(spice, text);
    }
}

static void
take_channel(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
    struct spice *spice = data;
    int type = -1;
    int id = -1;

    (void)session;
    g_object_get(channel, "channel-type", &type, "channel-id", &id, NULL);
    if (id != 0) {
        return;
    }
    if (type == SPICE_CHANNEL_MAIN) {
        spice->main = channel;
    } else if (type == SPICE_CHANNEL_DISPLAY) {
        spice->display = channel;
        g_signal_connect(channel, "display-invalidate", G_CALLBACK(take_invalidate), spice);
        g_signal_connect(channel, "display-mark", G_CALLBACK(take_mark), spice);
    } else if (type == SPICE_CHANNEL_CURSOR) {
        spice->cursor = channel;
        g_signal_connect(channel, "notify::cursor", G_CALLBACK(take_cursor), spice);
        g_signal_connect(channel, "cursor-hide", G_CALLBACK(take_cursor_hide), spice);
    } else if (type == SPICE_CHANNEL_INPUTS) {
        spice->inputs = channel;
    } else {
        return;
    }
    g_signal_connect(channel, "open-fd", G_CALLBACK(take_open), spice);
    g_signal_connect(channel, "channel-event", G_CALLBACK(take_event), spice);
    if (type != SPICE_CHANNEL_MAIN) {
        spice->library->channel_connect(channel);
    }
}

static void
drop_channel(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
    struct spice *spice = data;
    SpiceChannel **const places[] = {&spice->main, &spice->display, &spice->cursor, &spice->inputs};
    size_t i;

    (void)session;
    for (i = 0; i < G_N_ELEMENTS(places); i++) {
        if (*places[i] == channel) {
            *places[i] = NULL;
            g_signal_handlers_disconnect_by_data(channel, spice);
        }
    }
}

/* Input. What comes before the channel is there goes nowhere, as with a machine that still boots.
 */

static void
spice_key(void *state, uint32_t serial, uint16_t code, bool down)
{
    struct spice *spice = state;
    unsigned qnum = streamer_qnum(code);
    unsigned scancode =
        (qnum & EXTENDED_QNUM) != 0 ? EXTENDED_CODE | (qnum & ~EXTENDED_QNUM) : qnum;

    if (qnum == 0 || spice->inputs == NULL) {
        return;
    }
    if (down) {
        spice->library->inputs_channel_key_press((SpiceInputsChannel *)spice->inputs, scancode);
    } else {
        spice->library->inputs_channel_key_release((SpiceInputsChannel *)spice->inputs, scancode);
    }
    capture_delivered(spice->capture, serial);
}

static void
spice_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    struct spice *spice = state;

    if (spice->inputs != NULL) {
        spice->library->inputs_channel_position((SpiceInputsChannel *)spice->inputs, x, y, 0,
                                                spice->button_state);
        capture_delivered(spice->capture, serial);
    }
}

static void
press_button(struct spice *spice, uint32_t serial, int button, bool down)
{
    int bit = 1 << (button - 1);

    if (spice->inputs == NULL) {
        return;
    }
    if (down) {
        spice->button_state |= bit;
        spice->library->inputs_channel_button_press((SpiceInputsChannel *)spice->inputs, button,
                                                    spice->button_state);
    } else {
        spice->button_state &= ~bit;
        spice->library->inputs_channel_button_release((SpiceInputsChannel *)spice->inputs, button,
                                                      spice->button_state);
    }
    capture_delivered(spice->capture, serial);
}

static void
spice_button(void *state, uint32_t serial, uint8_t button, bool down)
{
    static const int buttons[CAPTURE_MAX_BUTTON + 1] = {0,
                                                        SPICE_MOUSE_BUTTON_LEFT,
                                                        SPICE_MOUSE_BUTTON_MIDDLE,
                                                        SPICE_MOUSE_BUTTON_RIGHT,
                                                        SPICE_MOUSE_BUTTON_SIDE,
                                                        SPICE_MOUSE_BUTTON_EXTRA};

    press_button(state, serial, buttons[button], down);
}

/* SPICE has no wheel that turns sideways. */
static void
spice_wheel(void *state, uint32_t serial, int notches_x, int notches_y)
{
    int button = notches_y > 0 ? SPICE_MOUSE_BUTTON_DOWN : SPICE_MOUSE_BUTTON_UP;
    int left;

    (void)notches_x;
    for (left = ABS(notches_y); left > 0; left--) {
        press_button(state, serial, button, true);
        press_button(state, serial, button, false);
    }
}

/* Reaches the guest through its SPICE agent, when it has one. */
static void
spice_set_size(void *state, uint16_t width, uint16_t height)
{
    struct spice *spice = state;

    if (spice->main != NULL) {
        spice->library->main_channel_update_display_enabled((SpiceMainChannel *)spice->main, 0,
                                                            TRUE, FALSE);
        spice->library->main_channel_update_display((SpiceMainChannel *)spice->main, 0, 0, 0, width,
                                                    height, TRUE);
    }
}

static void
spice_free(void *state)
{
    struct spice *spice = state;
    SpiceChannel *const channels[] = {spice->main, spice->display, spice->cursor, spice->inputs};
    size_t i;

    g_source_destroy(spice->flush);
    g_source_unref(spice->flush);
    for (i = 0; i < G_N_ELEMENTS(channels); i++) {
        if (channels[i] != NULL) {
            g_signal_handlers_disconnect_by_data(channels[i], spice);
        }
    }
    if (spice->session != NULL) {
        g_signal_handlers_disconnect_by_data(spice->session, spice);
        spice->library->session_disconnect(spice->session);
        g_object_unref(spice->session);
    }
    g_free(spice);
}

static const struct capture_backend spice_backend = {
    .name = "spice",
    .free = spice_free,
    .set_size = spice_set_size,
    .key = spice_key,
    .pointer = spice_pointer,
    .button = spice_button,
    .wheel = spice_wheel,
};

struct capture *
capture_spice_new(int (*connect)(void *user_data), void *connect_data,
                  const struct capture_events *events, void *user_data)
{
    struct spice *spice = g_new0(struct spice, 1);

    spice->capture = capture_new(events, user_data);
    spice->connect = connect;
    spice->connect_data = connect_data;
    spice->flush = g_source_new(&flush_funcs, sizeof(GSource));
    g_source_set_callback(spice->flush, flush_damage, spice, NULL);
    g_source_set_priority(spice->flush, GATHER_PRIORITY);
    g_source_set_ready_time(spice->flush, -1);
    g_source_attach(spice->flush, NULL); /* where spice-glib works */
    capture_set_backend(spice->capture, &spice_backend, spice);
    spice->library = spice_library_load();
    if (spice->library == NULL) {
        lose(spice, "spice-glib is not installed");
        return spice->capture;
    }
    spice->session = spice->library->session_new();
    g_object_set(spice->session, "enable-audio", FALSE, "enable-smartcard", FALSE,
                 "enable-usbredir", FALSE, NULL);
    g_signal_connect(spice->session, "channel-new", G_CALLBACK(take_channel), spice);
    g_signal_connect(spice->session, "channel-destroy", G_CALLBACK(drop_channel), spice);
    if (!spice->library->session_open_fd(spice->session, -1)) {
        lose(spice, "no SPICE session");
    }
    return spice->capture;
}
