/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_HOSTMSG_H
#define BROKER_HOSTMSG_H

/*
 * hostmsg: parses what a host says on its link (docs/PROTOCOL.md, "Host link"). Pure.
 *
 * A host is trusted with its own desktops only: every field is bounded, and a message that is not
 * as documented is refused whole, which closes that host's link.
 */

#include <jansson.h>
#include <stdbool.h>

#include "broker/model.h"

#define BROKER_HOSTMSG_MAX_DESKTOPS 4096u
#define BROKER_HOSTMSG_MAX_IMAGES   1024u
#define BROKER_HOSTMSG_MAX_CSR      8192u /* bytes */

#define BROKER_HOSTMSG_MAX_TRASH 4096u

enum broker_hostmsg_type {
    BROKER_HOSTMSG_HELLO,
    BROKER_HOSTMSG_OBSERVED,
    BROKER_HOSTMSG_JOIN,
    BROKER_HOSTMSG_RENEW,
    BROKER_HOSTMSG_PICTURE,
    BROKER_HOSTMSG_DISK_GONE, /* a user's disk was deleted */
    BROKER_HOSTMSG_OTHER,     /* an unknown type: skipped */
};

struct broker_seen_desktop {
    char id[STORE_ID_MAX + 1];
    enum broker_state state;
    int64_t epoch;
    int64_t since_ms;
    bool signed_in;      /* its user's own session is on the screen */
    unsigned promise_mb; /* memory that its host keeps for it; 0: all that it was given */
    char text[BROKER_TEXT_MAX + 1];
    char stream[STORE_ID_MAX + 1];
    struct broker_figures figures;
};

struct broker_hostmsg {
    enum broker_hostmsg_type type;
    struct {
        char host[STORE_NAME_MAX + 1];
        char boot_id[STORE_NAME_MAX + 1];
        unsigned cpus;
        unsigned memory_mb;
        bool kvm;
        unsigned mips;
        char accel_text[BROKER_TEXT_MAX + 1];
    } hello;
    struct {
        unsigned memory_free_mb;
        bool tight; /* its disk is nearly full */
        char text[BROKER_TEXT_MAX + 1];
        struct broker_load load;
        GArray *desktops; /* struct broker_seen_desktop */
        GArray *images;   /* struct broker_image */
        GArray *trash;    /* struct broker_trash */
    } observed;
    struct {
        char token[VD_TOKEN_CHARS + 1];
        char name[STORE_NAME_MAX + 1];
    } join;
    struct {
        char desktop[STORE_ID_MAX + 1];
        int64_t epoch;
        uint8_t *data; /* owned: a JPEG that vdp_small_check() takes */
        size_t size;
    } picture;
    struct {
        char pool[STORE_NAME_MAX + 1];
        char user[STORE_NAME_MAX + 1];
    } disk;                               /* DISK_GONE */
    char csr[BROKER_HOSTMSG_MAX_CSR + 1]; /* JOIN and RENEW */
};

/* True and *ret_message (then clear it), or false and *ret_why, a static sentence. */
bool broker_hostmsg_parse(const json_t *json, struct broker_hostmsg *ret_message,
                          const char **ret_why);
void broker_hostmsg_clear(struct broker_hostmsg *message); /* wipes token and picture */

#endif
