/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A validated configuration as flat data: what the loader makes of the YAML files, and what the core copies.
 * Everything here has already been checked; the core asserts it and does not check again. */
#ifndef STANDBYD_CORE_CONFIG_H
#define STANDBYD_CORE_CONFIG_H

#include "core/types.h"

/* DRIVER_VLAN: a vlan on a bond. It has a device, addresses and routes as a bond has, and no ports of its own. */
enum bond_driver { DRIVER_KERNEL, DRIVER_MOVE, DRIVER_TEAM, DRIVER_VLAN };
enum failback { FAILBACK_NEVER, FAILBACK_BETTER, FAILBACK_ALWAYS };

/* MAC_STABLE: derived from the machine's id, the node's name and the bond's, so the same after every boot; set when the bond is made,
 * an existing bond keeps its own. MAC_PORT: the permanent one of the first port of the list that exists then. */
enum mac_policy { MAC_STABLE, MAC_PORT, MAC_FIXED };

enum port_match { MATCH_NAME, MATCH_GLOB, MATCH_MAC, MATCH_PATH, MATCH_DRIVER };

/* One entry of a bond's `ports`. A name, mac: or path: means one device; a glob or driver: as many as there are. */
struct config_port {
	enum port_match match;
	char spec[PORT_SPEC_SIZE]; /* as written, a MAC in lower case: "eno1", "en*", "mac:02:…", "path:pci-…", "driver:ixgbe" */
	uint8_t mac[MAC_SIZE];     /* MATCH_MAC: the permanent address */
};

/* What is matched: the spec behind its "path:" or "driver:", or all of it. */
static inline const char *config_port_text(const struct config_port *port)
{
	const char *colon = port->match == MATCH_NAME || port->match == MATCH_GLOB ? NULL : strchr(port->spec, ':');

	return colon ? colon + 1 : port->spec;
}

enum probe_kind { PROBE_ARP, PROBE_NS };

struct config_target {
	struct ip ip;
	struct ip source; /* the node's own address in the target's network; FAMILY_NONE: it has none there */
	uint16_t vlan;    /* 1…4094: the target is behind that vlan of the bond; 0: untagged */
};

struct config_probe {
	char name[NAME_SIZE];
	enum probe_kind kind;
	bool all;             /* all targets must answer; else any one will do */
	uint64_t interval_ns; /* 10 ms … 1 h */
	unsigned lost;        /* 1…255: so many probes in a row unanswered */
	unsigned n_targets;   /* 1…MAX_TARGETS */
	struct config_target targets[MAX_TARGETS];
};

struct config_address {
	struct ip ip;
	uint8_t prefix; /* 0…32 or 0…128 */
	char on[IFNAME_SIZE]; /* of a vip: another interface or bond than the vip's; "": that of its owner */
	int bond;       /* where `on` is given: index of the bond or vlan that it names, -1: a plain interface */
};

struct config_route {
	struct ip to;    /* family of via; 'default' is the zero address */
	uint8_t prefix;  /* 0 for default */
	struct ip via;   /* family FAMILY_NONE: on-link */
	uint32_t metric; /* 0: the kernel's default (IPv6: 1024) */
	uint32_t table;  /* 0: main */
	struct ip from;  /* preferred source (RTA_PREFSRC); FAMILY_NONE: the kernel's choice. Not part of a route's identity. */
	uint32_t mtu;    /* 0: the device's. Not part of its identity. */
	bool on_link;    /* the gateway is on the link, whatever the addresses say (RTNH_F_ONLINK). Not part of its identity. */
	char on[IFNAME_SIZE]; /* of a vip: through another interface or bond than the vip's; "": that of its owner */
	int bond;        /* where `on` is given: index of the bond or vlan that it names, -1: a plain interface */
};

/* A rule of policy routing: what it does not say is any. All of it is its identity. */
struct config_rule {
	struct ip from, to; /* networks; FAMILY_NONE: not said. One of them at least is. */
	uint8_t from_prefix, to_prefix;
	uint8_t family;
	uint8_t tos;        /* type of service; 0: any */
	uint32_t table;     /* 1…; 254 is main */
	uint32_t priority;  /* 1… */
	uint32_t mark;      /* of the packet; 0: any */
};

static inline bool rule_equal(const struct config_rule *a, const struct config_rule *b)
{
	return a->family == b->family && a->priority == b->priority && a->table == b->table && a->mark == b->mark &&
	       a->tos == b->tos && a->from_prefix == b->from_prefix && a->to_prefix == b->to_prefix &&
	       ip_equal(&a->from, &b->from) && ip_equal(&a->to, &b->to);
}

