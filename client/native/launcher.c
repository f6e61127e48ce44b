/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/launcher.h"

#include <string.h>

#include "client/native/apireply.h"
#include "client/native/text.h"

#define REFRESH_MS    4000u
#define SOON_MS       700u /* the first time: a screen that was just left is under way */
#define CARD_WIDTH    260
#define SCREEN_HEIGHT 162

struct launcher_card {
    char *name;
    char *description;
    char *screen_path; /* of the last screen that is shown or asked for, or NULL */
    GtkWidget *screen; /* its place */
    GtkWidget *icon;   /* what stands there without one */
    GtkWidget *state;
    GtkWidget *detail;
    GtkWidget *button;
    struct client_launcher *launcher; /* borrowed */
};

struct client_launcher {
    const struct client_launcher_events *events;
    void *user_data;
    struct client_api *api; /* borrowed; NULL when stopped */
    guint timer;
    GPtrArray *cards;
    bool waited; /* for the first list */
    GtkWidget *root;
    GtkWidget *user;
    GtkWidget *grid;
    GtkWidget *notice; /* no pools, or no answer */
};

static void launcher_ask(struct client_launcher *launcher);

static void
card_forget_screen(struct launcher_card *card)
{
    if (card->launcher->api)
        client_api_cancel(card->launcher->api, card);
    g_clear_pointer(&card->screen_path, g_free);
}

static void
card_free(void *data)
{
    struct launcher_card *card = data;

    card_forget_screen(card);
    g_free(card->name);
    g_free(card->description);
    g_free(card);
}

static const char *
pool_state_text(enum client_pool_state state)
{
    static const char *const texts[] = {
        N_("Ready"), N_("Running"), N_("Starting"), N_("In use"), N_("Not available"),
    };

    return _(texts[state]);
}

static void
card_connect(struct launcher_card *card)
{
    struct client_launcher *launcher = card->launcher;

    launcher->events->connect(card->name, card->description, launcher->user_data);
}

static void
card_show_screen(struct launcher_card *card, GdkTexture *texture)
{
    gtk_picture_set_paintable(GTK_PICTURE(card->screen), GDK_PAINTABLE(texture));
    gtk_widget_set_visible(card->screen, texture != NULL);
    gtk_widget_set_visible(card->icon, texture == NULL);
}

/* Without an answer the icon stays; the next picture has another address. */
static void
card_screen_reply(const struct client_api_result *result, void *user_data)
{
    struct launcher_card *card = user_data;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GdkTexture) texture = NULL;

    if (result->status != CLIENT_API_OK)
        return;
    bytes = g_bytes_new(result->body, result->size);
    texture = gdk_texture_new_from_bytes(bytes, NULL);
    card_show_screen(card, texture);
}

/* What the desktop showed when its user left it is asked for once. */
static void
card_update_screen(struct launcher_card *card, const struct client_pool *pool)
{
    struct client_api *api = card->launcher->api;
    g_autofree char *path = pool->picture ? g_strdup_printf("/api/picture/%s?%" G_GINT64_FORMAT,
                                                            pool->session, pool->picture)
                                          : NULL;

    if (g_strcmp0(path, card->screen_path) == 0)
        return;
    card_forget_screen(card);
    card->screen_path = g_steal_pointer(&path);
    if (card->screen_path)
        client_api_call(api, card->screen_path, NULL, card_screen_reply, card);
    else
        card_show_screen(card, NULL);
}

static void
card_update(struct launcher_card *card, const struct client_pool *pool)
{
    int i;

    card_update_screen(card, pool);
    for (i = CLIENT_POOL_READY; i <= CLIENT_POOL_UNAVAILABLE; i++)
        gtk_widget_remove_css_class(card->state, client_pool_state_name((enum client_pool_state)i));
    gtk_widget_add_css_class(card->state, client_pool_state_name(pool->state));
    gtk_label_set_text(GTK_LABEL(card->state), pool_state_text(pool->state));
    gtk_label_set_text(GTK_LABEL(card->detail), pool->text);
    gtk_widget_set_visible(card->detail, pool->text[0] != '\0');
    gtk_button_set_label(GTK_BUTTON(card->button),
                         pool->state == CLIENT_POOL_RUNNING ? _("Resume") : _("Connect"));
    gtk_widget_set_sensitive(card->button, pool->state != CLIENT_POOL_UNAVAILABLE);
}

