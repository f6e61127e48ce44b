/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/load.h"

#include <stdint.h>

#define WHOLE    1000u /* in tenths of a per cent */
#define BUSY     800u
#define MAX_OVER 1000000u
#define MAX_MS   (65536u * BROKER_LOAD_WINDOW_MS) /* of as many processors as a host may have */
#define MAX_MB   (1024u * 1024u * 1024u)

const struct broker_load_name broker_load_figures[BROKER_LOADS] = {
    [BROKER_LOAD_OVERHEAD] = {"overhead", MAX_OVER},
    [BROKER_LOAD_GUEST_MS] = {"guest_ms", MAX_MS},
    [BROKER_LOAD_OTHER_MS] = {"other_ms", MAX_MS},
    [BROKER_LOAD_GUEST_MB] = {"guest_mb", MAX_MB},
    [BROKER_LOAD_OTHER_MB] = {"other_mb", MAX_MB},
    [BROKER_LOAD_BUSY] = {"busy", WHOLE},
    [BROKER_LOAD_STEAL] = {"steal", WHOLE},
    [BROKER_LOAD_CPU_SOME10] = {"cpu_some10", WHOLE},
    [BROKER_LOAD_CPU_SOME60] = {"cpu_some60", WHOLE},
    [BROKER_LOAD_MEMORY_SOME10] = {"memory_some10", WHOLE},
    [BROKER_LOAD_MEMORY_SOME60] = {"memory_some60", WHOLE},
    [BROKER_LOAD_MEMORY_FULL10] = {"memory_full10", WHOLE},
    [BROKER_LOAD_MEMORY_FULL60] = {"memory_full60", WHOLE},
    [BROKER_LOAD_IO_SOME10] = {"io_some10", WHOLE},
    [BROKER_LOAD_IO_SOME60] = {"io_some60", WHOLE},
};

unsigned
broker_load_share(const struct broker_load *load, unsigned cpus)
{
    uint64_t used = (uint64_t)load->value[BROKER_LOAD_GUEST_MS] + load->value[BROKER_LOAD_OTHER_MS];
    uint64_t all = (uint64_t)cpus * BROKER_LOAD_WINDOW_MS;

    return all == 0 ? 0 : used < all ? (unsigned)(used * WHOLE / all) : WHOLE;
}

bool
broker_load_is_busy(const struct broker_load *load)
{
    return load->known[BROKER_LOAD_BUSY] && load->value[BROKER_LOAD_BUSY] > BUSY;
}
