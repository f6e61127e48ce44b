/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/pin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/link/pki.h"

#define PIN_FETCH_TIMEOUT_MS 8000u

char *
client_pin_folder(void)
{
    return g_build_filename(g_get_user_config_dir(), "vedette", "pins", NULL);
}

char *
client_pin_path(const char *folder, const struct client_address *address)
{
    GString *name = g_string_new(NULL);
    g_autofree char *leaf = NULL;
    const char *c;

    for (c = address->host; *c; c++) {
        if (g_ascii_islower(*c) || g_ascii_isdigit(*c) || *c == '-' ||
            (*c == '.' && c != address->host))
            g_string_append_c(name, *c);
        else
            g_string_append_printf(name, "%%%02x", (unsigned char)*c);
    }
    g_string_append_printf(name, "_%u.pem", address->port);
    leaf = g_string_free(name, FALSE);
    return g_build_filename(folder, leaf, NULL);
}

static char *
pin_read(const char *path, bool *ret_missing, GError **error)
{
    char *raw = NULL;
    char *text;
    size_t size = 0;
    int r = vd_file_read(path, CLIENT_MAX_PEM, &raw, &size);

    if (ret_missing)
        *ret_missing = r == -ENOENT;
    if (r == -ENOENT && ret_missing)
        return NULL;
    if (r < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-r), "reading '%s': %s", path,
                    g_strerror(-r));
        return NULL;
    }
    if (strlen(raw) != size || !strstr(raw, "-----BEGIN CERTIFICATE-----")) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "'%s' holds no certificate", path);
        free(raw);
        return NULL;
    }
    text = g_strdup(raw);
    free(raw);
    return text;
}

char *
client_pin_load(const char *folder, const struct client_address *address, bool *ret_missing,
                GError **error)
{
    g_autofree char *path = client_pin_path(folder, address);

    return pin_read(path, ret_missing, error);
}

char *
client_pin_read_file(const char *path, GError **error)
{
    return pin_read(path, NULL, error);
}

bool
client_pin_store(const char *folder, const struct client_address *address, const char *ca_pem,
                 GError **error)
{
    g_autofree char *path = client_pin_path(folder, address);
    int r = vd_mkdir_all(folder, 0700);

    if (r >= 0)
        r = vd_file_replace(path, ca_pem, strlen(ca_pem), 0600);
    if (r < 0)
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-r), "writing '%s': %s", path,
                    g_strerror(-r));
    return r >= 0;
}

struct pin_fetch {
    struct client_address address;
    char *ca_pem;
    char *fingerprint;
    client_pin_fetched_fn done;
    void *user_data;
};

static void
pin_fetch_free(void *data)
{
    struct pin_fetch *fetch = data;

    client_address_clear(&fetch->address);
    g_free(fetch->ca_pem);
    g_free(fetch->fingerprint);
    g_free(fetch);
}

static void
pin_fetch_run(GTask *task, void *source, void *data, GCancellable *cancellable)
{
    struct pin_fetch *fetch = data;
    GError *error = NULL;

    (void)source;
    (void)cancellable;
    fetch->ca_pem =
        vdp_pki_fetch_ca(fetch->address.host, fetch->address.port, PIN_FETCH_TIMEOUT_MS, &error);
    if (fetch->ca_pem)
        fetch->fingerprint = vdp_pki_fingerprint(fetch->ca_pem, &error);
    if (error)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

static void
pin_fetch_done(GObject *source, GAsyncResult *result, void *user_data)
{
    GTask *task = G_TASK(result);
    struct pin_fetch *fetch = g_task_get_task_data(task);
    GError *error = NULL;

    (void)source;
    (void)user_data;
    if (g_cancellable_is_cancelled(g_task_get_cancellable(task)))
        return;
    if (g_task_propagate_boolean(task, &error))
        fetch->done(fetch->ca_pem, fetch->fingerprint, NULL, fetch->user_data);
    else
        fetch->done(NULL, NULL, error->message, fetch->user_data);
    g_clear_error(&error);
}

void
client_pin_fetch(const struct client_address *address, GCancellable *cancellable,
                 client_pin_fetched_fn done, void *user_data)
{
    struct pin_fetch *fetch = g_new0(struct pin_fetch, 1);
    GTask *task = g_task_new(NULL, cancellable, pin_fetch_done, NULL);

    fetch->address = client_address_copy(address);
    fetch->done = done;
    fetch->user_data = user_data;
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, fetch, pin_fetch_free);
    g_task_run_in_thread(task, pin_fetch_run);
    g_object_unref(task);
}
