/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader against tests/unit/config: NAME.yaml with exactly the diagnostics NAME.err (none: no such file) and the
 * configuration NAME.out (none: it is refused); a folder NAME holds standbyd.yaml and conf.d. Then what cannot be a
 * file: limits, damaged files, errno, memory that runs out. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/diff.h"
#include "config/load.h"

static char folder[PATH_MAX];	/* tests/unit/config of the source tree */
static char examples[PATH_MAX]; /* contrib/examples */
static char scratch[PATH_MAX];	/* ours, empty but for what a test puts there */

/* ---- memory that runs out ---- */

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *, size_t size);

static long allocations_left = -1; /* < 0: no limit */
static bool memory_refused;

static bool refuse_memory(void)
{
	if (allocations_left > 0)
		allocations_left--;
	else if (allocations_left == 0)
		memory_refused = true;
	return allocations_left == 0 && memory_refused;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refuse_memory() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return refuse_memory() ? NULL : __real_realloc(old, size);
}

/* ---- helpers ---- */

struct result {
	struct config *config;
	int error;
	char *said;
	char *printed; /* NULL: no configuration */
};

static char *print_config(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	config_print(config, out);
	fclose(out);
	return text;
}

static struct result load(const char *path, const char *node)
{
	struct result result = { 0 };
	size_t size;
	FILE *out = open_memstream(&result.said, &size);
	assert_non_null(out);
	errno = 0;
	result.config = config_load_as(path, node, out);
	result.error = errno;
	fclose(out);
	if (result.config)
		result.printed = print_config(result.config);
	return result;
}

static void drop(struct result *result)
{
	config_free(result->config);
	free(result->said);
	free(result->printed);
}

/* NULL: there is no such file. */
static char *slurp(const char *path)
{
	FILE *in = fopen(path, "r");
	if (!in)
		return NULL;
	char *text = NULL;
	size_t size = 0;
	if (getdelim(&text, &size, EOF, in) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(in);
	return text;
}

static const char *write_bytes(const char *name, const void *bytes, size_t size)
{
	static char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%.60s", scratch, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, size, out), size);
	fclose(out);
	return path;
}

static const char *write_text(const char *name, const char *text)
{
	return write_bytes(name, text, strlen(text));
}

static struct result load_text(const char *text, const char *node)
{
	return load(write_text("standbyd.yaml", text), node);
}

static void assert_said(const struct result *result, const char *text)
{
	if (!strstr(result->said, text))
		fail_msg("'%s' is not in:\n%s", text, result->said);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);
	return length > size && strcmp(text + length - size, end) == 0;
}

/* ---- the files ---- */

struct fixture {
	char name[128];
	char path[160]; /* relative, as the diagnostics show it */
};

static struct fixture fixtures[512];
static unsigned n_fixtures;

static void find_fixtures(void)
{
	struct dirent **entries;
	int n = scandir(".", &entries, NULL, alphasort);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		struct fixture *fixture = &fixtures[n_fixtures];
		struct stat status;
		assert_int_equal(stat(name, &status), 0);
		assert_true(n_fixtures < sizeof fixtures / sizeof fixtures[0]);
		if (S_ISDIR(status.st_mode) && name[0] != '.') {
			snprintf(fixture->name, sizeof fixture->name, "%.100s", name);
			snprintf(fixture->path, sizeof fixture->path, "%.100s/standbyd.yaml", name);
			n_fixtures++;
		} else if (ends_with(name, ".yaml")) {
			snprintf(fixture->name, sizeof fixture->name, "%.*s", (int)(strlen(name) - 5), name);
			snprintf(fixture->path, sizeof fixture->path, "%.100s", name);
			n_fixtures++;
		}
		free(entries[i]);
	}
	free(entries);
}

/* With STANDBYD_FIXTURES=write the expectations become what is: for the eye of whoever looks at the difference. */
static void rewrite(const char *path, const char *got)
{
	FILE *out = got ? fopen(path, "w") : NULL;

	if (!got)
		remove(path);
	if (out)
		fputs(got, out);
	if (out)
		fclose(out);
}

static void compare(const struct fixture *fixture, const char *suffix, const char *got)
{
	const char *mode = getenv("STANDBYD_FIXTURES");
	char path[160];
	snprintf(path, sizeof path, "%s.%s", fixture->name, suffix);
	if (mode && strcmp(mode, "write") == 0)
		rewrite(path, got);
	char *expected = slurp(path);
	if (!expected && got)
		fail_msg("%s gave what %s does not have:\n%s", fixture->path, path, got);
	if (expected && !got)
		fail_msg("%s gave nothing, but there is %s", fixture->path, path);
	if (expected && strcmp(expected, got) != 0)
		fail_msg("%s differs from %s:\n%s", fixture->path, path, got);
	free(expected);
}

static void every_file_is_read_as_expected(void **state)
{
	unsigned refused = 0, accepted = 0;
	(void)state;
	for (unsigned i = 0; i < n_fixtures; i++) {
		struct result result = load(fixtures[i].path, NULL);
		compare(&fixtures[i], "err", result.said[0] ? result.said : NULL);
		compare(&fixtures[i], "out", result.printed);
		assert_int_equal(result.config == NULL, result.error != 0);
		if (result.config)
			accepted++;
		else
			refused++;
		drop(&result);
	}
	assert_true(refused >= 60);
	assert_true(accepted >= 10);
}

static void every_expectation_has_its_file(void **state)
{
	struct dirent **entries;
	(void)state;
	int n = scandir(".", &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		bool found = !ends_with(name, ".err") && !ends_with(name, ".out");
		for (unsigned j = 0; !found && j < n_fixtures; j++)
			found = strlen(fixtures[j].name) == strlen(name) - 4 &&
				strncmp(fixtures[j].name, name, strlen(name) - 4) == 0;
		if (!found)
			fail_msg("%s belongs to no file", name);
		free(entries[i]);
	}
	free(entries);
}

static void what_is_printed_reads_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < n_fixtures; i++) {
		struct result first = load(fixtures[i].path, NULL);
		if (first.config) {
			struct result second = load_text(first.printed, NULL);
			if (!second.config)
				fail_msg("%s, printed, is refused:\n%s", fixtures[i].path, second.said);
			assert_string_equal(first.printed, second.printed);
			drop(&second);
		}
		drop(&first);
	}
}

/* ---- what comes out ---- */

