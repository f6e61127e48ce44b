/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <inttypes.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM      "/usr/lib/vedette/renew"
#define PROGRAM_MS   10000
#define POLL_MS      10
#define PRODUCT_UUID "/sys/devices/virtual/dmi/id/product_uuid"
#define UUID_FILE    "/run/vedette/product-uuid"
#define CARDS        "/sys/class/net"
#define MAC_BYTES    6
#define MACHINE_ID   "/etc/machine-id"
#define SEED_MAX     64
#define VALUE_MAX    160
#define SAMPLE_BYTES 32
#define BITS         8
#define MS_PER_S     1000
#define NS_PER_MS    1000000

extern char **environ;

static void
complain(const char *what, int error)
{
    fprintf(stderr, "vedette: identity: %s: %s\n", what, strerror(error));
}

/* A file is there with all of text or as it was. */
static void
replace(const char *path, const char *text)
{
    char other[VALUE_MAX];
    int fd;

    snprintf(other, sizeof(other), "%s.new", path);
    fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || rename(other, path) != 0) {
        complain(path, errno);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void
take_uuid(const char *uuid)
{
    (void)mkdir("/run/vedette", 0755); /* there already, or the next step says so */
    replace(UUID_FILE, uuid);
    if (access(PRODUCT_UUID, F_OK) == 0 &&
        mount(UUID_FILE, PRODUCT_UUID, NULL, MS_BIND, NULL) != 0) {
        complain(PRODUCT_UUID, errno);
    }
}

/*
 * The pool is mixed with the seed and the generator keyed anew at once: what it gave before the
 * fork, it gives to every fork.
 */
static bool
take_seed(const char *digits)
{
    union {
        struct rand_pool_info info;
        unsigned char bytes[sizeof(struct rand_pool_info) + SEED_MAX];
    } seed;
    unsigned char *buffer = seed.bytes + offsetof(struct rand_pool_info, buf);
    int size = guest_port_parse_hex(digits, buffer, SEED_MAX);
    int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    bool done;

    seed.info.buf_size = size;
    seed.info.entropy_count = size * BITS;
    done = size > 0 && fd >= 0 && ioctl(fd, RNDADDENTROPY, &seed) == 0 &&
           ioctl(fd, RNDRESEEDCRNG) == 0;
    if (!done) {
        complain("random numbers", size > 0 ? errno : EINVAL);
    }
    if (fd >= 0) {
        close(fd);
    }
    return done;
}

static void
take_time(const char *text)
{
    int64_t ms = strtoll(text, NULL, 10);
    struct timespec now = {.tv_sec = ms / MS_PER_S, .tv_nsec = ms % MS_PER_S * NS_PER_MS};

    if (ms <= 0 || clock_settime(CLOCK_REALTIME, &now) != 0) {
        complain("clock", ms <= 0 ? EINVAL : errno);
    }
}

/* The name of the only network card, or "". */
static void
find_card(char name[IFNAMSIZ])
{
    DIR *folder = opendir(CARDS);
    struct dirent *entry;

    name[0] = '\0';
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char path[VALUE_MAX];

        snprintf(path, sizeof(path), CARDS "/%.32s/device", entry->d_name);
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < IFNAMSIZ &&
            access(path, F_OK) == 0) {
            snprintf(name, IFNAMSIZ, "%.15s", entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* Down and up again, so that whatever configures the card begins anew with its new address. */
static bool
give_mac(int fd, const char *name, const unsigned char bytes[MAC_BYTES])
{
    struct ifreq flags = {0};
    struct ifreq address = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
    bool up, done;

    snprintf(flags.ifr_name, IFNAMSIZ, "%s", name);
    snprintf(address.ifr_name, IFNAMSIZ, "%s", name);
    memcpy(address.ifr_hwaddr.sa_data, bytes, MAC_BYTES);
    up = ioctl(fd, SIOCGIFFLAGS, &flags) == 0 && (flags.ifr_flags & IFF_UP) != 0;
    if (up) {
        flags.ifr_flags &= (short)~IFF_UP;
        (void)ioctl(fd, SIOCSIFFLAGS, &flags); /* what comes next says whether it did */
    }
    done = ioctl(fd, SIOCSIFHWADDR, &address) == 0;
    if (up) {
        flags.ifr_flags |= IFF_UP;
        done = ioctl(fd, SIOCSIFFLAGS, &flags) == 0 && done;
    }
    return done;
}

/* The card has it until the guest starts anew, and then by itself. */
static void
take_mac(const char *text)
{
    unsigned char bytes[MAC_BYTES];
    char name[IFNAMSIZ];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    find_card(name);
    if (fd < 0 || name[0] == '\0' ||
        sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &bytes[0], &bytes[1], &bytes[2],
               &bytes[3], &bytes[4], &bytes[5]) != MAC_BYTES) {
        complain("network card", ENODEV);
    } else if (!give_mac(fd, name, bytes)) {
        complain("network card", errno);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Its address as the kernel has it now, or "". */
static void
read_mac(char mac[VALUE_MAX])
{
    char name[IFNAMSIZ], path[VALUE_MAX];
    FILE *file;

    mac[0] = '\0';
    find_card(name);
    snprintf(path, sizeof(path), CARDS "/%s/address", name);
    file = name[0] == '\0' ? NULL : fopen(path, "re");
    if (file != NULL) {
        if (fgets(mac, VALUE_MAX, file) != NULL) {
            mac[strspn(mac, "0123456789abcdef:")] = '\0';
        }
        fclose(file);
    }
}

/* The image's own program does what only it knows of. It is waited for, though not forever. */
static void
run_program(void)
{
    char path[] = PROGRAM;
    char *argv[] = {path, NULL};
    struct timespec pause = {.tv_nsec = (long)POLL_MS * NS_PER_MS};
    int status = 0, waited = 0;
    pid_t pid, ended = 0;

    if (access(PROGRAM, X_OK) != 0) {
        return;
    }
    if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0) {
        complain(PROGRAM, errno);
        return;
    }
    /* -1: it has ended, and an agent that ignores its children is not told how. */
    while (ended == 0 && waited < PROGRAM_MS) {
        ended = waitpid(pid, &status, WNOHANG);
        if (ended == 0) {
            nanosleep(&pause, NULL);
            waited += POLL_MS;
        }
    }
    if (ended == 0) {
        complain(PROGRAM, ETIMEDOUT);
        kill(pid, SIGKILL);
    }
}

/* The first line of a file, made fit for a JSON string. */
static void
read_line(const char *path, char value[VALUE_MAX])
{
    FILE *file = fopen(path, "re");

    value[0] = '\0';
    if (file != NULL) {
        if (fgets(value, VALUE_MAX, file) != NULL) {
            value[strspn(value,
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] = '\0';
        }
        fclose(file);
    }
}

static void
answer_with(char answer[GUEST_PORT_LINE_MAX], bool seeded)
{
    char host[VALUE_MAX], machine[VALUE_MAX], uuid[VALUE_MAX], mac[VALUE_MAX];
    char sample[2 * SAMPLE_BYTES + 1];
    unsigned char random[SAMPLE_BYTES];
    struct timespec now;

    read_line("/proc/sys/kernel/hostname", host);
    read_line(MACHINE_ID, machine);
    read_line(PRODUCT_UUID, uuid);
    read_mac(mac);
    if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
        seeded = false;
        memset(random, 0, sizeof(random));
    }
    for (size_t i = 0; i < sizeof(random); i++) {
        snprintf(sample + 2 * i, 3, "%02x", random[i]);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(
        answer, GUEST_PORT_LINE_MAX,
        "{\"type\":\"identity\",\"host\":\"%s\",\"machine\":\"%s\",\"uuid\":\"%s\",\"mac\":\"%s\","
        "\"seeded\":\"%s\",\"random\":\"%s\",\"time_ms\":\"%" PRId64 "\"}\n",
        host, machine, uuid, mac, seeded ? "yes" : "no", sample,
        (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS);
}

void
identity_take(const char *line, size_t size, char answer[GUEST_PORT_LINE_MAX])
{
    char value[VALUE_MAX];
    bool seeded = false, renewed = false;

    if (guest_port_parse_member(line, size, "time_ms", value, sizeof(value))) {
        take_time(value);
    }
    if (guest_port_parse_member(line, size, "seed", value, sizeof(value))) {
        seeded = take_seed(value);
    }
    if (guest_port_parse_member(line, size, "host", value, sizeof(value))) {
        if (sethostname(value, strlen(value)) != 0) {
            complain("host name", errno);
        }
        replace("/etc/hostname", value);
    }
    if (guest_port_parse_member(line, size, "machine", value, sizeof(value))) {
        replace(MACHINE_ID, value);
        renewed = true;
    }
    if (guest_port_parse_member(line, size, "uuid", value, sizeof(value))) {
        take_uuid(value);
    }
    if (guest_port_parse_member(line, size, "mac", value, sizeof(value))) {
        take_mac(value);
    }
    if (renewed) { /* one that was only away keeps its keys */
        run_program();
    }
    answer_with(answer, seeded);
}
