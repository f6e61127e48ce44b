/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/toolbar.h"

#include "client/native/text.h"

#define SHOW_WITHIN 3.0  /* logical pixels of the top edge */
#define HIDE_BEYOND 72.0 /* below the bar */
#define GREET_MS    3000u

struct client_toolbar {
    const struct client_toolbar_events *events;
    void *user_data;
    GtkWidget *root;
    GtkWidget *full_screen;
    guint greeting;
};

static void
clicked_full_screen(struct client_toolbar *toolbar)
{
    toolbar->events->full_screen(toolbar->user_data);
}

static void
clicked_ctrl_alt_del(struct client_toolbar *toolbar)
{
    toolbar->events->ctrl_alt_del(toolbar->user_data);
}

static void
clicked_disconnect(struct client_toolbar *toolbar)
{
    toolbar->events->disconnect(toolbar->user_data);
}

static void
clicked_logoff(struct client_toolbar *toolbar)
{
    toolbar->events->logoff(toolbar->user_data);
}

static void
toggled_original(GtkToggleButton *button, struct client_toolbar *toolbar)
{
    toolbar->events->fit(!gtk_toggle_button_get_active(button), toolbar->user_data);
}

static void
toggled_statistics(GtkToggleButton *button, struct client_toolbar *toolbar)
{
    toolbar->events->statistics(gtk_toggle_button_get_active(button), toolbar->user_data);
}

static GtkWidget *
bar_add(GtkWidget *bar, GtkWidget *button, const char *icon, const char *text, const char *tip)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

    if (icon)
        gtk_box_append(GTK_BOX(box), gtk_image_new_from_icon_name(icon));
    if (text)
        gtk_box_append(GTK_BOX(box), gtk_label_new(text));
    gtk_button_set_child(GTK_BUTTON(button), box);
    gtk_widget_set_tooltip_text(button, tip);
    gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, tip, -1);
    gtk_widget_set_focusable(button, FALSE); /* the keyboard belongs to the desktop */
    gtk_widget_add_css_class(button, "flat");
    gtk_box_append(GTK_BOX(bar), button);
    return button;
}

static void
bar_fill(struct client_toolbar *toolbar, GtkWidget *bar)
{
    GtkWidget *button;

    toolbar->full_screen =
        bar_add(bar, gtk_button_new(), "view-fullscreen-symbolic", NULL, _("Full screen (F11)"));
    g_signal_connect_swapped(toolbar->full_screen, "clicked", G_CALLBACK(clicked_full_screen),
                             toolbar);
    button = bar_add(bar, gtk_toggle_button_new(), NULL, "1:1", _("Original size"));
    g_signal_connect(button, "toggled", G_CALLBACK(toggled_original), toolbar);
    button = bar_add(bar, gtk_button_new(), "input-keyboard-symbolic", "Ctrl+Alt+Del",
                     _("Send Ctrl+Alt+Del"));
    g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked_ctrl_alt_del), toolbar);
    button = bar_add(bar, gtk_toggle_button_new(), "network-wired-symbolic", NULL, _("Statistics"));
    g_signal_connect(button, "toggled", G_CALLBACK(toggled_statistics), toolbar);
    gtk_box_append(GTK_BOX(bar), gtk_separator_new(GTK_ORIENTATION_VERTICAL));
    button = bar_add(bar, gtk_button_new(), NULL, _("Disconnect"),
                     _("Leave; your desktop goes on running"));
    g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked_disconnect), toolbar);
    button = bar_add(bar, gtk_button_new(), NULL, _("Log off"),
                     _("End the session and close the desktop"));
    g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked_logoff), toolbar);
}

struct client_toolbar *
client_toolbar_new(const struct client_toolbar_events *events, void *user_data)
{
    struct client_toolbar *toolbar = g_new0(struct client_toolbar, 1);
    GtkWidget *bar = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);

    toolbar->events = events;
    toolbar->user_data = user_data;
    gtk_widget_add_css_class(bar, "desktop-toolbar");
    bar_fill(toolbar, bar);
    toolbar->root = gtk_revealer_new();
    gtk_revealer_set_child(GTK_REVEALER(toolbar->root), bar);
    gtk_revealer_set_transition_type(GTK_REVEALER(toolbar->root),
                                     GTK_REVEALER_TRANSITION_TYPE_SLIDE_DOWN);
    gtk_revealer_set_transition_duration(GTK_REVEALER(toolbar->root), 150);
    gtk_widget_set_halign(toolbar->root, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(toolbar->root, GTK_ALIGN_START);
    return toolbar;
}

void
client_toolbar_free(struct client_toolbar *toolbar)
{
    if (!toolbar)
        return;
    g_clear_handle_id(&toolbar->greeting, g_source_remove);
    g_free(toolbar);
}

GtkWidget *
client_toolbar_widget(struct client_toolbar *toolbar)
{
    return toolbar->root;
}

void
client_toolbar_pointer(struct client_toolbar *toolbar, double y)
{
    if (y <= SHOW_WITHIN)
        gtk_revealer_set_reveal_child(GTK_REVEALER(toolbar->root), TRUE);
    else if (y > HIDE_BEYOND && !toolbar->greeting)
        gtk_revealer_set_reveal_child(GTK_REVEALER(toolbar->root), FALSE);
}

static gboolean
toolbar_greeted(void *user_data)
{
    struct client_toolbar *toolbar = user_data;

    toolbar->greeting = 0;
    gtk_revealer_set_reveal_child(GTK_REVEALER(toolbar->root), FALSE);
    return G_SOURCE_REMOVE;
}

void
client_toolbar_greet(struct client_toolbar *toolbar)
{
    g_clear_handle_id(&toolbar->greeting, g_source_remove);
    gtk_revealer_set_reveal_child(GTK_REVEALER(toolbar->root), TRUE);
    toolbar->greeting = g_timeout_add(GREET_MS, toolbar_greeted, toolbar);
}

void
client_toolbar_set_full_screen(struct client_toolbar *toolbar, bool full_screen)
{
    GtkWidget *box = gtk_button_get_child(GTK_BUTTON(toolbar->full_screen));

    gtk_image_set_from_icon_name(GTK_IMAGE(gtk_widget_get_first_child(box)),
                                 full_screen ? "view-restore-symbolic"
                                             : "view-fullscreen-symbolic");
}
