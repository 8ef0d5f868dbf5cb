/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decisions: events in, actions out. No clock, no file descriptor, no global, no allocation after core_configure.
 *
 * All times are CLOCK_BOOTTIME nanoseconds. One struct core belongs to one thread. The core is level-triggered: events
 * update a model of what is, policy computes what should be, and the plan emits should − (is + in flight). */
#ifndef STANDBYD_CORE_CORE_H
#define STANDBYD_CORE_CORE_H

#include <stddef.h>

#include "core/config.h"
#include "core/types.h"
#include "wire/heartbeat.h"

struct core;

/* ---- actions: what the shell must do ---------------------------------------------------------------------------- */

enum action_type {
	/* packets; the shell sends them at once and reports nothing */
	ACT_ADVERT,         /* send one VRRP advert */
	ACT_ANNOUNCE,       /* send GARP request + reply, or unsolicited NA, for one address */
	ACT_PROBE,          /* send one ARP request or neighbour solicitation through one port */
	/* changes; each is answered by exactly one EV_DONE or EV_FAILED that carries the action back */
	ACT_ADDRESS_ADD,    /* RTM_NEWADDR, create, marked as ours; EEXIST is a failure */
	ACT_ADDRESS_RENEW,  /* RTM_NEWADDR with REPLACE and without CREATE: prolong the lifetime */
	ACT_ADDRESS_DEL,    /* RTM_DELADDR */
	ACT_ROUTE_ADD,      /* RTM_NEWROUTE, marked; CREATE, and REPLACE if u.route.replace, else EXCL */
	ACT_ROUTE_DEL,
	ACT_LINK_UP,        /* set IFF_UP */
	ACT_LINK_DOWN,
	ACT_BOND_CREATE,    /* make the device of u.link.driver, CREATE|EXCL. Bonding: active-backup, miimon 100, no primary; team:
			     * activebackup, made by libteam. With u.link.mac and u.link.mtu where they are given. */
	ACT_BOND_SET,       /* change the attributes named in u.link.bond_set of an existing bond or team */
	ACT_BOND_REBUILD,   /* all or nothing: release the ports, delete it if it is of another kind and make it, or set it down and
			     * change what only an empty bond takes, take the ports again, and put back every address and route that
			     * the device had. Refused: everything is as it was. */
	ACT_VLAN_CREATE,    /* vlan u.link.vlan_id named u.link.ifname on u.link.master, CREATE|EXCL */
	ACT_ENSLAVE,        /* all or nothing: set the port u.link.ifindex down, give it to u.link.master, whose MAC address it then
			     * has, and let the addresses and routes that it had follow it there. Refused: the port has what it
			     * had. */
	ACT_RELEASE,        /* IFLA_MASTER of u.link.ifindex = 0 */
	ACT_SET_ACTIVE,     /* the active port of the bond or team u.link.ifindex = u.link.port */
	ACT_LINK_MTU,       /* IFLA_MTU of u.link.ifindex = u.link.mtu */
	ACT_LINK_MAC,       /* IFLA_ADDRESS of u.link.ifindex = u.link.mac */
	ACT_LOOK,           /* ask the driver of u.look.ifindex for its carrier; EV_DONE's action has it in u.look.carrier */
	ACT_SYSCTL,         /* write u.sysctl.value to net/ipv4/conf/IFNAME/KEY, or read it: EV_DONE's action has the value */
	ACT_LISTEN,         /* open the VRRP socket on the interface and join the group; or the socket for probes' answers */
	ACT_UNLISTEN,       /* close it */
	ACT_RESOLVE,        /* let the kernel ask at once for the neighbours on u.resolve.ifindex that it waits for an answer of; what
			     * comes of it is no news, and its answer is ignored */
	/* requests without an answer of their own */
	ACT_SNAPSHOT,       /* dump links, addresses, routes, rules; feed EV_SNAP_BEGIN, items with that epoch, EV_SNAP_END */
	ACT_NOTE,           /* something a person wants to know: journal, `standbyctl events`, hooks */
	ACT_STOPPED,        /* after EV_STOP: everything is let go, the daemon may exit. Repeated never. */
	/* more changes: devices for virtual MAC addresses */
	ACT_VMAC_CREATE,    /* macvlan u.link.ifname, in bridge mode and down, on u.link.master, with u.link.mac and u.link.mtu, marked
			     * as ours, CREATE|EXCL */
	ACT_VMAC_SET,       /* the sysctls of u.link.ifname, all of them: that it answers for its own addresses alone, and takes none
			     * by itself */
	ACT_VMAC_DELETE,    /* RTM_DELLINK of u.link.ifindex */
	ACT_RULE_ADD,       /* RTM_NEWRULE, marked as ours; CREATE|EXCL */
	ACT_RULE_DEL,
	ACT_HEARTBEAT,      /* send u.heartbeat; without an answer */
	ACT_TYPES
};

/* Which attributes of a bond ACT_BOND_SET writes. The mode and fail_over_mac can only be written while the bond is empty, the
 * mode only while it is down too. A team has BOND_SET_MODE alone. */
enum bond_set {
	BOND_SET_MODE = 1,
	BOND_SET_MIIMON = 2,
	BOND_SET_NO_PRIMARY = 4,
	BOND_SET_RESELECT = 8,
	BOND_SET_FAIL_OVER_MAC = 16
};

