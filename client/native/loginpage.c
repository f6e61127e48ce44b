/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/loginpage.h"

#include <string.h>

#include "client/native/text.h"
#include "protocol/base/secret.h"

struct client_loginpage {
    const struct client_loginpage_events *events;
    void *user_data;
    GtkWidget *root;
    GtkWidget *message; /* an error above the form */
    GtkWidget *stack;   /* "start", "prompts", "busy", "trust" */
    GtkWidget *server;
    GtkWidget *user;
    GtkWidget *who; /* above the prompts */
    GtkWidget *rows;
    GtkWidget *answers[CLIENT_MAX_PROMPTS];
    size_t answer_count;
    GtkWidget *busy;
    GtkWidget *spinner;
    GtkWidget *trust_server;
    GtkWidget *trust_print;
    GtkWidget *trust_check;
};

static GtkWidget *
label_new(const char *text, const char *class)
{
    GtkWidget *label = gtk_label_new(text);

    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_natural_wrap_mode(GTK_LABEL(label), GTK_NATURAL_WRAP_WORD);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 40);
    gtk_widget_add_css_class(label, class);
    return label;
}

static GtkWidget *
column_new(int spacing)
{
    return gtk_box_new(GTK_ORIENTATION_VERTICAL, spacing);
}

static GtkWidget *
field_new(GtkWidget *box, const char *text, GtkWidget *entry)
{
    GtkWidget *label = gtk_label_new(text);
    GtkWidget *column = column_new(6);

    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_mnemonic_widget(GTK_LABEL(label), entry);
    gtk_widget_add_css_class(label, "field-name");
    gtk_box_append(GTK_BOX(column), label);
    gtk_box_append(GTK_BOX(column), entry);
    gtk_box_append(GTK_BOX(box), column);
    return entry;
}

static GtkWidget *
button_new(GtkWidget *box, const char *text, const char *class, GCallback clicked,
           struct client_loginpage *page)
{
    GtkWidget *button = gtk_button_new_with_label(text);

    gtk_widget_add_css_class(button, class);
    g_signal_connect_swapped(button, "clicked", clicked, page);
    gtk_box_append(GTK_BOX(box), button);
    return button;
}

static void
page_say(struct client_loginpage *page, const char *message)
{
    gtk_label_set_text(GTK_LABEL(page->message), message ? message : "");
    gtk_widget_set_visible(page->message, message && message[0]);
}

static void
page_submit_start(struct client_loginpage *page)
{
    const char *server = gtk_editable_get_text(GTK_EDITABLE(page->server));
    const char *user = gtk_editable_get_text(GTK_EDITABLE(page->user));

    if (!server[0] || !user[0]) {
        page_say(page, _("Enter a server and a user name."));
        gtk_widget_grab_focus(server[0] ? page->user : page->server);
        return;
    }
    page_say(page, NULL);
    page->events->start(server, user, page->user_data);
}

static void
page_submit_answers(struct client_loginpage *page)
{
    char *answers[CLIENT_MAX_PROMPTS] = {NULL};
    size_t i;

    for (i = 0; i < page->answer_count; i++) {
        answers[i] = g_strdup(gtk_editable_get_text(GTK_EDITABLE(page->answers[i])));
        gtk_editable_set_text(GTK_EDITABLE(page->answers[i]), "");
    }
    page->events->answer((const char *const *)answers, page->answer_count, page->user_data);
    for (i = 0; i < CLIENT_MAX_PROMPTS; i++)
        vd_secret_free(answers[i]);
}

static void
page_cancel(struct client_loginpage *page)
{
    page->events->cancel(page->user_data);
}

static void
page_trust(struct client_loginpage *page)
{
    page->events->trust(page->user_data);
}

static GtkWidget *
start_new(struct client_loginpage *page)
{
    GtkWidget *box = column_new(16);
    GtkWidget *button;

    page->server = field_new(box, _("Server"), gtk_entry_new());
    gtk_entry_set_placeholder_text(GTK_ENTRY(page->server), "desktops.example.org");
    gtk_entry_set_input_purpose(GTK_ENTRY(page->server), GTK_INPUT_PURPOSE_URL);
    page->user = field_new(box, _("User name"), gtk_entry_new());
    button =
        button_new(box, _("Continue"), "suggested-action", G_CALLBACK(page_submit_start), page);
    gtk_widget_set_margin_top(button, 8);
    g_signal_connect_swapped(page->server, "activate", G_CALLBACK(page_submit_start), page);
    g_signal_connect_swapped(page->user, "activate", G_CALLBACK(page_submit_start), page);
    return box;
}

