/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One text → one typed value: numbers, durations, names, addresses. */
#ifndef STANDBYD_CONFIG_SCALAR_H
#define STANDBYD_CONFIG_SCALAR_H

#include "config/read.h"

struct field {
	const struct schema_key *key;
	const char *title; /* of the object that has it: "bond 'bond0'", "" for a file */
};

/* What a value is called in messages: "'hold' of bond 'bond0'", "'node'". */
const char *field_name(struct reader *, const struct field *);

/* Sets what the key's type says in `value`. On error false, and what is wrong is told at value->place. */
bool scalar_parse(struct reader *, const struct field *, const char *text, struct value *);

/* As SCHEMA_SIZE and SCHEMA_DECIMAL (millionths) read them. */
enum { SCALAR_SIZE = 32 };
const char *scalar_size(uint64_t bytes, char out[SCALAR_SIZE]);
const char *scalar_decimal(int64_t micro, char out[SCALAR_SIZE]);

#endif
