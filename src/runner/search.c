/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How much of the text matches when that byte follows so much of it. */
static size_t step(const struct search *search, size_t matched, char byte)
{
	while (matched > 0 && search->text[matched] != byte)
		matched = search->back[matched];
	return matched + (search->text[matched] == byte);
}

int search_set(struct search *search, const char *text)
{
	search->length = strlen(text);
	search->matched = 0;
	search->text = strdup(text);
	search->back = calloc(search->length + 1, sizeof *search->back);
	if (!search->text || !search->back)
		return -ENOMEM;
	for (size_t i = 1; i < search->length; i++)
		search->back[i + 1] = step(search, search->back[i], text[i]);
	return 0;
}

void search_free(struct search *search)
{
	free(search->text);
	free(search->back);
	*search = (struct search){ 0 };
}

void search_begin(struct search *search)
{
	search->matched = 0;
}

bool search_feed(struct search *search, const char *data, size_t length)
{
	for (size_t i = 0; i < length && search->matched < search->length; i++)
		search->matched = step(search, search->matched, data[i]);
	return search->matched == search->length;
}