static void fields_are_filled(void **state)
{
	(void)state;
	struct result result = load_text("version: 1\n"
					 "vips:\n"
					 "  web: {on: lan, vrid: 7, priority: 200, addresses: [10.0.0.3, '2001:db8::1', 10.0.0.4], "
					 "family: ipv6}\n",
					 "lb1");
	static const uint8_t derived[16] = { 0xfe, 0x80, [8] = 2, 0, 0x5e, 0xff, 0xfe, 0, 2, 7 };
	assert_non_null(result.config);
	assert_int_equal(result.config->vips[0].family, FAMILY_6);
	assert_int_equal(result.config->vips[0].n_listed, 2);
	assert_int_equal(result.config->vips[0].n_addresses, 4);
	assert_memory_equal(result.config->addresses[0].ip.bytes, derived, 16);
	assert_int_equal(result.config->addresses[1].ip.bytes[0], 0x20);
	drop(&result);
	result = load_text("version: 1\n"
			   "bonds:\n"
			   "  lan: {driver: move, ports: [a, b], prefer: b, addresses: [10.0.0.1/8], routes: [{to: "
			   "default, via: 10.0.0.2}]}\n"
			   "vips:\n"
			   "  plain: {on: eth0, vrid: 1, addresses: [10.1.0.1]}\n"
			   "  web: {on: lan, vrid: 7, addresses: [10.0.0.3, '2001:db8::1', 10.0.0.4/8], advert: 20ms, "
			   "lease: 60s}\n",
			   "lb1");
	const struct config *config = result.config;
	assert_non_null(config);
	assert_string_equal(config->node, "lb1");
	assert_int_equal(config->n_bonds, 1);
	assert_int_equal(config->n_vips, 2);
	assert_int_equal(config->n_addresses, 5);
	assert_int_equal(config->bonds[0].driver, DRIVER_MOVE);
	assert_int_equal(config->bonds[0].prefer, 1);
	assert_true(config->bonds[0].hold_ns == 2 * NSEC_PER_SEC);
	assert_int_equal(config->routes[0].to.family, FAMILY_4);
	assert_int_equal(config->routes[0].via.bytes[3], 2);
	assert_int_equal(config->vips[0].bond, -1);
	assert_int_equal(config->vips[0].priority, 100);
	assert_true(config->vips[0].lease_ns == 4 * NSEC_PER_SEC);
	const struct config_vip *vip = &config->vips[1];
	assert_int_equal(vip->bond, 0);
	assert_int_equal(vip->n_addresses, 3);
	assert_int_equal(vip->n_listed, 2);
	assert_true(vip->advert_ns == 20 * NSEC_PER_MSEC && vip->lease_ns == 60 * NSEC_PER_SEC && vip->preempt);
	assert_int_equal(config->addresses[vip->first_address + 1].prefix, 8);
	assert_int_equal(config->addresses[vip->first_address + 2].ip.family, FAMILY_6);
	assert_int_equal(config->addresses[vip->first_address + 2].prefix, 128);
	drop(&result);
}

static void ipv6_makes_the_default_lease_ten_seconds(void **state)
{
	(void)state;
	struct result result =
		load_text("version: 1\nvips:\n  web: {on: e, vrid: 7, addresses: [10.0.0.3, '2001:db8::1']}\n", "a");
	assert_non_null(result.config);
	assert_true(result.config->vips[0].lease_ns == 10 * NSEC_PER_SEC);
	drop(&result);
}

static const char heartbeat_vips[] =
	"version: 1\n"
	"node: lb1\n"
	"nodes:\n"
	"  lb1: {paths: {lan: {on: e, address: 10.0.0.1}}}\n"
	"  lb2: {paths: {lan: {on: e, address: 10.0.0.2}}}\n"
	"heartbeat: {interval: {lb1: 2ms, lb2: 1.2s}, lost: {lb1: 2, lb2: 5}}\n"
	"vips:\n"
	"  web: {on: e, addresses: ['2001:db8::1', 10.0.0.3, '2001:db8::2']}\n"
	"  mail: {on: e, vrid: 7, protocol: heartbeat, addresses: [10.0.0.4], mac: virtual}\n"
	"  files: {on: e, vrid: 8, protocol: vrrp, addresses: [10.0.0.5], advert: 10ms}\n";

static void vips_of_heartbeats_have_the_heartbeats_times(void **state)
{
	(void)state;
	struct result one = load_text(heartbeat_vips, "lb1"), other = load_text(heartbeat_vips, "lb2");
	assert_string_equal(one.said, "");
	const struct config_vip *vip = &one.config->vips[0];
	assert_int_equal(vip->protocol, PROTOCOL_HEARTBEAT);
	assert_int_equal(vip->vrid, 0);
	assert_int_equal(vip->family, FAMILY_6);
	assert_int_equal(vip->n_listed, 2); /* no link-local one is made */
	assert_int_equal(vip->n_addresses, 3);
	assert_int_equal(one.config->addresses[vip->first_address + 1].ip.bytes[15], 2);
	assert_true(vip->advert_ns == 2 * NSEC_PER_MSEC && vip->lost == 2 && vip->lease_ns == 10 * NSEC_PER_SEC);
	assert_string_equal(vip->device, "");
	assert_int_equal(vip[1].vrid, 7);
	assert_memory_equal(vip[1].device, "vrrp4-7-", 8);
	assert_true(vip[1].lease_ns == 3 * NSEC_PER_SEC);
	assert_int_equal(vip[2].protocol, PROTOCOL_VRRP);
	assert_int_equal(vip[2].lost, 0);
	assert_true(vip[2].advert_ns == 10 * NSEC_PER_MSEC);
	vip = other.config->vips;
	assert_true(vip[0].advert_ns == 1200 * NSEC_PER_MSEC && vip[0].lost == 5 && vip[0].lease_ns == 10 * NSEC_PER_SEC);
	assert_true(vip[1].lease_ns == 6 * NSEC_PER_SEC);
	assert_true(vip[2].lease_ns == 3 * NSEC_PER_SEC);
	drop(&one);
	drop(&other);
}

/* Adverts over IPv6 list no more than 64, a link-local one included. */
static void vips_of_heartbeats_list_nothing(void **state)
{
	(void)state;
	for (unsigned heartbeat = 0; heartbeat < 2; heartbeat++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		fprintf(out, "version: 1\nnodes:\n  a: {paths: {p: {on: e, address: 10.0.0.1}}}\n"
			     "  b: {paths: {p: {on: e, address: 10.0.0.2}}}\nvips:\n  web:\n    on: e\n    protocol: %s\n"
			     "    vrid: 1\n    addresses:\n", heartbeat ? "heartbeat" : "vrrp");
		for (unsigned i = 1; i <= MAX_VIP_ADDRESSES_6 + 1; i++)
			fprintf(out, "      - 2001:db8::%u\n", i);
		fclose(out);
		struct result result = load_text(text, "a");
		if (heartbeat)
			assert_int_equal(result.config->vips[0].n_addresses, MAX_VIP_ADDRESSES_6 + 1);
		else
			assert_said(&result, "66 IPv6 addresses for adverts over IPv6");
		drop(&result);
		free(text);
	}
}

