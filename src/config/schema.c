/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/schema.h"

#include "core/config.h"

#define MSEC(n)	    ((n)*NSEC_PER_MSEC)
#define SEC(n)	    ((n)*NSEC_PER_SEC)
#define KEYS(array) .keys = (array), .n_keys = sizeof(array) / sizeof(array)[0]

static const struct schema_choice drivers[] = {
	{ "kernel", DRIVER_KERNEL }, { "team", DRIVER_TEAM }, { "move", DRIVER_MOVE }, { 0 }
};
static const struct schema_choice failbacks[] = { { "never", FAILBACK_NEVER },
						  { "better", FAILBACK_BETTER },
						  { "always", FAILBACK_ALWAYS },
						  { 0 } };
static const struct schema_choice probe_kinds[] = { { "arp", PROBE_ARP }, { "ns", PROBE_NS }, { 0 } };
static const struct schema_choice needs[] = { { "any", 0 }, { "all", 1 }, { 0 } };
static const struct schema_choice protocols[] = {
	{ "heartbeat", PROTOCOL_HEARTBEAT }, { "vrrp", PROTOCOL_VRRP }, { 0 }
};
static const struct schema_choice families[] = { { "ipv4", FAMILY_4 }, { "ipv6", FAMILY_6 }, { 0 } };
static const struct schema_choice macs[] = { { "interface", 0 }, { "virtual", 1 }, { 0 } };
static const struct schema_choice auth_kinds[] = { { "pass", 1 }, { 0 } };
static const struct schema_choice auth_policies[] = { { "off", HEARTBEAT_AUTH_OFF },
						      { "permissive", HEARTBEAT_AUTH_PERMISSIVE },
						      { "required", HEARTBEAT_AUTH_REQUIRED },
						      { 0 } };
static const struct schema_choice checksums[] = {
	{ "auto", CHECKSUM_AUTO }, { "rfc9568", CHECKSUM_RFC9568 }, { "rfc5798", CHECKSUM_RFC5798 }, { 0 }
};

/* Those of bonds, vlans and vips. */
#define ROUTE_KEYS \
	[ROUTE_TO] = { .name = "to", \
		       .type = SCHEMA_NETWORK, \
		       .required = true, \
		       .also_known_as = "destination dst network", \
		       .about = "the destination: a network with its prefix, or default" }, \
	[ROUTE_VIA] = { .name = "via", \
			.type = SCHEMA_IP, \
			.also_known_as = "gateway gw nexthop next-hop", \
			.about = "the gateway; without it the destination is on the link" }, \
	[ROUTE_METRIC] = { .name = "metric", \
			   .type = SCHEMA_NUMBER, \
			   .max = UINT32_MAX, \
			   .fallback = "0", \
			   .also_known_as = "priority preference", \
			   .about = "the route's metric; 0 is the kernel's default" }, \
	[ROUTE_TABLE] = { .name = "table", \
			  .type = SCHEMA_NUMBER, \
			  .min = 1, \
			  .max = UINT32_MAX, \
			  .fallback = "254", \
			  .about = "the routing table's number; 254 is main" }, \
	[ROUTE_FROM] = { .name = "from", \
			 .type = SCHEMA_IP, \
			 .also_known_as = "src source prefsrc", \
			 .about = "the preferred source address" }, \
	[ROUTE_ON_LINK] = { .name = "on-link", \
			    .type = SCHEMA_BOOLEAN, \
			    .fallback = "false", \
			    .also_known_as = "onlink gateway-onlink", \
			    .about = "whether the gateway is on the link although no address says so" }, \
	[ROUTE_MTU] = { .name = "mtu", \
			.type = SCHEMA_NUMBER, \
			.min = 68, \
			.max = 65535, \
			.about = "the route's MTU" }

static const struct schema_key route_keys[] = {
	ROUTE_KEYS,
	{ .name = "scope", .support = SCHEMA_LATER },
	{ .name = "type", .support = SCHEMA_LATER },
};
const struct schema_object schema_route = { .kind = "route", KEYS(route_keys) };

static const struct schema_key vip_route_keys[] = {
	ROUTE_KEYS,
	[ROUTE_ON] = { .name = "on",
		       .type = SCHEMA_INTERFACE,
		       .also_known_as = "interface link dev device bond",
		       .about = "the bond, vlan or interface that it goes by; default: the vip's" },
	{ .name = "scope", .support = SCHEMA_LATER },
	{ .name = "type", .support = SCHEMA_LATER },
};
const struct schema_object schema_vip_route = { .kind = "route", KEYS(vip_route_keys) };

