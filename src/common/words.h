/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sentence as it grows, and the terms that all sentences share. Within src/common only. */
#ifndef STANDBYD_COMMON_WORDS_H
#define STANDBYD_COMMON_WORDS_H

#include "common/sentence.h"
#include "common/text.h"

enum { WORDS_SUBJECT_SIZE = sizeof "the route to " + TEXT_CIDR_SIZE };

struct words {
	char *out; /* SENTENCE_SIZE, always terminated; what has no room is cut */
	size_t length;
};
void words_add(struct words *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "192.0.2.1", "the default route", "the route to 10.0.0.0/8", "the device": what a note about an object means.
 * Returns out or a constant. */
const char *words_subject(const struct object *, const struct ip *, char out[WORDS_SUBJECT_SIZE]);

/* The bonding driver's name of a mode's number, as its documentation has it. */
const char *words_bond_mode(int64_t mode);

#endif
