/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/pki.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "protocol/base/secret.h"
#include "protocol/link/pki-private.h"

#define CA_DAYS       3650
#define SERIAL_BYTES  16
#define BACKDATE_SECS (24L * 3600) /* clocks of hosts and clients differ */
#define MAX_PEM       (256 * 1024)

void
vdp_pair_clear(struct vdp_pair *pair)
{
    g_clear_pointer(&pair->cert_pem, g_free);
    g_clear_pointer(&pair->key_pem, vd_secret_free);
}

void
vdp_pki_set_error(GError **error, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    char text[256] = "unknown reason";

    if (code != 0) {
        ERR_error_string_n(code, text, sizeof(text));
    }
    ERR_clear_error();
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", what, text);
}

static BIO *
bio_from_pem(const char *pem, GError **error)
{
    size_t size = pem != NULL ? strlen(pem) : 0;

    if (size == 0 || size > MAX_PEM) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no PEM text");
        return NULL;
    }
    return BIO_new_mem_buf(pem, (int)size);
}

/* Refuses instead of asking on the terminal when a key is encrypted. */
static int
no_passphrase(char *buffer, int size, int rwflag, void *user_data)
{
    (void)buffer;
    (void)size;
    (void)rwflag;
    (void)user_data;
    return -1;
}

X509 *
vdp_pki_cert_from_pem(const char *pem, GError **error)
{
    g_autoptr(BIO) bio = bio_from_pem(pem, error);
    X509 *cert;

    if (bio == NULL) {
        return NULL;
    }
    cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    if (cert == NULL) {
        vdp_pki_set_error(error, "not a certificate");
    }
    return cert;
}

EVP_PKEY *
vdp_pki_key_from_pem(const char *pem, GError **error)
{
    g_autoptr(BIO) bio = bio_from_pem(pem, error);
    EVP_PKEY *key;

    if (bio == NULL) {
        return NULL;
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (key == NULL) {
        vdp_pki_set_error(error, "not a private key");
    }
    return key;
}

X509_STORE *
vdp_pki_store_from_pem(const char *pem, GError **error)
{
    g_autoptr(BIO) bio = bio_from_pem(pem, error);
    g_autoptr(X509_STORE) store = X509_STORE_new();
    unsigned count = 0;

    if (bio == NULL) {
        return NULL;
    }
    for (;;) {
        g_autoptr(X509) cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

        if (cert == NULL) {
            break;
        }
        if (X509_STORE_add_cert(store, cert) != 1) {
            vdp_pki_set_error(error, "cannot trust the certificate");
            return NULL;
        }
        count++;
    }
    if (count == 0) {
        vdp_pki_set_error(error, "no certificate to trust");
        return NULL;
    }
    ERR_clear_error(); /* the end of the text is an error to OpenSSL */
    return g_steal_pointer(&store);
}

bool
vdp_pki_use_pair(SSL_CTX *ctx, const char *cert_pem, const char *key_pem, GError **error)
{
    g_autoptr(EVP_PKEY) key = vdp_pki_key_from_pem(key_pem, error);
    g_autoptr(BIO) bio = key != NULL ? bio_from_pem(cert_pem, error) : NULL;
    bool first = true;

    if (bio == NULL) {
        return false;
    }
    for (;;) {
        g_autoptr(X509) cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

        if (cert == NULL) {
            break;
        }
        if (first ? SSL_CTX_use_certificate(ctx, cert) != 1
                  : SSL_CTX_add1_chain_cert(ctx, cert) != 1) {
            vdp_pki_set_error(error, "cannot use the certificate");
            return false;
        }
        first = false;
    }
    if (first || SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        vdp_pki_set_error(error, "cannot use the certificate with this key");
        return false;
    }
    ERR_clear_error();
    return true;
}

char *
vdp_pki_common_name(const X509 *cert)
{
    const X509_NAME *name = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *text = NULL;
    char *result;
    int size;

    if (at < 0) {
        return g_strdup("");
    }
    size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0 || memchr(text, 0, (size_t)size) != NULL) {
        result = g_strdup("");
    } else {
        result = g_strndup((const char *)text, (size_t)size);
    }
    OPENSSL_free(text);
    return result;
}

