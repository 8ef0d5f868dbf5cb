/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/record.h"
#include "daemon/record_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_FILE "state"
#define RECORD_TEMP "state.new"

enum {
	RECORD_VERSION = 4,
};

static const char magic[8] = "standby\n";

/* The file, in the machine's own byte order: it never leaves the machine. */
struct file_header {
	char magic[8];
	uint32_t version, header_size;
	uint8_t boot_id[16];
	uint64_t netns;
	uint32_t n_vips, n_addresses, n_routes, n_rules;
	uint64_t checksum; /* over header (with 0 here), names, addresses, routes and rules */
};

struct file_name {
	char name[NAME_SIZE];
};

struct file_address {
	char ifname[IFNAME_SIZE];
	uint8_t family, prefix, carried, zero[5];
	uint8_t bytes[16];
	char bond[NAME_SIZE];
	uint64_t carried_ns;
};

struct file_route {
	char ifname[IFNAME_SIZE];
	uint8_t to[16], via[16];
	uint8_t family, prefix, has_via, carried, zero[4];
	uint32_t metric, table;
	uint64_t carried_ns;
};

struct file_rule {
	uint8_t from[16], to[16];
	uint8_t family, has_from, from_prefix, has_to, to_prefix, tos, carried, zero[5];
	uint32_t table, priority, mark;
	uint64_t carried_ns;
};

/* What stands in the file and does not change between two configurations. */
struct counts {
	unsigned n_vips, n_addresses, n_routes, n_rules;
};

/* value: last sign in ns, its lowest bit replaced by `active`. check: tells a torn or flipped value. */
struct file_slot {
	_Atomic uint64_t value, check;
};

struct file_vip {
	struct file_slot slots[2];
	struct file_slot checksum; /* enum vrrp_checksum; torn: nothing was learned */
};

struct record {
	int rundir;
	struct record_world world;
	void *map;
	size_t size;
	struct file_vip *vips; /* in the map */
	unsigned n_vips;
	uint8_t *turn;         /* per vip: the slot to write next */
	uint64_t ports;        /* record_ports_hash of the core that it was laid out for; 0: it never changes */
};

enum { WORDS = 6 }; /* of a struct file_vip */

static uint64_t slot_check(uint64_t value, unsigned index)
{
	uint64_t z = value + 0x9e3779b97f4a7c15ULL * (index + 1);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static size_t static_size(struct counts counts)
{
	return sizeof(struct file_header) + counts.n_vips * sizeof(struct file_name) +
	       counts.n_addresses * sizeof(struct file_address) + counts.n_routes * sizeof(struct file_route) +
	       counts.n_rules * sizeof(struct file_rule);
}

static size_t file_size(struct counts counts)
{
	return static_size(counts) + counts.n_vips * sizeof(struct file_vip);
}

static struct counts counts_of(const struct file_header *h)
{
	return (struct counts){ h->n_vips, h->n_addresses, h->n_routes, h->n_rules };
}

/* The bounds for what a file may claim. */
static const struct counts most = { MAX_VIPS * 2, RECORD_ADDRESSES_MAX, RECORD_ROUTES_MAX, RECORD_RULES_MAX };

/* Against accidents, not against an attacker, who would be root. The checksum's own field counts as zero. */
static uint64_t checksum(const uint8_t *file, size_t size)
{
	size_t hole = offsetof(struct file_header, checksum);
	const uint64_t zero = 0;
	uint64_t hash = fnv1a(fnv1a(FNV1A_START, file, hole), &zero, sizeof zero);

	return fnv1a(hash, file + hole + sizeof zero, size - hole - sizeof zero);
}

void record_data_free(struct record_data *data)
{
	free(data->vips);
	free(data->addresses);
	free(data->routes);
	free(data->rules);
	*data = (struct record_data){ 0 };
}

static int data_alloc(struct record_data *data, struct counts counts)
{
	data->vips = calloc(counts.n_vips + 1, sizeof *data->vips);
	data->addresses = calloc(counts.n_addresses + 1, sizeof *data->addresses);
	data->routes = calloc(counts.n_routes + 1, sizeof *data->routes);
	data->rules = calloc(counts.n_rules + 1, sizeof *data->rules);
	if (data->vips && data->addresses && data->routes && data->rules)
		return 0;
	record_data_free(data);
	return -ENOMEM;
}

static int read_boot_id(uint8_t out[16])
{
	char text[64];
	unsigned digits = 0;
	ssize_t n;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	memset(out, 0, 16);
	for (ssize_t i = 0; i < n && digits < 32; i++) {
		const char *hex = "0123456789abcdef", *at = text[i] ? strchr(hex, text[i]) : NULL;
		if (!at)
			continue;
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (at - hex));
		digits++;
	}
	return digits == 32 ? 0 : -EBADMSG;
}

