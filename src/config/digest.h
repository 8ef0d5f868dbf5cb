/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes tell each other of their files. */
#ifndef STANDBYD_CONFIG_DIGEST_H
#define STANDBYD_CONFIG_DIGEST_H

#include "config/build.h"

/* FNV-1a of what is written in all sections, maps by node name as they are, so that it is the same wherever the files are read. Their
 * layout, comments, quotes, aliases, the order of keys, and how they are split into files do not matter; 'node' and 'version' are not
 * part of it. Nor are defaults: nodes of two versions of this program that read the same agree. Only call it for what is free of
 * errors: the schema limits how much there can be. */
uint64_t digest_of_files(struct arena *, const struct sections *);

#endif