static const struct schema_key rule_keys[] = {
	[RULE_FROM] = { .name = "from",
			.type = SCHEMA_PREFIX,
			.also_known_as = "src source",
			.about = "whose packets: an address or a network" },
	[RULE_TO] = { .name = "to",
		      .type = SCHEMA_PREFIX,
		      .also_known_as = "dst destination",
		      .about = "the packets' destination: an address or a network" },
	[RULE_TABLE] = { .name = "table",
			 .type = SCHEMA_NUMBER,
			 .required = true,
			 .min = 1,
			 .max = UINT32_MAX,
			 .also_known_as = "lookup",
			 .about = "the number of the routing table that decides for them" },
	[RULE_PRIORITY] = { .name = "priority",
			    .type = SCHEMA_NUMBER,
			    .required = true,
			    .min = 1,
			    .max = UINT32_MAX,
			    .also_known_as = "preference pref order",
			    .about = "the rule's place among all, the lowest first; the main table's is 32766" },
	[RULE_MARK] = { .name = "mark",
			.type = SCHEMA_NUMBER,
			.min = 1,
			.max = UINT32_MAX,
			.also_known_as = "fwmark firewall-mark",
			.about = "the mark that they must have" },
	[RULE_TOS] = { .name = "type-of-service",
		       .type = SCHEMA_NUMBER,
		       .min = 1,
		       .max = 255,
		       .also_known_as = "tos dsfield",
		       .about = "the type of service that they must have" },
};
const struct schema_object schema_rule = { .kind = "rule", KEYS(rule_keys) };

static const struct schema_key probe_keys[] = {
	[PROBE_KEY_KIND] = { .name = "kind",
			     .type = SCHEMA_CHOICE,
			     .choices = probe_kinds,
			     .required = true,
			     .also_known_as = "type",
			     .about = "arp: ARP requests, for IPv4; ns: neighbour solicitations, for IPv6" },
	[PROBE_KEY_TARGETS] = { .name = "targets",
				.type = SCHEMA_IP,
				.list = true,
				.required = true,
				.max_items = MAX_TARGETS,
				.also_known_as = "target hosts addresses arp-ip-targets",
				.about = "the neighbours that must answer" },
	[PROBE_KEY_NEED] = { .name = "need",
			     .type = SCHEMA_CHOICE,
			     .choices = needs,
			     .fallback = "any",
			     .also_known_as = "require arp-all-targets",
			     .about = "whether any target's answer is enough, or all must answer" },
	[PROBE_KEY_INTERVAL] = { .name = "interval",
				 .type = SCHEMA_DURATION,
				 .min = MSEC(10),
				 .max = SEC(3600),
				 .fallback = "100ms",
				 .about = "how often each port asks" },
	[PROBE_KEY_LOST] = { .name = "lost",
			     .type = SCHEMA_NUMBER,
			     .min = 1,
			     .max = 255,
			     .fallback = "3",
			     .why = "so many questions in a row must stay unanswered",
			     .also_known_as = "missed-max fall",
			     .about = "how many unanswered questions in a row mean that the target is lost" },
	[PROBE_KEY_VLAN] = { .name = "vlan",
			     .type = SCHEMA_INTERFACE,
			     .about = "the vlan behind which the targets are, where its addresses do not tell" },
};
const struct schema_object schema_probe = { .kind = "probe", KEYS(probe_keys) };

