/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that parse scalars share. */
#ifndef STANDBYD_CONFIG_SCALAR_PARTS_H
#define STANDBYD_CONFIG_SCALAR_PARTS_H

#include "config/scalar.h"

/* Long values are shown by their beginning. */
#define SHOWN	   "%.60s%s"
#define SHOW(text) (text), strlen(text) > 60 ? "…" : ""

#define NAME	    field_name(reader, field)
#define REFUSE(...) (diagnostics_error(reader->diagnostics, &value->place, __VA_ARGS__), false)

/* " (why)" of the key, "" where it says none. */
const char *scalar_reason(struct reader *, const struct schema_key *);

/* Why an address cannot be a node's; NULL: it can. */
const char *scalar_not_unicast(const struct ip *);

/* Those of checks and hooks: SCHEMA_TEXT to SCHEMA_CONDITION. */
bool scalar_parse_service(struct reader *, const struct field *, const char *text, struct value *);

#endif
