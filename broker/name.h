/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_NAME_H
#define BROKER_NAME_H

/* name: which spellings of users, hosts, pools and ids are accepted from outside. */

#include <stdbool.h>

#define BROKER_MAX_NAME 64u /* bytes */

/* 1 to 64 bytes of A-Z a-z 0-9 . _ @ -, not starting with '-' or '@'. */
bool broker_user_is_valid(const char *text);
/* 1 to 64 bytes of A-Z a-z 0-9 . _ -, starting with a letter or digit. */
bool broker_name_is_valid(const char *text);
/* "x-" for this prefix letter and 8 to 30 hexadecimal digits. */
bool broker_id_is_valid(const char *text, char prefix);
/* Writes prefix, '-' and 2 * bytes random hexadecimal digits; size is checked. */
void broker_id_new(char *ret_id, unsigned size, char prefix, unsigned bytes);

#endif