static const struct schema_key bond_keys[] = {
	[BOND_DRIVER] = { .name = "driver",
			  .type = SCHEMA_CHOICE,
			  .choices = drivers,
			  .required = true,
			  .about = "kernel: the kernel's bonding device; team: the team device; move: addresses and routes move "
				   "between the ports" },
	[BOND_PORTS] = { .name = "ports",
			 .type = SCHEMA_PORT,
			 .list = true,
			 .required = true,
			 .max_items = MAX_PORTS,
			 .also_known_as = "interfaces slaves members nics port",
			 .about = "the interfaces of the bond, best first: names, globs, mac:, path: or driver:" },
	[BOND_PREFER] = { .name = "prefer",
			  .type = SCHEMA_PORT,
			  .also_known_as = "primary preferred",
			  .about = "the port to use while several are equally healthy" },
	[BOND_FAILBACK] = { .name = "failback",
			    .type = SCHEMA_CHOICE,
			    .choices = failbacks,
			    .fallback = "better",
			    .also_known_as = "primary-reselect primary-reselect-policy",
			    .about = "when to go back to a port that returned" },
	[BOND_HOLD] = { .name = "hold",
			.type = SCHEMA_DURATION,
			.max = SEC(3600),
			.fallback = "2s",
			.also_known_as = "updelay up-delay hold-time",
			.about = "how long a returning port must stay healthy before it is used" },
	[BOND_DAMPING] = { .name = "damping",
			   .type = SCHEMA_BOOLEAN,
			   .fallback = "true",
			   .about = "whether a port that flaps is left alone for a while" },
	[BOND_MTU] = { .name = "mtu",
		       .type = SCHEMA_NUMBER,
		       .min = 68,
		       .max = 65535,
		       .about = "the MTU of the bond and its ports; default: what they have" },
	[BOND_MAC] = { .name = "mac",
		       .type = SCHEMA_MAC,
		       .fallback = "stable",
		       .also_known_as = "macaddress mac-address hwaddr lladdr",
		       .about = "the bond's MAC address: stable (the same after every boot), port (the first port's), or an "
				"address" },
	[BOND_ADDRESSES] = { .name = "addresses",
			     .type = SCHEMA_CIDR,
			     .list = true,
			     .max_items = MAX_BOND_ADDRESSES,
			     .also_known_as = "address ip ips",
			     .about = "the node's own addresses, each with its prefix" },
	[BOND_ROUTES] = { .name = "routes",
			  .type = SCHEMA_OBJECT,
			  .object = &schema_route,
			  .list = true,
			  .max_items = MAX_BOND_ROUTES,
			  .also_known_as = "route",
			  .about = "routes through the bond" },
	[BOND_PROBES] = { .name = "probes",
			  .type = SCHEMA_NAMED,
			  .object = &schema_probe,
			  .max_items = MAX_PROBES,
			  .also_known_as = "probe link-watch arp-targets",
			  .about = "what each port must reach, by name" },
	{ .name = "mode",
	  .support = SCHEMA_REFUSED,
	  .why = "a bond has no 'mode': active-backup is the only one that exists" },
};
const struct schema_object schema_bond = { .kind = "bond", KEYS(bond_keys) };

static const struct schema_key vlan_keys[] = {
	[VLAN_LINK] = { .name = "link",
			.type = SCHEMA_INTERFACE,
			.same_on_all = true,
			.required = true,
			.also_known_as = "on bond interface dev device parent",
			.about = "the bond that carries it" },
	[VLAN_ID] = { .name = "id",
		      .type = SCHEMA_NUMBER,
		      .min = 1,
		      .max = 4094,
		      .required = true,
		      .also_known_as = "vlan vid tag vlan-id",
		      .about = "the VLAN's number, 1 to 4094" },
	[VLAN_MTU] = { .name = "mtu",
		       .type = SCHEMA_NUMBER,
		       .min = 68,
		       .max = 65535,
		       .about = "its MTU; default: the bond's" },
	[VLAN_ADDRESSES] = { .name = "addresses",
			     .type = SCHEMA_CIDR,
			     .list = true,
			     .max_items = MAX_BOND_ADDRESSES,
			     .also_known_as = "address ip ips",
			     .about = "the node's own addresses there, each with its prefix" },
	[VLAN_ROUTES] = { .name = "routes",
			  .type = SCHEMA_OBJECT,
			  .object = &schema_route,
			  .list = true,
			  .max_items = MAX_BOND_ROUTES,
			  .also_known_as = "route",
			  .about = "routes through the vlan" },
};
const struct schema_object schema_vlan = { .kind = "vlan", KEYS(vlan_keys) };

static const struct schema_key auth_keys[] = {
	[AUTH_KIND] = { .name = "kind",
			.type = SCHEMA_CHOICE,
			.choices = auth_kinds,
			.required = true,
			.also_known_as = "type auth-type",
			.about = "pass: the adverts carry the password" },
	[AUTH_PASSWORD] = { .name = "password",
			    .type = SCHEMA_PASSWORD,
			    .required = true,
			    .min = 1,
			    .max = AUTH_SIZE,
			    .also_known_as = "pass auth-pass",
			    .about = "the password, at most 8 characters; anybody on the network can read it" },
};
const struct schema_object schema_auth = { .kind = "auth", KEYS(auth_keys) };

