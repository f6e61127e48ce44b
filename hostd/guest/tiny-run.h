/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_RUN_H
#define VEDETTE_GUEST_TINY_RUN_H

/*
 * tiny-run: the test guest's idea of a script, as it has no shell. One word says what happens:
 * "note TEXT" writes the text down, "fail", "hang" and "crash" do that, and "flood" says more than
 * anybody reads. What "fail" says would move a terminal.
 */

#include "hostd/guest/port.h"
#include "hostd/guest/tiny-scene.h"

/* Messages "script" and "run", where run_is_allowed(). */
void tiny_run_take(struct guest_port *port, struct scene *scene, const char *type, const char *line,
                   size_t size);

#endif