static GtkWidget *
prompts_new(struct client_loginpage *page)
{
    GtkWidget *box = column_new(16);
    GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

    page->who = label_new("", "who");
    page->rows = column_new(14);
    gtk_box_append(GTK_BOX(box), page->who);
    gtk_box_append(GTK_BOX(box), page->rows);
    gtk_box_set_homogeneous(GTK_BOX(buttons), TRUE);
    gtk_widget_set_margin_top(buttons, 8);
    button_new(buttons, _("Back"), "flat-action", G_CALLBACK(page_cancel), page);
    button_new(buttons, _("Log in"), "suggested-action", G_CALLBACK(page_submit_answers), page);
    gtk_box_append(GTK_BOX(box), buttons);
    return box;
}

static GtkWidget *
busy_new(struct client_loginpage *page)
{
    GtkWidget *box = column_new(16);

    page->spinner = gtk_spinner_new();
    gtk_widget_set_size_request(page->spinner, 32, 32);
    page->busy = label_new("", "muted");
    gtk_label_set_justify(GTK_LABEL(page->busy), GTK_JUSTIFY_CENTER);
    gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
    gtk_box_append(GTK_BOX(box), page->spinner);
    gtk_box_append(GTK_BOX(box), page->busy);
    button_new(box, _("Cancel"), "flat-action", G_CALLBACK(page_cancel), page);
    return box;
}

static GtkWidget *
trust_new(struct client_loginpage *page)
{
    GtkWidget *box = column_new(14);
    GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    GtkWidget *text = label_new(_("You have not connected to this server before. Compare its "
                                  "fingerprint with the one that your administrator gave you."),
                                "muted");
    GtkWidget *check;
    GtkWidget *connect;

    gtk_label_set_width_chars(GTK_LABEL(text), 40);

    page->trust_server = label_new("", "who");
    page->trust_print = label_new("", "fingerprint");
    gtk_label_set_selectable(GTK_LABEL(page->trust_print), TRUE);
    gtk_label_set_justify(GTK_LABEL(page->trust_print), GTK_JUSTIFY_CENTER);
    gtk_widget_set_focusable(page->trust_print, FALSE);
    gtk_label_set_xalign(GTK_LABEL(text), 0);
    check = gtk_check_button_new_with_label(_("The fingerprints are the same"));
    page->trust_check = check;
    gtk_box_append(GTK_BOX(box), page->trust_server);
    gtk_box_append(GTK_BOX(box), text);
    gtk_box_append(GTK_BOX(box), page->trust_print);
    gtk_box_append(GTK_BOX(box), check);
    gtk_box_set_homogeneous(GTK_BOX(buttons), TRUE);
    button_new(buttons, _("Cancel"), "flat-action", G_CALLBACK(page_cancel), page);
    connect = button_new(buttons, _("Trust"), "suggested-action", G_CALLBACK(page_trust), page);
    g_object_bind_property(check, "active", connect, "sensitive", G_BINDING_SYNC_CREATE);
    gtk_box_append(GTK_BOX(box), buttons);
    return box;
}

