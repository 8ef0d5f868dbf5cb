/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kinds share: fields of their definitions, words for people, small files. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/probe_kind.h"

int probe_take_text(const json_t *definition, const char *key, bool needed, char **text)
{
	const json_t *value = json_object_get(definition, key);

	if (!value && !needed)
		return 0;
	if (!json_is_string(value))
		return -EBADMSG;
	*text = strdup(json_string_value(value));
	return *text ? 0 : -ENOMEM;
}

int probe_take_integer(const json_t *definition, const char *key, json_int_t min, json_int_t max, json_int_t *value)
{
	const json_t *number = json_object_get(definition, key);

	*value = json_integer_value(number);
	return json_is_integer(number) && *value >= min && *value <= max ? 0 : -EBADMSG;
}

int probe_take_address(const json_t *definition, struct sockaddr_storage *address, socklen_t *length)
{
	const char *text = json_string_value(json_object_get(definition, "address"));
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof *address);
	if (!text)
		return -EBADMSG;
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		*length = sizeof *in;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		*length = sizeof *in6;
		return 0;
	}
	return -EBADMSG;
}

const char *probe_reason(int error, char out[PROBE_REASON_SIZE])
{
	const char *text = strerrordesc_np(error);

	if (text)
		snprintf(out, PROBE_REASON_SIZE, "%c%s", tolower((unsigned char)text[0]), text + 1);
	else
		snprintf(out, PROBE_REASON_SIZE, "error %d", error);
	return out;
}

/* What stands for one byte; bytes of UTF-8 stay as they are. */
static const char *escaped(char byte, char out[5])
{
	static const char letters[] = "\n\r\t\"\\", names[] = "nrt\"\\";
	const char *letter = byte ? strchr(letters, byte) : NULL;

	if (letter)
		snprintf(out, 5, "\\%c", names[letter - letters]);
	else if ((unsigned char)byte < 0x20 || byte == 0x7f)
		snprintf(out, 5, "\\%03o", (unsigned)byte);
	else
		snprintf(out, 5, "%c", byte);
	return out;
}

const char *probe_quote(const char *text, char out[PROBE_QUOTE_SIZE])
{
	const size_t room = PROBE_QUOTE_SIZE - sizeof "…\"";
	size_t used = 0;
	char one[5];

	out[used++] = '"';
	for (; *text; text++) {
		size_t n = strlen(escaped(*text, one));

		if (used + n > room)
			break;
		memcpy(out + used, one, n);
		used += n;
	}
	while (used > 1 && ((unsigned char)*text & 0xc0) == 0x80) { /* not in the middle of a character */
		text--;
		used--;
	}
	strcpy(out + used, *text ? "…\"" : "\"");
	return out;
}

/* A file that is no regular one is not opened: that alone can wait, or do something. -1 and errno; 0 there means so. */
static int open_regular(const char *path)
{
	struct stat status;
	int fd;

	if (stat(path, &status) < 0)
		return -1;
	errno = 0;
	if (!S_ISREG(status.st_mode))
		return -1;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
		return fd;
	close(fd);
	errno = 0;
	return -1;
}

const char *probe_read(const char *path, char *out, size_t size, char reason[PROBE_REASON_SIZE])
{
	size_t used = 0;
	ssize_t n = -1;
	int fd = open_regular(path), error = errno;

	while (fd >= 0 && used < size - 1 && (n = read(fd, out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (fd >= 0) {
		error = n < 0 ? errno : 0;
		close(fd);
	} else if (error == 0) {
		return "not a regular file";
	}
	out[used] = '\0';
	return error ? probe_reason(error, reason) : NULL;
}
