/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/film.h"

#include <glib.h>

#include "protocol/video/video.h"
#include "protocol/wire/messages.h"

#define WARM_SIDE 64 /* pixels of a film that nobody sees */

struct client_films {
    struct vdp_decoder *decoder;                         /* borrowed */
    struct vdp_video_decoder *codecs[VDP_VIDEO_REGIONS]; /* NULL: none, or it failed */
    bool failed;
};

static void
film_end(struct client_films *films, unsigned id)
{
    vdp_video_decoder_free(films->codecs[id]);
    films->codecs[id] = NULL;
}

static int
film_show(const struct vdp_video *video, void *user_data)
{
    struct client_films *films = user_data;
    struct vdp_video_decoder **codec = &films->codecs[video->id];
    const uint8_t *pixels;

    if ((video->flags & VDP_VIDEO_END) != 0) {
        film_end(films, video->id);
        return 0;
    }
    /* A key frame may be of another size or codec, and mends what failed. */
    if ((video->flags & VDP_VIDEO_KEY) != 0) {
        film_end(films, video->id);
        *codec = vdp_video_decoder_new(video->codec, video->rect.width, video->rect.height);
        films->failed = films->failed || *codec == NULL;
    }
    if (*codec == NULL)
        return 0;
    pixels = vdp_video_decoder_frame(*codec, video->data, video->size);
    if (pixels)
        vdp_decoder_place_video(films->decoder, &video->rect, pixels);
    else
        film_end(films, video->id);
    films->failed = films->failed || !pixels;
    return 0;
}

struct client_films *
client_films_new(struct vdp_decoder *decoder)
{
    struct client_films *films = g_new0(struct client_films, 1);

    films->decoder = decoder;
    vdp_decoder_set_video(decoder, film_show, films);
    return films;
}

void
client_films_free(struct client_films *films)
{
    if (!films)
        return;
    vdp_decoder_set_video(films->decoder, NULL, NULL);
    client_films_reset(films);
    g_free(films);
}

void
client_films_reset(struct client_films *films)
{
    unsigned id;

    for (id = 0; id < VDP_VIDEO_REGIONS; id++)
        film_end(films, id);
}

bool
client_films_failed(struct client_films *films)
{
    bool failed = films->failed;

    films->failed = false;
    return failed;
}

static void *
film_warm(void *data)
{
    vdp_video_codecs codecs = vdp_video_decodable();
    enum vdp_video_codec codec =
        codecs & VDP_VIDEO_BIT(VDP_VIDEO_H264) ? VDP_VIDEO_H264 : VDP_VIDEO_VP8;

    (void)data;
    if (codecs != 0)
        vdp_video_decoder_free(vdp_video_decoder_new(codec, WARM_SIDE, WARM_SIDE));
    return NULL;
}

void
client_films_warm(void)
{
    static gsize begun;

    if (g_once_init_enter(&begun)) {
        g_thread_unref(g_thread_new("film", film_warm, NULL));
        g_once_init_leave(&begun, 1);
    }
}

uint64_t
client_films_capabilities(void)
{
    vdp_video_codecs codecs = vdp_video_decodable();

    return (codecs & VDP_VIDEO_BIT(VDP_VIDEO_H264) ? VDP_CAP_H264 : 0) |
           (codecs & VDP_VIDEO_BIT(VDP_VIDEO_VP8) ? VDP_CAP_VP8 : 0);
}