enum { /* linux/if_bonding.h */
	BOND_MODE_ACTIVEBACKUP = 1,
	BOND_MIIMON_MS = 100,
	BOND_RESELECT_FAILURE = 2,
	BOND_FOM_NONE = 0,
	BOND_FOM_ACTIVE = 1
};

enum sysctl_key { SYSCTL_ARP_IGNORE, SYSCTL_ARP_ANNOUNCE, SYSCTL_PROMOTE_SECONDARIES, SYSCTL_KEYS };

/* What a note says besides a change of state. */
enum note_code {
	NOTE_STATE,          /* object went from `previous` to `state`, why: reason */
	NOTE_REPAIRED,       /* an address or route of ours was gone and is put back; arg0 the culprit's netlink port id */
	NOTE_REPAIR_BACKOFF, /* somebody keeps undoing it: the next repair waits; arg0 the delay, arg1 the count */
	NOTE_REFUSED,        /* the kernel refused a change; arg0 errno, arg1 enum action_type */
	NOTE_CONFLICT,       /* another MAC claims our vip's address; mac, reason.ip */
	NOTE_INTERVAL,       /* the active one announces another interval than ours; arg0 its, arg1 ours */
	NOTE_ADDRESS_LIST,   /* its address list differs from ours (counted, never elected on); ip its source */
	NOTE_OWNER_CLASH,    /* priority 255 and hears an advert of another */
	NOTE_OVERRUN,        /* netlink events were lost; a snapshot repairs it */
	NOTE_LATE,           /* woke up late; arg0 how late */
	NOTE_ADOPTED,        /* a bond or address that is already right was adopted untouched */
	NOTE_ACTIVE_PORT,    /* the bond's active port changed; arg0 old port index or -1, arg1 new or -1 */
	NOTE_PROBE_LOST,     /* a port's probe is no longer answered; ip the target, arg0 since how long, arg1 the probe's index */
	NOTE_PROBE_BACK,     /* it is again; ip the target, arg0 how long it was not, arg1 the probe's index */
	NOTE_TARGET_SILENT,  /* a target never answered any port: its probe decides nothing; ip, arg1 the probe's index */
	NOTE_MANUAL,         /* a person switched the bond by hand (arg0 the port's index), or gave the choice back (-1) */
	NOTE_RELEASED,       /* a port of ours was given to another master (arg0 its ifindex, 0: none); arg1 the culprit */
	NOTE_CHECKSUM,       /* another checksum form was heard, and is sent from now on; arg0 it (enum vrrp_checksum), ip the source */
	NOTE_CHANGED,        /* options, MTU or MAC of a device of ours were changed and are set right; arg0 the culprit */
	NOTE_REBUILT,        /* the bond was taken apart and built anew; arg0 its former mode, -1: it was a
			      * team; arg1 it was a device of the other driver */
	NOTE_DRAINED,        /* a person drained this node: it holds no vip until it is undrained */
	NOTE_UNDRAINED,
	NOTE_REEXECUTED,     /* of the shell: another program goes on in this process; name "OLD → NEW", arg0 how long nobody acted */
	NOTE_DIGEST,         /* another node runs another configuration (arg0 1), or the same again (0) */
	NOTE_NEWER,          /* another node speaks a later version of the heartbeat (arg0), which is understood in part */
	NOTE_CHECK_SILENT,   /* no run of a check has ended for so long (arg0); what it counts as stays */
	NOTE_CHECK_BACK,     /* one has again; arg0 how long none had */
	NOTE_TAKING,         /* a vip is to become active, and waits for its blocking hooks; reason: as of NOTE_STATE */
	NOTE_PATH_SLOW,      /* a path's round trip (arg0) is longer than own interval × lost (arg1) */
	NOTE_PATH_PROMPT,    /* it no longer is; the same arguments */
	NOTE_DAEMON_GONE,    /* another node's daemon ended, and its kernel lives: before the node counts as silent */
	NOTE_CODES
};

struct note {
	enum note_code code;
	uint8_t previous, state; /* of the object's own enum */
	struct reason reason;
	uint8_t mac[MAC_SIZE];
	bool prepared; /* NOTE_STATE, active: its NOTE_TAKING came before */
};

struct action_advert {
	int ifindex;
	uint8_t family, version, vrid, priority;
	uint16_t interval_cs; /* 1…4095; version 2: 100…25500, whole seconds */
	bool has_auth;        /* version 2 */
	uint8_t auth[AUTH_SIZE];
	uint8_t checksum;     /* enum vrrp_checksum */
	struct ip source;
	uint8_t mac[MAC_SIZE]; /* to the group: that it is sent from, the virtual router's or the interface's own; zero: it has none, or unicast */
	const struct config_address *addresses; /* the listed ones; valid until the next core_configure */
	unsigned n_addresses;
	const struct ip *peers; /* to each of them; valid as addresses */
	unsigned n_peers;       /* 0: to the group */
};

struct action_announce {
	int ifindex;
	struct ip ip;
	uint8_t mac[MAC_SIZE]; /* as the interface has it now, or the virtual router's */
};

struct action_address {
	int ifindex;
	char ifname[IFNAME_SIZE];
	struct ip ip;
	uint8_t prefix;
	bool nodad;           /* IFA_F_NODAD (IPv6) */
	uint32_t lifetime_s;  /* valid and preferred; UINT32_MAX: for ever */
	uint32_t metric;      /* of the route to its network; 0: the kernel's own */
};

