/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/canvas.h"

#include "client/native/film.h"
#include "protocol/base/clock.h"
#include "protocol/wire/error.h"

#define MAX_WAITING_FRAMES 256u
#define MAX_WAITING_BYTES  (128u * 1024u * 1024u)
#define MAX_RESULTS        8u /* that the owner has not looked at: the thread waits */

/* What the thread is asked to do and, on its way back, what became of it. */
struct job {
    uint64_t owner; /* of the events at the time of asking */
    enum { JOB_FRAME, JOB_RESIZE, JOB_DIGEST, JOB_RENEW } kind;
    uint16_t width, height;
    GByteArray *digests;
    struct client_frame frame;
    int error;
    GArray *pieces; /* NULL after an error */
    size_t size;
    uint8_t *ops; /* given back when they are decoded */
};

struct client_canvas {
    int refs; /* one of the owner, one while results are told */
    GMainContext *context;
    GThread *thread;
    struct vdp_decoder *decoder; /* the thread's */
    struct client_films *films;  /* the thread's */

    GMutex lock; /* of everything in this part */
    GCond wake;
    GQueue todo;
    size_t todo_bytes;
    GQueue done;
    bool stop;

    GMutex painting; /* held while the painter is called; of everything in this part */
    const struct client_painter *painter;
    void *painter_data;
    bool pieces;

    GSource *source; /* ready when there are results */
    struct client_cells cells;
    uint64_t owner;
    const struct client_canvas_events *events;
    void *user_data;
};

static void
job_free(void *data)
{
    struct job *job = data;

    if (job->pieces)
        g_array_unref(job->pieces);
    if (job->digests)
        g_byte_array_unref(job->digests);
    g_free(job->ops);
    g_free(job);
}

/* Returns whether pieces are wanted; sets painted_us to when the painter had shown it, or 0. */
static bool
canvas_paint(struct client_canvas *canvas, const struct vdp_image *image, const uint32_t *tiles,
             size_t count, int64_t *ret_painted_us)
{
    bool painted = false;
    bool pieces;

    g_mutex_lock(&canvas->painting);
    if (canvas->painter)
        painted = canvas->painter->paint(image, tiles, count, canvas->painter_data);
    pieces = canvas->pieces || !painted;
    g_mutex_unlock(&canvas->painting);
    *ret_painted_us = painted ? vd_monotonic_us() : 0;
    return pieces;
}

static void
job_resize(struct job *job, struct vdp_decoder *decoder, struct client_films *films)
{
    struct vdp_image image;

    client_films_reset(films);
    job->error = vdp_decoder_resize(decoder, job->width, job->height);
    if (job->error != 0)
        return;
    image = vdp_decoder_image(decoder);
    job->pieces = client_pieces_cut(&image, NULL, 0);
}

static void
job_decode(struct client_canvas *canvas, struct job *job)
{
    struct vdp_decoder *decoder = canvas->decoder;
    int64_t start_us = vd_monotonic_us();
    struct vdp_rect dirty;
    struct vdp_image image;
    const uint32_t *tiles;
    size_t count = 0;

    job->error = vdp_decoder_frame(decoder, job->ops, job->size, job->frame.key, &dirty);
    job->frame.decoded_us = vd_monotonic_us();
    job->frame.decode_us = (unsigned)(job->frame.decoded_us - start_us);
    if (job->error == 0) {
        image = vdp_decoder_image(decoder);
        tiles = vdp_decoder_dirty_tiles(decoder, &count);
        if (count > 0 && canvas_paint(canvas, &image, tiles, count, &job->frame.painted_us))
            job->pieces = client_pieces_cut(&image, tiles, count);
        job->frame.pieces = job->pieces ? job->pieces->len : 0;
        job->frame.painted = job->frame.painted_us != 0;
        job->frame.wrong = vdp_decoder_verdict(decoder) == VDP_VERDICT_WRONG;
        job->frame.film_failed = client_films_failed(canvas->films);
    }
    g_clear_pointer(&job->ops, g_free);
}

