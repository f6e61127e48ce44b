/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/canary.h"
#include "broker/deadlines.h"
#include "broker/reconcile.h"
#include "broker/schedule.h"

#include <string.h>

#include "broker-fixture.h"

static void
setup(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_world(w, 3);
}

static void
teardown(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_world_clear(w);
}

/* Decides at this time and expects so many actions; the first one is returned. */
static const struct broker_action *
decide(struct fixture_world *w, int64_t now_ms, unsigned count)
{
    g_clear_pointer(&w->actions, g_array_unref);
    w->actions = broker_reconcile(w->model, w->pools, now_ms);
    g_assert_cmpuint(w->actions->len, ==, count);
    return count > 0 ? &g_array_index(w->actions, struct broker_action, 0) : NULL;
}

static void
test_spares_are_filled(struct fixture_world *w, gconstpointer data)
{
    const struct broker_action *action = decide(w, NOW, 1);

    (void)data;
    g_assert_cmpint(action->kind, ==, BROKER_CREATE);
    g_assert_true(action->pool == w->pool);
    g_assert_true(action->host == w->host);
    g_assert_cmpuint(action->revision, ==, 1);
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_UNSEEN);
    decide(w, NOW, 0);
}

static void
test_refilled_beyond_assigned_within_max(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
    fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    fixture_session(w->model, "s-2", "lee", "lab", "d-00000002");
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
    fixture_desktop(w->model, w->pool, "a", "d-00000003", 1, BROKER_READY);
    fixture_session(w->model, "s-3", "choi", "lab", "d-00000003");
    decide(w, NOW, 0);
}

static void
test_gone_counts_until_seen(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop;

    (void)data;
    w->pool->max = 1;
    desktop = fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_STOPPING);
    desktop->row.gone = true;
    decide(w, NOW, 0);
    desktop->state = BROKER_GONE;
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_DROP);
    broker_model_remove_desktop(w->model, desktop);
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
}

static void
test_absent_is_dropped_late(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_UNSEEN);

    (void)data;
    w->pool->max = 1;
    desktop->row.gone = true;
    desktop->absent_ms = NOW;
    decide(w, NOW + BROKER_ABSENT_MS - 1, 0);
    w->host->connected = false;
    decide(w, NOW + BROKER_ABSENT_MS, 0);
    w->host->connected = true;
    g_assert_cmpint(decide(w, NOW + BROKER_ABSENT_MS, 1)->kind, ==, BROKER_DROP);
}

static void
test_first_waiting_gets_the_spare(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_STARTING);
    struct broker_session *first = fixture_session(w->model, "s-1", "kim", "lab", "");
    struct broker_session *second = fixture_session(w->model, "s-2", "lee", "lab", "");
    const struct broker_action *action;

    (void)data;
    /* Two wait and one spare is wanted beyond them: three, of which one is on its way. */
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
    desktop->state = BROKER_READY;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_ASSIGN);
    g_assert_true(action->session == first);
    g_assert_true(action->desktop == desktop);
    /* One that does not ask any more is passed over, and forgotten later. */
    second->polled_ms = NOW + BROKER_WAIT_CURRENT_MS;
    action = decide(w, NOW + BROKER_WAIT_CURRENT_MS, 1);
    g_assert_true(action->session == second);
    action = decide(w, NOW + BROKER_WAIT_FORGET_MS, 1);
    g_assert_cmpint(action->kind, ==, BROKER_FORGET);
    g_assert_true(action->session == first);
}

static void
test_unknown_is_never_dead(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    struct broker_session *session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");

    (void)data;
    w->pool->spares_running = 0;
    desktop->state = BROKER_UNKNOWN;
    decide(w, NOW, 0);
    w->host->connected = false;
    w->host->away_ms = NOW;
    desktop->state = BROKER_FAILED; /* a memory of a host that is away decides nothing */
    decide(w, NOW + 10 * BROKER_AWAY_GRACE_MS, 0);
    desktop->state = BROKER_UNSEEN;
    fixture_host(w->model, "b", 8192, 1);
    decide(w, NOW + 10 * BROKER_AWAY_GRACE_MS, 0);
    g_assert_cmpstr(session->row.desktop, ==, "d-00000001");
}

