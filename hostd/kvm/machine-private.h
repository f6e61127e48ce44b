/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_MACHINE_PRIVATE_H
#define KVM_MACHINE_PRIVATE_H

/* machine-private: what the files of the machine module share. */

#include <gio/gio.h>

#include "hostd/kvm/agent.h"
#include "hostd/kvm/machine.h"
#include "hostd/kvm/qmp.h"

#define KVM_QMP_SOCKET      "qmp.sock"
#define KVM_RESCUE_SOCKET   "qmp-rescue.sock"
#define KVM_AGENT_SOCKET    "agent.sock"
#define KVM_DISK_FILE       "disk.qcow2"
#define KVM_NEW_DISK_FILE   "disk.new"     /* while it is made */
#define KVM_MIDDLE_FILE     "middle.qcow2" /* a fork's: the template's overlay, hard-linked */
#define KVM_LOG_FILE        "machine.log"
#define KVM_PARKED_FILE     "parked"        /* the memory of a machine that is parked */
#define KVM_NEW_PARKED_FILE "parked.new"    /* while it is written */
#define KVM_IDENTITY_FILE   "identity.json" /* what a fork's guest said who it is; for people */

enum kvm_stop_step {
    KVM_STOP_NONE,
    KVM_STOP_SYNC,     /* the guest was asked to write out what it holds */
    KVM_STOP_SHUTDOWN, /* the guest was asked to end */
    KVM_STOP_QUIT,     /* the engine was told to */
    KVM_STOP_KILL,
};

/* Its state is in the file, with text NULL, or why it is not. May free the machine. */
typedef void (*kvm_machine_saved_fn)(struct kvm_machine *machine, const char *text);

struct kvm_machine {
    const struct kvm_environment *environment;
    kvm_machine_changed_fn changed;
    void *user_data;
    struct kvm_record record;
    char *path;
    int folder;        /* descriptor of path */
    bool unsaved;      /* the record on disk is older than ours */
    bool damaged;      /* the record cannot be read: nothing is known but the id */
    bool mismatch;     /* something runs that is not what the record says */
    bool unfound;      /* a mismatch only because its process was not found; looked for again */
    bool verified;     /* uuid and name were compared with the running machine */
    bool silent;       /* it has not answered when it should have */
    bool switched_off; /* its own user did it */
    char *text;

    int64_t begun_us; /* monotonic, when it was ordered; 0: found */
    int pidfd;
    guint exit_source;
    struct kvm_qmp *qmp;
    bool qmp_ready;
    unsigned attempts; /* connections to the monitor that came to nothing, in a row */
    struct kvm_agent *agent;
    guint retry, health, boot_deadline, stop_timer, change, display_refusal;
    enum kvm_stop_step stop_step;

    /* While the disk is made. */
    GCancellable *cancellable;
    char *kernel, *initrd, *cmdline, *disk; /* what the image brings; paths */

    /* Of a fork, and of what is to be forked. */
    char *network;                /* as in the order */
    char *fork_state, *fork_disk; /* paths in the template; NULL: it boots */
    int ram_fd;                   /* -1: memory of its own */
    unsigned renewals;            /* orders to become somebody else that went out */
    guint fork_poll;              /* lives no longer than qmp */
    struct {
        kvm_machine_frozen_fn done; /* NULL: it is not to be frozen */
        void *user_data;
        int state_fd;
        guint timer;
        int64_t begun_us;
        uint64_t ticks; /* processor time at the last look */
        unsigned quiet; /* looks in a row at which it was idle */
        bool stopped;   /* it was told to; what follows goes over one connection to its monitor */
        bool whole;     /* the state is written; its end is awaited */
    } freeze;

    struct {
        kvm_machine_saved_fn done; /* NULL: its state is not being saved */
        guint timer;
    } saving;

    struct {
        bool active;   /* it is being parked: not yet ended */
        bool flushing; /* its guest was asked to write out what it holds */
        int state_fd;
        guint timer;
        int64_t begun_us, failed_us; /* failed_us: monotonic, of the last time; 0: never */
        GCancellable *cancellable;   /* while files are written out */
    } park;

    struct {
        json_t *wanted; /* owned; who is to be signed in, see account.h; NULL: nobody */
        bool in;        /* the guest says that her session is on the screen */
        bool busy;      /* a step is under way, or a pause before the next try */
        bool asked;     /* that step is the guest's */
        guint timer;
    } account;

    bool moving; /* a motion is under way on qmp */
    kvm_machine_moved_fn moved;
    void *moved_user_data;

    int display_fd; /* the end that is going to the machine */
    unsigned display_count;
    uint64_t disk_bytes; /* that its disk had at the last look */
    kvm_machine_display_fn display_done;
    void *display_user_data;
};

