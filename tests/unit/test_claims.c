/* SPDX-License-Identifier: GPL-2.0-or-later */
/* More vips than one heartbeat has room for: each claim that changed is said once before any is repeated, heartbeats that go because of
 * changes have a pace, and announcements are repeated in turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

enum { REPEATS_AT_ONCE = 64 }; /* what is due in one moment is no more than that many announcements of before */
enum { VIPS = 20 * HEARTBEAT_CLAIMS + 1, ROOM = 16, IFINDEX = 2, AT_ONCE = 4 };

#define PACE NSEC_PER_MSEC

static struct config_vip vips[VIPS];
static struct config_address addresses[VIPS];

/* What was said since it was last cleared. */
static struct {
	uint64_t vips[VIPS];
	unsigned n;         /* of them */
	unsigned heartbeats, repeated;
} said;

static struct action added[VIPS]; /* addresses that the kernel is asked for */
static unsigned n_added;
static unsigned announced[VIPS];  /* by vip */

static struct event listening; /* the answer to the last request for the vips' socket, without which they do not stand */

static struct core *make_core(void)
{
	static struct config_node nodes[2] = { { .name = "lb1", .n_paths = 1 }, { .name = "lb2", .first_path = 1, .n_paths = 1 } };
	static struct config_path paths[2] = {
		{ .name = "lan", .on = "eno1", .bond = -1, .address = { FAMILY_4, { 192, 0, 2, 11 } } },
		{ .name = "lan", .on = "eno1", .bond = -1, .address = { FAMILY_4, { 192, 0, 2, 12 } } },
	};
	struct config config = { .node = "lb1", .vips = vips, .n_vips = VIPS, .addresses = addresses, .n_addresses = VIPS,
				 .nodes = nodes, .n_nodes = 2, .self = 0, .paths = paths, .n_paths = 2,
				 .heartbeat = { .interval_ns = 100 * NSEC_PER_MSEC, .lost = 3, .port = 1 } };
	struct core *core = core_new(1);

	for (unsigned i = 0; i < VIPS; i++) {
		addresses[i] = (struct config_address){ .ip = { FAMILY_4, { 198, 18, (uint8_t)(i / 250), (uint8_t)(i % 250 + 1) } },
							.prefix = 32 };
		vips[i] = (struct config_vip){ .on = "eno1", .bond = -1, .priority = 100, .family = FAMILY_4,
					       .protocol = PROTOCOL_HEARTBEAT, .preempt = true, .advert_ns = 100 * NSEC_PER_MSEC,
					       .lease_ns = 4 * NSEC_PER_SEC, .leave_timeout_ns = NSEC_PER_SEC,
					       .first_address = i, .n_addresses = 1, .n_listed = 1 };
		snprintf(vips[i].name, sizeof vips[i].name, "v%u", i);
	}
	assert_non_null(core);
	assert_int_equal(core_configure(core, &config, NSEC_PER_SEC), 0);
	return core;
}

static void note_claim(uint64_t vip)
{
	for (unsigned i = 0; i < said.n; i++) {
		if (said.vips[i] == vip) {
			said.repeated++;
			return;
		}
	}
	said.vips[said.n++] = vip;
}

/* One event and what follows from it, in steps of `room` actions; the number of the snapshot that was asked for, 0: none was. */
static uint32_t happen(struct core *core, struct event event, uint64_t now_ns, unsigned room)
{
	struct action actions[64];
	uint32_t epoch = 0;
	bool more = true;

	while (more) {
		event.now_ns = now_ns;
		size_t n = core_step(core, &event, actions, room, &more);
		for (size_t i = 0; i < n; i++) {
			if (actions[i].type == ACT_SNAPSHOT)
				epoch = actions[i].u.snapshot.epoch;
			if (actions[i].type == ACT_LISTEN)
				listening = (struct event){ .type = EV_DONE, .u.result.action = actions[i] };
			if (actions[i].type == ACT_ADDRESS_ADD)
				added[n_added++ % VIPS] = actions[i];
			if (actions[i].type == ACT_ANNOUNCE)
				announced[actions[i].object.index]++;
			if (actions[i].type != ACT_HEARTBEAT)
				continue;
			said.heartbeats++;
			for (unsigned j = 0; j < actions[i].u.heartbeat.n_claims; j++)
				note_claim(actions[i].u.heartbeat.claims[j].vip);
		}
		event = (struct event){ .type = EV_CONTINUE };
	}
	return epoch;
}

/* All stand; what they claim of it is about to be said. */
static void stand(struct core *core, uint64_t now)
{
	uint32_t epoch = happen(core, (struct event){ .type = EV_CONTINUE }, now, ROOM);
	struct event link = { .type = EV_LINK, .epoch = epoch };

	assert_int_not_equal(epoch, 0);
	link.u.link = (struct event_link){ .ifindex = IFINDEX, .name = "eno1", .up = true, .carrier = true };
	happen(core, (struct event){ .type = EV_SNAP_BEGIN, .epoch = epoch }, now, ROOM);
	happen(core, link, now, ROOM);
	happen(core, (struct event){ .type = EV_SNAP_END, .epoch = epoch }, now, ROOM);
	assert_int_equal(listening.type, EV_DONE);
}

static void test_each_once_before_any_again(void **state)
{
	struct core *core = make_core();
	uint64_t now = NSEC_PER_SEC, since;

	(void)state;
	stand(core, now);
	memset(&said, 0, sizeof said);
	since = now += NSEC_PER_SEC / 20;
	happen(core, listening, now, ROOM);
	assert_int_not_equal(said.heartbeats, 0);
	while (said.n < VIPS) {
		uint64_t due = core_deadline(core);
		assert_int_equal(said.n, said.heartbeats * HEARTBEAT_CLAIMS); /* full, and nothing twice */
		now = due > now ? due : now;
		assert_true(now - since <= PACE * (VIPS / HEARTBEAT_CLAIMS)); /* what was not said yet does not wait for its turn */
		happen(core, (struct event){ .type = EV_TIMER }, now, ROOM);
		assert_true(said.heartbeats <= AT_ONCE + (now - since) / PACE);
	}
	assert_int_equal(said.heartbeats, VIPS / HEARTBEAT_CLAIMS + 1);
	core_free(core);
}

static unsigned all_announced(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VIPS; i++)
		n += announced[i];
	return n;
}

/* Taken in one moment, each is announced at once; what is repeated comes in bites. */
static void test_repeated_announcements_take_turns(void **state)
{
	struct core *core = make_core();
	uint64_t now = NSEC_PER_SEC, end;

	(void)state;
	n_added = 0;
	stand(core, now);
	happen(core, listening, now, ROOM);
	for (end = now + NSEC_PER_SEC; n_added < VIPS && now < end; now = core_deadline(core))
		happen(core, (struct event){ .type = EV_TIMER }, now, ROOM);
	assert_int_equal(n_added, VIPS);
	memset(announced, 0, sizeof announced);
	for (unsigned i = 0; i < VIPS; i++)
		happen(core, (struct event){ .type = EV_DONE, .u.result.action = added[i] }, now, ROOM);
	assert_int_equal(all_announced(), VIPS);
	for (end = now + 2 * NSEC_PER_SEC; core_deadline(core) < end;) {
		unsigned before = all_announced();
		now = core_deadline(core);
		happen(core, (struct event){ .type = EV_TIMER }, now, ROOM);
		assert_true(all_announced() - before <= REPEATS_AT_ONCE);
	}
	for (unsigned i = 0; i < VIPS; i++)
		assert_true(announced[i] >= 3);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once_before_any_again),
		cmocka_unit_test(test_repeated_announcements_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
