/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applier's transactions with the real drivers: everything that a port or a bond carries is on the new device, or, whichever
 * request of the kernel is refused, all is as it was. What is so is read by kernel_state, before and after. Needs bonding,
 * team and vlans; run by kernel_transaction.sh, else skipped. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/exchange.h"
#include "kernel/libteam.h"
#include "kernel/team.h"
#include "kernel_lab.h"
#include "kernel_state.h"

enum { PORT_A = 501, PORT_B = 502, PORT_C = 503, DEVICE = 507, REQUESTS_MAX = 400, SETTLE_MS = 3000 };

static struct applier *applier;

/* ---- which request it was ----------------------------------------------------------------------------------------- */

/* What the applier's thread asked for last that was no undoing. Each of these calls asks before it makes its request. */
static char asked[160];
static bool is_undoing; /* the exchange puts back what was, and a team's options with it */

int __real_exchange_request(struct exchange *, struct nl_msg *);
int __real_exchange_dump(struct exchange *, struct nl_msg *, void (*)(void *), int (*)(void *, const struct nlmsghdr *), void *);
int __real_libteam_set(struct libteam *, const struct libteam_option *, int (*)(void *), void *);
int __real_team_execute(struct teams *, const struct action *);
int __wrap_exchange_request(struct exchange *, struct nl_msg *);
int __wrap_exchange_dump(struct exchange *, struct nl_msg *, void (*)(void *), int (*)(void *, const struct nlmsghdr *), void *);
int __wrap_libteam_set(struct libteam *, const struct libteam_option *, int (*)(void *), void *);
int __wrap_team_execute(struct teams *, const struct action *);

static const char *device_name(int ifindex)
{
	static char name[IF_NAMESIZE];

	return ifindex && if_indextoname((unsigned)ifindex, name) ? name : "-";
}

static const char *ip_of(int family, struct nlattr *attr)
{
	static char text[INET6_ADDRSTRLEN];

	return attr ? inet_ntop(family, nla_data(attr), text, sizeof text) : "default";
}

static void describe_link(const struct nlmsghdr *h)
{
	struct ifinfomsg *info = NLMSG_DATA(h);
	struct nlattr *master = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *info, IFLA_MASTER);
	struct nlattr *name = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *info, IFLA_IFNAME);
	int n = snprintf(asked, sizeof asked, "%s %s", h->nlmsg_type == RTM_DELLINK ? "DELLINK" : "NEWLINK",
			 info->ifi_index ? device_name(info->ifi_index) : "new");
	const char *what = h->nlmsg_type == RTM_DELLINK					     ? ""
			   : info->ifi_change & IFF_UP					     ? info->ifi_flags & IFF_UP ? " up" : " down"
			   : nlmsg_find_attr((struct nlmsghdr *)h, sizeof *info, IFLA_LINKINFO) ? " options"
			   : nlmsg_find_attr((struct nlmsghdr *)h, sizeof *info, IFLA_ADDRESS) ? " mac"
			   : nlmsg_find_attr((struct nlmsghdr *)h, sizeof *info, IFLA_MTU)     ? " mtu"
											     : "";

	n += snprintf(asked + n, sizeof asked - (size_t)n, "%s", what);
	if (master)
		n += snprintf(asked + n, sizeof asked - (size_t)n, " master %s", device_name((int)nla_get_u32(master)));
	if (name)
		snprintf(asked + n, sizeof asked - (size_t)n, " name %s", nla_get_string(name));
}