static const struct schema_key place_keys[] = {
	[PLACE_ADDRESS] = { .name = "address",
			    .type = SCHEMA_ADDRESS,
			    .required = true,
			    .also_known_as = "ip addr",
			    .about = "the virtual address" },
	[PLACE_ON] = { .name = "on",
		       .type = SCHEMA_INTERFACE,
		       .required = true,
		       .also_known_as = "interface link dev device bond",
		       .about = "the bond, vlan or interface that has it" },
};
const struct schema_object schema_place = { .kind = "listed address", KEYS(place_keys) };

static const struct schema_key vip_keys[] = {
	[VIP_ON] = { .name = "on",
		     .type = SCHEMA_INTERFACE,
		     .required = true,
		     .also_known_as = "interface link dev device bond",
		     .about = "the bond or interface that carries the addresses" },
	[VIP_PROTOCOL] = { .name = "protocol",
			   .type = SCHEMA_CHOICE,
			   .choices = protocols,
			   .same_on_all = true,
			   .about = "how the nodes agree on who holds it; default: heartbeat where nodes are given, else vrrp" },
	[VIP_VERSION] = { .name = "version",
			  .type = SCHEMA_NUMBER,
			  .min = 2,
			  .max = 3,
			  .fallback = "3",
			  .same_on_all = true,
			  .also_known_as = "vrrp-version",
			  .about = "vrrp: its version, 3, or 2 beside nodes that know no other" },
	[VIP_VRID] = { .name = "vrid",
		       .type = SCHEMA_NUMBER,
		       .min = 1,
		       .max = 255,
		       .also_known_as = "virtual-router-id vhid id",
		       .about = "the virtual router's number, 1 to 255; required with vrrp" },
	[VIP_PRIORITY] = { .name = "priority",
			   .type = SCHEMA_NUMBER,
			   .min = 1,
			   .max = 255,
			   .fallback = "100",
			   .why = "on the wire 0 says goodbye, and 255 is for the node whose own addresses they are",
			   .also_known_as = "prio weight",
			   .about = "the highest of the healthy nodes holds it; 255, the owner's, needs vrrp" },
	[VIP_ADDRESSES] = { .name = "addresses",
			    .type = SCHEMA_PLACE,
			    .object = &schema_place,
			    .list = true,
			    .required = true,
			    .max_items = MAX_VIP_ADDRESSES,
			    .also_known_as = "address ip ips virtual-ipaddress virtual-addresses",
			    .about = "the virtual addresses" },
	[VIP_FAMILY] = { .name = "family",
			 .type = SCHEMA_CHOICE,
			 .choices = families,
			 .same_on_all = true,
			 .also_known_as = "ip-version address-family",
			 .about = "vrrp: the family of the adverts; default: that of the first address" },
	[VIP_UNICAST] = { .name = "unicast",
			  .type = SCHEMA_IP,
			  .list = true,
			  .max_items = MAX_PEERS,
			  .also_known_as = "unicast-peer unicast-peers peers",
			  .about = "vrrp: the nodes' own addresses, to which adverts go instead of the multicast group" },
	[VIP_ADVERT] = { .name = "advert",
			 .type = SCHEMA_DURATION,
			 .min = MSEC(10),
			 .max = SEC(255),
			 .step = MSEC(10),
			 .fallback = "1s",
			 .also_known_as = "advert-int advert-interval interval advertisement-interval",
			 .about = "vrrp: how often the active node says that it lives; version 3: at most 40.95s, version 2: whole "
				  "seconds" },
	[VIP_MAC] = { .name = "mac",
		      .type = SCHEMA_CHOICE,
		      .choices = macs,
		      .fallback = "interface",
		      .also_known_as = "use-vmac vmac",
		      .about = "whose MAC address answers for the addresses" },
	[VIP_ACCEPT] = { .name = "accept",
			 .type = SCHEMA_BOOLEAN,
			 .fallback = "true",
			 .also_known_as = "accept-mode no-accept",
			 .about = "whether the node that holds the addresses takes packets to them for itself" },
	[VIP_CHECKSUM] = { .name = "checksum",
			   .type = SCHEMA_CHOICE,
			   .choices = checksums,
			   .fallback = "auto",
			   .about = "vrrp: the form of the checksum in the adverts that are sent" },
	[VIP_AUTH] = { .name = "auth",
		       .type = SCHEMA_OBJECT,
		       .object = &schema_auth,
		       .same_on_all = true,
		       .also_known_as = "authentication",
		       .about = "vrrp, version 2: what its adverts carry to be accepted" },
	[VIP_PREEMPT] = { .name = "preempt",
			  .type = SCHEMA_BOOLEAN,
			  .fallback = "true",
			  .about = "whether a higher priority takes over from a healthy lower one" },
	[VIP_PREEMPT_DELAY] = { .name = "preempt-delay",
				.type = SCHEMA_DURATION,
				.max = SEC(3600),
				.fallback = "0s",
				.about = "how long to wait before that, while the lower one lives" },
	[VIP_LEASE] = { .name = "lease",
			.type = SCHEMA_DURATION,
			.min = SEC(3),
			.max = SEC(3600),
			.step = SEC(1),
			.about = "the addresses' lifetime in the kernel, renewed by the daemon" },
	[VIP_LEAVE_TIMEOUT] = { .name = "leave-timeout",
				.type = SCHEMA_DURATION,
				.max = SEC(600),
				.fallback = "10s",
				.about = "the longest stay in state leaving" },
	[VIP_ANNOUNCE] = { .name = "announce",
			   .type = SCHEMA_DURATION,
			   .max = SEC(3600),
			   .fallback = "0s",
			   .also_known_as = "garp-master-refresh garp-refresh announce-interval",
			   .about = "how often the active node announces the addresses anew, at least 1s; 0s: only when there is a "
				    "reason to" },
	[VIP_ROUTES] = { .name = "routes",
			 .type = SCHEMA_OBJECT,
			 .object = &schema_vip_route,
			 .list = true,
			 .max_items = MAX_BOND_ROUTES,
			 .also_known_as = "route virtual-routes",
			 .about = "routes that are there while the vip is held here" },
	[VIP_POLICY] = { .name = "routing-policy",
			 .type = SCHEMA_OBJECT,
			 .object = &schema_rule,
			 .list = true,
			 .max_items = MAX_VIP_RULES,
			 .also_known_as = "rules rule virtual-rules",
			 .about = "rules of policy routing that are there while the vip is held here" },
	[VIP_REQUIRE] = { .name = "require",
			  .type = SCHEMA_TRACK,
			  .list = true,
			  .max_items = MAX_TRACKS,
			  .also_known_as = "track requires",
			  .about = "checks, bonds, vlans, interface:NAME and route:NETWORK without which it is not held here" },
	[VIP_LOWER] = { .name = "lower",
			.type = SCHEMA_LOWER,
			.min = 1,
			.max = 253,
			.max_items = MAX_TRACKS,
			.also_known_as = "track-interface track-script weight",
			.about = "by how much the priority is lower while one of these is not there, or fails" },
};
const struct schema_object schema_vip = { .kind = "vip", KEYS(vip_keys) };

