/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

/* The guest's memory: page tables at the bottom, the code in a page of its own. */
#define GUEST_MEMORY 0x10000u
#define GUEST_PML4   0x1000u
#define GUEST_PDPT   0x2000u
#define GUEST_PD     0x3000u
#define GUEST_CODE   0x8000u

#define PAGE_PRESENT_WRITABLE 0x3u
#define PAGE_LARGE            0x80u

#define CR0_PE   0x1u
#define CR0_PG   0x80000000u
#define CR4_PAE  0x20u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u

#define WARM_UP_ROUNDS 500u
#define TIMED_ROUNDS   150000u   /* 300,000 instructions: 0.2 s on an emulation */
#define LONG_ROUNDS    50000000u /* only where the timed rounds were over in a moment */
#define MOMENT_US      3000
#define PER_ROUND      2u /* dec and jnz */

/* Where the probe got to; the child hands this over through a pipe. */
struct outcome {
    const char *failed; /* a string literal: the same address in parent and child */
    int error;
    double mips;
};

struct guest {
    int device;
    int vm;
    int vcpu;
    uint8_t *memory;
    struct kvm_run *run;
};

static void
fill_memory(uint8_t *memory)
{
    /* loop: dec ecx; jnz loop; hlt; jmp loop. The host sets ecx before each run. */
    static const uint8_t code[] = {0xff, 0xc9, 0x75, 0xfc, 0xf4, 0xeb, 0xf9};
    const uint64_t pml4 = GUEST_PDPT | PAGE_PRESENT_WRITABLE;
    const uint64_t pdpt = GUEST_PD | PAGE_PRESENT_WRITABLE;
    const uint64_t pd = PAGE_PRESENT_WRITABLE | PAGE_LARGE;

    memcpy(memory + GUEST_PML4, &pml4, sizeof(pml4));
    memcpy(memory + GUEST_PDPT, &pdpt, sizeof(pdpt));
    memcpy(memory + GUEST_PD, &pd, sizeof(pd));
    memcpy(memory + GUEST_CODE, code, sizeof(code));
}

static int
enter_long_mode(int vcpu)
{
    struct kvm_sregs sregs;
    struct kvm_segment code = {
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = code;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0) {
        return -1;
    }
    data.selector = 16;
    data.type = 3;
    data.l = 0;
    data.db = 1;
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr3 = GUEST_PML4;
    sregs.cr4 = CR4_PAE;
    sregs.cr0 = CR0_PE | CR0_PG;
    sregs.efer = EFER_LME | EFER_LMA;
    return ioctl(vcpu, KVM_SET_SREGS, &sregs);
}

