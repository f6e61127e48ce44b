/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <glib.h>

#include "protocol/base/clock.h"

#define BAR_CELLS     24
#define LINE_EVERY_US (5 * G_USEC_PER_SEC)
#define MARKER        "@progress "
#define SAID          "@say "
#define TEXT_MAX      200

struct progress {
    char *label;
    bool terminal, open; /* open: the cursor stands behind a bar */
    char step[TEXT_MAX];
    int percent;
    gint64 printed_us;
};

struct progress *
progress_new(const char *label)
{
    struct progress *progress = g_new0(struct progress, 1);

    progress->label = g_strdup(label);
    progress->terminal = isatty(STDERR_FILENO) == 1;
    return progress;
}

void
progress_free(struct progress *progress)
{
    if (progress == NULL) {
        return;
    }
    if (progress->open) {
        fputc('\n', stderr);
    }
    g_free(progress->label);
    g_free(progress);
}

static int
columns(void)
{
    struct winsize size = {0};

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void
show_bar(struct progress *progress, int percent, const char *text)
{
    char bar[BAR_CELLS + 1];
    int room = columns() - (int)strlen(progress->label) - BAR_CELLS - 12;

    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)(percent * BAR_CELLS / 100));
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r%s [%s] %3d%% %.*s\033[K", progress->label, bar, percent, MAX(room, 0),
            text);
    fflush(stderr);
    progress->open = true;
}

void
progress_show(struct progress *progress, int percent, const char *text)
{
    char *clean = g_strndup(text, TEXT_MAX - 1);
    gint64 now = vd_monotonic_us();
    size_t step;

    for (char *c = clean; *c != '\0';
         c++) { /* a package's description must not drive the terminal */
        *c = g_ascii_isprint(*c) ? *c : '?';
    }
    percent = CLAMP(percent, 0, 100);
    step = strcspn(clean, ":");
    if (progress->terminal) {
        show_bar(progress, percent, clean);
    } else if (strncmp(progress->step, clean, step) != 0 || progress->step[step] != '\0' ||
               now - progress->printed_us >= LINE_EVERY_US) {
        fprintf(stderr, "%s: %d%% %s\n", progress->label, percent, clean);
        progress->printed_us = now;
    }
    g_strlcpy(progress->step, clean, step + 1);
    progress->percent = percent;
    g_free(clean);
}

void
progress_say(struct progress *progress, const char *text)
{
    g_autofree char *clean = g_utf8_make_valid(text, -1);

    for (char *c = clean; *c != '\0'; c = g_utf8_next_char(c)) {
        if (!g_unichar_isprint(g_utf8_get_char(c))) {
            memset(c, '?', (size_t)(g_utf8_next_char(c) - c));
        }
    }
    fprintf(stderr, progress->open ? "\r\033[K  %s\n" : "  %s\n", clean);
    if (progress->terminal) {
        show_bar(progress, progress->percent, progress->step);
    }
}

const char *
progress_parse_said(const char *line)
{
    return g_str_has_prefix(line, SAID) ? line + strlen(SAID) : NULL;
}

bool
progress_parse(const char *line, int *ret_percent, const char **ret_text)
{
    guint64 percent;
    char *end;

    if (!g_str_has_prefix(line, MARKER) || !g_ascii_isdigit(line[strlen(MARKER)])) {
        return false;
    }
    percent = g_ascii_strtoull(line + strlen(MARKER), &end, 10);
    if (percent > 100 || (*end != ' ' && *end != '\0')) {
        return false;
    }
    *ret_percent = (int)percent;
    *ret_text = *end == ' ' ? end + 1 : end;
    return true;
}
