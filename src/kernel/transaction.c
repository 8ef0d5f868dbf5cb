/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/capture.h"
#include "kernel/netlink.h"
#include "kernel/request.h"
#include "kernel/team.h"

enum { LINKS_MAX = 64, CARRIED_MAX = MAX_VLANS, LINK_DUMP_SIZE = 256 };

bool transaction_makes(const struct action *a)
{
	return a->type == ACT_ENSLAVE || a->type == ACT_RELEASE || a->type == ACT_BOND_REBUILD;
}

/* A vlan on the port or device. It goes down and up with it, and loses as much. */
struct carried {
	int ifindex;
	bool up;
	struct capture capture;
};

struct transaction {
	struct exchange x;
	struct teams *teams;
	const struct action_link *wanted;
	struct capture capture;
	struct event_link link;           /* the port, or the device, as it was */
	struct event_link master;         /* of a port: the device that it goes to or leaves, as it was */
	int ports[LINKS_MAX];             /* of the device, as they were; of a port: of its master */
	unsigned n_ports;
	struct carried carried[CARRIED_MAX];
	unsigned n_carried;
	bool is_needed;                   /* something else than a vlan is on the device, or it is itself a port */
	bool found;
	struct nlattr *options;           /* of a bond: IFLA_INFO_DATA as it was, or NULL */
	struct team_options team;         /* of a team */
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

static int set_mac(struct transaction *t, int ifindex, const uint8_t *mac)
{
	struct action_link link = {.ifindex = ifindex};

	memcpy(link.mac, mac, MAC_SIZE);
	return change(t, ACT_LINK_MAC, link);
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

	t->n_ports = t->n_carried = 0;
	t->is_needed = t->found = false;
	free(t->options);
	t->options = NULL;
}

/* A bond's own options among the attributes of its link; NULL: there are none. */
static struct nlattr *info_data(const struct nlmsghdr *h)
{
	struct nlattr *info = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), IFLA_LINKINFO);

	return info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA) : NULL;
}

static struct nlattr *copy_of(const struct nlattr *attr)
{
	struct nlattr *copy = attr ? malloc((size_t)nla_total_size(nla_len(attr))) : NULL;

	return copy ? memcpy(copy, attr, (size_t)nla_len(attr) + NLA_HDRLEN) : NULL;
}

/* Of this network namespace: the number may be another's. */
static bool is_on(const struct nlmsghdr *h, int ifindex)
{
	struct nlattr *link = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), IFLA_LINK);

	return link && (int)nla_get_u32(link) == ifindex &&
	       !nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), IFLA_LINK_NETNSID);
}

static void note_upper(struct transaction *t, const struct event_link *link)
{
	if (link->kind == KIND_VLAN && t->n_carried < CARRIED_MAX)
		t->carried[t->n_carried++] = (struct carried){.ifindex = link->ifindex, .up = link->up};
	else
		t->is_needed = true;
}

static int each_link(void *closure, const struct nlmsghdr *h)
{
	struct transaction *t = closure;
	int master = t->wanted->master ? t->wanted->master : t->wanted->ifindex;
	struct event event;

	if (!netlink_parse(h, &event) || event.type != EV_LINK)
		return 0;
	if (event.u.link.ifindex == t->wanted->ifindex) {
		t->link = event.u.link;
		t->found = true;
		t->options = t->link.kind == KIND_BOND ? copy_of(info_data(h)) : NULL;
	}
	if (event.u.link.ifindex == t->wanted->master)
		t->master = event.u.link;
	if (event.u.link.master == master && t->n_ports < LINKS_MAX)
		t->ports[t->n_ports++] = event.u.link.ifindex;
	if (is_on(h, t->wanted->ifindex))
		note_upper(t, &event.u.link);
	return 0;
}