static void
test_spares_of_an_away_host_are_replaced_late(struct fixture_world *w, gconstpointer data)
{
    const struct broker_action *action;

    (void)data;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    w->host->connected = false;
    w->host->away_ms = NOW;
    fixture_host(w->model, "b", 8192, 1);
    decide(w, NOW + BROKER_AWAY_GRACE_MS - 1, 0);
    action = decide(w, NOW + BROKER_AWAY_GRACE_MS, 1);
    g_assert_cmpint(action->kind, ==, BROKER_CREATE);
    g_assert_cmpstr(action->host->row.name, ==, "b");
}

static void
test_failed_desktops(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_FAILED);
    const struct broker_action *action = decide(w, NOW, 1);

    (void)data;
    g_assert_cmpint(action->kind, ==, BROKER_FAIL);
    g_assert_true(action->desktop == desktop);
    g_strlcpy(desktop->text, "QEMU ended", sizeof(desktop->text));
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_END);
    g_assert_true(action->failed);
    g_assert_cmpstr(action->text, ==, "the desktop failed: QEMU ended");
    desktop->state = BROKER_GONE;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_END);
    g_assert_false(action->failed);
}

static void
test_restrain(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    g_assert_false(broker_model_note_failure(w->model, "lab", 3, 1000, "x", NOW));
    g_assert_false(broker_model_note_failure(w->model, "lab", 3, 1000, "x", NOW + 600));
    /* The first one is outside of the window by now. */
    g_assert_false(broker_model_note_failure(w->model, "lab", 3, 1000, "x", NOW + 1100));
    g_assert_cmpint(decide(w, NOW + 1100, 1)->kind, ==, BROKER_CREATE);
    g_assert_true(broker_model_note_failure(w->model, "lab", 3, 1000, "x", NOW + 1200));
    decide(w, NOW + 2199, 0);
    decide(w, NOW + 2200, 1);
    g_assert_true(broker_model_note_failure(w->model, "lab", 1, 1000, "x", NOW + 3000));
    decide(w, NOW + 3000, 0);
    broker_model_forget_failures(w->model);
    decide(w, NOW + 3000, 1);
}

static void
test_new_revision_replaces_spares(struct fixture_world *w, gconstpointer data)
{
    struct broker_image image = {.name = "tiny", .revision = 2};
    struct broker_desktop *used;
    struct broker_desktop *spare;
    struct broker_desktop *fresh;
    const struct broker_action *action;

    (void)data;
    used = fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    spare = fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    g_array_append_val(w->host->images, image);
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_CREATE);
    g_assert_cmpuint(action->revision, ==, 2);
    fresh = fixture_desktop(w->model, w->pool, "a", "d-00000003", 2, BROKER_STARTING);
    decide(w, NOW, 0);
    fresh->state = BROKER_READY;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_STOP);
    g_assert_true(action->desktop == spare);
    spare->row.gone = true;
    decide(w, NOW, 0);
    g_assert_false(used->row.gone);
}

static void
test_new_revision_without_room(struct fixture_world *w, gconstpointer data)
{
    struct broker_image image = {.name = "tiny", .revision = 2};
    struct broker_desktop *spare =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    const struct broker_action *action;

    (void)data;
    w->pool->max = 1;
    g_array_append_val(w->host->images, image);
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_STOP);
    g_assert_true(action->desktop == spare);
    /* Somebody who waits gets the old one rather than nothing. */
    fixture_session(w->model, "s-1", "kim", "lab", "");
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_ASSIGN);
    g_assert_true(action->desktop == spare);
}

static void
test_changed_pool_file(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *one =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    struct broker_desktop *two =
        fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    const struct broker_action *action;

    (void)data;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_STOP); /* Running=1 */
    g_assert_true(action->desktop == two);
    broker_model_remove_desktop(w->model, two);
    w->pool->memory_mb = 512;
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
    g_ptr_array_set_size(w->pools->items, 0);
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_STOP);
    g_assert_true(action->desktop == one);
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    decide(w, NOW, 0);
}

static void
test_drained_host(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    w->host->row.drained = true;
    g_assert_cmpstr(decide(w, NOW, 1)->desktop->row.id, ==, "d-00000002");
}

static void
test_disconnected_clock(struct fixture_world *w, gconstpointer data)
{
    struct broker_session *session;
    const struct broker_action *action;

    (void)data;
    w->pool->spares_running = 0;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    decide(w, NOW + 100 * w->pool->disconnected_ms, 0); /* connected: no clock runs */
    session->row.disconnected_ms = NOW;
    decide(w, NOW + w->pool->disconnected_ms - 1, 0);
    action = decide(w, NOW + w->pool->disconnected_ms, 1);
    g_assert_cmpint(action->kind, ==, BROKER_END);
    g_assert_true(action->session == session);
}

