/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a pool or at least one line of explanation, never both and never neither. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "broker/poolfile.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GPtrArray *errors = g_ptr_array_new_with_free_func(g_free);
    struct broker_pool *pool =
        broker_pool_parse("lab", "lab.pool", (const char *)data, size, errors);

    if ((pool == NULL) == (errors->len == 0)) {
        abort();
    }
    if (pool != NULL &&
        (pool->max == 0 || pool->image == NULL || pool->memory_mb < 64 || pool->cpu == 0 ||
         pool->spares_running > pool->max || pool->disconnected_ms <= 0)) {
        abort();
    }
    broker_pool_free(pool);
    g_ptr_array_unref(errors);
    return 0;
}
