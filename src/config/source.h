/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a configuration as bytes: read, checked to be UTF-8, divided into lines. */
#ifndef STANDBYD_CONFIG_SOURCE_H
#define STANDBYD_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct diagnostics;

enum { SOURCE_SIZE_MAX = 64 * 1024 * 1024 }; /* 4,096 vips of 255 addresses are 20 MB */

struct source {
	const char *path;
	unsigned order;	   /* main file 0, then conf.d */
	bool readable;	   /* the rest is there */
	bool regular;	   /* a file, no pipe */
	const char *bytes; /* a NUL follows */
	size_t size;
	const size_t *lines; /* where each line starts */
	unsigned n_lines;
};

struct source_list {
	struct source **sources;
	unsigned n;
};

/* The main file, and when that is a file, the *.yaml in conf.d beside it in byte order. Files that cannot be read are
 * told in the diagnostics and have `readable` false. */
struct source_list source_read_all(struct arena *, struct diagnostics *, const char *path);

/* The line, counted from 1, without its end; *length 0 for one that does not exist. */
const char *source_line(const struct source *, unsigned line, size_t *length);

/* Length of the UTF-8 sequence at text, 0: there is none. text < end. */
size_t utf8_sequence(const char *text, const char *end);

#endif