/* machine.c */
struct kvm_machine *kvm_machine_new(const struct kvm_environment *environment, const char *id,
                                    kvm_machine_changed_fn changed, void *user_data);
void kvm_machine_set_text(struct kvm_machine *machine, const char *text); /* NULL: none */
void kvm_machine_set_stage(struct kvm_machine *machine, enum kvm_stage stage, const char *text);
bool kvm_machine_save(struct kvm_machine *machine);        /* false: not on disk, unsaved is set */
void kvm_machine_note_change(struct kvm_machine *machine); /* tells the owner, from the loop */
char *kvm_machine_log_tail(struct kvm_machine *machine);   /* the last line or two; g_free() */
void kvm_machine_drop_source(guint *source);

/* machine-adopt.c */
void kvm_machine_look_again(struct kvm_machine *machine); /* for a process that was not found */

/* machine-boot.c */
void kvm_machine_boot(struct kvm_machine *machine);

/* machine-watch.c */
bool kvm_machine_watch_process(struct kvm_machine *machine); /* false: it has already ended */
void kvm_machine_connect(struct kvm_machine *machine);
void kvm_machine_disconnect(struct kvm_machine *machine);
void kvm_machine_fail_display(struct kvm_machine *machine, const char *text);
void kvm_machine_became_ready(struct kvm_machine *machine);
void kvm_machine_listen(struct kvm_machine *machine); /* to its agent */
void kvm_machine_arm_boot_deadline(struct kvm_machine *machine);
pid_t kvm_machine_find_process(struct kvm_machine *machine); /* by its uuid; 0: none */

/* machine-room.c */
void kvm_machine_mind_room(struct kvm_machine *machine, enum kvm_room room);
void kvm_machine_hold(struct kvm_machine *machine); /* it has been stopped for want of room */

/* machine-fork.c */
void
kvm_machine_fork(struct kvm_machine *machine); /* its monitor answers: bring it on, from anywhere */
void kvm_machine_load(struct kvm_machine *machine); /* all devices are there: take the state */
bool kvm_machine_is_waking(const struct kvm_machine *machine); /* it has no memory yet */
void kvm_machine_renew(struct kvm_machine *machine); /* its agent answers: tell it who it is */
void kvm_machine_renewed(struct kvm_machine *machine, const json_t *answer);
void kvm_machine_drop_fork(struct kvm_machine *machine);

/* machine-save.c */
/* Stops it and writes its state to fd, which is the caller's; without the memory that is shared. */
void kvm_machine_save_state(struct kvm_machine *machine, int fd, bool with_memory,
                            kvm_machine_saved_fn done);
void kvm_machine_drop_saving(struct kvm_machine *machine); /* done is not called any more */

/* machine-park.c */
bool kvm_machine_is_saved(const struct kvm_machine *machine);  /* its memory is in a file */
int kvm_machine_open_saved(const struct kvm_machine *machine); /* that file, or a negative errno */
/* Removes it for good: from then on nothing but its process has its memory. 0 or -errno. */
int kvm_machine_forget_saved(const struct kvm_machine *machine);
void kvm_machine_run_on(struct kvm_machine *machine); /* from wherever its parking was left */
void kvm_machine_drop_park(struct kvm_machine *machine);
void kvm_machine_flushed(struct kvm_machine *machine); /* its guest has written out */

/* machine-account.c */
void kvm_machine_mind_account(struct kvm_machine *machine); /* does what is to be done now */
void kvm_machine_greeted(struct kvm_machine *machine);      /* its agent has just come */
void kvm_machine_signed_in(struct kvm_machine *machine, const json_t *answer);
void kvm_machine_drop_account(struct kvm_machine *machine); /* what is under way; not the wish */
void kvm_machine_plug_again(struct kvm_machine *machine);   /* then kvm_machine_load() */

/* machine-motion.c */
void kvm_machine_fail_motion(struct kvm_machine *machine); /* its monitor is gone */

/* machine-freeze.c */
bool kvm_machine_freeze_ended(struct kvm_machine *machine); /* true: its end was the freezing's */
void kvm_machine_drop_freeze(struct kvm_machine *machine);
void
kvm_machine_lose_freeze(struct kvm_machine *machine); /* with its monitor, unless it is whole */

/* machine-stop.c */
void kvm_machine_resume_stop(struct kvm_machine *machine);
void kvm_machine_synced(struct kvm_machine *machine); /* its guest has written everything out */
bool kvm_machine_has_disk(const struct kvm_machine *machine); /* one of its own, in its folder */
void kvm_machine_end_parked(struct kvm_machine *machine);     /* the process that is left of one */
void kvm_machine_ended(struct kvm_machine *machine);

#endif
