/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_NSS_H
#define BROKER_NSS_H

/* nss: what the system's directories (NSS) say about one user. Blocks; for a thread. */

#include <glib.h>
#include <jansson.h>

#define BROKER_NSS_MIN_ID      1000  /* below are the system's own accounts and groups */
#define BROKER_NSS_ACCOUNT_MAX 3500u /* bytes of the account as text */

struct broker_nss {
    GHashTable *groups; /* names, as a set */
    json_t
        *account; /* name, uid, gid, group, full_name, groups; NULL: not a person that is known */
};

/*
 * NULL when it cannot be read: a Deny may hang on it. Groups of the system's own, and those for
 * which the account has no room, are in groups and not in account.
 */
struct broker_nss *broker_nss_read(const char *user);
void broker_nss_free(struct broker_nss *entry); /* accepts NULL */

#endif
