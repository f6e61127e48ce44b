/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/encode.h"

#include <glib.h>

#include "protocol/base/clock.h"
#include "protocol/codec/codec.h"

#define DIGEST_INTERVAL_US 5000000

struct streamer_encode {
    streamer_encoded_fn encoded;
    void *user_data;
    GThreadPool *pool;         /* one thread */
    GSource *done;             /* ready when the job ended */
    bool busy;                 /* main thread */
    struct vdp_have next_have; /* main thread; digests owned, or NULL */

    /* The worker's while busy, else the main thread's. */
    struct vdp_encoder *encoder;
    struct streamer_film *film;
    struct streamer_picture picture;
    uint16_t width, height; /* of the encoder's surface */
    struct streamer_shadow *shadow;
    struct streamer_encode_order order;
    int64_t digest_us;    /* when the last digest was sent */
    struct vdp_have have; /* for this job; digests NULL: nothing */
    struct streamer_encode_result result;
};

static int
fit_encoder(struct streamer_encode *encode)
{
    int result = 0;

    if (encode->picture.width != encode->width || encode->picture.height != encode->height) {
        result = vdp_encoder_resize(encode->encoder, encode->picture.width, encode->picture.height);
        encode->width = result == 0 ? encode->picture.width : 0;
        encode->height = result == 0 ? encode->picture.height : 0;
        streamer_film_resize(encode->film, encode->width, encode->height);
    }
    if (encode->order.reset) {
        vdp_encoder_reset(encode->encoder);
    }
    if (encode->have.digests != NULL && encode->have.width == encode->width &&
        encode->have.height == encode->height) {
        vdp_encoder_peer_has(encode->encoder, encode->have.digests, encode->have.count);
        vdp_encoder_ask_digest(encode->encoder);
    }
    return result;
}

/* Makes tiles exact that the client has had as JPEG for a while. */
static int
refine_picture(struct streamer_encode *encode)
{
    struct streamer_encode_result *result = &encode->result;
    int64_t start_us = vd_monotonic_us();
    bool has_digest;
    int tiles;

    result->layout = encode->picture.layout;
    result->width = encode->width;
    result->height = encode->height;
    streamer_film_check(encode->film, start_us);
    vdp_encoder_set_time(encode->encoder, (uint32_t)(start_us / 1000));
    if (start_us - encode->digest_us >= DIGEST_INTERVAL_US) {
        vdp_encoder_ask_digest(encode->encoder);
    }
    tiles = vdp_encoder_refine(encode->encoder, encode->order.refine_budget,
                               STREAMER_QUIET_US / 1000, &result->ops, &has_digest);
    if (has_digest) {
        encode->digest_us = start_us;
    }
    result->encode_us = (uint32_t)(vd_monotonic_us() - start_us);
    return tiles;
}

static int
encode_picture(struct streamer_encode *encode)
{
    struct streamer_encode_result *result = &encode->result;
    struct streamer_damage damage;
    struct vdp_encode_stats stats = {0};
    struct vdp_image image;
    int64_t start_us;
    int tiles;

    if (!streamer_shadow_take(encode->shadow, &encode->picture, &damage, &result->since_us)) {
        return VDP_ERR_NOMEM;
    }
    result->layout = encode->picture.layout;
    result->width = encode->picture.width;
    result->height = encode->picture.height;
    start_us = vd_monotonic_us();
    tiles = fit_encoder(encode);
    if (tiles < 0) {
        return tiles;
    }
    if (start_us - encode->digest_us >= DIGEST_INTERVAL_US) {
        vdp_encoder_ask_digest(encode->encoder);
    }
    vdp_encoder_set_time(encode->encoder, (uint32_t)(start_us / 1000));
    vdp_encoder_set_lossy(encode->encoder, encode->order.lossy.quality,
                          encode->order.lossy.restless);
    image = (struct vdp_image){encode->picture.pixels, (size_t)encode->picture.width * 4,
                               encode->picture.width, encode->picture.height};
    streamer_film_before(encode->film, &image, &encode->order.line, start_us);
    tiles = vdp_encoder_frame(encode->encoder, &image, damage.rects, damage.count, &result->ops,
                              &result->key, &stats);
    if (tiles < 0) {
        /* The encoder and the client may differ now. */
        vdp_encoder_reset(encode->encoder);
    } else {
        streamer_film_after(encode->film, &image, encode->picture.ticks, start_us);
    }
    if (stats.has_digest) {
        encode->digest_us = start_us;
    }
    result->tiles_compared = stats.tiles_compared;
    result->encode_us = (uint32_t)(vd_monotonic_us() - start_us);
    return tiles;
}

