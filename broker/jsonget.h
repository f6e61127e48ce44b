/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_JSONGET_H
#define BROKER_JSONGET_H

/* jsonget: bounded fields out of JSON objects that came from outside. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies a string member that fits into size bytes with its zero; false otherwise. */
bool broker_json_text(const json_t *object, const char *key, char *ret_text, size_t size);
/* The same, but a longer text is cut at a character and a missing one or null is "". */
bool broker_json_text_cut(const json_t *object, const char *key, char *ret_text, size_t size);
bool broker_json_unsigned(const json_t *object, const char *key, unsigned max, unsigned *ret);
bool broker_json_int64(const json_t *object, const char *key, int64_t *ret);

/* json_string() of text whatever its bytes are. */
json_t *broker_json_string(const char *text);

#endif
