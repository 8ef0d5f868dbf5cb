/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_MAX = 1000, /* a file with more errors is not a configuration */
	TEXT_SIZE = 1000,
	LINE_CHARACTERS = 160, /* of a longer source line only what is around the marker is shown */
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct diagnostic {
	enum severity severity;
	struct place place;
	const char *text;
	const char *node;
	unsigned sequence;
	struct diagnostic *notes, *last_note;
};

static bool said_already(const struct diagnostics *d, enum severity severity, const struct place *place,
			 const char *text)
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct diagnostic *other = d->list[i];
		if (other->severity == severity && other->place.source == place->source &&
		    other->place.line == place->line && other->place.column == place->column &&
		    strcmp(other->text, text) == 0)
			return true;
	}
	return false;
}

static struct diagnostic *make(struct diagnostics *d, enum severity severity, const struct place *place,
			       const char *text)
{
	struct diagnostic *made = arena_alloc(&d->arena, 1, sizeof *made);
	char *copy = arena_text(&d->arena, text, strlen(text));
	if (!made || !copy)
		return NULL;
	*made = (struct diagnostic){ .severity = severity, .place = *place, .text = copy };
	return made;
}

static void say(struct diagnostics *d, enum severity severity, const struct place *place, const char *text)
{
	d->latest = NULL;
	if (severity == SEVERITY_ERROR)
		d->said++;
	if (said_already(d, severity, place, text))
		return;
	if (severity == SEVERITY_ERROR)
		d->errors++;
	if (d->n == KEPT_MAX) {
		d->lost++;
		return;
	}
	struct diagnostic **list = arena_grow(&d->arena, d->list, d->n, sizeof *list);
	struct diagnostic *made = make(d, severity, place, text);
	if (!list || !made)
		return;
	if (d->node)
		made->node = arena_text(&d->arena, d->node, strlen(d->node));
	made->sequence = d->n;
	d->list = list;
	d->list[d->n++] = made;
	d->latest = made;
}

void diagnostics_error(struct diagnostics *d, const struct place *place, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say(d, SEVERITY_ERROR, place, text);
}

void diagnostics_warning(struct diagnostics *d, const struct place *place, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say(d, SEVERITY_WARNING, place, text);
}

void diagnostics_note(struct diagnostics *d, const struct place *place, const char *format, ...)
{
	char text[TEXT_SIZE];
	if (!d->latest)
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	struct diagnostic *note = make(d, SEVERITY_NOTE, place, text);
	if (!note)
		return;
	if (d->latest->last_note)
		d->latest->last_note->notes = note;
	else
		d->latest->notes = note;
	d->latest->last_note = note;
}

/* Text of files, which may hold anything: what a terminal could take for a command becomes '?'. At most `characters`;
 * returns where it stopped. */
static const char *print_text(FILE *out, const char *text, const char *end, unsigned characters)
{
	while (text < end && characters--) {
		size_t length = utf8_sequence(text, end);
		unsigned char byte = (unsigned char)*text;
		bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f ||
			       (length == 2 && byte == 0xc2 && (unsigned char)text[1] < 0xa0);
		if (!length || control)
			fputc('?', out);
		else
			fwrite(text, 1, length, out);
		text += length ? length : 1;
	}
	return text;
}

static const char *skip(const char *text, const char *end, unsigned characters)
{
	while (text < end && characters--) {
		size_t length = utf8_sequence(text, end);
		text += length ? length : 1;
	}
	return text;
}

static void print_marker(FILE *out, const char *text, const char *end, unsigned before, unsigned width)
{
	for (unsigned i = 0; i < before; i++) {
		fputc(text < end && *text == '\t' ? '\t' : ' ', out); /* tabs keep the marker below its text */
		text = skip(text, end, 1);
	}
	fputc('^', out);
	for (unsigned i = 1; i < width; i++)
		fputc('~', out);
	fputc('\n', out);
}

static void print_source(FILE *out, const struct place *place)
{
	size_t length;
	const char *text = source_line(place->source, place->line, &length);
	const char *end = text + length;
	unsigned before = place->column - 1, width = place->width ? place->width : 1;
	const char *ellipsis = "";

	if (place->line == 1 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark has no column */
	if (length > LINE_CHARACTERS && before > LINE_CHARACTERS / 2) {
		text = skip(text, end, before - LINE_CHARACTERS / 2);
		before = LINE_CHARACTERS / 2 + 1;
		ellipsis = "…";
	}
	if (width > LINE_CHARACTERS / 2)
		width = LINE_CHARACTERS / 2;
	fputs(ellipsis, out);
	const char *stopped = print_text(out, text, end, LINE_CHARACTERS);
	fputs(stopped < end ? "…\n" : "\n", out);
	if (*ellipsis) {
		fputc(' ', out);
		before--;
	}
	print_marker(out, text, end, before, width);
}

static void print_one(FILE *out, const struct diagnostic *diagnostic)
{
	static const char *const words[] = { "error", "warning", "note" };
	const struct place *place = &diagnostic->place;
	fputs(place->source->path, out);
	if (place->line)
		fprintf(out, ":%u:%u", place->line, place->column);
	fprintf(out, ": %s: ", words[diagnostic->severity]);
	print_text(out, diagnostic->text, diagnostic->text + strlen(diagnostic->text), TEXT_SIZE);
	if (diagnostic->node)
		fprintf(out, " (on node '%s')", diagnostic->node);
	fputc('\n', out);
	if (place->line)
		print_source(out, place);
}

static int by_position(const void *a, const void *b)
{
	const struct diagnostic *one = *(struct diagnostic *const *)a, *other = *(struct diagnostic *const *)b;
	const struct place *left = &one->place, *right = &other->place;
	if (left->source->order != right->source->order)
		return left->source->order < right->source->order ? -1 : 1;
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	if (left->column != right->column)
		return left->column < right->column ? -1 : 1;
	return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

void diagnostics_print(const struct diagnostics *d, FILE *out)
{
	if (d->n == 0)
		return;
	qsort(d->list, d->n, sizeof *d->list, by_position);
	for (unsigned i = 0; i < d->n; i++) {
		print_one(out, d->list[i]);
		for (const struct diagnostic *note = d->list[i]->notes; note; note = note->notes)
			print_one(out, note);
	}
	if (d->lost)
		fprintf(out, "%s: error: %u more are not shown\n", d->list[0]->place.source->path, d->lost);
}

void diagnostics_free(struct diagnostics *d)
{
	arena_free(&d->arena);
}
