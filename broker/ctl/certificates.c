/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/certificates.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/layout.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"
#include "protocol/link/pki.h"

#define SERVER_DAYS   365
#define RENEW_SECONDS (30 * 86400L)
#define MAX_PEM       (64u * 1024u)

static char *
path_of(const struct ctl_up_settings *settings, const char *name, const char *suffix)
{
    return g_strdup_printf("%s/pki/%s%s", settings->state, name, suffix);
}

/* The text of a file, for g_free(), or NULL. Keys of other users are readable for root only. */
static char *
read_text(const char *path)
{
    char *data = NULL;
    char *copy;
    size_t size = 0;

    if (vd_file_read(path, MAX_PEM, &data, &size) < 0) {
        return NULL;
    }
    copy = g_strdup(data);
    explicit_bzero(data, size);
    free(data);
    return copy;
}

static gboolean
write_pair(const struct ctl_up_settings *settings, const char *name, const struct vdp_pair *pair,
           enum ctl_user user, GError **error)
{
    g_autofree char *cert = path_of(settings, name, ".pem");
    g_autofree char *key = path_of(settings, name, ".key");

    /* The key first: a certificate without its key would look finished. */
    return ctl_layout_write(settings, key, pair->key_pem, user, 0600, error) &&
           ctl_layout_write(settings, cert, pair->cert_pem, CTL_USER_ROOT, 0644, error);
}

static gboolean
load_or_make_ca(const struct ctl_up_settings *settings, struct vdp_pair *ca, GError **error)
{
    g_autofree char *cert = path_of(settings, "ca", ".pem");
    g_autofree char *key = path_of(settings, "ca", ".key");

    ca->cert_pem = read_text(cert);
    ca->key_pem = read_text(key);
    if (ca->cert_pem != NULL && ca->key_pem != NULL) {
        return TRUE;
    }
    if (ca->cert_pem != NULL || g_file_test(cert, G_FILE_TEST_EXISTS)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s cannot be read although %s is there; bring it back from a backup, or "
                    "remove both to "
                    "start a new authority (every client and host must then trust it anew)",
                    ca->cert_pem == NULL ? cert : key, ca->cert_pem == NULL ? key : cert);
        return FALSE;
    }
    return vdp_pki_make_ca("Vedette", ca, error) &&
           write_pair(settings, "ca", ca, CTL_USER_BROKER, error);
}

/* True while the pair is there, is for these names and has time left. */
static gboolean
is_good(const struct ctl_up_settings *settings, const char *name, const char *names)
{
    g_autofree char *cert_path = path_of(settings, name, ".pem");
    g_autofree char *key_path = path_of(settings, name, ".key");
    g_autofree char *names_path = path_of(settings, name, ".names");
    g_autofree char *cert = read_text(cert_path);
    g_autofree char *made_for = read_text(names_path);
    long seconds = 0;

    return cert != NULL && made_for != NULL && strcmp(made_for, names) == 0 &&
           g_file_test(key_path, G_FILE_TEST_EXISTS) && vdp_pki_expires_in(cert, &seconds, NULL) &&
           seconds > RENEW_SECONDS;
}

static gboolean
make_server(const struct ctl_up_settings *settings, const struct vdp_pair *ca, const char *name,
            enum ctl_user user, GError **error)
{
    g_autofree char *list = g_strjoinv("\n", (char **)settings->names);
    g_autofree char *names_path = path_of(settings, name, ".names");
    struct vdp_pair pair = {0};
    gboolean done;

    if (is_good(settings, name, list)) {
        return TRUE;
    }
    done = vdp_pki_make_server(ca, settings->names, SERVER_DAYS, &pair, error) &&
           write_pair(settings, name, &pair, user, error) &&
           ctl_layout_write(settings, names_path, list, CTL_USER_ROOT, 0644, error);
    vdp_pair_clear(&pair);
    return done;
}

gboolean
ctl_certificates_make(const struct ctl_up_settings *settings, GError **error)
{
    struct vdp_pair ca = {0};
    gboolean done = load_or_make_ca(settings, &ca, error) &&
                    make_server(settings, &ca, "gateway", CTL_USER_GATEWAY, error) &&
                    make_server(settings, &ca, "broker", CTL_USER_BROKER, error);

    vdp_pair_clear(&ca);
    return done;
}

gboolean
ctl_certificates_host_must_join(const struct ctl_up_settings *settings)
{
    g_autofree char *path = g_build_filename(settings->state, "hostd", "host.pem", NULL);
    g_autofree char *cert = read_text(path);
    long seconds = 0;

    if (cert != NULL && vdp_pki_expires_in(cert, &seconds, NULL) && seconds > 0) {
        return FALSE; /* the host daemon renews it in time */
    }
    (void)unlink(path); /* it would be taken for a reason not to join */
    return TRUE;
}
