/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the journal adds to the core's notes: the kernel's own words, the name of a culprit, how long traffic was away.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sentence.h"
#include "daemon/journal.h"

#define NOW (1000 * NSEC_PER_SEC)

static const struct object port = { OBJECT_PORT, 0, 1 }, bond = { OBJECT_BOND, 0, 0 };

struct fixture {
	struct core *core;
	struct journal *journal;
};

static int setup(void **state)
{
	static struct config_bond bonds = { .name = "bond0",
					    .driver = DRIVER_KERNEL,
					    .prefer = -1,
					    .link = -1,
					    .n_ports = 2,
					    .ports = { { .spec = "eno1" }, { .spec = "eno2" } } };
	struct config config = { .node = "lb1", .bonds = &bonds, .n_bonds = 1 };
	struct fixture *f = calloc(1, sizeof *f);

	if (!f)
		return -1;
	f->core = core_new(1);
	f->journal = journal_new();
	*state = f;
	return f->core && f->journal ? core_configure(f->core, &config, NOW) : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	journal_free(f->journal);
	core_free(f->core);
	free(f);
	return 0;
}

static void add(struct fixture *f, struct object object, enum note_code code, int64_t a, int64_t b)
{
	struct action note = { .type = ACT_NOTE, .object = object };

	note.u.note.code = code;
	note.u.note.reason.arg[0] = a;
	note.u.note.reason.arg[1] = b;
	journal_add(f->journal, f->core, &note, NOW);
}

/* The text of the nth event, counted from 1. */
static void assert_text(const struct fixture *f, uint64_t n, const char *wanted)
{
	uint64_t seq = n;
	json_t *entry = journal_entry(f->journal, &seq);

	assert_int_equal(seq, n);
	assert_string_equal(json_string_value(json_object_get(entry, "text")), wanted);
	json_decref(entry);
}

static void a_refusal_has_the_kernels_words(void **state)
{
	struct fixture *f = *state;
	char words[] = "Device can not be enslaved\nwhile \xc3\xbcp";

	journal_kernel_says(f->journal, words);
	add(f, port, NOTE_REFUSED, EPERM, ACT_ENSLAVE);
	add(f, bond, NOTE_OVERRUN, 0, 0);
	journal_kernel_says(f->journal, "");
	memset(words, 'x', sizeof words - 1); /* it was borrowed only until then */
	add(f, port, NOTE_REFUSED, EBUSY, ACT_ENSLAVE);
	journal_flush(f->journal, f->core);
	assert_text(f, 1,
		    "bond0/eno2: the kernel refused to take the port into the bond: Operation not permitted (EPERM); "
		    "it says: Device can not be enslaved?while ??p");
	assert_text(f, 2, "bond0: events of the kernel were lost, a snapshot repairs it");
	assert_text(f, 3,
		    "bond0/eno2: the kernel refused to take the port into the bond: Device or resource busy (EBUSY)");
}

static void long_words_are_cut(void **state)
{
	struct fixture *f = *state;
	char words[2 * SENTENCE_SIZE];
	uint64_t seq = 0;
	json_t *entry;

	memset(words, 'w', sizeof words);
	words[sizeof words - 1] = '\0';
	journal_kernel_says(f->journal, words);
	add(f, port, NOTE_REFUSED, EPERM, ACT_ENSLAVE);
	journal_flush(f->journal, f->core);
	entry = journal_entry(f->journal, &seq);
	assert_int_equal(json_string_length(json_object_get(entry, "text")), SENTENCE_SIZE - 1);
	json_decref(entry);
}

/* Words that nobody ever published are freed with the ring; a sanitizer sees it. */
static void unpublished_words_are_freed(void **state)
{
	struct fixture *f = *state;

	journal_kernel_says(f->journal, "words");
	for (unsigned i = 0; i < JOURNAL_KEPT + 10; i++)
		add(f, port, NOTE_REFUSED, EPERM, ACT_ENSLAVE);
}

static void the_culprit_is_named(void **state)
{
	struct fixture *f = *state;
	char wanted[SENTENCE_SIZE], name[32] = "";
	FILE *comm = fopen("/proc/self/comm", "r");

	assert_non_null(comm);
	assert_int_equal(fscanf(comm, "%31s", name), 1);
	fclose(comm);
	add(f, port, NOTE_RELEASED, 0, getpid());
	add(f, port, NOTE_RELEASED, 7, 0);
	add(f, bond, NOTE_REPAIRED, getpid(), 0);
	add(f, bond, NOTE_REBUILT, getpid(), getpid());
	journal_flush(f->journal, f->core);
	snprintf(wanted, sizeof wanted, "bond0/eno2: was released by another program (netlink port %d), probably %s",
		 getpid(), name);
	assert_text(f, 1, wanted);
	assert_text(f, 2, "bond0/eno2: was given to another master (interface index 7) by another program or the kernel itself");
	snprintf(
		wanted, sizeof wanted,
		"bond0: the device was gone and is put back; removed by another program (netlink port %d), probably %s",
		getpid(), name);
	assert_text(f, 3, wanted);
	snprintf(wanted, sizeof wanted,
		 "bond0: was rebuilt, with its addresses and routes; it had been a bonding device");
	assert_text(f, 4, wanted);
}

static void tells_how_long_traffic_was_away(void **state)
{
	struct fixture *f = *state;
	struct action note = { .type = ACT_NOTE, .object = bond };
	uint64_t seq = 2;
	json_t *entry;

	note.u.note.code = NOTE_ACTIVE_PORT;
	note.u.note.reason.arg[0] = 0;
	note.u.note.reason.arg[1] = -1;
	journal_add(f->journal, f->core, &note, NOW);
	note.u.note.reason.arg[0] = -1;
	note.u.note.reason.arg[1] = 1;
	journal_add(f->journal, f->core, &note, NOW + 5 * NSEC_PER_MSEC);
	journal_flush(f->journal, f->core);
	entry = journal_entry(f->journal, &seq);
	assert_true(json_number_value(json_object_get(entry, "away_ms")) == 5.0);
	json_decref(entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_refusal_has_the_kernels_words, setup, teardown),
		cmocka_unit_test_setup_teardown(long_words_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(unpublished_words_are_freed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_culprit_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_how_long_traffic_was_away, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
