/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_JAIL_H
#define STREAMER_JAIL_H

/*
 * jail: takes from the process what a streamer never needs. Linux only, for good, all threads.
 *
 * After it: no program is started, no child process, no file is opened for writing or made, no
 * socket but unix and internet ones, nothing is traced or mounted, nobody listens. Threads, TLS,
 * name look-up and reading (/etc/resolv.conf, /dev/urandom) go on. What no library of ours does
 * kills the process; what libraries try now and then is refused with an error.
 */

/* 0 or a negative errno; on failure the process must not go on. */
int streamer_jail_enter(void);

#endif