static void node_is_the_host_name(void **state)
{
	char host[HOST_NAME_MAX + 1] = "";
	(void)state;
	assert_int_equal(gethostname(host, sizeof host), 0);
	struct result result = load_text("version: 1\n", NULL);
	if (result.config) /* a host may have a name that is none here */
		assert_string_equal(result.config->node, host);
	else
		assert_said(&result, "give one with 'node:'");
	drop(&result);
	result = load_text("version: 1\nnode: file\n", "argument");
	assert_string_equal(result.config->node, "argument");
	drop(&result);
	result = load_text("version: 1\nnode: file\n", "no name");
	assert_null(result.config);
	assert_said(&result, "'no name' cannot be the name of a node");
	drop(&result);
}

static void checks_are_filled(void **state)
{
	(void)state;
	struct result result = load("good-checks.yaml", "lb1");
	const struct config *config = result.config;
	assert_non_null(config);
	const struct config_check *load_of = NULL, *redis = NULL, *disk = NULL, *slow = NULL;
	for (unsigned i = 0; i < config->n_checks; i++) {
		const struct config_check *check = &config->checks[i];
		assert_true(i == 0 || strcmp(config->checks[i - 1].name, check->name) < 0);
		load_of = strcmp(check->name, "load") == 0 ? check : load_of;
		redis = strcmp(check->name, "redis") == 0 ? check : redis;
		disk = strcmp(check->name, "disk") == 0 ? check : disk;
		slow = strcmp(check->name, "slow") == 0 ? check : slow;
	}
	assert_true(load_of->file.has_min && load_of->file.has_max);
	assert_true(load_of->file.min_micro == -1500000 && load_of->file.max_micro == 20000000);
	assert_true(load_of->limits.memory == 0 && load_of->n_args == 0);
	assert_int_equal(redis->tcp.ip.family, FAMILY_6);
	assert_int_equal(redis->tcp.port, 6379);
	assert_string_equal(config_text_of(config, redis->tcp.send), "PING\r\n");
	assert_int_equal(redis->start, CHECK_FAILED);
	assert_int_equal(disk->n_args, 3);
	assert_string_equal(config_text_of(config, config->args[disk->first_arg]), "/usr/local/lib/check-disk");
	assert_string_equal(config_text_of(config, config->args[disk->first_arg + 1]), "");
	assert_string_equal(config_text_of(config, config->args[disk->first_arg + 2]), "5");
	assert_string_equal(config_text_of(config, disk->user), "nobody");
	assert_true(disk->limits.memory == 64 << 20 && disk->limits.output == 4096 && disk->limits.processes == 256);
	assert_true(disk->jitter_ns == NSEC_PER_SEC && disk->timeout_ns == 5 * NSEC_PER_SEC && !disk->late_skip);
	assert_true(slow->late_skip && slow->timeout_ns == 30 * NSEC_PER_SEC && slow->interval_ns == NSEC_PER_SEC);
	assert_true(redis->timeout_ns == redis->interval_ns);
	drop(&result);
}