int record_world(struct record_world *world)
{
	struct stat status;

	memset(world, 0, sizeof *world);
	if (stat("/proc/self/ns/net", &status) < 0)
		return -errno;
	world->netns = status.st_ino;
	return read_boot_id(world->boot_id);
}

/* ---- reading what a predecessor left --------------------------------------------------------------------------- */

/* Whole file into memory: a mapped one could be cut short under our feet. */
static int slurp(int rundir, uint8_t **bytes, size_t *size)
{
	struct stat status;
	size_t have = 0;
	ssize_t n = 0;
	int fd = openat(rundir, RECORD_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)file_size(most)) {
		close(fd);
		return -EBADMSG;
	}
	*size = (size_t)status.st_size;
	*bytes = malloc(*size + 1);
	while (*bytes && have < *size && (n = read(fd, *bytes + have, *size - have)) > 0)
		have += (size_t)n;
	close(fd);
	if (!*bytes)
		return -ENOMEM;
	*size = have;
	return 0;
}

static int check_header(const uint8_t *bytes, size_t size, const struct record_world *world, struct file_header *h)
{
	if (size < sizeof *h)
		return -EBADMSG;
	memcpy(h, bytes, sizeof *h);
	if (memcmp(h->magic, magic, sizeof magic) != 0)
		return -EBADMSG;
	if (h->version != RECORD_VERSION || h->header_size != sizeof *h)
		return -ESTALE;
	if (h->n_vips > most.n_vips || h->n_addresses > most.n_addresses || h->n_routes > most.n_routes ||
	    h->n_rules > most.n_rules || size != file_size(counts_of(h)))
		return -EBADMSG;
	if (checksum(bytes, static_size(counts_of(h))) != h->checksum)
		return -EBADMSG;
	if (memcmp(h->boot_id, world->boot_id, sizeof h->boot_id) != 0 || h->netns != world->netns)
		return -ESTALE;
	return 0;
}

/* The newer of the slots that are whole; false: neither is. */
static bool read_slots(const uint64_t words[4], unsigned index, uint64_t now_ns, struct record_vip *vip)
{
	bool found = false;

	for (unsigned i = 0; i < 4; i += 2) {
		uint64_t sign = words[i] & ~1ULL;
		if (words[i + 1] != slot_check(words[i], index) || sign > now_ns)
			continue;
		if (found && sign < vip->last_sign_ns)
			continue;
		/* Of two with the same time the later one is unknown: going inactive happens within the advert's step,
		 * and to hold too little is the safe error. */
		vip->active = found && sign == vip->last_sign_ns ? vip->active && (words[i] & 1) : words[i] & 1;
		vip->last_sign_ns = sign;
		found = true;
	}
	return found;
}

static uint8_t read_checksum(const uint64_t words[2], unsigned index)
{
	bool learned = words[1] == slot_check(words[0], index) && words[0] == VRRP_CHECKSUM_RFC9568;

	return learned ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_RFC5798;
}

static void parse_vips(const uint8_t *names, const uint8_t *slots, unsigned n, uint64_t now_ns, struct record_data *data)
{
	for (unsigned i = 0; i < n; i++) {
		struct record_vip *vip = &data->vips[data->n_vips];
		uint64_t words[WORDS];
		memcpy(vip->name, names + i * sizeof(struct file_name), sizeof vip->name);
		vip->name[sizeof vip->name - 1] = '\0';
		memcpy(words, slots + i * sizeof words, sizeof words);
		vip->checksum = read_checksum(words + 4, i);
		/* One that was never active has written no slot, and may have learned all the same. */
		if (read_slots(words, i, now_ns, vip) || vip->checksum != VRRP_CHECKSUM_RFC5798)
			data->n_vips++;
		else
			*vip = (struct record_vip){ 0 };
	}
}

static bool is_network(uint8_t family, uint8_t prefix)
{
	return (family == FAMILY_4 || family == FAMILY_6) && prefix <= ip_size(family) * 8;
}

static struct ip read_ip(uint8_t family, const uint8_t bytes[16])
{
	struct ip ip = { .family = family };

