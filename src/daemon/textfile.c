/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_SIZE = 160, NAME_MAX_SIZE = 32 };

static void print_header(char out[HEADER_SIZE], const struct textfile *file)
{
	char boot[2 * sizeof file->world->boot_id + 1];

	for (size_t i = 0; i < sizeof file->world->boot_id; i++)
		sprintf(boot + 2 * i, "%02x", file->world->boot_id[i]);
	snprintf(out, HEADER_SIZE, "standbyd %s 1\nboot %s\nnetns %" PRIu64 "\n", file->name, boot, file->world->netns);
}

static void temporary(char out[NAME_MAX_SIZE], const struct textfile *file)
{
	snprintf(out, NAME_MAX_SIZE, "%s.new", file->name);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* The whole file as text, to be freed. */
static int slurp(const struct textfile *file, size_t max, char **text)
{
	struct stat status;
	size_t have = 0;
	ssize_t n = 0;
	int fd = openat(file->rundir, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)(max + HEADER_SIZE)) {
		close(fd);
		return -EBADMSG;
	}
	*text = malloc((size_t)status.st_size + 1);
	while (*text && have < (size_t)status.st_size &&
	       (n = read(fd, *text + have, (size_t)status.st_size - have)) > 0)
		have += (size_t)n;
	close(fd);
	if (!*text)
		return -ENOMEM;
	(*text)[have] = '\0';
	return strlen(*text) == have ? 0 : -EBADMSG;
}

/* Leaves what is between the header and "end". */
static int strip(const struct textfile *file, char *text)
{
	static const char end[] = "end\n";
	char header[HEADER_SIZE];
	size_t length;

	print_header(header, file);
	if (strncmp(text, header, strcspn(header, "\n") + 1) != 0)
		return -EBADMSG;
	if (strncmp(text, header, strlen(header)) != 0)
		return -ESTALE;
	memmove(text, text + strlen(header), strlen(text + strlen(header)) + 1);
	length = strlen(text);
	if (length < strlen(end) || strcmp(text + length - strlen(end), end) != 0)
		return -EBADMSG;
	length -= strlen(end);
	text[length] = '\0';
	return length && text[length - 1] != '\n' ? -EBADMSG : 0;
}

int textfile_read(const struct textfile *file, size_t max, char **text)
{
	int r;

	*text = NULL;
	r = slurp(file, max, text);
	if (r == 0)
		r = strip(file, *text);
	if (r < 0) {
		free(*text);
		*text = NULL;
	}
	return r;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int write_file(const struct textfile *file, const char *name, void (*print)(FILE *, const struct core *),
		      const struct core *core)
{
	int fd = openat(file->rundir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	char header[HEADER_SIZE];

	if (!out) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	print_header(header, file);
	fputs(header, out);
	print(out, core);
	fputs("end\n", out);
	if (fflush(out) != 0)
		r = -errno;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

int textfile_write(const struct textfile *file, void (*print)(FILE *, const struct core *), const struct core *core)
{
	char name[NAME_MAX_SIZE];
	int r;

	temporary(name, file);
	if (unlinkat(file->rundir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_file(file, name, print, core);
	if (r == 0 && renameat(file->rundir, name, file->rundir, file->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(file->rundir, name, 0);
	return r;
}

int textfile_remove(const struct textfile *file)
{
	return unlinkat(file->rundir, file->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
