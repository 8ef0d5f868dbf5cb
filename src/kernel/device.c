/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/device.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/match.h"

enum {
	PATH_SIZE = 512,
	MONITOR_BUFFER = 4 * 1024 * 1024, /* some thousand devices that appear at once */
	MONITOR_BATCH = 64,
	KERNEL_GROUP = 1,                 /* of NETLINK_KOBJECT_UEVENT: the kernel's own; 2 is udev's */
	TABLE_MIN = 64,
};

/* A link that could be a port, as the core was told of it last. ifindex 0: a free place. */
struct entry {
	struct event_link link;
	bool marked; /* udev's rules have marked it as ours */
};

struct devices {
	const struct device_roots *roots;
	struct udev *udev;
	struct udev_monitor *monitor; /* NULL: udev does not speak */
	const struct config *config;
	bool any;                     /* the configuration asks for drivers or places: every NIC could be a port */
	bool incomplete;              /* memory was short: the table lacks some */
	struct entry *table;          /* open addressing, at most half full, size a power of two */
	unsigned size, n;
};

/* ---- does udev speak? ------------------------------------------------------------------------------------------- */

/* A line of /proc/net/netlink: "sk Eth Pid Groups …"; the kernel's own socket has no groups. */
static bool hears_uevents(const struct device_roots *roots)
{
	char path[PATH_SIZE], line[256];
	unsigned protocol, groups;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof path, "%s/self/net/netlink", roots->proc);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof line, file))
		found = sscanf(line, "%*s %u %*s %x", &protocol, &groups) == 2 && protocol == NETLINK_KOBJECT_UEVENT &&
			groups & KERNEL_GROUP;
	if (file)
		fclose(file);
	return found;
}

static bool read_link(const char *path, char *text, size_t size)
{
	ssize_t n = readlink(path, text, size);

	if (n < 0 || (size_t)n >= size)
		return false;
	text[n] = '\0';
	return true;
}

static bool is_process_1_elsewhere(const struct device_roots *roots)
{
	char path[PATH_SIZE], ours[64], its[64];

	snprintf(path, sizeof path, "%s/1/ns/net", roots->proc);
	if (!read_link(path, its, sizeof its))
		return false; /* it may not be seen */
	snprintf(path, sizeof path, "%s/self/ns/net", roots->proc);
	return !read_link(path, ours, sizeof ours) || strcmp(ours, its) != 0;
}

bool device_udev_speaks(const struct device_roots *roots)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/udev/control", roots->run);
	return access(path, F_OK) == 0 && hears_uevents(roots) && !is_process_1_elsewhere(roots);
}

/* ---- what is known of one device -------------------------------------------------------------------------------- */

/* A sysfs that another network namespace mounted shows that one's devices. */
static bool is_in_sysfs(const struct device_roots *roots, const struct event_link *link)
{
	char path[PATH_SIZE];
	int ifindex = 0;
	FILE *file;

	snprintf(path, sizeof path, "%s/class/net/%s/ifindex", roots->sys, link->name);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%d", &ifindex) != 1)
		ifindex = 0;
	fclose(file);
	return ifindex == link->ifindex;
}

static void copy_text(char *to, size_t size, const char *from)
{
	if (from && from[0] && strlen(from) < size)
		memcpy(to, from, strlen(from) + 1);
}

void device_read_sysfs(const struct device_roots *roots, struct event_link *link)
{
	char path[PATH_SIZE], target[PATH_SIZE];

	if (!is_in_sysfs(roots, link))
		return;
	snprintf(path, sizeof path, "%s/class/net/%s/device/physfn", roots->sys, link->name);
	link->vf = access(path, F_OK) == 0;
	snprintf(path, sizeof path, "%s/class/net/%s/device/driver", roots->sys, link->name);
	if (!link->driver[0] && read_link(path, target, sizeof target) && strrchr(target, '/'))
		copy_text(link->driver, sizeof link->driver, strrchr(target, '/') + 1);
}

/* libudev finds the device by its ifindex and checks that sysfs has the same. Until udev has finished with it, what it says of
 * it is not complete. */
