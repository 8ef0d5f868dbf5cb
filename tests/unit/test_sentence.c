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
	assert_string_equal(note_text(route, backoff, text), "bond0: the route to 10.0.0.0/8 was removed 5 times in a row, "
							     "the next repair waits 2 s");
	assert_string_equal(note_text(route, refused, text), "bond0: the kernel refused to remove the route to 10.0.0.0/8: "
							     "Operation not permitted (EPERM)");
	repaired.reason = (struct reason){ .ip = ips[1] };
	assert_string_equal(note_text((struct object){ OBJECT_VIP, 0, 0 }, repaired, text),
			    "web: 192.0.2.1 was gone and is put back; removed by the kernel itself");
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
		cmocka_unit_test(every_reason_has_a_sentence), cmocka_unit_test(no_two_reasons_say_the_same),
		cmocka_unit_test(every_note_has_a_sentence),   cmocka_unit_test(no_reason_says_nothing),
		cmocka_unit_test(says_the_figures),	       cmocka_unit_test(a_change_names_both_states),
		cmocka_unit_test(an_unchanged_state_has_no_arrow), cmocka_unit_test(a_route_is_named),
		cmocka_unit_test(a_listener_tells_of_its_predecessor),
	};

	return cmocka_run_group_tests(tests, make_core, free_core);
}
