/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_PKI_PRIVATE_H
#define VDP_PKI_PRIVATE_H

/* pki-private: PEM in, OpenSSL objects out. Inside protocol/link only. */

#include <stdbool.h>

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_REQ, X509_REQ_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL, SSL_free)

/* Sets *error to what and the newest OpenSSL error, and empties OpenSSL's error queue. */
void vdp_pki_set_error(GError **error, const char *what);

X509 *vdp_pki_cert_from_pem(const char *pem, GError **error);
EVP_PKEY *vdp_pki_key_from_pem(const char *pem, GError **error);
/* Every certificate in pem as a trust store. */
X509_STORE *vdp_pki_store_from_pem(const char *pem, GError **error);
/* The first certificate of cert_pem, the others as its chain, and the key. */
bool vdp_pki_use_pair(SSL_CTX *ctx, const char *cert_pem, const char *key_pem, GError **error);
/* The subject's common name (g_free); "" when there is none or it holds a zero byte. */
char *vdp_pki_common_name(const X509 *cert);

#endif
