/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_MACHINE_H
#define KVM_MACHINE_H

/*
 * machine: the life of one desktop's virtual machine.
 *
 * Start, adoption after a restart of hostd, stop, and what can be said about it in between. Never
 * blocks for longer than launch needs; belongs to the main loop's thread; callbacks run from the
 * loop. Nothing but kvm_machine_stop() ends a machine: freeing one leaves it running for adoption.
 */

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostd/kvm/probe.h"
#include "hostd/kvm/record.h"
#include "hostd/kvm/template.h"
#include "protocol/launch/launch.h"

enum kvm_state {
    KVM_STATE_STARTING, /* on its way */
    KVM_STATE_READY,    /* a user may have it */
    KVM_STATE_STOPPING,
    KVM_STATE_GONE,    /* ended on order or by its own user; nothing is left */
    KVM_STATE_FAILED,  /* text says why */
    KVM_STATE_STOPPED, /* switched off, with its disk kept */
    KVM_STATE_UNKNOWN, /* it may run, but it does not answer or is not what the record says */
    KVM_STATE_PARKING,
    KVM_STATE_PARKED, /* its memory is in a file and takes none of the host's */
};

/* What all machines of a host share; borrowed, must outlive them. */
struct kvm_environment {
    struct vd_launch *launch;
    const char *desktops;  /* folder with one folder a desktop */
    const char *images;    /* folder with NAME/REVISION */
    const char *userdisks; /* folder of the users' disks, see userdisk.h */
    const char *trash;     /* folder of deleted disks, see trash.h; NULL: there is none */
    const char *boot_id;
    const char *disk_tool;  /* program that makes disks, a path or a name in the path */
    enum kvm_accel accel;   /* what the probe found */
    const char *accel_text; /* its sentence */
    unsigned boot_ms;       /* until a guest has to be ready */
    unsigned shutdown_ms;   /* what a guest gets for an orderly end */
    unsigned quit_ms;       /* what the engine gets to end after that, before it is killed */
    /* The parked desktop in whose memory that user's disk is mounted, or NULL; borrowed. */
    const char *(*parked_with)(const char *pool, const char *user, void *user_data);
    void *user_data; /* of parked_with, which may be NULL: nothing is ever parked */
};

/* What an image revision brings to a machine; file names inside its folder, NULL for none. */
struct kvm_image {
    const char *disk, *kernel, *initrd, *cmdline;
    bool agent;
};

/* What is to be started; borrowed during the call. */
struct kvm_order {
    const char *id, *pool, *image;
    unsigned revision, slot;
    uint64_t epoch;
    unsigned cpu, memory_mb;
    enum kvm_display display;
    bool want_kvm; /* refuse anything slower */
    struct kvm_image files;
    const char *user;                /* whoever has it, NULL: nobody yet */
    bool kept;                       /* its disk outlives the machine */
    int64_t keep_ms;                 /* how long a deleted disk stays in the trash */
    const char *origin;              /* an entry of the trash whose disk it takes, or NULL */
    bool wake;                       /* a parked one comes back, as it was when it was parked */
    const char *refused;             /* not NULL: it must not be started, and this is why */
    const char *network;             /* a bridge; "": a card without one; NULL: no card */
    const struct kvm_template *fork; /* not NULL: it starts as a copy of that */
    int template_ram_fd;             /* memory of a machine that is to become a template; 0: none */
};

struct kvm_machine;

/* Something that a report shows has changed. Must not free the machine. */
typedef void (*kvm_machine_changed_fn)(struct kvm_machine *machine, void *user_data);

/* Starts a new machine. Never NULL: what goes wrong at once is a machine in state FAILED. */
struct kvm_machine *kvm_machine_start(const struct kvm_environment *environment,
                                      const struct kvm_order *order, kvm_machine_changed_fn changed,
                                      void *user_data);

/*
 * Takes up the machine whose folder is called id. NULL when there is proof that none was ever
 * started there, or a fork that nobody has had was not finished and has been ended: the folder may
 * go. A machine is taken up for good only if boot id, pid, start
 * time, uuid and epoch all match; else it is UNKNOWN and left alone.
 */
struct kvm_machine *kvm_machine_adopt(const struct kvm_environment *environment, const char *id,
                                      kvm_machine_changed_fn changed, void *user_data);

/* Lets go of it; the machine itself runs on. Accepts NULL. */
void kvm_machine_free(struct kvm_machine *machine);

/*
 * Ends the machine: an orderly shutdown first when polite or resting, then the engine is told to
 * quit, then it is killed, each step with its time. With resting its disk is kept for the next
 * start; else it goes into the trash, or is removed when nobody ever had the desktop. Idempotent.
 */
void kvm_machine_stop(struct kvm_machine *machine, bool polite, bool resting);

