/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/gather.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

struct vdp_gather {
    SSL *ssl;
    BIO *bio; /* the filter, which owns this too; NULL when it and ssl are gone */
    vdp_gather_more_fn more;
    void *user_data;
    unsigned owners; /* the filter and whoever called vdp_gather_new() */
    bool gathering;
    long mode;   /* of ssl, before that */
    uint8_t *in; /* VDP_GATHER_BYTES, or NULL when nothing waits */
    size_t in_at, in_size;
    uint8_t *out; /* what the socket did not take, or NULL */
    size_t out_at, out_size;
};

static uint8_t *spare; /* for the next read: mostly, all is taken at once */
static uint8_t kept[VDP_GATHER_BYTES];
static size_t kept_size;

static void
disown(struct vdp_gather *gather)
{
    if (--gather->owners == 0) {
        free(gather->in);
        free(gather->out);
        free(gather);
    }
}

static void
release_in(struct vdp_gather *gather)
{
    if (spare == NULL) {
        spare = gather->in;
    } else {
        free(gather->in);
    }
    gather->in = NULL;
    gather->in_at = 0;
    gather->in_size = 0;
}

/* Takes what the socket has; like BIO_read(). */
static int
fill(BIO *bio, struct vdp_gather *gather)
{
    int r;

    gather->in = spare != NULL ? spare : malloc(VDP_GATHER_BYTES);
    spare = NULL;
    if (gather->in == NULL) {
        return -1;
    }
    r = BIO_read(BIO_next(bio), gather->in, (int)VDP_GATHER_BYTES);
    BIO_copy_next_retry(bio);
    if (r > 0) {
        gather->in_size = (size_t)r;
    } else {
        release_in(gather);
    }
    return r;
}

static int
filter_read(BIO *bio, char *data, int size)
{
    struct vdp_gather *gather = BIO_get_data(bio);
    size_t part;

    BIO_clear_retry_flags(bio);
    if (size <= 0) {
        return 0;
    }
    if (gather->in == NULL) {
        int r = fill(bio, gather);

        if (r <= 0) {
            return r;
        }
    }
    part = gather->in_size - gather->in_at;
    part = part < (size_t)size ? part : (size_t)size;
    memcpy(data, gather->in + gather->in_at, part);
    gather->in_at += part;
    if (gather->in_at == gather->in_size) {
        release_in(gather);
    } else if (gather->more != NULL) {
        gather->more(gather->user_data);
    }
    return (int)part;
}

/* Writes what the socket did not take before; like vdp_gather_end(). */
static int
drain_out(BIO *bio, struct vdp_gather *gather)
{
    while (gather->out != NULL) {
        int r = BIO_write(BIO_next(bio), gather->out + gather->out_at,
                          (int)(gather->out_size - gather->out_at));

        if (r <= 0) {
            BIO_copy_next_retry(bio);
            return BIO_should_retry(bio) ? 1 : -1;
        }
        gather->out_at += (size_t)r;
        if (gather->out_at == gather->out_size) {
            free(gather->out);
            gather->out = NULL;
        }
    }
    return 0;
}

/* Writes what was gathered, and keeps what the socket does not take. */
static int
drain_kept(BIO *bio, struct vdp_gather *gather)
{
    size_t at = 0;
    int r = drain_out(bio, gather);

    while (r == 0 && at < kept_size) {
        int n = BIO_write(BIO_next(bio), kept + at, (int)(kept_size - at));

        if (n > 0) {
            at += (size_t)n;
        } else {
            r = BIO_should_retry(BIO_next(bio)) ? 1 : -1;
        }
    }
    if (r == 1 && at < kept_size) {
        size_t old = gather->out != NULL ? gather->out_size - gather->out_at : 0;
        uint8_t *out = malloc(old + kept_size - at);

        if (out == NULL) {
            r = -1;
        } else {
            if (old > 0) {
                memcpy(out, gather->out + gather->out_at, old);
            }
            memcpy(out + old, kept + at, kept_size - at);
            free(gather->out);
            gather->out = out;
            gather->out_at = 0;
            gather->out_size = old + kept_size - at;
        }
    }
    kept_size = 0;
    return r;
}

