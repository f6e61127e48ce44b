/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link-private.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <string.h>

#include "protocol/base/log.h"

/*
 * libwebsockets' own loop on one thread. It lives as long as the process: links come and go, and a
 * thread that outlives them costs nothing.
 */

#define MAX_LINES      1024 /* sockets this process can hold through links */
#define READ_BYTES     65536
#define HANDSHAKE_SECS 10 /* for each step of TLS and upgrade */

struct job {
    vdp_loop_fn fn;
    void *data;
};

static struct lws_context *loop_context;
static struct lws_vhost *client_vhost;
static GMutex jobs_lock;
static GQueue jobs = G_QUEUE_INIT;

static const struct lws_protocols client_protocols[] = {
    {.name = VDP_LINK_SUB_PROTOCOL,
     .callback = vdp_line_client_callback,
     .rx_buffer_size = READ_BYTES},
    {0},
};

static void
on_lws_log(int level, const char *line)
{
    size_t size = strlen(line);
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    (void)level;
    size -= size > 0 && line[size - 1] == '\n' ? 1 : 0;
    vd_debug("lws", "%s", vd_log_quote(quoted, sizeof(quoted), line, size));
}

static void
run_jobs(void)
{
    for (;;) {
        struct job *job;

        g_mutex_lock(&jobs_lock);
        job = g_queue_pop_head(&jobs);
        g_mutex_unlock(&jobs_lock);
        if (job == NULL) {
            return;
        }
        job->fn(job->data);
        g_free(job);
    }
}

static gpointer
loop_run(gpointer data)
{
    (void)data;
    for (;;) {
        run_jobs();
        if (lws_service(loop_context, 0) < 0) {
            vd_error("link", "libwebsockets stopped; no link works any more");
            return NULL;
        }
    }
}

static void
start_thread(void)
{
    sigset_t all;
    sigset_t before;

    /* Signals belong to the program's main loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    g_thread_unref(g_thread_new("vdp-link", loop_run, NULL));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static gpointer
loop_start(gpointer data)
{
    static const lws_retry_bo_t keepalive = {.secs_since_valid_ping = VDP_LINK_PING_SECS,
                                             .secs_since_valid_hangup = VDP_LINK_DEAD_SECS};
    struct lws_context_creation_info info = {0};

    (void)data;
    /* The thread may still use OpenSSL while the process exits. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, on_lws_log);
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.fd_limit_per_thread = MAX_LINES;
    info.pt_serv_buf_size = READ_BYTES;
    info.timeout_secs = HANDSHAKE_SECS;
    info.retry_and_idle_policy = &keepalive;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    loop_context = lws_create_context(&info);
    g_assert(loop_context != NULL);
    info.vhost_name = "link-client";
    info.protocols = client_protocols;
    info.provided_client_ssl_ctx = vdp_verify_client_ctx();
    info.alpn = "http/1.1";
    info.connect_timeout_secs = 3600; /* each link has its own deadline */
    client_vhost = lws_create_vhost(loop_context, &info);
    g_assert(client_vhost != NULL);
    start_thread();
    return NULL;
}

void
vdp_loop_post(vdp_loop_fn fn, void *data)
{
    static GOnce once = G_ONCE_INIT;
    struct job *job = g_new(struct job, 1);

    g_once(&once, loop_start, NULL);
    job->fn = fn;
    job->data = data;
    g_mutex_lock(&jobs_lock);
    g_queue_push_tail(&jobs, job);
    g_mutex_unlock(&jobs_lock);
    lws_cancel_service(loop_context);
}

struct lws_context *
vdp_loop_context(void)
{
    return loop_context;
}

struct lws_vhost *
vdp_loop_client_vhost(void)
{
    return client_vhost;
}