static void hooks_are_filled(void **state)
{
	(void)state;
	struct result result = load("good-hooks.yaml", "lb1");
	const struct config *config = result.config;
	assert_non_null(config);
	static const char *const names[] = { "again", "some", "tested", "told", "web-up" };
	assert_int_equal(config->n_hooks, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(config->hooks[i].name, names[i]);
	const struct config_hook *some = &config->hooks[1], *tested = &config->hooks[2], *up = &config->hooks[4];
	const struct config_when *when = &config->whens[some->first_when];
	assert_int_equal(config->whens[config->hooks[0].first_when].states,
			 1U << CHECK_UNKNOWN | 1U << CHECK_PASSED | 1U << CHECK_FAILED);
	assert_int_equal(some->n_whens, 6);
	assert_int_equal(when[0].states, 1U << VIP_ACTIVE | 1U << VIP_LEAVING);
	assert_string_equal(when[0].glob, "w*");
	assert_int_equal(when[1].states, 1U << HOOK_BOND_PORT);
	assert_int_equal(when[2].states, 1U << BOND_DOWN | 1U << BOND_DEGRADED);
	assert_int_equal(when[5].object, HOOK_NODE);
	assert_int_equal(some->check, -1);
	assert_int_equal(tested->action, HOOK_TEST);
	assert_string_equal(config->checks[tested->check].name, "haproxy");
	assert_int_equal(up->action, HOOK_START);
	assert_true(up->blocking_ns == 2 * NSEC_PER_SEC && up->timeout_ns == 30 * NSEC_PER_SEC);
	assert_string_equal(config_text_of(config, up->unit), "haproxy.service");
	drop(&result);
}

/* A file for both nodes is right on each, although each has its own users. */
static void users_of_other_nodes_are_theirs(void **state)
{
	const char *text = "version: 1\n"
			   "checks:\n"
			   "  a: {command: [/bin/true], user: {lb1: nobody, lb2: other}}\n";
	(void)state;
	struct result one = load_text(text, "lb1"), other = load_text(text, "lb2");
	assert_string_equal(one.said, "");
	assert_non_null(one.config);
	assert_null(other.config);
	assert_said(&other, "'user' of check 'a' is 'other', and this machine has no such user");
	drop(&one);
	drop(&other);
}

static void the_example_is_right_on_both_nodes(void **state)
{
	char path[PATH_MAX + 64];
	(void)state;
	snprintf(path, sizeof path, "%s/redundant-pair/standbyd.yaml", examples);
	struct result one = load(path, "lb1"), other = load(path, "lb2");
	assert_string_equal(one.said, "");
	assert_non_null(one.config);
	assert_non_null(other.config);
	assert_string_equal(one.config->digest, other.config->digest);
	assert_string_equal(one.config->bonds[0].name, "bond0");
	assert_string_equal(one.config->bonds[0].ports[0].spec, "eno1");
	assert_string_equal(one.config->bonds[0].ports[1].spec, "eno2");
	assert_true(one.config->vips[0].priority > other.config->vips[0].priority);
	assert_false(ip_equal(&one.config->addresses[0].ip, &other.config->addresses[0].ip));
	drop(&one);
	drop(&other);
	one = load(path, "lb3");
	assert_null(one.config);
	assert_said(&one, "has no value for node 'lb3', only for 'lb1', 'lb2'");
	drop(&one);
}

static void the_example_of_heartbeats_is_right_on_both_nodes(void **state)
{
	char path[PATH_MAX + 64];
	(void)state;
	snprintf(path, sizeof path, "%s/heartbeat-pair/standbyd.yaml", examples);
	struct result one = load(path, "lb1"), other = load(path, "lb2");
	assert_string_equal(one.said, "");
	assert_string_equal(other.said, "");
	assert_int_equal(one.config->vips[0].protocol, PROTOCOL_HEARTBEAT);
	assert_int_equal(one.config->n_nodes, 2);
	assert_true(one.config->vips[0].priority > other.config->vips[0].priority);
	assert_true(one.config->common_digest == other.config->common_digest);
	drop(&one);
	drop(&other);
}

static void the_example_of_haproxy_is_right_on_both_nodes(void **state)
{
	char path[PATH_MAX + 64];
	(void)state;
	snprintf(path, sizeof path, "%s/haproxy/standbyd.yaml", examples);
	struct result one = load(path, "lb1"), other = load(path, "lb2");
	assert_string_equal(one.said, "");
	assert_string_equal(other.said, "");
	assert_int_equal(one.config->vips[0].n_tracks, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct config_track *track = &one.config->tracks[one.config->vips[0].first_track + i];
		assert_int_equal(track->kind, TRACK_CHECK);
		assert_int_equal(track->lower, 0);
		assert_string_equal(one.config->checks[track->check].name, i == 0 ? "haproxy" : "haproxy-process");
		assert_int_equal(one.config->checks[track->check].kinds, 1U << (i == 0 ? CHECK_HTTP : CHECK_PROCESS));
	}
	assert_true(one.config->common_digest == other.config->common_digest);
	drop(&one);
	drop(&other);
}

/* ---- digest ---- */

static void assert_digests(const char *one, const char *other, bool equal)
{
	struct result first = load_text(one, "lb1"), second = load_text(other, "lb1");
	assert_non_null(first.config);
	assert_non_null(second.config);
	assert_int_equal(strlen(first.config->digest), 16);
	if (equal)
		assert_string_equal(first.config->digest, second.config->digest);
	else
		assert_string_not_equal(first.config->digest, second.config->digest);
	drop(&first);
	drop(&second);
}

static void digest_is_of_the_meaning(void **state)
{
	const char *base = "version: 1\n"
			   "bonds:\n"
			   "  b: {driver: kernel, ports: [e1, e2]}\n"
			   "  a: {driver: kernel, ports: [e3], addresses: [10.0.0.1/8]}\n"
			   "vips:\n"
			   "  w: {on: a, vrid: 1, addresses: [10.0.0.3]}\n";
	(void)state;
	assert_digests(base, base, true);
	assert_digests(base,
		       "# otherwise written\n"
		       "vips:\n"
		       "  w:\n"
		       "    addresses: ['10.0.0.3/32']\n"
		       "    advert: 1000ms\n"
		       "    vrid: 1\n"
		       "    on: \"a\"\n"
		       "bonds:\n"
		       "  a:\n"
		       "    ports: [e3]\n"
		       "    hold: 2s\n"
		       "    driver: kernel\n"
		       "    addresses:\n"
		       "      - 10.0.0.1/8\n"
		       "  b:\n"
		       "    ports: {lb1: [e1, e2], lb2: [e1, e2]}\n"
		       "    driver: kernel\n"
		       "version: 1\n"
		       "node: lb9\n",
		       true);
	assert_digests(base,
		       "version: 1\n"
		       "bonds:\n"
		       "  b: {driver: kernel, ports: [e2, e1]}\n"
		       "  a: {driver: kernel, ports: [e3], addresses: [10.0.0.1/8]}\n"
		       "vips:\n"
		       "  w: {on: a, vrid: 1, addresses: [10.0.0.3]}\n",
		       false);
	assert_digests(base,
		       "version: 1\n"
		       "bonds:\n"
		       "  b: {driver: kernel, ports: [e1, e2]}\n"
		       "  a: {driver: kernel, ports: [e3], addresses: [10.0.0.1/8]}\n"
		       "vips:\n"
		       "  w: {on: a, vrid: 1, addresses: [10.0.0.3], priority: {lb1: 100, lb2: 101}}\n",
		       false);
}

static void digest_is_of_the_protocol(void **state)
{
#define NODES "version: 1\nnodes:\n  lb1: {paths: {p: {on: e, address: 10.0.0.1}}}\n  lb2: {paths: {p: {on: e, address: 10.0.0.2}}}\n"
	const char *base = NODES "vips:\n  w: {on: e, addresses: [10.0.0.3]}\n";
	(void)state;
	assert_digests(base, NODES "vips:\n  w: {on: e, protocol: heartbeat, lease: 3s, addresses: [10.0.0.3]}\n", true);
	assert_digests(base, NODES "heartbeat: {lost: 3}\nvips:\n  w: {on: e, addresses: [10.0.0.3]}\n", true);
	assert_digests(base, NODES "heartbeat: {lost: 4}\nvips:\n  w: {on: e, addresses: [10.0.0.3]}\n", false);
	assert_digests(base, NODES "vips:\n  w: {on: e, vrid: 1, addresses: [10.0.0.3]}\n", false);
	assert_digests(NODES "vips:\n  w: {on: e, vrid: 1, addresses: [10.0.0.3]}\n",
		       NODES "vips:\n  w: {on: e, vrid: 1, protocol: vrrp, advert: 100ms, lease: 3s, addresses: [10.0.0.3]}\n", false);
#undef NODES
}

static void digest_is_the_same_on_every_node(void **state)
{
	const char *text = "version: 1\nvips:\n  w: {on: {lb1: a, lb2: b}, vrid: 1, addresses: [10.0.0.3], priority: "
			   "{lb2: 5, lb1: 6}}\n";
	(void)state;
	struct result one = load_text(text, "lb1"), other = load_text(text, "lb2");
	assert_string_not_equal(one.printed, other.printed);
	assert_string_equal(one.config->digest, other.config->digest);
	drop(&one);
	drop(&other);
	assert_digests(text,
		       "version: 1\nvips:\n  w: {on: {lb1: a, lb2: b}, vrid: 1, addresses: [10.0.0.3], priority: {lb2: "
		       "4, lb1: 6}}\n",
		       false);
}

static const char two_nodes[] = "version: 1\n"
				"node: lb1\n"
				"nodes:\n"
				"  lb1: {paths: {lan: {on: eth0, address: 10.0.0.1}, direct: {on: eth1, address: 10.1.0.1}}}\n"
				"  lb2: {paths: {lan: {on: eth0, address: 10.0.0.2}, direct: {on: eth1, address: 10.1.0.2}}}\n"
				"heartbeat: {interval: 50ms, lost: 4}\n"
				"vips:\n"
				"  a: {on: {lb1: eth0, lb2: eth1}, protocol: vrrp, vrid: 1, addresses: [10.0.0.3, 10.0.0.4], "
				"priority: {lb1: 6, lb2: 5}}\n"
				"  b: {on: eth0, protocol: vrrp, vrid: 2, addresses: [10.0.0.5]}\n";

static uint64_t common_digest(const char *text, const char *node)
{
	struct result result = load_text(text, node);
	if (!result.config)
		fail_msg("%s", result.said);
	uint64_t digest = result.config->common_digest;
	drop(&result);
	return digest;
}

static void common_digest_is_the_same_on_every_node(void **state)
{
	uint64_t digest = common_digest(two_nodes, "lb1");
	(void)state;
	assert_true(digest != 0);
	assert_true(digest == common_digest(two_nodes, "lb2"));
	assert_true(digest == common_digest(two_nodes, NULL));
	/* otherwise written */
	assert_true(digest == common_digest("# a comment\n"
					    "vips:\n"
					    "  b:\n"
					    "    vrid: '2'\n"
					    "    protocol: \"vrrp\"\n"
					    "    addresses:\n"
					    "      - 10.0.0.5\n"
					    "    on: &nic eth0\n"
					    "  a: {priority: {lb2: 5, lb1: 6}, protocol: vrrp, vrid: 1, addresses: [10.0.0.3, 10.0.0.4], "
					    "on: {lb2: eth1, lb1: *nic}}\n"
					    "groups: {}\n"
					    "node: lb2\n"
					    "heartbeat: {lost: 4, interval: 50ms}\n"
					    "nodes:\n"
					    "  lb2: {paths: {direct: {address: 10.1.0.2, on: eth1}, lan: {on: *nic, address: 10.0.0.2}}}\n"
					    "  lb1: {paths: {lan: {on: *nic, address: 10.0.0.1}, direct: {on: eth1, address: 10.1.0.1}}}\n"
					    "version: 1\n",
					    NULL));
}

static void common_digest_tells_every_change(void **state)
{
	static const struct {
		const char *was, *is;
	} changes[] = {
		{ "priority: {lb1: 6, lb2: 5}", "priority: {lb1: 6, lb2: 4}" }, /* for lb2 alone */
		{ "priority: {lb1: 6, lb2: 5}", "priority: {lb1: 5, lb2: 6}" },
		{ "priority: {lb1: 6, lb2: 5}", "priority: 6" },
		{ "10.1.0.2", "10.1.0.9" },
		{ "direct: {on: eth1, address: 10.1.0.2}", "direct: {on: eth2, address: 10.1.0.2}" },
		{ "lost: 4", "lost: 5" },
		{ ", lost: 4", "" },
		{ "heartbeat: {interval: 50ms, lost: 4}\n", "" },
		{ "[10.0.0.3, 10.0.0.4]", "[10.0.0.4, 10.0.0.3]" },
		{ "[10.0.0.3, 10.0.0.4]", "[10.0.0.3]" },
		{ "  b: {", "  c: {" },
		{ "b: {on: eth0, protocol: vrrp,", "b: {on: eth0, protocol: heartbeat," },
		{ "b: {on: eth0, protocol: vrrp, vrid: 2,", "b: {on: eth0, protocol: heartbeat," },
		{ "heartbeat: {", "groups: {g: [b]}\nheartbeat: {" },
		{ "heartbeat: {", "checks: {x: {unit: a.service}}\nheartbeat: {" },
		{ "heartbeat: {", "hooks: {x: {when: 'vip:b', start: a.service}}\nheartbeat: {" },
		{ "heartbeat: {", "bonds: {x: {driver: move, ports: [y]}}\nheartbeat: {" },
	};
	uint64_t digest = common_digest(two_nodes, "lb1");
	(void)state;
	for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		char text[2 * sizeof two_nodes];
		const char *at = strstr(two_nodes, changes[i].was);
		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - two_nodes), two_nodes, changes[i].is, at + strlen(changes[i].was));
		if (common_digest(text, "lb1") == digest)
			fail_msg("'%s' for '%s' changes nothing", changes[i].is, changes[i].was);
		assert_true(common_digest(text, "lb1") == common_digest(text, "lb2"));
	}
}