static void ask_udev(struct devices *d, struct entry *entry)
{
	struct event_link *link = &entry->link;
	struct udev_device *device = NULL;
	const char *manager;
	char id[16];

	snprintf(id, sizeof id, "n%d", link->ifindex);
	for (unsigned i = 0; i < 2 && !device; i++) /* it may just have been renamed */
		device = udev_device_new_from_device_id(d->udev, id);
	if (!device)
		return; /* it is gone, or sysfs is not ours */
	link->uninitialised = !udev_device_get_is_initialized(device);
	if (!link->uninitialised) {
		copy_text(link->driver, sizeof link->driver, udev_device_get_property_value(device, "ID_NET_DRIVER"));
		copy_text(link->path, sizeof link->path, udev_device_get_property_value(device, "ID_PATH"));
		manager = udev_device_get_property_value(device, "ID_NET_MANAGED_BY");
		entry->marked = manager && strcmp(manager, "io.standbyd") == 0;
	}
	udev_device_unref(device);
}

static void read_device(struct devices *d, struct entry *entry)
{
	entry->link.vf = entry->link.uninitialised = entry->marked = false;
	if (d->monitor)
		ask_udev(d, entry);
	device_read_sysfs(d->roots, &entry->link);
}

/* Lets udev's rules look at it again. Where there are none, or the kernel refuses, everything stays as it is. */
static void ask_rules(const struct devices *d, const struct event_link *link)
{
	static const char word[] = "change";
	char path[PATH_SIZE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/class/net/%s/uevent", d->roots->sys, link->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = write(fd, word, sizeof word - 1);
	(void)n;
	close(fd);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

/* Where the link is, or would be. */
static unsigned place_of(const struct entry *table, unsigned size, int ifindex)
{
	unsigned at = (unsigned)ifindex & (size - 1);

	while (table[at].link.ifindex && table[at].link.ifindex != ifindex)
		at = (at + 1) & (size - 1);
	return at;
}

static struct entry *find(const struct devices *d, int ifindex)
{
	struct entry *entry = d->size ? &d->table[place_of(d->table, d->size, ifindex)] : NULL;

	return entry && entry->link.ifindex ? entry : NULL;
}

static bool grow(struct devices *d)
{
	unsigned size = d->size ? 2 * d->size : TABLE_MIN;
	struct entry *table = calloc(size, sizeof *table);

	if (!table)
		return false;
	for (unsigned i = 0; i < d->size; i++) {
		if (d->table[i].link.ifindex)
			table[place_of(table, size, d->table[i].link.ifindex)] = d->table[i];
	}
	free(d->table);
	d->table = table;
	d->size = size;
	return true;
}

static void remember(struct devices *d, const struct entry *entry)
{
	struct entry *known = find(d, entry->link.ifindex);

	if (!known) {
		if (2 * (d->n + 1) > d->size && !grow(d)) {
			d->incomplete = true;
			return;
		}
		known = &d->table[place_of(d->table, d->size, entry->link.ifindex)];
		d->n++;
	}
	*known = *entry;
}

/* What follows in the same run may have been put off by what goes: it is put anew. */
void devices_forget(struct devices *d, int ifindex)
{
	struct entry *entry = find(d, ifindex);

	if (!entry)
		return;
	entry->link.ifindex = 0;
	d->n--;
	for (unsigned at = (unsigned)(entry - d->table) + 1; d->table[at & (d->size - 1)].link.ifindex; at++) {
		struct entry moved = d->table[at & (d->size - 1)];

		d->table[at & (d->size - 1)].link.ifindex = 0;
		d->table[place_of(d->table, d->size, moved.link.ifindex)] = moved;
	}
}

void devices_forget_all(struct devices *d)
{
	if (d->table)
		memset(d->table, 0, d->size * sizeof *d->table);
	d->n = 0;
	d->incomplete = false;
}

/* ---- which links matter ----------------------------------------------------------------------------------------- */

static bool is_meant(const struct devices *d, const struct event_link *link)
{
	for (unsigned i = 0; d->config && i < d->config->n_bonds; i++) {
		const struct config_bond *bond = &d->config->bonds[i];

		for (unsigned j = 0; j < bond->n_ports; j++) {
			if (port_matches(&bond->ports[j], link))
				return true;
		}
	}
	return false;
}

static bool could_be_port(const struct devices *d, const struct event_link *link)
{
	return (d->any && link->kind == KIND_OTHER && !link->loopback) || is_meant(d, link);
}

/* The rules looked at it before the configuration was what it is. */
static void check_mark(const struct devices *d, const struct entry *entry)
{
	if (d->monitor && !entry->link.uninitialised && entry->marked != is_meant(d, &entry->link))
		ask_rules(d, &entry->link);
}

void devices_configure(struct devices *d, const struct config *config)
{
	d->config = config;
	d->any = false;
	for (unsigned i = 0; config && i < config->n_bonds; i++) {
		for (unsigned j = 0; j < config->bonds[i].n_ports; j++) {
			enum port_match match = config->bonds[i].ports[j].match;

			d->any |= match == MATCH_PATH || match == MATCH_DRIVER;
		}
	}
	for (unsigned i = 0; i < d->size; i++) {
		if (d->table[i].link.ifindex)
			check_mark(d, &d->table[i]);
	}
}

void devices_tell(struct devices *d, struct event_link *link)
{
	const struct entry *known = find(d, link->ifindex);
	struct entry entry = {.link = *link};

	if (known && strcmp(known->link.name, link->name) == 0) {
		link->vf = known->link.vf;
		link->uninitialised = known->link.uninitialised;
		memcpy(link->driver, known->link.driver, sizeof link->driver);
		memcpy(link->path, known->link.path, sizeof link->path);
		return;
	}
	if (!known && !could_be_port(d, link))
		return;
	read_device(d, &entry);
	remember(d, &entry);
	check_mark(d, &entry);
	*link = entry.link;
}

/* ---- udev's events ---------------------------------------------------------------------------------------------- */

static bool tells_otherwise(const struct event_link *a, const struct event_link *b)
{
	return a->uninitialised != b->uninitialised || a->vf != b->vf || strcmp(a->driver, b->driver) != 0 ||
	       strcmp(a->path, b->path) != 0;
}

/* Whether what udev has to say makes a difference. */
static bool is_news(struct devices *d, int ifindex)
{
	struct entry *known = find(d, ifindex), before;

	if (!known)
		return d->incomplete;
	before = *known;
	read_device(d, known);
	return tells_otherwise(&before.link, &known->link) && (is_meant(d, &before.link) || is_meant(d, &known->link));
}

static int ifindex_of(struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	const char *ifindex = udev_device_get_property_value(device, "IFINDEX");

	return ifindex && (!action || strcmp(action, "remove") != 0) ? atoi(ifindex) : 0;
}

bool devices_next(struct devices *d, struct event *event)
{
	for (unsigned i = 0; d->monitor && i < MONITOR_BATCH; i++) {
		struct udev_device *device;
		int ifindex;

		errno = 0;
		device = udev_monitor_receive_device(d->monitor);
		if (!device && errno == ENOBUFS) {
			devices_forget_all(d);
			*event = (struct event){.type = EV_OVERRUN};
			return true;
		}
		if (!device)
			return false;
		ifindex = ifindex_of(device);
		udev_device_unref(device);
		if (ifindex > 0 && is_news(d, ifindex)) {
			*event = (struct event){.type = EV_DEVICE, .u.device.ifindex = ifindex};
			return true;
		}
	}
	return false;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* What udev says from now on; what it said before is read from its database. A failure: it is as if it did not speak. */
static void open_monitor(struct devices *d)
{
	d->udev = udev_new();
	d->monitor = d->udev ? udev_monitor_new_from_netlink(d->udev, "udev") : NULL;
	if (!d->monitor)
		return;
	udev_monitor_set_receive_buffer_size(d->monitor, MONITOR_BUFFER); /* else the usual size: an overrun is mended */
	if (udev_monitor_filter_add_match_subsystem_devtype(d->monitor, "net", NULL) < 0 ||
	    udev_monitor_enable_receiving(d->monitor) < 0)
		d->monitor = udev_monitor_unref(d->monitor);
}

struct devices *devices_new(const struct device_roots *roots)
{
	struct devices *d = calloc(1, sizeof *d);

	if (d)
		d->roots = roots;
	return d;
}

struct devices *devices_open(void)
{
	static const struct device_roots roots = {.run = "/run", .sys = "/sys", .proc = "/proc"};
	struct devices *d = devices_new(&roots);

	if (d && device_udev_speaks(&roots))
		open_monitor(d);
	return d;
}

void devices_close(struct devices *d)
{
	if (!d)
		return;
	udev_monitor_unref(d->monitor);
	udev_unref(d->udev);
	free(d->table);
	free(d);
}

int devices_fd(const struct devices *d)
{
	return d->monitor ? udev_monitor_get_fd(d->monitor) : -1;
}
