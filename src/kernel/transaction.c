/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/capture.h"
#include "kernel/netlink.h"
#include "kernel/request.h"
#include "kernel/team.h"

enum { LINKS_MAX = 64, LINK_DUMP_SIZE = 256 };

bool transaction_makes(const struct action *a)
{
	return a->type == ACT_ENSLAVE || a->type == ACT_RELEASE || a->type == ACT_BOND_REBUILD;
}

struct transaction {
	struct exchange x;
	struct teams *teams;
	const struct action_link *wanted;
	struct capture capture;
	struct event_link link;           /* the port, or the device, as it was */
	int ports[LINKS_MAX];             /* of the device, as they were */
	unsigned n_ports;
	enum link_kind master;            /* of the device that a port goes to or leaves */
	bool is_carried;                  /* another device is on it */
	bool found;
};

/* One request as the executor would make it. */
static int change(struct transaction *t, enum action_type type, struct action_link link)
{
	struct action action = {.type = type};
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);

	action.u.link = link;
	if (message && request_build(&action, message) < 0) {
		nlmsg_free(message);
		return EINVAL;
	}
	return exchange_request(&t->x, message);
}

static int set_up(struct transaction *t, int ifindex, bool up)
{
	return change(t, up ? ACT_LINK_UP : ACT_LINK_DOWN, (struct action_link){.ifindex = ifindex});
}

static void ipv6_path(char *path, size_t size, const char *ifname)
{
	snprintf(path, size, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
}

/* Before Linux 6.2 a team leaves its ports their IPv6. What a standby would say by it when its link comes back, from the team's
 * MAC, has the switch send it what is meant for the active port. A port that leaves gets what new interfaces get. That none
 * of it can be written (no IPv6 here, no interface) is no failure. */
static void let_speak(int port, bool ipv6)
{
	char ifname[IF_NAMESIZE], path[64], value = '1';
	int fd;

	if (!if_indextoname((unsigned)port, ifname))
		return;
	ipv6_path(path, sizeof path, "default");
	fd = ipv6 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (ipv6 && (fd < 0 || read(fd, &value, 1) != 1))
		value = '0';
	if (fd >= 0)
		close(fd);
	ipv6_path(path, sizeof path, ifname);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, &value, 1);
	close(fd);
}

/* Into a bond only a port that is down is taken; both drivers set it up again. */
static int take(struct transaction *t, int port, int master, enum link_kind kind)
{
	int error = set_up(t, port, false);

	if (!error && kind == KIND_TEAM)
		let_speak(port, false);
	return error ? error : change(t, ACT_ENSLAVE, (struct action_link){.ifindex = port, .master = master});
}

static int release(struct transaction *t, int port, enum link_kind kind)
{
	int error = change(t, ACT_RELEASE, (struct action_link){.ifindex = port});

	if (!error && kind == KIND_TEAM)
		let_speak(port, true);
	return error;
}

