/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/api.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "client/native/apireply.h"
#include "protocol/base/secret.h"

#define API_CONNECT_TIMEOUT_MS 5000L
#define API_TIMEOUT_MS         45000L /* a PAM stack may take 30 s */

/* What the worker thread uses; it outlives the api while a call is still on the wire. */
struct api_worker {
    GAsyncQueue *queue; /* struct api_call, or the worker itself as the order to end */
    GMainContext *context;
    char *base; /* "https://host:port" */
    char *ca_pem;
    GThread *thread;
    int done; /* atomic: the thread is about to end */
};

/* Workers whose api is gone, until they are joined. Used in the main thread only. */
static GPtrArray *retired;

struct api_call {
    int refs; /* atomic: the api's list, the worker */
    int cancelled;
    struct client_api *api; /* borrowed; used in the owner's context only, not when cancelled */
    char *path;
    char *body; /* NULL for GET */
    char *bearer;
    client_api_fn done;
    void *user_data;
    GString *reply;
    char *text;
    struct client_api_result result;
};

struct client_api {
    GAsyncQueue *queue;
    struct api_worker *worker; /* goes to retired in the end */
    char *token;
    GList *calls;
};

static void
api_call_unref(void *data)
{
    struct api_call *call = data;

    if (!g_atomic_int_dec_and_test(&call->refs))
        return;
    g_free(call->path);
    vd_secret_free(call->body);
    vd_secret_free(call->bearer);
    if (call->reply) {
        explicit_bzero(call->reply->str, call->reply->len);
        g_string_free(call->reply, TRUE);
    }
    g_free(call->text);
    g_free(call);
}

static size_t
api_write(char *data, size_t size, size_t count, void *user_data)
{
    struct api_call *call = user_data;

    if (size * count > CLIENT_MAX_REPLY - call->reply->len)
        return 0;
    g_string_append_len(call->reply, data, (gssize)(size * count));
    return size * count;
}

static int
api_progress(void *user_data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct api_call *call = user_data;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return g_atomic_int_get(&call->cancelled);
}

/* Sets what is the same for every call of this worker. */
static void
api_setup(CURL *curl, const struct api_worker *worker)
{
    struct curl_blob blob = {
        .data = worker->ca_pem,
        .len = strlen(worker->ca_pem),
        .flags = CURL_BLOB_COPY,
    };

    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, API_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, API_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, api_write);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, api_progress);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static enum client_api_status
api_classify(CURLcode code, long http)
{
    switch (code) {
    case CURLE_OK:
        return http == 200 ? CLIENT_API_OK : CLIENT_API_ERROR;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return CLIENT_API_UNTRUSTED;
    default:
        return CLIENT_API_UNREACHABLE;
    }
}

