/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink messages (https://varlink.org): one JSON object and a NUL byte each, over a non-blocking or blocking stream
 * socket. What daemon and command line share. */
#ifndef STANDBYD_COMMON_VARLINK_H
#define STANDBYD_COMMON_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define VARLINK_INTERFACE "io.standbyd"
#define VARLINK_SOCKET    "io.standbyd" /* within the run directory */

enum { VARLINK_MESSAGE_MAX = 16 * 1024 * 1024 }; /* of replies, which the daemon makes; requests are limited by it far lower */

struct varlink_buffer {
	char *bytes;
	size_t length, size, limit;
};

/* Reads what is there; 1: something came, 0: end of stream, -EAGAIN, -EMSGSIZE (limit), -errno. */
int varlink_read(struct varlink_buffer *, int fd);
/* Takes the first complete message out: 1 and *message (a new reference), 0: not complete yet, -EBADMSG: not a JSON object. */
int varlink_take(struct varlink_buffer *, json_t **message);
/* Appends a message; 0, -ENOMEM, -EMSGSIZE. */
int varlink_put(struct varlink_buffer *, const json_t *message);
/* Writes as much as goes; 0: all gone, -EAGAIN, -errno. */
int varlink_write(struct varlink_buffer *, int fd);
void varlink_buffer_free(struct varlink_buffer *);

#endif