static void describe(const struct nlmsghdr *h)
{
	struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct rtmsg *rtm = NLMSG_DATA(h);
	struct ndmsg *ndm = NLMSG_DATA(h);
	struct nlattr *device;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		describe_link(h);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		snprintf(asked, sizeof asked, "%s %s %s/%d", h->nlmsg_type == RTM_NEWADDR ? "NEWADDR" : "DELADDR",
			 device_name((int)ifa->ifa_index), ip_of(ifa->ifa_family, nlmsg_find_attr((struct nlmsghdr *)h, sizeof *ifa, IFA_ADDRESS)),
			 ifa->ifa_prefixlen);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		device = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *rtm, RTA_OIF);
		snprintf(asked, sizeof asked, "%s %s %s/%d table %d", h->nlmsg_type == RTM_NEWROUTE ? "NEWROUTE" : "DELROUTE",
			 device ? device_name((int)nla_get_u32(device)) : "multipath",
			 ip_of(rtm->rtm_family, nlmsg_find_attr((struct nlmsghdr *)h, sizeof *rtm, RTA_DST)), rtm->rtm_dst_len, rtm->rtm_table);
		break;
	case RTM_NEWNEIGH:
		device = nlmsg_find_attr((struct nlmsghdr *)h, sizeof *ndm, NDA_DST);
		snprintf(asked, sizeof asked, "NEWNEIGH %s %s", device_name(ndm->ndm_ifindex), ip_of(ndm->ndm_family, device));
		break;
	case RTM_GETLINK:
	case RTM_GETADDR:
	case RTM_GETROUTE:
	case RTM_GETNEIGH:
		snprintf(asked, sizeof asked, "dump of %s, family %d",
			 h->nlmsg_type == RTM_GETLINK    ? "links"
			 : h->nlmsg_type == RTM_GETADDR  ? "addresses"
			 : h->nlmsg_type == RTM_GETROUTE ? "routes"
							 : "neighbours",
			 rtm->rtm_family);
		break;
	default:
		snprintf(asked, sizeof asked, "message %d", h->nlmsg_type);
	}
}

int __wrap_exchange_request(struct exchange *x, struct nl_msg *message)
{
	is_undoing = x->undoing;
	if (message && !x->undoing)
		describe(nlmsg_hdr(message));
	return __real_exchange_request(x, message);
}

int __wrap_exchange_dump(struct exchange *x, struct nl_msg *message, void (*begin)(void *),
			 int (*each)(void *, const struct nlmsghdr *), void *closure)
{
	is_undoing = x->undoing;
	if (message && !x->undoing)
		describe(nlmsg_hdr(message));
	return __real_exchange_dump(x, message, begin, each, closure);
}

static bool was_refused;
static int (*real_ask)(void *);

/* A setting that was refused is the one that is meant, though others follow that put back what was. */
static int ask_and_tell(void *closure)
{
	int error = real_ask(closure);

	was_refused |= error != 0;
	return error;
}

int __wrap_libteam_set(struct libteam *lt, const struct libteam_option *option, int (*ask)(void *), void *closure)
{
	if (!was_refused && !is_undoing)
		snprintf(asked, sizeof asked, "team option %s%s%s", option->name, option->port ? " of " : "",
			 option->port ? device_name(option->port) : "");
	real_ask = ask;
	return __real_libteam_set(lt, option, ask_and_tell, closure);
}

int __wrap_team_execute(struct teams *t, const struct action *action)
{
	if (!was_refused)
		snprintf(asked, sizeof asked, "team %s", action->type == ACT_BOND_CREATE ? "create, its MAC or MTU" : "options");
	return __real_team_execute(t, action);
}

/* ---- what there is ------------------------------------------------------------------------------------------------- */

struct story {
	const char *name;
	const char *set_up;       /* shell; lines, run one after the other */
	const char *device;       /* whose addresses and routes move … */
	struct action (*action)(void);
	void (*check)(void);      /* what else is so when it is done */
	bool full;                /* refused with all that a link can carry */
	bool all_errors;          /* each errno; else one and the broken socket, since they all take the same way */
};

static void batch(const char *text)
{
	FILE *ip = popen("ip -batch -", "w");

	assert_non_null(ip);
	fputs(text, ip);
	assert_int_equal(pclose(ip), 0);
}

