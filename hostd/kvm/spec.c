/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/spec.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <string.h>

static bool
refuse(GError **error, const char *text)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, text);
    return false;
}

bool
kvm_spec_name_is_good(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= KVM_SPEC_NAME_MAX && g_ascii_isalnum(name[0]) &&
           strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_") == size;
}

static const char *const display_names[] = {"dbus", "spice", "qxl"};

const char *
kvm_display_name(enum kvm_display display)
{
    return display_names[display];
}

bool
kvm_display_parse(const char *name, enum kvm_display *ret_display)
{
    size_t i;

    *ret_display = KVM_DISPLAY_DBUS;
    if (name == NULL || strcmp(name, "auto") == 0) {
        return true;
    }
    for (i = 0; i < G_N_ELEMENTS(display_names); i++) {
        if (strcmp(name, display_names[i]) == 0) {
            *ret_display = (enum kvm_display)i;
            return true;
        }
    }
    return false;
}

const char *
kvm_display_kind(enum kvm_display display)
{
    return display == KVM_DISPLAY_DBUS ? "dbus" : "spice";
}

unsigned
kvm_display_heads(enum kvm_display display)
{
    return display == KVM_DISPLAY_DBUS ? KVM_SPEC_HEADS : 1;
}

bool
kvm_spec_check(const struct kvm_spec *spec, GError **error)
{
    if (!kvm_spec_name_is_good(spec->name)) {
        return refuse(error, "the desktop's id is not one");
    }
    if (!g_uuid_string_is_valid(spec->uuid)) {
        return refuse(error, "the machine's uuid is not one");
    }
    if (spec->cpu < 1 || spec->cpu > KVM_SPEC_CPU_MAX) {
        return refuse(error, "the number of processors is out of range");
    }
    if (spec->memory_mb < KVM_SPEC_MEMORY_MIN_MB || spec->memory_mb > KVM_SPEC_MEMORY_MAX_MB) {
        return refuse(error, "the memory size is out of range");
    }
    if (spec->qmp_fd < 0 || spec->rescue_fd < 0 || spec->agent_fd < 0) {
        return refuse(error, "a control socket is missing");
    }
    if (spec->nic && spec->mac == NULL) {
        return refuse(error, "a network card needs an address");
    }
    if (spec->kernel_fd < 0 && spec->disk_fd < 0) {
        return refuse(error, "the image has neither a kernel nor a disk");
    }
    if ((spec->disk_fd < 0) != (spec->base_fd < 0) || (spec->middle_fd >= 0 && spec->disk_fd < 0)) {
        return refuse(error, "a disk needs both its overlay and what it stands on");
    }
    if (spec->incoming && spec->ram_shared) {
        return refuse(error, "a fork must not write to its template's memory");
    }
    if (spec->kernel_fd < 0 && (spec->initrd_fd >= 0 || spec->cmdline != NULL)) {
        return refuse(error, "an initrd or a kernel command line without a kernel");
    }
    if (spec->cmdline != NULL &&
        (strlen(spec->cmdline) > KVM_SPEC_CMDLINE_MAX || strpbrk(spec->cmdline, "\r\n") != NULL)) {
        return refuse(error, "the kernel command line is too long or more than one line");
    }
    return true;
}

char *
kvm_spec_machine_name(const char *name, uint64_t epoch)
{
    return g_strdup_printf("%s.%" PRIu64, name, epoch);
}

static void
add(GPtrArray *arguments, const char *option, const char *value)
{
    g_ptr_array_add(arguments, g_strdup(option));
    if (value != NULL) {
        g_ptr_array_add(arguments, g_strdup(value));
    }
}

static void __attribute__((format(printf, 3, 4)))
addf(GPtrArray *arguments, const char *option, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_ptr_array_add(arguments, g_strdup(option));
    g_ptr_array_add(arguments, g_strdup_vprintf(format, values));
    va_end(values);
}

static void
add_memory(GPtrArray *arguments, const struct kvm_spec *spec)
{
    if (spec->ram_fd < 0) {
        addf(arguments, "-object", "memory-backend-memfd,id=ram,size=%uM,share=off",
             spec->memory_mb);
    } else {
        addf(arguments, "-object",
             "memory-backend-file,id=ram,size=%uM,share=%s,mem-path=/proc/self/fd/%d",
             spec->memory_mb, spec->ram_shared ? "on" : "off", spec->ram_fd);
    }
    if (spec->incoming) {
        add(arguments, "-incoming", "defer");
    }
}

