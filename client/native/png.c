/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/png.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>

struct png_rows {
    const uint8_t *pixels;
    size_t stride;
    unsigned width, height;
    bool alpha; /* R G B A in memory; otherwise B G R X */
};

static bool
png_write(FILE *file, const struct png_rows *rows)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    unsigned y;

    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_init_io(png, file);
    png_set_compression_level(png, 3);
    png_set_IHDR(png, info, rows->width, rows->height, 8,
                 rows->alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    if (!rows->alpha) {
        png_set_bgr(png);
        png_set_filler(png, 0, PNG_FILLER_AFTER);
    }
    for (y = 0; y < rows->height; y++)
        png_write_row(png, rows->pixels + y * rows->stride);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return true;
}

static bool
png_write_file(const char *path, const struct png_rows *rows, GError **error)
{
    FILE *file;
    bool good;

    if (rows->width == 0 || rows->height == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "there is no picture");
        return false;
    }
    file = fopen(path, "wbe");
    if (!file) {
        int saved = errno;

        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved), "opening '%s': %s", path,
                    g_strerror(saved));
        return false;
    }
    good = png_write(file, rows);
    if (fclose(file) != 0)
        good = false;
    if (!good)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "writing '%s' failed", path);
    return good;
}

bool
client_png_write_image(const char *path, const struct vdp_image *image, GError **error)
{
    struct png_rows rows = {image->pixels, image->stride, image->width, image->height, false};

    return png_write_file(path, &rows, error);
}

bool
client_png_write_cursor(const char *path, const struct client_cursor *cursor, GError **error)
{
    struct png_rows rows = {cursor->rgba, (size_t)cursor->width * 4, cursor->width, cursor->height,
                            true};

    return png_write_file(path, &rows, error);
}
