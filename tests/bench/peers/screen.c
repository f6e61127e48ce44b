/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/screen.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>
#include <X11/Xutil.h>

int64_t
screen_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

Display *
screen_display_open(void)
{
    Display *display = XOpenDisplay(NULL);

    if (!display)
        errx(1, "cannot open the display");
    if (!XShmQueryExtension(display))
        errx(1, "the display has no shared memory");
    return display;
}

struct screen *
screen_new(Display *display, int width, int height)
{
    struct screen *screen = calloc(1, sizeof *screen);
    int number = DefaultScreen(display);

    if (!screen)
        err(1, NULL);
    screen->display = display;
    screen->image = XShmCreateImage(display, DefaultVisual(display, number),
                                    (unsigned int)DefaultDepth(display, number), ZPixmap, NULL,
                                    &screen->segment, (unsigned int)width, (unsigned int)height);
    if (!screen->image || screen->image->bits_per_pixel != 32)
        errx(1, "the display does not have 32 bits a pixel");
    screen->segment.shmid =
        shmget(IPC_PRIVATE, (size_t)width * (size_t)height * 4, IPC_CREAT | 0600);
    if (screen->segment.shmid < 0)
        err(1, "shmget");
    screen->segment.shmaddr = shmat(screen->segment.shmid, NULL, 0);
    screen->image->data = screen->segment.shmaddr;
    screen->pixels = (uint32_t *)(void *)screen->segment.shmaddr;
    XShmAttach(display, &screen->segment);
    XSync(display, False);
    shmctl(screen->segment.shmid, IPC_RMID, NULL);
    return screen;
}

void
screen_free(struct screen *screen)
{
    if (!screen)
        return;
    XShmDetach(screen->display, &screen->segment);
    XSync(screen->display, False);
    screen->image->data = NULL;
    XDestroyImage(screen->image);
    shmdt(screen->segment.shmaddr);
    free(screen);
}