struct action_route {
	int ifindex;
	struct config_route route;
	bool replace;
};

struct action_rule {
	struct config_rule rule;
};

struct action_link {
	int ifindex; /* ACT_BOND_CREATE, ACT_VLAN_CREATE: 0 */
	char ifname[IFNAME_SIZE];
	enum bond_driver driver; /* of the bond itself, or of the port's */
	int master, port;
	unsigned bond_set;       /* enum bond_set */
	uint8_t fail_over_mac;   /* ACT_BOND_CREATE, ACT_BOND_SET, ACT_BOND_REBUILD */
	uint32_t mtu;            /* 0: leave */
	uint8_t mac[MAC_SIZE];   /* zero: leave */
	uint16_t vlan_id;
	unsigned n_ports;        /* ACT_BOND_REBUILD: to take afterwards */
	int ports[MAX_PORTS];
};

struct action_look {
	int ifindex;
	char ifname[IFNAME_SIZE];
	bool carrier; /* the answer */
};

/* A probe asks in a way that moves nothing: a standby asks from a MAC of its own, so that no switch learns the bond's MAC on
 * its port, and with no address of the node (ARP: sender 0.0.0.0, RFC 5227 §1.1; ND: from the link-local address made of
 * that MAC), so that no neighbour learns it either. */
struct action_probe {
	int ifindex;           /* the port */
	enum probe_kind kind;
	struct ip target;
	struct ip source;      /* FAMILY_NONE: as above */
	uint8_t mac[MAC_SIZE]; /* to send from, and where the answer goes */
	uint16_t vlan;         /* 0: untagged */
};

struct action_sysctl {
	int ifindex;
	char ifname[IFNAME_SIZE];
	enum sysctl_key key;
	int value;
	bool read;            /* only look */
	bool put_back;        /* only if it is still `expected`: somebody else's value stays */
	int expected;
};

struct action_listen {
	int ifindex;
	char ifname[IFNAME_SIZE];
	uint8_t family;        /* of VRRP; FAMILY_NONE with probes */
	bool unicast;          /* VRRP: the group is not joined; a socket that is there is replaced */
	bool probes;           /* the answers to ACT_PROBE, as EV_PROBE */
	uint8_t mac[MAC_SIZE]; /* probes: what the NIC must let in besides its own */
};

struct action_heartbeat {
	unsigned path;         /* of this node's; counts in its entry of the configuration */
	struct ip from, to;
	const struct heartbeat *message; /* valid until the next step, without claims, which follow */
	const struct heartbeat_claim *claims; /* valid until the next step */
	unsigned n_claims;     /* ≤ HEARTBEAT_CLAIMS */
};

struct action {
	uint32_t gen; /* of changes: tells a stale answer from the awaited one; unique in this core's life */
	enum action_type type;
	struct object object;
	union {
		struct action_advert advert;
		struct action_announce announce;
		struct action_address address;
		struct action_route route;
		struct action_rule rule;
		struct action_link link;
		struct action_sysctl sysctl;
		struct action_listen listen;
		struct action_probe probe;
		struct action_look look;
		struct { int ifindex; } resolve;
		struct action_heartbeat heartbeat;
		/* routes, rules: they are asked for too; all_tables: not only routes of the main table */
		struct { uint32_t epoch; bool routes, all_tables, rules; } snapshot;
		struct note note;
	} u;
};

/* ---- events: what the shell saw --------------------------------------------------------------------------------- */

enum event_type {
	EV_CONTINUE,      /* call again: the last step had more to say than fitted */
	EV_TIMER,         /* core_deadline has passed (an early one is harmless) */
	EV_LINK,          /* RTM_NEWLINK */
	EV_LINK_GONE,     /* RTM_DELLINK */
	EV_ADDRESS,       /* RTM_NEWADDR */
	EV_ADDRESS_GONE,  /* RTM_DELADDR */
	EV_ROUTE,         /* RTM_NEWROUTE, main table, unicast */
	EV_ROUTE_GONE,
	EV_SNAP_BEGIN,    /* the items of ACT_SNAPSHOT follow; events from the live socket read before its items are older */
	EV_SNAP_END,
	EV_OVERRUN,       /* live netlink events were lost, or a dump was interrupted or failed */
	EV_DONE,          /* a change was made; u.result.action is the action */
	EV_FAILED,        /* it was refused; u.result.error is the errno */
	EV_ADVERT,        /* a valid VRRP advert */
	EV_DROPPED,       /* an invalid one, counted under its reason */
	EV_CLAIM,         /* ARP or NA in which somebody claims an address */
	EV_PROBE,         /* an answer to a probe */
	EV_TEAM,          /* what libteam says of a team; in a snapshot after its EV_LINK */
	EV_DEVICE,        /* udev has something new about a device: a snapshot tells */
	EV_SWITCH,        /* a person chooses a bond's port */
	EV_ROLE,          /* a person says who shall hold what */
	EV_RESUME,        /* what the state file says of one vip; only before the first EV_SNAP_END */
	EV_LEFTOVER,      /* an address that this instance's record says may be ours; only before the first EV_SNAP_END */
	EV_STOP,          /* stop: goodbye, leave, then ACT_STOPPED */
	/* What a predecessor in this process knew (core_succession); after the items of the first snapshot, before its end */
	EV_RESUME_BOND,
	EV_RESUME_PORT,
	EV_RESUME_TARGET,
	EV_LOAN,          /* what RUNDIR/loans says that this instance made or changed; only before the first EV_SNAP_END */
	EV_RULE,          /* RTM_NEWRULE */
	EV_RULE_GONE,
	EV_HEARTBEAT,     /* a heartbeat came in, or what was to be one */
	EV_CHECK,         /* one run of a check has ended */
	EV_RESUME_CHECK,  /* of core_succession too; before the first snapshot, and before any EV_CHECK */
	EV_HOOKS,         /* the blocking hooks of a vip are done, for its last NOTE_TAKING */
	EV_LEFTOVER_ROUTE, /* a vip's route, as EV_LEFTOVER */
	EV_LEFTOVER_RULE,  /* a vip's rule */
	/* Of core_succession too: before anything else that follows core_configure, in this order */
	EV_RESUME_NODE,
	EV_RESUME_PEER,
	EV_RESUME_FORMER,
	EV_RESUME_PATH,
	EV_LINE_ENDED,     /* the connection of a path was closed or reset by the other node's end */
	EV_TYPES
};

