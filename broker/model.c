/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/model.h"

#include <string.h>

static void
free_host(gpointer data)
{
    struct broker_host *host = data;

    g_array_unref(host->images);
    g_array_unref(host->trash);
    g_ptr_array_unref(host->over);
    g_free(host);
}

void
broker_model_set_picture(struct broker_session *session, const uint8_t *data, size_t size,
                         int64_t taken_ms)
{
    if (session->picture != NULL) {
        explicit_bzero(session->picture->data, session->picture->size);
        g_free(session->picture->data);
        g_clear_pointer(&session->picture, g_free);
    }
    if (data != NULL) {
        session->picture = g_new0(struct broker_picture, 1);
        session->picture->data = g_memdup2(data, size);
        session->picture->size = size;
        session->picture->taken_ms = taken_ms;
    }
}

static void
free_session(gpointer data)
{
    struct broker_session *session = data;

    broker_model_set_picture(session, NULL, 0, 0);
    g_free(session);
}

static void
free_stream(gpointer data)
{
    struct broker_stream *stream = data;

    explicit_bzero(stream->token, sizeof(stream->token));
    g_free(stream);
}

static void
free_restraint(gpointer data)
{
    struct broker_restraint *restraint = data;

    g_array_unref(restraint->times_ms);
    g_free(restraint);
}

const char *const broker_figure_names[BROKER_FIGURES] = {
    "width",      "height", "fps",    "kbit_s", "host_us", "rtt_us", "decode_us",
    "present_us", "exact",  "reused", "photo",  "film",    "idle_s",
};

struct broker_model *
broker_model_new(void)
{
    struct broker_model *model = g_new0(struct broker_model, 1);

    model->hosts = g_ptr_array_new_with_free_func(free_host);
    model->desktops = g_ptr_array_new_with_free_func(g_free);
    model->sessions = g_ptr_array_new_with_free_func(free_session);
    model->streams = g_ptr_array_new_with_free_func(free_stream);
    model->restraints = g_ptr_array_new_with_free_func(free_restraint);
    model->userdisks = g_array_new(FALSE, TRUE, sizeof(struct store_userdisk));
    model->rollouts = g_array_new(FALSE, TRUE, sizeof(struct store_rollout));
    return model;
}

void
broker_model_free(struct broker_model *model)
{
    if (model == NULL) {
        return;
    }
    g_ptr_array_unref(model->hosts);
    g_ptr_array_unref(model->desktops);
    g_ptr_array_unref(model->sessions);
    g_ptr_array_unref(model->streams);
    g_ptr_array_unref(model->restraints);
    g_array_unref(model->userdisks);
    g_array_unref(model->rollouts);
    g_free(model);
}

static bool
load_all(struct broker_model *model, struct store *store, int64_t now_ms, GError **error)
{
    GArray *rows[6] = {store_hosts_load(store, error)};
    guint i;
    bool ok;

    rows[1] = rows[0] != NULL ? store_desktops_load(store, error) : NULL;
    rows[2] = rows[1] != NULL ? store_sessions_load(store, error) : NULL;
    rows[3] = rows[2] != NULL ? store_streams_load(store, error) : NULL;
    rows[4] = rows[3] != NULL ? store_userdisks_load(store, error) : NULL;
    rows[5] = rows[4] != NULL ? store_rollouts_load(store, error) : NULL;
    ok = rows[5] != NULL;
    for (i = 0; ok && i < rows[0]->len; i++) {
        broker_model_add_host(model, &g_array_index(rows[0], struct store_host, i))->away_ms =
            now_ms;
    }
    for (i = 0; ok && i < rows[1]->len; i++) {
        broker_model_add_desktop(model, &g_array_index(rows[1], struct store_desktop, i));
    }
    for (i = 0; ok && i < rows[2]->len; i++) {
        broker_model_add_session(model, &g_array_index(rows[2], struct store_session, i))
            ->polled_ms = now_ms;
    }
    for (i = 0; ok && i < rows[3]->len; i++) {
        broker_model_add_stream(model, &g_array_index(rows[3], struct store_stream, i));
    }
    if (ok) {
        g_array_append_vals(model->userdisks, rows[4]->data, rows[4]->len);
        g_array_append_vals(model->rollouts, rows[5]->data, rows[5]->len);
    }
    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_clear_pointer(&rows[i], g_array_unref);
    }
    return ok;
}

struct broker_model *
broker_model_load(struct store *store, int64_t now_ms, GError **error)
{
    struct broker_model *model = broker_model_new();

    if (!load_all(model, store, now_ms, error)) {
        broker_model_free(model);
        return NULL;
    }
    return model;
}