/* Everything off that a desktop does not need and that a guest could attack. */
static void
add_machine(GPtrArray *arguments, const struct kvm_spec *spec)
{
    g_autofree char *name = kvm_spec_machine_name(spec->name, spec->epoch);

    add(arguments, "-nodefaults", NULL);
    add(arguments, "-no-user-config", NULL);
    addf(arguments, "-name", "guest=%s,debug-threads=on", name);
    add(arguments, "-uuid", spec->uuid);
    add(arguments, "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    add(arguments, "-machine",
        "q35,usb=off,vmport=off,smbus=off,sata=off,hpet=off,dump-guest-core=off,"
        "memory-backend=ram");
    if (spec->accel == KVM_ACCEL_KVM) {
        add(arguments, "-accel", "kvm");
        add(arguments, "-cpu", "host");
    } else {
        /*
         * Measured to boot a Debian kernel fastest: "max" costs a sixth more processor time, and
         * without rdrand the guest waits for its first random numbers.
         */
        add(arguments, "-accel", "tcg,thread=multi");
        add(arguments, "-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand");
    }
    addf(arguments, "-smp", "cpus=%u,sockets=1,cores=%u,threads=1", spec->cpu, spec->cpu);
    addf(arguments, "-m", "size=%uM", spec->memory_mb);
    add_memory(arguments, spec);
    add(arguments, "-rtc", "base=utc,clock=host,driftfix=slew");
    add(arguments, "-boot", "strict=on,menu=off");
    /* A guest that panics or powers itself off ends its machine; one that reboots comes back. */
    add(arguments, "-action", "reboot=reset,shutdown=poweroff,panic=shutdown,watchdog=reset");
}

static void
add_socket(GPtrArray *arguments, const char *id, int fd)
{
    addf(arguments, "-chardev", "socket,id=%s,fd=%d,server=on,wait=off", id, fd);
}

/*
 * Nobody can connect to either display: a client's socket comes over the monitor. What SPICE could
 * compress would be unpacked again on the same host, and the agent it wants is not ours.
 */
static void
add_display(GPtrArray *arguments, const struct kvm_spec *spec)
{
    if (spec->display == KVM_DISPLAY_DBUS) {
        add(arguments, "-display", "dbus,p2p=yes");
    } else {
        add(arguments, "-display", "none");
        add(arguments, "-spice",
            "port=0,disable-ticketing=on,image-compression=off,jpeg-wan-compression=never,"
            "zlib-glz-wan-compression=never,streaming-video=off,playback-compression=off,"
            "agent-mouse=off,disable-copy-paste=on,disable-agent-file-xfer=on,"
            "seamless-migration=off");
    }
    if (spec->display == KVM_DISPLAY_QXL) {
        addf(arguments, "-device", "qxl-vga,id=gpu,max_outputs=1,xres=%u,yres=%u", spec->width,
             spec->height);
    } else {
        addf(arguments, "-device", "virtio-vga,id=gpu,max_outputs=%u,edid=on,xres=%u,yres=%u",
             kvm_display_heads(spec->display), spec->width, spec->height);
    }
}

