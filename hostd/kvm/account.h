/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_ACCOUNT_H
#define KVM_ACCOUNT_H

/*
 * account: who signs in to a desktop. As JSON between broker and host ("account" in
 * docs/PROTOCOL.md, "Host link"), as one line for the guest's agent. Pure.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define KVM_ACCOUNT_NAME_MAX    32u /* bytes, as in Linux */
#define KVM_ACCOUNT_MIN_ID      1000
#define KVM_ACCOUNT_MAX_ID      UINT32_C(0xfffffffd) /* the two above mean nobody */
#define KVM_ACCOUNT_MAX_DISK_MB (16u * 1024u * 1024u)

/* True when name can be one in a guest: letters, digits, '.', '_', '-', not '-' or '.' first. */
bool kvm_account_name_is_good(const char *name);

/* False when something is missing or out of range; everything below wants one that is good. */
bool kvm_account_is_good(const json_t *account);

const char *kvm_account_name(const json_t *account); /* borrowed */
unsigned kvm_account_disk_mb(const json_t *account); /* 0: no disk of her own */

/*
 * The line that has the guest's agent sign her in, for g_free(). Groups that find no room in it, or
 * whose names cannot be ones in a guest, are left out; *ret_left_out (may be NULL) counts them.
 */
char *kvm_account_order(const json_t *account, unsigned *ret_left_out);

#endif
