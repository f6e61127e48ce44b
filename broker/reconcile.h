/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_RECONCILE_H
#define BROKER_RECONCILE_H

/*
 * reconcile: what has to change so that the world becomes what the pools say. Pure.
 *
 * One call looks at one picture and returns the next actions, at most one CREATE among them; the
 * caller carries them out, which changes the picture, and asks again until nothing is left to do.
 * A host that is away keeps its desktops, and a session's desktop is never made anew elsewhere.
 */

#include "broker/model.h"
#include "broker/pool.h"

#define BROKER_AWAY_GRACE_MS   INT64_C(60000)   /* spares of an away host are replaced after */
#define BROKER_ABSENT_MS       INT64_C(10000)   /* a host that never lists it has nothing to stop */
#define BROKER_WAIT_FORGET_MS  INT64_C(60000)   /* a waiting client that stopped asking */
#define BROKER_WAIT_CURRENT_MS INT64_C(20000)   /* only a client that asks gets a desktop */
#define BROKER_LOST_POOL_MS    INT64_C(7200000) /* Disconnected= of a pool that was deleted */

enum broker_action_kind {
    BROKER_CREATE, /* a desktop of pool on host */
    BROKER_STOP,   /* desktop: wanted state becomes gone */
    BROKER_FAIL,   /* the same, and the pool's failure is counted */
    BROKER_DROP,   /* desktop: forget it */
    BROKER_ASSIGN, /* desktop to session */
    BROKER_WAKE,   /* desktop that is switched off or parked: wanted state becomes running */
    BROKER_REST,   /* desktop that is somebody's: wanted state becomes stopped */
    BROKER_PARK,   /* desktop: wanted state becomes parked; its session, if any, goes on */
    BROKER_AGE,    /* desktop: a newer revision is in force since at_ms, or (0) none any more */
    BROKER_END,    /* session, and its desktop */
    BROKER_FORGET, /* session that waited */
};

struct broker_action {
    enum broker_action_kind kind;
    const struct broker_pool *pool; /* CREATE */
    const struct broker_host *host; /* CREATE */
    unsigned revision;              /* CREATE */
    bool parked;                    /* CREATE: it is to be parked as soon as it is ready */
    struct broker_desktop *desktop; /* STOP, FAIL, DROP, ASSIGN, WAKE, REST, PARK, AGE */
    struct broker_session *session; /* ASSIGN, END, FORGET */
    int64_t at_ms;                  /* AGE */
    bool failed;                    /* END: because of a failure of the desktop */
    bool polite;                    /* END: the guest is shut down in order first */
    char text[BROKER_TEXT_MAX + 1]; /* why, for logs and people */
};

/* struct broker_action, borrowed pointers into pools and model; never NULL. */
GArray *broker_reconcile(const struct broker_model *model, const struct broker_pools *pools,
                         int64_t now_ms);

/* How a pool stands; every desktop is counted once in total. */
struct broker_pool_count {
    unsigned total;
    unsigned assigned;
    unsigned ready;    /* spares that could be given to somebody now */
    unsigned starting; /* spares on their way */
    unsigned parked;   /* spares that are, or will be as soon as they are ready */
    unsigned outdated; /* spares that will be replaced */
    unsigned stopping; /* wanted gone */
    unsigned kept;     /* somebody's, who has no session on it now */
    unsigned lost;     /* spares whose host is away, or that a host calls unknown */
    unsigned waiting;  /* sessions without a desktop, those apart whose user has one */
};
struct broker_pool_count broker_pool_count(const struct broker_model *model,
                                           const struct broker_pool *pool, int64_t now_ms);

#endif
