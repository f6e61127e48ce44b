/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-note.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DISK       "/dev/vda"
#define FILL_BLOCK 65536
#define FILL_START 65536
#define FILL_END   (14 * 1024 * 1024)
#define USE_TRIES  500
#define USE_MS     20
#define MAGIC      "vedette note"

struct note {
    char magic[sizeof(MAGIC)];
    char text[SCENE_LINES][SCENE_COLUMNS + 1];
};

static int disk = -1;
static bool filled;
static struct note last; /* as it is on the disk */

static void
load(struct scene *scene)
{
    struct note note;

    if (disk < 0 || pread(disk, &note, sizeof(note), 0) != (ssize_t)sizeof(note) ||
        memcmp(note.magic, MAGIC, sizeof(MAGIC)) != 0) {
        return;
    }
    last = note;
    for (int i = 0; i < SCENE_LINES; i++) {
        note.text[i][SCENE_COLUMNS] = '\0';
        for (const char *c = note.text[i]; *c != '\0'; c++) {
            scene_type(scene, *c);
        }
    }
}

void
note_load(struct scene *scene)
{
    disk = open(DISK, O_RDWR | O_CLOEXEC);
    load(scene);
}

/* A disk that was just plugged takes the kernel a moment to see. */
bool
note_use(struct scene *scene, const char *path)
{
    int fd = -1;

    for (int tries = 0; fd < 0 && tries < USE_TRIES; tries++) {
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            poll(NULL, 0, USE_MS);
        }
    }
    if (fd < 0) {
        return false;
    }
    if (disk >= 0) {
        close(disk);
    }
    disk = fd;
    memset(&last, 0, sizeof(last));
    load(scene);
    return true;
}

/* Not zeros: those would take no room. */
static void
fill(void)
{
    static char block[FILL_BLOCK];

    memset(block, 'x', sizeof(block));
    for (off_t at = FILL_START; at < FILL_END; at += FILL_BLOCK) {
        if (pwrite(disk, block, sizeof(block), at) < 0) {
            fprintf(stderr, "vedette-tiny: fill: %s\n", strerror(errno));
        }
    }
    fsync(disk);
}

void
note_save(const struct scene *scene)
{
    struct note note = {.magic = MAGIC};

    memcpy(note.text, scene->text, sizeof(note.text));
    if (disk < 0 || memcmp(note.text, last.text, sizeof(note.text)) == 0) {
        return;
    }
    if (pwrite(disk, &note, sizeof(note), 0) != (ssize_t)sizeof(note)) {
        fprintf(stderr, "vedette-tiny: note: %s\n", strerror(errno));
    }
    last = note;
    for (int i = 0; i < SCENE_LINES && !filled; i++) {
        if (strcmp(note.text[i], "fill disk") == 0) {
            filled = true;
            fill();
        }
    }
}
