/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/app.h"

#include <gtk/gtk.h>

#include "client/native/desktop.h"
#include "client/native/headless.h"
#include "client/native/launcher.h"
#include "client/native/login.h"
#include "client/native/loginpage.h"
#include "client/native/pin.h"
#include "client/native/settings.h"
#include "client/native/text.h"
#include "protocol/base/log.h"

struct app {
    const struct client_config *config;
    GtkApplication *application;
    struct client_theme *theme;
    GtkWidget *window;
    GtkWidget *stack; /* "login", "launcher" */
    struct client_loginpage *page;
    struct client_launcher *launcher;
    GCancellable *fetching;
    struct client_address address;
    char *user;
    char *ca_pem;
    struct client_api *api;
    struct client_login *login;
    struct client_desktop *desktop;
    bool chosen; /* the pool of --pool was opened */
};

/* Forgets everything that belongs to a login. */
static void
app_forget(struct app *app)
{
    if (app->fetching)
        g_cancellable_cancel(app->fetching);
    g_clear_object(&app->fetching);
    client_launcher_stop(app->launcher);
    client_desktop_free(app->desktop);
    app->desktop = NULL;
    client_login_free(app->login);
    app->login = NULL;
    client_api_free(app->api);
    app->api = NULL;
    client_address_clear(&app->address);
    g_clear_pointer(&app->ca_pem, g_free);
    g_clear_pointer(&app->user, g_free);
}

static void
app_show_login(struct app *app, const char *message)
{
    app_forget(app);
    gtk_stack_set_visible_child_name(GTK_STACK(app->stack), "login");
    gtk_widget_set_visible(app->window, TRUE);
    client_loginpage_start(app->page, NULL, NULL, message);
}

static void
desktop_closed(enum client_end end, void *user_data)
{
    struct app *app = user_data;

    client_desktop_free(app->desktop);
    app->desktop = NULL;
    if (end == CLIENT_END_LOGIN || end == CLIENT_END_UNTRUSTED) {
        app_show_login(app, client_end_text(end));
        return;
    }
    gtk_widget_set_visible(app->window, TRUE);
    client_launcher_start(app->launcher, app->api, app->user);
}

static void
launcher_connect(const char *pool, const char *description, void *user_data)
{
    struct app *app = user_data;
    struct client_session_options options = {
        .address = &app->address,
        .ca_pem = app->ca_pem,
        .pool = pool,
        .width = app->config->width,
        .height = app->config->height,
    };
    g_autofree char *title = g_strdup_printf("%s – %s", description, app->theme->title);

    client_launcher_stop(app->launcher);
    app->desktop =
        client_desktop_new(app->application, app->api, &options, title, desktop_closed, app);
    gtk_widget_set_visible(app->window, FALSE);
}

static void
app_logged_out(const struct client_api_result *result, void *user_data)
{
    (void)result; /* the token is forgotten here in any case */
    app_show_login(user_data, NULL);
}

static void
launcher_logout(void *user_data)
{
    struct app *app = user_data;

    client_launcher_stop(app->launcher);
    client_api_call(app->api, "/api/logout", json_object(), app_logged_out, app);
}

static void
launcher_expired(void *user_data)
{
    app_show_login(user_data, _("Your login has expired. Please log in again."));
}

static void
login_prompts(const struct client_login_reply *round, void *user_data)
{
    struct app *app = user_data;

    client_loginpage_prompts(app->page, app->user, round);
}

static void
login_done(const char *user, void *user_data)
{
    struct app *app = user_data;
    g_autofree char *server = client_address_text(&app->address);

    client_settings_store(server, app->user);
    gtk_stack_set_visible_child_name(GTK_STACK(app->stack), "launcher");
    client_launcher_start(app->launcher, app->api, user);
    if (app->config->pool && !app->chosen) {
        app->chosen = true;
        launcher_connect(app->config->pool, app->config->pool, app);
    }
}

static void
login_refused(const char *message, void *user_data)
{
    g_autofree char *text = g_strdup(message[0] ? message : _("The login failed."));

    app_show_login(user_data, text);
}

static void
login_failed(enum client_api_status status, const char *text, void *user_data)
{
    struct app *app = user_data;
    g_autofree char *server = client_address_text(&app->address);
    g_autofree char *message = NULL;

    switch (status) {
    case CLIENT_API_UNTRUSTED:
        message = g_strdup_printf(_("The certificate of %s does not match the one that you "
                                    "trusted. Nothing was sent. Please call your help desk."),
                                  server);
        break;
    case CLIENT_API_UNREACHABLE:
        message = g_strdup_printf(_("%s cannot be reached."), server);
        vd_info("login", "'%s': %s", server, text);
        break;
    default:
        message = g_strdup(text);
        break;
    }
    app_show_login(app, message);
}

static void
app_login(struct app *app)
{
    static const struct client_login_events events = {
        .prompts = login_prompts,
        .done = login_done,
        .refused = login_refused,
        .failed = login_failed,
    };

    client_loginpage_busy(app->page, _("Connecting…"));
    app->api = client_api_new(&app->address, app->ca_pem, NULL);
    app->login = client_login_new(app->api, app->user, &events, app);
}

