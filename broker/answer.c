/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/answer.h"

#include "broker/jsonget.h"

json_t *
broker_answer_new(void)
{
    json_t *json = json_object();

    json_object_set_new(json, "type", json_string("reply"));
    return json;
}

json_t *
broker_answer_error(const char *code, const char *text)
{
    json_t *json = json_object();

    json_object_set_new(json, "type", json_string("error"));
    json_object_set_new(json, "code", json_string(code));
    json_object_set_new(json, "text", broker_json_string(text));
    return json;
}

json_t *
broker_answer_store_error(void)
{
    return broker_answer_error("store",
                               "the database could not be written; the broker's log says why");
}
