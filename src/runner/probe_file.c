/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that begins with a number in a range. Its directory is watched, so that a file which takes its place is seen.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "runner/probe_kind.h"

enum { NUMBER_MAX = 256 }; /* bytes of the file that are read */

struct file {
	struct probe probe;
	char *path, *directory;
	const char *name; /* in path */
	bool has_min, has_max;
	int64_t min, max; /* millionths */
	sd_event_source *watch;
	dev_t device; /* of the directory that is watched */
	ino_t inode;
};

/* A decimal number, exactly where it is compared with whole millionths. */
struct number {
	int64_t floor; /* millionths, rounded down */
	bool more;     /* it is above that */
	bool beyond;   /* it is outside of what floor can say, on the side of its sign */
	bool negative;
};

static bool append(uint64_t *value, unsigned digit)
{
	return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, digit, value) &&
	       *value <= INT64_MAX;
}

/* The word with which the text begins; false: it is no number. */
static bool parse_number(const char *text, struct number *number)
{
	uint64_t value = 0;
	unsigned digits = 0, fraction = 0;
	bool point = false;

	*number = (struct number){ .negative = *text == '-' };
	text += *text == '-' || *text == '+';
	for (; isdigit((unsigned char)*text) || (*text == '.' && !point); text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text == '.') {
			point = true;
			continue;
		}
		digits++;
		if (point && fraction == 6)
			number->more |= digit > 0;
		else if (!number->beyond)
			number->beyond = !append(&value, digit);
		fraction += point && fraction < 6;
	}
	for (; fraction < 6 && !number->beyond; fraction++)
		number->beyond = !append(&value, 0);
	if (!number->beyond)
		number->floor = number->negative ? -(int64_t)value - number->more : (int64_t)value;
	return digits > 0 && (*text == '\0' || isspace((unsigned char)*text));
}

static bool is_below(const struct number *number, int64_t min)
{
	return number->beyond ? number->negative : number->floor < min;
}

static bool is_above(const struct number *number, int64_t max)
{
	return number->beyond ? !number->negative : number->floor > max || (number->floor == max && number->more);
}

/* As people write it: 3.25. */
static const char *print_micro(int64_t micro, char out[32])
{
	uint64_t size = micro < 0 ? -(uint64_t)micro : (uint64_t)micro;
	int n = snprintf(out, 32, "%s%" PRIu64 ".%06" PRIu64, micro < 0 ? "-" : "", size / 1000000, size % 1000000);

	while (out[n - 1] == '0')
		out[--n] = '\0';
	if (out[n - 1] == '.')
		out[n - 1] = '\0';
	return out;
}

static int file_open(struct probe *probe, const json_t *definition)
{
	struct file *file = (struct file *)probe;
	json_int_t min, max;
	int r;

	file->has_min = json_object_get(definition, "min_micro");
	file->has_max = json_object_get(definition, "max_micro");
	if ((r = probe_take_text(definition, "path", true, &file->path)) < 0 ||
	    (file->has_min && (r = probe_take_integer(definition, "min_micro", INT64_MIN, INT64_MAX, &min)) < 0) ||
	    (file->has_max && (r = probe_take_integer(definition, "max_micro", INT64_MIN, INT64_MAX, &max)) < 0))
		return r;
	if (file->path[0] != '/' || (!file->has_min && !file->has_max))
		return -EBADMSG;
	file->min = file->has_min ? min : 0;
	file->max = file->has_max ? max : 0;
	file->name = strrchr(file->path, '/') + 1;
	file->directory = strndup(file->path, (size_t)(file->name - file->path)); /* with its slash, so that / is one */
	return file->directory ? 0 : -ENOMEM;
}

static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	const uint32_t gone = IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF;
	struct file *file = userdata;
	bool ours = event->len > 0 && strcmp(event->name, file->name) == 0;

	(void)source;
	if (event->mask & gone)
		file->watch = sd_event_source_disable_unref(file->watch);
	if (ours || (event->mask & (gone | IN_Q_OVERFLOW)))
		probe_change(&file->probe);
	return 0;
}

/* A directory that is not there, or that cannot be watched, is tried again by the next run. A write is a change when
 * the writer is through: before, half of a number may be there. */
static void watch_directory(struct file *file)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
			      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	struct stat status;
	bool there = stat(file->directory, &status) == 0;

	if (there && file->watch && status.st_dev == file->device && status.st_ino == file->inode)
		return;
	file->watch = sd_event_source_disable_unref(file->watch);
	if (!there)
		return;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	if (sd_event_add_inotify(file->probe.probes->event, &file->watch, file->directory, mask, on_change, file) < 0)
		file->watch = NULL;
}

static void file_run(struct probe *probe)
{
	struct file *file = (struct file *)probe;
	char text[NUMBER_MAX], reason[PROBE_REASON_SIZE], limit[32], quote[PROBE_QUOTE_SIZE];
	struct number number;

	watch_directory(file);
	const char *unread = probe_read(file->path, text, sizeof text, reason);
	const char *word = text + (unread ? 0 : strspn(text, " \t\r\n\v\f"));

	if (unread)
		probe_end(probe, false, "%s: %s", file->path, unread);
	else if (strlen(text) == sizeof text - 1 && word[strcspn(word, " \t\r\n\v\f")] == '\0')
		probe_end(probe, false, "%s does not begin with a number", file->path); /* its end may be wanting */
	else if (!parse_number(word, &number))
		probe_end(probe, false, "%s begins with %s, which is no number", file->path, probe_quote(word, quote));
	else if (file->has_min && is_below(&number, file->min))
		probe_end(probe, false, "%.*s is below %s", (int)strcspn(word, " \t\r\n\v\f"), word,
			  print_micro(file->min, limit));
	else if (file->has_max && is_above(&number, file->max))
		probe_end(probe, false, "%.*s is above %s", (int)strcspn(word, " \t\r\n\v\f"), word,
			  print_micro(file->max, limit));
	else
		probe_end(probe, true, "%.*s", (int)strcspn(word, " \t\r\n\v\f"), word);
}

static void file_stop(struct probe *probe)
{
	(void)probe; /* a run ends within file_run */
}

static void file_close(struct probe *probe)
{
	struct file *file = (struct file *)probe;

	sd_event_source_disable_unref(file->watch);
	free(file->directory);
	free(file->path);
}

const struct probe_verbs probe_file = {
	.size = sizeof(struct file),
	.open = file_open,
	.run = file_run,
	.stop = file_stop,
	.close = file_close,
};