static void
job_renew(struct client_canvas *canvas, struct job *job)
{
    struct vdp_image image = vdp_decoder_image(canvas->decoder);

    if (image.width == 0)
        return;
    (void)canvas_paint(canvas, &image, NULL, 0, &job->frame.painted_us);
    job->pieces = client_pieces_cut(&image, NULL, 0);
}

static void
job_digest(struct job *job, struct vdp_decoder *decoder)
{
    struct vdp_image image = vdp_decoder_image(decoder);
    uint32_t count = vdp_decoder_digests(decoder, NULL, 0);

    job->width = image.width;
    job->height = image.height;
    job->digests = g_byte_array_new();
    g_byte_array_set_size(job->digests, count * 4);
    (void)vdp_decoder_digests(decoder, job->digests->data, count);
}

static void *
canvas_thread(void *data)
{
    struct client_canvas *canvas = data;
    struct job *job;

    g_mutex_lock(&canvas->lock);
    for (;;) {
        while (!canvas->stop &&
               (g_queue_is_empty(&canvas->todo) || canvas->done.length >= MAX_RESULTS))
            g_cond_wait(&canvas->wake, &canvas->lock);
        if (canvas->stop)
            break;
        job = g_queue_pop_head(&canvas->todo);
        g_mutex_unlock(&canvas->lock);
        if (job->kind == JOB_RESIZE)
            job_resize(job, canvas->decoder, canvas->films);
        else if (job->kind == JOB_DIGEST)
            job_digest(job, canvas->decoder);
        else if (job->kind == JOB_RENEW)
            job_renew(canvas, job);
        else
            job_decode(canvas, job);
        g_mutex_lock(&canvas->lock);
        canvas->todo_bytes -= job->size;
        g_queue_push_tail(&canvas->done, job);
        g_source_set_ready_time(canvas->source, 0);
    }
    g_mutex_unlock(&canvas->lock);
    return NULL;
}

static void
canvas_unref(struct client_canvas *canvas)
{
    if (--canvas->refs > 0)
        return;
    client_cells_resize(&canvas->cells, 0, 0);
    g_free(canvas->cells.cells);
    g_queue_clear_full(&canvas->todo, job_free);
    g_queue_clear_full(&canvas->done, job_free);
    g_source_unref(canvas->source);
    g_main_context_unref(canvas->context);
    g_mutex_clear(&canvas->lock);
    g_mutex_clear(&canvas->painting);
    g_cond_clear(&canvas->wake);
    g_free(canvas);
}

static void
canvas_tell_digests(const struct job *job, const struct client_canvas_events *events,
                    void *user_data)
{
    struct vdp_have have = {job->width, job->height, job->digests->len / 4, job->digests->data};

    if (have.count > 0)
        events->digested(&have, user_data);
}

/* The picture first, then the word about it. */
static void
canvas_tell(struct client_canvas *canvas, const struct job *job)
{
    const struct client_canvas_events *events = NULL;

    if (job->owner == canvas->owner)
        events = canvas->events;
    if (job->kind == JOB_RESIZE && job->error == 0)
        client_cells_resize(&canvas->cells, job->width, job->height);
    if (job->pieces)
        client_cells_take(&canvas->cells, job->pieces);
    if (events && job->kind == JOB_RESIZE)
        events->resized(job->error, canvas->user_data);
    else if (events && job->kind == JOB_DIGEST)
        canvas_tell_digests(job, events, canvas->user_data);
    else if (job->kind == JOB_RENEW && canvas->painter)
        canvas->painter->renewed(canvas->painter_data);
    else if (events && job->kind == JOB_FRAME)
        events->decoded(&job->frame, job->error, canvas->user_data);
}

static gboolean
canvas_dispatch(void *user_data)
{
    struct client_canvas *canvas = user_data;
    struct job *job;

    canvas->refs++;
    g_source_set_ready_time(canvas->source, -1);
    do {
        g_mutex_lock(&canvas->lock);
        job = g_queue_pop_head(&canvas->done);
        g_cond_signal(&canvas->wake);
        g_mutex_unlock(&canvas->lock);
        if (!job)
            break;
        canvas_tell(canvas, job);
        job_free(job);
    } while (canvas->thread);
    canvas_unref(canvas);
    return G_SOURCE_CONTINUE;
}

