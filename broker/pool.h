/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOL_H
#define BROKER_POOL_H

/* pool: what one pool file says. Plain data, never changed after it was loaded. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BROKER_TRASH_MS       INT64_C(900000) /* unless a pool says otherwise */
#define BROKER_OVERCOMMIT_CPU 8u              /* unless a pool says otherwise */
#define BROKER_MONITORS       4u              /* unless a pool says otherwise */

/* How a desktop comes to be. */
enum broker_clone {
    BROKER_CLONE_AUTO, /* forked where that is possible */
    BROKER_CLONE_FORK, /* forked, and a file that rules it out is a mistake */
    BROKER_CLONE_DISK, /* booted from a copy of the image's disk */
};

/* What a clock of a session does when it strikes. */
enum broker_expire {
    BROKER_EXPIRE_LOGOFF,   /* the desktop ends, after it was written out */
    BROKER_EXPIRE_SHUTDOWN, /* its guest is shut down in order first */
    BROKER_EXPIRE_PARK,     /* it is parked, and the session goes on when its user is back */
};

/* How a machine is shown; in the store as a number, so new ones are only added. */
enum broker_display {
    BROKER_DISPLAY_AUTO,  /* what a host takes for the best */
    BROKER_DISPLAY_DBUS,  /* virtio card, QEMU's D-Bus display */
    BROKER_DISPLAY_SPICE, /* virtio card, QEMU's SPICE server */
    BROKER_DISPLAY_QXL,   /* QXL card, QEMU's SPICE server */
};

struct broker_pool {
    char *name;        /* the file's name without ".pool" */
    char *path;        /* where it was read from */
    char *description; /* what a person sees in the launcher; never empty */
    bool dedicated;    /* a desktop is its first user's for good */
    unsigned max;      /* desktops of this pool at once, those that are going included */
    unsigned max_per_user;
    GPtrArray *allow; /* char *: "user" or "@group" */
    GPtrArray *deny;
    char *image;
    unsigned revision; /* 0: the latest one */
    int64_t soft_ms;   /* after this time on an old revision users are asked to leave; 0: never */
    int64_t hard_ms;   /* and after this their sessions end; 0: never */
    int64_t canary_start_ms; /* what a revision may take before it is published: to be ready, */
    int64_t canary_frame_ms; /* from connecting to its first frame, */
    int64_t canary_echo_ms;  /* and from a key to a changed picture */
    char *canary_tap;        /* that key, as "a" or "leftctrl+esc" */
    unsigned cpu;
    unsigned memory_mb;
    bool accel_any;               /* false: only a host with a real KVM */
    unsigned display;             /* enum broker_display */
    unsigned clone;               /* enum broker_clone */
    char *bridge;                 /* that its desktops are on; NULL: they have no network */
    unsigned overcommit;          /* virtual processors that a host gives for one real */
    unsigned overhead_max;        /* of a host that gets its desktops, 0.1 %; 0: any */
    unsigned spares_running;      /* desktops kept ready beyond the assigned ones */
    unsigned spares_parked;       /* and in files, beyond those */
    GPtrArray *schedules;         /* struct broker_schedule *: other numbers at some hours */
    unsigned restrain_count;      /* so many failures ... */
    int64_t restrain_ms;          /* ... within this time set the pool aside for as long */
    int64_t disconnected_ms;      /* a session without a client ends after */
    int64_t input_idle_ms;        /* a session whose user touches nothing ends after; 0: never */
    int64_t absolute_ms;          /* any session ends after; 0: never */
    unsigned disconnected_expire; /* enum broker_expire: what those clocks do */
    unsigned input_idle_expire;
    unsigned absolute_expire; /* never PARK: its time is over */
    bool last_screen;         /* its user's launcher shows what a session showed last */
    unsigned monitors;        /* that a client can have, where the machine can */
    bool accounts;            /* a session is its user's own account; false: the image's */
    unsigned userdisk_mb;     /* size of the disk that follows each user; 0: none has one */
    int64_t trash_ms;         /* a deleted disk can be had back for; 0: it cannot */
};

struct broker_pools {
    GPtrArray *items; /* struct broker_pool *, sorted by name */
};

struct broker_pools *broker_pools_new(void);
void broker_pools_free(struct broker_pools *pools); /* accepts NULL */
/* NULL when there is none of that name. */
const struct broker_pool *broker_pools_find(const struct broker_pools *pools, const char *name);

/* How many spares it wants at this time of the local clock. */
unsigned broker_pool_spares(const struct broker_pool *pool, int64_t now_ms);

/* And how many parked ones. */
unsigned broker_pool_parked(const struct broker_pool *pool, int64_t now_ms);

/* Whether its desktops are forked from a template, as far as the file decides. */
bool broker_pool_forks(const struct broker_pool *pool);

/* As in pool files and in desired messages. */
const char *broker_display_name(unsigned display);

/* With the defaults of docs/ADMIN.md; name and path are copied. */
struct broker_pool *broker_pool_new(const char *name, const char *path);
void broker_pool_free(struct broker_pool *pool); /* accepts NULL */

#endif