static struct nl_msg *dump_message(void)
{
	struct nl_msg *message = nlmsg_alloc_size(LINK_DUMP_SIZE);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};

	if (message && nlmsg_put(message, 0, 0, RTM_GETLINK, 0, NLM_F_REQUEST | NLM_F_DUMP) &&
	    nlmsg_append(message, &info, sizeof info, NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* All links, for the one that is meant and those that belong to it. */
static int look(struct transaction *t)
{
	int error = exchange_dump(&t->x, dump_message(), begin, each_link, t);

	return error ? error : t->found ? 0 : ENODEV;
}

/* What the link and the vlans on it would lose. */
static int capture_all(struct transaction *t)
{
	int error = capture_link(&t->capture, &t->x, t->wanted->ifindex);

	for (unsigned i = 0; !error && i < t->n_carried; i++)
		if (t->carried[i].up)
			error = capture_link(&t->carried[i].capture, &t->x, t->carried[i].ifindex);
	return error;
}

/* The kernel has set all of them up with the link that they are on. */
static int put_carried(struct transaction *t)
{
	int first = 0;

	for (unsigned i = 0; i < t->n_carried && (!first || t->x.undoing); i++) {
		struct carried *on = &t->carried[i];
		int error = on->up ? capture_put_addresses(&on->capture, &t->x, on->ifindex) : set_up(t, on->ifindex, false);

		if (on->up && (!error || t->x.undoing))
			error = capture_put_rest(&on->capture, &t->x, on->ifindex);
		first = first ? first : error;
	}
	return first;
}

/* ---- a port into a bond ----------------------------------------------------------------------------------------- */

/* An empty bond has another address, and the one that it was given is to be its ports' again. */
static void restore_master(struct transaction *t, int master)
{
	if (t->n_ports == 0 && t->master.ifindex == master && (t->master.kind != KIND_BOND || !t->master.bond.fail_over_mac))
		set_mac(t, master, t->master.mac);
}

/* The port has its addresses back before the bond loses them: a route of another link may name one as its source. */
static void enslave_undo(struct transaction *t, int port, int master)
{
	t->x.undoing = true;
	release(t, port, t->master.kind);
	restore_master(t, master);
	if (t->link.up)
		set_up(t, port, true);
	capture_put_addresses(&t->capture, &t->x, port);
	capture_take_off(&t->capture, &t->x, master);
	if (t->master.ifindex == master && !t->master.up)
		set_up(t, master, false);
	capture_put_rest(&t->capture, &t->x, port);
	put_carried(t);
}

/* Over a bond that is down the kernel makes no route; a new one is set up at about this time anyway. */
static int put_on_master(struct transaction *t, int master)
{
	bool wants_up = t->capture.routes.first && t->master.ifindex == master && !t->master.up;
	int error = wants_up ? set_up(t, master, true) : 0;

	if (!error)
		error = capture_put_addresses(&t->capture, &t->x, master);
	if (!error)
		error = capture_remove_addresses(&t->capture, &t->x);
	return error ? error : capture_put_rest(&t->capture, &t->x, master);
}

/* The addresses are on the bond before they leave the port, and the routes follow them; the gap is that of the link itself. */
static int enslave(struct transaction *t)
{
	int port = t->wanted->ifindex, master = t->wanted->master, error = look(t);

	if (error)
		return error;
	if (t->link.master)
		return t->link.master == master ? 0 : EBUSY;
	error = capture_all(t);
	if (error)
		return error;
	error = take(t, port, master, t->master.kind);
	if (!error)
		error = put_on_master(t, master);
	if (!error)
		error = put_carried(t);
	if (error) {
		enslave_undo(t, port, master);
		return error;
	}
	if (t->wanted->driver == DRIVER_TEAM)
		team_enslaved(t->teams, master);
	return 0;
}

/* Out of whatever it is in. */
static int let_go(struct transaction *t)
{
	int error = look(t);

	return error ? error : release(t, t->wanted->ifindex, t->master.kind);
}

/* ---- a bond's options -------------------------------------------------------------------------------------------- */

struct bond_now {
	int ifindex;
	struct nlattr *options;
};

static void begin_options(void *closure)
{
	struct bond_now *now = closure;

	free(now->options);
	now->options = NULL;
}

static int each_options(void *closure, const struct nlmsghdr *h)
{
	struct bond_now *now = closure;
	const struct ifinfomsg *info = NLMSG_DATA(h);

	if (h->nlmsg_type == RTM_NEWLINK && nlmsg_datalen(h) >= (int)sizeof *info && info->ifi_index == now->ifindex)
		now->options = copy_of(info_data(h));
	return 0;
}

static bool is_same(const struct nlattr *a, const struct nlattr *b)
{
	return a && b && nla_len(a) == nla_len(b) && memcmp(nla_data(a), nla_data(b), (size_t)nla_len(a)) == 0;
}

/* In one message of their own, so that one that this mode does not take keeps no other from being set. */
static void restore_option(struct transaction *t, int ifindex, struct nlattr *option)
{
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);
	struct ifinfomsg ifi = {.ifi_index = ifindex};
	struct nlattr *info, *data;

	if (message && nlmsg_put(message, 0, 0, RTM_NEWLINK, 0, NLM_F_REQUEST | NLM_F_ACK) &&
	    nlmsg_append(message, &ifi, sizeof ifi, NLMSG_ALIGNTO) == 0 && (info = nla_nest_start(message, IFLA_LINKINFO)) &&
	    nla_put_string(message, IFLA_INFO_KIND, "bond") == 0 && (data = nla_nest_start(message, IFLA_INFO_DATA)) &&
	    nla_put(message, nla_type(option), nla_len(option), nla_data(option)) == 0) {
		nla_nest_end(message, data);
		nla_nest_end(message, info);
		exchange_request(&t->x, message);
		return;
	}
	nlmsg_free(message);
}

/* Those that are not as they were, in the kernel's order, in which an option comes after what it needs; with ports: the primary
 * and the active one too. */
static void restore_options(struct transaction *t, bool ports)
{
	struct bond_now now = {.ifindex = t->link.ifindex};
	struct nlattr *option;
	int left;

	if (t->link.kind != KIND_BOND || !t->options ||
	    exchange_dump(&t->x, dump_message(), begin_options, each_options, &now) != 0)
		return;
	nla_for_each_nested(option, t->options, left)
	{
		int type = nla_type(option);

		if (type == IFLA_BOND_AD_INFO || ((type == IFLA_BOND_ACTIVE_SLAVE || type == IFLA_BOND_PRIMARY) && !ports))
			continue;
		if (!now.options || !is_same(option, nla_find(nla_data(now.options), nla_len(now.options), type)))
			restore_option(t, now.ifindex, option);
	}
	free(now.options);
}

/* ---- a bond anew ------------------------------------------------------------------------------------------------ */

static int take_all(struct transaction *t, const int *ports, unsigned n, int master, enum link_kind kind)
{
	int error = 0;

	for (unsigned i = 0; i < n && (!error || t->x.undoing); i++)
		error = take(t, ports[i], master, kind);
	return error;
}

static int release_all(struct transaction *t, const int *ports, unsigned n, enum link_kind kind)
{
	int error = 0;

	for (unsigned i = 0; i < n && (!error || t->x.undoing); i++)
		error = release(t, ports[i], kind);
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
		error = capture_put_rest(&t->capture, &t->x, ifindex);
	if (!error)
		error = put_carried(t);
	if (!error && t->wanted->driver == DRIVER_TEAM)
		team_enslaved(t->teams, ifindex);
	return error;
}

/* The device, which is empty and down, as it was. */
static void restore_device(struct transaction *t)
{
	int ifindex = t->link.ifindex;

	restore_options(t, false);
	if (t->link.kind == KIND_TEAM)
		team_put_back(t->teams, ifindex, &t->team);
	set_mac(t, ifindex, t->link.mac);
	take_all(t, t->ports, t->n_ports, ifindex, t->link.kind);
	set_up(t, ifindex, t->link.up);
	restore_options(t, true);
	capture_put_addresses(&t->capture, &t->x, ifindex);
	capture_put_rest(&t->capture, &t->x, ifindex);
	put_carried(t);
}

static void change_undo(struct transaction *t)
{
	t->x.undoing = true;
	release_all(t, t->wanted->ports, t->wanted->n_ports, wanted_kind(t));
	release_all(t, t->ports, t->n_ports, t->link.kind);
	set_up(t, t->link.ifindex, false);
	restore_device(t);
}

/* The same device with other options. */
static int rebuild_in_place(struct transaction *t)
{
	int error = release_all(t, t->ports, t->n_ports, t->link.kind);

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

static int link_request(struct transaction *t, int type, int ifindex, const char *name)
{
	struct nl_msg *message = nlmsg_alloc_size(REQUEST_SIZE);
	struct ifinfomsg info = {.ifi_index = ifindex};

	if (message && (!nlmsg_put(message, 0, 0, type, 0, NLM_F_REQUEST | NLM_F_ACK) ||
			nlmsg_append(message, &info, sizeof info, NLMSG_ALIGNTO) < 0 ||
			(name && nla_put_string(message, IFLA_IFNAME, name) < 0))) {
		nlmsg_free(message);
		message = NULL;
	}
	return exchange_request(&t->x, message);
}

static int delete_link(struct transaction *t, int ifindex)
{
	return link_request(t, RTM_DELLINK, ifindex, NULL);
}

static int rename_link(struct transaction *t, int ifindex, const char *name)
{
	return link_request(t, RTM_NEWLINK, ifindex, name);
}

/* The names that the two devices have beside each other. */
struct aside {
	char old[IFNAME_SIZE], new[IFNAME_SIZE];
};

static struct aside names_aside(const struct transaction *t)
{
	struct aside aside;

	snprintf(aside.old, IFNAME_SIZE, "sbold%d", t->link.ifindex);
	snprintf(aside.new, IFNAME_SIZE, "sbnew%d", t->link.ifindex);
	return aside;
}

static int create(struct transaction *t, const char *name, int *ifindex)
{
	struct action_link link = *t->wanted;
	int error;

	link.ifindex = 0;
	memcpy(link.ifname, name, IFNAME_SIZE);
	if (!link.mtu)
		link.mtu = t->link.mtu;
	error = t->wanted->driver == DRIVER_TEAM ? team_change(t, ACT_BOND_CREATE, link) : change(t, ACT_BOND_CREATE, link);
	*ifindex = error && error != EIO ? 0 : (int)if_nametoindex(name); /* EIO: it may have been made */
	return error ? error : *ifindex ? 0 : ENODEV;
}

/* A device that is renamed gets other labels for its IPv4 addresses (inetdev_changename): they are taken off it and put there
 * again, and are on the new one meanwhile, lest a route of another link lose its source address. */
static void replace_undo(struct transaction *t, const struct aside *aside, int ifindex, bool was_renamed)
{
	t->x.undoing = true;
	if (ifindex)
		release_all(t, t->wanted->ports, t->wanted->n_ports, wanted_kind(t));
	if (was_renamed) {
		capture_put_addresses(&t->capture, &t->x, ifindex);
		set_up(t, ifindex, false);
		rename_link(t, ifindex, aside->new);
	}
	release_all(t, t->ports, t->n_ports, t->link.kind);
	set_up(t, t->link.ifindex, false);
	if (was_renamed) {
		rename_link(t, t->link.ifindex, t->link.name);
		capture_remove_addresses(&t->capture, &t->x);
	}
	restore_device(t);
	if (ifindex)
		delete_link(t, ifindex);
}

static bool is_gone(int ifindex)
{
	char name[IF_NAMESIZE];

	return !if_indextoname((unsigned)ifindex, name) && errno == ENXIO;
}

/* The new device is made beside the old one and takes its name; the old one goes when all is well. Until then it only gave its
 * ports, and can be had again with all its options. */
static int replace(struct transaction *t)
{
	struct aside aside = names_aside(t);
	bool is_renamed = false;
	int ifindex = 0, error;

	if (t->is_needed || t->n_carried || t->link.master)
		return EBUSY;
	error = create(t, aside.new, &ifindex);
	if (!error)
		error = release_all(t, t->ports, t->n_ports, t->link.kind);
	if (!error)
		error = set_up(t, t->link.ifindex, false);
	is_renamed = !error;
	if (!error)
		error = rename_link(t, t->link.ifindex, aside.old);
	if (!error)
		error = rename_link(t, ifindex, t->link.name);
	if (!error)
		error = fill(t, ifindex);
	if (!error)
		error = delete_link(t, t->link.ifindex);
	if (error == EIO && is_gone(t->link.ifindex)) /* only the answer was lost */
		error = 0;
	if (error)
		replace_undo(t, &aside, ifindex, is_renamed);
	return error;
}

static int rebuild(struct transaction *t)
{
	int error = look(t);

	if (!error && t->link.kind != KIND_BOND && t->link.kind != KIND_TEAM)
		error = EOPNOTSUPP;
	if (!error)
		error = capture_all(t);
	if (error)
		return error;
	if (t->link.kind == KIND_TEAM)
		team_keep(t->teams, t->link.ifindex, &t->team);
	return t->link.kind == wanted_kind(t) ? rebuild_in_place(t) : replace(t);
}

static void transaction_free(struct transaction *t)
{
	for (unsigned i = 0; i < t->n_carried; i++)
		capture_free(&t->carried[i].capture);
	capture_free(&t->capture);
	exchange_close(&t->x);
	free(t->options);
	free(t);
}

int transaction_run(const struct action *a, struct teams *teams, int (*ask)(void *), void *closure, char **text)
{
	struct transaction *t = calloc(1, sizeof *t);
	int error;

	if (!t)
		return ENOMEM;
	t->teams = teams;
	t->wanted = &a->u.link;
	error = exchange_open(&t->x, ask, closure);
	if (error) {
		free(t);
		return error;
	}
	error = a->type == ACT_ENSLAVE ? enslave(t) : a->type == ACT_RELEASE ? let_go(t) : rebuild(t);
	*text = error ? t->x.text : NULL;
	if (error)
		t->x.text = NULL;
	transaction_free(t);
	return error;
}
