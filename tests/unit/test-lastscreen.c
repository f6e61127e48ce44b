/* SPDX-License-Identifier: Apache-2.0 */
/* The last screen on its way: what hostd takes from a streamer, what the broker takes from a host,
 * and whom it shows it to. */
#include <string.h>

#include "broker/apirequest.h"
#include "broker/desired.h"
#include "broker/lastscreen.h"
#include "hostd/picture.h"
#include "protocol/base/base64.h"
#include "protocol/codec/small.h"
#include "protocol/wire/buffer.h"
#include "tests/unit/broker-fixture.h"

#define DESKTOP "d-00000001"
#define SESSION "s-00000001"

struct world {
    struct broker_model *model;
    struct broker_pools *pools;
    struct broker_pool *pool;
};

/* As a streamer says it; the JPEG is of width by height, what is claimed may be another size. */
static json_t *
picture_of(uint16_t width, uint16_t height, int claimed_width)
{
    g_autofree uint8_t *pixels = g_malloc0((size_t)width * height * 4);
    struct vdp_image image = {pixels, width * 4u, width, height};
    struct vdp_buffer jpeg = {0};
    uint16_t small_width;
    uint16_t small_height;
    g_autofree char *text = NULL;
    json_t *message;

    g_assert_cmpint(vdp_small_make(&image, &jpeg, &small_width, &small_height), ==, 0);
    text = g_malloc(VD_BASE64_CHARS(jpeg.size) + 1);
    vd_base64_encode(text, jpeg.data, jpeg.size);
    message = json_pack("{s:s, s:i, s:i, s:s}", "type", "picture", "width", claimed_width, "height",
                        (int)small_height, "jpeg", text);
    vdp_buffer_clear(&jpeg);
    return message;
}

static json_t *
from_host(const char *desktop, int epoch)
{
    json_t *said = picture_of(640, 360, 320);
    json_t *message = hostd_picture_read(said, desktop, (uint64_t)epoch);

    g_assert_nonnull(message);
    json_decref(said);
    return message;
}

/* Parses and keeps; whether it was kept. Frees json. */
static bool
take(const struct world *world, const char *host, json_t *json, int64_t now_ms)
{
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);
    const char *why = NULL;
    bool taken;

    g_assert_true(broker_hostmsg_parse(json, message, &why));
    g_assert_cmpint(message->type, ==, BROKER_HOSTMSG_PICTURE);
    taken = broker_lastscreen_take(world->model, world->pools, host, message, now_ms);
    broker_hostmsg_clear(message);
    g_free(message);
    json_decref(json);
    return taken;
}

static struct world
world_new(void)
{
    struct world world = {.model = broker_model_new(), .pools = broker_pools_new()};

    world.pool = fixture_pool(world.pools, "lab", 4, 0);
    world.pool->last_screen = true;
    fixture_host(world.model, "a", 8192, 1);
    fixture_desktop(world.model, world.pool, "a", DESKTOP, 1, BROKER_READY);
    fixture_session(world.model, SESSION, "kim", "lab", DESKTOP)->row.disconnected_ms = NOW;
    return world;
}

static void
world_free(struct world *world)
{
    broker_pools_free(world->pools);
    broker_model_free(world->model);
}

static const struct broker_picture *
shown_to(const struct world *world, const char *user)
{
    return broker_lastscreen_find(world->model, world->pools, user, SESSION);
}

static void
test_its_user_sees_it_and_nobody_else(void)
{
    struct world world = world_new();

    g_assert_null(shown_to(&world, "kim"));
    g_assert_true(take(&world, "a", from_host(DESKTOP, 1), NOW));
    g_assert_nonnull(shown_to(&world, "kim"));
    g_assert_cmpint(shown_to(&world, "kim")->taken_ms, ==, NOW);
    g_assert_cmpmem(shown_to(&world, "kim")->data, 3, "\xff\xd8\xff", 3);
    g_assert_null(shown_to(&world, "lee"));
    g_assert_null(shown_to(&world, ""));
    g_assert_null(broker_lastscreen_find(world.model, world.pools, "kim", "s-00000002"));
    g_assert_true(take(&world, "a", from_host(DESKTOP, 1), NOW + 5));
    g_assert_cmpint(shown_to(&world, "kim")->taken_ms, ==, NOW + 5);
    broker_model_session(world.model, SESSION)->row.disconnected_ms = 0; /* she looks again */
    g_assert_null(shown_to(&world, "kim"));
    broker_model_session(world.model, SESSION)->row.disconnected_ms = NOW;
    g_assert_nonnull(shown_to(&world, "kim"));
    broker_model_remove_session(world.model, broker_model_session(world.model, SESSION));
    g_assert_null(shown_to(&world, "kim"));
    world_free(&world);
}

