/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standbyd-udev: answers udev's rules whether a device is the configuration's. What it prints is properties of the device:
 *
 *   standbyd-udev device NAME   STANDBYD_DEVICE=NAME: a bond, team or vlan that standbyd makes
 *   standbyd-udev port NAME     STANDBYD_BOND=BOND: what an entry of that bond's `ports` means
 *
 * Nothing is printed for others. udev gives what it knows of the device in the environment. It reads the file, not the daemon,
 * because at boot there is no daemon yet, and it must be right before another manager takes the port.
 * Exit status: 0 known; 1 not known, for there is no configuration, or it is wrong (the daemon says why); 2 usage. */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/load.h"
#include "core/match.h"
#include "kernel/netlink.h"

enum { EXIT_KNOWN = 0, EXIT_UNKNOWN = 1, EXIT_USAGE = 2 };

enum { RANKS = 3 };

/* ---- the device ------------------------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from)
{
	if (from && strlen(from) < size)
		memcpy(to, from, strlen(from) + 1);
}

static ssize_t request_link(int fd, int ifindex, void *reply, size_t size)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		.link = { .ifi_index = ifindex },
	};

	return send(fd, &request, sizeof request, 0) < 0 ? -1 : recv(fd, reply, size, 0);
}

/* The kernel's word, by the daemon's own eyes. False: there is no such link. */
static bool read_link(int ifindex, struct event_link *link)
{
	static _Alignas(struct nlmsghdr) char reply[64 * 1024]; /* one with hundreds of virtual functions is long */
	const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
	struct event event = { 0 };
	ssize_t n;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return false;
	n = request_link(fd, ifindex, reply, sizeof reply);
	close(fd);
	if (n < (ssize_t)sizeof *header || header->nlmsg_len > (size_t)n || !netlink_parse(header, &event) || event.type != EV_LINK)
		return false;
	*link = event.u.link;
	return true;
}

/* The name is the one that it has or is about to get; driver and place are udev's, where it knows them. */
static bool read_device(const char *name, struct event_link *link)
{
	const char *ifindex = getenv("IFINDEX");

	if (!read_link(ifindex ? atoi(ifindex) : (int)if_nametoindex(name), link))
		return false;
	copy_text(link->name, sizeof link->name, name);
	copy_text(link->driver, sizeof link->driver, getenv("ID_NET_DRIVER"));
	copy_text(link->path, sizeof link->path, getenv("ID_PATH"));
	return true;
}

/* ---- the questions ---------------------------------------------------------------------------------------------- */

static void answer_device(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_bonds; i++) {
		if (config->bonds[i].driver != DRIVER_MOVE && strcmp(config->bonds[i].name, name) == 0)
			printf("STANDBYD_DEVICE=%s\n", name);
	}
	for (unsigned i = 0; i < config->n_vips; i++) {
		if (config->vips[i].device[0] && strcmp(config->vips[i].device, name) == 0)
			printf("STANDBYD_DEVICE=%s\n", name);
	}
}

/* A name goes before what means one device, and that before what finds many (standbyd.yaml(5)). */
static unsigned rank_of(const struct config_port *port)
{
	switch (port->match) {
	case MATCH_NAME:
		return 0;
	case MATCH_MAC:
	case MATCH_PATH:
		return 1;
	case MATCH_GLOB:
	case MATCH_DRIVER:
		break;
	}
	return 2;
}

/* The first bond that means it by an entry of that rank. */
static const struct config_bond *bond_of(const struct config *config, const struct event_link *link, unsigned rank)
{
	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct config_bond *bond = &config->bonds[i];

		for (unsigned j = 0; j < bond->n_ports; j++) {
			if (rank_of(&bond->ports[j]) == rank && port_matches(&bond->ports[j], link))
				return bond;
		}
	}
	return NULL;
}

static void answer_port(const struct config *config, const char *name)
{
	struct event_link link = { 0 };
	const struct config_bond *bond = NULL;

	if (!read_device(name, &link))
		return;
	for (unsigned rank = 0; rank < RANKS && !bond; rank++)
		bond = bond_of(config, &link, rank);
	if (bond)
		printf("STANDBYD_BOND=%s\n", bond->name);
}

static struct config *load(const char *path)
{
	FILE *nowhere = fopen("/dev/null", "we");
	struct config *config = nowhere ? config_load(path, nowhere) : NULL;

	if (nowhere)
		fclose(nowhere);
	return config;
}

static int usage(void)
{
	fputs("Usage: standbyd-udev [-f FILE] device|port NAME\n", stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	struct config *config;
	int c;

	while ((c = getopt(argc, argv, "f:")) >= 0) {
		if (c != 'f')
			return usage();
		path = optarg;
	}
	if (argc - optind != 2 || (strcmp(argv[optind], "device") != 0 && strcmp(argv[optind], "port") != 0))
		return usage();
	config = load(path);
	if (!config)
		return EXIT_UNKNOWN;
	if (strcmp(argv[optind], "device") == 0)
		answer_device(config, argv[optind + 1]);
	else
		answer_port(config, argv[optind + 1]);
	config_free(config);
	return fflush(stdout) == 0 ? EXIT_KNOWN : EXIT_UNKNOWN;
}