static int
filter_write(BIO *bio, const char *data, int size)
{
    struct vdp_gather *gather = BIO_get_data(bio);
    int r;

    BIO_clear_retry_flags(bio);
    if (size <= 0) {
        return 0;
    }
    if (gather->gathering) {
        if ((size_t)size > sizeof(kept) - kept_size && drain_kept(bio, gather) < 0) {
            return -1;
        }
        if ((size_t)size > sizeof(kept) - kept_size) {
            return -1; /* no record of TLS is that long */
        }
        memcpy(kept + kept_size, data, (size_t)size);
        kept_size += (size_t)size;
        BIO_clear_retry_flags(bio);
        return size;
    }
    r = drain_out(bio, gather);
    if (r != 0) {
        return -1; /* the flags say whether to try again */
    }
    r = BIO_write(BIO_next(bio), data, size);
    BIO_copy_next_retry(bio);
    return r;
}

static long
filter_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct vdp_gather *gather = BIO_get_data(bio);

    if (command == BIO_CTRL_DUP) {
        return 0;
    }
    if (command == BIO_CTRL_PENDING && gather->in != NULL) {
        return (long)vdp_gather_waiting(gather);
    }
    return BIO_ctrl(BIO_next(bio), command, number, pointer);
}

static int
filter_destroy(BIO *bio)
{
    struct vdp_gather *gather = BIO_get_data(bio);

    if (gather != NULL) {
        kept_size = gather->gathering ? 0 : kept_size;
        gather->bio = NULL;
        BIO_set_data(bio, NULL);
        disown(gather);
    }
    return 1;
}

/* Made once and never freed: it lives as long as any connection may. */
static const BIO_METHOD *
filter_method(void)
{
    static BIO_METHOD *method;
    BIO_METHOD *made;

    if (method != NULL) {
        return method;
    }
    made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "gather");
    if (made == NULL || BIO_meth_set_read(made, filter_read) != 1 ||
        BIO_meth_set_write(made, filter_write) != 1 || BIO_meth_set_ctrl(made, filter_ctrl) != 1 ||
        BIO_meth_set_destroy(made, filter_destroy) != 1) {
        BIO_meth_free(made);
        return NULL;
    }
    method = made;
    return method;
}

struct vdp_gather *
vdp_gather_new(void *ssl, vdp_gather_more_fn more, void *user_data)
{
    BIO *socket = SSL_get_rbio(ssl);
    const BIO_METHOD *method = filter_method();
    struct vdp_gather *gather;
    BIO *bio;

    if (method == NULL || socket == NULL || socket != SSL_get_wbio(ssl)) {
        return NULL;
    }
    gather = calloc(1, sizeof(*gather));
    bio = BIO_new(method);
    if (gather == NULL || bio == NULL || BIO_up_ref(socket) != 1) {
        BIO_free(bio);
        free(gather);
        return NULL;
    }
    gather->owners = 2;
    gather->ssl = ssl;
    gather->bio = bio;
    gather->more = more;
    gather->user_data = user_data;
    BIO_set_data(bio, gather);
    BIO_set_init(bio, 1);
    (void)BIO_push(bio, socket);
    SSL_set_bio(ssl, bio, bio);
    /* Idle connections need no buffers of a record's size. */
    (void)SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    return gather;
}

void
vdp_gather_free(struct vdp_gather *gather)
{
    if (gather != NULL) {
        gather->more = NULL;
        disown(gather);
    }
}

size_t
vdp_gather_waiting(const struct vdp_gather *gather)
{
    return gather->in_size - gather->in_at;
}

void
vdp_gather_begin(struct vdp_gather *gather)
{
    if (gather->bio != NULL) {
        gather->gathering = true;
        /* libwebsockets lets SSL_write() return after each record; here none has to wait. */
        gather->mode = SSL_get_mode(gather->ssl);
        (void)SSL_clear_mode(gather->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    }
}

int
vdp_gather_end(struct vdp_gather *gather)
{
    if (gather->bio == NULL) {
        return -1;
    }
    if (gather->gathering) {
        gather->gathering = false;
        (void)SSL_set_mode(gather->ssl, gather->mode);
    }
    return drain_kept(gather->bio, gather);
}