static void
test_absolute_clock(struct fixture_world *w, gconstpointer data)
{
    struct broker_session *session;
    const struct broker_action *action;

    (void)data;
    w->pool->spares_running = 0;
    w->pool->absolute_ms = 12 * 3600000;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    session->row.created_ms = NOW;
    decide(w, NOW + w->pool->absolute_ms - 1, 0);
    action = decide(w, NOW + w->pool->absolute_ms, 1);
    g_assert_cmpint(action->kind, ==, BROKER_END);
    g_assert_true(action->session == session);
}

static void
test_spares_follow_the_schedule(struct fixture_world *w, gconstpointer data)
{
    struct broker_schedule *schedule = broker_schedule_new("now", 1);

    (void)data;
    w->pool->spares_running = 0;
    decide(w, NOW, 0);
    schedule->days = 0x7f;
    schedule->until_min = 0; /* from midnight to midnight */
    schedule->running = 1;
    g_ptr_array_add(w->pool->schedules, schedule);
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE);
}

/* Carries decisions out until none is left: the world must come to rest at what the pool says. */
static void
test_comes_to_rest(struct fixture_world *w, gconstpointer data)
{
    unsigned passes;

    (void)data;
    w->pool->max = 50;
    w->pool->spares_running = 20;
    for (passes = 0; passes < 100; passes++) {
        char id[STORE_ID_MAX + 1];

        g_clear_pointer(&w->actions, g_array_unref);
        w->actions = broker_reconcile(w->model, w->pools, NOW);
        if (w->actions->len == 0) {
            break;
        }
        g_assert_cmpint(g_array_index(w->actions, struct broker_action, 0).kind, ==, BROKER_CREATE);
        g_snprintf(id, sizeof(id), "d-%08x", passes);
        fixture_desktop(w->model, w->pool, "a", id, 1, BROKER_UNSEEN);
    }
    g_assert_cmpuint(passes, ==, 20);
}

static struct broker_desktop *
own_desktop(struct fixture_world *w, const char *user, enum broker_state state)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-000000aa", 1, state);

    g_strlcpy(desktop->row.owner, user, sizeof(desktop->row.owner));
    return desktop;
}

/* A desktop of her own is woken for its user, given to her and to nobody else. */
static void
test_own_desktop(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *own = own_desktop(w, "kim", BROKER_STOPPED);
    const struct broker_action *action;
    struct broker_session *session;

    (void)data;
    w->pool->spares_running = 0;
    own->row.stopped = true;
    decide(w, NOW, 0);
    fixture_session(w->model, "s-1", "lee", "lab", "");
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_CREATE); /* lee does not get it */
    session = fixture_session(w->model, "s-2", "kim", "lab", "");
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_WAKE);
    g_assert_true(action->desktop == own);
    own->row.stopped = false;
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_CREATE); /* it is on its way; lee waits */
    own->state = BROKER_READY;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_ASSIGN);
    g_assert_true(action->session == session);
    g_assert_true(action->desktop == own);
}

/* Whatever happens, nothing but an administrator deletes it. */
static void
test_own_desktop_is_never_deleted(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *own = own_desktop(w, "kim", BROKER_FAILED);
    struct broker_pool_count count;

    (void)data;
    w->pool->spares_running = 0;
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_REST);
    own->row.stopped = true;
    decide(w, NOW, 0);
    own->state = BROKER_STOPPED;
    own->row.revision = 0; /* older than any */
    w->host->row.drained = true;
    decide(w, NOW, 0);
    count = broker_pool_count(w->model, w->pool, NOW);
    g_assert_cmpuint(count.kept, ==, 1);
    g_assert_cmpuint(count.total, ==, 1);
    g_assert_cmpuint(broker_model_running(w->model), ==, 0);
    own->row.stopped = false;
    own->state = BROKER_READY;
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_REST); /* its host is drained */
    w->host->row.drained = false;
    g_ptr_array_set_size(w->pools->items, 0);
    g_assert_cmpint(decide(w, NOW, 1)->kind, ==, BROKER_REST); /* its pool was removed */
}

