/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_SOCKET_H
#define KVM_SOCKET_H

/*
 * socket: unix stream sockets by folder descriptor and name.
 *
 * The address goes through /proc/self/fd, so that a state folder of any depth fits into sun_path.
 */

/* Binds and listens with mode 0600, replacing an old socket file: a descriptor or -errno. */
int kvm_socket_listen(int folder, const char *name);

/*
 * Connects without waiting: a non-blocking descriptor, or -ECONNREFUSED (nobody listens), -ENOENT,
 * -EAGAIN (the listener's queue is full) or another negative errno.
 */
int kvm_socket_connect(int folder, const char *name);

#endif
