/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/arena.h"
#include "config/diagnostics.h"

/* Well-formed sequences of the Unicode Standard, table 3-7: nothing overlong, no surrogates, nothing past U+10FFFF. */
size_t utf8_sequence(const char *text, const char *end)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t room = (size_t)(end - text), length;
	unsigned low = 0x80, high = 0xbf;

	if (byte[0] < 0x80)
		return 1;
	if (byte[0] >= 0xc2 && byte[0] <= 0xdf)
		length = 2;
	else if (byte[0] >= 0xe0 && byte[0] <= 0xef)
		length = 3;
	else if (byte[0] >= 0xf0 && byte[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (room < length)
		return 0;
	if (byte[0] == 0xe0)
		low = 0xa0;
	if (byte[0] == 0xed)
		high = 0x9f;
	if (byte[0] == 0xf0)
		low = 0x90;
	if (byte[0] == 0xf4)
		high = 0x8f;
	if (byte[1] < low || byte[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

const char *source_line(const struct source *source, unsigned line, size_t *length)
{
	*length = 0;
	if (line == 0 || line > source->n_lines)
		return "";
	size_t start = source->lines[line - 1];
	*length = strcspn(source->bytes + start, "\r\n");
	return source->bytes + start;
}

static bool divide_into_lines(struct arena *arena, struct source *source)
{
	size_t *lines = NULL;
	for (size_t at = 0;;) {
		lines = arena_grow(arena, lines, source->n_lines, sizeof *lines);
		if (!lines)
			return false;
		lines[source->n_lines++] = at;
		at += strcspn(source->bytes + at, "\r\n");
		if (source->bytes[at] == '\r' && source->bytes[at + 1] == '\n')
			at++;
		if (at >= source->size)
			break;
		at++;
	}
	source->lines = lines;
	return true;
}

static void refuse_byte(struct diagnostics *diagnostics, struct source *source, size_t at, bool control)
{
	unsigned line = 1, column = 1;
	while (line < source->n_lines && source->lines[line] <= at)
		line++;
	for (const char *p = source->bytes + source->lines[line - 1]; p < source->bytes + at;
	     p += utf8_sequence(p, source->bytes + at))
		column++;
	struct place place = { .source = source, .line = line, .column = column };
	unsigned byte = (unsigned char)source->bytes[at];
	if (control)
		diagnostics_error(diagnostics, &place, "control character 0x%02x in the file", byte);
	else
		diagnostics_error(diagnostics, &place, "the file is not UTF-8: byte 0x%02x", byte);
}

/* libfyaml stops at some of these and takes others: here they are all told alike, and before it sees them. */
static bool check_text(struct diagnostics *diagnostics, struct source *source)
{
	const char *end = source->bytes + source->size;
	for (const char *p = source->bytes; p < end;) {
		unsigned char byte = (unsigned char)*p;
		size_t length = utf8_sequence(p, end);
		bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f;
		if (!length || control) {
			refuse_byte(diagnostics, source, (size_t)(p - source->bytes), control);
			return false;
		}
		p += length;
	}
	return true;
}

static void refuse_file(struct diagnostics *diagnostics, const struct source *source, int error)
{
	struct place place = { .source = source };
	if (error == EISDIR)
		diagnostics_error(diagnostics, &place, "this is a directory, not a file");
	else if (error == EFBIG)
		diagnostics_error(diagnostics, &place, "the file is larger than %d MiB", SOURCE_SIZE_MAX / 1024 / 1024);
	else
		diagnostics_error(diagnostics, &place, "cannot read the file: %s", strerror(error));
	if (!diagnostics->file_error)
		diagnostics->file_error = error;
}

/* Everything until the end of the file, so that pipes work too: 0 or errno. *bytes is to be freed. */
static int read_bytes(int fd, char **bytes, size_t *size)
{
	size_t room = 0;
	*bytes = NULL;
	*size = 0;
	for (;;) {
		if (*size + 1 >= room) {
			room = room ? room * 2 : 16 * 1024;
			char *larger = realloc(*bytes, room);
			if (!larger)
				return ENOMEM;
			*bytes = larger;
		}
		ssize_t got = read(fd, *bytes + *size, room - *size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		*size += (size_t)got;
		if (*size > SOURCE_SIZE_MAX)
			return EFBIG;
	}
	(*bytes)[*size] = '\0';
	return 0;
}

static int read_file(struct arena *arena, struct source *source)
{
	int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno;
	struct stat status;
	char *bytes = NULL;
	int error = fstat(fd, &status) < 0 ? errno : 0;
	if (!error && S_ISDIR(status.st_mode))
		error = EISDIR;
	if (!error)
		error = read_bytes(fd, &bytes, &source->size);
	if (!error) {
		source->regular = S_ISREG(status.st_mode);
		source->bytes = arena_text(arena, bytes, source->size);
		if (!source->bytes || !divide_into_lines(arena, source))
			error = ENOMEM;
	}
	free(bytes);
	close(fd);
	return error;
}

static struct source *source_add(struct arena *arena, struct diagnostics *diagnostics, struct source_list *list,
				 const char *path)
{
	struct source *source = arena_alloc(arena, 1, sizeof *source);
	struct source **sources = arena_grow(arena, list->sources, list->n, sizeof *sources);
	if (!source || !sources)
		return NULL;
	source->path = arena_text(arena, path, strlen(path));
	if (!source->path)
		return NULL;
	source->order = list->n;
	list->sources = sources;
	list->sources[list->n++] = source;
	int error = read_file(arena, source);
	if (error)
		refuse_file(diagnostics, source, error);
	else
		source->readable = check_text(diagnostics, source);
	return source;
}

static int is_yaml(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_folder(struct arena *arena, struct diagnostics *diagnostics, struct source_list *list,
			const char *folder)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_yaml, by_bytes);
	if (n < 0 && errno != ENOENT) {
		struct source *source = arena_alloc(arena, 1, sizeof *source);
		if (!source)
			return;
		int error = errno;
		source->path = folder;
		source->order = list->n;
		refuse_file(diagnostics, source, error);
	}
	for (int i = 0; i < n; i++) {
		size_t length = strlen(folder) + 1 + strlen(entries[i]->d_name);
		char *path = arena_alloc(arena, length + 1, 1);
		if (path) {
			stpcpy(stpcpy(stpcpy(path, folder), "/"), entries[i]->d_name);
			source_add(arena, diagnostics, list, path);
		}
		free(entries[i]);
	}
	free(entries);
}

struct source_list source_read_all(struct arena *arena, struct diagnostics *diagnostics, const char *path)
{
	struct source_list list = { 0 };
	struct source *main_file = source_add(arena, diagnostics, &list, path);
	if (!main_file || !main_file->regular)
		return list;
	const char *slash = strrchr(path, '/');
	size_t parent = slash ? (size_t)(slash + 1 - path) : 0;
	char *folder = arena_alloc(arena, parent + sizeof "conf.d", 1);
	if (!folder)
		return list;
	memcpy(folder, path, parent);
	memcpy(folder + parent, "conf.d", sizeof "conf.d");
	read_folder(arena, diagnostics, &list, folder);
	return list;
}
