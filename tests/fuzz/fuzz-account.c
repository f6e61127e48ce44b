/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs in, from a broker that says anything: what the host takes for good its guest takes too.
 * The guest's own reader gets the bytes as they are.
 */
#include "hostd/guest/signin.h"
#include "hostd/kvm/account.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *account = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct signin signin;

    (void)signin_parse((const char *)data, size, &signin);
    if (account != NULL && kvm_account_is_good(account)) {
        g_autofree char *order = kvm_account_order(account, NULL);

        if (strlen(order) > GUEST_PORT_LINE_MAX || !signin_parse(order, strlen(order), &signin) ||
            strcmp(signin.name, kvm_account_name(account)) != 0) {
            abort();
        }
    }
    json_decref(account);
    return 0;
}
