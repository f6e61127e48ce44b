/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/lastscreen.h"

#include <string.h>

bool
broker_lastscreen_is_allowed(const struct broker_pools *pools, const struct broker_session *session)
{
    const struct broker_pool *pool = broker_pools_find(pools, session->row.pool);

    return pool != NULL && pool->last_screen;
}

/* Drops the oldest pictures until there is room for another one of size bytes. */
static void
make_room(struct broker_model *model, size_t size)
{
    for (;;) {
        struct broker_session *oldest = NULL;
        size_t bytes = size;
        unsigned count = 1;
        guint i;

        for (i = 0; i < model->sessions->len; i++) {
            struct broker_session *session = g_ptr_array_index(model->sessions, i);

            if (session->picture == NULL) {
                continue;
            }
            count++;
            bytes += session->picture->size;
            if (oldest == NULL || session->picture->taken_ms < oldest->picture->taken_ms) {
                oldest = session;
            }
        }
        if (oldest == NULL ||
            (count <= BROKER_PICTURES_MAX && bytes <= BROKER_PICTURES_MAX_BYTES)) {
            return;
        }
        broker_model_set_picture(oldest, NULL, 0, 0);
    }
}

bool
broker_lastscreen_take(struct broker_model *model, const struct broker_pools *pools,
                       const char *host, const struct broker_hostmsg *message, int64_t now_ms)
{
    const struct broker_desktop *desktop = broker_model_desktop(model, message->picture.desktop);
    struct broker_session *session = broker_model_session_on(model, message->picture.desktop);

    if (desktop == NULL || strcmp(desktop->row.host, host) != 0 ||
        desktop->row.epoch != message->picture.epoch || session == NULL ||
        !broker_lastscreen_is_allowed(pools, session)) {
        return false;
    }
    broker_model_set_picture(session, NULL, 0, 0);
    make_room(model, message->picture.size);
    broker_model_set_picture(session, message->picture.data, message->picture.size, now_ms);
    return true;
}

void
broker_lastscreen_prune(struct broker_model *model, const struct broker_pools *pools)
{
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (session->picture != NULL && !broker_lastscreen_is_allowed(pools, session)) {
            broker_model_set_picture(session, NULL, 0, 0);
        }
    }
}

const struct broker_picture *
broker_lastscreen_find(const struct broker_model *model, const struct broker_pools *pools,
                       const char *user, const char *session_id)
{
    const struct broker_session *session = broker_model_session(model, session_id);

    return session != NULL && strcmp(session->row.user, user) == 0 &&
                   session->row.disconnected_ms != 0 && broker_lastscreen_is_allowed(pools, session)
               ? session->picture
               : NULL;
}