static void
api_perform(CURL *curl, const struct api_worker *worker, struct api_call *call)
{
    g_autofree char *url = g_strconcat(worker->base, call->path, NULL);
    struct curl_slist *headers = NULL;
    char *bearer = NULL;
    long http = 0;
    CURLcode code;

    headers = curl_slist_append(headers, "X-Vedette-Client: native");
    headers = curl_slist_append(headers, "Accept: application/json");
    headers = curl_slist_append(headers, "Expect:");
    if (call->body)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (call->bearer) {
        bearer = g_strdup_printf("Authorization: Bearer %s", call->bearer);
        headers = curl_slist_append(headers, bearer);
        vd_secret_free(bearer);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
    if (call->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    call->result.status = api_classify(code, http);
    call->result.http = code == CURLE_OK ? http : 0;
    call->text = g_strdup(code == CURLE_OK ? "" : curl_easy_strerror(code));
}

/* In the owner's context. */
static gboolean
api_deliver(void *data)
{
    struct api_call *call = data;

    if (g_atomic_int_get(&call->cancelled))
        return G_SOURCE_REMOVE;
    call->api->calls = g_list_remove(call->api->calls, call);
    call->result.body = call->reply->str;
    call->result.size = call->reply->len;
    call->result.text = call->text;
    call->done(&call->result, call->user_data);
    api_call_unref(call);
    return G_SOURCE_REMOVE;
}

static void
api_hand_over(const struct api_worker *worker, struct api_call *call)
{
    GSource *source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, api_deliver, call, api_call_unref);
    g_source_attach(source, worker->context);
    g_source_unref(source);
}

static void *
api_run(void *data)
{
    struct api_worker *worker = data;
    CURL *curl = curl_easy_init();
    void *item;

    if (!curl)
        abort(); /* out of memory at start */
    api_setup(curl, worker);
    while ((item = g_async_queue_pop(worker->queue)) != worker) {
        struct api_call *call = item;

        if (!g_atomic_int_get(&call->cancelled))
            api_perform(curl, worker, call);
        api_hand_over(worker, call);
    }
    curl_easy_cleanup(curl);
    g_atomic_int_set(&worker->done, 1);
    return NULL;
}

static void
worker_free(void *data)
{
    struct api_worker *worker = data;

    g_thread_join(worker->thread);
    g_async_queue_unref(worker->queue);
    g_main_context_unref(worker->context);
    g_free(worker->base);
    g_free(worker->ca_pem);
    g_free(worker);
}

static void
workers_reap(void)
{
    unsigned i;

    for (i = retired ? retired->len : 0; i-- > 0;) {
        struct api_worker *worker = retired->pdata[i];

        if (g_atomic_int_get(&worker->done))
            g_ptr_array_remove_index_fast(retired, i);
    }
}

void
client_api_finish(void)
{
    g_clear_pointer(&retired, g_ptr_array_unref);
}

struct client_api *
client_api_new(const struct client_address *address, const char *ca_pem, GMainContext *context)
{
    static gsize once;
    struct client_api *api = g_new0(struct client_api, 1);
    struct api_worker *worker = g_new0(struct api_worker, 1);
    g_autofree char *where = client_address_text(address);

    if (g_once_init_enter(&once)) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            abort(); /* the TLS library does not start */
        g_once_init_leave(&once, 1);
    }
    worker->queue = g_async_queue_new();
    worker->context = g_main_context_ref(context ? context : g_main_context_default());
    worker->base = g_strconcat("https://", where, NULL);
    worker->ca_pem = g_strdup(ca_pem);
    api->worker = worker;
    api->queue = g_async_queue_ref(worker->queue);
    worker->thread = g_thread_new("api", api_run, worker);
    workers_reap();
    return api;
}

static void
api_drop(struct client_api *api, struct api_call *call)
{
    api->calls = g_list_remove(api->calls, call);
    g_atomic_int_set(&call->cancelled, 1);
    api_call_unref(call);
}

void
client_api_free(struct client_api *api)
{
    if (!api)
        return;
    while (api->calls)
        api_drop(api, api->calls->data);
    if (!retired)
        retired = g_ptr_array_new_with_free_func(worker_free);
    g_async_queue_push(api->queue, api->worker);
    g_ptr_array_add(retired, api->worker);
    g_async_queue_unref(api->queue);
    vd_secret_free(api->token);
    g_free(api);
}

void
client_api_set_token(struct client_api *api, const char *token)
{
    vd_secret_free(api->token);
    api->token = g_strdup(token);
}

void
client_api_call(struct client_api *api, const char *path, json_t *body, client_api_fn done,
                void *user_data)
{
    struct api_call *call = g_new0(struct api_call, 1);

    call->refs = 2;
    call->api = api;
    call->path = g_strdup(path);
    call->bearer = g_strdup(api->token);
    call->done = done;
    call->user_data = user_data;
    call->reply = g_string_new(NULL);
    if (body) {
        call->body = json_dumps(body, JSON_COMPACT);
        json_decref(body);
    }
    api->calls = g_list_append(api->calls, call);
    g_async_queue_push(api->queue, call);
}

void
client_api_cancel(struct client_api *api, void *user_data)
{
    GList *link = api->calls;

    while (link) {
        struct api_call *call = link->data;

        link = link->next;
        if (call->user_data == user_data)
            api_drop(api, call);
    }
}
