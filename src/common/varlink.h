/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink messages (https://varlink.org): one JSON object and a NUL byte each, over a non-blocking or blocking stream
 * socket. What daemon and command line share. */
#ifndef STANDBYD_COMMON_VARLINK_H
#define STANDBYD_COMMON_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VARLINK_INTERFACE "io.standbyd"
#define VARLINK_SOCKET    "io.standbyd" /* within the run directory */

/* Of replies, which the daemon makes; requests are limited by it far lower. */
enum { VARLINK_MESSAGE_MAX = 16 * 1024 * 1024 };

/* Of a configuration's text within a request of root, in bytes: that of 2,000 vips with an address or two. */
enum { VARLINK_TEXT_MAX = 1024 * 1024 };

/* Bytes on their way in or out. All zero but the limit is an empty buffer. */
struct varlink_buffer {
	char *bytes;
	size_t start, length; /* what is in use: bytes[start … start + length) */
	size_t size;          /* allocated */
	size_t limit;         /* most that may be in use; 0: VARLINK_MESSAGE_MAX */
	size_t scanned;       /* so much of it is known to hold no NUL */
};

/* Reads what is there; 1: something came, 0: end of stream, -EAGAIN, -EMSGSIZE (limit), -errno. */
int varlink_read(struct varlink_buffer *, int fd);
/* Takes the first complete message out: 1 and *message (a new reference), 0: not complete yet, -EBADMSG: not a JSON
 * object. */
int varlink_take(struct varlink_buffer *, json_t **message);
/* Appends a message; 0, -ENOMEM, -EMSGSIZE. On an error nothing was appended. */
int varlink_put(struct varlink_buffer *, const json_t *message);
/* Writes as much as goes; 0: all gone, -EAGAIN, -errno. */
int varlink_write(struct varlink_buffer *, int fd);
void varlink_buffer_free(struct varlink_buffer *);

/* The control socket's address. A run directory whose name is too long for a socket address is reached through its open
 * fd (-1: none). 0 or -ENAMETOOLONG. */
int varlink_address(const char *rundir, int rundir_fd, struct sockaddr_un *);

#endif
