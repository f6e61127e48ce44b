/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_POOL_H
#define CTL_POOL_H

/* pool: how pools stand, and one that was set aside is taken up again. */

#include <jansson.h>

/* The table of the pools of a status. */
void ctl_pool_print(json_t *pools);
/* A line about the "aside" of a why; nothing for null. */
void ctl_pool_print_aside(const char *pool, json_t *aside);

#endif
