/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_PKI_H
#define VDP_PKI_H

/*
 * pki: the installation's own certificate authority, on OpenSSL. EC P-256, X.509 v3.
 *
 * PEM strings returned belong to the caller (g_free; keys vd_secret_free).
 */

#include <glib.h>
#include <stdbool.h>

struct vdp_pair {
    char *cert_pem;
    char *key_pem;
};

void vdp_pair_clear(struct vdp_pair *pair);

/* A self-signed CA, valid 10 years. */
bool vdp_pki_make_ca(const char *common_name, struct vdp_pair *ret_pair, GError **error);
/* A server certificate for names (NULL-terminated DNS names and addresses), valid days. */
bool vdp_pki_make_server(const struct vdp_pair *ca, const char *const *names, int days,
                         struct vdp_pair *ret_pair, GError **error);
/* A key and a request for it, for a host that wants to join. */
bool vdp_pki_make_request(const char *common_name, char **ret_key_pem, char **ret_csr_pem,
                          GError **error);
/* Signs a request as a client certificate with this common name, whatever the request says. */
char *vdp_pki_sign_request(const struct vdp_pair *ca, const char *csr_pem, const char *common_name,
                           int days, GError **error);
/* "sha256:" and 64 hex digits over the certificate's public key (SPKI). */
char *vdp_pki_fingerprint(const char *cert_pem, GError **error);
/*
 * Connects, completes a TLS handshake without verifying or sending anything, and returns the top
 * certificate of the peer's chain, for showing its fingerprint to a person. Blocking, at most
 * timeout_ms.
 */
char *vdp_pki_fetch_ca(const char *host, unsigned port, unsigned timeout_ms, GError **error);
/* Seconds until the certificate ends; negative when it has. */
bool vdp_pki_expires_in(const char *cert_pem, long *ret_seconds, GError **error);

#endif