static char *
bio_to_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);

    return g_strndup(data, (size_t)size);
}

static char *
cert_to_pem(X509 *cert)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());

    return PEM_write_bio_X509(bio, cert) == 1 ? bio_to_text(bio) : NULL;
}

static char *
key_to_pem(EVP_PKEY *key)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_secmem());

    return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
               ? bio_to_text(bio)
               : NULL;
}

static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    int r;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) {
        return false;
    }
    r = X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return r == 1;
}

/* Names, serial, dates and key; no extensions, no signature. */
static X509 *
cert_new(const char *common_name, const X509 *issuer, EVP_PKEY *key, int days)
{
    g_autoptr(X509) cert = X509_new();
    unsigned char serial[SERIAL_BYTES];
    X509_NAME *name = X509_get_subject_name(cert);
    BIGNUM *number;
    bool fine;

    vd_random(serial, sizeof(serial));
    serial[0] &= 0x7f; /* positive, RFC 5280 section 4.1.2.2 */
    number = BN_bin2bn(serial, sizeof(serial), NULL);
    fine = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    fine = fine && X509_set_version(cert, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_SECS) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) != NULL &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : name) == 1 &&
           X509_set_pubkey(cert, key) == 1;
    return fine ? g_steal_pointer(&cert) : NULL;
}

bool
vdp_pki_make_ca(const char *common_name, struct vdp_pair *ret_pair, GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(X509) cert = key != NULL ? cert_new(common_name, NULL, key, CA_DAYS) : NULL;
    struct vdp_pair pair;

    if (cert == NULL || !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
        X509_sign(cert, key, EVP_sha256()) == 0) {
        vdp_pki_set_error(error, "cannot make a certificate authority");
        return false;
    }
    pair.cert_pem = cert_to_pem(cert);
    pair.key_pem = key_to_pem(key);
    *ret_pair = pair;
    return true;
}

/* Signs an end certificate with the usual extensions. */
static bool
cert_finish(X509 *cert, X509 *ca, EVP_PKEY *ca_key, const char *usage, GError **error)
{
    if (!add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca, NID_ext_key_usage, usage) ||
        !add_extension(cert, ca, NID_subject_key_identifier, "hash") ||
        !add_extension(cert, ca, NID_authority_key_identifier, "keyid") ||
        X509_sign(cert, ca_key, EVP_sha256()) == 0) {
        vdp_pki_set_error(error, "cannot sign the certificate");
        return false;
    }
    return true;
}

/* Puts one name in; built from structures, because text would let a comma add a second name. */
static bool
add_name(GENERAL_NAMES *list, const char *text)
{
    struct in6_addr v6;
    struct in_addr v4;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value;
    int length;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        value = ASN1_OCTET_STRING_new();
        length = ASN1_STRING_set(value, &v4, sizeof(v4));
        GENERAL_NAME_set0_value(name, GEN_IPADD, value);
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        value = ASN1_OCTET_STRING_new();
        length = ASN1_STRING_set(value, &v6, sizeof(v6));
        GENERAL_NAME_set0_value(name, GEN_IPADD, value);
    } else {
        value = ASN1_IA5STRING_new();
        length = ASN1_STRING_set(value, text, -1);
        GENERAL_NAME_set0_value(name, GEN_DNS, value);
    }
    if (length != 1 || sk_GENERAL_NAME_push(list, name) == 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static bool
add_names(X509 *cert, const char *const *names)
{
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    bool fine = true;
    size_t i;

    for (i = 0; fine && names[i] != NULL; i++) {
        fine = add_name(list, names[i]);
    }
    fine = fine && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, 0) == 1;
    GENERAL_NAMES_free(list);
    return fine;
}

bool
vdp_pki_make_server(const struct vdp_pair *ca, const char *const *names, int days,
                    struct vdp_pair *ret_pair, GError **error)
{
    g_autoptr(X509) ca_cert = vdp_pki_cert_from_pem(ca->cert_pem, error);
    g_autoptr(EVP_PKEY) ca_key = ca_cert != NULL ? vdp_pki_key_from_pem(ca->key_pem, error) : NULL;
    g_autoptr(EVP_PKEY) key = NULL;
    g_autoptr(X509) cert = NULL;
    g_autofree char *leaf = NULL;