	memcpy(ip.bytes, bytes, ip_size(family));
	return ip;
}

static void parse_addresses(const uint8_t *bytes, unsigned n, struct record_data *data)
{
	for (unsigned i = 0; i < n; i++) {
		struct record_address *address = &data->addresses[data->n_addresses];
		struct file_address in;
		memcpy(&in, bytes + i * sizeof in, sizeof in);
		if (!is_network(in.family, in.prefix))
			continue;
		memcpy(address->ifname, in.ifname, sizeof address->ifname - 1);
		address->ip = read_ip(in.family, in.bytes);
		address->prefix = in.prefix;
		memcpy(address->bond, in.bond, sizeof address->bond - 1);
		address->carried = in.carried;
		address->carried_ns = in.carried_ns;
		data->n_addresses++;
	}
}

static void parse_routes(const uint8_t *bytes, unsigned n, struct record_data *data)
{
	for (unsigned i = 0; i < n; i++) {
		struct record_route *route = &data->routes[data->n_routes];
		struct file_route in;
		memcpy(&in, bytes + i * sizeof in, sizeof in);
		if (!is_network(in.family, in.prefix))
			continue;
		memcpy(route->ifname, in.ifname, sizeof route->ifname - 1);
		route->route.to = read_ip(in.family, in.to);
		route->route.prefix = in.prefix;
		if (in.has_via)
			route->route.via = read_ip(in.family, in.via);
		route->route.metric = in.metric;
		route->route.table = in.table;
		route->route.bond = -1;
		route->carried = in.carried;
		route->carried_ns = in.carried_ns;
		data->n_routes++;
	}
}

static void parse_rules(const uint8_t *bytes, unsigned n, struct record_data *data)
{
	for (unsigned i = 0; i < n; i++) {
		struct record_rule *rule = &data->rules[data->n_rules];
		struct file_rule in;
		memcpy(&in, bytes + i * sizeof in, sizeof in);
		if (!is_network(in.family, in.from_prefix) || !is_network(in.family, in.to_prefix) || (!in.has_from && !in.has_to))
			continue;
		rule->rule = (struct config_rule){ .family = in.family, .from_prefix = in.from_prefix,
						   .to_prefix = in.to_prefix, .tos = in.tos, .table = in.table,
						   .priority = in.priority, .mark = in.mark };
		if (in.has_from)
			rule->rule.from = read_ip(in.family, in.from);
		if (in.has_to)
			rule->rule.to = read_ip(in.family, in.to);
		rule->carried = in.carried;
		rule->carried_ns = in.carried_ns;
		data->n_rules++;
	}
}

static int parse_file(const uint8_t *bytes, const struct file_header *h, uint64_t now_ns, struct record_data *data)
{
	const uint8_t *names = bytes + sizeof *h;
	const uint8_t *addresses = names + h->n_vips * sizeof(struct file_name);
	const uint8_t *routes = addresses + h->n_addresses * sizeof(struct file_address);
	const uint8_t *rules = routes + h->n_routes * sizeof(struct file_route);
	int r = data_alloc(data, counts_of(h));

	if (r < 0)
		return r;
	parse_vips(names, bytes + static_size(counts_of(h)), h->n_vips, now_ns, data);
	parse_addresses(addresses, h->n_addresses, data);
	parse_routes(routes, h->n_routes, data);
	parse_rules(rules, h->n_rules, data);
	return 0;
}

_Static_assert(sizeof(struct file_vip) == WORDS * sizeof(uint64_t), "parse_file reads a vip's slots as words");

int record_read(int rundir, const struct record_world *world, uint64_t now_ns, struct record_data *data)
{
	struct file_header header;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int r;

	*data = (struct record_data){ 0 };
	r = slurp(rundir, &bytes, &size);
	if (r == 0)
		r = check_header(bytes, size, world, &header);
	if (r == 0)
		r = parse_file(bytes, &header, now_ns, data);
	free(bytes);
	return r;
}

/* ---- the record in force --------------------------------------------------------------------------------------- */

struct record *record_new(int rundir, const struct record_world *world)
{
	struct record *record = calloc(1, sizeof *record);

	if (!record)
		return NULL;
	record->rundir = rundir;
	record->world = *world;
	return record;
}

