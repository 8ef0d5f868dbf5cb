/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with the files, said in the manner of a compiler: place, text, source line, marker. */
#ifndef STANDBYD_CONFIG_DIAGNOSTICS_H
#define STANDBYD_CONFIG_DIAGNOSTICS_H

#include <stdbool.h>
#include <stdio.h>

#include "config/arena.h"
#include "config/source.h"

/* Where something is written. line and column count from 1, the column in characters; line 0: the file as a whole. */
struct place {
	const struct source *source;
	unsigned line, column;
	unsigned width; /* of the marker, in characters; 0 counts as 1 */
};

struct diagnostics {
	struct arena arena;
	struct diagnostic **list;
	unsigned n;
	unsigned errors;	   /* including those that were not kept */
	unsigned said;		   /* the same, with repetitions: compare it to see whether something was wrong */
	unsigned lost;		   /* beyond the limit of those that are kept */
	struct diagnostic *latest; /* takes notes; NULL: it was a repetition */
	const char *node;	   /* appended to what is said while it is set: "(on node 'lb2')" */
	int file_error;		   /* errno of the first file that could not be read, 0: none */
};

/* The same text at the same place is said once, whichever node it was said for. Texts are cut at 1,000 bytes. */
void diagnostics_error(struct diagnostics *, const struct place *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *, const struct place *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Another place that belongs to the error or warning just given. */
void diagnostics_note(struct diagnostics *, const struct place *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Everything, ordered by file and position. */
void diagnostics_print(const struct diagnostics *, FILE *);

void diagnostics_free(struct diagnostics *);

#endif