static struct broker_image *
image_of(struct broker_host *host, unsigned revision)
{
    return &g_array_index(host->images, struct broker_image, revision - 1);
}

/* "latest" is the published one: a newer one waits, and one that was rolled back is replaced. */
static void
test_published_revision(struct fixture_world *w, gconstpointer data)
{
    const struct broker_action *action;

    (void)data;
    fixture_host(w->model, "b", 256, 3); /* too small for anything */
    image_of(broker_model_host(w->model, "b"), 2)->published = true;
    fixture_desktop(w->model, w->pool, "b", "d-00000001", 2, BROKER_READY);
    decide(w, NOW, 0);
    image_of(broker_model_host(w->model, "b"), 2)->published = false;
    g_assert_cmpuint(broker_model_latest(w->model, "tiny", NULL), ==, 3);
    image_of(broker_model_host(w->model, "b"), 1)->published = true;
    g_assert_cmpuint(broker_model_latest(w->model, "tiny", NULL), ==, 1);
    action = decide(w, NOW, 1); /* the new one first, then the old one goes */
    g_assert_cmpint(action->kind, ==, BROKER_CREATE);
    g_assert_cmpuint(action->revision, ==, 1);
}

static void
test_input_idle_clock(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    struct broker_session *session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    struct store_stream stream = {.id = "x-1", .session = "s-1", .desktop = "d-00000001"};

    (void)data;
    w->pool->spares_running = 0;
    w->pool->input_idle_ms = 60000;
    broker_model_add_stream(w->model, &stream);
    desktop->idle_since_ms = NOW;
    desktop->figures.known = true;
    decide(w, NOW + 60000, 0); /* they are of another stream */
    g_strlcpy(desktop->stream, "x-1", sizeof(desktop->stream));
    decide(w, NOW + 59999, 0);
    g_assert_cmpint(decide(w, NOW + 60000, 1)->kind, ==, BROKER_END);
    session->row.disconnected_ms = NOW; /* another clock runs then */
    decide(w, NOW + 60000, 0);
}

/* Each clock does what the pool says of it. */
static void
test_clocks_shut_down(struct fixture_world *w, gconstpointer data)
{
    struct broker_session *session;

    (void)data;
    w->pool->spares_running = 0;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    w->pool->absolute_ms = 600000;
    w->pool->absolute_expire = BROKER_EXPIRE_SHUTDOWN;
    g_assert_true(decide(w, NOW + 600000, 1)->polite);
    session->row.disconnected_ms = NOW;
    w->pool->disconnected_ms = 60000;
    g_assert_false(decide(w, NOW + 600000, 1)->polite); /* the other clock, which only logs off */
    w->pool->disconnected_expire = BROKER_EXPIRE_SHUTDOWN;
    g_assert_true(decide(w, NOW + 60000, 1)->polite);
    g_ptr_array_set_size(w->pools->items, 0); /* its pool was removed */
    g_assert_false(decide(w, NOW + BROKER_LOST_POOL_MS, 1)->polite);
}

/* A canary is nobody's spare, nobody's desktop, and does not stay. */
static void
test_canary(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *canary = own_desktop(w, BROKER_CANARY, BROKER_READY);

    (void)data;
    w->pool->spares_running = 0;
    canary->row.revision = 9;
    decide(w, NOW, 0);
    canary->state = BROKER_FAILED;
    decide(w, NOW, 0); /* whoever tests it reads why */
    g_assert_cmpint(decide(w, NOW + BROKER_CANARY_MS, 1)->kind, ==, BROKER_STOP);
}

/* A newer revision: the clock of who is on the old one starts, stops with a rollback, and strikes.
 */
static void
test_deadline(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    struct broker_session *session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    const struct broker_action *action;

    (void)data;
    w->pool->spares_running = 0;
    w->pool->revision = 1;
    decide(w, NOW, 0);
    w->pool->revision = 2;
    decide(w, NOW, 0); /* without a deadline nobody counts */
    w->pool->hard_ms = 3600000;
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_AGE);
    g_assert_true(action->desktop == desktop);
    g_assert_cmpint(action->at_ms, ==, NOW);
    desktop->row.old_ms = NOW;
    decide(w, NOW + w->pool->hard_ms - 1, 0);
    g_assert_cmpint(broker_deadlines_of(w->model, session, w->pool).end_ms, ==,
                    NOW + w->pool->hard_ms);
    action = decide(w, NOW + w->pool->hard_ms, 1);
    g_assert_cmpint(action->kind, ==, BROKER_END);
    g_assert_true(action->session == session && !action->failed);
    w->pool->revision = 1;
    action = decide(w, NOW + 1, 1);
    g_assert_cmpint(action->kind, ==, BROKER_AGE);
    g_assert_cmpint(action->at_ms, ==, 0);
    g_strlcpy(desktop->row.owner, "kim", sizeof(desktop->row.owner));
    desktop->row.old_ms = 0;
    w->pool->revision = 2;
    decide(w, NOW + 2 * w->pool->hard_ms, 0); /* her own desktop has none */
}

