/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/suggest.h"

#include <stddef.h>
#include <string.h>

enum { LENGTH_MAX = 32 };

static char plain(char letter)
{
	if (letter == '_')
		return '-';
	return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned less = a < b ? a : b;
	return less < c ? less : c;
}

/* Optimal string alignment: Levenshtein's distance in which swapping two neighbours counts 1 too. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][LENGTH_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			bool same = plain(a[i - 1]) == plain(b[j - 1]);
			row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) && plain(a[i - 2]) == plain(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1, row[j]);
		}
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[m];
}

static void try_as(struct suggestion *suggestion, const char *word, const char *name, size_t length, unsigned limit)
{
	size_t typed = strlen(suggestion->typed);
	if (typed == 0 || typed > LENGTH_MAX || length > LENGTH_MAX)
		return;
	unsigned far = distance(suggestion->typed, typed, name, length);
	if (far > limit || (suggestion->word && far >= suggestion->distance))
		return;
	suggestion->word = word;
	suggestion->distance = far;
}

void suggest_try(struct suggestion *suggestion, const char *word)
{
	size_t length = strlen(word);
	try_as(suggestion, word, word, length, length < 6 ? 1 : length < 10 ? 2 : 3);
}

void suggest_try_names(struct suggestion *suggestion, const char *word, const char *names)
{
	while (names && *names) {
		size_t length = strcspn(names, " ");
		try_as(suggestion, word, names, length, 0);
		names += length;
		names += strspn(names, " ");
	}
}
