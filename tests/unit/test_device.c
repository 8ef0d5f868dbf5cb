/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether udev speaks, and what sysfs says, on made-up trees; which links are looked at, and when again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "kernel/device.h"

enum { PATH_SIZE = 256 };

static const char header[] = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n";
static const char kernels[] = "00000000f90d4ce5 15  0          00000000 0        0        0     2        0        6\n";
static const char udevds[] = "00000000f90d4ce6 15  231        00000001 0        0        0     2        0        7\n";
static const char listeners[] = "00000000f90d4ce7 15  232        00000002 0        0        0     2        0        8\n";
static const char routes[] = "00000000f90d4ce8 0   233        00000001 0        0        0     2        0        9\n";

struct tree {
	char top[32], run[48], sys[48], proc[48];
	struct device_roots roots;
};

static void path_in(const struct tree *t, const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s", t->top, name);
}

/* With the folders that it is in. */
static void make_parents(const struct tree *t, const char *name)
{
	char path[PATH_SIZE];

	path_in(t, name, path);
	for (char *slash = path + strlen(t->top) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void put(const struct tree *t, const char *name, const char *text)
{
	char path[PATH_SIZE];
	FILE *file;

	make_parents(t, name);
	path_in(t, name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void put_link(const struct tree *t, const char *name, const char *target)
{
	char path[PATH_SIZE];

	make_parents(t, name);
	path_in(t, name, path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void take(const struct tree *t, const char *name)
{
	char path[PATH_SIZE];

	path_in(t, name, path);
	assert_int_equal(unlink(path), 0);
}

static void put_sockets(const struct tree *t, const char *a, const char *b, const char *c)
{
	char text[1024];

	snprintf(text, sizeof text, "%s%s%s%s", header, a, b, c);
	put(t, "proc/self/net/netlink", text);
}

/* A machine where udev speaks; and a PCI NIC eno1 of index 7 with the virtual function eno1v0, a veth0. */
static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof *t);

	assert_non_null(t);
	strcpy(t->top, "/tmp/test_device-XXXXXX");
	assert_non_null(mkdtemp(t->top));
	snprintf(t->run, sizeof t->run, "%s/run", t->top);
	snprintf(t->sys, sizeof t->sys, "%s/sys", t->top);
	snprintf(t->proc, sizeof t->proc, "%s/proc", t->top);
	t->roots = (struct device_roots){ .run = t->run, .sys = t->sys, .proc = t->proc };
	put(t, "run/udev/control", "");
	put_sockets(t, kernels, udevds, listeners);
	put_link(t, "proc/self/ns/net", "net:[4026531840]");
	put_link(t, "proc/1/ns/net", "net:[4026531840]");
	put(t, "sys/class/net/eno1/ifindex", "7\n");
	put_link(t, "sys/class/net/eno1/device/driver", "../../../bus/pci/drivers/ixgbe");
	put(t, "sys/class/net/eno1v0/ifindex", "8\n");
	put_link(t, "sys/class/net/eno1v0/device/driver", "../../../bus/pci/drivers/ixgbevf");
	put_link(t, "sys/class/net/eno1v0/device/physfn", "../.."); /* which is there */
	put(t, "sys/class/net/veth0/ifindex", "9\n");
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;
	char command[PATH_SIZE];
	int r;

	snprintf(command, sizeof command, "rm -rf %s", t->top);
	r = system(command);
	free(t);
	return r;
}

/* ---- does udev speak? ------------------------------------------------------------------------------------------- */

static void speaks_when_all_is_there(void **state)
{
	struct tree *t = *state;

	assert_true(device_udev_speaks(&t->roots));
}

static void silent_without_control_socket(void **state)
{
	struct tree *t = *state;

	take(t, "run/udev/control");
	assert_false(device_udev_speaks(&t->roots));
}

/* /run is shared with the namespace that udevd is in: nobody here hears the kernel. */
static void silent_without_a_listener(void **state)
{
	struct tree *t = *state;

	put_sockets(t, kernels, listeners, routes);
	assert_false(device_udev_speaks(&t->roots));
	put_sockets(t, "", "", "");
	assert_false(device_udev_speaks(&t->roots));
	put(t, "proc/self/net/netlink", "nonsense\n\n15\n");
	assert_false(device_udev_speaks(&t->roots));
	take(t, "proc/self/net/netlink");
	assert_false(device_udev_speaks(&t->roots));
	put_sockets(t, kernels, listeners, udevds);
	assert_true(device_udev_speaks(&t->roots));
}

static void silent_in_another_namespace_than_process_1(void **state)
{
	struct tree *t = *state;

	put_link(t, "proc/self/ns/net", "net:[4026532000]");
	assert_false(device_udev_speaks(&t->roots));
	take(t, "proc/self/ns/net");
	assert_false(device_udev_speaks(&t->roots));
}

static void speaks_though_process_1_hides(void **state)
{
	struct tree *t = *state;

	take(t, "proc/1/ns/net");
	assert_true(device_udev_speaks(&t->roots));
}

/* ---- what sysfs says -------------------------------------------------------------------------------------------- */

static struct event_link link_of(int ifindex, const char *name, const char *driver)
{
	struct event_link link = { .ifindex = ifindex };

	strcpy(link.name, name);
	strcpy(link.driver, driver);
	return link;
}

static void reads_driver_and_vf(void **state)
{
	struct tree *t = *state;
	struct event_link nic = link_of(7, "eno1", ""), vf = link_of(8, "eno1v0", ""), veth = link_of(9, "veth0", "veth");

	device_read_sysfs(&t->roots, &nic);
	assert_string_equal(nic.driver, "ixgbe");
	assert_false(nic.vf);
	device_read_sysfs(&t->roots, &vf);
	assert_string_equal(vf.driver, "ixgbevf");
	assert_true(vf.vf);
	device_read_sysfs(&t->roots, &veth);
	assert_string_equal(veth.driver, "veth");
	assert_false(veth.vf);
}

static void a_driver_that_is_told_stays(void **state)
{
	struct tree *t = *state;
	struct event_link link = link_of(8, "eno1v0", "other");

	device_read_sysfs(&t->roots, &link);
	assert_string_equal(link.driver, "other");
	assert_true(link.vf);
}

static void another_namespaces_sysfs_says_nothing(void **state)
{
	struct tree *t = *state;
	struct event_link other = link_of(17, "eno1v0", ""), absent = link_of(18, "eno9", "");

	device_read_sysfs(&t->roots, &other);
	device_read_sysfs(&t->roots, &absent);
	assert_string_equal(other.driver, "");
	assert_false(other.vf);
	assert_string_equal(absent.driver, "");
	put(t, "sys/class/net/eno1v0/ifindex", "");
	other.ifindex = 8;
	device_read_sysfs(&t->roots, &other);
	assert_false(other.vf);
}

static void a_driver_too_long_is_none(void **state)
{
	struct tree *t = *state;
	struct event_link link = link_of(7, "eno1", "");

	put_link(t, "sys/class/net/eno1/device/driver", "../a-driver-of-more-than-thirty-one-bytes");
	device_read_sysfs(&t->roots, &link);
	assert_string_equal(link.driver, "");
	put_link(t, "sys/class/net/eno1/device/driver", "no-slash");
	device_read_sysfs(&t->roots, &link);
	assert_string_equal(link.driver, "");
}

/* ---- which links are looked at ---------------------------------------------------------------------------------- */

static struct config_port port_of(enum port_match match, const char *spec)
{
	struct config_port port = { .match = match };

	strcpy(port.spec, spec);
	return port;
}

/* The made-up NIC of index `ifindex`; what the table says of it, "": nothing was read. */
static const char *told(struct devices *d, int ifindex, const char *name)
{
	static struct event_link link;

	link = link_of(ifindex, name, "");
	devices_tell(d, &link);
	return link.driver;
}

static void put_nic(const struct tree *t, int ifindex, const char *name, const char *driver)
{
	char path[PATH_SIZE], text[PATH_SIZE];

	snprintf(path, sizeof path, "sys/class/net/%s/ifindex", name);
	snprintf(text, sizeof text, "%d\n", ifindex);
	put(t, path, text);
	snprintf(path, sizeof path, "sys/class/net/%s/device/driver", name);
	snprintf(text, sizeof text, "../drivers/%s", driver);
	put_link(t, path, text);
}

static void only_what_could_be_a_port(void **state)
{
	struct tree *t = *state;
	struct config_bond bond = { .n_ports = 1, .ports = { port_of(MATCH_GLOB, "eno*") } };
	struct config config = { .bonds = &bond, .n_bonds = 1 };
	struct devices *d = devices_new(&t->roots);

	put_nic(t, 11, "wlan0", "iwlwifi");
	assert_string_equal(told(d, 7, "eno1"), ""); /* no configuration */
	devices_configure(d, &config);
	assert_string_equal(told(d, 7, "eno1"), "ixgbe");
	assert_string_equal(told(d, 11, "wlan0"), "");
	bond.ports[0] = port_of(MATCH_DRIVER, "driver:ixgbe"); /* only its driver tells */
	devices_configure(d, &config);
	assert_string_equal(told(d, 11, "wlan0"), "iwlwifi");
	assert_int_equal(devices_fd(d), -1);
	devices_close(d);
}

static void read_once_until_renamed_or_gone(void **state)
{
	struct tree *t = *state;
	struct config_bond bond = { .n_ports = 1, .ports = { port_of(MATCH_GLOB, "eno*") } };
	struct config config = { .bonds = &bond, .n_bonds = 1 };
	struct devices *d = devices_new(&t->roots);

	devices_configure(d, &config);
	assert_string_equal(told(d, 7, "eno1"), "ixgbe");
	put_nic(t, 7, "eno1", "changed");
	assert_string_equal(told(d, 7, "eno1"), "ixgbe");
	put_nic(t, 7, "lan0", "renamed");
	assert_string_equal(told(d, 7, "lan0"), "renamed");
	put_nic(t, 7, "lan0", "changed");
	assert_string_equal(told(d, 7, "lan0"), "renamed");
	devices_forget(d, 7);
	assert_string_equal(told(d, 7, "eno1"), "changed");
	put_nic(t, 7, "eno1", "again");
	devices_forget_all(d);
	assert_string_equal(told(d, 7, "eno1"), "again");
	devices_close(d);
}

/* Indexes that fall on the same places, taken out in another order: none is lost, none comes back. */
static void many_links(void **state)
{
	enum { N = 500, STEP = 64, MIXED = 7 };
	struct tree *t = *state;
	struct config_bond bond = { .n_ports = 1, .ports = { port_of(MATCH_GLOB, "n*") } };
	struct config config = { .bonds = &bond, .n_bonds = 1 };
	struct devices *d = devices_new(&t->roots);
	bool there[N];

	devices_configure(d, &config);
	for (int i = 0; i < N; i++) {
		char name[IFNAME_SIZE];

		snprintf(name, sizeof name, "n%d", i);
		put_nic(t, 1 + i * STEP, name, "first");
		assert_string_equal(told(d, 1 + i * STEP, name), "first");
		put_nic(t, 1 + i * STEP, name, "second");
		there[i] = true;
	}
	for (int i = 0; i < N; i += 2) {
		devices_forget(d, 1 + (i * MIXED % N) * STEP);
		devices_forget(d, 1 + (i * MIXED % N) * STEP);
		there[i * MIXED % N] = false;
	}
	for (int i = 0; i < N; i++) {
		char name[IFNAME_SIZE];

		snprintf(name, sizeof name, "n%d", i);
		assert_string_equal(told(d, 1 + i * STEP, name), there[i] ? "first" : "second");
	}
	devices_close(d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(speaks_when_all_is_there), TEST(silent_without_control_socket), TEST(silent_without_a_listener),
		TEST(silent_in_another_namespace_than_process_1), TEST(speaks_though_process_1_hides), TEST(reads_driver_and_vf),
		TEST(a_driver_that_is_told_stays), TEST(another_namespaces_sysfs_says_nothing), TEST(a_driver_too_long_is_none),
		TEST(only_what_could_be_a_port), TEST(read_once_until_renamed_or_gone), TEST(many_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