/* KIND_VIRTUAL: no NIC, not even a virtual one: tunnels, vrf, ifb, … */
enum link_kind { KIND_OTHER, KIND_BOND, KIND_TEAM, KIND_VLAN, KIND_MACVLAN, KIND_BRIDGE, KIND_VIRTUAL };

struct event_link {
	int ifindex;
	char name[IFNAME_SIZE];
	bool up;        /* IFF_UP */
	bool carrier;   /* IFF_LOWER_UP */
	int master;     /* ifindex, 0: none */
	uint8_t mac[MAC_SIZE];
	uint32_t mtu, max_mtu;      /* max_mtu 0: no limit told */
	enum link_kind kind;
	uint8_t perm_mac[MAC_SIZE]; /* zero: it has none */
	bool loopback, vf;          /* vf: an SR-IOV virtual function */
	bool prompt;                /* its carrier is told at once: the kernel delays that of plain devices only */
	bool uninitialised;         /* udev speaks for this namespace and has not finished with it */
	char driver[32];            /* ID_NET_DRIVER, or the kind of a virtual device; "": unknown */
	char path[PORT_SPEC_SIZE];  /* ID_PATH; "": unknown */
	struct {        /* KIND_BOND only */
		uint8_t mode, reselect, fail_over_mac;
		uint32_t miimon;
		int active, primary; /* ifindex, 0: none */
	} bond;
	struct { int link; uint16_t id; } vlan; /* KIND_VLAN; KIND_MACVLAN: link alone */
	bool ours;      /* KIND_MACVLAN: its group says so */
	uint32_t cause; /* nlmsg_pid: who caused it, 0: the kernel itself */
};

struct event_address {
	int ifindex;
	struct ip ip;
	uint8_t prefix;
	bool ours;           /* IFA_PROTO says so */
	bool tentative, dadfailed, secondary, permanent;
	uint32_t valid_s;    /* remaining, UINT32_MAX: for ever */
	uint64_t renewed_ns; /* IFA_CACHEINFO.tstamp on CLOCK_BOOTTIME's scale; 0: unknown */
	uint32_t cause;
};

struct event_route {
	int ifindex;
	struct config_route route;
	bool ours;
	uint32_t cause;
};

struct event_rule {
	struct config_rule rule;
	bool ours;
	uint32_t cause;
};

struct event_result {
	struct action action;
	int error;                /* EV_FAILED: errno, > 0 */
};

struct event_advert {
	int ifindex;              /* the path it came by */
	uint8_t family, version, vrid, priority;
	uint64_t interval_ns;     /* > 0 */
	struct ip source;
	unsigned n_addresses;
	uint64_t address_hash;    /* core_address_hash over its list, in any order */
	uint8_t checksum;         /* enum vrrp_checksum: which form it had; version 2 has but one */
	uint8_t auth_type;        /* version 2: 0 none, 1 password */
	uint8_t auth[AUTH_SIZE];  /* version 2 */
};

struct event_claim {
	int ifindex;
	struct ip ip;
	uint8_t mac[MAC_SIZE];
	bool announcement;        /* gratuitous ARP or unsolicited NA, as a new holder sends */
};

struct event_probe {
	int ifindex;              /* the port that it came in by */
	struct ip target;
	uint16_t vlan;
	uint8_t to[MAC_SIZE];     /* whom it answers */
};

struct event_team {
	int ifindex;
	bool activebackup;        /* its mode */
	int active;               /* ifindex, 0: none */
};

struct event_switch {
	char bond[IFNAME_SIZE];
	char port[PORT_SPEC_SIZE]; /* a device's name or an entry of `ports`; "": the choice is the daemon's again */
};

enum role_order {
	ROLE_HANDOVER,  /* the vip is left to the others, although this node is better, until they fail */
	ROLE_DRAIN,     /* every vip is left, and none is taken */
	ROLE_UNDRAIN,   /* all stand again by the usual rules, those that were handed over too */
	ROLE_GIVEN,     /* a predecessor of this process had handed the vip over; only before the first EV_SNAP_END */
};

