/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_XVFB_H
#define TEST_XVFB_H

/* xvfb: an X server for one test. It ends with the test, also with one that fails. */

#include <sys/types.h>

#define XVFB_NAME 16

/*
 * screen: "320x240x24". Writes the display's name (":7") and returns the pid to be killed and
 * waited for, or -1 when there is no Xvfb.
 */
pid_t xvfb_start(const char *screen, char ret_display[XVFB_NAME]);

#endif
