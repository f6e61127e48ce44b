/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest answers when it is told who it is: any bytes. */
#include "hostd/kvm/identity.h"

#include <glib.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *answer = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    g_autofree char *text =
        answer == NULL ? NULL : kvm_identity_check(answer, "d-1", UUID, size % 2 == 0);

    if (answer != NULL && !json_is_object(answer) && text == NULL) {
        abort(); /* whoever says nothing is nobody */
    }
    json_decref(answer);
    return 0;
}
