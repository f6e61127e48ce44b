/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/desktop.h"

#include <string.h>

#include "client/native/film.h"
#include "client/native/input.h"
#include "client/native/picture.h"
#include "client/native/statecard.h"
#include "client/native/text.h"
#include "client/native/toolbar.h"

#define RESIZE_MS     250u
#define STATISTICS_MS 1000u
#define FRESH_MS      8000u
#define HELD_MS       3600000u /* until it goes on */
#define NOTICE_MS     30000    /* somebody may be away from the screen for a moment */
#define MIN_SIDE      320

struct client_desktop {
    GtkWidget *window;
    GtkWidget *picture;
    GtkWidget *notice;
    GtkWidget *figures; /* statistics */
    struct client_toolbar *toolbar;
    struct client_statecard *card;
    struct client_input *input;
    struct client_session *session;
    GdkToplevel *toplevel;    /* borrowed; while mapped */
    int width, height, scale; /* of the picture; device pixels, 1/120 */
    guint resize;
    guint statistics;
    guint notice_timer;
    bool full_screen;
    bool was_live;
    bool greeted;
    struct client_stream_stats last;
    void (*closed)(enum client_end end, void *user_data);
    void *user_data;
};

static void
desktop_close(struct client_desktop *desktop)
{
    desktop->closed(client_session_status(desktop->session).end, desktop->user_data);
}

static gboolean
desktop_notice_over(void *user_data)
{
    struct client_desktop *desktop = user_data;

    desktop->notice_timer = 0;
    gtk_widget_set_visible(desktop->notice, FALSE);
    return G_SOURCE_REMOVE;
}

static void
desktop_say(struct client_desktop *desktop, const char *text, unsigned ms)
{
    gtk_label_set_text(GTK_LABEL(desktop->notice), text);
    gtk_widget_set_visible(desktop->notice, TRUE);
    g_clear_handle_id(&desktop->notice_timer, g_source_remove);
    desktop->notice_timer = g_timeout_add(ms, desktop_notice_over, desktop);
}

static void
session_notice(const struct vdp_notice *notice, void *user_data)
{
    struct client_desktop *desktop = user_data;
    g_autofree char *text = NULL;

    if (notice->kind == VDP_NOTICE_END)
        text = g_strdup_printf(_("This session ends in %u minutes. Please save your work."),
                               (notice->seconds + 59) / 60);
    else if (notice->kind == VDP_NOTICE_HELD)
        text = g_strdup(
            _("Your desktop stands still: its host has no room left. It goes on by itself."));
    else if (notice->kind == VDP_NOTICE_FREED)
        text = g_strdup(_("Your desktop goes on."));
    else if (notice->kind == VDP_NOTICE_NEWER)
        text = g_strdup(_("A newer version of this desktop is there. Please log off and connect "
                          "again when it suits you."));
    else
        text = g_strndup(notice->text, notice->text_size);
    desktop_say(desktop, text, notice->kind == VDP_NOTICE_HELD ? HELD_MS : NOTICE_MS);
}

static void
session_changed(void *user_data)
{
    struct client_desktop *desktop = user_data;
    struct client_session_status status = client_session_status(desktop->session);
    bool live = status.state == CLIENT_STATE_LIVE;

    /* While it takes no keys, Tab goes round the buttons of the card. */
    gtk_widget_set_focusable(desktop->picture, live);
    client_statecard_show(desktop->card, &status);
    client_picture_set_stale(CLIENT_PICTURE(desktop->picture), !live);
    if (live && !desktop->was_live) {
        gtk_widget_grab_focus(desktop->picture);
        if (!desktop->greeted)
            client_toolbar_greet(desktop->toolbar);
        desktop->greeted = true;
        if (status.fresh)
            desktop_say(desktop, _("Your earlier desktop is gone. This is a new one."), FRESH_MS);
    }
    if (!live)
        client_input_release(desktop->input);
    desktop->was_live = live;
    client_input_cursor(desktop->input);
}

static void
session_surface(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_picture_surface(CLIENT_PICTURE(desktop->picture));
}

static void
session_frame(const struct client_frame *frame, void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_picture_frame(CLIENT_PICTURE(desktop->picture), frame);
}

static void
session_cursor(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_input_cursor(desktop->input);
}

static gboolean
desktop_resize(void *user_data)
{
    struct client_desktop *desktop = user_data;

    desktop->resize = 0;
    client_session_set_size(desktop->session, (uint16_t)desktop->width, (uint16_t)desktop->height,
                            (uint16_t)desktop->scale);
    return G_SOURCE_REMOVE;
}