static void common_digest_is_of_all_files(void **state)
{
	struct result split = load("confd-nodes/standbyd.yaml", "lb2");
	(void)state;
	assert_non_null(split.config);
	assert_true(split.config->common_digest ==
		    common_digest("version: 1\n"
				  "nodes:\n"
				  "  lb1: {paths: {lan: {on: e, address: 192.0.2.11}}}\n"
				  "  lb2: {paths: {lan: {on: e, address: 192.0.2.12}}}\n"
				  "heartbeat: {lost: 5}\n",
				  "lb1"));
	drop(&split);
}

/* ---- nodes ---- */

static void nodes_are_filled(void **state)
{
	(void)state;
	struct result result = load("good-nodes.yaml", "lb2");
	const struct config *config = result.config;
	assert_non_null(config);
	assert_int_equal(config->n_nodes, 2);
	assert_int_equal(config->n_paths, 4);
	assert_int_equal(config->self, 1);
	assert_string_equal(config->nodes[0].name, "lb1");
	assert_string_equal(config->nodes[1].name, "lb2");
	assert_int_equal(config->nodes[1].n_paths, 2);
	const struct config_path *direct = &config->paths[config->nodes[1].first_path], *lan = direct + 1;
	assert_string_equal(direct->name, "direct");
	assert_int_equal(direct->bond, -1);
	assert_int_equal(direct->address.family, FAMILY_6);
	assert_int_equal(direct->address.bytes[15], 2);
	assert_true(direct->routed);
	assert_string_equal(lan->on, "bond0");
	assert_int_equal(lan->bond, 0);
	assert_int_equal(lan->address.bytes[3], 12);
	assert_false(lan->routed);
	assert_true(config->heartbeat.interval_ns == 100 * NSEC_PER_MSEC); /* lb2's */
	assert_int_equal(config->heartbeat.lost, 4);
	assert_int_equal(config->heartbeat.port, 9113);
	assert_int_equal(config->heartbeat.auth, HEARTBEAT_AUTH_PERMISSIVE);
	assert_string_equal(config->heartbeat.key_file, "/etc/standbyd/cluster.key");
	drop(&result);
	result = load_text("version: 1\n", "lb1");
	assert_int_equal(result.config->self, -1);
	assert_int_equal(result.config->n_nodes, 0);
	assert_true(result.config->heartbeat.interval_ns == 100 * NSEC_PER_MSEC);
	assert_int_equal(result.config->heartbeat.lost, 3);
	assert_int_equal(result.config->heartbeat.port, 8113);
	assert_int_equal(result.config->heartbeat.auth, HEARTBEAT_AUTH_OFF);
	drop(&result);
}

static void a_key_file_name_has_its_limit(void **state)
{
	char text[1024], name[256];
	(void)state;
	for (unsigned size = 255; size <= 256; size++) {
		memset(name, 'k', sizeof name);
		name[0] = '/';
		snprintf(text, sizeof text, "%.*sheartbeat: {key-file: %.*s}\n", (int)(strstr(two_nodes, "heartbeat") - two_nodes),
			 two_nodes, (int)size, name);
		struct result result = load_text(text, NULL);
		if (size == 255)
			assert_int_equal(strlen(result.config->heartbeat.key_file), 255);
		else
			assert_said(&result, "'key-file' of heartbeat is too long: at most 255 bytes");
		drop(&result);
	}
}