static void
add_devices(GPtrArray *arguments, const struct kvm_spec *spec)
{
    add_socket(arguments, "qmp", spec->qmp_fd);
    add(arguments, "-mon", "chardev=qmp,mode=control");
    add_socket(arguments, "rescue", spec->rescue_fd);
    add(arguments, "-mon", "chardev=rescue,mode=control");

    add_display(arguments, spec);
    add(arguments, "-device", "virtio-keyboard-pci,id=keyboard");
    /*
     * The guest's driver starts them in this order, and QEMU gives buttons to whichever was started
     * last. That has to be the tablet: while the mouse is first QEMU refuses absolute positions.
     */
    add(arguments, "-device", "virtio-mouse-pci,id=mouse");
    add(arguments, "-device", "virtio-tablet-pci,id=tablet");
    add(arguments, "-object", "rng-random,id=random,filename=/dev/urandom");
    add(arguments, "-device", "virtio-rng-pci,rng=random");
    add(arguments, "-device", "vmgenid,guid=auto");

    add_socket(arguments, "agent", spec->agent_fd);
    add(arguments, "-device", "virtio-serial-pci,id=serial,max_ports=2");
    add(arguments, "-device",
        "virtserialport,bus=serial.0,nr=1,chardev=agent,name=org.vedette.agent.0");
    /* Where a user's own disk is plugged when she comes: SCSI takes one at any time, and at once.
     */
    add(arguments, "-device", "virtio-scsi-pci,id=scsi");
    if (spec->nic && spec->net_fd >= 0) {
        addf(arguments, "-netdev", "tap,id=net,fd=%d,vhost=off", spec->net_fd);
    }
    if (spec->nic) { /* nothing boots from it, so that it needs no ROM */
        addf(arguments, "-device",
             "virtio-net-pci,id=nic%s,mac=%s,romfile=", spec->net_fd >= 0 ? ",netdev=net" : "",
             spec->mac);
    }
}

/* A qcow2 that is only read, over another one or nothing. */
static void
add_frozen_disk(GPtrArray *arguments, const char *name, const char *backing, int set, int fd)
{
    g_autofree char *below =
        backing == NULL ? g_strdup("null") : g_strdup_printf("\"%s\"", backing);

    addf(arguments, "-add-fd", "fd=%d,set=%d", fd, set);
    addf(arguments, "-blockdev",
         "{\"driver\":\"file\",\"node-name\":\"%s-file\",\"filename\":\"/dev/fdset/%d\","
         "\"read-only\":true,\"locking\":\"on\"}",
         name, set);
    addf(arguments, "-blockdev",
         "{\"driver\":\"qcow2\",\"node-name\":\"%s\",\"file\":\"%s-file\",\"backing\":%s,"
         "\"read-only\":true}",
         name, name, below);
}

/*
 * Formats and the backing file are given here and never taken from what a disk says about itself.
 * Image locks are on: a second writer is refused as long as the first one lives.
 */
static void
add_disk(GPtrArray *arguments, const struct kvm_spec *spec)
{
    const char *flush = spec->disposable ? "true" : "false";

    if (spec->disk_fd < 0) {
        return;
    }
    addf(arguments, "-add-fd", "fd=%d,set=2", spec->disk_fd);
    add_frozen_disk(arguments, "base", NULL, 1, spec->base_fd);
    if (spec->middle_fd >= 0) {
        add_frozen_disk(arguments, "middle", "base", 3, spec->middle_fd);
    }
    addf(arguments, "-blockdev",
         "{\"driver\":\"file\",\"node-name\":\"disk-file\",\"filename\":\"/dev/fdset/2\","
         "\"locking\":\"on\",\"discard\":\"unmap\",\"cache\":{\"direct\":false,\"no-flush\":%s}}",
         flush);
    addf(arguments, "-blockdev",
         "{\"driver\":\"qcow2\",\"node-name\":\"disk\",\"file\":\"disk-file\",\"backing\":\"%s\","
         "\"discard\":\"unmap\",\"detect-zeroes\":\"unmap\",\"cache\":{\"direct\":false,"
         "\"no-flush\":%s}}",
         spec->middle_fd >= 0 ? "middle" : "base", flush);
    addf(arguments, "-device", "virtio-blk-pci,drive=disk,id=disk0%s",
         spec->kernel_fd < 0 ? ",bootindex=1" : "");
}

char **
kvm_spec_arguments(const struct kvm_spec *spec)
{
    GPtrArray *arguments = g_ptr_array_new();

    add_machine(arguments, spec);
    add_devices(arguments, spec);
    add_disk(arguments, spec);
    if (spec->kernel_fd >= 0) {
        /* The machine opens its own descriptor anew: no folder of ours has to be passable. */
        addf(arguments, "-kernel", "/proc/self/fd/%d", spec->kernel_fd);
        if (spec->initrd_fd >= 0) {
            addf(arguments, "-initrd", "/proc/self/fd/%d", spec->initrd_fd);
        }
        if (spec->cmdline != NULL) {
            add(arguments, "-append", spec->cmdline);
        }
    }
    g_ptr_array_add(arguments, NULL);
    return (char **)g_ptr_array_free(arguments, FALSE);
}