struct broker_host *
broker_model_add_host(struct broker_model *model, const struct store_host *row)
{
    struct broker_host *host = g_new0(struct broker_host, 1);

    host->row = *row;
    host->images = g_array_new(FALSE, TRUE, sizeof(struct broker_image));
    host->trash = g_array_new(FALSE, TRUE, sizeof(struct broker_trash));
    host->over = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(model->hosts, host);
    return host;
}

struct broker_desktop *
broker_model_add_desktop(struct broker_model *model, const struct store_desktop *row)
{
    struct broker_desktop *desktop = g_new0(struct broker_desktop, 1);

    desktop->row = *row;
    g_ptr_array_add(model->desktops, desktop);
    return desktop;
}

struct broker_session *
broker_model_add_session(struct broker_model *model, const struct store_session *row)
{
    struct broker_session *session = g_new0(struct broker_session, 1);

    session->row = *row;
    session->queued_ms = row->created_ms;
    g_ptr_array_add(model->sessions, session);
    return session;
}

struct broker_stream *
broker_model_add_stream(struct broker_model *model, const struct store_stream *row)
{
    struct broker_stream *stream = g_new0(struct broker_stream, 1);

    stream->row = *row;
    g_ptr_array_add(model->streams, stream);
    return stream;
}

void
broker_model_remove_desktop(struct broker_model *model, struct broker_desktop *desktop)
{
    g_ptr_array_remove(model->desktops, desktop);
}

void
broker_model_remove_stream(struct broker_model *model, struct broker_stream *stream)
{
    g_ptr_array_remove(model->streams, stream);
}

void
broker_model_remove_session(struct broker_model *model, struct broker_session *session)
{
    guint i;

    for (i = model->streams->len; i > 0; i--) {
        struct broker_stream *stream = g_ptr_array_index(model->streams, i - 1);

        if (strcmp(stream->row.session, session->row.id) == 0) {
            g_ptr_array_remove_index(model->streams, i - 1);
        }
    }
    g_ptr_array_remove(model->sessions, session);
}

/* Every row struct begins with its key, so one search serves all. */
static void *
find(const GPtrArray *items, const char *key)
{
    guint i;

    for (i = 0; i < items->len; i++) {
        char *item = g_ptr_array_index(items, i);

        if (strcmp(item, key) == 0) {
            return item;
        }
    }
    return NULL;
}

G_STATIC_ASSERT(offsetof(struct broker_host, row.name) == 0);
G_STATIC_ASSERT(offsetof(struct broker_desktop, row.id) == 0);
G_STATIC_ASSERT(offsetof(struct broker_session, row.id) == 0);
G_STATIC_ASSERT(offsetof(struct broker_stream, row.id) == 0);
G_STATIC_ASSERT(offsetof(struct broker_restraint, pool) == 0);

struct broker_host *
broker_model_host(const struct broker_model *model, const char *name)
{
    return find(model->hosts, name);
}

struct broker_desktop *
broker_model_desktop(const struct broker_model *model, const char *id)
{
    return find(model->desktops, id);
}

struct broker_session *
broker_model_session(const struct broker_model *model, const char *id)
{
    return find(model->sessions, id);
}

struct broker_stream *
broker_model_stream(const struct broker_model *model, const char *id)
{
    return find(model->streams, id);
}

struct broker_restraint *
broker_model_restraint(const struct broker_model *model, const char *pool)
{
    return find(model->restraints, pool);
}

struct broker_session *
broker_model_session_on(const struct broker_model *model, const char *desktop)
{
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (strcmp(session->row.desktop, desktop) == 0) {
            return session;
        }
    }
    return NULL;
}

struct broker_stream *
broker_model_stream_of(const struct broker_model *model, const char *session)
{
    guint i;

    for (i = model->streams->len; i > 0; i--) {
        struct broker_stream *stream = g_ptr_array_index(model->streams, i - 1);

        if (strcmp(stream->row.session, session) == 0) {
            return stream;
        }
    }
    return NULL;
}

unsigned
broker_model_free_slot(const struct broker_model *model, const char *host)
{
    unsigned slot = 0;
    guint i = 0;

    while (i < model->desktops->len) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        i++;
        if (desktop->row.slot == slot && strcmp(desktop->row.host, host) == 0) {
            slot++;
            i = 0;
        }
    }
    return slot;
}

unsigned
broker_model_latest(const struct broker_model *model, const char *image, bool *ret_published)
{
    unsigned latest = 0;
    bool published = false;
    guint i;
    guint j;

    for (i = 0; i < model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(model->hosts, i);

        for (j = 0; host->connected && j < host->images->len; j++) {
            const struct broker_image *have = &g_array_index(host->images, struct broker_image, j);

            if (strcmp(have->name, image) == 0 &&
                (have->published != published ? have->published : have->revision > latest)) {
                latest = have->revision;
                published = have->published;
            }
        }
    }
    if (ret_published != NULL) {
        *ret_published = published;
    }
    return latest;
}