struct event_role {
	uint32_t order;           /* enum role_order */
	char vip[NAME_SIZE];      /* ROLE_HANDOVER, ROLE_GIVEN */
	bool force;               /* ROLE_HANDOVER: although nobody else was ever heard */
};

/* What the keys say of a heartbeat. */
enum heartbeat_auth { HEARTBEAT_UNSIGNED, HEARTBEAT_SIGNED, HEARTBEAT_FORGED, HEARTBEAT_KEYLESS };

struct event_heartbeat {
	unsigned path;         /* this node's, whose address it was sent to */
	int ifindex;           /* that it came in by */
	struct ip source;
	enum heartbeat_drop drop;       /* it is none, and only counted; nothing else below is read then */
	enum heartbeat_auth auth;
	const struct heartbeat *message;
};

struct event_line {
	unsigned path;         /* this node's */
	struct ip other;       /* the other node's address */
};

struct event_resume {
	char vip[NAME_SIZE];
	bool active;              /* it was active, in this boot */
	uint64_t last_sign_ns;    /* last advert sent */
	uint8_t checksum;         /* enum vrrp_checksum: what `auto` had learned */
	/* The predecessor gave its sockets on: what others sent since then has been, or is going to be, given to the core before
	 * the end of the first snapshot. What follows counts only then. */
	bool kept;
	uint8_t state;            /* enum vip_state */
	bool left;                /* the last advert heard was a goodbye */
	uint8_t heard_priority;
	struct ip heard_source;   /* FAMILY_NONE: none was heard */
	uint64_t since_ns;        /* of the state */
	uint64_t heard_ns;
	uint64_t interval_ns;     /* backup: the active one's */
	uint64_t down_ns;         /* backup: when it is taken for dead */
	uint64_t lower_ns, lower_floor_ns; /* backup: a preempt-delay that runs */
	char failed_test[NAME_SIZE]; /* the check that failed after it was taken, and has not passed since; "": none */
};

struct event_resume_bond {
	char bond[IFNAME_SIZE];
	uint8_t state;            /* enum bond_state */
	uint64_t since_ns, failovers;
	uint64_t probing_ns, asked_ns; /* since when it probes, and its last round */
};

struct event_resume_port {
	char bond[IFNAME_SIZE], port[IFNAME_SIZE]; /* port: the device */
	uint8_t state;            /* enum port_state */
	bool active, manual, was_healthy, damped;
	uint8_t verdict;          /* of its probes */
	uint32_t penalty;
	uint64_t since_ns, penalty_ns, hold_ns, refused_ns, reached_ns; /* hold, refused: until then; 0: not */
};

struct event_resume_target {
	char bond[IFNAME_SIZE], port[IFNAME_SIZE];
	uint32_t number;          /* among the bond's targets */
	struct ip ip;
	bool answered, told;      /* it has answered some port; that it never did was told */
	bool lost;
	uint32_t unanswered;
	uint64_t sent_ns, answered_ns, silent_ns, sent;
};

struct event_check {
	char check[NAME_SIZE];
	bool passed;
	char vip[NAME_SIZE]; /* it was a test after taking that one over; "": a run of its own */
};

struct event_resume_check {
	char check[NAME_SIZE];
	uint8_t state;            /* enum check_state */
	bool silent;
	uint32_t in_a_row;        /* so many results said something else … */
	uint64_t definition;      /* … by that definition */
	uint64_t since_ns, heard_ns;
};

/* This node, as the others know it: they see one sender, which goes on. */
struct event_resume_node {
	char node[NODE_SIZE];
	uint64_t incarnation;
	uint64_t sequence;        /* of the last heartbeat; whoever stands in meanwhile goes on by the clock */
};

/* Another node, whose heartbeats somebody has gone on to hear, and to say so, until the first snapshot: nobody is taken for silent by what comes before. */
struct event_resume_peer {
	char node[NODE_SIZE];
	uint8_t state;            /* enum node_state */
	uint64_t since_ns, heard_ns;
	uint64_t incarnation, begun_sequence, sequence;
	uint64_t interval_ns;     /* as it says */
	uint32_t lost, n_vips;
	uint64_t digest;
	bool digest_told;
	uint8_t version;          /* of its heartbeats */
};

/* An earlier start of it, which does not come back. */
struct event_resume_former {
	char node[NODE_SIZE];
	uint64_t incarnation;
};

struct event_resume_path {
	char node[NODE_SIZE], path[NAME_SIZE];
	struct ip own, other;     /* its ends */
	uint8_t state;            /* enum path_state */
	bool silent;
	uint64_t since_ns, heard_ns, back_ns;
	uint64_t sequence, told_sequence; /* the other's last; ours that it heard last */
	uint64_t trip_ns;         /* the round trip by it; 0: none was measured */
	bool slow;                /* it is longer than the detection allows: that was told */
	uint64_t sent, received;
};

struct event_leftover {
	char ifname[IFNAME_SIZE];
	struct ip ip;
	uint8_t prefix;
	char bond[NAME_SIZE]; /* the moving bond whose own address it is; "": a vip's */
};

struct event_leftover_route {
	char ifname[IFNAME_SIZE];
	struct config_route route; /* its identity; the rest of it does not count */
};

/* A device that may be ours, or a sysctl that had another value before it was changed. */
struct event_loan {
	char ifname[IFNAME_SIZE];
	bool device;
	uint8_t key;              /* enum sysctl_key */
	int value;                /* what it was */
};

