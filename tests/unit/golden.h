/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A story in time about one core: lines of input, and what the core said to each. tests/unit/golden/README tells the
 * words. */
#ifndef STANDBYD_GOLDEN_H
#define STANDBYD_GOLDEN_H

#include <stdio.h>

#include "core/core.h"

enum { GOLDEN_LINKS = 24, GOLDEN_ADDRESSES = 64, GOLDEN_ROUTES = 16, GOLDEN_RULES = 16, GOLDEN_PENDING = 512, GOLDEN_WORDS = 32, GOLDEN_REACH = 32, GOLDEN_ANSWERS = 64 };

struct golden_link {
	struct event_link link; /* ifindex 0: does not exist */
	bool cable;
};

/* A neighbour that answers what is asked through that link. */
struct golden_reach {
	char link[IFNAME_SIZE];
	struct ip ip;
};

struct golden {
	struct core *core;
	struct config *config, *old; /* old: a reload's predecessor, whose addresses an advert may still point to */
	char *yaml;		     /* what the next start or reload loads */
	const char *directory;	     /* where it is written to be loaded from */
	FILE *out;
	uint64_t now, start; /* start: time zero of the story */
	bool auto_done, dead;
	bool hidden[ACT_TYPES];
	int next_ifindex;
	struct golden_link links[GOLDEN_LINKS];
	struct event_address addresses[GOLDEN_ADDRESSES];
	unsigned n_addresses;
	struct event_route routes[GOLDEN_ROUTES];
	unsigned n_routes;
	struct event_rule rules[GOLDEN_RULES];
	unsigned n_rules;
	struct action pending[GOLDEN_PENDING];
	unsigned n_pending;
	uint32_t made_gen; /* of the pending one that is made, and told of, but not answered; 0: none */
	int fail_errno[ACT_TYPES];
	unsigned fail_count[ACT_TYPES];
	struct golden_reach reach[GOLDEN_REACH];
	unsigned n_reach;
	struct event answers[GOLDEN_ANSWERS]; /* to probes, given when the step is over */
	unsigned n_answers;
	struct event early[32]; /* resume and leftover lines, given at start */
	unsigned n_early;
	uint64_t incarnation;	     /* the core's own, and its last sequence by each path, as it told other nodes */
	uint64_t sequence[MAX_PATHS];
	uint64_t said;		     /* sequence of the last heartbeat of another */
	char error[200]; /* what is wrong with the story itself */
};

/* golden_kernel.c: the tables, and what the kernel makes of an action. */
struct golden_link *golden_link(struct golden *, const char *name);
struct golden_link *golden_link_add(struct golden *, const char *name);
const char *golden_link_name(const struct golden *, int ifindex);
int golden_execute(struct golden *, const struct action *); /* 0 or errno; feeds the kernel's own link messages later */
void golden_release_all(struct golden *, const struct golden_link *bond, uint32_t cause);
void golden_team_tell(struct golden *, const struct golden_link *);
void golden_link_tell(struct golden *, const struct golden_link *);
void golden_snapshot(struct golden *, const struct action *);
int golden_address_set(struct golden *, const struct event_address *);
int golden_address_drop(struct golden *, int ifindex, const struct ip *, uint8_t prefix, struct event_address *gone);

/* golden_words.c: one line of a story. False: golden->error says why. */
bool golden_line(struct golden *, const char *line);

/* golden_print.c */
void golden_print(struct golden *, const struct action *);
void golden_print_hooks(struct golden *, const struct action *); /* that the note is for */

/* test_golden.c */
void golden_feed(struct golden *, struct event *);
void golden_settle(struct golden *);		/* answers what is pending, as auto-done has it */
void golden_answer(struct golden *, int error); /* the oldest pending action */
void golden_make(struct golden *); /* it is made, and told of: its answer is on its way */
void golden_run_until(struct golden *, uint64_t when);

#endif
