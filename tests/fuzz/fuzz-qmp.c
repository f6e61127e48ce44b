/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/qmp-parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kvm_qmp_message message;

    if (kvm_qmp_parse((const char *)data, size, &message) == 0) {
        /* What the reader relies on. */
        if ((message.kind == KVM_QMP_EVENT || message.kind == KVM_QMP_FAILURE) &&
            message.text == NULL) {
            abort();
        }
        if (message.kind == KVM_QMP_REPLY && message.value == NULL) {
            abort();
        }
        kvm_qmp_message_clear(&message);
    }
    return 0;
}
