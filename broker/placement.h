/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_PLACEMENT_H
#define BROKER_PLACEMENT_H

/* placement: which host runs a new desktop of a pool, or why none can. Pure. */

#include "broker/model.h"
#include "broker/pool.h"

#define BROKER_RESERVED_MB    256u /* of a host's memory that desktops never get */
#define BROKER_PLACEMENT_TEXT 400u /* bytes, the final zero included */

enum broker_rule {
    BROKER_RULE_CONNECTED,
    BROKER_RULE_REVOKED,
    BROKER_RULE_DRAINED,
    BROKER_RULE_ACCEL,
    BROKER_RULE_IMAGE,
    BROKER_RULE_CPU,
    BROKER_RULE_MEMORY,
    BROKER_RULE_HOME,
    BROKER_RULE_OVERHEAD, /* see pressure.h, as for the next one */
    BROKER_RULE_PRESSURE, /* the last: it passes all others */
};

/* The first rule that a host failed. */
struct broker_refusal {
    const struct broker_host *host; /* borrowed from the model */
    enum broker_rule rule;
    char text[BROKER_PLACEMENT_TEXT]; /* with the numbers, without a final stop */
};

struct broker_placement {
    const struct broker_host *host; /* borrowed from the model; NULL: refused everywhere */
    unsigned revision;              /* of the pool's image, 0 when no host has any */
    bool delayed;                   /* a host would run it but for the moment's pressure */
    GArray *refusals; /* struct broker_refusal, for every host but the eligible ones */
};

/*
 * home is the only host that will do, for the disk of whom it is for is there; NULL: any.
 * Among the hosts that pass every rule one whose processors are not busy, then the one with most
 * memory left; ties by name.
 */
struct broker_placement broker_placement_find(const struct broker_model *model,
                                              const struct broker_pool *pool, const char *home);
void broker_placement_clear(struct broker_placement *placement);

/* Whether the host of a parked desktop has the memory to bring it back; else ret_text says why not.
 */
bool broker_placement_has_room(const struct broker_model *model,
                               const struct broker_desktop *desktop,
                               char ret_text[BROKER_PLACEMENT_TEXT]);

/* "memory", for JSON and logs. */
const char *broker_rule_name(enum broker_rule rule);

/* The pool's revision as a number: pinned, or the latest that is there. */
unsigned broker_pool_revision(const struct broker_model *model, const struct broker_pool *pool);

#endif