/*
 * Parks a machine that is ready: it is stopped, its memory is written to a file and its process
 * ends. What cannot be parked goes on, and its text says why; it is tried again when asked again,
 * though not at once. kvm_machine_start() with an order to wake brings it back.
 */
void kvm_machine_park(struct kvm_machine *machine);

/* Writes down who has it and what becomes of its disk, when that is news. */
void kvm_machine_note_owner(struct kvm_machine *machine, const char *user, bool kept,
                            int64_t keep_ms);

/* Writes down a higher epoch; false when that cannot be done, then nothing may be done in its name.
 */
bool kvm_machine_raise_epoch(struct kvm_machine *machine, uint64_t epoch);

/* Room on the disk that desktops write to. */
enum kvm_room {
    KVM_ROOM_ENOUGH,
    KVM_ROOM_LITTLE, /* what stands still does so, nothing more is held */
    KVM_ROOM_NONE,   /* whoever writes much is held */
};

/*
 * Writes the record again if an earlier write failed, keeps the log short, and holds or frees the
 * machine as there is room: a held one is stopped as it is and loses nothing. Every second.
 */
void kvm_machine_tend(struct kvm_machine *machine, enum kvm_room room);
bool kvm_machine_is_held(const struct kvm_machine *machine);

/* Removes what is left of a GONE or FAILED machine without a process: the folder, then free it. */
void kvm_machine_remove_folder(const struct kvm_environment *environment, const char *id);

enum kvm_state kvm_machine_state(const struct kvm_machine *machine);
const char *kvm_state_name(enum kvm_state state);
const char *kvm_machine_text(const struct kvm_machine *machine); /* "" or why; borrowed */
const struct kvm_record *kvm_machine_record(const struct kvm_machine *machine);
const char *kvm_machine_folder(const struct kvm_machine *machine); /* path */
bool kvm_machine_is_settled(const struct kvm_machine *machine); /* adoption has come to a result */
bool kvm_machine_has_process(const struct kvm_machine *machine);

/*
 * Makes a template of a machine that is ready and was started with template_ram_fd: waits until the
 * guest is quiet, stops it, writes the state of its devices to state_fd (taken) and ends it; its
 * memory and disk stay. done is called once, from the loop, with NULL when all that was done, else
 * with why not; not after kvm_machine_free().
 */
typedef void (*kvm_machine_frozen_fn)(const char *text, void *user_data);
void kvm_machine_freeze(struct kvm_machine *machine, int state_fd, kvm_machine_frozen_fn done,
                        void *user_data);

/* False for a guest whose agent does not know how to become another machine. */
bool kvm_machine_renews(const struct kvm_machine *machine);

/*
 * Has the guest open the session of this user (account.h, copied), with her own disk if she has
 * one, as soon as it can; a machine is one user's and stays so. NULL or a bad account: nothing.
 */
void kvm_machine_sign_in(struct kvm_machine *machine, const json_t *account);
bool kvm_machine_is_signed_in(const struct kvm_machine *machine); /* her session is on the screen */

/* Text for the session inside, see kvm_agent_type(). */
bool kvm_machine_type(struct kvm_machine *machine, const char *text);
/* Where its monitors are wanted, see kvm_agent_place(). */
void kvm_machine_place(struct kvm_machine *machine, const char *places);

/*
 * Moves the guest's mouse by so many pixels. done is called once, from the loop, when it was told
 * or cannot be any more, unless kvm_machine_cancel_motion() or a free comes first. False, and done
 * is not called, when the machine takes none now or the one before is still under way.
 */
typedef void (*kvm_machine_moved_fn)(void *user_data);
bool kvm_machine_move(struct kvm_machine *machine, int dx, int dy, kvm_machine_moved_fn done,
                      void *user_data);
/* The same for a place: both axes of its tablet, 0 to 32767. */
bool kvm_machine_point(struct kvm_machine *machine, int x, int y, kvm_machine_moved_fn done,
                       void *user_data);
void kvm_machine_cancel_motion(struct kvm_machine *machine);

/* True while kvm_machine_display() makes sense. */
bool kvm_machine_takes_display(const struct kvm_machine *machine);

/* text is NULL when the machine has taken the socket, else it says why not. */
typedef void (*kvm_machine_display_fn)(const char *text, void *user_data);

/*
 * Gives one end of a socket pair (taken) to the machine's screen, keyboard and pointer; an earlier
 * one is cut. The pair must have been made under the machine's own uid: it checks who is there.
 * done is called once, from the loop, unless kvm_machine_cancel_display() or a free comes first.
 */
void kvm_machine_display(struct kvm_machine *machine, int fd, kvm_machine_display_fn done,
                         void *user_data);
void kvm_machine_cancel_display(struct kvm_machine *machine);

#endif
