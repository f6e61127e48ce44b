/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec: bytes and CPU time of our codec beside a Tight model, on the same pictures in the same
 * run.
 *
 * Times are CPU time of this thread, the best of --runs. Every update of ours is decoded and
 * compared with the source before it counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/base/options.h"
#include "protocol/codec/codec.h"
#include "protocol/wire/record.h"
#include "tests/bench/text.h"
#include "tests/bench/tight.h"
#include "tests/bench/trace.h"

#define FRAME_OVERHEAD (VDP_RECORD_HEADER_SIZE + 15u) /* record header and FRAME's fixed fields */

struct config {
    bool json;
    int64_t runs;
};

struct result {
    size_t ours, tight;                  /* bytes of all steps */
    double pixels;                       /* in changed tiles, of all steps */
    double encode, decode, tight_encode; /* seconds */
};

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
check(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "codec: %s\n", what);
        exit(1);
    }
}

struct bench {
    struct screen *screen;
    struct vdp_encoder *encoder;
    struct vdp_decoder *decoder;
    struct tight *tight;
    struct vdp_buffer ops;
};

static void
compare_picture(const struct bench *bench)
{
    struct vdp_image shown = vdp_decoder_image(bench->decoder);
    const uint8_t *pixels = screen_pixels(bench->screen);
    size_t i;

    for (i = 0; i < (size_t)SCREEN_WIDTH * SCREEN_HEIGHT; i++) {
        check(memcmp(shown.pixels + i * 4, pixels + i * 4, 3) == 0, "a decoded pixel is wrong");
    }
}

static void
update(struct bench *bench, struct vdp_rect damage, struct result *sum)
{
    const struct vdp_image image = {screen_pixels(bench->screen), SCREEN_WIDTH * 4, SCREEN_WIDTH,
                                    SCREEN_HEIGHT};
    struct vdp_rect dirty;
    double start = cpu_seconds();
    double encoded;
    double decoded;
    bool key;
    int sent;

    vdp_buffer_reset(&bench->ops);
    sent = vdp_encoder_frame(bench->encoder, &image, &damage, 1, &bench->ops, &key, NULL);
    encoded = cpu_seconds();
    check(sent >= 0, "the encoder failed");
    check(vdp_decoder_frame(bench->decoder, bench->ops.data, bench->ops.size, key, &dirty) == 0,
          "the decoder failed");
    decoded = cpu_seconds();
    sum->tight += tight_update(bench->tight, &image, damage);
    sum->tight_encode += cpu_seconds() - decoded;
    sum->encode += encoded - start;
    sum->decode += decoded - encoded;
    sum->ours += bench->ops.size + FRAME_OVERHEAD;
    sum->pixels += (double)sent * VDP_TILE * VDP_TILE;
    compare_picture(bench);
}

static struct result
run_trace(const struct trace *trace)
{
    struct bench bench = {screen_new(),
                          vdp_encoder_new(),
                          vdp_decoder_new(),
                          tight_new(SCREEN_WIDTH, SCREEN_HEIGHT),
                          {0}};
    struct result before = {0};
    struct result sum = {0};
    unsigned step;

    check(bench.encoder != NULL && bench.decoder != NULL &&
              vdp_encoder_resize(bench.encoder, SCREEN_WIDTH, SCREEN_HEIGHT) == 0 &&
              vdp_decoder_resize(bench.decoder, SCREEN_WIDTH, SCREEN_HEIGHT) == 0,
          "memory is short");
    if (trace->prepare != NULL) {
        trace->prepare(bench.screen);
        update(&bench, (struct vdp_rect){0, 0, SCREEN_WIDTH, SCREEN_HEIGHT}, &before);
    }
    for (step = 0; step < trace->steps; step++) {
        struct vdp_rect damage;

        trace->step(bench.screen, step, &damage);
        update(&bench, damage, &sum);
    }
    screen_free(bench.screen);
    vdp_encoder_free(bench.encoder);
    vdp_decoder_free(bench.decoder);
    tight_free(bench.tight);
    vdp_buffer_clear(&bench.ops);
    return sum;
}

