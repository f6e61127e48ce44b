/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

/*
 * store: what survives a restart of the broker, committed before it is acknowledged.
 *
 * Rows are plain structs with fixed, zero-terminated text; "" stands for none. Tokens are given in
 * clear and only their SHA-256 is written. Times are wall clock milliseconds. One thread. A call
 * returns STORE_FAILED with *error set when the database could not do it; nothing was changed then.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_ID_MAX   32u  /* bytes of an id: desktop, session, stream */
#define STORE_NAME_MAX 64u  /* bytes of a name: host, pool, image, user, source */
#define STORE_URL_MAX  256u /* bytes */
#define STORE_TEXT_MAX 256u /* bytes of an audit text that are kept */

#define STORE_ACCOUNT_MAX 4000u /* bytes of an account as JSON */

#define STORE_MAX_THROTTLE 65536u /* rows; the oldest go first */
#define STORE_MAX_AUDIT    200000u

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);
enum store_error { STORE_ERROR_BUSY, STORE_ERROR_VERSION, STORE_ERROR_IO };

enum store_result { STORE_FAILED = -1, STORE_NONE = 0, STORE_OK = 1 };

struct store;

struct store_host {
    char name[STORE_NAME_MAX + 1];
    bool drained; /* gets no new desktops */
    bool revoked; /* may not connect */
    int64_t joined_ms;
};

struct store_desktop {
    char id[STORE_ID_MAX + 1];
    char host[STORE_NAME_MAX + 1];
    unsigned slot; /* unique on its host */
    char pool[STORE_NAME_MAX + 1];
    char image[STORE_NAME_MAX + 1];
    unsigned revision;
    int64_t epoch;
    unsigned cpu;
    unsigned memory_mb;
    bool accel_any;                 /* false: KVM only */
    unsigned display;               /* enum broker_display */
    bool gone;                      /* wanted state; otherwise stopped, parked or running */
    bool stopped;                   /* wanted state: switched off, its disk kept */
    bool parked;                    /* wanted state: its memory in a file */
    bool polite;                    /* gone: its guest is shut down in order first */
    char owner[STORE_NAME_MAX + 1]; /* whose it is for good; "": anyone's */
    char origin[STORE_ID_MAX + 1];  /* what it was in the trash, "": it was not */
    int64_t created_ms;
    int64_t old_ms; /* since when a newer revision of its image is in force; 0: none is */
};

struct store_session {
    char id[STORE_ID_MAX + 1];
    char user[STORE_NAME_MAX + 1];
    char pool[STORE_NAME_MAX + 1];
    char desktop[STORE_ID_MAX + 1]; /* "" while it waits for one */
    int64_t created_ms;
    int64_t disconnected_ms;             /* since when no client shows it; 0 while one does */
    char account[STORE_ACCOUNT_MAX + 1]; /* whom the desktop signs in, as JSON; "": nobody */
};

/* Where the disk of a user in a pool is; there is one of it, and it stays there. */
struct store_userdisk {
    char pool[STORE_NAME_MAX + 1];
    char user[STORE_NAME_MAX + 1];
    char host[STORE_NAME_MAX + 1];
    bool gone; /* wanted state: its host deletes it, and then the row goes */
    int64_t created_ms;
};

#define STORE_ROLLOUT_POOL INT64_C(-1) /* as each pool says */

/* What was said when the revision of an image was published: what sessions on others have left. */
struct store_rollout {
    char image[STORE_NAME_MAX + 1];
    unsigned revision;
    int64_t began_ms;
    int64_t ask_ms; /* after which users are asked to change, 0: never, or STORE_ROLLOUT_POOL */
    int64_t end_ms; /* after which sessions end, the same way */
};

struct store_stream {
    char id[STORE_ID_MAX + 1];
    char session[STORE_ID_MAX + 1];
    char desktop[STORE_ID_MAX + 1];
    char gateway[STORE_NAME_MAX + 1]; /* the one that was told to expect it */
    char url[STORE_URL_MAX + 1];      /* where the streamer dials */
    bool joined;
    int64_t created_ms;
};

enum store_ticket_kind { STORE_TICKET_CLIENT, STORE_TICKET_UPLINK };

struct store_ticket {
    enum store_ticket_kind kind;
    char stream[STORE_ID_MAX + 1];
    char session[STORE_ID_MAX + 1];
    char user[STORE_NAME_MAX + 1];
    int64_t expires_ms;
};