/* Whether the kernel's messages mean the same route, on one interface: the rest does not count. */
static inline bool route_equal(const struct config_route *a, const struct config_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && a->table == b->table && ip_equal(&a->to, &b->to) &&
	       ip_equal(&a->via, &b->via);
}

struct config_bond {
	char name[IFNAME_SIZE]; /* the device's name; move: a name only, no device has it */
	enum bond_driver driver;
	struct config_port ports[MAX_PORTS]; /* in the order of preference after 'prefer' */
	unsigned n_ports;                   /* 1…MAX_PORTS; DRIVER_VLAN: 0 */
	int prefer;                         /* index into ports, -1: none */
	char prefer_name[IFNAME_SIZE];      /* or the name of a device that a glob or driver: may find; "": none */
	uint32_t mtu;                       /* of the device and its ports; 0: left as it is */
	enum mac_policy mac_policy;
	uint8_t mac[MAC_SIZE];              /* MAC_FIXED */
	int link;                           /* DRIVER_VLAN: index of the bond below it, else -1 */
	uint16_t vlan_id;                   /* DRIVER_VLAN: 1…4094 */
	unsigned first_probe, n_probes;     /* into config.probes */
	enum failback failback;
	bool no_damping;                    /* a port that flaps is used like any other */
	uint64_t hold_ns;
	unsigned first_address, n_addresses; /* into config.addresses */
	unsigned first_route, n_routes;      /* into config.routes */
};

/* Which checksum adverts have. AUTO: RFC 5798's, as most of what is out there demands, until another form is heard. */
enum checksum_policy { CHECKSUM_AUTO, CHECKSUM_RFC9568, CHECKSUM_RFC5798 };

/* What a vip rests on. lower: by so much its priority is lower while it is not there; 0: it is required, and the vip is not
 * held here meanwhile. */
enum track_kind { TRACK_BOND, TRACK_INTERFACE, TRACK_ROUTE, TRACK_CHECK };

struct config_track {
	char name[TRACK_NAME_SIZE]; /* as written: "bond1", "interface:eth3", "route:default", "route:10.0.0.0/8", "haproxy" */
	enum track_kind kind;
	int bond;                   /* TRACK_BOND: index of the bond or vlan */
	int check;                  /* TRACK_CHECK: index of the check; else -1 */
	char ifname[IFNAME_SIZE];   /* TRACK_INTERFACE */
	struct ip to;               /* TRACK_ROUTE: the destination, as config_route has it */
	uint8_t prefix;
	uint8_t lower;              /* 0…253 */
};

/* How the nodes agree on who holds it: adverts of its own, or the claims in the nodes' heartbeats. */
enum vip_protocol { PROTOCOL_VRRP, PROTOCOL_HEARTBEAT };

struct config_vip {
	char name[NAME_SIZE];
	enum vip_protocol protocol; /* HEARTBEAT: there are nodes, and its group, if it has one, is of HEARTBEAT alone */
	char on[IFNAME_SIZE]; /* interface or bond */
	int bond;             /* index of the bond or vlan that 'on' names, -1: a plain interface */
	char group[NAME_SIZE]; /* "": none. Its members have one priority, preempt and preempt_delay_ns, and none is an owner */
	unsigned group_rank;  /* its place in the group's list */
	uint8_t vrid;         /* 1…255; HEARTBEAT: 0 where none is given */
	uint8_t priority;     /* 1…255; 255: owner, which needs VRRP */
	uint8_t family;       /* of the adverts */
	uint8_t version;      /* 3, or 2 (RFC 3768), which is IPv4 only */
	bool has_auth;        /* version 2: adverts carry the password */
	uint8_t auth[AUTH_SIZE]; /* padded with NUL */
	enum checksum_policy checksum; /* IPv4, version 3; elsewhere there is one form */
	char device[IFNAME_SIZE]; /* to make for the virtual router's MAC address; "": it has the interface's. No owner, no unicast,
				   * not on a bond that moves; one on one interface. */
	bool accept;          /* RFC 9568 §6.1, Accept_Mode: the node takes packets to the addresses for itself; the owner does anyway */
	bool preempt;
	uint64_t preempt_delay_ns; /* 0: as soon as the RFC has it */
	uint64_t advert_ns;        /* 10 ms … 40.95 s, a multiple of 10 ms; version 2: 1 s … 255 s, whole seconds; HEARTBEAT: the
				    * heartbeats' interval */
	unsigned lost;             /* HEARTBEAT: so many of them without a sign, and a node is dead */
	uint64_t lease_ns;         /* whole seconds, ≥ 3 s (≥ 10 s where it has IPv6 addresses), ≥ advert_ns × lost */
	uint64_t leave_timeout_ns;
	uint64_t announce_ns;      /* its addresses are announced anew so often, 1 s … 1 h; 0: only when there is a reason to */
	unsigned first_address, n_addresses; /* into config.addresses, the listed family first, in file order */
	unsigned first_peer, n_peers;        /* into config.peers: adverts go to each of them alone; none: multicast */
	unsigned first_track, n_tracks;      /* into config.tracks, what is required first */
	unsigned first_route, n_routes;      /* into config.routes */
	unsigned first_rule, n_rules;        /* into config.rules */
	unsigned n_listed;                   /* how many of them go into adverts (those of 'family') */
};

