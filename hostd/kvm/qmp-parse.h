/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_QMP_PARSE_H
#define KVM_QMP_PARSE_H

/*
 * qmp-parse: one line from a QMP monitor, classified. Pure.
 *
 * A guest that broke out of its machine writes these lines, so nothing in them is taken on trust.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define KVM_QMP_MAX_LINE (1024u * 1024u) /* bytes, without the line end */
#define KVM_QMP_MAX_TEXT 512u            /* bytes of an error description that are kept */

enum kvm_qmp_kind {
    KVM_QMP_GREETING,
    KVM_QMP_REPLY,
    KVM_QMP_FAILURE,
    KVM_QMP_EVENT,
};

struct kvm_qmp_message {
    enum kvm_qmp_kind kind;
    uint64_t id;      /* REPLY, FAILURE; 0 when the monitor named none */
    json_t *root;     /* owned */
    json_t *value;    /* REPLY: what "return" holds; EVENT: "data" or NULL; borrowed from root */
    const char *text; /* EVENT: its name; FAILURE: the description; borrowed from root */
};

/* 0, or -1 for a line that is no QMP message; then there is nothing to clear. */
int kvm_qmp_parse(const char *line, size_t size, struct kvm_qmp_message *ret_message);
void kvm_qmp_message_clear(struct kvm_qmp_message *message);

#endif
