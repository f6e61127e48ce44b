/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/film.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/log.h"

#define REGION_ID      0u
#define MAX_FAILURES   3u     /* of encoders: then no more films */
#define FIRST_BUDGET   20000u /* bytes of a picture while the rate is not known */
#define RATE_SHARE     60u    /* per cent of the line that a film may fill */
#define JPEG_SHARE     45u    /* per cent of it above which JPEG is no longer comfortable */
#define JPEG_PER_MILLE 200u   /* bytes of a JPEG for a thousand pixels with grain, at quality 80 */
#define MIN_FPS        5u     /* of a budget */

/* An encoder that is being made: loading its libraries would stop the picture. */
struct making {
    vdp_video_codecs codecs;
    uint16_t width, height;
    uint32_t budget;
    struct vdp_video_encoder *codec; /* the thread's until it has ended */
    gint done;                       /* atomic */
};

struct streamer_film {
    GThread *thread; /* NULL: none is being made */
    struct making making;
    struct vdp_encoder *encoder; /* borrowed */
    struct streamer_region *region;
    struct vdp_video_encoder *codec; /* owned; NULL: no film */
    struct vdp_rect rect;            /* of codec */
    unsigned failures;
    bool failed; /* codec gave nothing: it goes with the next frame */
};

bool
streamer_film_is_worth(enum vdp_video_codec codec, uint32_t pixels, unsigned fps, uint64_t rate)
{
    uint64_t jpeg = (uint64_t)pixels * JPEG_PER_MILLE / 1000 * fps;

    return codec == VDP_VIDEO_H264 || rate == 0 || jpeg * 100 > rate * JPEG_SHARE;
}

uint32_t
streamer_film_budget(unsigned fps, uint64_t rate)
{
    uint64_t budget = rate * RATE_SHARE / 100 / MAX(fps, MIN_FPS);

    return rate == 0 ? FIRST_BUDGET : (uint32_t)MIN(budget, UINT32_MAX);
}

struct streamer_film *
streamer_film_new(struct vdp_encoder *encoder)
{
    struct streamer_film *film = g_new0(struct streamer_film, 1);

    film->encoder = encoder;
    film->region = streamer_region_new();
    return film;
}

static void
end_film(struct streamer_film *film)
{
    if (film->codec != NULL) {
        (void)vdp_encoder_set_video(film->encoder, NULL);
        vdp_video_encoder_free(film->codec);
        film->codec = NULL;
        vd_debug("film", "ends");
    }
    film->failed = false;
}

static void *
make_codec(void *data)
{
    struct making *making = data;

    making->codec =
        vdp_video_encoder_new(making->codecs, making->width, making->height, making->budget);
    g_atomic_int_set(&making->done, TRUE);
    return NULL;
}

/* The encoder that was made, or NULL; waits for its thread. */
static struct vdp_video_encoder *
take_codec(struct streamer_film *film)
{
    if (film->thread == NULL) {
        return NULL;
    }
    g_thread_join(film->thread);
    film->thread = NULL;
    return film->making.codec;
}

void
streamer_film_free(struct streamer_film *film)
{
    if (film != NULL) {
        end_film(film);
        vdp_video_encoder_free(take_codec(film));
        streamer_region_free(film->region);
        g_free(film);
    }
}

void
streamer_film_resize(struct streamer_film *film, uint16_t width, uint16_t height)
{
    end_film(film);
    streamer_region_resize(film->region, width, height);
}

static int
encode_film(const struct vdp_image *image, const struct vdp_rect *rect, bool *key,
            struct vdp_buffer *out, void *user_data)
{
    struct streamer_film *film = user_data;
    int error =
        film->failed ? VDP_ERR_STATE : vdp_video_encoder_frame(film->codec, image, rect, key, out);

    film->failed = error != 0;
    return error;
}

