/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture-x11.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hostd/streamer/x11-screen.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define GATHER_US   1000  /* after a change that follows on a look: there may be more of it */
#define PAUSE_US    16000 /* after one, a change is looked at without gathering */
#define INTERVAL_US 4000  /* between two looks while the encoder keeps up */
#define BEHIND_US   16000 /* while it has not taken the last one */
#define MAX_ORDERS  1024u

enum { WHEEL_UP = 4, WHEEL_DOWN = 5, WHEEL_LEFT = 6, WHEEL_RIGHT = 7, BACK = 8, FORWARD = 9 };

enum order_kind { ORDER_KEY, ORDER_POINTER, ORDER_MOTION, ORDER_BUTTON, ORDER_SIZE };

struct order {
    enum order_kind kind;
    uint32_t serial;
    uint16_t a, b; /* code or button and down; x, y; dx, dy, signed; width, height */
};

struct x11 {
    struct capture *capture;
    struct x11_screen *screen;
    GThread *thread;
    int wake_fd;
    GMutex lock; /* all below */
    struct order orders[MAX_ORDERS];
    size_t order_count;
    bool overflowed; /* input was dropped */
    bool watched;
    bool stop;
};

/* On the owner's thread. */

static void
wake(struct x11 *x11)
{
    uint64_t one = 1;

    /* It fails only when the counter is full: then the thread is awake. */
    while (write(x11->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static uint16_t
add_signed(uint16_t a, uint16_t b)
{
    return (uint16_t)CLAMP((int16_t)a + (int16_t)b, INT16_MIN, INT16_MAX);
}

static void
give_order(struct x11 *x11, struct order order)
{
    const struct order *last;

    g_mutex_lock(&x11->lock);
    last = x11->order_count > 0 ? &x11->orders[x11->order_count - 1] : NULL;
    if (order.kind == ORDER_POINTER && last != NULL && last->kind == ORDER_POINTER) {
        x11->order_count--; /* the newest position wins */
    } else if (order.kind == ORDER_MOTION && last != NULL && last->kind == ORDER_MOTION) {
        order.a = add_signed(last->a, order.a);
        order.b = add_signed(last->b, order.b);
        x11->order_count--;
    }
    if (x11->order_count < MAX_ORDERS) {
        x11->orders[x11->order_count++] = order;
    } else if (!x11->overflowed) {
        x11->overflowed = true;
        vd_warning("capture-x11", "the X server takes no input, dropping it");
    }
    g_mutex_unlock(&x11->lock);
    wake(x11);
}

static void
x11_key(void *state, uint32_t serial, uint16_t code, bool down)
{
    give_order(state, (struct order){ORDER_KEY, serial, code, down});
}

static void
x11_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    give_order(state, (struct order){ORDER_POINTER, serial, x, y});
}

static void
x11_motion(void *state, uint32_t serial, int dx, int dy)
{
    give_order(state, (struct order){ORDER_MOTION, serial, (uint16_t)dx, (uint16_t)dy});
}

static void
x11_button(void *state, uint32_t serial, uint8_t button, bool down)
{
    static const uint8_t buttons[CAPTURE_MAX_BUTTON + 1] = {0, 1, 2, 3, BACK, FORWARD};

    give_order(state, (struct order){ORDER_BUTTON, serial, buttons[button], down});
}

static void
turn_wheel(struct x11 *x11, uint32_t serial, uint16_t button, int notches)
{
    for (; notches > 0; notches--) {
        give_order(x11, (struct order){ORDER_BUTTON, serial, button, true});
        give_order(x11, (struct order){ORDER_BUTTON, serial, button, false});
    }
}

static void
x11_wheel(void *state, uint32_t serial, int notches_x, int notches_y)
{
    turn_wheel(state, serial, WHEEL_RIGHT, notches_x);
    turn_wheel(state, serial, WHEEL_LEFT, -notches_x);
    turn_wheel(state, serial, WHEEL_DOWN, notches_y);
    turn_wheel(state, serial, WHEEL_UP, -notches_y);
}

static void
x11_set_size(void *state, uint16_t width, uint16_t height)
{
    give_order(state, (struct order){ORDER_SIZE, 0, width, height});
}

static void
x11_pace(void *state, bool watched)
{
    struct x11 *x11 = state;

    g_mutex_lock(&x11->lock);
    x11->watched = watched;
    g_mutex_unlock(&x11->lock);
    wake(x11);
}

static void
x11_free(void *state)
{
    struct x11 *x11 = state;

    if (x11->thread != NULL) {
        g_mutex_lock(&x11->lock);
        x11->stop = true;
        g_mutex_unlock(&x11->lock);
        x11_screen_cut(x11->screen);
        wake(x11);
        g_thread_join(x11->thread);
    }
    x11_screen_close(x11->screen);
    if (x11->wake_fd >= 0) {
        close(x11->wake_fd);
    }
    g_mutex_clear(&x11->lock);
    g_free(x11);
}

/* On the thread. */

static void
follow_order(struct x11 *x11, const struct order *order)
{
    switch (order->kind) {
    case ORDER_KEY:
        x11_screen_key(x11->screen, order->a, order->b != 0);
        break;
    case ORDER_POINTER:
        x11_screen_pointer(x11->screen, order->a, order->b);
        break;
    case ORDER_MOTION:
        x11_screen_motion(x11->screen, (int16_t)order->a, (int16_t)order->b);
        break;
    case ORDER_BUTTON:
        x11_screen_button(x11->screen, (uint8_t)order->a, order->b != 0);
        break;
    case ORDER_SIZE:
        x11_screen_set_size(x11->screen, order->a, order->b);
        break;
    }
}

static void
release_all(struct x11 *x11)
{
    uint16_t i;

    for (i = 1; i <= CAPTURE_MAX_KEY; i++) {
        x11_screen_key(x11->screen, i, false);
    }
    for (i = 1; i <= FORWARD; i++) {
        x11_screen_button(x11->screen, (uint8_t)i, false);
    }
}

/* Follows what was ordered and tells whether somebody looks. False when the thread is to end. */
static bool
follow_orders(struct x11 *x11, bool *ret_watched)
{
    struct order *orders = NULL;
    size_t count;
    bool overflowed;
    bool stop;
    size_t i;

    g_mutex_lock(&x11->lock);
    count = x11->order_count;
    orders = count > 0 ? g_memdup2(x11->orders, count * sizeof(orders[0])) : NULL;
    overflowed = x11->overflowed;
    x11->order_count = 0;
    x11->overflowed = false;
    stop = x11->stop;
    *ret_watched = x11->watched;
    g_mutex_unlock(&x11->lock);
    for (i = 0; i < count && !stop; i++) {
        follow_order(x11, &orders[i]);
    }
    if (overflowed && !stop) {
        release_all(x11); /* a release may be among what was dropped */
    }
    if (count > 0 && !stop) {
        x11_screen_flush(x11->screen);
        for (i = count; i > 0; i--) {
            if (orders[i - 1].kind != ORDER_SIZE) {
                capture_delivered(x11->capture, orders[i - 1].serial);
                break;
            }
        }
    }
    g_free(orders);
    return !stop;
}

/* Waits for the server, an order, or until due_us; 0 is never. */
static void
wait_until(struct x11 *x11, int64_t due_us)
{
    struct pollfd fds[2] = {{.fd = x11_screen_fd(x11->screen), .events = POLLIN},
                            {.fd = x11->wake_fd, .events = POLLIN}};
    int64_t left_us = due_us - vd_monotonic_us();
    struct timespec timeout = {.tv_nsec = left_us > 0 ? left_us * 1000 : 0};
    uint64_t count;

    if (ppoll(fds, 2, due_us != 0 ? &timeout : NULL, NULL) > 0 && fds[1].revents != 0) {
        while (read(x11->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
        }
    }
}

static void *
run_thread(void *data)
{
    struct x11 *x11 = data;
    struct streamer_shadow *shadow = capture_shadow(x11->capture);
    int64_t grabbed_us = 0;
    int64_t first_us = 0; /* when the change was seen that is not read yet; 0: none */
    bool watched = false;
    bool good = true;

    while (good && follow_orders(x11, &watched)) {
        int64_t now_us;
        int64_t due_us = 0;

        good = x11_screen_read(x11->screen);
        now_us = vd_monotonic_us();
        if (!good || !x11_screen_is_damaged(x11->screen)) {
            first_us = 0;
        } else {
            bool behind = streamer_shadow_damaged_since(shadow) != 0;

            first_us = first_us != 0 ? first_us : now_us;
            due_us =
                first_us - grabbed_us > PAUSE_US
                    ? first_us
                    : MAX(first_us + GATHER_US, grabbed_us + (behind ? BEHIND_US : INTERVAL_US));
        }
        if (good && due_us != 0 && watched && now_us >= due_us) {
            good = x11_screen_grab(x11->screen);
            grabbed_us = vd_monotonic_us();
            first_us = 0;
        } else if (good) {
            wait_until(x11, watched ? due_us : 0);
        }
    }
    if (!good) {
        capture_lost(x11->capture, "the X server has gone");
    }
    return NULL;
}

static const struct capture_backend x11_backend = {
    .name = "x11",
    .free = x11_free,
    .set_size = x11_set_size,
    .key = x11_key,
    .pointer = x11_pointer,
    .button = x11_button,
    .motion = x11_motion,
    .wheel = x11_wheel,
    .pace = x11_pace,
};

struct capture *
capture_x11_new(const char *display, const struct capture_events *events, void *user_data,
                char **ret_error)
{
    struct x11 *x11 = g_new0(struct x11, 1);
    struct capture *capture = capture_new(events, user_data);

    g_mutex_init(&x11->lock);
    x11->capture = capture;
    x11->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x11->wake_fd < 0) {
        *ret_error = g_strdup_printf("no event descriptor: %s", strerror(errno));
    } else {
        x11->screen = x11_screen_open(display, capture_shadow(capture), ret_error);
    }
    capture_set_backend(capture, &x11_backend, x11);
    if (x11->screen == NULL) {
        capture_free(capture);
        return NULL;
    }
    x11->thread = g_thread_new("x11", run_thread, x11);
    return capture;
}
