/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_LINE_H
#define BROKER_LINE_H

/*
 * line: in which order those who wait get desktops. Pure.
 *
 * First come, first served, over users: of the sessions of one user only one at a time has a
 * desktop started for it. The next takes its place in line when that one was served, or after
 * BROKER_LINE_TURN_MS if it was not: ten requests of one person hold up nobody who comes a minute
 * later, and a pool that cannot serve her does not keep her from another one.
 */

#include "broker/model.h"

#define BROKER_LINE_TURN_MS INT64_C(60000)

struct broker_place {
    struct broker_session *session;
    int64_t at_ms; /* its place; one in the future has no desktop started for it yet */
};

/* struct broker_place of all pools, first to be served first: those whose clients still ask. */
GArray *broker_line_new(const struct broker_model *model, int64_t now_ms);

/* Which number session has among those of its pool, 1 for the first; 0: it does not wait. */
unsigned broker_line_position(const struct broker_model *model,
                              const struct broker_session *session, int64_t now_ms);

/* User was given a desktop: her other sessions stand in line from now on. */
void broker_line_served(struct broker_model *model, const char *user, int64_t now_ms);

#endif