/* Every node reads of every node: nothing here may differ by the node that reads it. */
static const struct schema_key path_keys[] = {
	[PATH_ON] = { .name = "on",
		      .type = SCHEMA_INTERFACE,
		      .same_on_all = true,
		      .required = true,
		      .also_known_as = "interface link dev device bond",
		      .about = "the bond, vlan or interface of that node" },
	[PATH_ADDRESS] = { .name = "address",
			   .type = SCHEMA_IP,
			   .same_on_all = true,
			   .required = true,
			   .also_known_as = "ip addr addresses",
			   .about = "that node's own address there, to which the others send" },
	[PATH_ROUTED] = { .name = "routed",
			  .type = SCHEMA_BOOLEAN,
			  .same_on_all = true,
			  .fallback = "false",
			  .about = "whether routers are between the nodes" },
};
const struct schema_object schema_path = { .kind = "path", KEYS(path_keys) };

static const struct schema_key node_keys[] = {
	[NODE_PATHS] = { .name = "paths",
			 .type = SCHEMA_NAMED,
			 .object = &schema_path,
			 .same_on_all = true,
			 .required = true,
			 .max_items = MAX_PATHS,
			 .also_known_as = "path links interfaces rings",
			 .about = "the ways by which heartbeats reach the node, by name" },
};
const struct schema_object schema_node = { .kind = "node", KEYS(node_keys) };

