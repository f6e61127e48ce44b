/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/placement.h"

#include <string.h>

#include "broker/pressure.h"

/* What the desktops that are already promised to a host take away. */
struct load {
    uint64_t memory_mb;         /* of all of them */
    uint64_t memory_pending_mb; /* of those that the host's last report cannot know yet */
    uint64_t cpu;
};

static struct load
host_load(const struct broker_model *model, const struct broker_host *host)
{
    struct load load = {0};
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (strcmp(desktop->row.host, host->row.name) != 0 ||
            (desktop->row.stopped && desktop->state == BROKER_STOPPED) ||
            (desktop->row.parked && desktop->state == BROKER_PARKED)) {
            continue;
        }
        load.memory_mb += desktop->promise_mb != 0 ? desktop->promise_mb : desktop->row.memory_mb;
        load.cpu += desktop->row.cpu;
        if (desktop->state == BROKER_UNSEEN || desktop->state == BROKER_PARKED) {
            load.memory_pending_mb += desktop->row.memory_mb;
        }
    }
    return load;
}

static bool
has_image(const struct broker_host *host, const char *image, unsigned revision)
{
    guint i;

    for (i = 0; i < host->images->len; i++) {
        const struct broker_image *have = &g_array_index(host->images, struct broker_image, i);

        if (have->revision == revision && strcmp(have->name, image) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Memory that a further desktop may take, by promise and by measurement, whichever is less. */
static uint64_t
memory_left(const struct broker_host *host, const struct load *load)
{
    uint64_t promised = less(host->memory_mb, load->memory_mb + BROKER_RESERVED_MB);
    uint64_t measured = less(host->memory_free_mb, load->memory_pending_mb);

    return MIN(promised, measured);
}

static void refuse(GArray *refusals, const struct broker_host *host, enum broker_rule rule,
                   const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
refuse(GArray *refusals, const struct broker_host *host, enum broker_rule rule, const char *format,
       ...)
{
    struct broker_refusal refusal = {.host = host, .rule = rule};
    va_list args;

    va_start(args, format);
    g_vsnprintf(refusal.text, sizeof(refusal.text), format, args);
    va_end(args);
    g_array_append_val(refusals, refusal);
}

/* Overhead and pressure, which change by the minute; true when host may take it as far as they go.
 */
static bool
load_passes(const struct broker_host *host, const struct broker_pool *pool, GArray *refusals)
{
    unsigned overhead = host->load.value[BROKER_LOAD_OVERHEAD];
    g_autofree char *limit = broker_overhead_text(pool);
    unsigned back = broker_overhead_back(pool->overhead_max);
    unsigned cpu = host->load.value[BROKER_LOAD_CPU_SOME10];
    unsigned memory = host->load.value[BROKER_LOAD_MEMORY_FULL10];

    if (broker_host_is_over(host, pool)) {
        refuse(refusals, host, BROKER_RULE_OVERHEAD,
               "its overhead of %u.%u %% has passed %s; it gets desktops again from %u.%u %% down",
               overhead / 10, overhead % 10, limit, back / 10, back % 10);
    } else if ((host->pressed & BROKER_PRESSED_MEMORY) != 0) {
        refuse(refusals, host, BROKER_RULE_PRESSURE,
               "everything on it waited for memory during %u.%u %% of the last 10 s; beyond %u %% "
               "it gets no desktops, until that is %u %% again",
               memory / 10, memory % 10, BROKER_PRESSURE_MEMORY / 10,
               BROKER_PRESSURE_MEMORY_BACK / 10);
    } else if ((host->pressed & BROKER_PRESSED_CPU) != 0) {
        refuse(refusals, host, BROKER_RULE_PRESSURE,
               "its desktops waited for a processor during %u.%u %% of the last 10 s; beyond %u %% "
               "it gets no more of them, until that is %u %% again",
               cpu / 10, cpu % 10, BROKER_PRESSURE_CPU / 10, BROKER_PRESSURE_CPU_BACK / 10);
    } else {
        return true;
    }
    return false;
}

/* True when host may take it; else one refusal was added. */
static bool
host_passes(const struct broker_host *host, const struct broker_pool *pool, unsigned revision,
            const struct load *load, GArray *refusals)
{
    uint64_t left = memory_left(host, load);

    if (host->row.revoked) {
        refuse(refusals, host, BROKER_RULE_REVOKED, "the host was revoked");
    } else if (!host->connected) {
        refuse(refusals, host, BROKER_RULE_CONNECTED, "the host is not connected");
    } else if (host->row.drained) {
        refuse(refusals, host, BROKER_RULE_DRAINED, "the host is drained");
    } else if (!pool->accel_any && !host->kvm) {
        refuse(refusals, host, BROKER_RULE_ACCEL,
               "the pool wants Accel=kvm and the host has no usable KVM: %s", host->accel_text);
    } else if (revision == 0) {
        refuse(refusals, host, BROKER_RULE_IMAGE, "the host has no revision of image '%s'",
               pool->image);
    } else if (!has_image(host, pool->image, revision)) {
        refuse(refusals, host, BROKER_RULE_IMAGE, "the host does not have image %s:%u", pool->image,
               revision);
    } else if (pool->cpu > host->cpus) {
        refuse(refusals, host, BROKER_RULE_CPU, "CPU=%u is more than the %u of the host", pool->cpu,
               host->cpus);
    } else if (load->cpu + pool->cpu > (uint64_t)host->cpus * pool->overcommit) {
        refuse(refusals, host, BROKER_RULE_CPU,
               "%" G_GUINT64_FORMAT " virtual processors are given, CPU=%u more exceed %u for each "
               "of %u",
               load->cpu, pool->cpu, pool->overcommit, host->cpus);
    } else if (pool->memory_mb > left) {
        refuse(refusals, host, BROKER_RULE_MEMORY,
               "Memory=%uM is wanted, %" G_GUINT64_FORMAT "M are left of %uM", pool->memory_mb,
               left, host->memory_mb);
    } else {
        return load_passes(host, pool, refusals);
    }
    return false;
}

bool
broker_placement_has_room(const struct broker_model *model, const struct broker_desktop *desktop,
                          char ret_text[BROKER_PLACEMENT_TEXT])
{
    const struct broker_host *host = broker_model_host(model, desktop->row.host);
    struct load load;
    uint64_t left;

    if (host == NULL || !host->connected) {
        g_strlcpy(ret_text, "the host is not connected", BROKER_PLACEMENT_TEXT);
        return false;
    }
    load = host_load(model, host);
    left = memory_left(host, &load);
    g_snprintf(ret_text, BROKER_PLACEMENT_TEXT,
               "%uM of memory are wanted, %" G_GUINT64_FORMAT "M of %uM are left",
               desktop->row.memory_mb, left, host->memory_mb);
    return desktop->row.memory_mb <= left;
}

static bool
is_delayed(const struct broker_placement *placement)
{
    guint i;

    for (i = 0; i < placement->refusals->len; i++) {
        if (g_array_index(placement->refusals, struct broker_refusal, i).rule ==
            BROKER_RULE_PRESSURE) {
            return placement->host == NULL;
        }
    }
    return false;
}

/* Whether a host with so much memory left is the better one of two that pass. */
static bool
is_better(const struct broker_host *host, uint64_t left, const struct broker_host *best,
          uint64_t best_left)
{
    bool busy = broker_load_is_busy(&host->load);

    if (best == NULL || busy != broker_load_is_busy(&best->load)) {
        return best == NULL || !busy;
    }
    return left > best_left || (left == best_left && strcmp(host->row.name, best->row.name) < 0);
}

unsigned
broker_pool_revision(const struct broker_model *model, const struct broker_pool *pool)
{
    return pool->revision != 0 ? pool->revision : broker_model_latest(model, pool->image, NULL);
}

struct broker_placement
broker_placement_find(const struct broker_model *model, const struct broker_pool *pool,
                      const char *home)
{
    struct broker_placement placement = {
        .revision = broker_pool_revision(model, pool),
        .refusals = g_array_new(FALSE, FALSE, sizeof(struct broker_refusal))};
    uint64_t best = 0;
    guint i;

    for (i = 0; i < model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(model->hosts, i);
        struct load load = host_load(model, host);
        uint64_t left = memory_left(host, &load);

        if (home != NULL && strcmp(host->row.name, home) != 0) {
            refuse(placement.refusals, host, BROKER_RULE_HOME, "the user's disk is on host '%s'",
                   home);
            continue;
        }
        if (!host_passes(host, pool, placement.revision, &load, placement.refusals)) {
            continue;
        }
        if (is_better(host, left, placement.host, best)) {
            placement.host = host;
            best = left;
        }
    }
    placement.delayed = is_delayed(&placement);
    return placement;
}

void
broker_placement_clear(struct broker_placement *placement)
{
    g_clear_pointer(&placement->refusals, g_array_unref);
    placement->host = NULL;
}

const char *
broker_rule_name(enum broker_rule rule)
{
    static const char *const names[] = {"connected", "revoked", "drained", "accel",    "image",
                                        "cpu",       "memory",  "home",    "overhead", "pressure"};

    return names[rule];
}