static void
do_job(struct streamer_encode *encode)
{
    uint32_t wait_ms;

    encode->result.tiles =
        encode->order.refine_budget > 0 ? refine_picture(encode) : encode_picture(encode);
    encode->result.film_until_us = streamer_film_until_us(encode->film);
    encode->result.refine_us = encode->result.film_until_us;
    if (vdp_encoder_refine_wait(encode->encoder, STREAMER_QUIET_US / 1000, &wait_ms)) {
        encode->result.refine_us = vd_monotonic_us() + (int64_t)wait_ms * 1000;
    }
}

static void
set_job(struct streamer_encode *encode, struct streamer_shadow *shadow,
        const struct streamer_encode_order *order)
{
    g_assert(!encode->busy);
    encode->shadow = streamer_shadow_ref(shadow);
    encode->order = *order;
    encode->result.generation = order->generation;
    encode->result.input_serial = order->input_serial;
    if (order->reset) {
        encode->have = encode->next_have;
        encode->next_have = (struct vdp_have){0};
    }
}

/* Gives the result away and is ready for the next job. */
static void
end_job(struct streamer_encode *encode, struct streamer_encode_result *ret_result)
{
    *ret_result = encode->result;
    encode->result = (struct streamer_encode_result){0};
    g_free((uint8_t *)encode->have.digests);
    encode->have = (struct vdp_have){0};
    streamer_shadow_unref(encode->shadow);
    encode->shadow = NULL;
    encode->busy = false;
}

static void
run_job(gpointer data, gpointer user_data)
{
    struct streamer_encode *encode = user_data;

    (void)data;
    do_job(encode);
    g_source_set_ready_time(encode->done, 0);
}

static gboolean
dispatch_done(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs done_funcs = {.dispatch = dispatch_done};

static gboolean
finish_job(gpointer data)
{
    struct streamer_encode *encode = data;
    struct streamer_encode_result result;

    g_source_set_ready_time(encode->done, -1);
    end_job(encode, &result);
    encode->encoded(&result, encode->user_data);
    return G_SOURCE_CONTINUE;
}

struct streamer_encode *
streamer_encode_new(streamer_encoded_fn encoded, void *user_data)
{
    struct vdp_encoder *encoder = vdp_encoder_new();
    struct streamer_encode *encode;

    if (encoder == NULL) {
        return NULL;
    }
    encode = g_new0(struct streamer_encode, 1);
    encode->encoder = encoder;
    encode->film = streamer_film_new(encoder);
    encode->encoded = encoded;
    encode->user_data = user_data;
    encode->pool = g_thread_pool_new(run_job, encode, 1, TRUE, NULL);
    encode->done = g_source_new(&done_funcs, sizeof(GSource));
    g_source_set_callback(encode->done, finish_job, encode, NULL);
    g_source_set_ready_time(encode->done, -1);
    g_source_attach(encode->done, g_main_context_get_thread_default());
    return encode;
}

void
streamer_encode_free(struct streamer_encode *encode)
{
    if (encode == NULL) {
        return;
    }
    g_thread_pool_free(encode->pool, FALSE, TRUE);
    g_source_destroy(encode->done);
    g_source_unref(encode->done);
    vdp_buffer_clear(&encode->result.ops);
    g_free((uint8_t *)encode->have.digests);
    g_free((uint8_t *)encode->next_have.digests);
    streamer_shadow_unref(encode->shadow);
    streamer_picture_clear(&encode->picture);
    streamer_film_free(encode->film);
    vdp_encoder_free(encode->encoder);
    g_free(encode);
}

void
streamer_encode_peer_has(struct streamer_encode *encode, const struct vdp_have *have)
{
    g_free((uint8_t *)encode->next_have.digests);
    encode->next_have = (struct vdp_have){0};
    if (have != NULL) {
        encode->next_have = *have;
        encode->next_have.digests = g_memdup2(have->digests, (size_t)have->count * 4);
    }
}

bool
streamer_encode_is_busy(const struct streamer_encode *encode)
{
    return encode->busy;
}

void
streamer_encode_start(struct streamer_encode *encode, struct streamer_shadow *shadow,
                      const struct streamer_encode_order *order)
{
    set_job(encode, shadow, order);
    encode->busy = true;
    g_thread_pool_push(encode->pool, encode, NULL);
}

void
streamer_encode_now(struct streamer_encode *encode, struct streamer_shadow *shadow,
                    const struct streamer_encode_order *order,
                    struct streamer_encode_result *ret_result)
{
    set_job(encode, shadow, order);
    do_job(encode);
    end_job(encode, ret_result);
}