static gboolean
source_dispatch(GSource *source, GSourceFunc callback, void *user_data)
{
    (void)source;
    return callback(user_data);
}

struct client_canvas *
client_canvas_new(GMainContext *context)
{
    static GSourceFuncs functions = {.dispatch = source_dispatch};
    struct client_canvas *canvas = g_new0(struct client_canvas, 1);

    canvas->refs = 1;
    canvas->context = g_main_context_ref(context ? context : g_main_context_default());
    canvas->decoder = vdp_decoder_new();
    g_assert(canvas->decoder);
    canvas->films = client_films_new(canvas->decoder);
    g_mutex_init(&canvas->lock);
    g_mutex_init(&canvas->painting);
    g_cond_init(&canvas->wake);
    g_queue_init(&canvas->todo);
    g_queue_init(&canvas->done);
    canvas->source = g_source_new(&functions, sizeof(GSource));
    g_source_set_callback(canvas->source, canvas_dispatch, canvas, NULL);
    g_source_attach(canvas->source, canvas->context);
    canvas->thread = g_thread_new("decode", canvas_thread, canvas);
    return canvas;
}

void
client_canvas_free(struct client_canvas *canvas)
{
    if (!canvas)
        return;
    canvas->events = NULL;
    g_mutex_lock(&canvas->lock);
    canvas->stop = true;
    g_cond_signal(&canvas->wake);
    g_mutex_unlock(&canvas->lock);
    g_thread_join(canvas->thread);
    canvas->thread = NULL;
    client_films_free(canvas->films);
    vdp_decoder_free(canvas->decoder);
    g_source_destroy(canvas->source);
    canvas_unref(canvas);
}

void
client_canvas_attach(struct client_canvas *canvas, const struct client_canvas_events *events,
                     void *user_data)
{
    canvas->owner++;
    canvas->events = events;
    canvas->user_data = user_data;
}

static bool
canvas_ask(struct client_canvas *canvas, struct job *job)
{
    bool room;

    job->owner = canvas->owner;
    g_mutex_lock(&canvas->lock);
    room = canvas->todo.length < MAX_WAITING_FRAMES &&
           canvas->todo_bytes + job->size <= MAX_WAITING_BYTES;
    if (room) {
        canvas->todo_bytes += job->size;
        g_queue_push_tail(&canvas->todo, job);
        g_cond_signal(&canvas->wake);
    }
    g_mutex_unlock(&canvas->lock);
    if (!room)
        job_free(job);
    return room;
}

bool
client_canvas_resize(struct client_canvas *canvas, uint16_t width, uint16_t height)
{
    struct job *job = g_malloc0(sizeof(*job));

    job->kind = JOB_RESIZE;
    job->width = width;
    job->height = height;
    return canvas_ask(canvas, job);
}

bool
client_canvas_frame(struct client_canvas *canvas, const struct client_frame *frame,
                    const uint8_t *ops, size_t size)
{
    struct job *job = g_malloc0(sizeof(*job));

    job->frame = *frame;
    job->frame.size = size;
    job->frame.received_us = vd_monotonic_us();
    job->size = size;
    job->ops = g_memdup2(ops, size);
    return canvas_ask(canvas, job);
}

void
client_canvas_set_painter(struct client_canvas *canvas, const struct client_painter *painter,
                          void *user_data, bool pieces)
{
    g_mutex_lock(&canvas->painting);
    canvas->painter = painter;
    canvas->painter_data = user_data;
    canvas->pieces = pieces;
    g_mutex_unlock(&canvas->painting);
}

void
client_canvas_renew(struct client_canvas *canvas)
{
    struct job *job = g_malloc0(sizeof(*job));

    job->kind = JOB_RENEW;
    (void)canvas_ask(canvas, job);
}

void
client_canvas_digest(struct client_canvas *canvas)
{
    struct job *job = g_malloc0(sizeof(*job));

    job->kind = JOB_DIGEST;
    (void)canvas_ask(canvas, job);
}

const struct client_cells *
client_canvas_cells(const struct client_canvas *canvas)
{
    return &canvas->cells;
}
