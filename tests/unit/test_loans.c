/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of loans: what is written is read back; what is damaged or foreign is believed in nothing. */
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

#include "daemon/loans.h"

static char directory[64];
static int rundir;
static const struct record_world world = { .boot_id = { 1, 2, 0xfe }, .netns = 4026531840 };

/* ---- a core that has devices and changed a sysctl ------------------------------------------------------------------ */

static struct core *make_core(bool virtual_mac)
{
	static struct config_address address = { .ip = { FAMILY_4, { 192, 0, 2, 100 } }, .prefix = 32 };
	static struct config_vip vip = { .name = "web", .on = "eno1", .bond = -1, .vrid = 51, .priority = 100, .family = FAMILY_4,
					 .version = 3, .advert_ns = NSEC_PER_SEC, .lease_ns = 4 * NSEC_PER_SEC,
					 .leave_timeout_ns = NSEC_PER_SEC, .n_addresses = 1, .n_listed = 1 };
	struct config config = { .node = "n", .vips = &vip, .n_vips = 1, .addresses = &address, .n_addresses = 1 };
	struct core *core = core_new(1);

	strcpy(vip.device, virtual_mac ? "vrrp4-51-12345" : "");
	assert_non_null(core);
	assert_int_equal(core_configure(core, &config, NSEC_PER_SEC), 0);
	return core;
}

static void lend(struct core *core, const char *ifname, bool device, enum sysctl_key key, int value)
{
	struct event event = { .type = EV_LOAN, .now_ns = NSEC_PER_SEC };
	struct action actions[64];
	bool more = true;

	snprintf(event.u.loan.ifname, sizeof event.u.loan.ifname, "%s", ifname);
	event.u.loan.device = device;
	event.u.loan.key = (uint8_t)key;
	event.u.loan.value = value;
	while (more) {
		core_step(core, &event, actions, 64, &more);
		event = (struct event){ .type = EV_CONTINUE, .now_ns = NSEC_PER_SEC };
	}
}

static void put(const char *text, size_t size)
{
	int fd = openat(rundir, "loans", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, size), size);
	close(fd);
}

static char *get(size_t *size)
{
	static char text[4096];
	int fd = openat(rundir, "loans", O_RDONLY);

	*size = (size_t)read(fd, text, sizeof text - 1);
	text[*size] = '\0';
	close(fd);
	return text;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/loans.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	rundir = open(directory, O_PATH | O_DIRECTORY);
	return rundir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(rundir, "loans", AT_REMOVEDIR);
	unlinkat(rundir, "loans", 0);
	unlinkat(rundir, "loans.new", 0);
	close(rundir);
	return rmdir(directory);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void test_what_is_written_is_read(void **state)
{
	struct core *core = make_core(true);
	struct loans loans;
	struct stat status;

	(void)state;
	assert_int_equal(loans_read(rundir, &world, &loans), -ENOENT);
	lend(core, "vrrp4-7-00000", true, 0, 0);
	lend(core, "eno1", false, SYSCTL_ARP_ANNOUNCE, 1);
	assert_int_equal(loans_write(rundir, &world, core), 0);
	assert_int_equal(fstatat(rundir, "loans", &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(loans_read(rundir, &world, &loans), 0);
	assert_int_equal(loans.n, 3);
	assert_true(loans.items[0].device && loans.items[1].device && !loans.items[2].device);
	assert_string_equal(loans.items[0].ifname, "vrrp4-51-12345");
	assert_string_equal(loans.items[1].ifname, "vrrp4-7-00000");
	assert_string_equal(loans.items[2].ifname, "eno1");
	assert_int_equal(loans.items[2].key, SYSCTL_ARP_ANNOUNCE);
	assert_int_equal(loans.items[2].value, 1);
	loans_free(&loans);
	core_free(core);
	core = make_core(false);
	assert_int_equal(loans_write(rundir, &world, core), 0);
	assert_int_equal(fstatat(rundir, "loans", &status, 0), -1);
	core_free(core);
}

static void test_of_another_boot_or_namespace(void **state)
{
	struct record_world other = world;
	struct core *core = make_core(true);
	struct loans loans;

	(void)state;
	assert_int_equal(loans_write(rundir, &world, core), 0);
	other.netns++;
	assert_int_equal(loans_read(rundir, &other, &loans), -ESTALE);
	other = world;
	other.boot_id[15] ^= 1;
	assert_int_equal(loans_read(rundir, &other, &loans), -ESTALE);
	assert_int_equal(loans.n, 0);
	core_free(core);
}

/* Cut short anywhere, and lines that say nothing. */
static void test_damaged(void **state)
{
	static const char *const lines[] = {
		"device\n",		    "device \n",		       "device a-name-of-16-chs\n",     "device a/b\n",
		"device eno1 more\n",	    "sysctl eno1\n",	       "sysctl eno1 arp_ignore\n",     "sysctl eno1 arp_ignore \n",
		"sysctl eno1 forwarding 0\n", "sysctl eno1 arp_ignore x\n", "sysctl eno1 arp_ignore 1001\n", "lent eno1\n",
		"sysctl eno1 arp_ignore 0 more\n", "\n",
	};
	struct core *core = make_core(true);
	char text[4096], changed[8192];
	struct loans loans;
	size_t size;

	(void)state;
	lend(core, "eno1", false, SYSCTL_ARP_IGNORE, 0);
	assert_int_equal(loans_write(rundir, &world, core), 0);
	memcpy(text, get(&size), sizeof text);
	for (size_t n = 0; n < size; n++) {
		put(text, n);
		assert_true(loans_read(rundir, &world, &loans) < 0);
		assert_int_equal(loans.n, 0);
	}
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		snprintf(changed, sizeof changed, "%.*s%send\n", (int)(size - strlen("end\n")), text, lines[i]);
		put(changed, strlen(changed));
		assert_int_equal(loans_read(rundir, &world, &loans), -EBADMSG);
	}
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_of_another_boot_or_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
