/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

/*
 * broker: the root of the object tree. It owns the store, the model, the pools and everything that
 * talks to the outside; the parts reach each other through it. One thread, the default context.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/access.h"
#include "broker/model.h"
#include "broker/pool.h"
#include "broker/reconcile.h"
#include "broker/store/store.h"
#include "protocol/launch/launch.h"
#include "protocol/link/pki.h"

#define BROKER_TICKET_MS   INT64_C(30000)
#define BROKER_JOIN_MS     INT64_C(900000) /* 15 min */
#define BROKER_IDLE_MS     (INT64_C(12) * 3600 * 1000)
#define BROKER_PENDING_MS  INT64_C(45000) /* a stream that nobody joined is given up after */
#define BROKER_CERT_DAYS   7
#define BROKER_MAX_WAITING 1000u /* sessions that wait, of all pools */

struct broker_admin;
struct broker_gateways;
struct broker_hosts;
struct broker_logins;

struct broker_config {
    const char *state;
    const char *config;
    const char *run;
    const char *host_bind;
    int64_t host_port;
    int64_t launch_fd;   /* -1: nobody can log in */
    int64_t gateway_uid; /* -1: only the own uid and root */
};

struct broker {
    struct broker_config config;
    struct store *store;
    struct broker_model *model;
    struct broker_pools *pools;
    bool pools_are_valid; /* false until the first good load: nothing is decided then */
    bool closing;         /* every desktop is to go */
    GPtrArray *errors;    /* char *: of the last load of the pool files, or NULL */
    struct broker_groups *groups;
    struct vd_launch *launch; /* NULL: nobody can log in */
    struct vdp_pair ca;
    struct broker_admin *admin;
    struct broker_gateways *gateways;
    struct broker_hosts *hosts;
    struct broker_logins *logins;
    guint tick_id;
    guint settle_id;
    int64_t pruned_ms;
    bool store_failed; /* the last write failed: said once, not at every attempt */
};

/* Opens everything and starts to serve. NULL and *error when it cannot. */
struct broker *broker_new(const struct broker_config *config, GError **error);
void broker_free(struct broker *broker); /* accepts NULL */

/* Carries out every decision that is due and tells the hosts. Never from inside a change. */
void broker_settle(struct broker *broker);
/* The same, soon, from the main loop. */
void broker_settle_soon(struct broker *broker);

/* Reads the pool files anew, all or nothing. False: broker->errors says what is wrong. */
bool broker_reload(struct broker *broker);

/* Ends every session and stops every desktop. */
void broker_close_desktops(struct broker *broker);

/* Whether user may use pool. Where groups decide, broker_groups_ask() comes before. */
struct broker_access broker_may_use(struct broker *broker, const struct broker_pool *pool,
                                    const char *user);

/* Logs a failure of the store once until it works again. Consumes error. Returns false. */
bool broker_store_failed(struct broker *broker, GError *error);
void broker_audit(struct broker *broker, const char *kind, const char *user, const char *source,
                  const char *subject, const char *text);

#endif
