/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STATES_H
#define CLIENT_STATES_H

/*
 * states: what a session does next, as a pure machine without I/O or clock.
 *
 *   IDLE --start--> CONNECTING --queued--> WAITING --ticket--> OPENING --live--> LIVE
 *   LIVE, or OPENING of a session that was live --lost--> RECONNECTING --ticket--> OPENING …
 *   any --stopped--> ENDED --start--> CONNECTING        (only a person starts again)
 */

#include <stdbool.h>

enum client_state {
    CLIENT_STATE_IDLE,
    CLIENT_STATE_CONNECTING,
    CLIENT_STATE_WAITING, /* for a desktop; there is a position */
    CLIENT_STATE_OPENING, /* ticket in hand, stream on its way */
    CLIENT_STATE_LIVE,
    CLIENT_STATE_RECONNECTING, /* the last picture is stale */
    CLIENT_STATE_ENDED,
};

enum client_end {
    CLIENT_END_NONE,
    CLIENT_END_DISCONNECTED, /* by the person; the desktop goes on */
    CLIENT_END_LOGGED_OFF,   /* by the person; the desktop is gone */
    CLIENT_END_SESSION,      /* by the server or inside the desktop */
    CLIENT_END_TAKEN_OVER,   /* another device shows this session now */
    CLIENT_END_DENIED,
    CLIENT_END_FULL,
    CLIENT_END_UNAVAILABLE,
    CLIENT_END_LOGIN,     /* the login is over: log in again */
    CLIENT_END_UNTRUSTED, /* the certificate changed */
};

enum client_happening {
    CLIENT_HAPPENS_START,   /* a person asked */
    CLIENT_HAPPENS_TICKET,  /* connect answered ready */
    CLIENT_HAPPENS_QUEUED,  /* connect answered waiting; delay_ms */
    CLIENT_HAPPENS_REFUSED, /* connect answered no; end */
    CLIENT_HAPPENS_SILENCE, /* connect was not answered */
    CLIENT_HAPPENS_LIVE,    /* both ends said hello */
    CLIENT_HAPPENS_STEADY,  /* the picture has come for a while */
    CLIENT_HAPPENS_LOST,    /* the stream ended; delay_ms asked for by GOAWAY, or 0 */
    CLIENT_HAPPENS_STOPPED, /* for good; end */
    CLIENT_HAPPENS_TIMER,   /* the delay is over */
};

enum client_action {
    CLIENT_DO_NOTHING,
    CLIENT_DO_ASK,   /* call connect */
    CLIENT_DO_DIAL,  /* open the stream with the ticket */
    CLIENT_DO_WAIT,  /* delay_ms, then CLIENT_HAPPENS_TIMER */
    CLIENT_DO_CLOSE, /* drop stream, calls and timer */
};

struct client_machine {
    enum client_state state;
    enum client_end end;
    unsigned attempt; /* failures in a row */
    bool was_live;    /* since the last start by a person */
};

struct client_step {
    enum client_action action;
    unsigned delay_ms;
};

#define CLIENT_MAX_BACKOFF_MS 2000u /* before jitter */
#define CLIENT_MAX_RETRY_MS   10000u

/* delay_ms: of QUEUED and LOST. end: of REFUSED and STOPPED. */
struct client_step client_machine_feed(struct client_machine *machine, enum client_happening what,
                                       unsigned delay_ms, enum client_end end);
/* 0, 250, 500, 1000, 1000 … then 2000 ms before the attempt after so many failures. */
unsigned client_backoff_ms(unsigned failures);

const char *client_state_name(enum client_state state); /* "live"; for scripts, never translated */
const char *client_end_name(enum client_end end);       /* "taken-over" */
const char *client_state_text(enum client_state state); /* for a person, in their language */
const char *client_end_text(enum client_end end);

#endif
