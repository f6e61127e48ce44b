/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_LOG_H
#define VEDETTE_BASE_LOG_H

/*
 * log: the one log call of every program.
 *
 * Lines go to standard error: "level module: text". Text that came from a peer must pass
 * through vd_log_quote() first. Passwords, tickets, keys and clipboard contents never appear
 * here. Thread-safe: a line is one write(2).
 */

#include <stddef.h>

enum vd_log_level {
    VD_LOG_ERROR,   /* someone must act */
    VD_LOG_WARNING, /* we carried on with less */
    VD_LOG_NOTICE,  /* life events: start, login, desktop assigned, stop */
    VD_LOG_INFO,    /* one or two lines a session */
    VD_LOG_DEBUG,   /* by module, through VEDETTE_DEBUG=qmp,session or =all */
};

#define VD_LOG_QUOTE_MAX 128u /* bytes of peer text kept, before escaping */

/* Names the program in front of each line; borrowed for the life of the program. */
void vd_log_init(const char *program);

void vd_log(enum vd_log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Escapes control bytes, quotes and non-ASCII of peer text and cuts it to VD_LOG_QUOTE_MAX
 * bytes. Writes a terminated string of at most size bytes into buffer and returns buffer.
 * A size of 4 * VD_LOG_QUOTE_MAX + 4 is always enough.
 */
const char *vd_log_quote(char *buffer, size_t size, const char *text, size_t text_size);

#define vd_error(module, ...)   vd_log(VD_LOG_ERROR, module, __VA_ARGS__)
#define vd_warning(module, ...) vd_log(VD_LOG_WARNING, module, __VA_ARGS__)
#define vd_notice(module, ...)  vd_log(VD_LOG_NOTICE, module, __VA_ARGS__)
#define vd_info(module, ...)    vd_log(VD_LOG_INFO, module, __VA_ARGS__)
#define vd_debug(module, ...)   vd_log(VD_LOG_DEBUG, module, __VA_ARGS__)

#endif