static double
smaller(double a, double b)
{
    return a < b ? a : b;
}

static void
print_row(const struct trace *trace, const struct result *result, bool json, bool last)
{
    double steps = trace->steps;
    double mpix = result->pixels / 1e6;

    if (json) {
        printf("  {\"trace\": \"%s\", \"updates\": %u, \"bytes\": %.0f, \"tight_bytes\": %.0f, "
               "\"bytes_ratio\": %.3f, \"encode_mpix_s\": %.1f, \"tight_encode_mpix_s\": %.1f, "
               "\"cpu_ratio\": %.3f, \"decode_mpix_s\": %.1f}%s\n",
               trace->name, trace->steps, (double)result->ours / steps,
               (double)result->tight / steps, (double)result->ours / (double)result->tight,
               mpix / result->encode, mpix / result->tight_encode,
               result->encode / result->tight_encode, mpix / result->decode, last ? "" : ",");
        return;
    }
    printf("| %-7s | %7u | %9.0f | %9.0f | %5.2f | %7.0f | %7.0f | %5.2f | %7.0f |\n", trace->name,
           trace->steps, (double)result->ours / steps, (double)result->tight / steps,
           (double)result->ours / (double)result->tight, mpix / result->encode,
           mpix / result->tight_encode, result->encode / result->tight_encode,
           mpix / result->decode);
}

static struct result
best_of(const struct trace *trace, int64_t runs)
{
    struct result best = run_trace(trace);
    int64_t run;

    for (run = 1; run < runs; run++) {
        struct result result = run_trace(trace);

        check(result.ours == best.ours && result.tight == best.tight, "two runs differ in bytes");
        best.encode = smaller(best.encode, result.encode);
        best.decode = smaller(best.decode, result.decode);
        best.tight_encode = smaller(best.tight_encode, result.tight_encode);
    }
    return best;
}

int
main(int argc, char **argv)
{
    static const struct vd_option options[] = {
        {.name = "json",
         .type = VD_OPTION_FLAG,
         .offset = offsetof(struct config, json),
         .text = "Prints JSON instead of a table."},
        {.name = "runs",
         .type = VD_OPTION_INT,
         .offset = offsetof(struct config, runs),
         .fallback = "3",
         .min = 1,
         .max = 100,
         .text = "Runs of each trace; the best counts."},
    };
    static const struct vd_program program = {.name = "codec",
                                              .summary = "Measures the codec beside a Tight model.",
                                              .usage = "[OPTION...]",
                                              .options = options,
                                              .option_count = 2};
    struct config config;
    size_t count;
    const struct trace *traces = trace_list(&count);
    size_t i;

    if (vd_options_parse(&program, &config, argc, argv, false) != argc) {
        return 2;
    }
    if (config.json) {
        printf("{\"screen\": \"%dx%d\", \"text\": \"%s\", \"traces\": [\n", SCREEN_WIDTH,
               SCREEN_HEIGHT, text_backend());
    } else {
        printf("Screen %dx%d, text by %s; bytes are per update, Mpix/s of changed tiles per CPU "
               "second.\n\n",
               SCREEN_WIDTH, SCREEN_HEIGHT, text_backend());
        printf("| trace   | updates |     bytes |     Tight | ratio | Mpix/s  |   Tight |   CPU | "
               "decode  |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    }
    for (i = 0; i < count; i++) {
        struct result result = best_of(&traces[i], config.runs);

        print_row(&traces[i], &result, config.json, i + 1 == count);
        (void)fflush(stdout);
    }
    if (config.json) {
        printf("]}\n");
    } else {
        putchar('\n');
        for (i = 0; i < count; i++) {
            printf("%s: %s.\n", traces[i].name, traces[i].what);
        }
    }
    return 0;
}