/* All that a link can carry, of both families; or one of each kind that has a way of its own (lines without a mark). */
static void load(const char *device, bool full)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	static const char *const lines[] = {
		"address add 10.1.0.1/24 broadcast 10.1.0.255 dev %",
		"address add 10.1.0.2/24 dev %",
		"address add 10.1.0.3/24 dev % label %:x valid_lft 7200 preferred_lft 3600",
		"address add 10.2.0.1/24 dev % noprefixroute",
		"!address add 10.3.0.1 peer 10.3.0.2 dev %",
		"!address add 192.0.2.1/32 scope link dev %",
		"!address add 10.1.0.4/24 dev %",
		"!address add 10.4.0.1/24 dev % metric 300",
		"address add 2001:db8:1::1/64 dev % nodad",
		"address add 2001:db8:1::2/64 dev % nodad",
		"!address add 2001:db8:1::3/64 dev % nodad valid_lft 7200 preferred_lft 0",
		"!address add 2001:db8:2::1/64 dev % nodad noprefixroute",
		"address add 2001:db8:3::1/128 dev % nodad valid_lft 7200 preferred_lft 3600",
		"route add 10.2.0.0/24 dev % scope link src 10.2.0.1 proto kernel metric 100",
		"route add default via 10.1.0.254 dev %",
		"route append default via 10.1.0.253 dev %",
		"!route add default via 10.1.0.253 dev % metric 200 src 10.1.0.2 mtu lock 1400 advmss 1200",
		"route add default via 10.1.0.254 dev % table 100",
		"route add 10.9.0.0/24 dev % scope link proto static",
		"route add 10.10.0.0/16 via 10.9.0.1 dev %",
		"!route add 10.11.0.0/16 via 203.0.113.1 dev % onlink",
		"!route add 10.12.0.0/16 nexthop via 10.1.0.254 dev % weight 2 nexthop via 10.1.0.253 dev %",
		"route add 10.16.0.0/16 nexthop via 10.1.0.254 dev % weight 2 nexthop via 10.30.0.2 dev pc",
		"!route add 2001:db8:9::/48 nexthop via 2001:db8:1::fe dev % nexthop via 2001:db8:30::2 dev pc",
		"!route add 10.17.0.0/16 via 10.30.0.2 dev pc src 10.1.0.1",
		"!route add 10.13.0.0/16 via 10.2.0.254 dev % table 1000",
		"!route add 10.14.0.0/16 dev % tos 0x10",
		"!route add 2001:db8:2::/64 dev % proto kernel metric 100",
		"route add ::/0 via 2001:db8:1::fe dev % metric 50",
		"!route add 2001:db8:5::/48 via fe80::1 dev %",
		"!route add 2001:db8:6::/48 via 2001:db8:1::fe src 2001:db8:1::2 mtu 1300 dev %",
		"!route add ::/0 via 2001:db8:1::fe dev % table 100",
		"route add 2001:db8:7::/48 via 2001:db8:1::fe dev % expires 7200",
		"route add 2001:db8:8::/48 nexthop via 2001:db8:1::fe dev % nexthop via 2001:db8:1::fd dev % weight 3",
		"neigh add 10.1.0.254 lladdr 02:00:00:00:00:fe dev % nud permanent",
		"!neigh add 2001:db8:1::fe lladdr 02:00:00:00:00:fe dev % nud permanent",
		"!neigh add proxy 10.1.0.77 dev %",
	};

	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		if (lines[i][0] == '!' && !full)
			continue;
		for (const char *c = lines[i] + (lines[i][0] == '!'); *c; c++)
			if (*c == '%')
				fputs(device, out);
			else
				fputc(*c, out);
		fputc('\n', out);
	}
	fclose(out);
	batch(text);
	free(text);
}

static void remove_all(void)
{
	lab_try("ip rule del iif pa 2>/dev/null; for l in bond7.5 bond7 pa pb pc; do ip link del $l; done 2>/dev/null");
}

