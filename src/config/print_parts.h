/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that print a configuration share. */
#ifndef STANDBYD_CONFIG_PRINT_PARTS_H
#define STANDBYD_CONFIG_PRINT_PARTS_H

#include "config/print.h"

/* A name or any text: plain where every YAML reader agrees that it is text, otherwise in quotes. */
void print_name(FILE *, const char *text);

/* Always in quotes, so that no reader takes it for a number or a map. */
void print_text(FILE *, const char *text);

/* prefix < 0: none. A colon makes some readers see a map: quotes. */
void print_ip(FILE *, const struct ip *, int prefix);

/* A line of an object. */
void print_duration(FILE *, const char *key, uint64_t ns);

#endif
