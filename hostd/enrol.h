/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_ENROL_H
#define HOSTD_ENROL_H

/*
 * enrol: who this host is. Its name, certificate and key in the state folder, and the exchange that
 * gets them for a join token, or anew before they end. The key never leaves the host; the token is
 * wiped after use. Certificate and key are one file, host.pem, so that they always fit.
 */

#include <jansson.h>
#include <stdbool.h>

struct hostd_enrol;

/*
 * Reads name and host.pem from folder. Without a certificate a token is read from join_fd
 * (owned; -1: none). name may be NULL: the machine's host name. Never NULL.
 */
struct hostd_enrol *hostd_enrol_new(const char *folder, const char *name, int join_fd,
                                    long renew_s);
void hostd_enrol_free(struct hostd_enrol *enrol); /* accepts NULL */

bool hostd_enrol_is_done(const struct hostd_enrol *enrol);     /* there is a certificate */
bool hostd_enrol_is_possible(const struct hostd_enrol *enrol); /* there is a token */

bool hostd_enrol_is_due(const struct hostd_enrol *enrol); /* the certificate ends before long */

/* The join or renew message with a fresh key's request, or NULL when no key can be made. */
json_t *hostd_enrol_request(struct hostd_enrol *enrol);
/* Takes the broker's answer; true when it brought a certificate, which is used from now on. */
bool hostd_enrol_answer(struct hostd_enrol *enrol, json_t *message);

const char *hostd_enrol_name(const struct hostd_enrol *enrol); /* borrowed, as are the next two */
const char *hostd_enrol_cert(const struct hostd_enrol *enrol); /* PEM, NULL before it is done */
const char *hostd_enrol_key(const struct hostd_enrol *enrol);

#endif
