/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_SPEC_H
#define KVM_SPEC_H

/*
 * spec: what one desktop's machine consists of, and the arguments that build it.
 *
 * Pure: no I/O. Files reach the machine as descriptors only, so that it needs no path of ours. The
 * device list is an allow-list: graphics, keyboard, mouse, tablet, random numbers, generation id,
 * one serial port for the agent, at most one disk, an empty SCSI bus, a network card if it
 * is to have one. A fork's
 * arguments are its template's but for name, uuid, generation id and where memory and disk come
 * from.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostd/kvm/probe.h"

#define KVM_SPEC_NAME_MAX      48
#define KVM_SPEC_HEADS         4u /* monitors that a virtio card over D-Bus can show */
#define KVM_SPEC_CPU_MAX       64u
#define KVM_SPEC_MEMORY_MIN_MB 64u
#define KVM_SPEC_MEMORY_MAX_MB (1024u * 1024u)
#define KVM_SPEC_CMDLINE_MAX   2000

enum kvm_display {
    KVM_DISPLAY_DBUS,  /* virtio card, D-Bus display */
    KVM_DISPLAY_SPICE, /* virtio card, SPICE server */
    KVM_DISPLAY_QXL,   /* QXL card, SPICE server */
};

struct kvm_spec {
    const char *name; /* desktop id: letters, digits, '-', '_' */
    uint64_t epoch;   /* becomes part of the machine's name, so that adoption can compare it */
    const char *uuid;
    enum kvm_accel accel;
    unsigned cpu;
    unsigned memory_mb;
    enum kvm_display display;
    unsigned width, height; /* preferred mode before a client says what it has */
    /* Descriptor numbers inside the machine's process; -1 where there is none. */
    int qmp_fd, rescue_fd, agent_fd; /* listening unix sockets */
    int kernel_fd, initrd_fd;
    int disk_fd;     /* the desktop's overlay, read-write qcow2 */
    int base_fd;     /* what the overlay stands on, read-only qcow2 */
    int middle_fd;   /* a template's frozen overlay between the two; -1: there is none */
    int ram_fd;      /* a memory file of exactly memory_mb, see ramfile.h; -1: its own memory */
    bool ram_shared; /* what the guest writes goes into ram_fd; else it stays private */
    bool nic;        /* a network card, with mac */
    int net_fd;      /* a tap device for it; -1: it is plugged in nowhere */
    const char *mac;
    bool incoming;       /* it starts with the state of a template, which comes over the monitor */
    const char *cmdline; /* kernel arguments, or NULL */
    bool disposable;     /* the disk is thrown away with the desktop: its flushes are not needed */
};

/* False and *error for a spec that must not become a machine. */
bool kvm_spec_check(const struct kvm_spec *spec, GError **error);

/* The arguments after argv[0], NULL-terminated; g_strfreev(). spec has passed kvm_spec_check(). */
char **kvm_spec_arguments(const struct kvm_spec *spec);

/* "ID.EPOCH", what the running machine calls itself; g_free(). */
char *kvm_spec_machine_name(const char *name, uint64_t epoch);

/* As in orders and records. */
const char *kvm_display_name(enum kvm_display display);
/* "auto" and NULL are the default; false for an unknown word. */
bool kvm_display_parse(const char *name, enum kvm_display *ret_display);
/* The streamer's word for how it connects: "dbus" or "spice". */
/* How many monitors a machine with it can show. */
unsigned kvm_display_heads(enum kvm_display display);
const char *kvm_display_kind(enum kvm_display display);

/* True for a desktop id that may become a folder and an argument. */
bool kvm_spec_name_is_good(const char *name);

#endif