static void
test_what_is_not_the_hosts_is_not_kept(void)
{
    struct world world = world_new();

    fixture_host(world.model, "b", 8192, 1);
    fixture_desktop(world.model, world.pool, "a", "d-00000002", 1, BROKER_READY);
    g_assert_false(take(&world, "b", from_host(DESKTOP, 1), NOW));
    g_assert_false(take(&world, "a", from_host(DESKTOP, 2), NOW));
    g_assert_false(take(&world, "a", from_host("d-00000002", 1), NOW));
    g_assert_false(take(&world, "a", from_host("d-0000000f", 1), NOW));
    g_assert_null(shown_to(&world, "kim"));
    world_free(&world);
}

static bool
desired_picture(const struct world *world)
{
    json_t *list = broker_desired(world->model, world->pools, "a", "CA", NOW);
    bool picture = json_is_true(json_object_get(json_array_get(list, 0), "picture"));

    json_decref(list);
    return picture;
}

static void
test_the_policy_is_obeyed(void)
{
    struct world world = world_new();

    g_assert_true(desired_picture(&world));
    g_assert_true(take(&world, "a", from_host(DESKTOP, 1), NOW));
    world.pool->last_screen = false;
    g_assert_false(desired_picture(&world));
    g_assert_null(shown_to(&world, "kim"));
    broker_lastscreen_prune(world.model, world.pools);
    g_assert_null(broker_model_session(world.model, SESSION)->picture);
    g_assert_false(take(&world, "a", from_host(DESKTOP, 1), NOW));
    world.pool->last_screen = true;
    g_assert_null(shown_to(&world, "kim"));
    g_assert_true(take(&world, "a", from_host(DESKTOP, 1), NOW));
    /* A pool whose file was removed says nothing, so it does not say yes. */
    g_ptr_array_set_size(world.pools->items, 0);
    broker_lastscreen_prune(world.model, world.pools);
    g_assert_null(broker_model_session(world.model, SESSION)->picture);
    broker_model_remove_session(world.model, broker_model_session(world.model, SESSION));
    g_assert_false(desired_picture(&world));
    world_free(&world);
}

static void
test_old_ones_make_room(void)
{
    struct world world = world_new();
    json_t *message = from_host(DESKTOP, 1);
    char id[STORE_ID_MAX + 1];
    char session[STORE_ID_MAX + 1];
    unsigned kept = 0;
    unsigned i;

    for (i = 2; i < BROKER_PICTURES_MAX + 5; i++) {
        g_snprintf(id, sizeof(id), "d-%08x", i);
        g_snprintf(session, sizeof(session), "s-%08x", i);
        fixture_desktop(world.model, world.pool, "a", id, 1, BROKER_READY);
        broker_model_set_picture(fixture_session(world.model, session, "kim", "lab", id),
                                 (const uint8_t *)"x", 1, NOW + i);
    }
    g_assert_true(take(&world, "a", message, NOW));
    for (i = 0; i < world.model->sessions->len; i++) {
        const struct broker_session *one = g_ptr_array_index(world.model->sessions, i);

        kept += one->picture != NULL ? 1 : 0;
    }
    g_assert_cmpuint(kept, ==, BROKER_PICTURES_MAX);
    g_assert_nonnull(shown_to(&world, "kim"));
    g_assert_null(broker_model_session(world.model, "s-00000002")->picture);
    world_free(&world);
}

static void
expect_refused(json_t *message)
{
    struct broker_hostmsg *parsed = g_new0(struct broker_hostmsg, 1);
    const char *why = NULL;

    g_assert_false(broker_hostmsg_parse(message, parsed, &why));
    g_assert_cmpstr(why, ==, "a malformed picture");
    g_assert_null(parsed->picture.data);
    g_free(parsed);
}

