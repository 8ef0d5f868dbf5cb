/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every code has a sentence, and the sentences say what they should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/sentence.h"

static struct config_address addresses[] = {
	{ .ip = { FAMILY_4, { 192, 0, 2, 100 } }, .prefix = 32 },
};

static struct core *core;

static int make_core(void **state)
{
	static struct config_bond bond = { .name = "bond0", .driver = DRIVER_MOVE, .ports = { { .spec = "eno1" }, { .spec = "eno2" } },
					   .n_ports = 2, .prefer = -1 };
	static struct config_vip vip = { .name = "web", .on = "bond0", .bond = 0, .vrid = 51, .priority = 200,
					 .family = FAMILY_4, .advert_ns = NSEC_PER_SEC, .lease_ns = 4 * NSEC_PER_SEC,
					 .leave_timeout_ns = NSEC_PER_SEC, .n_addresses = 1, .n_listed = 1 };
	struct config config = { .node = "lb1", .bonds = &bond, .n_bonds = 1, .vips = &vip, .n_vips = 1,
				 .addresses = addresses, .n_addresses = 1 };

	(void)state;
	core = core_new(1);
	return core ? core_configure(core, &config, 1) : -1;
}

static int free_core(void **state)
{
	(void)state;
	core_free(core);
	return 0;
}

/* What a sentence must never look like, whatever the figures. */
static void assert_sentence(const char *text)
{
	size_t length = strlen(text);

	assert_true(length > 0 && length < SENTENCE_SIZE - 1);
	assert_null(strchr(text, '%'));
	assert_null(strstr(text, "(null)"));
	assert_null(strstr(text, "  "));
	assert_null(strchr(text, '\n'));
	assert_null(strstr(text, "unknown reason"));
	assert_null(strstr(text, "unknown note"));
	assert_false(text[length - 1] == '.' || text[length - 1] == ' ' || text[length - 1] == ':');
}

