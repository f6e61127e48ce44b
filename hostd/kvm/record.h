/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_RECORD_H
#define KVM_RECORD_H

/*
 * record: what is on disk about one desktop's machine, record.json in the desktop's folder.
 *
 * Written before the machine is started and again afterwards, so that a hostd that was killed at
 * any moment finds the machine again and never starts it twice.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostd/kvm/probe.h"
#include "hostd/kvm/spec.h"
#include "protocol/launch/launch.h"

#define KVM_RECORD_FILE     "record.json"
#define KVM_RECORD_MAX_SIZE (64u * 1024u)

enum kvm_stage {
    KVM_STAGE_PREPARED, /* about to be started; the process is not known yet */
    KVM_STAGE_RUNNING,  /* process names it */
    KVM_STAGE_STOPPING, /* an explicit order to stop was accepted */
    KVM_STAGE_GONE,     /* ended, nothing of it is left */
    KVM_STAGE_FAILED,   /* ended or never came; text says why */
    KVM_STAGE_STOPPED,  /* switched off; its disk is kept for the next start */
    KVM_STAGE_PARKED,   /* its memory is in a file; whatever process is left must not run on */
};

struct kvm_record {
    char *id, *pool, *image; /* owned */
    unsigned revision;
    unsigned slot;
    uint64_t epoch;     /* the highest that was accepted */
    uint64_t run_epoch; /* the one the machine was started with */
    unsigned cpu, memory_mb;
    enum kvm_accel accel;
    enum kvm_display display;
    bool forked;               /* from a template; false: booted */
    bool woken;                /* its process took a parked one's memory, or is to take it */
    bool agent;                /* the guest runs our agent and will say when it is ready */
    char *uuid;                /* owned */
    char *boot_id;             /* owned; of the host when the machine was started */
    struct vd_process process; /* pid 0 in PREPARED */
    enum kvm_stage stage;
    bool ready;       /* it has been ready once */
    bool kept;        /* its disk outlives the machine: only an order deletes it */
    bool network;     /* it has a network card */
    bool userdisk;    /* a user's own disk was plugged, or may have been */
    bool held;        /* it stands still until there is room for what it writes */
    bool resting;     /* STOPPING: it will be STOPPED, not GONE */
    char *user;       /* owned; whoever had it last, NULL: nobody */
    int64_t keep_ms;  /* how long a deleted disk stays in the trash; 0: not at all */
    int64_t since_ms; /* wall clock of the last change of stage */
    char *text;       /* owned, may be NULL */
};

void kvm_record_clear(struct kvm_record *record);

/* 0 or a negative errno. */
int kvm_record_write(const struct kvm_record *record, const char *folder);

/* False and *error: G_IO_ERROR_NOT_FOUND without a record, else unreadable or damaged. */
bool kvm_record_read(struct kvm_record *ret_record, const char *folder, GError **error);

#endif