/* ---- what would change ---- */

static void assert_diff(const char *was, const char *is, const char *expected)
{
	struct result old = load_text(was, "lb1"), next = load_text(is, "lb1");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(old.config);
	assert_non_null(next.config);
	config_diff(old.config, next.config, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	drop(&old);
	drop(&next);
}

static void checks_and_hooks_are_compared(void **state)
{
	const char *base = "version: 1\n"
			   "vips: {web: {on: eth0, vrid: 1, addresses: [10.0.0.3]}}\n"
			   "checks:\n"
			   "  a: {command: [/bin/a, x, y], user: nobody}\n"
			   "  b: {tcp: '10.0.0.3:80'}\n"
			   "  c: {unit: c.service}\n"
			   "hooks:\n"
			   "  up: {when: 'vip:web active', start: c.service}\n";
	const char *other = "version: 1\n"
			    "vips: {web: {on: eth0, vrid: 1, addresses: [10.0.0.3]}}\n"
			    "hooks:\n"
			    "  up: {when: ['vip:web active', 'check:b failed'], stop: c.service}\n"
			    "  down: {when: 'vip:*', run: [/bin/d]}\n"
			    "checks:\n"
			    "  d: {unit: c.service}\n"
			    "  b: {tcp: '10.0.0.3:80', timeout: 1s, late: skip}\n"
			    "  a: {command: [/bin/a, y, x], limits: {memory: 2GiB}}\n";
	(void)state;
	assert_diff(base, base, "");
	assert_diff(base, other,
		    "- check 'a': user: nobody\n"
		    "~ check 'a': command [\"/bin/a\", \"x\", \"y\"] → [\"/bin/a\", \"y\", \"x\"]\n"
		    "~ check 'a': limits {output: 4KiB, memory: 1GiB, processes: 256} → {output: 4KiB, memory: 2GiB, processes: 256}\n"
		    "+ check 'b': timeout: 1s\n"
		    "+ check 'b': late: skip\n"
		    "- check 'c'\n"
		    "+ check 'd'\n"
		    "+ hook 'down'\n"
		    "- hook 'up': start: c.service\n"
		    "+ hook 'up': when \"check:b failed\"\n"
		    "+ hook 'up': stop: c.service\n");
}

static void nodes_and_heartbeats_are_compared(void **state)
{
	const char *base = "version: 1\n"
			   "nodes:\n"
			   "  lb1: {paths: {lan: {on: eth0, address: 10.0.0.1}, direct: {on: eth1, address: 10.1.0.1}}}\n"
			   "  lb2: {paths: {lan: {on: eth0, address: 10.0.0.2}, direct: {on: eth1, address: 10.1.0.2}}}\n";
	const char *other = "version: 1\n"
			    "nodes:\n"
			    "  lb0: {paths: {lan: {on: eth0, address: 10.0.0.9}}}\n"
			    "  lb1: {paths: {lan: {on: eth0, address: 10.0.0.1}, third: {on: eth2, address: 10.1.0.1}}}\n"
			    "  lb3: {paths: {lan: {on: eth0, address: 10.0.0.2}, third: {on: eth2, address: 10.1.0.2}}}\n"
			    "heartbeat: {interval: 50ms, key-file: /k}\n";
	(void)state;
	assert_diff(base, base, "");
	assert_diff("version: 1\n", base, "+ node 'lb1'\n+ node 'lb2'\n");
	assert_diff(base, "version: 1\n", "- node 'lb1'\n- node 'lb2'\n");
	assert_diff(base, other,
		    "+ node 'lb0'\n"
		    "- node 'lb1': path direct: {on: eth1, address: 10.1.0.1, routed: false}\n"
		    "+ node 'lb1': path third: {on: eth2, address: 10.1.0.1, routed: false}\n"
		    "- node 'lb2'\n"
		    "+ node 'lb3'\n"
		    "~ heartbeat: interval 100ms → 50ms\n"
		    "+ heartbeat: key-file: \"/k\"\n"
		    "~ heartbeat: auth \"off\" → required\n");
}

static void protocols_are_compared(void **state)
{
	static const char vrrp[] = "version: 1\n"
				   "nodes:\n"
				   "  lb1: {paths: {lan: {on: e, address: 10.0.0.1}}}\n"
				   "  lb2: {paths: {lan: {on: e, address: 10.0.0.2}}}\n"
				   "vips:\n"
				   "  w: {on: e, protocol: vrrp, vrid: 7, addresses: ['2001:db8::1', 'fe80::1']}\n";
	char heartbeat[sizeof vrrp];
	const char *at = strstr(vrrp, "protocol");
	(void)state;
	snprintf(heartbeat, sizeof heartbeat, "%.*saddresses: ['2001:db8::1', 'fe80::1']}\n", (int)(at - vrrp), vrrp);
	assert_diff(heartbeat, heartbeat, "");
	assert_diff(vrrp, heartbeat,
		    "- vip 'w': vrid: 7\n"
		    "- vip 'w': family: ipv6\n"
		    "- vip 'w': advert: 1s\n"
		    "~ vip 'w': protocol vrrp → heartbeat\n");
	assert_diff(heartbeat, vrrp,
		    "~ vip 'w': protocol heartbeat → vrrp\n"
		    "+ vip 'w': vrid: 7\n"
		    "+ vip 'w': family: ipv6\n"
		    "+ vip 'w': advert: 1s\n");
}

/* ---- files that cannot be read ---- */

static void assert_refused(const char *path, int error, const char *said)
{
	struct result result = load(path, "lb1");
	assert_null(result.config);
	assert_int_equal(result.error, error);
	assert_said(&result, said);
	drop(&result);
}

static void unreadable_files_give_their_errno(void **state)
{
	char path[PATH_MAX + 16];
	(void)state;
	assert_refused("there/is/none.yaml", ENOENT, "there/is/none.yaml: error: cannot read the file: ");
	assert_refused(scratch, EISDIR, "this is a directory");
	assert_refused("/dev/null", EINVAL, "the file is empty");
	assert_refused("/dev/zero", EFBIG, "larger than 64 MiB");
	snprintf(path, sizeof path, "%s/loop.yaml", scratch);
	assert_int_equal(symlink("loop.yaml", path), 0);
	assert_refused(path, ELOOP, "cannot read the file");
	unlink(path);
	write_text("secret.yaml", "version: 1\n");
	snprintf(path, sizeof path, "%s/secret.yaml", scratch);
	assert_int_equal(chmod(path, 0), 0);
	if (geteuid() != 0)
		assert_refused(path, EACCES, "cannot read the file");
	unlink(path);
}

static void a_pipe_is_a_file_too(void **state)
{
	int ends[2];
	char path[64];
	const char text[] = "version: 1\nnode: lb1\nfoo: 1\n";
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
	close(ends[1]);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	assert_refused(path, EINVAL, ":3:1: error: unknown key 'foo'");
	close(ends[0]);
}

static void an_unreadable_part_refuses_the_whole(void **state)
{
	char path[PATH_MAX + 32];
	(void)state;
	snprintf(path, sizeof path, "%s/conf.d", scratch);
	assert_int_equal(mkdir(path, 0777), 0);
	snprintf(path, sizeof path, "%s/conf.d/gone.yaml", scratch);
	assert_int_equal(symlink("nowhere", path), 0);
	write_text("standbyd.yaml", "version: 1\n");
	char main_path[PATH_MAX + 32];
	snprintf(main_path, sizeof main_path, "%s/standbyd.yaml", scratch);
	assert_refused(main_path, ENOENT, "/conf.d/gone.yaml: error: cannot read the file");
	unlink(path);
	snprintf(path, sizeof path, "%s/conf.d", scratch);
	rmdir(path);
}

/* ---- limits ---- */

static struct result load_generated(unsigned bonds, unsigned vips)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	fputs("version: 1\nbonds:\n  b: {driver: move, ports: [p]}\n", out);
	for (unsigned i = 1; i < bonds; i++)
		fprintf(out, "  b%u: {driver: kernel, ports: [p%u, q%u]}\n", i, i, i);
	fputs("vips:\n  v: {on: b, vrid: 255, addresses: [10.255.0.1]}\n", out);
	for (unsigned i = 1; i < vips; i++)
		fprintf(out, "  v%u: {on: e%u, vrid: %u, addresses: [10.1.%u.%u], priority: {lb1: 2, lb2: 1}}\n", i,
			i / 255, i % 255 + 1, i / 256, i % 256);
	fclose(out);
	struct result result = load_text(text, "lb1");
	free(text);
	return result;
}

