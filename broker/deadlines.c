/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/deadlines.h"

#include "broker/desired.h"

/* How long a session has, in ms; 0: for ever. */
struct spans {
    int64_t ask_ms, end_ms;
    int64_t began_ms; /* not counted before */
};

/* What was published counts as long as it is in force. */
static struct spans
spans_of(const struct broker_model *model, const struct broker_pool *pool)
{
    const struct store_rollout *rollout =
        pool->revision == 0 ? broker_model_rollout(model, pool->image) : NULL;
    struct spans spans = {.ask_ms = pool->soft_ms, .end_ms = pool->hard_ms};
    bool published;

    if (rollout != NULL &&
        broker_model_latest(model, pool->image, &published) == rollout->revision && published) {
        spans.ask_ms = rollout->ask_ms != STORE_ROLLOUT_POOL ? rollout->ask_ms : spans.ask_ms;
        spans.end_ms = rollout->end_ms != STORE_ROLLOUT_POOL ? rollout->end_ms : spans.end_ms;
        spans.began_ms = rollout->began_ms;
    }
    return spans;
}

bool
broker_deadlines_run(const struct broker_model *model, const struct broker_pool *pool)
{
    struct spans spans = spans_of(model, pool);

    return spans.ask_ms > 0 || spans.end_ms > 0;
}

struct broker_deadlines
broker_deadlines_of(const struct broker_model *model, const struct broker_session *session,
                    const struct broker_pool *pool)
{
    const struct broker_desktop *desktop = broker_model_desktop(model, session->row.desktop);
    struct spans spans = spans_of(model, pool);
    struct broker_deadlines deadlines = {0};
    int64_t from_ms;

    if (desktop == NULL || desktop->row.old_ms == 0 || desktop->row.owner[0] != '\0') {
        return deadlines;
    }
    from_ms = MAX(desktop->row.old_ms, spans.began_ms);
    if (spans.end_ms > 0) {
        deadlines.end_ms = from_ms + spans.end_ms;
        deadlines.warn_ms = deadlines.end_ms - MIN(BROKER_WARN_MS, spans.end_ms / 4);
    }
    if (spans.ask_ms > 0) {
        deadlines.ask_ms = from_ms + spans.ask_ms;
    }
    return deadlines;
}