static enum link_kind wanted_kind(const struct transaction *t)
{
	return t->wanted->driver == DRIVER_TEAM ? KIND_TEAM : KIND_BOND;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static void begin(void *closure)
{
	struct transaction *t = closure;

	t->n_ports = 0;
	t->master = KIND_OTHER;
	t->is_carried = t->found = false;
}

static int each_link(void *closure, const struct nlmsghdr *h)
{
	struct transaction *t = closure;
	struct event event;

	if (!netlink_parse(h, &event) || event.type != EV_LINK)
		return 0;
	if (event.u.link.ifindex == t->wanted->ifindex) {
		t->link = event.u.link;
		t->found = true;
	}
	if (event.u.link.ifindex == t->wanted->master)
		t->master = event.u.link.kind;
	if (event.u.link.master == t->wanted->ifindex && t->n_ports < LINKS_MAX)
		t->ports[t->n_ports++] = event.u.link.ifindex;
	if (event.u.link.kind == KIND_VLAN && event.u.link.vlan.link == t->wanted->ifindex)
		t->is_carried = true;
	return 0;
}

/* All links, for the one that is meant and those that belong to it. */
static int look(struct transaction *t)
{
	struct nl_msg *message = nlmsg_alloc_size(LINK_DUMP_SIZE);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	int error;

	if (message && (!nlmsg_put(message, 0, 0, RTM_GETLINK, 0, NLM_F_REQUEST | NLM_F_DUMP) ||
			nlmsg_append(message, &info, sizeof info, NLMSG_ALIGNTO) < 0)) {
		nlmsg_free(message);
		message = NULL;
	}
	error = exchange_dump(&t->x, message, begin, each_link, t);
	return error ? error : t->found ? 0 : ENODEV;
}

/* ---- a port into a bond ----------------------------------------------------------------------------------------- */

static void enslave_undo(struct transaction *t, int port, int master)
{
	t->x.undoing = true;
	capture_take_off(&t->capture, &t->x, master);
	release(t, port, t->master);
	if (t->link.up)
		set_up(t, port, true);
	capture_put_addresses(&t->capture, &t->x, port);
	capture_put_routes(&t->capture, &t->x, port);
}

/* The addresses are on the bond before they leave the port, and the routes follow them; the gap is that of the link itself. */
static int enslave(struct transaction *t)
{
	int port = t->wanted->ifindex, master = t->wanted->master, error = look(t);

	if (error)
		return error;
	if (t->link.master)
		return t->link.master == master ? 0 : EBUSY;
	error = capture_link(&t->capture, &t->x, port);
	if (error)
		return error;
	error = take(t, port, master, t->master);
	if (!error)
		error = capture_put_addresses(&t->capture, &t->x, master);
	if (!error)
		error = capture_remove_addresses(&t->capture, &t->x);
	if (!error)
		error = capture_put_routes(&t->capture, &t->x, master);
	if (error)
		enslave_undo(t, port, master);
	else if (t->wanted->driver == DRIVER_TEAM)
		team_enslaved(t->teams, master);
	return error;
}

/* Out of whatever it is in. */
static int let_go(struct transaction *t)
{
	int error = look(t);

	return error ? error : release(t, t->wanted->ifindex, t->master);
}

/* ---- a bond anew ------------------------------------------------------------------------------------------------ */

static int take_all(struct transaction *t, const int *ports, unsigned n, int master, enum link_kind kind)
{
	int error = 0;

	for (unsigned i = 0; !error && i < n; i++)
		error = take(t, ports[i], master, kind);
	return error;
}

static int team_change(struct transaction *t, enum action_type type, struct action_link link)
{
	struct action action = {.type = type};

	action.u.link = link;
	action.u.link.driver = DRIVER_TEAM;
	return team_execute(t->teams, &action);
}

/* What only an empty bond takes. A team is refused another mode while it has ports, a bond while it is up too. */
static int set_mode(struct transaction *t)
{
	struct action_link link = *t->wanted;
	int error;

	if (link.driver == DRIVER_TEAM) {
		link.bond_set = BOND_SET_MODE;
		return team_change(t, ACT_BOND_SET, link);
	}
	error = set_up(t, link.ifindex, false);
	link.bond_set = BOND_SET_MODE | BOND_SET_MIIMON | BOND_SET_NO_PRIMARY | BOND_SET_RESELECT | BOND_SET_FAIL_OVER_MAC;
	return error ? error : change(t, ACT_BOND_SET, link);
}

static bool gives_mac(const struct action_link *link)
{
	static const uint8_t none[MAC_SIZE];

	return memcmp(link->mac, none, MAC_SIZE) != 0;
}

/* The ports, the link and what it carried; put_addresses finds most of the IPv4 ones there: they stay on a link that is down. */
static int fill(struct transaction *t, int ifindex)
{
	int error = take_all(t, t->wanted->ports, t->wanted->n_ports, ifindex, wanted_kind(t));

	if (!error)
		error = set_up(t, ifindex, true);
	if (!error)
		error = capture_put_addresses(&t->capture, &t->x, ifindex);
	if (!error)
		error = capture_put_routes(&t->capture, &t->x, ifindex);
	if (!error && t->wanted->driver == DRIVER_TEAM)
		team_enslaved(t->teams, ifindex);
	return error;
}

static void release_all(struct transaction *t)
{
	for (unsigned i = 0; i < t->n_ports; i++)
		release(t, t->ports[i], t->link.kind);
}

static void change_undo(struct transaction *t)
{
	struct action_link link = {.ifindex = t->link.ifindex};

	t->x.undoing = true;
	for (unsigned i = 0; i < t->wanted->n_ports; i++)
		release(t, t->wanted->ports[i], t->link.kind);
	release_all(t);
	if (t->link.kind == KIND_BOND) {
		set_up(t, link.ifindex, false);
		exchange_request(&t->x, request_bond_restore(&t->link));
	}
	memcpy(link.mac, t->link.mac, MAC_SIZE);
	change(t, ACT_LINK_MAC, link);
	take_all(t, t->ports, t->n_ports, link.ifindex, t->link.kind);
	set_up(t, link.ifindex, t->link.up);
	capture_put_addresses(&t->capture, &t->x, link.ifindex);
	capture_put_routes(&t->capture, &t->x, link.ifindex);
}

/* The same device with other options. */
static int rebuild_in_place(struct transaction *t)
{
	int error = 0;

	for (unsigned i = 0; !error && i < t->n_ports; i++)
		error = release(t, t->ports[i], t->link.kind);
	if (!error)
		error = set_mode(t);
	if (!error && gives_mac(t->wanted))
		error = change(t, ACT_LINK_MAC, *t->wanted);
	if (!error)
		error = fill(t, t->wanted->ifindex);
	if (error)
		change_undo(t);
	return error;
}

/* ---- another kind of device ------------------------------------------------------------------------------------- */

static int delete_link(struct transaction *t, int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);
	struct ifinfomsg info = {.ifi_index = ifindex};