bool
broker_model_note_failure(struct broker_model *model, const char *pool, unsigned count,
                          int64_t window_ms, const char *text, int64_t now_ms)
{
    struct broker_restraint *restraint = broker_model_restraint(model, pool);

    if (restraint == NULL) {
        restraint = g_new0(struct broker_restraint, 1);
        g_strlcpy(restraint->pool, pool, sizeof(restraint->pool));
        restraint->times_ms = g_array_new(FALSE, FALSE, sizeof(int64_t));
        g_ptr_array_add(model->restraints, restraint);
    }
    g_strlcpy(restraint->text, text, sizeof(restraint->text));
    g_array_append_val(restraint->times_ms, now_ms);
    while (restraint->times_ms->len > 0 &&
           g_array_index(restraint->times_ms, int64_t, 0) <= now_ms - window_ms) {
        g_array_remove_index(restraint->times_ms, 0);
    }
    if (restraint->times_ms->len < count) {
        return false;
    }
    g_array_set_size(restraint->times_ms, 0);
    restraint->until_ms = now_ms + window_ms;
    return true;
}

bool
broker_model_is_aside(const struct broker_model *model, const char *pool, int64_t now_ms)
{
    const struct broker_restraint *restraint = broker_model_restraint(model, pool);

    return restraint != NULL && restraint->until_ms > now_ms;
}

bool
broker_model_resume(struct broker_model *model, const char *pool)
{
    struct broker_restraint *restraint = broker_model_restraint(model, pool);

    return restraint != NULL && g_ptr_array_remove(model->restraints, restraint);
}

struct broker_desktop *
broker_model_own(const struct broker_model *model, const char *user, const char *pool)
{
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (!desktop->row.gone && strcmp(desktop->row.owner, user) == 0 &&
            strcmp(desktop->row.pool, pool) == 0 &&
            broker_model_session_on(model, desktop->row.id) == NULL) {
            return desktop;
        }
    }
    return NULL;
}

int64_t
broker_model_idle_since(const struct broker_model *model, const struct broker_session *session)
{
    const struct broker_desktop *desktop = broker_model_desktop(model, session->row.desktop);
    const struct broker_stream *stream = broker_model_stream_of(model, session->row.id);

    if (desktop == NULL || stream == NULL || session->row.disconnected_ms != 0 ||
        !desktop->figures.known || strcmp(desktop->stream, stream->row.id) != 0) {
        return 0;
    }
    return desktop->idle_since_ms;
}

unsigned
broker_model_running(const struct broker_model *model)
{
    unsigned count = 0;
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        count += !desktop->row.stopped || desktop->state != BROKER_STOPPED;
    }
    return count;
}

void
broker_model_forget_failures(struct broker_model *model)
{
    g_ptr_array_set_size(model->restraints, 0);
}

const char *
broker_state_name(enum broker_state state)
{
    static const char *const names[] = {"unseen", "starting", "ready",   "stopping", "gone",
                                        "failed", "stopped",  "unknown", "parking",  "parked"};

    return names[state];
}

struct store_userdisk *
broker_model_userdisk(const struct broker_model *model, const char *user, const char *pool)
{
    guint i;

    for (i = 0; i < model->userdisks->len; i++) {
        struct store_userdisk *disk = &g_array_index(model->userdisks, struct store_userdisk, i);

        if (strcmp(disk->user, user) == 0 && strcmp(disk->pool, pool) == 0) {
            return disk;
        }
    }
    return NULL;
}

const char *
broker_model_home(const struct broker_model *model, const char *user, const char *pool)
{
    const struct store_userdisk *disk = broker_model_userdisk(model, user, pool);

    return disk != NULL ? disk->host : NULL;
}

void
broker_model_add_userdisk(struct broker_model *model, const struct store_userdisk *row)
{
    g_array_append_vals(model->userdisks, row, 1);
}

void
broker_model_remove_userdisk(struct broker_model *model, const char *user, const char *pool)
{
    const struct store_userdisk *disk = broker_model_userdisk(model, user, pool);

    if (disk != NULL) {
        g_array_remove_index(
            model->userdisks,
            (guint)(disk - (struct store_userdisk *)(void *)model->userdisks->data));
    }
}

struct store_rollout *
broker_model_rollout(const struct broker_model *model, const char *image)
{
    guint i;

    for (i = 0; i < model->rollouts->len; i++) {
        struct store_rollout *row = &g_array_index(model->rollouts, struct store_rollout, i);

        if (strcmp(row->image, image) == 0) {
            return row;
        }
    }
    return NULL;
}

void
broker_model_put_rollout(struct broker_model *model, const struct store_rollout *row)
{
    struct store_rollout *old = broker_model_rollout(model, row->image);

    if (old != NULL) {
        *old = *row;
    } else {
        g_array_append_vals(model->rollouts, row, 1);
    }
}