static const struct schema_key heartbeat_keys[] = {
	[HEARTBEAT_KEY_INTERVAL] = { .name = "interval",
				     .type = SCHEMA_DURATION,
				     .min = MSEC(2),
				     .max = SEC(10),
				     .step = 1000, /* the wire has microseconds */
				     .fallback = "100ms",
				     .also_known_as = "keepalive advert period",
				     .about = "how often this node says that it lives, to each node by each path" },
	[HEARTBEAT_KEY_LOST] = { .name = "lost",
				 .type = SCHEMA_NUMBER,
				 .min = 2,
				 .max = 100,
				 .fallback = "3",
				 .why = "one alone may be late or dropped at any time",
				 .also_known_as = "missed-max deadtime fall",
				 .about = "after so many intervals without a heartbeat a path is dead" },
	[HEARTBEAT_KEY_PORT] = { .name = "port",
				 .type = SCHEMA_NUMBER,
				 .min = 1,
				 .max = 65535,
				 .same_on_all = true,
				 .fallback = "8113",
				 .also_known_as = "udp-port udpport",
				 .about = "the UDP port" },
	[HEARTBEAT_KEY_FILE] = { .name = "key-file",
				 .type = SCHEMA_FILE,
				 .max = sizeof((struct config_heartbeat *)NULL)->key_file,
				 .also_known_as = "keyfile key authkey authkeys secret",
				 .about = "the file with the keys of the nodes" },
	[HEARTBEAT_KEY_AUTH] = { .name = "auth",
				 .type = SCHEMA_CHOICE,
				 .choices = auth_policies,
				 .same_on_all = true,
				 .also_known_as = "authentication",
				 .about = "whether heartbeats are signed; default: required with a key-file, else off" },
};
const struct schema_object schema_heartbeat = { .kind = "heartbeat", KEYS(heartbeat_keys) };

static const struct schema_key top_keys[] = {
	[TOP_VERSION] = { .name = "version",
			  .type = SCHEMA_NUMBER,
			  .min = 1,
			  .max = 1,
			  .same_on_all = true,
			  .required = true,
			  .why = "it is the version of the configuration language",
			  .about = "the version of the configuration language, 1" },
	[TOP_NODE] = { .name = "node",
		       .type = SCHEMA_NODE,
		       .same_on_all = true,
		       .also_known_as = "name hostname router-id",
		       .about = "this node's name; default: the host name" },
	[TOP_BONDS] = { .name = "bonds",
			.type = SCHEMA_NAMED,
			.object = &schema_bond,
			.also_known_as = "bond teams",
			.about = "bonds by name" },
	[TOP_VLANS] = { .name = "vlans",
			.type = SCHEMA_NAMED,
			.object = &schema_vlan,
			.also_known_as = "vlan",
			.about = "vlans on bonds, by name" },
	[TOP_VIPS] = { .name = "vips",
		       .type = SCHEMA_NAMED,
		       .object = &schema_vip,
		       .also_known_as = "vip vrrp-instance",
		       .about = "vips by name" },
	[TOP_GROUPS] = { .name = "groups",
			 .type = SCHEMA_MEMBERS,
			 .same_on_all = true,
			 .max_items = MAX_VIPS,
			 .also_known_as = "group vrrp-sync-group sync-groups",
			 .about = "vips that move together, by the group's name" },
	[TOP_NODES] = { .name = "nodes",
			.type = SCHEMA_NAMED,
			.object = &schema_node,
			.also_known_as = "cluster members peers",
			.about = "all nodes, this one among them, by name" },
	[TOP_HEARTBEAT] = { .name = "heartbeat",
			    .type = SCHEMA_OBJECT,
			    .object = &schema_heartbeat,
			    .same_on_all = true,
			    .also_known_as = "keepalive",
			    .about = "how the nodes tell each other that they live" },
	[TOP_CHECKS] = { .name = "checks",
			 .type = SCHEMA_NAMED,
			 .object = &schema_check,
			 .also_known_as = "check vrrp-script scripts healthchecks track-script",
			 .about = "what must be well for this node to hold a vip, by name" },
	[TOP_HOOKS] = { .name = "hooks",
			.type = SCHEMA_NAMED,
			.object = &schema_hook,
			.also_known_as = "hook notify notify-script notifications",
			.about = "what is done when a state changes, by name" },
};
const struct schema_object schema_group = { .kind = "group" };

const struct schema_object schema_top = { .kind = "file", KEYS(top_keys) };

#define FITS(array) _Static_assert(sizeof(array) / sizeof(array)[0] <= SCHEMA_KEYS_MAX, "SCHEMA_KEYS_MAX is too small")
FITS(top_keys);
FITS(bond_keys);
FITS(vlan_keys);
FITS(probe_keys);
FITS(vip_route_keys);
FITS(vip_keys);