	if (message && (!nlmsg_put(message, 0, 0, RTM_DELLINK, 0, NLM_F_REQUEST | NLM_F_ACK) ||
			nlmsg_append(message, &info, sizeof info, NLMSG_ALIGNTO) < 0)) {
		nlmsg_free(message);
		message = NULL;
	}
	return exchange_request(&t->x, message);
}

static int create(struct transaction *t, enum bond_driver driver, const struct action_link *wanted, int *ifindex)
{
	struct action_link link = *wanted;
	int error;

	link.ifindex = 0;
	error = driver == DRIVER_TEAM ? team_change(t, ACT_BOND_CREATE, link) : change(t, ACT_BOND_CREATE, link);
	*ifindex = error ? 0 : (int)if_nametoindex(link.ifname);
	return error;
}

/* Of the ports of a device that was deleted. */
static void let_all_speak(const struct transaction *t, enum link_kind kind)
{
	for (unsigned i = 0; i < t->n_ports && kind == KIND_TEAM; i++)
		let_speak(t->ports[i], true);
}

/* The former kind again, with what it had; the options of a teamd are lost with the device. */
static void replace_undo(struct transaction *t, int ifindex)
{
	struct action_link link = {.mtu = t->link.mtu};

	t->x.undoing = true;
	if (ifindex && delete_link(t, ifindex) == 0)
		let_all_speak(t, wanted_kind(t));
	memcpy(link.ifname, t->wanted->ifname, IFNAME_SIZE);
	memcpy(link.mac, t->link.mac, MAC_SIZE);
	if (create(t, t->link.kind == KIND_TEAM ? DRIVER_TEAM : DRIVER_KERNEL, &link, &ifindex) != 0)
		return;
	if (t->link.kind == KIND_BOND) {
		t->link.ifindex = ifindex;
		exchange_request(&t->x, request_bond_restore(&t->link));
	}
	take_all(t, t->ports, t->n_ports, ifindex, t->link.kind);
	set_up(t, ifindex, t->link.up);
	capture_put_addresses(&t->capture, &t->x, ifindex);
	capture_put_routes(&t->capture, &t->x, ifindex);
}

static int replace(struct transaction *t)
{
	int ifindex = 0, error;

	if (t->is_carried)
		return EBUSY;
	error = delete_link(t, t->wanted->ifindex);
	if (error)
		return error;
	let_all_speak(t, t->link.kind);
	error = create(t, t->wanted->driver, t->wanted, &ifindex);
	if (!error)
		error = fill(t, ifindex);
	if (error)
		replace_undo(t, ifindex);
	return error;
}

static int rebuild(struct transaction *t)
{
	int error = look(t);

	if (!error && t->link.kind != KIND_BOND && t->link.kind != KIND_TEAM)
		error = EOPNOTSUPP;
	if (!error)
		error = capture_link(&t->capture, &t->x, t->wanted->ifindex);
	if (error)
		return error;
	return t->link.kind == wanted_kind(t) ? rebuild_in_place(t) : replace(t);
}

int transaction_run(const struct action *a, struct teams *teams, int (*ask)(void *), void *closure, char **text)
{
	struct transaction t = {.teams = teams, .wanted = &a->u.link};
	int error = exchange_open(&t.x, ask, closure);

	if (error)
		return error;
	error = a->type == ACT_ENSLAVE ? enslave(&t) : a->type == ACT_RELEASE ? let_go(&t) : rebuild(&t);
	*text = error ? t.x.text : NULL;
	if (error)
		t.x.text = NULL;
	capture_free(&t.capture);
	exchange_close(&t.x);
	return error;
}
