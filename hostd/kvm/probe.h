/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_PROBE_H
#define KVM_PROBE_H

/*
 * probe: is this host's hardware virtualization real?
 *
 * A /dev/kvm that opens may still be an emulation a thousand times slower than the processor, so
 * the question is answered by timing a guest, not by opening the device.
 */

#include <stdbool.h>

#define KVM_PROBE_MIN_MIPS 100.0 /* below this TCG is the faster engine */
#define KVM_PROBE_LIMIT_MS 1000  /* a device that hangs costs no more than this */
#define KVM_PROBE_TEXT_MAX 160

enum kvm_accel {
    KVM_ACCEL_TCG,
    KVM_ACCEL_KVM,
};

struct kvm_probe {
    enum kvm_accel kind;
    double mips; /* million instructions a second that the guest ran; 0 when none ran */
    char text[KVM_PROBE_TEXT_MAX]; /* one sentence for the administrator */
};

/*
 * Opens device ("/dev/kvm"), lets a long-mode guest count for a fixed number of instructions and
 * fills ret_probe. The guest runs in a forked child that is killed when it takes too long. Call it
 * before the program has threads.
 */
void kvm_probe_run(const char *device, struct kvm_probe *ret_probe);
/*
 * The same with a descriptor of device that somebody with more rights opened (-1: none, open it).
 * When it is real but we may not open it ourselves, desktops may not either: then it is TCG, and
 * text says why.
 */
void kvm_probe_run_opened(const char *device, int fd, struct kvm_probe *ret_probe);

const char *kvm_accel_name(enum kvm_accel accel); /* "kvm" or "tcg" */

#endif