/* OFF: heartbeats have no tag, and none is looked at. PERMISSIVE: they have one, and those without are believed all the same, while
 * keys are introduced. REQUIRED: only those with a right one are. */
enum auth_policy { HEARTBEAT_AUTH_OFF, HEARTBEAT_AUTH_PERMISSIVE, HEARTBEAT_AUTH_REQUIRED };

/* One way by which heartbeats reach a node: paths of one name connect the nodes that have them. */
struct config_path {
	char name[NAME_SIZE];
	char on[IFNAME_SIZE]; /* interface or bond, of that node */
	int bond;             /* index of the bond or vlan that 'on' names, -1: a plain interface */
	struct ip address;    /* that node's; unicast. Of one family on all nodes that have the path, and no two paths have the same */
	bool routed;          /* routers are between the nodes: TTL or hop limit is not checked */
};

struct config_node {
	char name[NODE_SIZE];
	unsigned first_path, n_paths; /* into config.paths; 1…MAX_PATHS, by name */
};

struct config_heartbeat {
	uint64_t interval_ns; /* 2 ms … 10 s */
	unsigned lost;        /* 2…100: so many intervals without one, and a path is dead */
	uint16_t port;        /* UDP, source and destination; ≠ 0 */
	enum auth_policy auth;
	char key_file[256];   /* absolute; "": none, and auth is off */
};

/* A text of any length, as its offset in config.texts; 0: "". */
typedef unsigned config_text;

/* What may be asked of a service. */
enum check_kind {
	CHECK_COMMAND, /* exits with 0 */
	CHECK_TCP,     /* accepts a connection, and answers what is expected */
	CHECK_HTTP,    /* answers a GET or HEAD with that status and body */
	CHECK_UNIT,    /* a systemd unit is active */
	CHECK_PROCESS, /* is there */
	CHECK_FILE,    /* holds a number in that range */
	CHECK_HAPROXY, /* a backend has so many servers up, by the statistics socket */
	CHECK_PING,    /* answers an echo request */
	CHECK_KINDS
};

enum http_method { HTTP_GET, HTTP_HEAD };

/* Of a command that is run for a check or a hook; all 0 where there is none. */
struct config_limits {
	uint64_t output;    /* bytes that are kept of what it says, the last, 1 … 1 MiB */
	uint64_t memory;    /* bytes of each process's address space, 1 MiB … 1 TiB */
	unsigned processes; /* of its user at the same time, 1 … 65535 */
};

struct config_check {
	char name[NAME_SIZE];   /* no bond or vlan has it */
	unsigned kinds;         /* bits, 1u << enum check_kind; at least one; a run passes when all of them do */
	uint64_t interval_ns;   /* 10 ms … 1 h, whole microseconds: from the start of one run to that of the next */
	uint64_t timeout_ns;    /* 1 ms … 1 h, whole microseconds; > interval_ns only with late_skip, = without it where none is written */
	bool late_skip;         /* a run that is due while one runs is left out */
	uint64_t jitter_ns;     /* 0 … interval_ns, whole microseconds: a run starts by so much later at most, at random */
	unsigned fall, rise;    /* 1…100: so many results in a row that say the other thing change its state */
	enum check_state start; /* until then; CHECK_UNKNOWN: the first result alone decides */
	config_text user;       /* of the command; 0: the runner's choice */
	struct config_limits limits; /* of the command */
	unsigned first_arg, n_args;  /* CHECK_COMMAND: into config.args, an absolute path first; n_args 1…MAX_ARGS */
	struct {
		struct ip ip;             /* no name, so that it needs no DNS */
		uint16_t port;            /* ≠ 0 */
		config_text send, expect; /* sent once connected; what the answer must contain; 0: nothing */
	} tcp;
	struct {
		config_text url;          /* http:// or https://, with a host, without a user */
		config_text host;         /* what is asked for in Host and TLS instead of the URL's host; 0: that */
		config_text match;        /* what the body must contain; 0: nothing; needs HTTP_GET */
		config_text ca_file;      /* absolute; 0: the system's */
		bool insecure;            /* the certificate is not looked at */
		uint16_t status_min, status_max; /* 100 … 599 */
		enum http_method method;
	} http;
	config_text unit; /* CHECK_UNIT: with its suffix */
	struct {
		config_text pid_file, name; /* one of them, the other 0: absolute path; the process's name as the kernel has it (comm) */
	} process;
	struct {
		config_text path;               /* absolute */
		bool has_min, has_max;          /* one at least */
		int64_t min_micro, max_micro;   /* in millionths, min ≤ max */
	} file;
	struct {
		config_text socket;  /* absolute path */
		config_text backend;
		unsigned servers;    /* 1…65535 of it must be up */
	} haproxy;
	struct {
		struct ip ip;   /* unicast, not link-local */
		unsigned count; /* 1…20 requests in a run; any answer is enough */
	} ping;
};