static const char *
make_guest(const char *path, int fd, struct guest *guest)
{
    struct kvm_userspace_memory_region region = {.memory_size = GUEST_MEMORY};
    int run_size;

    guest->device = fd >= 0 ? fd : open(path, O_RDWR | O_CLOEXEC);
    if (guest->device < 0) {
        return "does not open";
    }
    errno = 0;
    if (ioctl(guest->device, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        return "is not KVM";
    }
    guest->vm = ioctl(guest->device, KVM_CREATE_VM, 0);
    if (guest->vm < 0) {
        return "opens but makes no machine";
    }
    guest->memory =
        mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (guest->memory == MAP_FAILED) {
        return "cannot be tried, memory is short";
    }
    fill_memory(guest->memory);
    region.userspace_addr = (uintptr_t)guest->memory;
    if (ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return "opens but maps no memory";
    }
    guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
    run_size = ioctl(guest->device, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (guest->vcpu < 0 || run_size < (int)sizeof(struct kvm_run)) {
        return "opens but makes no processor";
    }
    guest->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
    if (guest->run == MAP_FAILED || enter_long_mode(guest->vcpu) < 0) {
        return "opens but its processor does not enter long mode";
    }
    return NULL;
}

/* Counts rounds down to zero; microseconds it took, or -1. */
static int64_t
count_down(struct guest *guest, uint32_t rounds)
{
    struct kvm_regs regs = {.rip = GUEST_CODE, .rcx = rounds, .rflags = 2};
    int64_t start;

    errno = 0;
    if (ioctl(guest->vcpu, KVM_SET_REGS, &regs) < 0) {
        return -1;
    }
    start = vd_monotonic_us();
    if (ioctl(guest->vcpu, KVM_RUN, 0) < 0 || guest->run->exit_reason != KVM_EXIT_HLT ||
        ioctl(guest->vcpu, KVM_GET_REGS, &regs) < 0 || regs.rcx != 0) {
        return -1;
    }
    return vd_monotonic_us() - start;
}

static void
time_guest(const char *path, int fd, struct outcome *ret_outcome)
{
    struct guest guest = {-1, -1, -1, NULL, NULL};
    uint32_t rounds = TIMED_ROUNDS;
    int64_t us = 0;

    ret_outcome->failed = make_guest(path, fd, &guest);
    if (ret_outcome->failed == NULL) {
        us = count_down(&guest, WARM_UP_ROUNDS) < 0 ? -1 : count_down(&guest, rounds);
        if (us >= 0 && us < MOMENT_US) {
            rounds = LONG_ROUNDS;
            us = count_down(&guest, rounds);
        }
        if (us < 0) {
            ret_outcome->failed = "opens but does not run a long-mode guest";
        }
    }
    ret_outcome->error = ret_outcome->failed == NULL ? 0 : errno;
    if (ret_outcome->failed == NULL) {
        ret_outcome->mips = (double)rounds * PER_ROUND / (double)(us > 0 ? us : 1);
    }
}

/* Runs the guest in a child and waits for what it says; false when it says nothing in time. */
static bool
ask_child(const char *device, int fd, struct outcome *ret_outcome)
{
    struct pollfd end;
    bool heard;
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return false;
    }
    child = fork();
    if (child == 0) {
        struct outcome outcome = {NULL, 0, 0};

        (void)alarm(KVM_PROBE_LIMIT_MS / 1000 + 1); /* should the parent die first */
        time_guest(device, fd, &outcome);
        _exit(vd_fd_write_all(ends[1], &outcome, sizeof(outcome)) == 0 ? 0 : 1);
    }
    close(ends[1]);
    end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    heard = child > 0 && poll(&end, 1, KVM_PROBE_LIMIT_MS) == 1 &&
            vd_fd_read_all(ends[0], ret_outcome, sizeof(*ret_outcome)) == 0;
    close(ends[0]);
    if (child > 0) {
        (void)kill(child, SIGKILL);
        /* A child stuck in the kernel cannot be waited for; it is reaped when hostd ends. */
        (void)waitpid(child, NULL, heard ? 0 : WNOHANG);
    }
    return heard;
}

void
kvm_probe_run(const char *device, struct kvm_probe *ret_probe)
{
    kvm_probe_run_opened(device, -1, ret_probe);
}

void
kvm_probe_run_opened(const char *device, int fd, struct kvm_probe *ret_probe)
{
    struct outcome outcome = {NULL, 0, 0};

    ret_probe->kind = KVM_ACCEL_TCG;
    ret_probe->mips = 0;
    if (!ask_child(device, fd, &outcome)) {
        snprintf(ret_probe->text, sizeof(ret_probe->text),
                 "%s did not run a guest within %d ms; using TCG", device, KVM_PROBE_LIMIT_MS);
        return;
    }
    ret_probe->mips = outcome.mips;
    if (outcome.failed != NULL) {
        snprintf(ret_probe->text, sizeof(ret_probe->text), "%s %s%s%s; using TCG", device,
                 outcome.failed, outcome.error != 0 ? ": " : "",
                 outcome.error != 0 ? strerror(outcome.error) : "");
    } else if (outcome.mips < KVM_PROBE_MIN_MIPS) {
        snprintf(ret_probe->text, sizeof(ret_probe->text),
                 "%s opens but runs %.1f M instructions/s, an emulation; using TCG", device,
                 outcome.mips);
    } else if (fd >= 0 && access(device, R_OK | W_OK) < 0) {
        snprintf(ret_probe->text, sizeof(ret_probe->text),
                 "%s runs %.0f M instructions/s but only root may open it (give it a group and "
                 "mode 660); "
                 "using TCG",
                 device, outcome.mips);
    } else {
        ret_probe->kind = KVM_ACCEL_KVM;
        snprintf(ret_probe->text, sizeof(ret_probe->text),
                 "%s runs %.0f M instructions/s; using KVM", device, outcome.mips);
    }
}

const char *
kvm_accel_name(enum kvm_accel accel)
{
    return accel == KVM_ACCEL_KVM ? "kvm" : "tcg";
}
