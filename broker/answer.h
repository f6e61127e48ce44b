/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ANSWER_H
#define BROKER_ANSWER_H

/* answer: what vedettectl hears. New references. */

#include <jansson.h>

json_t *broker_answer_new(void); /* {"type":"reply"} */
json_t *broker_answer_error(const char *code, const char *text);
json_t *broker_answer_store_error(void);

#endif
