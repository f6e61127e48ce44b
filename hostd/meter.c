/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/meter.h"

#include <string.h>

#define US_PER_S INT64_C(1000000)
#define TENTHS   1000u /* of a per cent in the whole */

static int64_t
slot_number(int64_t now_us)
{
    return now_us / (HOSTD_METER_SLOT_S * US_PER_S) + 1;
}

void
hostd_meter_add(struct hostd_meter *meter, int64_t now_us, enum hostd_meter_kind kind, uint64_t us)
{
    int64_t number = slot_number(now_us);
    size_t i = (size_t)(number % HOSTD_METER_SLOTS);

    if (meter->slots[i].number != number) {
        memset(&meter->slots[i], 0, sizeof(meter->slots[i]));
        meter->slots[i].number = number;
    }
    meter->slots[i].us[kind] += us;
}

uint64_t
hostd_meter_sum(const struct hostd_meter *meter, int64_t now_us, enum hostd_meter_kind kind)
{
    int64_t number = slot_number(now_us);
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < HOSTD_METER_SLOTS; i++) {
        if (meter->slots[i].number > number - HOSTD_METER_SLOTS) {
            sum += meter->slots[i].us[kind];
        }
    }
    return sum;
}

bool
hostd_meter_overhead(const struct hostd_meter *meter, int64_t now_us, unsigned vcpus, bool told,
                     unsigned *ret)
{
    uint64_t guest = hostd_meter_sum(meter, now_us, HOSTD_METER_GUEST);
    uint64_t other = hostd_meter_sum(meter, now_us, HOSTD_METER_OTHER);
    uint64_t given = (uint64_t)vcpus * HOSTD_METER_WINDOW_S * US_PER_S;
    uint64_t tenths;

    if (vcpus == 0 || guest == 0 ||
        guest < given / 100 * (told ? HOSTD_METER_LEAST_PERCENT : HOSTD_METER_BASE_PERCENT)) {
        return false;
    }
    tenths = other * TENTHS / guest;
    *ret = tenths < HOSTD_METER_MAX ? (unsigned)tenths : HOSTD_METER_MAX;
    return true;
}

bool
hostd_meter_share(const struct hostd_meter *meter, int64_t now_us, enum hostd_meter_kind kind,
                  unsigned *ret)
{
    uint64_t total = hostd_meter_sum(meter, now_us, HOSTD_METER_TOTAL);
    uint64_t part = hostd_meter_sum(meter, now_us, kind);

    if (total == 0) {
        return false;
    }
    *ret = part < total ? (unsigned)(part * TENTHS / total) : TENTHS;
    return true;
}
