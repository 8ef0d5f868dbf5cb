/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of orders: what is written is read back; what is damaged or foreign is obeyed in nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/orders.h"

static char directory[64];
static int rundir;
static const struct record_world world = { .boot_id = { 1, 2, 0xfe }, .netns = 4026531840 };

/* ---- a core that has orders -------------------------------------------------------------------------------------- */

static struct config_address addresses[] = { { .ip = { FAMILY_4, { 192, 0, 2, 100 } }, .prefix = 32 },
					     { .ip = { FAMILY_4, { 192, 0, 2, 101 } }, .prefix = 32 } };

static struct core *make_core(void)
{
	static struct config_vip vips[2];
	struct config config = { .node = "n", .vips = vips, .n_vips = 2, .addresses = addresses, .n_addresses = 2 };
	struct core *core = core_new(1);

	for (unsigned i = 0; i < 2; i++) {
		vips[i] = (struct config_vip){ .on = "eno1", .bond = -1, .vrid = (uint8_t)(51 + i), .priority = 100,
					       .family = FAMILY_4, .advert_ns = NSEC_PER_SEC, .lease_ns = 4 * NSEC_PER_SEC,
					       .leave_timeout_ns = NSEC_PER_SEC, .first_address = i, .n_addresses = 1,
					       .n_listed = 1 };
		snprintf(vips[i].name, sizeof vips[i].name, "%s", i ? "mail" : "web");
	}
	assert_non_null(core);
	assert_int_equal(core_configure(core, &config, NSEC_PER_SEC), 0);
	return core;
}

static void order(struct core *core, enum role_order role, const char *vip)
{
	struct event event = { .type = EV_ROLE, .now_ns = NSEC_PER_SEC };
	struct action actions[64];
	bool more = true;

	event.u.role.order = role;
	snprintf(event.u.role.vip, sizeof event.u.role.vip, "%s", vip);
	while (more) {
		core_step(core, &event, actions, 64, &more);
		event = (struct event){ .type = EV_CONTINUE, .now_ns = NSEC_PER_SEC };
	}
}

static void put(const char *text, size_t size)
{
	int fd = openat(rundir, "orders", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, size), size);
	close(fd);
}

static char *get(size_t *size)
{
	static char text[4096];
	int fd = openat(rundir, "orders", O_RDONLY);

	*size = (size_t)read(fd, text, sizeof text - 1);
	text[*size] = '\0';
	close(fd);
	return text;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/orders.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	rundir = open(directory, O_PATH | O_DIRECTORY);
	return rundir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(rundir, "orders", AT_REMOVEDIR);
	unlinkat(rundir, "orders", 0);
	unlinkat(rundir, "orders.new", 0);
	close(rundir);
	return rmdir(directory);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void test_what_is_written_is_read(void **state)
{
	struct core *core = make_core();
	struct orders orders;
	struct stat status;

	(void)state;
	assert_int_equal(orders_read(rundir, &world, &orders), -ENOENT);
	order(core, ROLE_DRAIN, "");
	order(core, ROLE_GIVEN, "mail");
	order(core, ROLE_GIVEN, "nobody");
	assert_int_equal(orders_write(rundir, &world, core), 0);
	assert_int_equal(fstatat(rundir, "orders", &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(orders_read(rundir, &world, &orders), 0);
	assert_true(orders.drained);
	assert_int_equal(orders.n_given, 1);
	assert_string_equal(orders.given[0], "mail");
	orders_free(&orders);

	order(core, ROLE_UNDRAIN, "");
	assert_int_equal(orders_write(rundir, &world, core), 0);
	assert_int_equal(fstatat(rundir, "orders", &status, 0), -1);
	assert_int_equal(orders_write(rundir, &world, core), 0);
	core_free(core);
}

static void test_every_order_has_its_serial(void **state)
{
	struct core *core = make_core();
	uint64_t serial = core_roles_serial(core);

	(void)state;
	order(core, ROLE_UNDRAIN, "");
	assert_int_equal(core_roles_serial(core), serial);
	order(core, ROLE_DRAIN, "");
	assert_int_not_equal(core_roles_serial(core), serial);
	serial = core_roles_serial(core);
	order(core, ROLE_DRAIN, "");
	assert_int_equal(core_roles_serial(core), serial);
	order(core, ROLE_GIVEN, "web");
	assert_int_not_equal(core_roles_serial(core), serial);
	core_free(core);
}

static void test_of_another_boot_or_namespace(void **state)
{
	struct record_world other = world;
	struct core *core = make_core();
	struct orders orders;

	(void)state;
	order(core, ROLE_DRAIN, "");
	assert_int_equal(orders_write(rundir, &world, core), 0);
	other.netns++;
	assert_int_equal(orders_read(rundir, &other, &orders), -ESTALE);
	other = world;
	other.boot_id[15] ^= 1;
	assert_int_equal(orders_read(rundir, &other, &orders), -ESTALE);
	assert_false(orders.drained);
	core_free(core);
}

/* Cut short anywhere, or with one byte changed in what is no name. */
static void test_damaged(void **state)
{
	struct core *core = make_core();
	struct orders orders;
	char text[4096];
	size_t size;

	(void)state;
	order(core, ROLE_DRAIN, "");
	order(core, ROLE_GIVEN, "web");
	assert_int_equal(orders_write(rundir, &world, core), 0);
	memcpy(text, get(&size), sizeof text);
	for (size_t n = 0; n < size; n++) {
		put(text, n);
		assert_true(orders_read(rundir, &world, &orders) < 0);
		assert_false(orders.drained);
	}
	for (size_t n = 0; n < (size_t)(strstr(text, "web") - text); n++) {
		text[n] ^= 1;
		put(text, size);
		assert_true(orders_read(rundir, &world, &orders) < 0);
		text[n] ^= 1;
	}
	strcpy(text + size, "more\n");
	put(text, strlen(text));
	assert_int_equal(orders_read(rundir, &world, &orders), -EBADMSG);
	core_free(core);
}

static void test_what_is_no_file(void **state)
{
	struct core *core = make_core();
	struct orders orders;
	char *large = calloc(1, 1 << 20);

	(void)state;
	put(large, 1 << 20);
	assert_int_equal(orders_read(rundir, &world, &orders), -EBADMSG);
	unlinkat(rundir, "orders", 0);
	assert_int_equal(mkdirat(rundir, "orders", 0700), 0);
	assert_true(orders_read(rundir, &world, &orders) < 0);
	order(core, ROLE_DRAIN, "");
	assert_true(orders_write(rundir, &world, core) < 0);
	unlinkat(rundir, "orders", AT_REMOVEDIR);
	assert_int_equal(symlinkat("orders", rundir, "orders"), 0);
	assert_true(orders_read(rundir, &world, &orders) < 0);
	assert_int_equal(symlinkat("elsewhere", rundir, "orders.new"), 0);
	assert_int_equal(orders_write(rundir, &world, core), 0);
	assert_int_equal(orders_read(rundir, &world, &orders), 0);
	assert_true(orders.drained);
	orders_free(&orders);
	free(large);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_order_has_its_serial, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_of_another_boot_or_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