static void
app_fetched(const char *ca_pem, const char *fingerprint, const char *error, void *user_data)
{
    struct app *app = user_data;
    g_autofree char *server = client_address_text(&app->address);
    g_autofree char *message = NULL;

    if (!ca_pem) {
        vd_info("login", "'%s': %s", server, error);
        message = g_strdup_printf(_("%s cannot be reached."), server);
        app_show_login(app, message);
        return;
    }
    app->ca_pem = g_strdup(ca_pem);
    client_loginpage_trust(app->page, server, fingerprint);
}

static void
page_start(const char *server, const char *user, void *user_data)
{
    struct app *app = user_data;
    g_autofree char *folder = client_pin_folder();
    g_autoptr(GError) error = NULL;
    bool missing = false;

    app_forget(app);
    if (!client_address_parse(server, &app->address, &error)) {
        client_loginpage_start(app->page, NULL, NULL, error->message);
        return;
    }
    app->user = g_strdup(user);
    if (app->config->ca)
        app->ca_pem = client_pin_read_file(app->config->ca, &error);
    else
        app->ca_pem = client_pin_load(folder, &app->address, &missing, &error);
    if (app->ca_pem) {
        app_login(app);
    } else if (missing) {
        client_loginpage_busy(app->page, _("Connecting…"));
        app->fetching = g_cancellable_new();
        client_pin_fetch(&app->address, app->fetching, app_fetched, app);
    } else {
        client_loginpage_start(app->page, NULL, NULL, error->message);
    }
}

static void
page_answer(const char *const *answers, size_t count, void *user_data)
{
    struct app *app = user_data;

    client_login_answer(app->login, answers, count);
    client_loginpage_busy(app->page, _("Logging in…"));
}

static void
page_trust(void *user_data)
{
    struct app *app = user_data;
    g_autofree char *folder = client_pin_folder();
    g_autoptr(GError) error = NULL;

    if (!client_pin_store(folder, &app->address, app->ca_pem, &error))
        vd_warning("pin", "%s, continuing without a stored pin", error->message);
    app_login(app);
}

static void
page_cancel(void *user_data)
{
    app_show_login(user_data, NULL);
}

static void
app_activate(GtkApplication *application, void *user_data)
{
    static const struct client_loginpage_events page_events = {
        .start = page_start, .answer = page_answer, .trust = page_trust, .cancel = page_cancel};
    static const struct client_launcher_events launcher_events = {
        .connect = launcher_connect, .logout = launcher_logout, .expired = launcher_expired};
    struct app *app = user_data;
    g_autofree char *server = NULL;
    g_autofree char *user = NULL;

    client_theme_apply(app->theme, gdk_display_get_default());
    app->window = gtk_application_window_new(application);
    gtk_window_set_title(GTK_WINDOW(app->window), app->theme->title);
    gtk_window_set_default_size(GTK_WINDOW(app->window), 960, 680);
    app->page = client_loginpage_new(app->theme, &page_events, app);
    app->launcher = client_launcher_new(app->theme, &launcher_events, app);
    app->stack = gtk_stack_new();
    gtk_stack_set_transition_type(GTK_STACK(app->stack), GTK_STACK_TRANSITION_TYPE_CROSSFADE);
    gtk_stack_add_named(GTK_STACK(app->stack), client_loginpage_widget(app->page), "login");
    gtk_stack_add_named(GTK_STACK(app->stack), client_launcher_widget(app->launcher), "launcher");
    gtk_window_set_child(GTK_WINDOW(app->window), app->stack);
    client_settings_load(&server, &user);
    client_loginpage_start(app->page, app->config->server ? app->config->server : server,
                           app->config->user ? app->config->user : user, NULL);
    gtk_window_present(GTK_WINDOW(app->window));
}

/* Where no session bus is, screen readers are not either; GTK would warn about it. */
static void
app_look_for_bus(void)
{
    const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    g_autofree char *path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);

    if ((!address || !address[0]) && !g_file_test(path, G_FILE_TEST_EXISTS))
        g_setenv("GTK_A11Y", "none", FALSE);
}

int
client_app_run(const struct client_config *config)
{
    struct app app = {.config = config};
    int code;

    app_look_for_bus();
    if (!gtk_init_check()) {
        vd_error("app", "there is no display; --headless works without one");
        return CLIENT_EXIT_FAILED;
    }
    app.theme = client_theme_load(config->theme);
    app.application = gtk_application_new("org.vedette.Client", G_APPLICATION_NON_UNIQUE);
    g_signal_connect(app.application, "activate", G_CALLBACK(app_activate), &app);
    code = g_application_run(G_APPLICATION(app.application), 0, NULL);
    if (app.launcher)
        app_forget(&app);
    g_object_unref(app.application);
    client_launcher_free(app.launcher);
    client_loginpage_free(app.page);
    client_theme_free(app.theme);
    return code;
}
