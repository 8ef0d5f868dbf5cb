/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When our claims are told, and which: what changed goes first, each once before any is repeated, and the rest takes turns.
 *
 * A change that is alone is told at once. Thousands of vips change one by one, as their addresses come and go: a datagram for each would
 * keep both nodes busy with nothing else, so after some in a row they gather until there was time for the next. */
#include "core/vip.h"

enum {
	REPEATS = 3,        /* a changed claim goes first in so many datagrams: one may be lost */
	AT_ONCE = 4,        /* so many rounds of datagrams may go because of changes before the pace holds them up */
};

#define PACE NSEC_PER_MSEC /* between two such rounds then */

static struct claim_slot *slot_at(struct core *core, uint32_t link)
{
	return link ? &core->claim_slots[link - 1] : NULL;
}

static void append(struct core *core, struct claim_queue *queue, struct claim_slot *slot)
{
	uint32_t link = (uint32_t)(slot - core->claim_slots) + 1;
	struct claim_slot *last = slot_at(core, queue->last);

	slot->before = queue->last;
	slot->after = 0;
	if (last)
		last->after = link;
	else
		queue->first = link;
	queue->last = link;
}

static void take_out(struct core *core, struct claim_queue *queue, struct claim_slot *slot)
{
	struct claim_slot *before = slot_at(core, slot->before), *after = slot_at(core, slot->after);

	if (before)
		before->after = slot->after;
	else
		queue->first = slot->after;
	if (after)
		after->before = slot->before;
	else
		queue->last = slot->before;
}

void claim_changed(struct core *core, struct claim_slot *slot)
{
	if (slot->fresh == REPEATS)
		return;
	if (slot->fresh)
		take_out(core, &core->claims_repeated, slot);
	slot->fresh = REPEATS;
	append(core, &core->claims_unsaid, slot);
	core_dirty_peers(core);
}

uint64_t claim_out_ns(const struct core *core)
{
	uint64_t ahead = (AT_ONCE - 1) * PACE;

	if (!core->claims_unsaid.first || !core->n_lanes_to || core->stopped)
		return NEVER;
	return core->claims_paced_ns > ahead ? core->claims_paced_ns - ahead : 0;
}

static void put(struct core *core, struct claim_slot *slot)
{
	core->claims_out[core->n_claims_out++] = slot->told;
	slot->round = core->claim_round;
}

/* The first ones of that queue, as far as there is room, without those that this datagram has already. */
static void put_first(struct core *core, struct claim_queue *queue)
{
	struct claim_slot *slot = slot_at(core, queue->first);

	while (slot && slot->round != core->claim_round && core->n_claims_out < HEARTBEAT_CLAIMS) {
		take_out(core, queue, slot);
		put(core, slot);
		if (--slot->fresh)
			append(core, &core->claims_repeated, slot);
		slot = slot_at(core, queue->first);
	}
}

void claim_fill(struct core *core)
{
	core->n_claims_out = 0;
	core->claim_round++;
	if (core->claims_unsaid.first)
		core->claims_paced_ns = max64(core->claims_paced_ns, core->now) + PACE;
	put_first(core, &core->claims_unsaid);
	put_first(core, &core->claims_repeated);
	for (unsigned n = 0; n < core->n_claim_slots && core->n_claims_out < HEARTBEAT_CLAIMS; n++) {
		struct claim_slot *slot = &core->claim_slots[core->claim_turn++ % core->n_claim_slots];
		if (slot->told.vip && slot->round != core->claim_round)
			put(core, slot);
	}
}
