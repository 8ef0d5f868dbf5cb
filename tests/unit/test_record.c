/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file: what is written is read back; what is torn, flipped or foreign is never believed. */
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

#include "daemon/record.h"

#define NOW (1000 * NSEC_PER_SEC)

static char directory[64];
static int rundir;
static const struct record_world world = { .boot_id = { 1, 2, 3 }, .netns = 4026531840 };

/* ---- a core that has just what a record asks of it ------------------------------------------------------------- */

static struct config_address addresses[] = {
	{ .ip = { FAMILY_4, { 192, 0, 2, 100 } }, .prefix = 32 },
	{ .ip = { FAMILY_4, { 192, 0, 2, 101 } }, .prefix = 24 },
	{ .ip = { FAMILY_6, { 0x20, 1, 0xd, 0xb8 } }, .prefix = 128 },
};

static struct config_bond bonds[] = {
	{ .name = "b", .driver = DRIVER_MOVE, .ports = { { .spec = "eno1" }, { .spec = "eno2" } }, .n_ports = 2, .prefer = -1 },
};

static struct config_vip make_vip(const char *name, const char *on, int bond, uint8_t vrid, unsigned first, unsigned n)
{
	struct config_vip vip = { .bond = bond, .vrid = vrid, .priority = 100, .version = 3, .family = addresses[first].ip.family,
				  .advert_ns = NSEC_PER_SEC, .lease_ns = 10 * NSEC_PER_SEC,
				  .leave_timeout_ns = NSEC_PER_SEC, .first_address = first, .n_addresses = n,
				  .n_listed = n };

	snprintf(vip.name, sizeof vip.name, "%s", name);
	snprintf(vip.on, sizeof vip.on, "%s", on);
	return vip;
}

static struct config_route routes[] = {
	{ .to = { FAMILY_4, { 10, 8 } }, .prefix = 16, .via = { FAMILY_4, { 192, 0, 2, 1 } }, .bond = -1 },
	{ .to = { FAMILY_4, { 0 } }, .via = { FAMILY_4, { 10, 1, 0, 1 } }, .metric = 7, .table = 100, .on = "eth9", .bond = -1 },
	{ .to = { FAMILY_6, { 0x20, 1, 0xd, 0xb8 } }, .prefix = 32, .bond = -1 },
};

static struct config_rule rules[] = {
	{ .from = { FAMILY_4, { 192, 0, 2, 100 } }, .from_prefix = 32, .family = FAMILY_4, .table = 100, .priority = 100, .mark = 7 },
	{ .to = { FAMILY_6, { 0x20, 1, 0xd, 0xb8, 0, 9 } }, .to_prefix = 48, .family = FAMILY_6, .tos = 4, .table = 101, .priority = 101 },
};

struct fixture {
	struct core *core;
	struct config_vip vips[3];
	struct config config;
	struct record *record;
};