static GtkWidget *
card_label(GtkWidget *box, const char *text, const char *class)
{
    GtkWidget *label = gtk_label_new(text);

    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
    gtk_label_set_lines(GTK_LABEL(label), 2);
    gtk_widget_add_css_class(label, class);
    gtk_box_append(GTK_BOX(box), label);
    return label;
}

/* The place of the last screen, and the icon that stands there without one. */
static void
card_add_screen(struct launcher_card *card, GtkWidget *box)
{
    g_autofree char *text = g_strdup_printf(_("The last screen of %s"), card->description);

    card->screen = gtk_picture_new();
    gtk_picture_set_content_fit(GTK_PICTURE(card->screen), GTK_CONTENT_FIT_COVER);
    gtk_picture_set_alternative_text(GTK_PICTURE(card->screen), text);
    gtk_widget_set_size_request(card->screen, CARD_WIDTH, SCREEN_HEIGHT);
    gtk_widget_set_overflow(card->screen, GTK_OVERFLOW_HIDDEN);
    gtk_widget_add_css_class(card->screen, "pool-screen");
    gtk_widget_set_visible(card->screen, FALSE);
    gtk_box_append(GTK_BOX(box), card->screen);
    card->icon = gtk_image_new_from_icon_name("computer-symbolic");
    gtk_image_set_pixel_size(GTK_IMAGE(card->icon), 32);
    gtk_widget_set_halign(card->icon, GTK_ALIGN_START);
    gtk_widget_add_css_class(card->icon, "pool-icon");
    gtk_box_append(GTK_BOX(box), card->icon);
}

static GtkWidget *
card_new(struct client_launcher *launcher, const struct client_pool *pool)
{
    struct launcher_card *card = g_new0(struct launcher_card, 1);
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
    GtkWidget *space = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
    const char *heading = pool->description[0] ? pool->description : pool->name;

    card->launcher = launcher;
    card->name = g_strdup(pool->name);
    card->description = g_strdup(heading);
    gtk_widget_add_css_class(box, "pool-card");
    gtk_widget_set_size_request(box, CARD_WIDTH, -1);
    card_add_screen(card, box);
    card_label(box, heading, "pool-title");
    if (pool->description[0])
        card_label(box, pool->name, "pool-name");
    card->state = card_label(box, "", "pool-state");
    gtk_widget_set_halign(card->state, GTK_ALIGN_START);
    card->detail = card_label(box, "", "pool-detail");
    gtk_widget_set_vexpand(space, TRUE);
    gtk_box_append(GTK_BOX(box), space);
    card->button = gtk_button_new_with_label("");
    gtk_widget_add_css_class(card->button, "suggested-action");
    gtk_accessible_update_property(GTK_ACCESSIBLE(card->button),
                                   GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, heading, -1);
    g_signal_connect_swapped(card->button, "clicked", G_CALLBACK(card_connect), card);
    gtk_box_append(GTK_BOX(box), card->button);
    g_ptr_array_add(launcher->cards, card);
    card_update(card, pool);
    return box;
}

/* The same pools in the same order: the cards stay, and with them the focus. */
static bool
launcher_is_same(struct client_launcher *launcher, const struct client_pools_reply *reply)
{
    size_t i;

    if (launcher->cards->len != reply->count)
        return false;
    for (i = 0; i < reply->count; i++) {
        struct launcher_card *card = launcher->cards->pdata[i];

        if (strcmp(card->name, reply->pools[i].name) != 0)
            return false;
    }
    return true;
}

