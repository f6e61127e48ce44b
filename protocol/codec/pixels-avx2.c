/* SPDX-License-Identifier: Apache-2.0 */
/* The same as pixels.c gives, 256 bits at a time; chosen when the program runs. */
#include "protocol/codec/pixels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "protocol/codec/bytes.h"

#define AVX2 __attribute__((target("avx2")))

AVX2 static void
pack_pixels(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels)
{
    const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);

    /* Sixteen bytes are stored for twelve: the last pixels go the other way. */
    for (; pixels >= 6; pixels -= 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)bgrx);

        _mm_storeu_si128((__m128i *)ret_bgr, _mm_shuffle_epi8(four, order));
        bgrx += 16;
        ret_bgr += 12;
    }
    vdp_pixel_ops_plain.pack(ret_bgr, bgrx, pixels);
}

AVX2 static void
unpack_pixels(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels)
{
    const __m128i order = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    const __m128i opaque = _mm_set1_epi32((int)0xff000000u);

    for (; pixels >= 6; pixels -= 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)bgr);

        _mm_storeu_si128((__m128i *)ret_bgrx, _mm_or_si128(_mm_shuffle_epi8(four, order), opaque));
        bgr += 12;
        ret_bgrx += 16;
    }
    vdp_pixel_ops_plain.unpack(ret_bgrx, bgr, pixels);
}

AVX2 static void
copy_pixels(uint8_t *ret_bgrx, const uint8_t *bgrx, size_t pixels)
{
    const __m256i opaque = _mm256_set1_epi32((int)0xff000000u);

    for (; pixels >= 8; pixels -= 8) {
        __m256i eight = _mm256_loadu_si256((const __m256i *)bgrx);

        _mm256_storeu_si256((__m256i *)ret_bgrx, _mm256_or_si256(eight, opaque));
        bgrx += 32;
        ret_bgrx += 32;
    }
    vdp_pixel_ops_plain.copy(ret_bgrx, bgrx, pixels);
}

AVX2 static inline __m256i
differ_at(const uint8_t *a, const uint8_t *b)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)a),
                            _mm256_loadu_si256((const __m256i *)b));
}

AVX2 static bool
equal_pixels(const uint8_t *a, const uint8_t *b, size_t pixels)
{
    const __m256i colour = _mm256_set1_epi32(0xffffff);

    /* One test for 32 pixels: half a tile's row. */
    for (; pixels >= 32; pixels -= 32) {
        __m256i differ =
            _mm256_or_si256(_mm256_or_si256(differ_at(a, b), differ_at(a + 32, b + 32)),
                            _mm256_or_si256(differ_at(a + 64, b + 64), differ_at(a + 96, b + 96)));

        if (!_mm256_testz_si256(differ, colour)) {
            return false;
        }
        a += 128;
        b += 128;
    }
    for (; pixels >= 8; pixels -= 8) {
        __m256i differ = differ_at(a, b);

        if (!_mm256_testz_si256(differ, colour)) {
            return false;
        }
        a += 32;
        b += 32;
    }
    return pixels == 0 || vdp_pixel_ops_plain.equal(a, b, pixels);
}

AVX2 static uint32_t
count_repeats(const uint8_t *bgrx, uint32_t pixels)
{
    const __m256i colour = _mm256_set1_epi32(0xffffff);
    uint32_t equal = 0;

    for (; pixels >= 9; pixels -= 8) {
        __m256i differ = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)bgrx),
                                          _mm256_loadu_si256((const __m256i *)(bgrx + 4)));
        __m256i same = _mm256_cmpeq_epi32(_mm256_and_si256(differ, colour), _mm256_setzero_si256());

        equal +=
            (uint32_t)__builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(same)));
        bgrx += 32;
    }
    return equal + vdp_pixel_ops_plain.count_repeats(bgrx, pixels);
}

static inline void
store_four(uint8_t *to, int value)
{
    vdp_store_u32(to, (uint32_t)value);
}

AVX2 static void
predict_row(uint8_t *ret_blue, uint8_t *ret_green, uint8_t *ret_red, const uint8_t *bgrx,
            uint32_t *above, uint32_t width)
{
    const __m128i spread = _mm_setr_epi8(1, -1, 1, -1, 5, -1, 5, -1, 9, -1, 9, -1, 13, -1, 13, -1);
    const __m128i planes = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m128i before = _mm_set1_epi32((int)above[0]); /* its last pixel is the one to the left */
    uint32_t x;

    for (x = 0; x + 4 <= width; x += 4) {
        __m128i pixel = _mm_loadu_si128((const __m128i *)(bgrx + x * 4));
        __m128i up = _mm_loadu_si128((const __m128i *)(above + x));
        __m128i value = _mm_sub_epi8(pixel, _mm_shuffle_epi8(pixel, spread));
        __m128i left = _mm_alignr_epi8(value, before, 12);
        __m128i rest = _mm_sub_epi8(value, _mm_avg_epu8(left, up));

        rest = _mm_shuffle_epi8(rest, planes);
        store_four(ret_blue + x, _mm_cvtsi128_si32(rest));
        store_four(ret_green + x, _mm_extract_epi32(rest, 1));
        store_four(ret_red + x, _mm_extract_epi32(rest, 2));
        _mm_storeu_si128((__m128i *)(above + x), value);
        before = value;
    }
    for (; x < width; x++) {
        uint32_t pixel = vdp_load_u32(bgrx + x * 4);
        uint32_t value = vdp_sub_bytes(pixel, vdp_green_of(pixel));
        uint32_t left = x > 0 ? above[x - 1] : above[0];
        uint32_t rest = vdp_sub_bytes(value, vdp_mean_bytes(left, above[x]));

        ret_blue[x] = (uint8_t)rest;
        ret_green[x] = (uint8_t)(rest >> 8);
        ret_red[x] = (uint8_t)(rest >> 16);
        above[x] = value;
    }
}

const struct vdp_pixel_ops *
vdp_pixel_ops_avx2(void)
{
    static const struct vdp_pixel_ops ops = {
        .pack = pack_pixels,
        .unpack = unpack_pixels,
        .copy = copy_pixels,
        .equal = equal_pixels,
        .count_repeats = count_repeats,
        .predict_row = predict_row,
    };

    return __builtin_cpu_supports("avx2") ? &ops : NULL;
}

#else

const struct vdp_pixel_ops *
vdp_pixel_ops_avx2(void)
{
    return NULL;
}

#endif