static void configure(struct fixture *f, unsigned n_vips)
{
	f->config = (struct config){ .node = "n", .bonds = bonds, .n_bonds = 1, .vips = f->vips, .n_vips = n_vips,
				     .addresses = addresses, .n_addresses = 3 };
	assert_int_equal(core_configure(f->core, &f->config, NOW), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	snprintf(directory, sizeof directory, "/tmp/test-record-XXXXXX");
	if (!f || !mkdtemp(directory))
		return -1;
	rundir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->core = core_new(1);
	f->vips[0] = make_vip("web", "eth0", -1, 1, 0, 1);
	f->vips[1] = make_vip("mail", "b", 0, 2, 1, 1);
	f->vips[2] = make_vip("six", "eth1", -1, 3, 2, 1);
	f->record = record_new(rundir, &world);
	if (!f->core || !f->record)
		return -1;
	configure(f, 3);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	record_free(f->record);
	core_free(f->core);
	free(f);
	unlinkat(rundir, "state", 0);
	unlinkat(rundir, "state.new", 0);
	close(rundir);
	return rmdir(directory);
}

static void lay_out(struct fixture *f, const struct record_data *previous)
{
	assert_int_equal(record_layout(f->record, f->core, previous, NOW), 0);
	assert_int_equal(faccessat(rundir, "state.new", F_OK, 0), -1);
}

static size_t load(uint8_t *bytes, size_t size)
{
	int fd = openat(rundir, "state", O_RDONLY);
	ssize_t n = read(fd, bytes, size);

	close(fd);
	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

static void store(const uint8_t *bytes, size_t size)
{
	int fd = openat(rundir, "state", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static const struct record_vip *find(const struct record_data *data, const char *name)
{
	for (unsigned i = 0; i < data->n_vips; i++) {
		if (strcmp(data->vips[i].name, name) == 0)
			return &data->vips[i];
	}
	return NULL;
}

static bool has_address(const struct record_data *data, const char *ifname, unsigned address)
{
	for (unsigned i = 0; i < data->n_addresses; i++) {
		const struct record_address *a = &data->addresses[i];
		if (strcmp(a->ifname, ifname) == 0 && ip_equal(&a->ip, &addresses[address].ip) &&
		    a->prefix == addresses[address].prefix)
			return true;
	}
	return false;
}

static void is_read_back(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	assert_int_equal(record_read(rundir, &world, NOW, &data), -ENOENT);
	lay_out(f, NULL);
	record_set(f->record, 0, true, NOW - 5);
	record_set(f->record, 1, false, NOW - 9);
	record_set(f->record, 0, true, NOW - 3);
	record_set(f->record, 99, true, NOW);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_non_null(find(&data, "web"));
	assert_true(find(&data, "web")->active);
	assert_int_equal(find(&data, "web")->last_sign_ns, (NOW - 3) & ~1ULL);
	assert_false(find(&data, "mail")->active);
	assert_null(find(&data, "six"));
	assert_int_equal(data.n_addresses, 4);
	assert_true(has_address(&data, "eth0", 0));
	assert_true(has_address(&data, "eno1", 1));
	assert_true(has_address(&data, "eno2", 1));
	assert_true(has_address(&data, "eth1", 2));
	record_data_free(&data);
}

/* What `auto` has learned goes on, whatever else is said of the vip; a torn word means that nothing was learned. */
static void remembers_the_checksum(void **state)
{
	struct fixture *f = *state;
	struct record_data data;
	uint8_t bytes[4096];
	size_t size;

	lay_out(f, NULL);
	record_set(f->record, 0, true, NOW - 5);
	record_set_checksum(f->record, 0, VRRP_CHECKSUM_RFC9568);
	record_set(f->record, 0, false, 0);
	record_set_checksum(f->record, 1, VRRP_CHECKSUM_RFC9568); /* it was never active */
	record_set_checksum(f->record, 99, VRRP_CHECKSUM_RFC9568);
	assert_int_equal(record_copy(f->record, &data), 0);
	lay_out(f, &data);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(find(&data, "web")->checksum, VRRP_CHECKSUM_RFC9568);
	assert_int_equal(find(&data, "mail")->checksum, VRRP_CHECKSUM_RFC9568);
	assert_false(find(&data, "mail")->active);
	record_data_free(&data);

	size = load(bytes, sizeof bytes);
	bytes[size - 3 * 48 - 8] ^= 1; /* the check of the first of three, and of the heartbeats */
	store(bytes, size);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(find(&data, "web")->checksum, VRRP_CHECKSUM_RFC5798);
	record_data_free(&data);
}

static void remembers_the_last_heartbeat(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	lay_out(f, NULL);
	assert_int_equal(record_copy(f->record, &data), 0);
	assert_int_equal(record_last_beat(&data), 0);
	record_data_free(&data);
	record_beat(f->record, 4000);
	record_set(f->record, 0, true, 1000);
	assert_int_equal(record_copy(f->record, &data), 0);
	lay_out(f, &data); /* a reload does not forget it */
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(record_last_beat(&data), 4000);
	assert_int_equal(find(&data, "web")->last_sign_ns, 1000);
	record_data_free(&data);
}

static void is_of_this_boot_and_namespace_only(void **state)
{
	struct fixture *f = *state;
	struct record_world boot = world, netns = world;
	struct record_data data;

	lay_out(f, NULL);
	boot.boot_id[15] = 1;
	netns.netns++;
	assert_int_equal(record_read(rundir, &boot, NOW, &data), -ESTALE);
	assert_int_equal(record_read(rundir, &netns, NOW, &data), -ESTALE);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	record_data_free(&data);
}

static void does_not_believe_the_future(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	lay_out(f, NULL);
	record_set(f->record, 0, true, NOW + 2);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_null(find(&data, "web"));
	record_data_free(&data);
}

static void is_refused_when_cut(void **state)
{
	struct fixture *f = *state;
	struct record_data data;
	uint8_t bytes[4096];
	size_t size;

	lay_out(f, NULL);
	record_set(f->record, 0, true, NOW - 2);
	size = load(bytes, sizeof bytes);
	for (size_t n = 0; n < size; n++) {
		store(bytes, n);
		assert_int_equal(record_read(rundir, &world, NOW, &data), -EBADMSG);
		assert_null(data.vips);
	}
	bytes[size] = 0;
	store(bytes, size + 1);
	assert_int_equal(record_read(rundir, &world, NOW, &data), -EBADMSG);
	store(bytes, size);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	record_data_free(&data);
}

/* Every bit of the file flipped: the file is refused, or the slot is, and the vip's other slot or nothing speaks.
 * Never a time that was not written, never a role that was not held. */
static void is_never_believed_when_flipped(void **state)
{
	struct fixture *f = *state;
	struct record_data data;
	uint8_t bytes[4096];
	size_t size;

	lay_out(f, NULL);
	record_set(f->record, 0, true, 100);
	record_set(f->record, 0, true, 200);
	record_set(f->record, 1, false, 300);
	record_set(f->record, 1, false, 400);
	size = load(bytes, sizeof bytes);
	for (size_t bit = 0; bit < size * 8; bit++) {
		const struct record_vip *web, *mail;
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		store(bytes, size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (record_read(rundir, &world, NOW, &data) < 0)
			continue;
		assert_true(data.n_vips <= 2 && data.n_addresses == 4);
		web = find(&data, "web");
		mail = find(&data, "mail");
		if (web)
			assert_true(web->active && (web->last_sign_ns == 100 || web->last_sign_ns == 200));
		if (mail)
			assert_true(!mail->active && (mail->last_sign_ns == 300 || mail->last_sign_ns == 400));
		record_data_free(&data);
	}
}

/* Killed between the two stores of a slot: the other slot speaks. */
static void survives_a_torn_slot(void **state)
{
	struct fixture *f = *state;
	struct record_data data;
	uint8_t bytes[4096], before[4096];
	size_t size;

	lay_out(f, NULL);
	record_set(f->record, 0, true, 100);
	record_set(f->record, 0, true, 200);
	size = load(before, sizeof before);
	record_set(f->record, 0, true, 300);
	load(bytes, sizeof bytes);
	for (size_t i = 0; i < size; i++) {
		uint8_t kept = bytes[i];
		if (before[i] == bytes[i])
			continue;
		bytes[i] = before[i];
		store(bytes, size);
		bytes[i] = kept;
		assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
		assert_true(find(&data, "web")->active);
		assert_int_equal(find(&data, "web")->last_sign_ns, 200);
		record_data_free(&data);
	}
}

static void carries_what_a_reload_removed(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	lay_out(f, NULL);
	record_set(f->record, 0, true, NOW - 4);
	assert_int_equal(record_copy(f->record, &data), 0);
	addresses[0].prefix = 24;
	configure(f, 3);
	lay_out(f, &data);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_true(find(&data, "web")->active);
	assert_true(has_address(&data, "eth0", 0));
	addresses[0].prefix = 32;
	assert_true(has_address(&data, "eth0", 0));

	/* An hour later it is forgotten: no lease and no leave-timeout lasts that long. */
	configure(f, 3);
	assert_int_equal(record_layout(f->record, f->core, &data, NOW + 3601 * NSEC_PER_SEC), 0);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	addresses[0].prefix = 24;
	assert_true(has_address(&data, "eth0", 0));
	addresses[0].prefix = 32;
	record_data_free(&data);
}

/* A snapshot in which one interface is there. */
static void feed_link(struct fixture *f, const char *name, const uint8_t mac[MAC_SIZE])
{
	struct action actions[64];
	struct event event = { .type = EV_CONTINUE, .now_ns = NOW };
	uint32_t epoch = 0;
	bool more;
	size_t n = core_step(f->core, &event, actions, 64, &more);

	for (size_t i = 0; i < n; i++) {
		if (actions[i].type == ACT_SNAPSHOT)
			epoch = actions[i].u.snapshot.epoch;
	}
	assert_true(epoch && !more);
	event = (struct event){ .type = EV_SNAP_BEGIN, .now_ns = NOW, .epoch = epoch };
	core_step(f->core, &event, actions, 64, &more);
	event.type = EV_LINK;
	event.u.link = (struct event_link){ .ifindex = 7, .up = true, .carrier = true };
	snprintf(event.u.link.name, sizeof event.u.link.name, "%s", name);
	memcpy(event.u.link.mac, mac, MAC_SIZE);
	memcpy(event.u.link.perm_mac, mac, MAC_SIZE);
	core_step(f->core, &event, actions, 64, &more);
	event.type = EV_SNAP_END;
	core_step(f->core, &event, actions, 64, &more);
}

static const struct record_address *find_on(const struct record_data *data, const char *ifname, unsigned address)
{
	for (unsigned i = 0; i < data->n_addresses; i++) {
		if (strcmp(data->addresses[i].ifname, ifname) == 0 && ip_equal(&data->addresses[i].ip, &addresses[address].ip))
			return &data->addresses[i];
	}
	return NULL;
}

static void configure_policy(struct fixture *f, unsigned n_routes, unsigned n_rules)
{
	f->vips[1].n_routes = n_routes;
	f->vips[1].n_rules = n_rules;
	f->config = (struct config){ .node = "n", .bonds = bonds, .n_bonds = 1, .vips = f->vips, .n_vips = 3,
				     .addresses = addresses, .n_addresses = 3, .routes = routes, .n_routes = 3,
				     .rules = rules, .n_rules = 2 };
	assert_int_equal(core_configure(f->core, &f->config, NOW), 0);
}

static const struct record_route *find_route(const struct record_data *data, const char *ifname, const struct config_route *route)
{
	for (unsigned i = 0; i < data->n_routes; i++) {
		const struct record_route *r = &data->routes[i];
		if (strcmp(r->ifname, ifname) == 0 && ip_equal(&r->route.to, &route->to) && r->route.prefix == route->prefix &&
		    ip_equal(&r->route.via, &route->via) && r->route.table == route->table)
			return r;
	}
	return NULL;
}

static const struct record_rule *find_rule(const struct record_data *data, const struct config_rule *rule)
{
	for (unsigned i = 0; i < data->n_rules; i++) {
		if (rule_equal(&data->rules[i].rule, rule))
			return &data->rules[i];
	}
	return NULL;
}

/* A vip's routes are on each port of a bond that moves, or where they say; its rules are nowhere in particular. */
static void has_what_vips_have_besides(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	configure_policy(f, 3, 2);
	lay_out(f, NULL);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(data.n_routes, 5);
	assert_non_null(find_route(&data, "eno1", &routes[0]));
	assert_non_null(find_route(&data, "eno2", &routes[0]));
	assert_non_null(find_route(&data, "eth9", &routes[1]));
	assert_int_equal(find_route(&data, "eth9", &routes[1])->route.metric, 7);
	assert_non_null(find_route(&data, "eno2", &routes[2]));
	assert_int_equal(find_route(&data, "eno2", &routes[2])->route.metric, 1024); /* what the kernel makes of none */
	assert_int_equal(data.n_rules, 2);
	assert_non_null(find_rule(&data, &rules[0]));
	assert_non_null(find_rule(&data, &rules[1]));
	record_data_free(&data);
}

static void carries_routes_and_rules_along(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	configure_policy(f, 3, 2);
	lay_out(f, NULL);
	assert_int_equal(record_copy(f->record, &data), 0);
	configure_policy(f, 1, 1);
	lay_out(f, &data);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(data.n_routes, 5);
	assert_int_equal(data.n_rules, 2);
	assert_false(find_route(&data, "eno1", &routes[0])->carried);
	assert_true(find_route(&data, "eth9", &routes[1])->carried);
	assert_false(find_rule(&data, &rules[0])->carried);
	assert_true(find_rule(&data, &rules[1])->carried);

	/* It is the bond's by now, and that never lets a route go. */
	bonds[0].first_route = 1;
	bonds[0].n_routes = 1;
	configure_policy(f, 1, 1);
	lay_out(f, &data);
	record_data_free(&data);
	bonds[0].n_routes = 0;
	assert_int_equal(record_copy(f->record, &data), 0);
	assert_null(find_route(&data, "eth9", &routes[1]));
	assert_non_null(find_route(&data, "eno1", &routes[2]));

	assert_int_equal(record_layout(f->record, f->core, &data, NOW + 3601 * NSEC_PER_SEC), 0);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(data.n_routes, 2);
	assert_int_equal(data.n_rules, 1);
	record_data_free(&data);
}

/* A bit of a route or rule that flips makes all of the file void, and so does an end too early. */
static void believes_no_torn_route(void **state)
{
	struct fixture *f = *state;
	struct record_data data;
	uint8_t bytes[4096];
	size_t size;

	configure_policy(f, 3, 2);
	lay_out(f, NULL);
	size = load(bytes, sizeof bytes);
	for (size_t bit = 0; bit < (size - 4 * 48) * 8; bit++) { /* the slots of three, and of the heartbeats, are at the end */
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		store(bytes, size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(record_read(rundir, &world, NOW, &data) < 0);
		assert_null(data.routes);
		assert_null(data.rules);
	}
	for (size_t n = 0; n < size; n++) {
		store(bytes, n);
		assert_int_equal(record_read(rundir, &world, NOW, &data), -EBADMSG);
	}
}

/* A moving bond's own addresses are for ever, if nobody knows of them: on every port, and on one that a reload dropped. A bond
 * with a device has none of them. */
static void has_what_moving_bonds_have(void **state)
{
	struct config_bond before = bonds[0];
	struct fixture *f = *state;
	struct record_data data;

	bonds[0].first_address = 2;
	bonds[0].n_addresses = 1;
	configure(f, 2);
	lay_out(f, NULL);
	assert_int_equal(record_copy(f->record, &data), 0);
	assert_string_equal(find_on(&data, "eno1", 2)->bond, "b");
	assert_string_equal(find_on(&data, "eno2", 2)->bond, "b");
	assert_string_equal(find_on(&data, "eno1", 1)->bond, "");
	bonds[0].n_ports = 1;
	configure(f, 2);
	lay_out(f, &data);
	record_data_free(&data);
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_false(find_on(&data, "eno1", 2)->carried);
	assert_true(find_on(&data, "eno2", 2)->carried);
	assert_string_equal(find_on(&data, "eno2", 2)->bond, "b");
	record_data_free(&data);

	bonds[0].driver = DRIVER_KERNEL;
	configure(f, 2);
	lay_out(f, NULL);
	bonds[0] = before;
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_null(find_on(&data, "eno1", 2));
	assert_null(find_on(&data, "b", 2));
	record_data_free(&data);
}

/* An entry of `ports` that is no name stands for a device that is found later. */
static void has_the_devices_behind_the_entries(void **state)
{
	static const struct config_port found = { MATCH_MAC, "mac:02:00:00:00:00:07", { 2, 0, 0, 0, 0, 7 } };
	static const struct config_port missing = { MATCH_GLOB, "wan*", { 0 } };
	struct config_port before[2] = { bonds[0].ports[0], bonds[0].ports[1] };
	struct fixture *f = *state;
	struct record_data data;

	bonds[0].ports[0] = found;
	bonds[0].ports[1] = missing;
	configure(f, 3);
	bonds[0].ports[0] = before[0];
	bonds[0].ports[1] = before[1];
	lay_out(f, NULL);
	assert_false(record_is_outdated(f->record, f->core));
	assert_int_equal(record_copy(f->record, &data), 0);
	assert_int_equal(data.n_addresses, 2); /* eth0's and eth1's */
	feed_link(f, "eno7", found.mac);
	assert_true(record_is_outdated(f->record, f->core));
	lay_out(f, &data);
	record_data_free(&data);
	assert_false(record_is_outdated(f->record, f->core));
	assert_int_equal(record_read(rundir, &world, NOW, &data), 0);
	assert_int_equal(data.n_addresses, 3);
	assert_true(has_address(&data, "eno7", 1));
	record_data_free(&data);
}

static void goes_on_without_a_file(void **state)
{
	struct fixture *f = *state;
	struct record_data data;

	assert_int_equal(mkdirat(rundir, "state.new", 0700), 0);
	assert_true(record_layout(f->record, f->core, NULL, NOW) < 0);
	record_set(f->record, 0, true, NOW);
	assert_int_equal(record_copy(f->record, &data), 0);
	assert_int_equal(data.n_vips, 0);
	assert_int_equal(unlinkat(rundir, "state.new", AT_REMOVEDIR), 0);
	assert_int_equal(record_read(rundir, &world, NOW, &data), -ENOENT);
}

static void finds_its_world(void **state)
{
	struct record_world here, again;

	(void)state;
	assert_int_equal(record_world(&here), 0);
	assert_int_equal(record_world(&again), 0);
	assert_memory_equal(&here, &again, sizeof here);
	assert_true(here.netns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(remembers_the_checksum, setup, teardown),
		cmocka_unit_test_setup_teardown(remembers_the_last_heartbeat, setup, teardown),
		cmocka_unit_test_setup_teardown(is_of_this_boot_and_namespace_only, setup, teardown),
		cmocka_unit_test_setup_teardown(does_not_believe_the_future, setup, teardown),
		cmocka_unit_test_setup_teardown(is_refused_when_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(is_never_believed_when_flipped, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_a_torn_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(carries_what_a_reload_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(has_what_vips_have_besides, setup, teardown),
		cmocka_unit_test_setup_teardown(carries_routes_and_rules_along, setup, teardown),
		cmocka_unit_test_setup_teardown(believes_no_torn_route, setup, teardown),
		cmocka_unit_test_setup_teardown(has_what_moving_bonds_have, setup, teardown),
		cmocka_unit_test_setup_teardown(has_the_devices_behind_the_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_on_without_a_file, setup, teardown),
		cmocka_unit_test(finds_its_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