static void limits_are_limits(void **state)
{
	(void)state;
	struct result result = load_generated(MAX_BONDS, MAX_VIPS);
	assert_string_equal(result.said, "");
	assert_int_equal(result.config->n_bonds, MAX_BONDS);
	assert_int_equal(result.config->n_vips, MAX_VIPS);
	drop(&result);
	result = load_generated(MAX_BONDS + 1, 1);
	assert_null(result.config);
	assert_said(&result, "error: more than 64 bonds");
	drop(&result);
	result = load_generated(1, MAX_VIPS + 1);
	assert_null(result.config);
	assert_said(&result, "error: more than 4096 vips");
	drop(&result);
}

static void too_many_nodes(void **state)
{
	char *text = NULL;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	fputs("version: 1\nvips:\n  v: {on: b, vrid: 255, addresses: [10.255.0.1], priority: {lb1: 1", out);
	for (int i = 0; i < 64; i++)
		fprintf(out, ", n%d: 1", i);
	fputs("}}\n", out);
	fclose(out);
	struct result result = load_text(text, "lb1");
	assert_null(result.config);
	assert_said(&result, "error: more than 64 nodes");
	drop(&result);
	free(text);
}

static void a_thousand_errors_are_enough(void **state)
{
	char *text = NULL;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	fputs("version: 1\n", out);
	for (int i = 0; i < 1500; i++)
		fprintf(out, "junk%d: 1\n", i);
	fclose(out);
	struct result result = load_text(text, "lb1");
	assert_null(result.config);
	assert_said(&result, "error: 500 more are not shown");
	drop(&result);
	free(text);
}

/* ---- damaged files ---- */

static const char whole[] = "version: 1\n"
			    "node: lb1\n"
			    "bonds:\n"
			    "  bond0:\n"
			    "    driver: kernel\n"
			    "    ports: [eno1, eno2]\n"
			    "    prefer: eno1\n"
			    "    failback: better\n"
			    "    hold: &time 2s\n"
			    "    addresses: {lb1: [192.0.2.11/24], lb2: [192.0.2.12/24]}\n"
			    "    routes: [{to: default, via: 192.0.2.1}]\n"
			    "nodes:\n"
			    "  lb1: {paths: {lan: {on: bond0, address: 192.0.2.11}}}\n"
			    "  lb2: {paths: {lan: {on: bond0, address: 192.0.2.12, routed: false}}}\n"
			    "heartbeat: {interval: 100ms, lost: 3, port: 8113, key-file: /etc/k, auth: required}\n"
			    "vips:\n"
			    "  web:\n"
			    "    on: bond0\n"
			    "    protocol: vrrp\n"
			    "    vrid: 51\n"
			    "    priority: {lb1: 200, lb2: 100}\n"
			    "    addresses: [192.0.2.100, \"2001:db8::100\"]\n"
			    "    preempt: true\n"
			    "    lease: 10s\n"
			    "  mail: {on: eth0, protocol: vrrp, vrid: 51, addresses: ['192.0.2.101'], advert: *time}\n"
			    "  files: {on: eth0, addresses: ['192.0.2.102'], lease: 3s}\n";

static unsigned n_damaged, n_survived;

/* Whatever the file: a configuration that reads the same when printed, or at least one error. */
static void load_damaged(const char *text, size_t size)
{
	struct result result = load(write_bytes("damaged.yaml", text, size), NULL);
	n_damaged++;
	if (!result.config && (!strstr(result.said, "error: ") || result.error != EINVAL))
		fail_msg("no configuration, no error (errno %d):\n%.*s", result.error, (int)size, text);
	if (result.config && (strstr(result.said, "error: ") || result.error))
		fail_msg("a configuration, and an error: %s", result.said);
	if (result.config) {
		struct result again = load_text(result.printed, NULL);
		n_survived++;
		assert_non_null(again.config);
		assert_string_equal(again.printed, result.printed);
		drop(&again);
	}
	drop(&result);
}

static void replace(size_t from, size_t to, const char *with)
{
	char text[sizeof whole * 3];
	size_t length = strlen(with);
	memcpy(text, whole, from);
	memcpy(text + from, with, length);
	memcpy(text + from + length, whole + to, sizeof whole - 1 - to);
	load_damaged(text, from + length + sizeof whole - 1 - to);
}

static void every_prefix(void **state)
{
	(void)state;
	load_damaged(whole, sizeof whole - 1);
	assert_int_equal(n_survived, 1);
	for (size_t i = 0; i < sizeof whole; i++)
		load_damaged(whole, i);
}

static size_t end_of_line(size_t from)
{
	return from + strcspn(whole + from, "\n") + 1;
}

static void every_line_removed_and_doubled(void **state)
{
	char line[256];
	(void)state;
	for (size_t from = 0, to; from < sizeof whole - 1; from = to) {
		to = end_of_line(from);
		replace(from, to, "");
		snprintf(line, sizeof line, "%.*s%.*s", (int)(to - from), whole + from, (int)(to - from), whole + from);
		replace(from, to, line);
	}
}