static void record_unmap(struct record *record)
{
	if (record->map)
		munmap(record->map, record->size);
	free(record->turn);
	record->map = NULL;
	record->vips = NULL;
	record->turn = NULL;
	record->n_vips = 0;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	record_unmap(record);
	free(record);
}

/* Whoever is killed in the middle leaves this slot invalid. */
static void slot_store(struct file_slot *slot, uint64_t value, unsigned index)
{
	atomic_store_explicit(&slot->check, ~slot_check(value, index), memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&slot->value, value, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&slot->check, slot_check(value, index), memory_order_relaxed);
}

void record_set_checksum(struct record *record, unsigned index, uint8_t checksum)
{
	struct file_slot *slot;

	if (index >= record->n_vips)
		return;
	slot = &record->vips[index].checksum;
	if (atomic_load_explicit(&slot->value, memory_order_relaxed) != checksum ||
	    atomic_load_explicit(&slot->check, memory_order_relaxed) != slot_check(checksum, index))
		slot_store(slot, checksum, index);
}

void record_set(struct record *record, unsigned index, bool active, uint64_t last_sign_ns)
{
	struct file_slot *slot;
	uint64_t value = (last_sign_ns & ~1ULL) | active;

	if (index >= record->n_vips)
		return;
	slot = &record->vips[index].slots[!record->turn[index]];
	if (atomic_load_explicit(&slot->value, memory_order_relaxed) == value)
		return;
	slot = &record->vips[index].slots[record->turn[index]];
	slot_store(slot, value, index); /* whoever is killed meanwhile leaves the other as it was */
	record->turn[index] ^= 1;
}

void record_beat(struct record *record, uint64_t now_ns)
{
	if (record->n_vips)
		record_set(record, record->n_vips - 1, true, now_ns);
}

uint64_t record_last_beat(const struct record_data *data)
{
	for (unsigned i = 0; i < data->n_vips; i++) {
		if (!data->vips[i].name[0])
			return data->vips[i].last_sign_ns;
	}
	return 0;
}

int record_copy(const struct record *record, struct record_data *data)
{
	struct file_header header;

	*data = (struct record_data){ 0 };
	if (!record->map)
		return 0;
	memcpy(&header, record->map, sizeof header);
	return parse_file(record->map, &header, UINT64_MAX, data);
}

/* ---- laying it out --------------------------------------------------------------------------------------------- */

bool record_is_outdated(const struct record *record, const struct core *core)
{
	return record->map && record->ports && record->ports != record_ports_hash(core);
}

static uint8_t *fill_names(uint8_t *at, const struct core *core, unsigned n)
{
	for (unsigned i = 0; i < n; i++, at += sizeof(struct file_name)) {
		struct vip_view vip;
		struct file_name name = { 0 };
		if (i < core_n_vips(core)) { /* the last one is what all heartbeats say */
			core_vip(core, i, &vip);
			snprintf(name.name, sizeof name.name, "%s", vip.name);
		}
		memcpy(at, &name, sizeof name);
	}
	return at;
}

static uint8_t *fill_addresses(uint8_t *at, const struct record_data *list)
{
	for (unsigned i = 0; i < list->n_addresses; i++, at += sizeof(struct file_address)) {
		const struct record_address *from = &list->addresses[i];
		struct file_address to = { .family = from->ip.family, .prefix = from->prefix,
					   .carried = from->carried, .carried_ns = from->carried_ns };
		memcpy(to.ifname, from->ifname, sizeof to.ifname);
		memcpy(to.bytes, from->ip.bytes, sizeof to.bytes);
		memcpy(to.bond, from->bond, sizeof to.bond);
		memcpy(at, &to, sizeof to);
	}
	return at;
}

static uint8_t *fill_routes(uint8_t *at, const struct record_data *list)
{
	for (unsigned i = 0; i < list->n_routes; i++, at += sizeof(struct file_route)) {
		const struct record_route *from = &list->routes[i];
		const struct config_route *route = &from->route;
		struct file_route to = { .family = route->to.family, .prefix = route->prefix,
					 .has_via = route->via.family != FAMILY_NONE, .carried = from->carried,
					 .metric = route->metric, .table = route->table, .carried_ns = from->carried_ns };
		memcpy(to.ifname, from->ifname, sizeof to.ifname);
		memcpy(to.to, route->to.bytes, sizeof to.to);
		memcpy(to.via, route->via.bytes, sizeof to.via);
		memcpy(at, &to, sizeof to);
	}
	return at;
}