static void
test_malformed_ones_are_refused(void)
{
    static const char *const keys[] = {"desktop", "epoch", "width", "height", "jpeg"};
    g_autofree char *much = g_strnfill(VD_BASE64_CHARS(VDP_SMALL_MAX_BYTES) + 4, 'A');
    json_t *bad[] = {json_null(),         json_string(""),     json_string("\xef\xbf\xbd"),
                     json_string("/9j/"), json_string(much),   json_integer(321),
                     json_integer(-1),    json_string("d-0/"), json_real(1.5)};
    size_t i;
    size_t k;

    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *message = from_host(DESKTOP, 1);

        for (k = 0; k < G_N_ELEMENTS(bad); k++) {
            if (strcmp(keys[i], "epoch") == 0 && json_is_integer(bad[k])) {
                continue; /* another epoch is well formed */
            }
            json_object_set(message, keys[i], bad[k]);
            expect_refused(message);
        }
        json_object_del(message, keys[i]);
        expect_refused(message);
        json_decref(message);
    }
    for (k = 0; k < G_N_ELEMENTS(bad); k++) {
        json_decref(bad[k]);
    }
}

static void
test_a_streamer_is_checked_by_hostd(void)
{
    json_t *wrong_size = picture_of(100, 80, 99);
    json_t *right_size = picture_of(100, 80, 100);
    json_t *message = hostd_picture_read(right_size, DESKTOP, 7);

    g_assert_null(hostd_picture_read(wrong_size, DESKTOP, 7));
    g_assert_cmpint(json_integer_value(json_object_get(message, "epoch")), ==, 7);
    json_decref(message);
    json_object_set_new(right_size, "jpeg", json_string("/9j/2w=="));
    g_assert_null(hostd_picture_read(right_size, DESKTOP, 7));
    json_object_set_new(right_size, "jpeg", json_integer(1));
    g_assert_null(hostd_picture_read(right_size, DESKTOP, 7));
    json_decref(right_size);
    json_decref(wrong_size);
}

static enum broker_api_problem
ask(const char *method, const char *path, struct broker_api_request *request)
{
    json_t *message = json_pack("{ssssss}", "method", method, "path", path, "source", "192.0.2.1");
    enum broker_api_problem problem = broker_api_parse(message, request);

    json_decref(message);
    return problem;
}

static void
test_the_call_names_a_session(void)
{
    static const char *const paths[] = {"/api/picture", "/api/picture/", "/api/picture/d-00000001",
                                        "/api/picture/s-00000001/", "/api/picture/../me"};
    struct broker_api_request *request = g_new0(struct broker_api_request, 1);
    size_t i;

    g_assert_cmpint(ask("GET", "/api/picture/" SESSION, request), ==, BROKER_API_FINE);
    g_assert_cmpint(request->call, ==, BROKER_API_PICTURE);
    g_assert_cmpstr(request->session, ==, SESSION);
    g_assert_cmpint(ask("POST", "/api/picture/" SESSION, request), ==, BROKER_API_METHOD);
    for (i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_assert_cmpint(ask("GET", paths[i], request), ==, BROKER_API_NOT_FOUND);
    }
    g_free(request);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lastscreen/its-user-sees-it-and-nobody-else",
                    test_its_user_sees_it_and_nobody_else);
    g_test_add_func("/lastscreen/what-is-not-the-hosts-is-not-kept",
                    test_what_is_not_the_hosts_is_not_kept);
    g_test_add_func("/lastscreen/the-policy-is-obeyed", test_the_policy_is_obeyed);
    g_test_add_func("/lastscreen/old-ones-make-room", test_old_ones_make_room);
    g_test_add_func("/lastscreen/malformed-ones-are-refused", test_malformed_ones_are_refused);
    g_test_add_func("/lastscreen/a-streamer-is-checked-by-hostd",
                    test_a_streamer_is_checked_by_hostd);
    g_test_add_func("/lastscreen/the-call-names-a-session", test_the_call_names_a_session);
    return g_test_run();
}
