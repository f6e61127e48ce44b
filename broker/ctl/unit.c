/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/unit.h"

#include <signal.h>

#include "broker/ctl/relay.h"

#define FIRST_WAIT_MS 100u
#define LAST_WAIT_MS  5000u
#define QUIET_US      (30 * G_USEC_PER_SEC)
#define GRACE_MS      3000u

struct ctl_unit {
    const char *name;
    ctl_unit_start_fn start;
    void *user_data;
    struct ctl_service *services[CTL_UNIT_SERVICES];
    size_t count;
    bool stopping; /* for good */
    unsigned wait_ms;
    gint64 started_us;
    guint restart;
    guint grace;
};

struct ctl_unit *
ctl_unit_new(const char *name, ctl_unit_start_fn start, void *user_data)
{
    struct ctl_unit *unit = g_new0(struct ctl_unit, 1);

    unit->name = name;
    unit->start = start;
    unit->user_data = user_data;
    unit->wait_ms = FIRST_WAIT_MS;
    return unit;
}

static void
remove_source(guint *source)
{
    if (*source != 0) {
        g_source_remove(*source);
        *source = 0;
    }
}

void
ctl_unit_free(struct ctl_unit *unit)
{
    size_t i;

    if (unit == NULL) {
        return;
    }
    remove_source(&unit->restart);
    remove_source(&unit->grace);
    for (i = 0; i < unit->count; i++) {
        ctl_service_free(unit->services[i]);
    }
    g_free(unit);
}

void
ctl_unit_add(struct ctl_unit *unit, struct ctl_service *service)
{
    g_assert(unit->count < CTL_UNIT_SERVICES);
    unit->services[unit->count++] = service;
}

bool
ctl_unit_is_running(const struct ctl_unit *unit)
{
    size_t i;

    for (i = 0; i < unit->count; i++) {
        if (ctl_service_pid(unit->services[i]) != 0) {
            return true;
        }
    }
    return false;
}

static void
signal_all(struct ctl_unit *unit, int number)
{
    size_t i;

    for (i = 0; i < unit->count; i++) {
        ctl_service_signal(unit->services[i], number);
    }
}

/* The daemon is the last of its unit; its vedette-launch goes by itself when the daemon is gone. */
static void
ask_to_end(struct ctl_unit *unit)
{
    size_t i;

    for (i = unit->count; i > 0; i--) {
        if (ctl_service_pid(unit->services[i - 1]) != 0) {
            ctl_service_signal(unit->services[i - 1], SIGTERM);
            return;
        }
    }
}

static gboolean
on_grace(void *user_data)
{
    struct ctl_unit *unit = user_data;

    unit->grace = 0;
    signal_all(unit, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean
on_restart(void *user_data)
{
    struct ctl_unit *unit = user_data;

    unit->restart = 0;
    ctl_unit_start(unit);
    return G_SOURCE_REMOVE;
}

static void
schedule_restart(struct ctl_unit *unit)
{
    if (unit->stopping || unit->restart != 0) {
        return;
    }
    if (g_get_monotonic_time() - unit->started_us > QUIET_US) {
        unit->wait_ms = FIRST_WAIT_MS;
    }
    ctl_relay_print("up", "%s starts again in %.1f s", unit->name, unit->wait_ms / 1000.0);
    unit->restart = g_timeout_add(unit->wait_ms, on_restart, unit);
    unit->wait_ms = MIN(unit->wait_ms * 2, LAST_WAIT_MS);
}

/* Ends what still runs; when nothing does, goes on to the restart. */
static void
end_all(struct ctl_unit *unit)
{
    if (!ctl_unit_is_running(unit)) {
        remove_source(&unit->grace);
        schedule_restart(unit);
        return;
    }
    ask_to_end(unit);
    if (unit->grace == 0) {
        unit->grace = g_timeout_add(GRACE_MS, on_grace, unit);
    }
}

void
ctl_unit_start(struct ctl_unit *unit)
{
    g_autoptr(GError) error = NULL;

    remove_source(&unit->restart);
    unit->started_us = g_get_monotonic_time();
    if (!unit->start(unit, unit->user_data, &error)) {
        ctl_unit_fail(unit, error->message);
    }
}

void
ctl_unit_fail(struct ctl_unit *unit, const char *text)
{
    ctl_relay_print("up", "%s: %s", unit->name, text);
    end_all(unit);
}

void
ctl_unit_stop(struct ctl_unit *unit, bool hurried)
{
    unit->stopping = true;
    remove_source(&unit->restart);
    if (hurried) {
        signal_all(unit, SIGKILL);
    } else {
        ask_to_end(unit);
    }
    if (unit->grace == 0 && ctl_unit_is_running(unit)) {
        unit->grace = g_timeout_add(GRACE_MS, on_grace, unit);
    }
}

bool
ctl_unit_reaped(struct ctl_unit *unit, pid_t pid, int status)
{
    size_t i;

    for (i = 0; i < unit->count; i++) {
        if (ctl_service_reaped(unit->services[i], pid, status)) {
            end_all(unit);
            return true;
        }
    }
    return false;
}
