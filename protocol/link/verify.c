/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link-private.h"

#include <openssl/x509v3.h>

#include "protocol/link/pki-private.h"

/*
 * verify: each client link trusts its own authority and shows its own certificate, though all share
 * one OpenSSL context. The handshake asks here, and the link is found by its SSL object.
 */

static GPtrArray *watched; /* of struct vdp_link, borrowed; loop's thread only */

static struct vdp_link *
find_link(const SSL *ssl)
{
    guint i;

    for (i = 0; watched != NULL && i < watched->len; i++) {
        struct vdp_link *link = g_ptr_array_index(watched, i);

        if (link->wsi != NULL && lws_get_ssl(link->wsi) == ssl) {
            return link;
        }
    }
    return NULL;
}

void
vdp_verify_watch(struct vdp_link *link, bool on)
{
    if (watched == NULL) {
        watched = g_ptr_array_new();
    }
    g_ptr_array_remove_fast(watched, link);
    if (on) {
        g_ptr_array_add(watched, link);
    }
}

/* Verifies what the peer showed against the link's own trust and name. */
static int
verify_link(struct vdp_link *link, X509_STORE_CTX *shown)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int error = X509_V_ERR_UNSPECIFIED;

    if (context != NULL &&
        X509_STORE_CTX_init(context, link->store, X509_STORE_CTX_get0_cert(shown),
                            X509_STORE_CTX_get0_untrusted(shown)) == 1) {
        X509_STORE_CTX_set_default(context, "ssl_server");
        param = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_ip_asc(param, link->address) == 1 ||
            X509_VERIFY_PARAM_set1_host(param, link->address, 0) == 1) {
            error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        }
    }
    X509_STORE_CTX_free(context);
    return error;
}

static int
on_verify(X509_STORE_CTX *shown, void *data)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(shown, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct vdp_link *link = find_link(ssl);
    int error;

    (void)data;
    if (link == NULL) {
        X509_STORE_CTX_set_error(shown, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    error = verify_link(link, shown);
    X509_STORE_CTX_set_error(shown, error);
    if (error != X509_V_OK) {
        g_free(link->untrusted);
        link->untrusted = g_strdup_printf("the certificate of %s is not trusted: %s", link->address,
                                          X509_verify_cert_error_string(error));
        return 0;
    }
    link->verified = true;
    return 1;
}

static int
on_client_cert(SSL *ssl, X509 **ret_cert, EVP_PKEY **ret_key)
{
    struct vdp_link *link = find_link(ssl);

    if (link == NULL || link->cert == NULL || link->key == NULL) {
        return 0;
    }
    X509_up_ref(link->cert);
    EVP_PKEY_up_ref(link->key);
    *ret_cert = link->cert;
    *ret_key = link->key;
    return 1;
}

SSL_CTX *
vdp_verify_client_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    g_assert(ctx != NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
    SSL_CTX_set_client_cert_cb(ctx, on_client_cert);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

char *
vdp_verify_peer_name(struct lws *wsi)
{
    SSL *ssl = lws_get_ssl(wsi);
    g_autoptr(X509) cert = ssl != NULL ? SSL_get1_peer_certificate(ssl) : NULL;

    if (cert == NULL || SSL_get_verify_result(ssl) != X509_V_OK) {
        return g_strdup("");
    }
    return vdp_pki_common_name(cert);
}