static const int64_t figures[] = { 0, 1, -1, EPERM, 132, 133, 100, 3609000000, INT64_MAX, INT64_MIN };
static const struct ip ips[] = {
	{ 0, { 0 } },
	{ FAMILY_4, { 192, 0, 2, 1 } },
	{ FAMILY_6, { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
};

static void for_every_figure(void (*test)(const struct reason *))
{
	enum { N = sizeof figures / sizeof *figures, IPS = sizeof ips / sizeof *ips };
	struct reason reason;

	for (unsigned i = 0; i < N * N * IPS; i++) {
		memset(&reason, 0, sizeof reason);
		reason.arg[0] = figures[i % N];
		reason.arg[1] = figures[i / N % N];
		reason.ip = ips[i / N / N];
		test(&reason);
	}
}

static void one_reason(const struct reason *figure)
{
	struct reason reason = *figure;
	char text[SENTENCE_SIZE];

	for (reason.code = REASON_NONE + 1; reason.code < REASON_COUNT; reason.code++)
		assert_sentence(sentence_of_reason(&reason, text));
}

static void every_reason_has_a_sentence(void **state)
{
	(void)state;
	for_every_figure(one_reason);
}

static void no_two_reasons_say_the_same(void **state)
{
	char texts[REASON_COUNT][SENTENCE_SIZE];

	(void)state;
	for (enum reason_code i = REASON_NONE + 1; i < REASON_COUNT; i++) {
		struct reason reason = { .code = i };
		sentence_of_reason(&reason, texts[i]);
		for (enum reason_code j = REASON_NONE + 1; j < i; j++)
			assert_string_not_equal(texts[i], texts[j]);
	}
}

static void one_note(const struct reason *figure)
{
	static const struct object objects[] = { { OBJECT_NODE, 0, 0 },	   { OBJECT_BOND, 0, 0 }, { OBJECT_PORT, 0, 1 },
						 { OBJECT_VIP, 0, 0 },	   { OBJECT_NONE, 0, 0 },
						 { OBJECT_ADDRESS, 0, 0 }, { OBJECT_ROUTE, 0, 0 },
						 { OBJECT_ROUTE, 0, 128 } };
	char text[SENTENCE_SIZE];

	for (enum note_code code = 0; code < NOTE_CODES; code++) {
		for (unsigned i = 0; i < sizeof objects / sizeof *objects; i++) {
			struct action action = { .type = ACT_NOTE, .object = objects[i] };
			action.u.note.code = code;
			action.u.note.reason = *figure;
			action.u.note.reason.code = REASON_LINK_DOWN;
			action.u.note.state = 1;
			assert_sentence(sentence_of_note(core, &action, text));
		}
	}
}

static void every_note_has_a_sentence(void **state)
{
	(void)state;
	for_every_figure(one_note);
}

static void no_reason_says_nothing(void **state)
{
	struct reason reason = { .code = REASON_NONE };
	char text[SENTENCE_SIZE] = "x";

	(void)state;
	assert_string_equal(sentence_of_reason(&reason, text), "");
}

static void says_the_figures(void **state)
{
	struct reason silence = { .code = REASON_SILENCE, .arg = { 3610000000, 3609000000 } };
	struct reason other = { .code = REASON_OTHER_ACTIVE, .arg = { 200, 0 }, .ip = ips[1] };
	struct reason refused = { .code = REASON_ADDRESS_REFUSED, .arg = { EACCES, 0 }, .ip = ips[1] };
	char text[SENTENCE_SIZE];

	(void)state;
	assert_string_equal(sentence_of_reason(&silence, text), "heard nobody for 3.61 s (Down is 3.609 s)");
	assert_string_equal(sentence_of_reason(&other, text), "hears 192.0.2.1 with priority 200");
	assert_string_equal(sentence_of_reason(&refused, text),
			    "the kernel refused address 192.0.2.1: Permission denied (EACCES)");
}

static void a_change_names_both_states(void **state)
{
	struct action action = { .type = ACT_NOTE, .object = { OBJECT_VIP, 0, 0 } };
	char text[SENTENCE_SIZE];

	(void)state;
	action.u.note = (struct note){ .code = NOTE_STATE, .previous = VIP_BACKUP, .state = VIP_ACTIVE };
	action.u.note.reason = (struct reason){ .code = REASON_PREDECESSOR_LEFT, .ip = ips[1] };
	assert_string_equal(sentence_of_note(core, &action, text), "web: backup → active: 192.0.2.1 said goodbye");

	action.object = (struct object){ OBJECT_PORT, 0, 1 };
	action.u.note = (struct note){ .code = NOTE_STATE, .previous = PORT_STANDBY, .state = PORT_DOWN };
	action.u.note.reason.code = REASON_LINK_DOWN;
	assert_string_equal(sentence_of_note(core, &action, text),
			    "bond0/eno2: standby → down: the interface has no carrier");

	action.object = (struct object){ OBJECT_BOND, 0, 0 };
	action.u.note = (struct note){ .code = NOTE_ACTIVE_PORT, .reason = { .arg = { 0, 1 } } };
	assert_string_equal(sentence_of_note(core, &action, text), "bond0: active port eno1 → eno2");
}

static const char *note_text(struct object object, struct note note, char text[SENTENCE_SIZE])
{
	struct action action = { .type = ACT_NOTE, .object = object, .u.note = note };

	return sentence_of_note(core, &action, text);
}

static void an_unchanged_state_has_no_arrow(void **state)
{
	struct note note = { .code = NOTE_STATE, .reason.code = REASON_INTERFACE_ABSENT };
	char text[SENTENCE_SIZE];

	(void)state;
	note.previous = note.state = VIP_INIT;
	assert_string_equal(note_text((struct object){ OBJECT_VIP, 0, 0 }, note, text),
			    "web: init: the interface does not exist");
	note.reason.code = REASON_NONE;
	assert_string_equal(note_text((struct object){ OBJECT_VIP, 0, 0 }, note, text), "web: init");
}

static void a_route_is_named(void **state)
{
	static const struct ip ten = { FAMILY_4, { 10 } }, any_4 = { FAMILY_4, { 0 } }, any_6 = { FAMILY_6, { 0 } };
	struct note repaired = { .code = NOTE_REPAIRED, .reason.ip = any_4 };
	struct note backoff = { .code = NOTE_REPAIR_BACKOFF, .reason = { .arg = { 2000000000, 5 }, .ip = ten } };
	struct note refused = { .code = NOTE_REFUSED, .reason = { .arg = { EPERM, ACT_ROUTE_DEL }, .ip = ten } };
	struct object route = { OBJECT_ROUTE, 0, 0 };
	char text[SENTENCE_SIZE];

	(void)state;
	assert_string_equal(note_text(route, repaired, text),
			    "bond0: the default route was gone and is put back; removed by the kernel itself");
	repaired.reason.ip = any_6;
	repaired.reason.arg[0] = 42;
	assert_string_equal(note_text(route, repaired, text), "bond0: the IPv6 default route was gone and is put back; "
							      "removed by another program (netlink port 42)");
	route.sub = 8;
	assert_string_equal(note_text(route, backoff, text), "bond0: the route to 10.0.0.0/8 was removed or changed 5 times in a row, "
							     "the next repair waits 2 s");
	assert_string_equal(note_text(route, refused, text), "bond0: the kernel refused to remove the route to 10.0.0.0/8: "
							     "Operation not permitted (EPERM)");
	repaired.reason = (struct reason){ .ip = ips[1] };
	assert_string_equal(note_text((struct object){ OBJECT_VIP, 0, 0 }, repaired, text),
			    "web: 192.0.2.1 was gone and is put back; removed by the kernel itself");
}

static void a_port_tells_of_itself(void **state)
{
	struct reason lost = { .code = REASON_PORT_PROBES_LOST, .arg = { 3000000000 }, .ip = ips[1] };
	struct reason damped = { .code = REASON_PORT_DAMPED, .arg = { 3120, 12000000000 } };
	struct reason mode = { .code = REASON_BOND_MODE, .arg = { 4 } };
	struct note manual = { .code = NOTE_MANUAL, .reason.arg = { 1 } };
	struct note probe = { .code = NOTE_PROBE_LOST, .reason = { .arg = { 300000000, 0 }, .ip = ips[1] } };
	char text[SENTENCE_SIZE];

	(void)state;
	assert_string_equal(sentence_of_reason(&lost, text), "has link, but 192.0.2.1 has not answered for 3 s");
	assert_string_equal(sentence_of_reason(&damped, text),
			    "lost its link too often (penalty 3120), is left alone for another 12 s");
	assert_string_equal(sentence_of_reason(&mode, text), "exists in mode 802.3ad (4) and is being rebuilt");
	assert_string_equal(note_text((struct object){ OBJECT_BOND, 0, 0 }, manual, text),
			    "bond0: switched to eno2 by hand, until that port fails");
	manual.reason.arg[0] = -1;
	assert_string_equal(note_text((struct object){ OBJECT_BOND, 0, 0 }, manual, text),
			    "bond0: chooses its port by itself again");
	assert_string_equal(note_text((struct object){ OBJECT_PORT, 0, 1 }, probe, text),
			    "bond0/eno2: 192.0.2.1 has not answered its probes for 300 ms");
}

static const char *action_text(struct action action, char text[SENTENCE_SIZE])
{
	return sentence_of_action(core, &action, text);
}

static void a_change_says_what_it_would_do(void **state)
{
	const struct object bond = { OBJECT_BOND, 0, 0 };
	struct action route = { .type = ACT_ROUTE_ADD,
				.object = bond,
				.u.route.route = { .to = { FAMILY_4, { 0 } }, .via = { FAMILY_4, { 192, 0, 2, 1 } } } };
	char text[SENTENCE_SIZE];

	(void)state;
	assert_string_equal(
		action_text((struct action){ .type = ACT_ADDRESS_ADD,
					     .u.address = { .ifname = "eno1", .ip = ips[1], .prefix = 24 } },
			    text),
		"adds address 192.0.2.1/24 to eno1");
	assert_string_equal(
		action_text((struct action){ .type = ACT_ADDRESS_DEL,
					     .u.address = { .ifname = "eno1", .ip = ips[1], .prefix = 24 } },
			    text),
		"removes address 192.0.2.1/24 from eno1");
	assert_string_equal(action_text(route, text), "adds the default route via 192.0.2.1 on bond0");
	route.type = ACT_ROUTE_DEL;
	route.u.route.route.prefix = 24;
	route.u.route.route.to = ips[1];
	assert_string_equal(action_text(route, text), "removes the route to 192.0.2.1/24 via 192.0.2.1 from bond0");
	assert_string_equal(
		action_text((struct action){ .type = ACT_BOND_SET,
					     .object = bond,
					     .u.link = { .ifname = "bond0",
							 .bond_set = BOND_SET_MIIMON | BOND_SET_FAIL_OVER_MAC } },
			    text),
		"sets miimon, fail_over_mac of bond0");
	assert_string_equal(
		action_text((struct action){ .type = ACT_BOND_REBUILD, .object = bond, .u.link.ifname = "bond0" },
			    text),
		"rebuilds bond0: its addresses and routes are put back in the same breath");
	assert_string_equal(
		action_text((struct action){ .type = ACT_ENSLAVE, .object = bond, .u.link.ifname = "eno1" }, text),
		"takes eno1 into bond0");
	assert_string_equal(action_text((struct action){ .type = ACT_VLAN_CREATE,
							 .object = { OBJECT_NODE, 0, 0 },
							 .u.link = { .ifname = "bond0.20", .vlan_id = 20 } },
					text),
			    "creates vlan bond0.20, id 20");
	assert_string_equal(action_text((struct action){ .type = ACT_ADVERT, .object = { OBJECT_VIP, 0, 0 } }, text),
			    "vip web says goodbye");
}

/* Of every type: a sentence, or nothing for what a person did not configure. */
static void every_action_has_a_sentence_or_none(void **state)
{
	static const enum action_type silent[] = { ACT_ANNOUNCE, ACT_PROBE, ACT_ADDRESS_RENEW, ACT_LOOK,
						   ACT_RESOLVE, ACT_HEARTBEAT,  ACT_SNAPSHOT, ACT_NOTE, ACT_STOPPED, ACT_VMAC_SET };
	char text[SENTENCE_SIZE];

	(void)state;
	for (enum action_type type = 0; type < ACT_TYPES; type++) {
		struct action action = { .type = type, .object = { OBJECT_BOND, 0, 0 } };
		bool says = true;
		for (unsigned i = 0; i < sizeof silent / sizeof *silent; i++)
			says = says && silent[i] != type;
		memset(&action.u, 0x41, 20); /* names and numbers that are not zero, within every member */
		memset((char *)&action.u + 20, 0, sizeof action.u - 20);
		if (type == ACT_ADVERT)
			action.u.advert.priority = 0;
		if (type == ACT_LISTEN || type == ACT_UNLISTEN)
			action.u.listen.probes = false;
		sentence_of_action(core, &action, text);
		assert_int_equal(text[0] != '\0', says);
		if (says)
			assert_sentence(text);
	}
}

static void a_listener_tells_of_its_predecessor(void **state)
{
	struct reason listening = { .code = REASON_LISTENING, .arg = { 3609000000, 0 } };
	struct reason starting = { .code = REASON_STARTING };
	char text[SENTENCE_SIZE];

	(void)state;
	assert_string_equal(sentence_of_reason(&listening, text),
			    "listens first whether another node is active, for 3.609 s (Down)");
	listening.arg[1] = 412000000;
	assert_string_equal(sentence_of_reason(&listening, text),
			    "listens first whether another node is active, for 3.609 s (Down); its predecessor's last sign "
			    "of life was 412 ms old, too old to go on");
	assert_string_equal(sentence_of_reason(&starting, text), "starting: looks at the kernel and opens its sockets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_sentence),
		cmocka_unit_test(no_two_reasons_say_the_same),
		cmocka_unit_test(every_note_has_a_sentence),
		cmocka_unit_test(no_reason_says_nothing),
		cmocka_unit_test(says_the_figures),
		cmocka_unit_test(a_change_names_both_states),
		cmocka_unit_test(an_unchanged_state_has_no_arrow),
		cmocka_unit_test(a_route_is_named),
		cmocka_unit_test(a_listener_tells_of_its_predecessor),
		cmocka_unit_test(a_port_tells_of_itself),
		cmocka_unit_test(a_change_says_what_it_would_do),
		cmocka_unit_test(every_action_has_a_sentence_or_none),
	};

	return cmocka_run_group_tests(tests, make_core, free_core);
}