static void every_word_replaced(void **state)
{
	static const char *const junk[] = {
		"",	      "x",	  "0",	     "-1",    "256",	   "99999999999999999999",
		"2h",	      "true",	  "[]",	     "{}",    "[[[[a]]]]", "{lb1: lb1}",
		"*time",      "&a",	  "!!str",   "~",     "\"",	   "'",
		"#",	      "%",	  ": ",	     "- ",    "? ",	   "\t",
		"\xff",	      "\xc3\xa9", "\"\\0\"", "|",     ">",	   "@",
		"0.0.0.0",    "::",	  "lb1",     "bond0", "eno1",	   "web",
		"\"\\e[2J\"", "\n",	  "\r",
	};
	const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789.:/*&";
	(void)state;
	for (size_t from = 0; from < sizeof whole - 1;) {
		size_t length = strspn(whole + from, letters);
		for (unsigned i = 0; length && i < sizeof junk / sizeof junk[0]; i++)
			replace(from, from + length, junk[i]);
		from += length ? length : 1;
	}
}

static void bytes_changed_at_random(void **state)
{
	char text[sizeof whole];
	uint64_t seed = 0x5eed;
	(void)state;
	for (int round = 0; round < 3000; round++) {
		memcpy(text, whole, sizeof whole);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[(seed >> 33) % (sizeof whole - 1)] =
				round % 2 ? whole[(seed >> 16) % (sizeof whole - 1)] : (char)(seed >> 56);
		}
		load_damaged(text, sizeof whole - 1);
	}
}

static void damage_was_done_and_survived(void **state)
{
	(void)state;
	assert_true(n_damaged > 5000);
	assert_true(n_survived > 20); /* else the files were only ever refused, and the test says little */
	assert_true(n_survived < n_damaged);
}

/* ---- memory ---- */

static void run_out_of_memory(const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", write_text("standbyd.yaml", text));
	for (long n = 0; n < 200; n++) {
		FILE *out = fopen("/dev/null", "w");
		assert_non_null(out);
		allocations_left = n;
		memory_refused = false;
		struct config *config = config_load(path, out);
		int error = errno;
		allocations_left = -1;
		fclose(out);
		if (memory_refused && (config || error != ENOMEM))
			fail_msg("allocation %ld refused: errno %d", n + 1, error);
		config_free(config);
		if (!memory_refused) {
			assert_true(n > 8);
			return;
		}
	}
	fail_msg("it still runs out of memory after 200 allocations");
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	run_out_of_memory("version: 1\nvips:\n  web: {on: eth0, vrid: 51, addresses: [192.0.2.1], priority: {a: 1, b: "
			  "2}}\nnode: a\n");
	run_out_of_memory(two_nodes);
	run_out_of_memory(heartbeat_vips);
	run_out_of_memory("version: 1\nnode: a\nvips: {web: {on: eth0, vrid: 5, addresses: [10.0.0.1], require: [c]}}\nchecks:\n"
			  "  c: {command: [/bin/c, long text], user: nobody, tcp: '127.0.0.1:1'}\n"
			  "  d: {http: {url: 'http://127.0.0.1/', match: text}}\n"
			  "hooks: {h: {when: ['vip:web', 'check:*'], run: [/bin/h]}, t: {when: 'vip:web active', test: d}}\n");
	run_out_of_memory("version: 1\nvips:\n  web: {on: eth0, vrid: 0, address: [192.0.2.1]}\nnode: a\n");
}

static void set_up(void)
{
	const char *source = getenv("srcdir"), *temporary = getenv("TMPDIR");
	char relative[PATH_MAX];
	snprintf(relative, sizeof relative, "%s/tests/unit/config", source ? source : ".");
	if (!realpath(relative, folder)) {
		fprintf(stderr, "%s: %s (set srcdir to the source tree)\n", relative, strerror(errno));
		exit(1);
	}
	snprintf(relative, sizeof relative, "%s/contrib/examples", source ? source : ".");
	if (!realpath(relative, examples) || chdir(folder) < 0)
		exit(1);
	snprintf(scratch, sizeof scratch, "%s/standbyd-config-XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(scratch))
		exit(1);
	find_fixtures();
}

static void tear_down(void)
{
	char path[PATH_MAX + 32];
	static const char *const names[] = { "standbyd.yaml", "damaged.yaml" };
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", scratch, names[i]);
		unlink(path);
	}
	rmdir(scratch);
}

/* What users a machine has is its own. */
static bool is_nobody(const char *name)
{
	return strcmp(name, "nobody") == 0;
}

int main(void)
{
	config_set_user_lookup(is_nobody);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_read_as_expected),
		cmocka_unit_test(every_expectation_has_its_file),
		cmocka_unit_test(what_is_printed_reads_the_same),
		cmocka_unit_test(fields_are_filled),
		cmocka_unit_test(ipv6_makes_the_default_lease_ten_seconds),
		cmocka_unit_test(vips_of_heartbeats_have_the_heartbeats_times),
		cmocka_unit_test(vips_of_heartbeats_list_nothing),
		cmocka_unit_test(node_is_the_host_name),
		cmocka_unit_test(the_example_is_right_on_both_nodes),
		cmocka_unit_test(the_example_of_heartbeats_is_right_on_both_nodes),
		cmocka_unit_test(the_example_of_haproxy_is_right_on_both_nodes),
		cmocka_unit_test(checks_are_filled),
		cmocka_unit_test(hooks_are_filled),
		cmocka_unit_test(users_of_other_nodes_are_theirs),
		cmocka_unit_test(checks_and_hooks_are_compared),
		cmocka_unit_test(digest_is_of_the_meaning),
		cmocka_unit_test(digest_is_of_the_protocol),
		cmocka_unit_test(digest_is_the_same_on_every_node),
		cmocka_unit_test(common_digest_is_the_same_on_every_node),
		cmocka_unit_test(common_digest_tells_every_change),
		cmocka_unit_test(common_digest_is_of_all_files),
		cmocka_unit_test(nodes_are_filled),
		cmocka_unit_test(a_key_file_name_has_its_limit),
		cmocka_unit_test(nodes_and_heartbeats_are_compared),
		cmocka_unit_test(protocols_are_compared),
		cmocka_unit_test(unreadable_files_give_their_errno),
		cmocka_unit_test(a_pipe_is_a_file_too),
		cmocka_unit_test(an_unreadable_part_refuses_the_whole),
		cmocka_unit_test(limits_are_limits),
		cmocka_unit_test(too_many_nodes),
		cmocka_unit_test(a_thousand_errors_are_enough),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(every_line_removed_and_doubled),
		cmocka_unit_test(every_word_replaced),
		cmocka_unit_test(bytes_changed_at_random),
		cmocka_unit_test(damage_was_done_and_survived),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};
	set_up();
	int failed = cmocka_run_group_tests_name("config", tests, NULL, NULL);
	tear_down();
	return failed;
}
