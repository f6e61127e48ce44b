/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/pki.h"

#include <glib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static const char *const names[] = {"desk.example", "127.0.0.1", "::1", NULL};

static X509 *
parse(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    g_assert_nonnull(cert);
    return cert;
}

/* The verdict of OpenSSL on cert for purpose, trusting ca alone. */
static int
verify(const char *ca_pem, const char *cert_pem, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *ca = parse(ca_pem);
    X509 *cert = parse(cert_pem);
    int verdict;

    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(context, store, cert, NULL);
    X509_STORE_CTX_set_purpose(context, purpose);
    (void)X509_verify_cert(context);
    verdict = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(ca);
    X509_free(cert);
    return verdict;
}

static void
make_ca(struct vdp_pair *ret_pair)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vdp_pki_make_ca("vedette test", ret_pair, &error));
    g_assert_no_error(error);
}

static void
test_server_certificate_verifies_for_its_names_only(void)
{
    g_autoptr(GError) error = NULL;
    struct vdp_pair ca;
    struct vdp_pair other;
    struct vdp_pair server;
    X509 *cert;

    make_ca(&ca);
    make_ca(&other);
    g_assert_true(vdp_pki_make_server(&ca, names, 30, &server, &error));
    cert = parse(server.cert_pem);
    g_assert_cmpint(X509_check_host(cert, "desk.example", 0, 0, NULL), ==, 1);
    g_assert_cmpint(X509_check_host(cert, "desk.example.evil", 0, 0, NULL), ==, 0);
    g_assert_cmpint(X509_check_ip_asc(cert, "127.0.0.1", 0), ==, 1);
    g_assert_cmpint(X509_check_ip_asc(cert, "::1", 0), ==, 1);
    g_assert_cmpint(X509_check_ip_asc(cert, "127.0.0.2", 0), ==, 0);
    X509_free(cert);
    g_assert_cmpint(verify(ca.cert_pem, server.cert_pem, X509_PURPOSE_SSL_SERVER), ==, X509_V_OK);
    g_assert_cmpint(verify(ca.cert_pem, server.cert_pem, X509_PURPOSE_SSL_CLIENT), !=, X509_V_OK);
    g_assert_cmpint(verify(other.cert_pem, server.cert_pem, X509_PURPOSE_SSL_SERVER), !=,
                    X509_V_OK);
    vdp_pair_clear(&ca);
    vdp_pair_clear(&other);
    vdp_pair_clear(&server);
}

static void
test_a_comma_in_a_name_adds_no_second_name(void)
{
    const char *const tricky[] = {"a.example,DNS:evil.example", NULL};
    g_autoptr(GError) error = NULL;
    struct vdp_pair ca;
    struct vdp_pair server;
    X509 *cert;

    make_ca(&ca);
    g_assert_true(vdp_pki_make_server(&ca, tricky, 30, &server, &error));
    cert = parse(server.cert_pem);
    g_assert_cmpint(X509_check_host(cert, "evil.example", 0, 0, NULL), !=, 1);
    X509_free(cert);
    vdp_pair_clear(&ca);
    vdp_pair_clear(&server);
}

static void
test_request_becomes_a_client_certificate_with_our_name(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *csr = NULL;
    g_autofree char *cert_pem = NULL;
    g_autofree char *key = NULL;
    char name[64];
    struct vdp_pair ca;
    X509 *cert;

    make_ca(&ca);
    g_assert_true(vdp_pki_make_request("i-am-root", &key, &csr, &error));
    cert_pem = vdp_pki_sign_request(&ca, csr, "host-7", 30, &error);
    g_assert_no_error(error);
    cert = parse(cert_pem);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
    g_assert_cmpstr(name, ==, "host-7");
    X509_free(cert);
    g_assert_cmpint(verify(ca.cert_pem, cert_pem, X509_PURPOSE_SSL_CLIENT), ==, X509_V_OK);
    g_assert_cmpint(verify(ca.cert_pem, cert_pem, X509_PURPOSE_SSL_SERVER), !=, X509_V_OK);
    vdp_pair_clear(&ca);
}

static void
test_a_tampered_request_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *csr = NULL;
    g_autofree char *key = NULL;
    struct vdp_pair ca;
    char *middle;

    make_ca(&ca);
    g_assert_true(vdp_pki_make_request("host", &key, &csr, &error));
    middle = csr + strlen(csr) / 2;
    *middle = *middle == 'A' ? 'B' : 'A';
    g_assert_null(vdp_pki_sign_request(&ca, csr, "host", 30, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(vdp_pki_sign_request(&ca, "", "host", 30, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(vdp_pki_sign_request(&ca, ca.cert_pem, "host", 30, &error));
    g_assert_nonnull(error);
    vdp_pair_clear(&ca);
}

static void
test_fingerprint_belongs_to_the_key(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *again = NULL;
    g_autofree char *second = NULL;
    struct vdp_pair a;
    struct vdp_pair b;

    make_ca(&a);
    make_ca(&b);
    first = vdp_pki_fingerprint(a.cert_pem, &error);
    again = vdp_pki_fingerprint(a.cert_pem, &error);
    second = vdp_pki_fingerprint(b.cert_pem, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(first, "sha256:"));
    g_assert_cmpuint(strlen(first), ==, 7 + 64);
    g_assert_cmpstr(first, ==, again);
    g_assert_cmpstr(first, !=, second);
    g_assert_null(vdp_pki_fingerprint("garbage", &error));
    g_assert_nonnull(error);
    vdp_pair_clear(&a);
    vdp_pair_clear(&b);
}

static void
test_expiry_is_told_in_seconds(void)
{
    g_autoptr(GError) error = NULL;
    struct vdp_pair ca;
    struct vdp_pair server;
    long seconds = 0;

    make_ca(&ca);
    g_assert_true(vdp_pki_make_server(&ca, names, 2, &server, &error));
    g_assert_true(vdp_pki_expires_in(server.cert_pem, &seconds, &error));
    g_assert_cmpint(seconds, >, 2 * 86400 - 60);
    g_assert_cmpint(seconds, <=, 2 * 86400);
    vdp_pair_clear(&server);
    g_assert_true(vdp_pki_make_server(&ca, names, -1, &server, &error));
    g_assert_true(vdp_pki_expires_in(server.cert_pem, &seconds, &error));
    g_assert_cmpint(seconds, <, 0);
    vdp_pair_clear(&server);
    vdp_pair_clear(&ca);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pki/server-certificate-verifies-for-its-names-only",
                    test_server_certificate_verifies_for_its_names_only);
    g_test_add_func("/pki/a-comma-in-a-name-adds-no-second-name",
                    test_a_comma_in_a_name_adds_no_second_name);
    g_test_add_func("/pki/request-becomes-a-client-certificate-with-our-name",
                    test_request_becomes_a_client_certificate_with_our_name);
    g_test_add_func("/pki/a-tampered-request-is-refused", test_a_tampered_request_is_refused);
    g_test_add_func("/pki/fingerprint-belongs-to-the-key", test_fingerprint_belongs_to_the_key);
    g_test_add_func("/pki/expiry-is-told-in-seconds", test_expiry_is_told_in_seconds);
    return g_test_run();
}
