/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/statecard.h"

#include "client/native/text.h"

struct client_statecard {
    void (*again)(void *user_data);
    void (*back)(void *user_data);
    void *user_data;
    GtkWidget *root;
    GtkWidget *spinner;
    GtkWidget *title;
    GtkWidget *position;
    GtkWidget *text;
    GtkWidget *again_button;
    GtkWidget *back_button;
};

static void
card_again(struct client_statecard *card)
{
    card->again(card->user_data);
}

static void
card_back(struct client_statecard *card)
{
    card->back(card->user_data);
}

static GtkWidget *
card_label(GtkWidget *box, const char *class)
{
    GtkWidget *label = gtk_label_new("");

    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 44);
    gtk_widget_add_css_class(label, class);
    gtk_box_append(GTK_BOX(box), label);
    return label;
}

struct client_statecard *
client_statecard_new(void (*again)(void *user_data), void (*back)(void *user_data), void *user_data)
{
    struct client_statecard *card = g_new0(struct client_statecard, 1);
    GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

    card->again = again;
    card->back = back;
    card->user_data = user_data;
    card->root = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    gtk_widget_add_css_class(card->root, "state-card");
    gtk_widget_set_halign(card->root, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(card->root, GTK_ALIGN_CENTER);
    card->spinner = gtk_spinner_new();
    gtk_widget_set_size_request(card->spinner, 36, 36);
    gtk_box_append(GTK_BOX(card->root), card->spinner);
    card->title = card_label(card->root, "state-title");
    card->position = card_label(card->root, "state-position");
    card->text = card_label(card->root, "muted");
    gtk_widget_set_halign(buttons, GTK_ALIGN_CENTER);
    gtk_widget_set_margin_top(buttons, 8);
    card->back_button = gtk_button_new_with_label(_("Back"));
    gtk_widget_add_css_class(card->back_button, "flat-action");
    g_signal_connect_swapped(card->back_button, "clicked", G_CALLBACK(card_back), card);
    card->again_button = gtk_button_new_with_label(_("Reconnect"));
    gtk_widget_add_css_class(card->again_button, "suggested-action");
    g_signal_connect_swapped(card->again_button, "clicked", G_CALLBACK(card_again), card);
    gtk_box_append(GTK_BOX(buttons), card->back_button);
    gtk_box_append(GTK_BOX(buttons), card->again_button);
    gtk_box_append(GTK_BOX(card->root), buttons);
    return card;
}

void
client_statecard_free(struct client_statecard *card)
{
    g_free(card);
}

GtkWidget *
client_statecard_widget(struct client_statecard *card)
{
    return card->root;
}

static void
card_text(GtkWidget *label, const char *text)
{
    gtk_label_set_text(GTK_LABEL(label), text);
    gtk_widget_set_visible(label, text[0] != '\0');
}

void
client_statecard_show(struct client_statecard *card, const struct client_session_status *status)
{
    bool ended = status->state == CLIENT_STATE_ENDED;
    bool waiting = status->state == CLIENT_STATE_WAITING && status->position > 0;
    /* What a lost line says is for the log, not for the person. */
    bool say = ended || status->state == CLIENT_STATE_WAITING;
    g_autofree char *position =
        waiting ? g_strdup_printf(_("You are number %u in line."), status->position) : g_strdup("");

    gtk_widget_set_visible(card->root, status->state != CLIENT_STATE_LIVE);
    gtk_widget_set_visible(card->spinner, !ended);
    gtk_spinner_set_spinning(GTK_SPINNER(card->spinner),
                             !ended && status->state != CLIENT_STATE_LIVE);
    card_text(card->title, ended ? client_end_text(status->end) : client_state_text(status->state));
    card_text(card->position, position);
    card_text(card->text, say ? status->text : "");
    gtk_widget_set_visible(card->again_button, ended && status->end != CLIENT_END_UNTRUSTED &&
                                                   status->end != CLIENT_END_LOGIN);
    gtk_button_set_label(GTK_BUTTON(card->back_button), ended ? _("Back") : _("Cancel"));
    if (ended)
        gtk_widget_grab_focus(gtk_widget_get_visible(card->again_button) ? card->again_button
                                                                         : card->back_button);
}