static void set_up_story(const struct story *story, bool full)
{
	char command[2048];

	remove_all();
	batch("link add pa index 501 type veth peer name pax index 601\n"
	      "link add pb index 502 type veth peer name pbx index 602\n"
	      "link add pc index 503 type veth peer name pcx index 603\n"
	      "link set pax up\nlink set pbx up\nlink set pcx up\n"
	      "link set pa address 02:00:00:00:0a:01 mtu 1400\n"
	      "link set pc up\naddress add 10.30.0.1/24 dev pc\naddress add 2001:db8:30::1/64 dev pc nodad\n"
	      "rule add iif pa lookup 100\n");
	snprintf(command, sizeof command, "set -e\n%s", story->set_up);
	if (!lab_try(command))
		fail_msg("%s: cannot be set up", story->name);
	load(story->device, full);
}

static bool is_settled(const struct state *state)
{
	for (const char *line = state->text; *line; line = strchr(line, '\n') + 1) {
		const char *flags;
		unsigned value;

		if (strncmp(line, "address", 7) == 0 && (flags = strstr(line, " flags ")) && sscanf(flags, " flags %x", &value) == 1 &&
		    value & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
			return false;
	}
	return true;
}

/* Nothing changes any more. */
static struct state settled_state(void)
{
	struct state before = state_read();

	for (unsigned i = 0; i < SETTLE_MS / 50; i++) {
		struct state now;
		bool same;

		usleep(50000);
		now = state_read();
		same = state_equal(&before, &now) && is_settled(&now);
		state_free(&before);
		if (same)
			return now;
		before = now;
	}
	fail_msg("the lab does not settle");
	return before;
}

/* A lifetime that was put back is shorter by less than a second, and the next one is compared with that. */
static bool wait_for(struct state *wanted, const char *story, unsigned nth, int error)
{
	struct state now = state_read();

	for (unsigned i = 0; !state_equal(&now, wanted) && i < SETTLE_MS / 5; i++) {
		usleep(5000);
		state_free(&now);
		now = state_read();
	}
	if (state_equal(&now, wanted)) {
		memcpy(wanted->expires, now.expires, sizeof now.expires);
		state_free(&now);
		return true;
	}
	fprintf(stderr, "%s: request %u, %s, refused with %s: not as before:\n", story, nth, asked, error ? strerror(error) : "a broken socket");
	state_print_difference(wanted->text, now.text);
	state_free(&now);
	return false;
}

/* ---- the stories ---------------------------------------------------------------------------------------------------- */

static const uint8_t device_mac[MAC_SIZE] = {2, 0, 0, 0, 7, 7};

static struct action device_action(enum action_type type, enum bond_driver driver)
{
	struct action action = lab_link(type, DEVICE);

	strcpy(action.u.link.ifname, "bond7");
	action.u.link.driver = driver;
	memcpy(action.u.link.mac, device_mac, MAC_SIZE);
	return action;
}

static struct action enslave_action(enum bond_driver driver)
{
	struct action action = lab_link(ACT_ENSLAVE, PORT_A);

	strcpy(action.u.link.ifname, "pa");
	action.u.link.driver = driver;
	action.u.link.master = DEVICE;
	return action;
}

static struct action rebuild_action(enum bond_driver driver)
{
	struct action action = device_action(ACT_BOND_REBUILD, driver);

	action.u.link.ports[0] = PORT_A;
	action.u.link.ports[1] = PORT_B;
	action.u.link.n_ports = 2;
	return action;
}

static struct action into_bond(void)
{
	return enslave_action(DRIVER_KERNEL);
}

static struct action into_team(void)
{
	return enslave_action(DRIVER_TEAM);
}

static struct action to_bond(void)
{
	return rebuild_action(DRIVER_KERNEL);
}

static struct action to_bond_of_another_mac(void)
{
	struct action action = rebuild_action(DRIVER_KERNEL);

	action.u.link.fail_over_mac = 1;
	memset(action.u.link.mac, 0, MAC_SIZE);
	return action;
}

static struct action to_team(void)
{
	return rebuild_action(DRIVER_TEAM);
}

static void check_port(void)
{
	lab_run("ip link show pa | grep -q 'UP.*master bond7'");
}

static void check_bond(void)
{
	lab_run("grep -q 'active-backup' /proc/net/bonding/bond7 && ip link show pa | grep -q 'UP.*master bond7' && "
		"ip link show pb | grep -q 'UP.*master bond7' && ip link show bond7 | grep -q 02:00:00:00:07:07 && "
		"ip link show bond7 | grep -q 'UP.* mtu 1400'");
}

static void check_fail_over_mac(void)
{
	lab_run("grep -q 'fail_over_mac active' /proc/net/bonding/bond7 && ip link show pa | grep -q 'UP.*master bond7'");
}

static void check_team(void)
{
	lab_run("test $(teamnl bond7 getoption mode) = activebackup && ip link show pa | grep -q 'UP.*master bond7' && "
		"ip link show pb | grep -q 'UP.*master bond7' && ip link show bond7 | grep -q 02:00:00:00:07:07 && "
		"ip link show bond7 | grep -q 'UP.* mtu 1400'");
}

#define NEW_BOND "ip link add bond7 index 507 address 02:00:00:00:07:07 type bond"
#define PORTS "ip link set pa master bond7; ip link set pb master bond7; ip link set bond7 mtu 1400 up; "

static const struct story stories[] = {
	{"a port into an empty bond", NEW_BOND " mode active-backup miimon 100; ip link set bond7 up; ip link set pa up", "pa", into_bond,
	 check_port, true, false},
	{"a port into a bond that is down", NEW_BOND " mode active-backup miimon 100; ip link set pa up", "pa", into_bond, check_port, false, false},
	{"a port into a bond that has one", NEW_BOND " mode active-backup miimon 100; ip link set pb master bond7; ip link set bond7 up; "
	 "ip address add 198.51.100.1/24 dev bond7; ip route add 198.51.101.0/24 via 198.51.100.2; ip link set pa up", "pa", into_bond, check_port,
	 false, true},
	{"a port into a team", "ip link add bond7 index 507 address 02:00:00:00:07:07 type team; teamnl bond7 setoption mode activebackup; "
	 "ip link set pb master bond7; ip link set bond7 up; ip link set pa up", "pa", into_team, check_port, false, false},
	{"balance-rr to active-backup", NEW_BOND " mode balance-rr miimon 50 updelay 100 downdelay 50 resend_igmp 3 packets_per_slave 2 "
	 "min_links 1 all_slaves_active 1 use_carrier 0; " PORTS, "bond7", to_bond, check_bond, false, false},
	{"active-backup with ARP monitor, primary and options, to fail_over_mac", NEW_BOND " mode active-backup arp_interval 100 "
	 "arp_ip_target 10.1.0.254,10.1.0.253 arp_validate none primary_reselect better num_grat_arp 4; " PORTS
	 "ip link set bond7 type bond primary pb", "bond7", to_bond_of_another_mac, check_fail_over_mac, false, false},
	{"a bond in place with a vlan on it", NEW_BOND " mode balance-rr miimon 100; " PORTS
	 "ip link add link bond7 name bond7.5 type vlan id 5; ip link set bond7.5 up; ip address add 10.50.0.1/24 dev bond7.5; "
	 "ip -6 address add 2001:db8:50::1/64 dev bond7.5 nodad; ip route add 10.51.0.0/16 via 10.50.0.2; "
	 "ip -6 route add 2001:db8:51::/48 via 2001:db8:50::2 dev bond7.5", "bond7", to_bond, check_bond, false, false},
	{"a bond to a team", NEW_BOND " mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 ad_select count; " PORTS, "bond7", to_team,
	 check_team, true, false},
	{"a team to a bond", "ip link add bond7 index 507 address 02:00:00:00:07:07 type team; teamnl bond7 setoption mode roundrobin; "
	 "teamnl bond7 setoption notify_peers_count 7; " PORTS, "bond7", to_bond, check_bond, false, false},
	{"a team to another mode", "ip link add bond7 index 507 address 02:00:00:00:07:07 type team; teamnl bond7 setoption mode roundrobin; "
	 "teamnl bond7 setoption notify_peers_count 7; " PORTS, "bond7", to_team, check_team, false, true},
};

/* ---- and how they are told ------------------------------------------------------------------------------------------ */

static int execute(struct action action)
{
	struct event event;

	was_refused = is_undoing = false;
	asked[0] = '\0';
	assert_int_equal(applier_submit(applier, &action), 0);
	applier_kick(applier);
	do
		event = lab_result(applier);
	while (event.type == EV_TEAM);
	assert_true(event.type == EV_DONE || event.type == EV_FAILED);
	assert_true((event.type == EV_DONE) == (event.u.result.error == 0));
	return event.u.result.error;
}

/* The options of a team are not in its link. */
static char *team_options(void)
{
	static char text[4096];
	FILE *options = popen("teamnl bond7 options 2>/dev/null | grep -E ' (mode|notify_peers_count|mcast_rejoin_count) '; true", "r");
	size_t n = fread(text, 1, sizeof text - 1, options);

	text[n] = '\0';
	pclose(options);
	return text;
}

/* The lines that only `after` has of what was on the device; all that it carried is on it now, or on its new master. */
static bool has_moved(const struct story *story, const struct state *before)
{
	char *wanted = state_on(before, story->device, "bond7"), *others = state_on(before, "bond7", "bond7"), *found = NULL;
	bool same = false;

	for (unsigned i = 0; !same && i < SETTLE_MS / 5; i++) {
		struct state now = state_read();

		free(found);
		found = state_on(&now, "bond7", "bond7");
		state_free(&now);
		same = true;
		for (const char *line = wanted; same && *line; line = strchr(line, '\n') + 1) {
			char *copy = strndup(line, (size_t)(strchr(line, '\n') - line + 1));

			same = strstr(found, copy) != NULL;
			free(copy);
		}
		for (const char *line = found; same && *line; line = strchr(line, '\n') + 1) {
			char *copy = strndup(line, (size_t)(strchr(line, '\n') - line + 1));

			same = strstr(wanted, copy) || strstr(others, copy);
			free(copy);
		}
		if (!same)
			usleep(5000);
	}
	if (!same) {
		fprintf(stderr, "%s: not all has moved, or more:\n", story->name);
		state_print_difference(wanted, found);
	}
	free(wanted), free(others), free(found);
	return same;
}

/* The order of the addresses of one device and family decides which is primary and which one is the source. */
static bool in_order(const struct story *story, const struct state *before)
{
	char *wanted = state_on(before, story->device, "bond7"), *found;
	struct state now = state_read();
	const char *at;
	bool same = true;

	found = state_on(&now, "bond7", "bond7");
	at = found;
	for (const char *line = wanted; same && strncmp(line, "address", 7) == 0; line = strchr(line, '\n') + 1) {
		char *copy = strndup(line, (size_t)(strchr(line, '\n') - line + 1));
		const char *next = strstr(at, copy);

		same = next != NULL;
		if (!same)
			fprintf(stderr, "%s: out of order: %s", story->name, copy);
		at = next ? next : at;
		free(copy);
	}
	if (!same)
		fprintf(stderr, "wanted:\n%sfound:\n%s", wanted, found);
	state_free(&now);
	free(wanted), free(found);
	return same;
}

static bool tell_whole(const struct story *story)
{
	struct state before;
	bool good;
	int error;

	set_up_story(story, true);
	before = settled_state();
	error = execute(story->action());
	if (error)
		fprintf(stderr, "%s: refused at %s: %s\n", story->name, asked, strerror(error));
	good = !error && has_moved(story, &before) && in_order(story, &before);
	if (good)
		story->check();
	state_free(&before);
	return good;
}

/* Fails the n-th request for every n, until it passes. How many there were; 0: something was not put back. */
static unsigned tell_refused(const struct story *story, int error, bool print)
{
	struct state before;
	char *options;
	unsigned n, refused = 0, retried = 0;
	bool good = true;

	set_up_story(story, story->full);
	before = settled_state();
	options = strdup(team_options());
	for (n = 1; good; n++) {
		int answer;

		assert_true(n < REQUESTS_MAX);
		applier_inject(applier, n, error);
		answer = execute(story->action());
		if (!answer && was_refused) { /* an option of a team that was tried again (libteam.c), or that may wait (team_enslaved) */
			retried++;
			state_free(&before);
			set_up_story(story, story->full);
			before = settled_state();
			continue;
		}
		if (!answer)
			break;
		applier_inject(applier, 0, 0);
		refused++;
		if (print)
			print_message("  %3u  %s\n", n, asked);
		if (answer != (error ? error : EIO)) {
			fprintf(stderr, "%s: request %u, %s: answered %s\n", story->name, n, asked, strerror(answer));
			good = false;
		}
		good = good && wait_for(&before, story->name, n, error);
		if (good && strcmp(options, "") != 0 && strcmp(options, team_options()) != 0) {
			fprintf(stderr, "%s: request %u, %s: the team's options were\n%sand are\n%s", story->name, n, asked, options,
				team_options());
			good = false;
		}
	}
	applier_inject(applier, 0, 0);
	good = good && has_moved(story, &before);
	if (retried)
		print_message("  %u settings of the team that were tried again, or that nothing depends on\n", retried);
	free(options);
	state_free(&before);
	return good ? refused : 0;
}

static bool have_drivers(void)
{
	if (lab_try("ip link add tprobe type bond 2>/dev/null && ip link del tprobe && ip link add tprobe type team 2>/dev/null && "
		    "ip link del tprobe"))
		return true;
	if (getenv("STANDBYD_NEED_DRIVERS"))
		fail_msg("no bonding or no team driver");
	return false;
}

static void test_transaction_whole(void **state)
{
	unsigned bad = 0;

	(void)state;
	if (!have_drivers())
		skip();
	for (unsigned i = 0; i < sizeof stories / sizeof stories[0]; i++)
		bad += !tell_whole(&stories[i]);
	assert_int_equal(bad, 0);
}

/* One story alone, by a word of its name: for the one who looks for a fault. */
static bool is_told(const struct story *story)
{
	const char *word = getenv("STORY");

	return !word || strstr(story->name, word);
}

static void test_transaction_refused_each(void **state)
{
	static const int errors[] = {EPERM, 0, EBUSY, ENOMEM};
	unsigned bad = 0;

	(void)state;
	if (!have_drivers())
		skip();
	for (unsigned i = 0; i < sizeof stories / sizeof stories[0]; i++)
		for (unsigned j = 0; is_told(&stories[i]) && j < (stories[i].all_errors ? sizeof errors / sizeof errors[0] : 2); j++) {
			unsigned n;

			if (!j)
				print_message("%s:\n", stories[i].name);
			n = tell_refused(&stories[i], errors[j], !j);
			print_message("  %s: %u refusals\n", errors[j] ? strerror(errors[j]) : "a broken socket", n);
			bad += !n;
		}
	assert_int_equal(bad, 0);
}

static int set_up(void **state)
{
	(void)state;
	applier = applier_new(64);
	return applier ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	applier_free(applier);
	applier = NULL;
	remove_all();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* An argument picks tests by a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_transaction_whole),
		TEST(test_transaction_refused_each),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