static void
launcher_clear(struct client_launcher *launcher)
{
    GtkWidget *child;

    while ((child = gtk_widget_get_first_child(launcher->grid)))
        gtk_flow_box_remove(GTK_FLOW_BOX(launcher->grid), child);
    g_ptr_array_set_size(launcher->cards, 0);
}

static void
launcher_show(struct client_launcher *launcher, const struct client_pools_reply *reply)
{
    struct launcher_card *first;
    size_t i;

    if (launcher_is_same(launcher, reply)) {
        for (i = 0; i < reply->count; i++)
            card_update(launcher->cards->pdata[i], &reply->pools[i]);
        return;
    }
    launcher_clear(launcher);
    for (i = 0; i < reply->count; i++) {
        GtkWidget *child = gtk_flow_box_child_new();

        gtk_flow_box_child_set_child(GTK_FLOW_BOX_CHILD(child),
                                     card_new(launcher, &reply->pools[i]));
        gtk_widget_set_focusable(child, FALSE); /* its button has the focus */
        gtk_flow_box_append(GTK_FLOW_BOX(launcher->grid), child);
    }
    if (reply->count > 0) {
        first = launcher->cards->pdata[0];
        gtk_widget_grab_focus(first->button);
    }
}

static void
launcher_notice(struct client_launcher *launcher, const char *text)
{
    gtk_label_set_text(GTK_LABEL(launcher->notice), text);
    gtk_widget_set_visible(launcher->notice, text[0] != '\0');
}

static gboolean
launcher_refresh(void *user_data)
{
    struct client_launcher *launcher = user_data;

    launcher->timer = 0;
    launcher_ask(launcher);
    return G_SOURCE_REMOVE;
}

static void
launcher_reply(const struct client_api_result *result, void *user_data)
{
    struct client_launcher *launcher = user_data;
    struct client_pools_reply reply;

    launcher->timer =
        g_timeout_add(launcher->waited ? REFRESH_MS : SOON_MS, launcher_refresh, launcher);
    launcher->waited = true;
    if (result->status == CLIENT_API_ERROR && result->http == 401) {
        launcher->events->expired(launcher->user_data);
        return;
    }
    if (result->status == CLIENT_API_UNTRUSTED) {
        launcher_notice(launcher, _("The server's certificate has changed. The connection was "
                                    "stopped for your safety."));
        return;
    }
    if (result->status != CLIENT_API_OK ||
        !client_reply_pools(result->body, result->size, &reply)) {
        launcher_notice(launcher, _("The server does not answer. Trying again…"));
        return;
    }
    launcher_notice(launcher, reply.count > 0 ? ""
                                              : _("There is no desktop for you. Please ask "
                                                  "your administrator."));
    launcher_show(launcher, &reply);
    client_pools_reply_clear(&reply);
}

static void
launcher_ask(struct client_launcher *launcher)
{
    client_api_call(launcher->api, "/api/pools", NULL, launcher_reply, launcher);
}

static void
launcher_logout(struct client_launcher *launcher)
{
    launcher->events->logout(launcher->user_data);
}

static GtkWidget *
launcher_bar(struct client_launcher *launcher, const struct client_theme *theme)
{
    GtkWidget *bar = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    GtkWidget *logo = client_theme_logo(theme, 36);
    GtkWidget *title = gtk_label_new(theme->title);
    GtkWidget *logout = gtk_button_new_with_label(_("Log out"));

    gtk_widget_add_css_class(bar, "launcher-bar");
    gtk_widget_add_css_class(title, "launcher-product");
    gtk_widget_set_hexpand(title, TRUE);
    gtk_label_set_xalign(GTK_LABEL(title), 0);
    launcher->user = gtk_label_new("");
    gtk_widget_add_css_class(launcher->user, "muted");
    gtk_label_set_ellipsize(GTK_LABEL(launcher->user), PANGO_ELLIPSIZE_END);
    gtk_widget_set_valign(logout, GTK_ALIGN_CENTER);
    gtk_widget_add_css_class(logout, "flat-action");
    g_signal_connect_swapped(logout, "clicked", G_CALLBACK(launcher_logout), launcher);
    if (logo)
        gtk_box_append(GTK_BOX(bar), logo);
    gtk_box_append(GTK_BOX(bar), title);
    gtk_box_append(GTK_BOX(bar), launcher->user);
    gtk_box_append(GTK_BOX(bar), logout);
    return bar;
}