/* Who has a disk on one host gets a desktop there, and holds up nobody. */
static void
test_home(struct fixture_world *w, gconstpointer data)
{
    struct store_userdisk disk = {.pool = "lab", .user = "kim", .host = "b"};
    struct broker_host *b = fixture_host(w->model, "b", 4096, 1);
    struct broker_desktop *spare =
        fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    struct broker_session *kim = fixture_session(w->model, "s-1", "kim", "lab", "");
    struct broker_session *lee;
    const struct broker_action *action;

    (void)data;
    w->pool->accounts = true;
    w->pool->userdisk_mb = 64;
    broker_model_add_userdisk(w->model, &disk);
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_CREATE);
    g_assert_true(action->host == b);
    lee = fixture_session(w->model, "s-2", "lee", "lab", "");
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_ASSIGN);
    g_assert_true(action->session == lee && action->desktop == spare);
    broker_model_remove_session(w->model, lee);

    w->pool->max = 1; /* no room beside the spare: it goes */
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_STOP);
    g_assert_true(action->desktop == spare);
    spare->row.gone = true;
    decide(w, NOW, 0);
    broker_model_remove_desktop(w->model, spare);
    spare = fixture_desktop(w->model, w->pool, "b", "d-00000002", 1, BROKER_READY);
    action = decide(w, NOW, 1);
    g_assert_cmpint(action->kind, ==, BROKER_ASSIGN);
    g_assert_true(action->session == kim && action->desktop == spare);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct fixture_world *w, gconstpointer data);
    } tests[] = {
        {"/reconcile/spares-are-filled", test_spares_are_filled},
        {"/reconcile/refilled-beyond-assigned-within-max",
         test_refilled_beyond_assigned_within_max},
        {"/reconcile/gone-counts-until-it-was-seen", test_gone_counts_until_seen},
        {"/reconcile/absent-is-dropped-late-and-only-by-its-host", test_absent_is_dropped_late},
        {"/reconcile/first-waiting-gets-the-spare", test_first_waiting_gets_the_spare},
        {"/reconcile/unknown-is-never-dead", test_unknown_is_never_dead},
        {"/reconcile/spares-of-an-away-host-are-replaced-late",
         test_spares_of_an_away_host_are_replaced_late},
        {"/reconcile/failed-desktops-end-their-session", test_failed_desktops},
        {"/reconcile/restrain-sets-the-pool-aside", test_restrain},
        {"/reconcile/new-revision-replaces-spares", test_new_revision_replaces_spares},
        {"/reconcile/new-revision-without-room", test_new_revision_without_room},
        {"/reconcile/changed-pool-file", test_changed_pool_file},
        {"/reconcile/drained-host-keeps-sessions-only", test_drained_host},
        {"/reconcile/disconnected-clock-ends-the-session", test_disconnected_clock},
        {"/reconcile/absolute-clock-ends-the-session", test_absolute_clock},
        {"/reconcile/spares-follow-the-schedule", test_spares_follow_the_schedule},
        {"/reconcile/own-desktop-is-its-users", test_own_desktop},
        {"/reconcile/own-desktop-is-never-deleted", test_own_desktop_is_never_deleted},
        {"/reconcile/published-revision-is-the-latest", test_published_revision},
        {"/reconcile/input-idle-clock-ends-the-session", test_input_idle_clock},
        {"/reconcile/clocks-shut-down", test_clocks_shut_down},
        {"/reconcile/canary-is-nobodys", test_canary},
        {"/reconcile/deadline-of-an-old-revision", test_deadline},
        {"/reconcile/disk-decides-the-host", test_home},
        {"/reconcile/comes-to-rest", test_comes_to_rest},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct fixture_world, NULL, setup, tests[i].run, teardown);
    }
    return g_test_run();
}
