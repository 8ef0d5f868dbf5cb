/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and ports as sockets take them. */
#ifndef STANDBYD_KERNEL_ENDPOINT_H
#define STANDBYD_KERNEL_ENDPOINT_H

#include <sys/socket.h>

#include "core/types.h"

/* Writes them into *out, and returns how much of it counts. */
socklen_t endpoint_of(const struct ip *, uint16_t port, struct sockaddr_storage *out);

/* The address of one of AF_INET or AF_INET6. */
struct ip endpoint_ip(const struct sockaddr_storage *);

#endif