struct event {
	uint64_t now_ns;  /* when it is given to the core; never runs backwards */
	uint64_t seen_ns; /* when it happened (a packet's receive timestamp), ≤ now_ns; 0: now */
	enum event_type type;
	uint32_t epoch;   /* EV_LINK…EV_ROUTE and EV_SNAP_*: the snapshot it belongs to; 0: live */
	union {
		struct event_link link;
		struct event_address address;
		struct event_route route;
		struct event_rule rule;
		struct event_result result;
		struct event_advert advert;
		struct { int ifindex; enum drop_reason reason; struct ip source; } dropped;
		struct event_claim claim;
		struct event_probe probe;
		struct event_team team;
		struct { int ifindex; } device;
		struct event_switch select;
		struct event_role role;
		struct event_resume resume;
		struct event_leftover leftover;
		struct event_leftover_route leftover_route;
		struct { struct config_rule rule; } leftover_rule;
		struct event_resume_bond resume_bond;
		struct event_resume_port resume_port;
		struct event_resume_target resume_target;
		struct event_loan loan;
		struct event_heartbeat heartbeat;
		struct event_line line;
		struct event_check check;
		struct event_resume_check resume_check;
		struct event_resume_node resume_node;
		struct event_resume_peer resume_peer;
		struct event_resume_former resume_former;
		struct event_resume_path resume_path;
		struct { char vip[NAME_SIZE]; } hooks;
	} u;
};

/* ---- the core --------------------------------------------------------------------------------------------------- */

/* A core without configuration, its random generator seeded. NULL if memory is short. Free with core_free. */
struct core *core_new(uint64_t seed);
void core_free(struct core *);

/* Takes over a configuration, all or nothing: 0, or -ENOMEM and the old one stays in force. The config is copied.
 * Objects that both configurations have (by name and identity) keep their state; vips that are gone say goodbye and
 * leave by the usual path and vanish at the following core_configure. Follow it with EV_CONTINUE. */
int core_configure(struct core *, const struct config *, uint64_t now_ns);

/* One event. Fills at most cap actions (cap ≥ 16), sends before changes, and returns how many. *more: there was no
 * room for all; call again with EV_CONTINUE before any other event. */
size_t core_step(struct core *, const struct event *, struct action *out, size_t cap, bool *more);

/* When EV_TIMER is due next; NEVER: not at all. */
uint64_t core_deadline(const struct core *);

/* The sum over a list of addresses that makes two lists comparable in any order. */
uint64_t core_address_hash(const struct ip *);

struct preview {
	void (*each)(void *closure, const struct core *next, const struct action *);
	/* The items of a snapshot of the kernel as it is, one a call; false: that was the last. They bring what the
	 * configuration in force does not name. NULL: nothing but what the core knows is looked at. */
	bool (*item)(void *closure, struct event *);
	void *closure;
};

/* What a reload with that configuration would do at once: calls each with every action, in order, each change taken for made
 * when it was shown, and changes nothing. What waits for time or for the kernel's own events is not shown. 0 or -ENOMEM. */
int core_preview(const struct core *, const struct config *, uint64_t now_ns, const struct preview *);

/* What a core in the same process is to know, once this one has ended: one event a call, false: that was the last. Start with
 * *cursor 0. The vips' and checks' (EV_RESUME, EV_RESUME_CHECK) are for engine_resume's moment, the others as said at EV_RESUME_BOND and
 * EV_RESUME_NODE. now_ns is 0. */
bool core_succession(const struct core *, unsigned *cursor, struct event *);

/* Whether such a core could go on: nothing is half done. False: *what has the object that is in the middle of something. */
bool core_may_succeed(const struct core *, struct object *what);

/* From now on this core only goes on to say what it has said last: its heartbeats have the claims of this moment, whatever it hears. For a copy of
 * the process that speaks until its successor does. */
void core_stand_in(struct core *);

/* What was heard by a path: the number of the other's last heartbeat, and of ours that it heard last; when. */
struct path_heard {
	uint64_t sequence, told_sequence, heard_ns;
};

/* The i-th path in the order of core_succession's EV_RESUME_PATH. False: there are fewer. */
bool core_path_heard(const struct core *, unsigned i, struct path_heard *);

/* Somebody else has read this node's heartbeats until now: nobody is silent because of that. */
void core_was_deaf(struct core *, uint64_t now_ns);

/* Whether an address is one that the core wants claims for (EV_CLAIM): an address of a vip on that interface. Cheap. */
bool core_wants_claim(const struct core *, const struct ip *);

/* ---- views, for status; valid until the next step ----------------------------------------------------------------*/

struct port_view {
	const char *name;       /* the device's; while none is found, the entry of `ports` */
	const char *spec;       /* that entry */
	bool hidden;            /* a place for a device that a glob or driver: may find yet */
	enum port_state state;
	struct reason reason;
	uint64_t since_ns;
	unsigned penalty;       /* of flapping, now; 1000 for each loss, halved every 15 s */
	bool manual;            /* chosen by a person */
	bool probes_lost;       /* a warning even on a standby */
};

enum probe_state { PROBE_WAITING, PROBE_SILENT, PROBE_ANSWERED, PROBE_LOST };

