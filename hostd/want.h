/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_WANT_H
#define HOSTD_WANT_H

/* want: one entry of the broker's list of desktops, checked. docs/PROTOCOL.md, "Host link". */

#include <jansson.h>
#include <stdbool.h>

#include "hostd/kvm/machine.h"

/* Strings and stream are borrowed from the message; order.files is for the reader to fill. */
struct hostd_want {
    struct kvm_order order;
    bool gone, polite;
    bool stopped; /* switched off, its disk kept */
    bool parked;  /* its memory in a file; it starts for that if need be */
    bool fork;    /* a copy of a template, where that can be had */
    const json_t *stream;
    const json_t *account; /* who is to be signed in, good as kvm/account.h says; NULL: nobody */
    bool picture;          /* the broker wants to see the screen that a client leaves */
    unsigned monitors;     /* that a client can have, 1 to KVM_SPEC_HEADS */
};

/* False when a field is missing or out of range. */
bool hostd_want_read(const json_t *entry, struct hostd_want *ret_want);

#endif