static void fill_rules(uint8_t *at, const struct record_data *list)
{
	for (unsigned i = 0; i < list->n_rules; i++, at += sizeof(struct file_rule)) {
		const struct record_rule *from = &list->rules[i];
		const struct config_rule *rule = &from->rule;
		struct file_rule to = { .family = rule->family, .has_from = rule->from.family != FAMILY_NONE,
					.from_prefix = rule->from_prefix, .has_to = rule->to.family != FAMILY_NONE,
					.to_prefix = rule->to_prefix, .tos = rule->tos, .carried = from->carried,
					.table = rule->table, .priority = rule->priority, .mark = rule->mark,
					.carried_ns = from->carried_ns };
		memcpy(to.from, rule->from.bytes, sizeof to.from);
		memcpy(to.to, rule->to.bytes, sizeof to.to);
		memcpy(at, &to, sizeof to);
	}
}

static void fill(uint8_t *map, const struct record *record, const struct core *core, const struct record_data *list)
{
	struct file_header header = { .version = RECORD_VERSION, .header_size = sizeof header, .netns = record->world.netns,
				      .n_vips = record->n_vips, .n_addresses = list->n_addresses,
				      .n_routes = list->n_routes, .n_rules = list->n_rules };
	uint8_t *at = map + sizeof header;

	memcpy(header.magic, magic, sizeof magic);
	memcpy(header.boot_id, record->world.boot_id, sizeof header.boot_id);
	at = fill_names(at, core, record->n_vips);
	at = fill_addresses(at, list);
	at = fill_routes(at, list);
	fill_rules(at, list);
	memcpy(map, &header, sizeof header);
	header.checksum = checksum(map, static_size(counts_of(&header)));
	memcpy(map, &header, sizeof header);
}

/* The space is allocated now: a full file system must be an error here and not SIGBUS in the middle of an advert. */
static int map_new_file(int rundir, size_t size, void **map)
{
	int fd, r;

	if (unlinkat(rundir, RECORD_TEMP, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(rundir, RECORD_TEMP, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = -posix_fallocate(fd, 0, (off_t)size);
	if (r == 0) {
		void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
		if (at == MAP_FAILED)
			r = -errno;
		else
			*map = at;
	}
	close(fd);
	return r;
}

/* What the previous record knows of each vip goes on until the core says otherwise. */
static void seed(struct record *record, const struct core *core, const struct record_data *previous)
{
	for (unsigned i = 0; i < record->n_vips; i++) {
		struct vip_view vip = { .name = "" };
		if (i < core_n_vips(core))
			core_vip(core, i, &vip);
		for (unsigned p = 0; previous && p < previous->n_vips; p++) {
			/* The order seldom changes: try the same place first. */
			const struct record_vip *old = &previous->vips[(p + i) % previous->n_vips];
			if (strcmp(old->name, vip.name) != 0)
				continue;
			record_set(record, i, old->active, old->last_sign_ns);
			record_set_checksum(record, i, old->checksum);
			break;
		}
	}
}

/* The new file, mapped, under its temporary name. */
static int make_file(struct record *record, const struct core *core, const struct record_data *list,
		     const struct record_data *previous)
{
	struct counts counts = { core_n_vips(core) + 1, list->n_addresses, list->n_routes, list->n_rules };
	int r;

	record->n_vips = counts.n_vips;
	record->size = file_size(counts);
	record->turn = calloc(record->n_vips + 1, 1);
	if (!record->turn)
		return -ENOMEM;
	r = map_new_file(record->rundir, record->size, &record->map);
	if (r < 0)
		return r;
	fill(record->map, record, core, list);
	record->vips = (struct file_vip *)((uint8_t *)record->map + static_size(counts));
	seed(record, core, previous);
	return 0;
}

int record_layout(struct record *record, const struct core *core, const struct record_data *previous, uint64_t now_ns)
{
	struct record_data list = { 0 };
	int r = record_list(&list, core, previous, now_ns);

	record_unmap(record);
	record->ports = record_ports_hash(core);
	if (r == 0)
		r = make_file(record, core, &list, previous);
	if (r == 0 && renameat(record->rundir, RECORD_TEMP, record->rundir, RECORD_FILE) < 0)
		r = -errno;
	if (r < 0) {
		record_unmap(record);
		unlinkat(record->rundir, RECORD_TEMP, 0);
		unlinkat(record->rundir, RECORD_FILE, 0);
	}
	record_data_free(&list);
	return r;
}
