/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys that authenticate heartbeats, and the tag that is made with them (doc/HEARTBEAT.md, Tag).
 *
 * The file has a line "ID: 64 hex digits" for each key; lines that are empty or begin with # say nothing. The first key
 * is the one that is sent with, all are accepted. So a key is changed without a heartbeat lost: add the new one below
 * on every node, then move it up on every node, then delete the old one. */
#ifndef STANDBYD_DAEMON_KEYS_H
#define STANDBYD_DAEMON_KEYS_H

#include <stddef.h>

#include "core/types.h"

enum {
	KEYS_MAX = 16,
	KEYS_FILE_MAX = 64 * 1024, /* bytes */
};

/* In memory that cannot be written, is left out of cores, is wiped when it is freed, and is never swapped, as far as
 * RLIMIT_MEMLOCK allows. Nothing changes in it once it is loaded: any thread may use it. */
struct keys;

/* Reads a file, which may take as long as the disk does. 0 and *out with 1 … KEYS_MAX keys (keys_free). Or a negative
 * errno and a sentence for a person in *error (free; NULL if memory is short), which names the file, the line where
 * there is one, and nothing of what stands in it; *out is then NULL. Refused is a file that others than its owner may
 * read or write, that belongs to neither root nor this process's user, or that others may put another one in the place
 * of. */
int keys_load(const char *path, struct keys **out, char **error);

/* NULL is fine. */
void keys_free(struct keys *);

/* In a child of this process that is to sign: its memory is the parent's, read-only and left out of cores too, but no lock outlives a fork. Locks it,
 * as far as RLIMIT_MEMLOCK allows. NULL is fine. */
void keys_lock(const struct keys *);

/* How many; NULL has none. */
unsigned keys_count(const struct keys *);

/* The id of the key that is sent with, for the header; 0, no tag, with NULL. */
uint32_t keys_sending(const struct keys *);

/* Fills in the last HEARTBEAT_TAG of the datagram's `length` bytes, as heartbeat_finish left them: at least
 * HEARTBEAT_HEADER + HEARTBEAT_TAG, and the key in the header is keys_sending(). Addresses as the receiver sees them.
 * Allocates nothing. */
void keys_sign(const struct keys *, const struct ip *from, const struct ip *to, uint8_t *bytes, size_t length);

enum keys_verdict {
	KEYS_RIGHT,
	KEYS_WRONG,   /* the tag is another, or cut off */
	KEYS_UNKNOWN, /* no key of that id; with NULL every one */
	KEYS_NONE,    /* the datagram has no tag */
};

/* Looks at a datagram of any length and content. How long it takes tells nothing of the tag that would be right.
 * Allocates nothing. */
enum keys_verdict keys_verify(const struct keys *, const struct ip *from, const struct ip *to, const uint8_t *bytes,
			      size_t length);

#endif
