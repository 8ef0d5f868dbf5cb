/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/varlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	READ_CHUNK = 16 * 1024,
	KEEP_SIZE = 64 * 1024, /* an emptied buffer larger than this gives its memory back */
};

static size_t buffer_limit(const struct varlink_buffer *b)
{
	return b->limit ? b->limit : VARLINK_MESSAGE_MAX;
}

/* Room for `more` bytes behind what is in use. */
static int buffer_reserve(struct varlink_buffer *b, size_t more)
{
	if (more > buffer_limit(b) || b->length > buffer_limit(b) - more)
		return -EMSGSIZE;
	if (b->start + b->length + more <= b->size)
		return 0;
	if (b->start > 0) {
		memmove(b->bytes, b->bytes + b->start, b->length);
		b->start = 0;
	}
	if (b->length + more <= b->size)
		return 0;

	size_t size = b->size ? b->size : 1024;
	while (size < b->length + more)
		size *= 2;
	char *bytes = realloc(b->bytes, size);
	if (!bytes)
		return -ENOMEM;
	b->bytes = bytes;
	b->size = size;
	return 0;
}

static void buffer_consume(struct varlink_buffer *b, size_t n)
{
	b->start += n;
	b->length -= n;
	if (b->length > 0)
		return;
	b->start = 0;
	if (b->size > KEEP_SIZE) {
		free(b->bytes);
		b->bytes = NULL;
		b->size = 0;
	}
}

int varlink_read(struct varlink_buffer *b, int fd)
{
	size_t room = buffer_limit(b) > b->length ? buffer_limit(b) - b->length : 0;
	if (room == 0)
		return -EMSGSIZE;
	if (room > READ_CHUNK)
		room = READ_CHUNK;
	int r = buffer_reserve(b, room);
	if (r < 0)
		return r;

	ssize_t n;
	do
		n = recv(fd, b->bytes + b->start + b->length, room, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	b->length += (size_t)n;
	return n > 0;
}

int varlink_take(struct varlink_buffer *b, json_t **message)
{
	if (b->scanned >= b->length)
		return 0;
	const char *begin = b->bytes + b->start;
	const char *end = memchr(begin + b->scanned, 0, b->length - b->scanned);
	if (!end) {
		b->scanned = b->length;
		return 0;
	}
	size_t length = (size_t)(end - begin);
	json_t *json = json_loadb(begin, length, JSON_REJECT_DUPLICATES, NULL);
	buffer_consume(b, length + 1);
	b->scanned = 0;
	if (!json_is_object(json)) {
		json_decref(json);
		return -EBADMSG;
	}
	*message = json;
	return 1;
}

struct put {
	struct varlink_buffer *buffer;
	int error;
};

static int put_bytes(const char *bytes, size_t n, void *data)
{
	struct put *put = data;
	put->error = buffer_reserve(put->buffer, n);
	if (put->error)
		return -1;
	memcpy(put->buffer->bytes + put->buffer->start + put->buffer->length, bytes, n);
	put->buffer->length += n;
	return 0;
}

int varlink_put(struct varlink_buffer *b, const json_t *message)
{
	struct put put = { .buffer = b };
	size_t before = b->length, flags = JSON_COMPACT | JSON_REAL_PRECISION(12);

	if (json_dump_callback(message, put_bytes, &put, flags) == 0 && put_bytes("", 1, &put) == 0)
		return 0;
	b->length = before;
	return put.error ? put.error : -ENOMEM;
}

int varlink_write(struct varlink_buffer *b, int fd)
{
	while (b->length > 0) {
		ssize_t n = send(fd, b->bytes + b->start, b->length, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
		buffer_consume(b, (size_t)n);
	}
	return 0;
}

int varlink_address(const char *rundir, int rundir_fd, struct sockaddr_un *address)
{
	int n;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address->sun_path, sizeof address->sun_path, "%s/" VARLINK_SOCKET, rundir);
	if (n >= 0 && (size_t)n < sizeof address->sun_path)
		return 0;
	if (rundir_fd < 0)
		return -ENAMETOOLONG;
	snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/" VARLINK_SOCKET, rundir_fd);
	return 0;
}

void varlink_buffer_free(struct varlink_buffer *b)
{
	free(b->bytes);
	*b = (struct varlink_buffer){ .limit = b->limit };
}