/* While a window is dragged only its last size counts. */
static void
picture_resized(int width, int height, int scale, void *user_data)
{
    struct client_desktop *desktop = user_data;

    width = CLAMP(width, MIN_SIDE, (int)VDP_MAX_SIDE);
    height = CLAMP(height, MIN_SIDE * 3 / 4, (int)VDP_MAX_SIDE);
    if (!desktop->session || (width == desktop->width && height == desktop->height))
        return;
    desktop->width = width;
    desktop->height = height;
    desktop->scale = scale;
    g_clear_handle_id(&desktop->resize, g_source_remove);
    desktop->resize = g_timeout_add(RESIZE_MS, desktop_resize, desktop);
}

static void
toggle_full_screen(void *user_data)
{
    struct client_desktop *desktop = user_data;

    if (desktop->full_screen)
        gtk_window_unfullscreen(GTK_WINDOW(desktop->window));
    else
        gtk_window_fullscreen(GTK_WINDOW(desktop->window));
}

/* In full screen the keys of the window manager go to the desktop. */
static void
window_full_screen_changed(struct client_desktop *desktop)
{
    GdkSurface *surface = gtk_native_get_surface(GTK_NATIVE(desktop->window));

    desktop->full_screen = gtk_window_is_fullscreen(GTK_WINDOW(desktop->window));
    client_toolbar_set_full_screen(desktop->toolbar, desktop->full_screen);
    if (!GDK_IS_TOPLEVEL(surface))
        return;
    if (desktop->full_screen)
        gdk_toplevel_inhibit_system_shortcuts(GDK_TOPLEVEL(surface), NULL);
    else
        gdk_toplevel_restore_system_shortcuts(GDK_TOPLEVEL(surface));
}

static void
window_active_changed(struct client_desktop *desktop)
{
    if (!gtk_window_is_active(GTK_WINDOW(desktop->window)))
        client_input_release(desktop->input);
}

static gboolean
window_close_request(struct client_desktop *desktop)
{
    client_session_disconnect(desktop->session);
    desktop_close(desktop);
    return TRUE;
}

static void
window_motion(GtkEventControllerMotion *controller, double x, double y, void *user_data)
{
    struct client_desktop *desktop = user_data;

    (void)controller;
    (void)x;
    client_toolbar_pointer(desktop->toolbar, y);
}

static void
toolbar_fit(bool fit, void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_picture_set_fit(CLIENT_PICTURE(desktop->picture), fit);
}

static void
toolbar_ctrl_alt_del(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_input_ctrl_alt_del(desktop->input);
}

static gboolean
desktop_statistics(void *user_data)
{
    struct client_desktop *desktop = user_data;
    struct client_stream_stats stats = client_session_stats(desktop->session);
    uint64_t frames = stats.frames - desktop->last.frames;
    uint64_t decode_us = stats.decode_us - desktop->last.decode_us;
    const struct client_cells *cells = client_session_cells(desktop->session);
    const struct vdp_mix mix = {
        .exact = stats.mix.exact - desktop->last.mix.exact,
        .reused = stats.mix.reused - desktop->last.mix.reused,
        .photo = stats.mix.photo - desktop->last.mix.photo,
        .film = stats.mix.film - desktop->last.mix.film,
    };
    g_autofree char *text = g_strdup_printf(
        _("%u × %u   %u frames/s   %.1f Mbit/s   host %.1f ms   round trip %.1f ms   "
          "decoding %.1f ms   on the screen %.1f ms\n"
          "exact %u %%   reused %u %%   photo %u %%   film %u %%"),
        cells->width, cells->height, (unsigned)frames,
        (double)(stats.bytes_in - desktop->last.bytes_in) * 8 / 1e6, stats.capture_us / 1e3,
        stats.rtt_us / 1e3, frames > 0 ? (double)decode_us / (double)frames / 1e3 : 0.0,
        stats.shown_us / 1e3, vdp_mix_share(&mix, mix.exact), vdp_mix_share(&mix, mix.reused),
        vdp_mix_share(&mix, mix.photo), vdp_mix_share(&mix, mix.film));

    desktop->last = stats;
    gtk_label_set_text(GTK_LABEL(desktop->figures), text);
    return G_SOURCE_CONTINUE;
}

static void
toolbar_statistics(bool shown, void *user_data)
{
    struct client_desktop *desktop = user_data;

    g_clear_handle_id(&desktop->statistics, g_source_remove);
    gtk_widget_set_visible(desktop->figures, shown);
    if (!shown)
        return;
    desktop->last = client_session_stats(desktop->session);
    desktop_statistics(desktop);
    desktop->statistics = g_timeout_add(STATISTICS_MS, desktop_statistics, desktop);
}

static void
toolbar_disconnect(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_session_disconnect(desktop->session);
}

static void
toolbar_logoff(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_session_logoff(desktop->session);
}

static void
card_again(void *user_data)
{
    struct client_desktop *desktop = user_data;

    client_session_start(desktop->session);
}

static void
card_back(void *user_data)
{
    struct client_desktop *desktop = user_data;

    if (client_session_status(desktop->session).state != CLIENT_STATE_ENDED)
        client_session_disconnect(desktop->session);
    desktop_close(desktop);
}