struct probe_view {
	const char *name;
	enum probe_kind kind;
	struct ip target;
	enum probe_state state; /* waiting: just begun, or the port has no link; silent: never answered */
	uint64_t answered_ns;   /* 0: never */
	uint64_t sent;
};

struct bond_view {
	const char *name;
	bool removed;          /* no longer configured, under vips that are still leaving */
	enum bond_driver driver;
	enum bond_state state;
	int active_port;       /* index, -1: none */
	unsigned n_ports;
	struct reason reason;
	uint64_t since_ns;
	uint64_t failovers;    /* changes of the active port since the start */
	bool manual;           /* the active port was chosen by a person */
	uint32_t mtu;          /* of the device; 0: unknown or none */
	const char *link;      /* DRIVER_VLAN: the bond below it */
	uint16_t vlan_id;
	unsigned n_probes;     /* targets of all its probes together */
	const struct config_address *addresses; /* its own; valid as the rest is */
	unsigned n_addresses;
	const struct config_route *routes;      /* as the addresses */
	unsigned n_routes;
};

struct vip_counters {
	uint64_t adverts_sent, adverts_received, priority_zero_sent, priority_zero_received;
	uint64_t became_active, address_list_differs, interval_differs, conflicts, repairs;
	uint64_t checksum_rfc9568, checksum_rfc5798, checksum_group;
	uint64_t late_max_ns;  /* the latest own advert so far */
};

struct vip_view {
	const char *name, *on;
	const char *device;       /* that has its addresses and its MAC address; "": it has none of its own */
	const uint8_t *mac;       /* that address; NULL: the interface's */
	const char *group;        /* "": none */
	uint8_t vrid, family, version;
	enum vip_state state;
	bool holding;             /* all its addresses are on the interface */
	uint8_t priority, effective_priority;
	unsigned n_tracks;        /* what it rests on */
	const struct config_address *addresses;
	unsigned n_addresses;
	unsigned n_routes, n_rules;
	const struct ip *peers;   /* whom a unicast vip sends to; own addresses are left out */
	unsigned n_peers;
	enum vip_protocol protocol;
	struct ip active_source;  /* VRRP: who is active, as heard; family FAMILY_NONE: unknown; ours when active */
	const char *active_node;  /* by claims: who is active, as it says; "": nobody, or unknown */
	struct reason reason;
	uint64_t since_ns;
	uint64_t last_sign_ns;    /* last own advert; for the state file */
	uint64_t heard_ns;        /* last advert of another, or heartbeat of one that could hold it; 0: none */
	uint64_t down_ns;         /* so long after it the other is taken for dead */
	bool other_left;          /* it was a goodbye */
	bool given;               /* handed over by a person, and it stays so */
	bool removed;             /* no longer configured, still leaving */
	uint8_t checksum;         /* enum vrrp_checksum: the form that is sent */
	uint8_t heard_checksum;   /* what `auto` has learned; for the state file */
	bool accept;              /* takes packets to its addresses */
	bool lease_none;          /* too many IPv6 addresses for a kernel lease */
	const struct vip_counters *counters;
};

/* An address on another interface than its vip's. */
struct away_view {
	const struct config_address *address;
	bool there;
	struct reason reason;  /* why it is not, or cannot be reached there; REASON_NONE: it can */
};

/* A route that is there while its vip is held here. */
struct vip_route_view {
	const struct config_route *route;
	const char *on;        /* the bond or interface that it goes by */
	bool wanted, there;
	struct reason reason;  /* why it cannot be there; REASON_NONE: it can */
};

struct rule_view {
	const struct config_rule *rule;
	bool there;
	struct reason reason;  /* why it is not although it should be; REASON_NONE: nothing is wrong */
};

struct track_view {
	const char *name;
	uint8_t lower;         /* 0: it is required */
	struct reason reason;  /* why it is not there; REASON_NONE: it is */
	int check;             /* index of the check that it is, -1: it is none */
};

struct check_view {
	const char *name;
	enum check_state state;
	struct reason reason;
	uint64_t since_ns;
	uint64_t heard_ns;     /* the last result; 0: none yet */
	bool silent;           /* there was none for too long (a warning) */
	uint64_t awaited_ns;   /* since when one is awaited: heard_ns, or when it was first configured */
	unsigned in_a_row;     /* so many results in a row said the other thing … */
	unsigned needed;       /* … and so many change its state */
};

/* What a vip's state was decided on. Times are absolute but for those that say "long"; NEVER: it does not run. */
struct vip_figures {
	uint64_t now_ns;          /* of the core's last event */
	uint64_t advert_ns;       /* long: our own interval */
	uint64_t interval_ns;     /* long: that of whoever is followed */
	uint64_t skew_ns;         /* long */
	uint64_t lease_ns;        /* long */
	uint64_t sent_ns;         /* the last own advert; 0: it is not active */
	struct ip heard_source;   /* of the last advert of another */
	uint8_t heard_priority;
	uint64_t down_at_ns;      /* backup: when whoever is followed is taken for dead */
	uint64_t preempt_at_ns;   /* backup: when a preempt-delay ends */
	uint64_t next_advert_ns, leave_at_ns, renew_at_ns, retry_at_ns;
	unsigned missing;         /* addresses that are not where they should be */
	bool preempt;             /* as configured */
	bool taking;              /* has decided to take over, and waits for its addresses */
	struct ip source;         /* that adverts are sent from; FAMILY_NONE: there is none */
	const char *ifname;       /* that carries it now; NULL: there is none */
	bool link;                /* … and has link */
};
void core_vip_figures(const struct core *, unsigned vip, struct vip_figures *);

