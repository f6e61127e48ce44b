/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/qmp-parse.h"

#include <string.h>

/* Sets kind, value and text; -1 when root is none of the four. */
static int
classify(json_t *root, struct kvm_qmp_message *message)
{
    json_t *failure = json_object_get(root, "error");

    message->value = json_object_get(root, "return");
    if (message->value != NULL) {
        message->kind = KVM_QMP_REPLY;
        return 0;
    }
    if (json_is_object(failure)) {
        message->kind = KVM_QMP_FAILURE;
        message->text = json_string_value(json_object_get(failure, "desc"));
        return message->text != NULL && strlen(message->text) <= KVM_QMP_MAX_TEXT ? 0 : -1;
    }
    if (json_is_object(json_object_get(root, "QMP"))) {
        message->kind = KVM_QMP_GREETING;
        return 0;
    }
    message->kind = KVM_QMP_EVENT;
    message->text = json_string_value(json_object_get(root, "event"));
    message->value = json_object_get(root, "data");
    return message->text != NULL && (message->value == NULL || json_is_object(message->value)) ? 0
                                                                                               : -1;
}

int
kvm_qmp_parse(const char *line, size_t size, struct kvm_qmp_message *ret_message)
{
    struct kvm_qmp_message message = {.kind = KVM_QMP_EVENT};
    json_t *id;

    if (size > KVM_QMP_MAX_LINE) {
        return -1;
    }
    message.root = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(message.root) || classify(message.root, &message) < 0) {
        json_decref(message.root);
        return -1;
    }
    id = json_object_get(message.root, "id");
    if (json_is_integer(id) && json_integer_value(id) > 0) {
        message.id = (uint64_t)json_integer_value(id);
    }
    *ret_message = message;
    return 0;
}

void
kvm_qmp_message_clear(struct kvm_qmp_message *message)
{
    json_decref(message->root);
    memset(message, 0, sizeof(*message));
}
