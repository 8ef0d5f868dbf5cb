/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds a text in what comes piece by piece, without keeping the pieces. */
#ifndef STANDBYD_RUNNER_SEARCH_H
#define STANDBYD_RUNNER_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* Zero: looks for the empty text, which is in everything. */
struct search {
	char *text;
	size_t *back; /* where to go on after so many bytes matched and the next does not: Knuth, Morris and Pratt's
			 table */
	size_t length, matched;
};

/* 0 or -ENOMEM. The text is copied. search_free in either case; more than once is fine. */
int search_set(struct search *, const char *text);
void search_free(struct search *);

void search_begin(struct search *); /* nothing has come yet */

/* Whether the text is in what came since search_begin. */
bool search_feed(struct search *, const char *data, size_t length);

#endif
