/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/enrol.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"
#include "protocol/link/pki.h"

#define MAX_PEM  (64u * 1024u)
#define MAX_NAME 64u

#define CERT_BEGIN "-----BEGIN CERTIFICATE-----"
#define CERT_END   "-----END CERTIFICATE-----\n"
#define KEY_BEGIN  "-----BEGIN PRIVATE KEY-----"
#define KEY_END    "-----END PRIVATE KEY-----\n"

struct hostd_enrol {
    char *folder, *name;
    char *cert, *key; /* both or none, once joined */
    char *new_key;    /* of the request that is under way */
    char *token;
    long renew_s; /* a certificate is renewed when less than this is left */
};

/* A file of the state folder as text, or NULL. */
static char *
read_state(const struct hostd_enrol *enrol, const char *name)
{
    g_autofree char *path = g_build_filename(enrol->folder, name, NULL);
    char *data = NULL;
    size_t size;

    return vd_file_read(path, MAX_PEM, &data, &size) < 0 ? NULL : data;
}

static bool
write_state(const struct hostd_enrol *enrol, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(enrol->folder, name, NULL);
    int result = vd_file_replace(path, text, strlen(text), 0600);

    if (result < 0) {
        vd_error("enrol", "cannot write %s: %s", path, strerror(-result));
    }
    return result == 0;
}

/* One token, white space around it does not count; NULL when there is none. */
static char *
read_token(int fd)
{
    char text[VD_TOKEN_CHARS + 3] = {0};
    size_t used = 0;
    ssize_t size;
    char *token = NULL;

    while (used < sizeof(text) - 1 && (size = read(fd, text + used, sizeof(text) - 1 - used)) > 0) {
        used += (size_t)size;
    }
    g_strstrip(text);
    if (vd_token_is_well_formed(text)) {
        token = strdup(text);
    } else if (used > 0) {
        vd_error("enrol", "what --join-fd gave is no join token");
    }
    explicit_bzero(text, sizeof(text));
    return token;
}

/* A copy of the block of text from begin to end, for vd_secret_free(), or NULL. */
static char *
cut_block(const char *text, const char *begin, const char *end)
{
    const char *first = strstr(text, begin);
    const char *last = first == NULL ? NULL : strstr(first, end);

    return last == NULL ? NULL : strndup(first, (size_t)(last + strlen(end) - first));
}

static void
load_pair(struct hostd_enrol *enrol)
{
    char *both = read_state(enrol, "host.pem");

    if (both == NULL) {
        return;
    }
    enrol->cert = cut_block(both, CERT_BEGIN, CERT_END);
    enrol->key = cut_block(both, KEY_BEGIN, KEY_END);
    vd_secret_free(both);
    if (enrol->cert == NULL || enrol->key == NULL) {
        vd_error("enrol", "host.pem is damaged; this host has to join again");
        vd_secret_free(enrol->cert);
        vd_secret_free(enrol->key);
        enrol->cert = enrol->key = NULL;
    }
}

struct hostd_enrol *
hostd_enrol_new(const char *folder, const char *name, int join_fd, long renew_s)
{
    struct hostd_enrol *enrol = g_new0(struct hostd_enrol, 1);
    char *stored;

    vd_folder_sweep(folder);
    enrol->folder = g_strdup(folder);
    enrol->renew_s = renew_s;
    load_pair(enrol);
    if (enrol->cert == NULL && join_fd >= 0) {
        enrol->token = read_token(join_fd);
    }
    stored = enrol->cert != NULL ? read_state(enrol, "name") : NULL;
    enrol->name = g_strndup(stored != NULL                    ? g_strstrip(stored)
                            : name != NULL && name[0] != '\0' ? name
                                                              : g_get_host_name(),
                            MAX_NAME);
    free(stored);
    vd_fd_clear(&join_fd);
    return enrol;
}

void
hostd_enrol_free(struct hostd_enrol *enrol)
{
    if (enrol == NULL) {
        return;
    }
    vd_secret_free(enrol->cert);
    vd_secret_free(enrol->key);
    vd_secret_free(enrol->new_key);
    vd_secret_free(enrol->token);
    g_free(enrol->folder);
    g_free(enrol->name);
    g_free(enrol);
}

bool
hostd_enrol_is_done(const struct hostd_enrol *enrol)
{
    return enrol->cert != NULL;
}

bool
hostd_enrol_is_possible(const struct hostd_enrol *enrol)
{
    return enrol->token != NULL;
}

bool
hostd_enrol_is_due(const struct hostd_enrol *enrol)
{
    long left = 0;

    /* One that cannot be read is as good as ended. */
    return enrol->cert != NULL &&
           (!vdp_pki_expires_in(enrol->cert, &left, NULL) || left < enrol->renew_s);
}

json_t *
hostd_enrol_request(struct hostd_enrol *enrol)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *request = NULL;

    vd_secret_free(enrol->new_key);
    enrol->new_key = NULL;
    if (!vdp_pki_make_request(enrol->name, &enrol->new_key, &request, &error)) {
        vd_error("enrol", "cannot make a key: %s", error->message);
        return NULL;
    }
    if (enrol->cert != NULL) {
        return json_pack("{s:s, s:s}", "type", "renew", "csr", request);
    }
    return json_pack("{s:s, s:s, s:s, s:s}", "type", "join", "token", enrol->token, "name",
                     enrol->name, "csr", request);
}

/* Makes cert and the key of the last request this host's identity, on disk if that is possible. */
static void
keep_pair(struct hostd_enrol *enrol, const char *cert)
{
    char *both = g_strconcat(cert, g_str_has_suffix(cert, "\n") ? "" : "\n", enrol->new_key, NULL);

    /* The name first: with host.pem on disk it is there as well. */
    if (!write_state(enrol, "name", enrol->name) || !write_state(enrol, "host.pem", both)) {
        vd_warning("enrol", "after a restart this host will have to join again");
    }
    vd_secret_free(both);
    vd_secret_free(enrol->cert);
    vd_secret_free(enrol->key);
    enrol->cert = strdup(cert);
    enrol->key = enrol->new_key;
    enrol->new_key = NULL;
}

bool
hostd_enrol_answer(struct hostd_enrol *enrol, json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *cert = json_string_value(json_object_get(message, "cert"));
    const char *text = json_string_value(json_object_get(message, "text"));
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    if (g_strcmp0(type, "refused") == 0) {
        vd_error("enrol", "the broker refuses to let this host join: %s",
                 vd_log_quote(quoted, sizeof(quoted), text == NULL ? "" : text,
                              text == NULL ? 0 : strlen(text)));
        vd_secret_free(enrol->token); /* a token works once; asking again would be noise */
        enrol->token = NULL;
        return false;
    }
    if (g_strcmp0(type, enrol->cert == NULL ? "joined" : "renewed") != 0 || cert == NULL ||
        enrol->new_key == NULL) {
        return false;
    }
    keep_pair(enrol, cert);
    vd_secret_free(enrol->token);
    enrol->token = NULL;
    vd_notice("enrol", "the broker knows this host as %s", enrol->name);
    return true;
}

const char *
hostd_enrol_name(const struct hostd_enrol *enrol)
{
    return enrol->name;
}

const char *
hostd_enrol_cert(const struct hostd_enrol *enrol)
{
    return enrol->cert;
}

const char *
hostd_enrol_key(const struct hostd_enrol *enrol)
{
    return enrol->key;
}
