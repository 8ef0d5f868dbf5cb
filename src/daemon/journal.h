/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, for people: the last notes of the core in memory, in the log, and for subscribers.
 *
 * Keeping a note costs a copy; its sentence, the log line and the subscribers' messages are made later, when nothing
 * more urgent waits (journal_publish). */
#ifndef STANDBYD_DAEMON_JOURNAL_H
#define STANDBYD_DAEMON_JOURNAL_H

#include <jansson.h>
#include <stdio.h>

#include "core/core.h"

enum { JOURNAL_KEPT = 1024 };

struct journal;
struct journal *journal_new(void); /* NULL: memory is short */
void journal_free(struct journal *);

/* Keeps a note that the core made at now_ns. */
void journal_add(struct journal *, const struct core *, const struct action *note, uint64_t now_ns);
/* What the kernel says in its own words to the change that it refused: refusals that are noted from now on carry it,
 * until it is told "". Borrowed meanwhile. */
void journal_kernel_says(struct journal *, const char *text);
/* The same of what a check's run said, for its change of state. */
void journal_check_says(struct journal *, const char *text);
/* Whether journal_publish has something to do. */
bool journal_pending(const struct journal *);
/* Tells that an address of that object was just announced: traffic that was away is back. Cheap when none was. */
void journal_announced(struct journal *, const struct core *, const struct object *, uint64_t now_ns);

/* Tells that a predecessor of this process held that vip, and its last sign of life: when it becomes active, traffic may
 * have been away since then. */
void journal_held(struct journal *, unsigned vip, uint64_t last_sign_ns);

/* Called after each entry that is published; it may read but not change the journal. */
typedef void journal_subscriber(void *data);
void journal_subscribe(struct journal *, journal_subscriber *, void *data);

/* Publishes at most n notes; one that may still learn how long traffic was away is waited for, and what comes after
 * it. */
void journal_publish(struct journal *, const struct core *, unsigned n);
/* Publishes all. Before the next core_configure, since names are the core's, and before the end. */
void journal_flush(struct journal *, const struct core *);
/* The indexes mean others from now on: a loss that is under way is not followed any further. */
void journal_reindex(struct journal *);

/* What a predecessor in this process published goes on, the last of it under that number: from a file that journal_bequeath wrote
 * (owned from now on). It is read by and by, in journal_publish, and at once by journal_flush. Before the first note. */
void journal_inherit(struct journal *, int fd, uint64_t last_seq);
/* Writes at most n published entries, beginning with *seq (0: the first), which moves on. True: that was the last. */
bool journal_bequeath(const struct journal *, uint64_t *seq, FILE *, unsigned n);
/* The number of the last published entry. */
uint64_t journal_last(const struct journal *);

/* The published entry with the smallest sequence number that is ≥ *seq, as JSON (a new reference), and its number in
 * *seq. NULL: there is none. Start with 0. */
json_t *journal_entry(const struct journal *, uint64_t *seq);

#endif