struct store_throttle {
    char account[STORE_NAME_MAX + 1];
    char source[STORE_NAME_MAX + 1]; /* "" for the account as a whole */
    unsigned failures;
    int64_t since_ms; /* first failure that counts */
    int64_t last_ms;
    int64_t until_ms; /* no attempt is evaluated before */
};

struct store_event {
    const char *kind; /* "login", "refused", "session-start", … */
    const char *user;
    const char *source;
    const char *subject; /* pool, session, desktop or host */
    const char *text;
};

/*
 * Opens or makes the database at path and takes path.lock for this process. STORE_ERROR_BUSY when
 * another broker holds it, STORE_ERROR_VERSION when a newer broker wrote it.
 */
struct store *store_open(const char *path, GError **error);
void store_free(struct store *store); /* accepts NULL */

/* Several calls that take effect together. end() commits when ok, otherwise takes all back. */
bool store_begin(struct store *store, GError **error);
bool store_end(struct store *store, bool ok, GError **error);

/* Arrays of the structs above, by value; NULL on failure. */
GArray *store_hosts_load(struct store *store, GError **error);
GArray *store_desktops_load(struct store *store, GError **error);
GArray *store_sessions_load(struct store *store, GError **error);
GArray *store_streams_load(struct store *store, GError **error);
GArray *store_userdisks_load(struct store *store, GError **error);
GArray *store_rollouts_load(struct store *store, GError **error);

/* Insert, or update the row with the same id. */
bool store_host_put(struct store *store, const struct store_host *host, GError **error);
bool store_desktop_put(struct store *store, const struct store_desktop *desktop, GError **error);
bool store_session_put(struct store *store, const struct store_session *session, GError **error);
bool store_stream_put(struct store *store, const struct store_stream *stream, GError **error);
bool store_userdisk_put(struct store *store, const struct store_userdisk *disk, GError **error);
bool store_rollout_put(struct store *store, const struct store_rollout *rollout, GError **error);

/* Removing what is not there succeeds. A session takes its streams and tickets along. */
bool store_desktop_remove(struct store *store, const char *id, GError **error);
bool store_session_remove(struct store *store, const char *id, GError **error);
bool store_stream_remove(struct store *store, const char *id, GError **error);
bool store_userdisk_remove(struct store *store, const char *pool, const char *user, GError **error);

/* One-time permission for a host of this name to join. */
bool store_join_token_put(struct store *store, const char *token, const char *host,
                          int64_t expires_ms, GError **error);
/* STORE_OK once, for the right name, in time. */
enum store_result store_join_token_redeem(struct store *store, const char *token, const char *host,
                                          int64_t now_ms, GError **error);

/* A logged-in bearer. find() refuses and forgets one that was idle for idle_ms. */
bool store_login_put(struct store *store, const char *token, const char *user, int64_t now_ms,
                     GError **error);
enum store_result store_login_find(struct store *store, const char *token, int64_t now_ms,
                                   int64_t idle_ms, char ret_user[STORE_NAME_MAX + 1],
                                   GError **error);
bool store_login_remove(struct store *store, const char *token, GError **error);

bool store_ticket_put(struct store *store, const char *token, const struct store_ticket *ticket,
                      GError **error);
/* STORE_OK exactly once, in time, while the session still exists and is still this user's. */
enum store_result store_ticket_redeem(struct store *store, const char *token,
                                      enum store_ticket_kind kind, int64_t now_ms,
                                      struct store_ticket *ret_ticket, GError **error);

enum store_result store_throttle_get(struct store *store, const char *account, const char *source,
                                     struct store_throttle *ret_row, GError **error);
bool store_throttle_put(struct store *store, const struct store_throttle *row, GError **error);
bool store_throttle_remove(struct store *store, const char *account, const char *source,
                           GError **error);

/* A line of the audit trail as it was kept. */
struct store_entry {
    int64_t at_ms;
    char kind[32];
    char user[STORE_NAME_MAX + 1];
    char source[STORE_NAME_MAX + 1];
    char subject[STORE_NAME_MAX + 1];
    char text[STORE_TEXT_MAX + 1];
};

/* The newest entries since then, at most max, oldest first; NULL and *error on failure. */
GArray *store_audit_load(struct store *store, int64_t since_ms, unsigned max, GError **error);

bool store_audit(struct store *store, const struct store_event *event, int64_t now_ms,
                 GError **error);

/* Forgets what expired and keeps the bounded tables bounded. */
bool store_prune(struct store *store, int64_t now_ms, int64_t idle_ms, GError **error);

#endif
