/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_NOTE_H
#define VEDETTE_GUEST_TINY_NOTE_H

/*
 * note: the text that was typed, on the guest's disk, if it has one: what a test looks for after a
 * desktop was deleted and came back. Written without waiting for the disk, as programs do.
 */

#include "hostd/guest/tiny-scene.h"

/* Types what an earlier life of the guest's own disk left. */
void note_load(struct scene *scene);

/* From now on the text is kept on the disk at path; false when there is none within ten seconds. */
bool note_use(struct scene *scene, const char *path);

/*
 * Writes the scene's text when it has changed. A line that says "fill disk" has most of the disk
 * written, which lasts until the host has room for it.
 */
void note_save(const struct scene *scene);

#endif