struct client_launcher *
client_launcher_new(const struct client_theme *theme, const struct client_launcher_events *events,
                    void *user_data)
{
    struct client_launcher *launcher = g_new0(struct client_launcher, 1);
    GtkWidget *scroller = gtk_scrolled_window_new();
    GtkWidget *body = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
    GtkWidget *heading = gtk_label_new(_("Your desktops"));

    launcher->events = events;
    launcher->user_data = user_data;
    launcher->cards = g_ptr_array_new_with_free_func(card_free);
    launcher->root = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
    gtk_widget_add_css_class(launcher->root, "launcher");
    gtk_box_append(GTK_BOX(launcher->root), launcher_bar(launcher, theme));
    gtk_widget_add_css_class(body, "launcher-body");
    gtk_widget_add_css_class(heading, "launcher-heading");
    gtk_label_set_xalign(GTK_LABEL(heading), 0);
    launcher->notice = gtk_label_new("");
    gtk_label_set_xalign(GTK_LABEL(launcher->notice), 0);
    gtk_label_set_wrap(GTK_LABEL(launcher->notice), TRUE);
    gtk_widget_add_css_class(launcher->notice, "info-message");
    launcher->grid = gtk_flow_box_new();
    gtk_flow_box_set_selection_mode(GTK_FLOW_BOX(launcher->grid), GTK_SELECTION_NONE);
    gtk_flow_box_set_homogeneous(GTK_FLOW_BOX(launcher->grid), TRUE);
    gtk_flow_box_set_min_children_per_line(GTK_FLOW_BOX(launcher->grid), 1);
    gtk_flow_box_set_max_children_per_line(GTK_FLOW_BOX(launcher->grid), 4);
    gtk_flow_box_set_column_spacing(GTK_FLOW_BOX(launcher->grid), 20);
    gtk_flow_box_set_row_spacing(GTK_FLOW_BOX(launcher->grid), 20);
    gtk_widget_set_halign(launcher->grid, GTK_ALIGN_START);
    gtk_widget_set_valign(launcher->grid, GTK_ALIGN_START);
    gtk_box_append(GTK_BOX(body), heading);
    gtk_box_append(GTK_BOX(body), launcher->notice);
    gtk_box_append(GTK_BOX(body), launcher->grid);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER,
                                   GTK_POLICY_AUTOMATIC);
    gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), body);
    gtk_widget_set_vexpand(scroller, TRUE);
    gtk_box_append(GTK_BOX(launcher->root), scroller);
    return launcher;
}

void
client_launcher_free(struct client_launcher *launcher)
{
    if (!launcher)
        return;
    client_launcher_stop(launcher);
    g_ptr_array_unref(launcher->cards);
    g_free(launcher);
}

GtkWidget *
client_launcher_widget(struct client_launcher *launcher)
{
    return launcher->root;
}

void
client_launcher_start(struct client_launcher *launcher, struct client_api *api, const char *user)
{
    guint i;

    client_launcher_stop(launcher);
    launcher->api = api;
    launcher->waited = false;
    for (i = 0; i < launcher->cards->len; i++)
        card_show_screen(launcher->cards->pdata[i], NULL); /* it may be another user's */
    gtk_label_set_text(GTK_LABEL(launcher->user), user);
    launcher_notice(launcher, "");
    launcher_ask(launcher);
}

void
client_launcher_stop(struct client_launcher *launcher)
{
    guint i;

    for (i = 0; launcher->api && i < launcher->cards->len; i++)
        card_forget_screen(launcher->cards->pdata[i]);
    if (launcher->api)
        client_api_cancel(launcher->api, launcher);
    launcher->api = NULL;
    g_clear_handle_id(&launcher->timer, g_source_remove);
}
