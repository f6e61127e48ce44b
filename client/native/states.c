/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/states.h"

#include "client/native/text.h"

static const struct client_step nothing = {CLIENT_DO_NOTHING, 0};

unsigned
client_backoff_ms(unsigned failures)
{
    static const unsigned steps[] = {0, 250, 500, 1000};

    if (failures < sizeof(steps) / sizeof(steps[0]))
        return steps[failures];
    return failures < 20 ? 1000 : CLIENT_MAX_BACKOFF_MS;
}

static struct client_step
machine_wait(unsigned delay_ms)
{
    return (struct client_step){CLIENT_DO_WAIT, delay_ms};
}

static struct client_step
machine_end(struct client_machine *machine, enum client_end end)
{
    machine->state = CLIENT_STATE_ENDED;
    machine->end = end;
    machine->attempt = 0;
    return (struct client_step){CLIENT_DO_CLOSE, 0};
}

static struct client_step
machine_start(struct client_machine *machine)
{
    if (machine->state != CLIENT_STATE_IDLE && machine->state != CLIENT_STATE_ENDED)
        return nothing;
    *machine = (struct client_machine){.state = CLIENT_STATE_CONNECTING};
    return (struct client_step){CLIENT_DO_ASK, 0};
}

static struct client_step
machine_retry(struct client_machine *machine, unsigned least_ms)
{
    unsigned delay_ms = client_backoff_ms(machine->attempt++);

    machine->state = machine->was_live ? CLIENT_STATE_RECONNECTING : CLIENT_STATE_CONNECTING;
    if (least_ms > CLIENT_MAX_RETRY_MS)
        least_ms = CLIENT_MAX_RETRY_MS;
    return machine_wait(delay_ms > least_ms ? delay_ms : least_ms);
}

static struct client_step
machine_refused(struct client_machine *machine, enum client_end end)
{
    /* While hosts come back after a restart there may be no room for a moment. */
    if (machine->was_live && (end == CLIENT_END_FULL || end == CLIENT_END_UNAVAILABLE))
        return machine_retry(machine, 0);
    return machine_end(machine, end);
}

static bool
machine_is_asking(const struct client_machine *machine)
{
    return machine->state == CLIENT_STATE_CONNECTING || machine->state == CLIENT_STATE_WAITING ||
           machine->state == CLIENT_STATE_RECONNECTING;
}

static struct client_step
machine_asking(struct client_machine *machine, enum client_happening what, unsigned delay_ms,
               enum client_end end)
{
    switch (what) {
    case CLIENT_HAPPENS_TIMER:
        return (struct client_step){CLIENT_DO_ASK, 0};
    case CLIENT_HAPPENS_TICKET:
        if (!machine->was_live)
            machine->state = CLIENT_STATE_OPENING;
        return (struct client_step){CLIENT_DO_DIAL, 0};
    case CLIENT_HAPPENS_QUEUED:
        machine->attempt = 0;
        if (!machine->was_live)
            machine->state = CLIENT_STATE_WAITING;
        return machine_wait(delay_ms);
    case CLIENT_HAPPENS_REFUSED:
        return machine_refused(machine, end);
    case CLIENT_HAPPENS_SILENCE:
        return machine_retry(machine, 0);
    default:
        return nothing;
    }
}

struct client_step
client_machine_feed(struct client_machine *machine, enum client_happening what, unsigned delay_ms,
                    enum client_end end)
{
    bool running = machine->state != CLIENT_STATE_IDLE && machine->state != CLIENT_STATE_ENDED;

    if (what == CLIENT_HAPPENS_START)
        return machine_start(machine);
    if (!running)
        return nothing;
    switch (what) {
    case CLIENT_HAPPENS_STOPPED:
        return machine_end(machine, end);
    case CLIENT_HAPPENS_LIVE:
        machine->state = CLIENT_STATE_LIVE;
        machine->was_live = true;
        return nothing;
    case CLIENT_HAPPENS_STEADY:
        machine->attempt = 0;
        return nothing;
    case CLIENT_HAPPENS_LOST:
        return machine_retry(machine, delay_ms);
    default:
        return machine_is_asking(machine) ? machine_asking(machine, what, delay_ms, end) : nothing;
    }
}

const char *
client_state_name(enum client_state state)
{
    static const char *const names[] = {"idle", "connecting",   "waiting", "opening",
                                        "live", "reconnecting", "ended"};

    return names[state];
}

const char *
client_end_name(enum client_end end)
{
    static const char *const names[] = {
        "none",   "disconnected", "logged-off",  "session-ended", "taken-over",
        "denied", "full",         "unavailable", "login-ended",   "untrusted"};

    return names[end];
}

const char *
client_state_text(enum client_state state)
{
    static const char *const texts[] = {
        N_("Not connected"),        N_("Connecting…"), N_("Waiting for a desktop…"),
        N_("Opening the desktop…"), N_("Connected"),   N_("Connection lost. Reconnecting…"),
        N_("Disconnected"),
    };

    return _(texts[state]);
}

const char *
client_end_text(enum client_end end)
{
    static const char *const texts[] = {
        "",
        N_("You disconnected. Your desktop goes on running."),
        N_("You logged off. The desktop was closed."),
        N_("The session has ended."),
        N_("This desktop is now shown on another device."),
        N_("You may not use this desktop."),
        N_("All desktops are in use at the moment."),
        N_("No desktop is available at the moment."),
        N_("Your login has expired. Please log in again."),
        N_("The server's certificate has changed. The connection was stopped for your safety."),
    };

    return texts[end][0] ? _(texts[end]) : "";
}