    if (ca_key == NULL) {
        return false;
    }
    if (names[0] == NULL) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                            "a server certificate needs a name");
        return false;
    }
    key = EVP_EC_gen("P-256");
    cert = key != NULL ? cert_new("vedette server", ca_cert, key, days) : NULL;
    if (cert == NULL || !add_names(cert, names)) {
        vdp_pki_set_error(error, "cannot make a server certificate");
        return false;
    }
    if (!cert_finish(cert, ca_cert, ca_key, "serverAuth", error)) {
        return false;
    }
    /* The authority rides along so that a new client can show its fingerprint. */
    leaf = cert_to_pem(cert);
    ret_pair->cert_pem = g_strconcat(leaf, ca->cert_pem, NULL);
    ret_pair->key_pem = key_to_pem(key);
    return true;
}

bool
vdp_pki_make_request(const char *common_name, char **ret_key_pem, char **ret_csr_pem,
                     GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(X509_REQ) request = X509_REQ_new();
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    X509_NAME *name = X509_REQ_get_subject_name(request);

    if (key == NULL ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)common_name, -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) == 0 ||
        PEM_write_bio_X509_REQ(bio, request) != 1) {
        vdp_pki_set_error(error, "cannot make a certificate request");
        return false;
    }
    *ret_key_pem = key_to_pem(key);
    *ret_csr_pem = bio_to_text(bio);
    return true;
}

char *
vdp_pki_sign_request(const struct vdp_pair *ca, const char *csr_pem, const char *common_name,
                     int days, GError **error)
{
    g_autoptr(X509) ca_cert = vdp_pki_cert_from_pem(ca->cert_pem, error);
    g_autoptr(EVP_PKEY) ca_key = ca_cert != NULL ? vdp_pki_key_from_pem(ca->key_pem, error) : NULL;
    g_autoptr(BIO) bio = ca_key != NULL ? bio_from_pem(csr_pem, error) : NULL;
    g_autoptr(X509_REQ) request = NULL;
    g_autoptr(X509) cert = NULL;
    EVP_PKEY *key;

    if (bio == NULL) {
        return NULL;
    }
    request = PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL);
    key = request != NULL ? X509_REQ_get0_pubkey(request) : NULL;
    /* The signature proves that the asker holds the key. */
    if (key == NULL || X509_REQ_verify(request, key) != 1) {
        vdp_pki_set_error(error, "not a valid certificate request");
        return NULL;
    }
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_bits(key) != 256) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "the key of a request must be EC P-256");
        return NULL;
    }
    cert = cert_new(common_name, ca_cert, key, days);
    if (cert == NULL) {
        vdp_pki_set_error(error, "cannot make a client certificate");
        return NULL;
    }
    return cert_finish(cert, ca_cert, ca_key, "clientAuth", error) ? cert_to_pem(cert) : NULL;
}

char *
vdp_pki_fingerprint(const char *cert_pem, GError **error)
{
    g_autoptr(X509) cert = vdp_pki_cert_from_pem(cert_pem, error);
    unsigned char digest[32];
    char hex[2 * sizeof(digest) + 1];
    unsigned char *spki = NULL;
    unsigned size = 0;
    int length;
    int r;

    if (cert == NULL) {
        return NULL;
    }
    length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
    r = length > 0 ? EVP_Digest(spki, (size_t)length, digest, &size, EVP_sha256(), NULL) : 0;
    OPENSSL_free(spki);
    if (r != 1) {
        vdp_pki_set_error(error, "cannot digest the public key");
        return NULL;
    }
    vd_hex(hex, digest, sizeof(digest));
    return g_strconcat("sha256:", hex, NULL);
}

bool
vdp_pki_expires_in(const char *cert_pem, long *ret_seconds, GError **error)
{
    g_autoptr(X509) cert = vdp_pki_cert_from_pem(cert_pem, error);
    int days = 0;
    int seconds = 0;

    if (cert == NULL) {
        return false;
    }
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1) {
        vdp_pki_set_error(error, "the certificate has no valid end");
        return false;
    }
    *ret_seconds = days * 86400L + seconds;
    return true;
}
