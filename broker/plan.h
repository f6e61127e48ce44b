/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_PLAN_H
#define BROKER_PLAN_H

/* plan: what would change if other pool files came into force. Pure. */

#include <jansson.h>

#include "broker/model.h"
#include "broker/pool.h"

/*
 * [{"pool","change":"added"|"removed"|"changed","keys":[{"section","key","from","to"}],
 *   "effects":[text]}], those that are in force first; from is null for a key that is new, to for
 * one that is gone; a removed pool has no keys. New reference.
 */
json_t *broker_plan(const struct broker_model *model, const struct broker_pools *now,
                    const struct broker_pools *then, int64_t now_ms);

#endif