/* A change of the kernel that is on its way, or was refused and is tried again. */
struct pending_view {
	enum action_type type;
	bool in_flight;
	int error;                /* of the last refusal; 0: none */
	unsigned failures;        /* in a row */
	unsigned repairs;         /* lately */
	uint64_t retry_ns;        /* long: until it is tried again; 0: at once */
	struct ip ip;             /* the address, or the route's; FAMILY_NONE: it is about the interface */
	const char *ifname;
};
/* The i-th of a vip or bond; false: there are fewer. */
bool core_pending(const struct core *, const struct object *, unsigned i, struct pending_view *);

struct node_view {
	const char *name;
	bool self;             /* this node: nothing else below is meant but the state, which is alive */
	enum node_state state;
	struct reason reason;
	uint64_t since_ns;
	uint64_t heard_ns;     /* last believed heartbeat, by any path; 0: never */
	uint64_t timeout_ns;   /* after so long without one it is silent; 0: unknown */
	bool digest_known, digest_matches;
	uint8_t version;       /* of its heartbeats; 0: unknown */
	const char *software;  /* "": unknown */
	unsigned n_paths;      /* that both have */
};

struct path_view {
	const char *name, *on;
	struct ip from, to;
	enum path_state state;
	struct reason reason;
	uint64_t since_ns;
	uint64_t heard_ns;     /* 0: never */
	uint64_t told_ns;      /* when that of ours was sent that the other heard last by it; 0: none */
	uint64_t round_trip_ns; /* the least of the last eight; up to the shorter of both intervals more than the way takes; 0: none yet */
	uint64_t allowed_ns;   /* own interval × lost: a round trip beyond it is too long for the detection */
	bool slow;             /* it is, with what its waiting for the other's turn can be taken off; with hysteresis */
	uint64_t sent, received;
};

/* Whether a person drained this node, and a number that changes whenever that or a vip's `given` does. */
bool core_drained(const struct core *);
uint64_t core_roles_serial(const struct core *);

/* What must be on record before the next change reaches the kernel: each call gives one, false at the end; start with *cursor 0.
 * And a number that changes whenever that does. */
bool core_loan(const struct core *, unsigned *cursor, struct event_loan *);
uint64_t core_loans_serial(const struct core *);

unsigned core_n_bonds(const struct core *); /* vlans too */
unsigned core_n_vips(const struct core *);
/* The address of that number if it is elsewhere; false: it is on the vip's own interface. */
bool core_away(const struct core *, unsigned vip, unsigned i, struct away_view *);
void core_vip_route(const struct core *, unsigned vip, unsigned i, struct vip_route_view *); /* i < vip_view.n_routes */
void core_rule(const struct core *, unsigned vip, unsigned i, struct rule_view *); /* i < vip_view.n_rules */
void core_track(const struct core *, unsigned vip, unsigned i, struct track_view *);
void core_bond(const struct core *, unsigned i, struct bond_view *);
void core_port(const struct core *, unsigned bond, unsigned i, struct port_view *);
void core_probe(const struct core *, unsigned bond, unsigned port, unsigned i, struct probe_view *);
void core_vip(const struct core *, unsigned i, struct vip_view *);
unsigned core_n_checks(const struct core *);
void core_check(const struct core *, unsigned i, struct check_view *);
unsigned core_n_nodes(const struct core *); /* this one too; 0: none are configured */
/* What another node, that lives, claims of vip i; false: it does not live, or has said nothing of it. */
struct claim_view {
	const char *node;
	enum vip_state state;
	enum lan_verdict verdict;
	bool able, vrrp;
	uint8_t health, priority;
};
bool core_claim(const struct core *, unsigned vip, unsigned node, struct claim_view *);
void core_node(const struct core *, unsigned i, struct node_view *);
void core_node_path(const struct core *, unsigned node, unsigned i, struct path_view *);

struct core_counters {
	uint64_t dropped[DROP_REASONS];
	uint64_t heartbeat_dropped[HEARTBEAT_DROPS];
	uint64_t overruns, snapshots, repairs, refusals, notes_lost;
};
const struct core_counters *core_counters(const struct core *);

/* The source of the name of an object in a note: "bond0", "web"; for a port "eno1". Never NULL. */
const char *core_object_name(const struct core *, const struct object *);

/* Names of the enums' values: "active", "link-down"; the reason codes of status JSON. Never NULL. */
const char *vip_state_name(enum vip_state);
const char *node_state_name(enum node_state);
const char *path_state_name(enum path_state);
const char *lan_verdict_name(enum lan_verdict);
const char *heartbeat_drop_name(enum heartbeat_drop);
const char *check_state_name(enum check_state);
const char *bond_state_name(enum bond_state);
const char *port_state_name(enum port_state);
const char *probe_state_name(enum probe_state);
const char *bond_driver_name(enum bond_driver);
const char *reason_code_name(enum reason_code);
const char *drop_reason_name(enum drop_reason);
const char *note_code_name(enum note_code);
const char *vrrp_checksum_name(enum vrrp_checksum);
const char *action_type_name(enum action_type);
const char *event_type_name(enum event_type);

#endif
