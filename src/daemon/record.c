/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/record.h"

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
#define CARRY_FOR   (3600 * NSEC_PER_SEC) /* far longer than any lease or leave-timeout */

enum {
	RECORD_VERSION = 3,
	RECORD_ADDRESSES_MAX = MAX_VIPS * MAX_PORTS * 2, /* a bound for what a file may claim */
};

static const char magic[8] = "standby\n";

/* The file, in the machine's own byte order: it never leaves the machine. */
struct file_header {
	char magic[8];
	uint32_t version, header_size;
	uint8_t boot_id[16];
	uint64_t netns;
	uint32_t n_vips, n_addresses;
	uint64_t checksum; /* over header (with 0 here), names and addresses */
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
	uint64_t ports;        /* ports_hash of the core that it was laid out for; 0: it never changes */
};

enum { WORDS = 6 }; /* of a struct file_vip */

static uint64_t slot_check(uint64_t value, unsigned index)
{
	uint64_t z = value + 0x9e3779b97f4a7c15ULL * (index + 1);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static size_t static_size(unsigned n_vips, unsigned n_addresses)
{
	return sizeof(struct file_header) + n_vips * sizeof(struct file_name) +
	       n_addresses * sizeof(struct file_address);
}

static size_t file_size(unsigned n_vips, unsigned n_addresses)
{
	return static_size(n_vips, n_addresses) + n_vips * sizeof(struct file_vip);
}

#define FNV_START 0xcbf29ce484222325ULL /* FNV-1a */

static uint64_t fnv(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * 0x100000001b3ULL;
}

/* Against accidents, not against an attacker, who would be root. The checksum's own field counts as zero. */
static uint64_t checksum(const uint8_t *file, size_t size)
{
	size_t hole = offsetof(struct file_header, checksum);
	uint64_t hash = FNV_START;

	for (size_t i = 0; i < size; i++) {
		bool in_hole = i >= hole && i < hole + sizeof(uint64_t);
		hash = fnv(hash, in_hole ? 0 : file[i]);
	}
	return hash;
}

void record_data_free(struct record_data *data)
{
	free(data->vips);
	free(data->addresses);
	*data = (struct record_data){ 0 };
}

static int data_alloc(struct record_data *data, unsigned n_vips, unsigned n_addresses)
{
	data->vips = calloc(n_vips + 1, sizeof *data->vips);
	data->addresses = calloc(n_addresses + 1, sizeof *data->addresses);
	if (data->vips && data->addresses)
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
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size > (off_t)file_size(MAX_VIPS * 2, RECORD_ADDRESSES_MAX)) {
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
	if (h->n_vips > MAX_VIPS * 2 || h->n_addresses > RECORD_ADDRESSES_MAX ||
	    size != file_size(h->n_vips, h->n_addresses))
		return -EBADMSG;
	if (checksum(bytes, static_size(h->n_vips, h->n_addresses)) != h->checksum)
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

static int parse_file(const uint8_t *bytes, const struct file_header *h, uint64_t now_ns, struct record_data *data)
{
	const uint8_t *names = bytes + sizeof *h;
	const uint8_t *addresses = names + h->n_vips * sizeof(struct file_name);
	const uint8_t *slots = bytes + static_size(h->n_vips, h->n_addresses);
	int r = data_alloc(data, h->n_vips, h->n_addresses);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < h->n_vips; i++) {
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
	for (unsigned i = 0; i < h->n_addresses; i++) {
		struct record_address *address = &data->addresses[data->n_addresses];
		struct file_address in;
		memcpy(&in, addresses + i * sizeof in, sizeof in);
		if ((in.family != FAMILY_4 && in.family != FAMILY_6) || in.prefix > ip_size(in.family) * 8)
			continue;
		memcpy(address->ifname, in.ifname, sizeof address->ifname - 1);
		address->ip.family = in.family;
		memcpy(address->ip.bytes, in.bytes, ip_size(in.family));
		address->prefix = in.prefix;
		memcpy(address->bond, in.bond, sizeof address->bond - 1);
		address->carried = in.carried;
		address->carried_ns = in.carried_ns;
		data->n_addresses++;
	}
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

struct list {
	struct record_address *items;
	unsigned n, size;
};

static int list_add(struct list *list, const struct record_address *address)
{
	if (list->n >= RECORD_ADDRESSES_MAX)
		return -E2BIG;
	if (list->n == list->size) {
		unsigned size = list->size ? list->size * 2 : 64;
		struct record_address *items = reallocarray(list->items, size, sizeof *items);
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->size = size;
	}
	list->items[list->n++] = *address;
	return 0;
}

/* bond: whose own address it is; "": a vip's. */
static int list_add_one(struct list *list, const struct config_address *one, const char *ifname, const char *bond)
{
	struct record_address address = { .ip = one->ip, .prefix = one->prefix };

	snprintf(address.ifname, sizeof address.ifname, "%s", ifname);
	snprintf(address.bond, sizeof address.bond, "%s", bond);
	return list_add(list, &address);
}

/* The address, or, NULL, all of the vip that are on its own interface. */
static int list_add_vip(struct list *list, const struct vip_view *vip, const struct config_address *one, const char *ifname)
{
	int r = one ? list_add_one(list, one, ifname, "") : 0;

	for (unsigned i = 0; !one && i < vip->n_addresses && r == 0; i++)
		r = vip->addresses[i].on[0] ? 0 : list_add_one(list, &vip->addresses[i], ifname, "");
	return r;
}

/* The index of the moving bond of that name, -1: it is none. */
static int moving_bond(const struct core *core, const char *name, struct bond_view *view)
{
	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		core_bond(core, i, view);
		if (view->driver == DRIVER_MOVE && strcmp(view->name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* Whether an entry of `ports` is a device's name: patterns and selectors have what no name there has. */
static bool is_name(const char *spec)
{
	return !strpbrk(spec, ":*?[");
}

/* The device of a port; NULL: none is known. A port without one is called by its entry of `ports`. */
static const char *port_device(const struct core *core, unsigned bond, unsigned i)
{
	struct port_view port;

	core_port(core, bond, i, &port);
	if (port.hidden || strlen(port.name) >= IFNAME_SIZE)
		return NULL;
	return strcmp(port.name, port.spec) == 0 && !is_name(port.spec) ? NULL : port.name;
}

static int list_on(struct list *list, const struct core *core, const struct vip_view *vip, const struct config_address *one)
{
	const char *on = one ? one->on : vip->on;
	struct bond_view bond;
	int index = moving_bond(core, on, &bond), r = 0;

	if (!one && vip->device[0])
		return list_add_vip(list, vip, one, vip->device);
	if (index < 0)
		return list_add_vip(list, vip, one, on);
	for (unsigned p = 0; p < bond.n_ports && r == 0; p++) {
		const char *device = port_device(core, (unsigned)index, p);
		if (device)
			r = list_add_vip(list, vip, one, device);
	}
	return r;
}

/* On every interface where the core may put it. */
static int list_vip(struct list *list, const struct core *core, const struct vip_view *vip)
{
	int r = list_on(list, core, vip, NULL);

	for (unsigned i = 0; i < vip->n_addresses && r == 0; i++)
		r = vip->addresses[i].on[0] ? list_on(list, core, vip, &vip->addresses[i]) : 0;
	return r;
}

/* A moving bond's own addresses, on each port that has a device. */
static int list_bond(struct list *list, const struct core *core, unsigned index)
{
	struct bond_view bond;
	int r = 0;

	core_bond(core, index, &bond);
	for (unsigned p = 0; bond.driver == DRIVER_MOVE && p < bond.n_ports; p++) {
		const char *device = port_device(core, index, p);
		for (unsigned i = 0; device && i < bond.n_addresses && r == 0; i++)
			r = list_add_one(list, &bond.addresses[i], device, bond.name);
	}
	return r;
}

static int list_configured(struct list *list, const struct core *core)
{
	int r = 0;

	for (unsigned i = 0; i < core_n_bonds(core) && r == 0; i++)
		r = list_bond(list, core, i);
	for (unsigned i = 0; i < core_n_vips(core) && r == 0; i++) {
		struct vip_view vip;
		core_vip(core, i, &vip);
		r = list_vip(list, core, &vip);
	}
	return r;
}

/* Over the devices of all moving bonds, each with its place. 0: all are given by name. */
static uint64_t ports_hash(const struct core *core)
{
	uint64_t hash = FNV_START;
	bool varies = false;

	for (unsigned i = 0; i < core_n_bonds(core); i++) {
		struct bond_view bond;
		core_bond(core, i, &bond);
		for (unsigned p = 0; bond.driver == DRIVER_MOVE && p < bond.n_ports; p++) {
			const char *device = port_device(core, i, p);
			struct port_view port;
			core_port(core, i, p, &port);
			varies |= !is_name(port.spec);
			hash = fnv(fnv(hash, (uint8_t)p), (uint8_t)i);
			for (; device && *device; device++)
				hash = fnv(hash, (uint8_t)*device);
		}
	}
	return varies ? hash | 1 : 0;
}

bool record_is_outdated(const struct record *record, const struct core *core)
{
	return record->map && record->ports && record->ports != ports_hash(core);
}

/* By interface, address and prefix; of the same, a configured one before a carried one, and a bond's before a vip's, which its
 * owner has too. */
static int compare_addresses(const void *left, const void *right)
{
	const struct record_address *a = left, *b = right;
	int r = strcmp(a->ifname, b->ifname);

	if (r == 0)
		r = memcmp(&a->ip, &b->ip, sizeof a->ip);
	if (r == 0)
		r = (int)a->prefix - b->prefix;
	if (r == 0)
		r = (int)a->carried - b->carried;
	return r ? r : (a->bond[0] == 0) - (b->bond[0] == 0);
}

static void list_unique(struct list *list)
{
	unsigned n = 0;

	if (list->n)
		qsort(list->items, list->n, sizeof *list->items, compare_addresses);
	for (unsigned i = 0; i < list->n; i++) {
		const struct record_address *a = &list->items[i], *b = n ? &list->items[n - 1] : NULL;
		if (b && strcmp(a->ifname, b->ifname) == 0 && ip_equal(&a->ip, &b->ip) && a->prefix == b->prefix)
			continue;
		list->items[n++] = *a;
	}
	list->n = n;
}

static int list_make(struct list *list, const struct core *core, const struct record_data *previous, uint64_t now_ns)
{
	int r = list_configured(list, core);

	for (unsigned i = 0; previous && i < previous->n_addresses && r == 0; i++) {
		struct record_address address = previous->addresses[i];
		if (address.carried && address.carried_ns + CARRY_FOR < now_ns)
			continue;
		if (!address.carried)
			address.carried_ns = now_ns;
		address.carried = true;
		r = list_add(list, &address);
	}
	if (r == 0)
		list_unique(list);
	return r;
}

static void fill(uint8_t *map, const struct record *record, const struct core *core, const struct list *list)
{
	unsigned n_vips = record->n_vips;
	struct file_header header = { .version = RECORD_VERSION, .header_size = sizeof header,
				      .netns = record->world.netns, .n_vips = n_vips, .n_addresses = list->n };
	uint8_t *at = map + sizeof header;

	memcpy(header.magic, magic, sizeof magic);
	memcpy(header.boot_id, record->world.boot_id, sizeof header.boot_id);
	for (unsigned i = 0; i < n_vips; i++, at += sizeof(struct file_name)) {
		struct vip_view vip;
		struct file_name name = { 0 };
		if (i < core_n_vips(core)) { /* the last one is what all heartbeats say */
			core_vip(core, i, &vip);
			snprintf(name.name, sizeof name.name, "%s", vip.name);
		}
		memcpy(at, &name, sizeof name);
	}
	for (unsigned i = 0; i < list->n; i++, at += sizeof(struct file_address)) {
		const struct record_address *from = &list->items[i];
		struct file_address to = { .family = from->ip.family, .prefix = from->prefix,
					   .carried = from->carried, .carried_ns = from->carried_ns };
		memcpy(to.ifname, from->ifname, sizeof to.ifname);
		memcpy(to.bytes, from->ip.bytes, sizeof to.bytes);
		memcpy(to.bond, from->bond, sizeof to.bond);
		memcpy(at, &to, sizeof to);
	}
	memcpy(map, &header, sizeof header);
	header.checksum = checksum(map, static_size(n_vips, list->n));
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
static int make_file(struct record *record, const struct core *core, const struct list *list,
		     const struct record_data *previous)
{
	int r;

	record->n_vips = core_n_vips(core) + 1;
	record->size = file_size(record->n_vips, list->n);
	record->turn = calloc(record->n_vips + 1, 1);
	if (!record->turn)
		return -ENOMEM;
	r = map_new_file(record->rundir, record->size, &record->map);
	if (r < 0)
		return r;
	fill(record->map, record, core, list);
	record->vips = (struct file_vip *)((uint8_t *)record->map + static_size(record->n_vips, list->n));
	seed(record, core, previous);
	return 0;
}

int record_layout(struct record *record, const struct core *core, const struct record_data *previous, uint64_t now_ns)
{
	struct list list = { 0 };
	int r = list_make(&list, core, previous, now_ns);

	record_unmap(record);
	record->ports = ports_hash(core);
	if (r == 0)
		r = make_file(record, core, &list, previous);
	if (r == 0 && renameat(record->rundir, RECORD_TEMP, record->rundir, RECORD_FILE) < 0)
		r = -errno;
	if (r < 0) {
		record_unmap(record);
		unlinkat(record->rundir, RECORD_TEMP, 0);
		unlinkat(record->rundir, RECORD_FILE, 0);
	}
	free(list.items);
	return r;
}
