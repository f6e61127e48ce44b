/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_INI_H
#define VEDETTE_BASE_INI_H

/*
 * ini: parser for systemd-unit style files.
 *
 *   file    := line*
 *   line    := blank | comment | section | entry         at most VD_INI_MAX_LINE bytes
 *   comment := ('#' | ';') anything                      on a line of its own only
 *   section := '[' text ']'                              text: printable, without brackets
 *   entry   := key '=' value                             key: letters, digits, '-', '_', '.'
 *
 * White space around lines, keys and values is dropped; a value may be empty (which by convention
 * resets a list) and may hold any further '='. There is no quoting and no continuation. Keys that
 * repeat are handed over in order; what repetition means is the caller's business. Every error is
 * reported and parsing goes on with the next line; entries below a malformed section header are
 * skipped, since nobody knows where they belong.
 */

#include <stddef.h>

#define VD_INI_MAX_FILE (256u * 1024u) /* bytes; for vd_file_read() */
#define VD_INI_MAX_LINE 4096u          /* bytes without the line feed */

/* Lines count from 1. Strings are borrowed for the length of the call. */
struct vd_ini_handler {
    /* A section begins; may be NULL. */
    void (*section)(void *user_data, const char *section, unsigned line);
    void (*entry)(void *user_data, const char *section, const char *key, const char *value,
                  unsigned line);
    /* text is an English sentence without a final stop and may quote the file. */
    void (*error)(void *user_data, unsigned line, const char *text);
};

/* Parses size bytes of text. Returns the number of errors that were reported. */
unsigned vd_ini_parse(const char *text, size_t size, const struct vd_ini_handler *handler,
                      void *user_data);

#endif
