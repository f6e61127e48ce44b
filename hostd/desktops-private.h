/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_DESKTOPS_PRIVATE_H
#define HOSTD_DESKTOPS_PRIVATE_H

/* desktops-private: what the files of the desktops module share. */

#include "hostd/desktops.h"
#include "hostd/streamers.h"

struct desktop {
    struct hostd_desktops *owner;
    char *id;
    struct kvm_machine *machine; /* NULL: never seen here, and already wanted gone */
    struct hostd_streamer *streamer;
    json_t *stream;      /* what the broker wants streamed, JSON null for nothing; NULL: unheard */
    bool picture;        /* and whether it wants to see the screen when that ends */
    unsigned monitors;   /* and how many of them its client can have */
    json_t *last_wanted; /* for a desktop without a machine: what the order said */
    bool waiting;        /* without a machine, but it will have one */
    bool noted;          /* whether it could be forked was told to its template */
    bool park;           /* it is to be parked as soon as it can be */
    bool wanted;         /* named by the list that is being applied */
    bool refused_epoch;  /* a lower epoch was refused and that was said */
};

struct hostd_desktops {
    const struct kvm_environment *environment;
    struct hostd_images *images;
    struct hostd_templates *templates;
    const struct hostd_desktops_events *events;
    void *user_data;
    GHashTable *all; /* id -> struct desktop, owned */
    json_t *list;    /* the last one that was applied, or NULL */
    bool waiting;    /* something of it has to wait */
    guint again;
    unsigned max_starting;
    enum kvm_room room;
};

#endif