static GtkWidget *
desktop_overlay(struct client_desktop *desktop)
{
    static const struct client_toolbar_events events = {
        .full_screen = toggle_full_screen,
        .fit = toolbar_fit,
        .ctrl_alt_del = toolbar_ctrl_alt_del,
        .statistics = toolbar_statistics,
        .disconnect = toolbar_disconnect,
        .logoff = toolbar_logoff,
    };
    GtkWidget *overlay = gtk_overlay_new();

    desktop->picture = client_picture_new(picture_resized, desktop);
    gtk_overlay_set_child(GTK_OVERLAY(overlay), desktop->picture);
    desktop->figures = gtk_label_new("");
    gtk_widget_add_css_class(desktop->figures, "figures");
    gtk_widget_set_halign(desktop->figures, GTK_ALIGN_END);
    gtk_widget_set_valign(desktop->figures, GTK_ALIGN_END);
    gtk_widget_set_can_target(desktop->figures, FALSE);
    gtk_widget_set_visible(desktop->figures, FALSE);
    gtk_overlay_add_overlay(GTK_OVERLAY(overlay), desktop->figures);
    desktop->notice = gtk_label_new(NULL);
    gtk_widget_add_css_class(desktop->notice, "figures");
    gtk_widget_set_halign(desktop->notice, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(desktop->notice, GTK_ALIGN_END);
    gtk_widget_set_can_target(desktop->notice, FALSE);
    gtk_widget_set_visible(desktop->notice, FALSE);
    gtk_overlay_add_overlay(GTK_OVERLAY(overlay), desktop->notice);
    desktop->card = client_statecard_new(card_again, card_back, desktop);
    gtk_overlay_add_overlay(GTK_OVERLAY(overlay), client_statecard_widget(desktop->card));
    desktop->toolbar = client_toolbar_new(&events, desktop);
    gtk_overlay_add_overlay(GTK_OVERLAY(overlay), client_toolbar_widget(desktop->toolbar));
    return overlay;
}

static void
desktop_window(struct client_desktop *desktop, GtkApplication *application, const char *title)
{
    GtkEventController *motion = gtk_event_controller_motion_new();

    desktop->window = gtk_application_window_new(application);
    gtk_window_set_title(GTK_WINDOW(desktop->window), title);
    gtk_window_set_default_size(GTK_WINDOW(desktop->window), 1280, 800);
    gtk_widget_add_css_class(desktop->window, "desktop-window");
    gtk_window_set_child(GTK_WINDOW(desktop->window), desktop_overlay(desktop));
    gtk_event_controller_set_propagation_phase(motion, GTK_PHASE_CAPTURE);
    g_signal_connect(motion, "motion", G_CALLBACK(window_motion), desktop);
    gtk_widget_add_controller(desktop->window, motion);
    g_signal_connect_swapped(desktop->window, "notify::fullscreened",
                             G_CALLBACK(window_full_screen_changed), desktop);
    g_signal_connect_swapped(desktop->window, "notify::is-active",
                             G_CALLBACK(window_active_changed), desktop);
    g_signal_connect_swapped(desktop->window, "close-request", G_CALLBACK(window_close_request),
                             desktop);
}

struct client_desktop *
client_desktop_new(GtkApplication *application, struct client_api *api,
                   const struct client_session_options *options, const char *title,
                   void (*closed)(enum client_end end, void *user_data), void *user_data)
{
    static const struct client_session_events events = {
        .changed = session_changed,
        .surface = session_surface,
        .frame = session_frame,
        .cursor = session_cursor,
        .notice = session_notice,
    };
    struct client_desktop *desktop = g_new0(struct client_desktop, 1);

    client_films_warm();
    desktop->closed = closed;
    desktop->user_data = user_data;
    desktop_window(desktop, application, title);
    desktop->session = client_session_new(api, options, &events, desktop);
    desktop->input = client_input_new(CLIENT_PICTURE(desktop->picture), desktop->session,
                                      toggle_full_screen, desktop);
    client_picture_set_session(CLIENT_PICTURE(desktop->picture), desktop->session);
    gtk_window_present(GTK_WINDOW(desktop->window));
    client_session_start(desktop->session);
    return desktop;
}

void
client_desktop_free(struct client_desktop *desktop)
{
    if (!desktop)
        return;
    g_clear_handle_id(&desktop->resize, g_source_remove);
    g_clear_handle_id(&desktop->statistics, g_source_remove);
    g_clear_handle_id(&desktop->notice_timer, g_source_remove);
    g_signal_handlers_disconnect_by_data(desktop->window, desktop);
    client_picture_set_session(CLIENT_PICTURE(desktop->picture), NULL);
    client_input_free(desktop->input);
    client_session_free(desktop->session);
    gtk_window_destroy(GTK_WINDOW(desktop->window));
    client_toolbar_free(desktop->toolbar);
    client_statecard_free(desktop->card);
    g_free(desktop);
}