enum hook_object { HOOK_VIP, HOOK_BOND, HOOK_PORT, HOOK_CHECK, HOOK_NODE };

/* Of struct config_when's states of a bond, the bit behind those of enum bond_state: its active port changed. */
enum { HOOK_BOND_PORT = BOND_UP + 1 };

/* One condition of a hook: an object of that kind and name comes into one of these states. */
struct config_when {
	enum hook_object object;
	char glob[NODE_SIZE]; /* for its name, as match_glob has it; of a port: its interface's name */
	uint32_t states;      /* bits, 1u << enum vip_state, bond_state, port_state, check_state or node_state; at least one */
};

enum hook_action { HOOK_RUN, HOOK_START, HOOK_STOP, HOOK_RESTART, HOOK_TEST };

struct config_hook {
	char name[NAME_SIZE];
	unsigned first_when, n_whens; /* into config.whens; 1…MAX_WHENS; any of them is enough */
	enum hook_action action;
	unsigned first_arg, n_args;   /* HOOK_RUN: into config.args, an absolute path first; n_args 1…MAX_ARGS */
	config_text unit;             /* HOOK_START, STOP, RESTART: with its suffix */
	int check;                    /* HOOK_TEST: index of the check, else -1; all whens are a vip's state active */
	uint64_t timeout_ns;          /* 10 ms … 1 h, whole microseconds */
	uint64_t blocking_ns;         /* the vip becomes active after it, or after so long, ≤ 5 s, whole microseconds; 0: it does not
				       * wait. RUN and START alone, and all whens are a vip's state active */
	config_text user;             /* HOOK_RUN; 0: the runner's choice */
	struct config_limits limits;  /* HOOK_RUN */
};

struct config {
	char node[NODE_SIZE];
	char digest[17]; /* hex; equal for equal meaning, whatever the layout of the files */
	uint8_t machine_id[16]; /* machine-id(5), for MAC_STABLE; zero while a file is only checked. Not part of the digest. */
	struct config_bond *bonds; /* bonds, then vlans */
	unsigned n_bonds;
	struct config_probe *probes;
	unsigned n_probes;
	struct config_track *tracks;
	unsigned n_tracks;
	struct config_vip *vips;
	unsigned n_vips;
	struct config_address *addresses;
	unsigned n_addresses;
	struct config_route *routes;
	unsigned n_routes;
	struct config_rule *rules;
	unsigned n_rules;
	struct ip *peers; /* of unicast vips, this node's own address perhaps among them */
	unsigned n_peers;
	struct config_node *nodes; /* by name, this one among them; none, or 2…MAX_NODES */
	unsigned n_nodes;
	int self;                  /* index of this node, -1: no nodes are configured */
	struct config_path *paths; /* of all nodes */
	unsigned n_paths;
	struct config_heartbeat heartbeat; /* the defaults where none is configured */
	struct config_check *checks; /* by name */
	unsigned n_checks;
	struct config_hook *hooks; /* by name, which is the order in which those of one transition run */
	unsigned n_hooks;
	struct config_when *whens; /* of hooks */
	unsigned n_whens;
	config_text *args; /* of commands */
	unsigned n_args;
	char *texts; /* "", then others, each with its NUL */
	size_t texts_size;
	uint64_t common_digest;    /* equal on all nodes that read files of equal meaning; `node` is not part of it */
};

/* Lives as long as the configuration. */
static inline const char *config_text_of(const struct config *config, config_text text)
{
	return text ? config->texts + text : "";
}

#endif
