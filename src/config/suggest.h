/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "did you mean …?" */
#ifndef STANDBYD_CONFIG_SUGGEST_H
#define STANDBYD_CONFIG_SUGGEST_H

#include <stdbool.h>

struct suggestion {
	const char *typed;
	const char *word; /* the nearest so far; NULL: none is near */
	unsigned distance;
};

/* Considers one word. Near is up to one wrong, missing, extra or swapped letter, two from six letters on, three from
 * ten; capitals and '_' for '-' do not count. */
void suggest_try(struct suggestion *, const char *word);

/* Considers a word that is known elsewhere by other names (separated by spaces, NULL: none). */
void suggest_try_names(struct suggestion *, const char *word, const char *names);

#endif
