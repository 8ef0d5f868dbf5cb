/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/tail.h"

#include <stdlib.h>
#include <string.h>

void tail_begin(struct tail *tail, size_t max)
{
	*tail = (struct tail){ .max = max };
}

static int make_room(struct tail *tail, size_t wanted)
{
	size_t room = tail->room ? tail->room : 256;

	if (wanted <= tail->room)
		return 0;
	while (room < wanted)
		room *= 2;

	char *text = realloc(tail->text, room);
	if (!text)
		return -1;
	tail->text = text;
	tail->room = room;
	return 0;
}

void tail_add(struct tail *tail, const char *data, size_t length)
{
	if (length > tail->max) {
		data += length - tail->max;
		length = tail->max;
	}

	size_t kept = tail->length + length > tail->max ? tail->max - length : tail->length;
	if (make_room(tail, kept + length) < 0)
		return;
	if (tail->length > 0)
		memmove(tail->text, tail->text + tail->length - kept, kept);
	memcpy(tail->text + kept, data, length);
	tail->length = kept + length;
}

void tail_free(struct tail *tail)
{
	free(tail->text);
	*tail = (struct tail){ 0 };
}
