/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, ports and options as sockets take them. */
#ifndef STANDBYD_KERNEL_ENDPOINT_H
#define STANDBYD_KERNEL_ENDPOINT_H

#include <sys/socket.h>

#include "core/types.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 /* Linux 4.15; libc's headers may lack it */
#endif

/* Sets an option that is a number. 0, or -1 with errno. */
int endpoint_set(int fd, int level, int option, int value);

/* Writes them into *out, and returns how much of it counts. */
socklen_t endpoint_of(const struct ip *, uint16_t port, struct sockaddr_storage *out);

/* The address of one of AF_INET or AF_INET6. */
struct ip endpoint_ip(const struct sockaddr_storage *);

#endif