/* H.264 whenever the client has it. */
static vdp_video_codecs
worth(const struct streamer_film *film, const struct vdp_rect *rect,
      const struct streamer_line *line)
{
    const enum vdp_video_codec all[] = {VDP_VIDEO_H264, VDP_VIDEO_VP8};
    uint32_t pixels = (uint32_t)rect->width * rect->height;
    unsigned fps = streamer_region_fps(film->region);
    vdp_video_codecs codecs = 0;
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        /* What runs goes on: a film's own bytes must not end it. */
        if ((line->codecs & VDP_VIDEO_BIT(all[i])) != 0 &&
            (film->codec != NULL || streamer_film_is_worth(all[i], pixels, fps, line->rate))) {
            codecs |= VDP_VIDEO_BIT(all[i]);
        }
    }
    return codecs;
}

/* Whether an encoder for rect is there; has one made when there is none. */
static bool
get_codec(struct streamer_film *film, const struct vdp_rect *rect, vdp_video_codecs codecs,
          uint32_t budget)
{
    bool fits = film->making.codecs == codecs && film->making.width == rect->width &&
                film->making.height == rect->height;

    if (film->thread != NULL) {
        if (!g_atomic_int_get(&film->making.done)) {
            return false;
        }
        film->codec = take_codec(film);
        if (film->codec == NULL && ++film->failures == MAX_FAILURES) {
            vd_warning("film", "no video encoder works here; films go picture by picture");
        }
        if (film->codec != NULL && fits) {
            return true;
        }
        vdp_video_encoder_free(film->codec);
        film->codec = NULL;
        return false;
    }
    film->making = (struct making){
        .codecs = codecs, .width = rect->width, .height = rect->height, .budget = budget};
    film->thread = g_thread_new("film", make_codec, &film->making);
    return false;
}

static void
begin_film(struct streamer_film *film, const struct vdp_rect *rect, vdp_video_codecs codecs,
           uint32_t budget)
{
    struct vdp_video_source source = {
        .id = REGION_ID, .rect = *rect, .encode = encode_film, .user_data = film};

    end_film(film);
    if (!get_codec(film, rect, codecs, budget)) {
        return;
    }
    film->rect = *rect;
    source.codec = (uint8_t)vdp_video_encoder_codec(film->codec);
    if (vdp_encoder_set_video(film->encoder, &source) != 0) {
        end_film(film);
        return;
    }
    vd_info("film", "%ux%u at %u,%u goes through %s", rect->width, rect->height, rect->x, rect->y,
            vdp_video_encoder_name(film->codec));
}

void
streamer_film_before(struct streamer_film *film, const struct vdp_image *image,
                     const struct streamer_line *line, int64_t now_us)
{
    struct vdp_rect within;
    struct vdp_rect rect;
    vdp_video_codecs codecs;
    uint32_t budget;

    if (line->codecs == 0 || film->failures >= MAX_FAILURES) {
        end_film(film);
        return;
    }
    if (streamer_region_wants_box(film->region, &within)) {
        struct vdp_rect box = vdp_encoder_changed_box(film->encoder, image, &within);

        if (box.width > 0) {
            streamer_region_add_box(film->region, &box);
        }
    }
    if (film->failed) {
        film->failures++;
        vd_warning("film", "%s gave nothing", vdp_video_encoder_name(film->codec));
        end_film(film);
    }
    if (!streamer_region_rect(film->region, now_us, &rect)) {
        end_film(film);
        return;
    }
    codecs = worth(film, &rect, line);
    budget = streamer_film_budget(streamer_region_fps(film->region), line->rate);
    if (codecs == 0) {
        end_film(film);
    } else if (film->codec == NULL || memcmp(&rect, &film->rect, sizeof(rect)) != 0 ||
               (codecs & VDP_VIDEO_BIT(vdp_video_encoder_codec(film->codec))) == 0) {
        begin_film(film, &rect, codecs, budget);
    } else {
        vdp_video_encoder_set_budget(film->codec, budget);
    }
}

void
streamer_film_after(struct streamer_film *film, const struct vdp_image *image, const uint8_t *ticks,
                    int64_t now_us)
{
    streamer_region_frame(film->region, image, vdp_encoder_changed(film->encoder), ticks, now_us);
}

void
streamer_film_check(struct streamer_film *film, int64_t now_us)
{
    struct vdp_rect rect;

    if (!streamer_region_rect(film->region, now_us, &rect)) {
        end_film(film);
    }
}

int64_t
streamer_film_until_us(const struct streamer_film *film)
{
    return film->codec != NULL ? streamer_region_until_us(film->region) : 0;
}