static GtkWidget *
card_new(struct client_loginpage *page, const struct client_theme *theme)
{
    GtkWidget *card = column_new(0);
    GtkWidget *logo = client_theme_logo(theme, 88);
    GtkWidget *title = label_new(theme->title, "product");
    GtkWidget *greeting = label_new(theme->greeting, "greeting");

    gtk_widget_add_css_class(card, "login-card");
    gtk_widget_set_halign(card, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(card, GTK_ALIGN_CENTER);
    gtk_label_set_justify(GTK_LABEL(greeting), GTK_JUSTIFY_CENTER);
    if (logo)
        gtk_box_append(GTK_BOX(card), logo);
    gtk_box_append(GTK_BOX(card), title);
    gtk_box_append(GTK_BOX(card), greeting);
    page->message = label_new("", "error-message");
    gtk_label_set_xalign(GTK_LABEL(page->message), 0);
    gtk_widget_set_visible(page->message, FALSE);
    gtk_box_append(GTK_BOX(card), page->message);
    page->stack = gtk_stack_new();
    gtk_stack_set_hhomogeneous(GTK_STACK(page->stack), FALSE);
    gtk_stack_set_vhomogeneous(GTK_STACK(page->stack), FALSE);
    gtk_stack_set_interpolate_size(GTK_STACK(page->stack), TRUE);
    gtk_stack_set_transition_type(GTK_STACK(page->stack), GTK_STACK_TRANSITION_TYPE_CROSSFADE);
    gtk_stack_set_transition_duration(GTK_STACK(page->stack), 120);
    gtk_stack_add_named(GTK_STACK(page->stack), start_new(page), "start");
    gtk_stack_add_named(GTK_STACK(page->stack), prompts_new(page), "prompts");
    gtk_stack_add_named(GTK_STACK(page->stack), busy_new(page), "busy");
    gtk_stack_add_named(GTK_STACK(page->stack), trust_new(page), "trust");
    gtk_box_append(GTK_BOX(card), page->stack);
    return card;
}

struct client_loginpage *
client_loginpage_new(const struct client_theme *theme, const struct client_loginpage_events *events,
                     void *user_data)
{
    struct client_loginpage *page = g_new0(struct client_loginpage, 1);
    GtkWidget *card;

    page->events = events;
    page->user_data = user_data;
    page->root = column_new(0);
    gtk_widget_add_css_class(page->root, "login");
    card = card_new(page, theme);
    gtk_widget_set_vexpand(card, TRUE);
    gtk_box_append(GTK_BOX(page->root), card);
    if (theme->footer[0])
        gtk_box_append(GTK_BOX(page->root), label_new(theme->footer, "login-footer"));
    return page;
}

void
client_loginpage_free(struct client_loginpage *page)
{
    g_free(page);
}

GtkWidget *
client_loginpage_widget(struct client_loginpage *page)
{
    return page->root;
}

static void
page_show(struct client_loginpage *page, const char *name)
{
    gtk_spinner_set_spinning(GTK_SPINNER(page->spinner), strcmp(name, "busy") == 0);
    gtk_stack_set_visible_child_name(GTK_STACK(page->stack), name);
}

void
client_loginpage_start(struct client_loginpage *page, const char *server, const char *user,
                       const char *message)
{
    if (server)
        gtk_editable_set_text(GTK_EDITABLE(page->server), server);
    if (user)
        gtk_editable_set_text(GTK_EDITABLE(page->user), user);
    page_say(page, message);
    page_show(page, "start");
    server = gtk_editable_get_text(GTK_EDITABLE(page->server));
    gtk_widget_grab_focus(server[0] ? page->user : page->server);
}

void
client_loginpage_busy(struct client_loginpage *page, const char *text)
{
    page_say(page, NULL);
    gtk_label_set_text(GTK_LABEL(page->busy), text);
    page_show(page, "busy");
}

static GtkWidget *
prompt_entry(const struct client_prompt *prompt)
{
    GtkWidget *entry;

    if (prompt->style == CLIENT_PROMPT_ECHO)
        return gtk_entry_new();
    entry = gtk_password_entry_new();
    gtk_password_entry_set_show_peek_icon(GTK_PASSWORD_ENTRY(entry), TRUE);
    return entry;
}

/* "Password: " asks with less ceremony as a field's name. */
static char *
prompt_name(const char *text)
{
    g_autofree char *name = g_strstrip(g_strdup(text));
    size_t size = strlen(name);

    if (size > 0 && name[size - 1] == ':')
        name[size - 1] = '\0';
    if (g_ascii_strcasecmp(name, "password") == 0)
        return g_strdup(_("Password"));
    return g_steal_pointer(&name);
}

static void
prompt_add(struct client_loginpage *page, const struct client_prompt *prompt)
{
    g_autofree char *name = prompt_name(prompt->text);
    GtkWidget *entry;

    if (!client_prompt_wants_answer(prompt)) {
        GtkWidget *label = label_new(
            prompt->text, prompt->style == CLIENT_PROMPT_ERROR ? "error-message" : "info-message");

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_box_append(GTK_BOX(page->rows), label);
        return;
    }
    entry = field_new(page->rows, name, prompt_entry(prompt));
    g_signal_connect_swapped(entry, "activate", G_CALLBACK(page_submit_answers), page);
    page->answers[page->answer_count++] = entry;
}

void
client_loginpage_prompts(struct client_loginpage *page, const char *user,
                         const struct client_login_reply *round)
{
    GtkWidget *child;
    size_t i;

    while ((child = gtk_widget_get_first_child(page->rows)))
        gtk_box_remove(GTK_BOX(page->rows), child);
    page->answer_count = 0;
    gtk_label_set_text(GTK_LABEL(page->who), user);
    for (i = 0; i < round->prompt_count; i++)
        prompt_add(page, &round->prompts[i]);
    page_say(page, NULL);
    page_show(page, "prompts");
    if (page->answer_count > 0)
        gtk_widget_grab_focus(page->answers[0]);
}

/* Groups of four digits, sixteen a line, are easier to compare. */
static char *
fingerprint_groups(const char *fingerprint)
{
    const char *digits = strchr(fingerprint, ':');
    GString *text = g_string_new(NULL);
    size_t i;

    digits = digits ? digits + 1 : fingerprint;
    for (i = 0; digits[i]; i++) {
        if (i > 0 && i % 4 == 0)
            g_string_append_c(text, i % 16 == 0 ? '\n' : ' ');
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(text, FALSE);
}

void
client_loginpage_trust(struct client_loginpage *page, const char *server, const char *fingerprint)
{
    g_autofree char *groups = fingerprint_groups(fingerprint);

    gtk_label_set_text(GTK_LABEL(page->trust_server), server);
    gtk_label_set_text(GTK_LABEL(page->trust_print), groups);
    gtk_check_button_set_active(GTK_CHECK_BUTTON(page->trust_check), FALSE);
    page_say(page, NULL);
    page_show(page, "trust");
    gtk_widget_grab_focus(page->trust_check);
}
