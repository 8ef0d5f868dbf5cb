/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's own structures, and what its files offer each other.
 *
 * Files, in the order an event passes them: core (dispatch), model (what is) and model_link (the links among it), match (which
 * device is which port), port, damping, probe and bond (which port), vip (the election), peer (who lives), plan, plan_bond and plan_link (should −
 * is → actions), answer (what became of them), timer (what is due). configure builds all tables, carry fills them with what is
 * known; view and names show them.
 *
 * Everything is an index into a table that core_configure allocated: ifaces, places, bonds, vips. A `place` is one
 * address on one interface where it may be: one for a plain interface, one per port for a bond that moves. */
#ifndef STANDBYD_CORE_INTERNAL_H
#define STANDBYD_CORE_INTERNAL_H

#include <errno.h>

#include "core/core.h"

enum {
	NONE = -1,
	MAX_SOURCES = 16,       /* addresses of the interface that adverts may be sent from; a link-local one always has room */
	MAX_LEFTOVERS = 512,    /* a kernel lease removes what does not fit */
	MAX_LEFTOVER_IFACES = 32,
	MAX_LEFTOVER_ROUTES = 1024, /* nothing else removes these, nor the rules */
	MAX_LEFTOVER_RULES = 1024,
	MAX_LEFTOVER_VMACS = 64,
	MAX_NOTES = 64,         /* notes of one step besides changes of state, which are never lost */
	MAX_RESUMES = MAX_VIPS,
	GREETINGS_MAX = 16,     /* starts of another node that are greeted by turns, of which all but one are played back */
	FORMER_MAX = 32,        /* starts of another node that are remembered, so that they do not come back */
	REPAIRS_AT_ONCE = 4,    /* the fifth repair of one object within REPAIR_WINDOW waits */
	ANNOUNCE_STEPS = 6,
	MAX_SEEN_ROUTES = 16,   /* to one destination; more are not needed to know that there is one */
	REFRESH_AT_ONCE = 16,   /* so many addresses of a vip are announced anew, then those after them a little later */
	MAX_LEASED_6 = 64,      /* per node: renewing IPv6 addresses costs the kernel milliseconds and an MLD report each */
	PENALTY = 1000,         /* of a port for each loss */
	PENALTY_MAX = 12000,    /* so that the worst is forgiven in three quarters of a minute */
	PENALTY_HIGH = 3000,    /* above it the port is left alone … */
	PENALTY_LOW = 1500,     /* … until it is below this */
	PREVIEW_ROUNDS = 1000,  /* plans of up to 64 actions: more than the largest configuration needs */
};

#define PENALTY_HALF_LIFE (15 * NSEC_PER_SEC)
#define LOOK_INTERVAL     (50 * NSEC_PER_MSEC)   /* a plain NIC's event may be a second late (net/core/link_watch.c) */
#define SILENT_AFTER      (10 * NSEC_PER_SEC)    /* a target that did not answer anybody for so long is told of */

#define VMAC_METRIC       4096                   /* behind the route that the interface below has to the same network */

#define UDEV_PATIENCE     (60 * NSEC_PER_SEC)    /* a device that udev has not finished with by then is used as it is */
#define REPAIR_WINDOW     (10 * NSEC_PER_SEC)
#define RETRY_FIRST       (10 * NSEC_PER_MSEC)
#define RETRY_MAX         (30 * NSEC_PER_SEC)
#define LEAVE_AFTER_CLAIM  (8 * NSEC_PER_MSEC)   /* a claim of ours that it crosses is made good by the second announcement, after 10 ms */
#define LEAVE_BY_CLAIMS    (500 * NSEC_PER_MSEC) /* at least: intervals may be too short for a new holder to set thousands of addresses */
#define LEAVE_AFTER_ADVERT (100 * NSEC_PER_MSEC) /* design/vrrp.md: 100 ms after the new one's first advert */
#define LATE_BACKUP_MIN   (50 * NSEC_PER_MSEC)   /* a backup's timer may fire so late under load without meaning anything */
#define ADVERT_TICK       (10 * NSEC_PER_MSEC)   /* the shortest interval: more wakes than that cost more than they are worth */
#define JOINED            (1 * NSEC_PER_SEC)     /* what a port brings comes to its device within */
#define AWAIT_OWN         (100 * NSEC_PER_MSEC)  /* a change's own event comes within milliseconds, or was lost */
#define AWAIT_OWN_6       (5 * NSEC_PER_SEC)     /* of an IPv6 address it comes from a queue of work, seconds later behind thousands */
#define REPEAT_PACE       (50 * NSEC_PER_MSEC / 1000) /* from one address of a vip whose announcement is repeated to the next */
#define REPEAT_SLACK      (2 * NSEC_PER_MSEC)    /* so much of that at once */
#define INSIST_MIN        (50 * NSEC_PER_MSEC)   /* between two announcements against another holder: repeats of the first are due meanwhile */
#define REFRESH_PACE      (10 * NSEC_PER_MSEC)
#define CONFLICT_AFTER    (200 * NSEC_PER_MSEC)  /* a claim that is a takeover has been followed by its advert by then */
#define STOP_GRACE        (5 * NSEC_PER_SEC)     /* how long a stop waits for the kernel beyond leave-timeout */

/* One kernel object's change: at most one in flight, and how often it went wrong or had to be repaired lately. */
struct change {
	uint32_t gen;           /* of the action in flight, 0: none */
	uint8_t type;           /* enum action_type of that action */
	bool told;              /* the kernel's own event came while it was in flight: EV_DONE knows nothing newer */
	int target;             /* of a link's change: the ifindex of the master or of the active port, the MTU, the MAC's end */
	uint64_t await_ns;      /* the change is made, its own event is to come until then: what comes before is older; 0: it came */
	uint8_t failures;       /* in a row */
	uint8_t repairs;        /* since repair_since */
	uint8_t backoffs;       /* repairs that had to wait, in a row: the wait doubles */
	int error;              /* of the last failure, 0: none */
	uint64_t repair_since;
	uint64_t retry_ns;      /* not before; 0: at once */
};

struct source {
	struct ip ip;
	uint8_t prefix;
	bool secondary;
	bool announce;          /* due: it is nobody's here, and on a bond's device */
	uint32_t epoch;
};

enum listen_state { LISTEN_OFF, LISTEN_ON };

/* The socket of one family's adverts on one interface. */
struct ear {
	bool wanted;            /* a vip of that family speaks here */
	bool group;             /* … and one of them by multicast */
	bool unicast;           /* the socket has not joined the group */
	enum listen_state state;
	int ifindex;            /* where the socket is */
	struct change opening;
	struct change closing;  /* of the socket on its target */
};

/* A sysctl's former value, which is put back when nobody needs the other one any more. */
struct loan {
	bool known;             /* it was looked at */
	bool changed;           /* and is another now, or is about to be: it is on record */
	int was;
};

/* An interface that the configuration names or looks for, and the link that bears the name, or was found, now. */
struct iface {
	char name[IFNAME_SIZE]; /* "": looked for by a selector, and not found */
	bool selected;          /* a port that is not meant by its name */
	bool away;              /* addresses of vips go there that are on another */
	bool away_carrier;      /* and had a link */
	char last_name[IFNAME_SIZE]; /* of the device that was found last; "": none yet */
	int ifindex;            /* 0: absent */
	bool up, carrier;
	int master;
	uint8_t mac[MAC_SIZE];
	enum link_kind kind;
	uint8_t perm_mac[MAC_SIZE];
	uint8_t free_mac[MAC_SIZE]; /* the one that it had when it last was in no device */
	uint32_t mtu, max_mtu;
	bool vf, loopback, uninitialised, prompt, marked; /* marked: a macvlan that some instance of this program made */
	uint64_t uninitialised_ns; /* since when it is */
	char driver[32], path[PORT_SPEC_SIZE];
	int vlan_link;
	uint16_t vlan_id;
	bool team_known;        /* libteam has told of it */
	bool other_ports;       /* a port that is none of ours is in it, as of other_epoch */
	uint32_t other_epoch;
	uint8_t bond_mode, bond_reselect, bond_fail_over_mac; /* a team in the right mode has BOND_MODE_ACTIVEBACKUP too */
	uint32_t bond_miimon;
	int bond_active, bond_primary;
	uint32_t epoch;
	struct source sources[MAX_SOURCES];
	unsigned n_sources;
	int lan;                /* whose vips speak here; NONE: nobody's */
	int bond;               /* the bond that this is the device or a port of; NONE */
	int port;               /* its number as a port; NONE: the bond device itself, or plain */
	int vmac;               /* it is the device of that virtual MAC address; NONE */
	struct loan loans[SYSCTL_KEYS]; /* what was changed here for a virtual MAC address on it */
	struct ear ears[2];     /* IPv4, IPv6 */
	enum listen_state probing;
	int probing_ifindex;    /* where the probes' socket is, and for which MAC */
	uint8_t probing_mac[MAC_SIZE];
	struct change probe_listening;
	int release_from;       /* a reload dropped it from a bond: the master to release it from; 0: none */
	struct change releasing;
	struct change mtu_change; /* of a port that is in no device */
	struct change looking;
	bool unresolved;        /* it had no carrier just now: neighbours may have been asked for in vain */
	uint64_t look_ns;       /* when its driver is asked for the carrier next; 0: at once */
	struct change sysctl[SYSCTL_KEYS];
	bool sysctl_done[SYSCTL_KEYS];
	bool known;             /* a snapshot has been taken since its name is asked for */
	bool existed;           /* was there before: a later absence is "gone", not "not there yet" */
};

enum owner { OWNER_VIP, OWNER_BOND, OWNER_NOBODY };

struct addr {
	struct ip ip;
	uint8_t prefix;
	enum owner owner;
	uint16_t owner_index, number; /* number: within its owner */
	int away_bond, away_iface; /* of a vip, and not on the vip's own interface: on this bond or plain one; both NONE: there */
	bool released;           /* leaving, and the new holder was seen to announce it */
	bool announce;           /* an announcement is due now */
	uint64_t claimed_ns;     /* when another node last announced it; 0: never */
	unsigned first_place, n_places;
};

struct place {
	unsigned addr;
	int iface;
	bool present, ours;
	bool renew;              /* a renewal is due now */
	uint64_t renewed_ns;
	uint32_t epoch;
	struct change change;
};

/* Whether the address can be counted on: one whose removal is under way cannot. */
static inline bool place_is_there(const struct place *place)
{
	return place->present && !(place->change.gen && place->change.type == ACT_ADDRESS_DEL);
}

struct route_place {
	const struct config_route *route;
	int bond, vip;           /* whose it is; both NONE: no object has it any more */
	int iface;
	bool present, had;       /* had: it was ours here, so that a REPLACE hits our own */
	uint32_t epoch;
	struct change change;
};

struct rule_place {
	const struct config_rule *rule;
	int vip;                 /* NONE: no vip has it any more */
	bool present;            /* ours is there */
	uint32_t epoch;
	struct change change;
};

static inline bool route_is_orphan(const struct route_place *place)
{
	return place->bond == NONE && place->vip == NONE;
}

struct port {
	int iface;
	unsigned spec;           /* the entry of cfg.ports that it is for */
	bool extra;              /* that entry has a place before this one */
	enum port_state state, told;
	struct reason reason, told_reason;
	uint64_t since_ns;
	bool healthy;
	bool was_healthy;        /* at some time since the start: it returns when it comes back, and `hold` applies */
	bool raised;             /* was set up once since it appeared; an administrator's later "down" is respected */
	uint64_t hold_until;     /* 0: no hold */
	uint64_t refused_until;  /* the kernel would not make it active */
	unsigned penalty;        /* at penalty_ns; see damping.c */
	uint64_t penalty_ns;
	bool damped;
	bool kept;               /* what its targets answered a predecessor in this process goes on */
	uint8_t probes;          /* enum verdict */
	uint64_t reached_ns;     /* since when that is "answered"; 0: it is not */
	uint8_t probe_mac[MAC_SIZE]; /* that its last probe was sent from */
	struct change change;    /* enslaving, setting it up */
};

/* What the probes say of a port, better first. None: there are no probes, or no target has ever answered. */
enum verdict { VERDICT_NONE, VERDICT_ANSWERED = VERDICT_NONE, VERDICT_WAITING, VERDICT_LOST };

/* One target through one port. */
struct target {
	uint64_t sent_ns, answered_ns; /* last; 0: never */
	uint64_t silent_ns;      /* since when it has not answered; 0: it does */
	uint64_t sent;
	unsigned unanswered;     /* probes in a row */
	bool due, lost;
};

struct bond {
	struct config_bond cfg;
	struct port ports[MAX_PORTS];
	unsigned n_ports;        /* places for ports: a glob has several */
	int iface;               /* the device; NONE: driver move */
	int link;                /* of a vlan: the bond below it; NONE */
	int first_vlan, next_vlan; /* those on it; the next on the same bond; NONE */
	int first_vip, last_vip; /* those on it, by vip.next; NONE */
	int manual;              /* the port that a person chose; NONE */
	uint8_t kept_mac[MAC_SIZE]; /* of the device while it last had ports: an empty one has another */
	unsigned first_target, n_targets; /* into targets: n_targets for each port */
	bool answered[MAX_PROBES * MAX_TARGETS]; /* by target: it has answered some port once */
	bool told_silent[MAX_PROBES * MAX_TARGETS];
	uint64_t probe_ns[MAX_PROBES]; /* when each is sent next; 0: at once */
	uint64_t probing_since;  /* 0: nothing has been probed yet */
	uint64_t asked_ns;       /* when the last round of probes was sent */
	unsigned first_addr, n_addrs;
	unsigned first_route_place, n_route_places;
	int active;              /* the port in use, as far as known; NONE */
	int wanted;              /* the port that should be in use; NONE */
	int home;                /* driver move: the port that has the addresses, also while no port is healthy; NONE */
	bool raised;             /* the device was set up once */
	bool kept;               /* it is a predecessor's in this process: no news */
	bool removed;
	enum bond_state state, told;
	struct reason reason, told_reason;
	uint64_t since_ns, failovers;
	struct change change;    /* of the device: create, set, up, active port */
	struct change options;   /* how often somebody changed them; itself never in flight */
	uint64_t rebuild_ns;     /* it is not rebuilt again before */
	uint64_t announce_base;
	unsigned announce_step;
	uint64_t joined_ns;      /* when a port last joined the device; 0: none did */
};

/* The election's states (RFC 9568 §6.4) with what lies between them. product.md's names: SLEEPING and LISTENING are
 * `init`, TAKING is `backup` that has decided, FAULT is `fault`. */
enum vip_phase { PHASE_INIT, PHASE_FAULT, PHASE_BACKUP, PHASE_TAKING, PHASE_ACTIVE, PHASE_LEAVING };

struct vip {
	struct config_vip cfg;
	unsigned first_addr, n_addrs;
	unsigned first_route_place, n_route_places, first_rule;
	unsigned n_away;         /* so many of its addresses and routes are on other interfaces (away.c) */
	int lan;                 /* NONE: a removed one that lost its place to a successor */
	int iface;               /* plain interface; NONE: on a bond */
	int next;                /* the next vip on the same bond; NONE: the last */
	bool removed;            /* no longer configured */
	bool stopping;           /* on its way out for good */
	bool gone;               /* and there */
	bool tried_resume;
	const struct event_resume *kept; /* what is known of it from a predecessor in this process, until its state is told; NULL */
	uint64_t resume_age_ns;  /* how old the predecessor's last sign was that was too old; 0: there was none */
	enum vip_phase phase;
	enum vip_state told;
	struct reason reason, told_reason;
	uint64_t since_ns;
	/* election; times are absolute */
	uint64_t interval_ns;    /* the active one's advertisement interval (RFC 9568: Active_Adver_Interval) */
	uint64_t down_ns;        /* Active_Down_Timer fires; NEVER: not running */
	uint64_t advert_ns;      /* Adver_Timer fires; NEVER: not running */
	uint64_t sent_ns;        /* last own advert, or when we became active */
	uint64_t heard_ns;       /* last advert of another, 0: none yet */
	uint64_t answered_ns;    /* last advert or announcement that answered a loser */
	uint64_t leave_ns;       /* leaving ends */
	uint64_t renew_ns;       /* renewal is due at the latest */
	uint64_t retry_ns;       /* fault by refusal: stands again */
	uint64_t taking_ns;      /* decided to take over, and waits for no hooks any more */
	uint64_t blocking_ns;    /* so long it waits for its hooks at most before it takes over; 0: it has none that block */
	uint64_t blocked_ns;     /* until then it waits; NEVER: it does not */
	bool prepared;           /* it was told that it is to be active */
	uint64_t place_ns;       /* earliest retry among its addresses */
	uint64_t refresh_ns;     /* active: the next of the periodic announcements are due; NEVER: there are none */
	unsigned refresh_at;     /* the address that they begin with */
	/* its health */
	unsigned first_track, n_tracks;
	unsigned lowered;        /* by what it rests on and is not there */
	uint8_t priority;        /* the effective one: configured less what lowers the members of its group, at least 1 */
	struct reason required;  /* REASON_REQUIRED, or REASON_NONE */
	uint64_t asked_ns;       /* when it asked for an election; 0: it did not since it is active */
	/* its group */
	int next_member;         /* ring of the members' indexes; its own: it is in no group */
	struct reason disabled;  /* why it cannot be held here for its own part; REASON_NONE: it can */
	bool joining;            /* the others are held here and it is not yet: nobody waits for it */
	bool newcomer;           /* and a reload made it a member meanwhile: what is wrong with it takes nobody along */
	uint64_t won_ns;         /* when it would have taken over, and waits for the others since then; 0: it does not */
	struct reason won_reason;
	uint64_t tie_ns;         /* active: since when another is active that only has the larger address; 0: none */
	uint64_t lower_ns;       /* backup: since when it hears a lower one, but for goodbyes; 0: it does not */
	char failed_test[NAME_SIZE]; /* the check whose test failed after it was taken here; "": none */
	uint64_t lower_floor_ns; /* and when its Down would have ended then: the RFC would not preempt before */
	uint64_t given_ns;       /* when a person handed it over; until it is active again it does not preempt. 0: it was not */
	uint8_t refusals;
	bool left;               /* the last thing heard was priority 0 */
	uint64_t conflict_ns;    /* a claim of another is dealt with then; NEVER: none waits */
	uint64_t conflict_told;  /* last note about a conflict; 0: none */
	struct ip conflict_ip;
	uint8_t conflict_mac[MAC_SIZE];
	uint64_t address_hash;   /* of the listed addresses */
	bool rearmed;            /* the Down timer was prolonged once for lateness */
	bool send_advert, first_advert, send_zero;
	bool said_goodbye;       /* since it last said that it is active, and it answers still */
	unsigned announce_step;  /* next step of the schedule; ANNOUNCE_STEPS: done */
	uint64_t announce_turn_ns; /* others repeat theirs before; 0: it does not wait for a turn */
	uint64_t announce_base;
	uint8_t heard_priority;
	unsigned n_peers;        /* the first of cfg's that are others: own addresses come after them */
	struct ip heard_source, source;
	bool told_interval, told_list;
	uint8_t checksum;        /* enum vrrp_checksum: the form heard last */
	uint64_t checksum_told;  /* last note about it; 0: none */
	int vmac;                /* the device of its MAC address; NONE: it has the interface's */
	/* the election by claims (claim.c) */
	unsigned claim_slot;     /* of claim_slots; of those that are not removed */
	uint64_t listen_ns;      /* backup: nothing is decided before, unless everybody was heard; 0: it has listened */
	uint64_t woke_ns;        /* when it last lost its role to its own lateness: what was said before may be over; 0: never */
	uint64_t better_ns;      /* since when its claim is better than that of the one who holds it; NEVER: it is not */
	uint64_t claim_ns;       /* when it takes it then; NEVER */
	bool protocol_changed;   /* by the reload that is under way */
	bool isolated;           /* nobody is heard, and the LAN is dead */
	struct vip_counters counters;
};

/* What another node says of a vip; without padding, for memcmp. */
struct claim {
	bool known, by_claims, able;
	bool held;               /* it is the last one that was known to hold it */
	bool stale;              /* said under another configuration */
	uint8_t state;           /* enum vip_state */
	uint8_t verdict;         /* enum lan_verdict */
	uint8_t health, priority;
};

/* A vip's place among the claims that are told, by its id. */
struct claim_slot {
	uint64_t id;
	unsigned vip;
	uint32_t round;          /* the datagram that it was last put into */
	uint8_t fresh;           /* goes first in so many datagrams more; 0: it is in no queue */
	uint32_t before, after;  /* in its queue; slot + 1, 0: none */
	struct heartbeat_claim told; /* vip 0: nothing yet */
};

/* Slots in the order in which they changed; slot + 1, 0: none. */
struct claim_queue {
	uint32_t first, last;
};

/* A macvlan with the MAC address of a virtual router. */
struct vmac {
	int iface;               /* that it is */
	int parent;              /* the interface that it is on; NONE: it is not known */
	int vip;                 /* whose it is; NONE: nobody's any more */
	uint8_t mac[MAC_SIZE];
	bool has_4;              /* it is to have IPv4 addresses */
	bool set;                /* its sysctls are right */
	uint32_t mtu_refused;    /* the kernel would not give it that MTU; 0: none */
	struct change change;
};

struct check {
	char name[NAME_SIZE];
	unsigned fall, rise;
	uint64_t patience_ns;    /* so long it may be without a result */
	uint64_t definition;     /* equal for equal definitions */
	enum check_state state, told;
	unsigned in_a_row;       /* so many results said something else */
	unsigned passes;         /* so many in a row were good, as far as `rise` */
	uint64_t since_ns;       /* of the state */
	uint64_t heard_ns;       /* the last result; 0: none yet */
	uint64_t awaited_ns;     /* the same, or when it was first configured */
	bool silent, told_silent;
	uint64_t silence_ns;     /* how long it was when that changed */
};

/* One thing that a vip rests on, as the configuration's table has them. */
struct track {
	const struct config_track *cfg;
	int iface;               /* TRACK_INTERFACE */
	unsigned watched;        /* TRACK_ROUTE */
	enum reason_code why;    /* it is not there; REASON_NONE: it is */
};

struct seen_route {
	int ifindex;
	struct ip via;
	uint32_t metric, epoch;
	bool present;
};

/* A destination that somebody rests on, and the routes to it. */
struct watched_route {
	struct ip to;
	uint8_t prefix;
	struct seen_route seen[MAX_SEEN_ROUTES];
	unsigned n;
	bool more;               /* there were more than fit */
};

/* One link-layer domain: an interface or a bond on which vips speak. */
struct lan {
	int bond, iface;         /* one of them, the other NONE */
	uint16_t vip[2][256];    /* [six(family)][vrid] → vip + 1, 0: none */
};

/* That a start of the other node was answered, before it was known to be the one of now. */
struct greeting {
	uint64_t incarnation, at_ns;
};

enum { ROUND_TRIPS = 8 };

/* A path to another node. */
struct lane {
	unsigned peer;           /* whom to */
	unsigned own, other;     /* this node's and the other's end, into config.paths */
	int iface;               /* NONE: own is on a bond */
	enum path_state state, told;
	struct reason reason, told_reason;
	uint64_t since_ns;
	uint64_t heard_ns;       /* last believed heartbeat; 0: none since the other started */
	uint64_t back_ns;        /* the first one after it had been silent */
	bool silent;             /* it is since heard_ns: that this node was not awake later does not excuse it */
	uint64_t sequence;       /* of the last one */
	uint64_t told_sequence;  /* of ours that the other heard last by it: the time when it was sent */
	uint64_t echoed_sequence; /* the same, as far as it was said by this very path */
	uint64_t trips[ROUND_TRIPS]; /* the last round trips by it, in turn */
	unsigned n_trips, next_trip;
	bool slow;               /* its round trip is longer than the detection allows: as last told */
	struct greeting greetings[GREETINGS_MAX]; /* the last ones */
	uint64_t greet;          /* an incarnation that is to be answered; 0: none */
	bool due;
	uint64_t sent, received;
	struct heartbeat message; /* the last one, for whoever sends it */
};

/* Another node, or this one (which has no lanes). */
struct peer {
	unsigned first_lane, n_lanes;
	enum node_state state, told;
	struct reason reason, told_reason;
	uint64_t since_ns, heard_ns;
	uint64_t incarnation;    /* proven; 0: none yet */
	uint64_t candidate;      /* heard, and not proven, while it does not live */
	uint64_t begun_sequence; /* the last of ours when that start of it was first believed */
	uint64_t former[FORMER_MAX];
	unsigned next_former;
	uint64_t interval_ns;    /* as it says */
	unsigned lost;
	uint64_t digest;
	bool digest_told;        /* it matches, as far as anybody was told */
	uint8_t version;         /* 0: never heard */
	char software[HEARTBEAT_LABEL];
	uint64_t sequence;       /* the highest that came by any path */
	uint64_t begun_ns;       /* when it was first heard since it started */
	uint64_t ended_ns;       /* when a connection to it ended since it was heard last; 0: none has */
	bool orphaned;           /* and nothing came when it should have: its daemon is gone, its kernel lives */
	unsigned n_vips;         /* of which it has claims, as it says */
	unsigned claims_said;    /* since then, or since it runs its present configuration */
	bool told_all;           /* and that was each of its claims */
};

/* Units are what has deadlines and work: vips, then bonds, then ifaces, then the rest, then the other nodes, then the checks. */
struct unit_queue {
	uint32_t *items;
	uint8_t *queued;
	unsigned n;
};

/* What the plan looks at each unit that waits for, in this order. */
enum plan_pass {
	PASS_ADVERTS,
	PASS_ANNOUNCEMENTS,
	PASS_PROBES,
	PASS_FIRST_ADVERTS,
	PASS_CHANGES,
	PASS_BOND_NOTES,
	PASS_VIP_NOTES,
	PLAN_PASSES
};

struct heap {
	uint64_t *due;           /* by unit */
	uint32_t *items;         /* heap of units */
	uint32_t *where;         /* by unit: index in items + 1, 0: not in it */
	unsigned n;
};


struct core {
	uint64_t now, seen;
	uint64_t random;
	uint32_t gen;
	struct config config;    /* deep copy: node, digest, addresses, routes; bonds and vips live in the tables */
	struct iface *ifaces;
	unsigned n_ifaces, cap_ifaces;
	struct lan *lans;
	unsigned n_lans;
	struct addr *addrs;
	struct place *places;
	struct route_place *route_places;
	unsigned n_addrs, cap_addrs, n_places, cap_places, n_route_places, cap_route_places;
	unsigned cap_routes, cap_rules; /* of config.routes; of config.rules and rules */
	unsigned n_owned_routes; /* so many of them are of bonds, then of vips, in their order; the rest no object has any more */
	struct rule_place *rules;
	unsigned n_rules, n_owned_rules; /* of vips, in their order; the rest no vip has any more */
	unsigned n_orphans;      /* addresses, routes and rules that no object has any more */
	struct target *targets;
	unsigned n_targets;
	bool has_selectors;
	struct bond *bonds;
	unsigned n_bonds;
	struct vip *vips;
	unsigned n_vips;
	struct vmac *vmacs;
	unsigned n_vmacs, cap_vmacs;
	uint64_t loans_serial;
	struct track *tracks;
	unsigned n_tracks;
	struct check *checks;    /* in the configuration's order */
	unsigned n_checks;
	struct watched_route *watched;
	unsigned n_watched;
	bool tracks_changed;     /* something may have come or gone: track_update */
	bool has_removed;        /* some of them are no longer configured */
	bool has_away;           /* some of them have addresses elsewhere */
	uint32_t *addr_hash;     /* ip → addr + 1, open addressing */
	unsigned addr_hash_size;
	uint32_t *iface_hash;    /* ifindex → iface + 1 */
	unsigned iface_hash_size;
	struct unit_queue dirty;
	unsigned planned[PLAN_PASSES]; /* so many of them have had that pass of the plan that is under way */
	bool continues;          /* it ran out of room: EV_CONTINUE is the same moment, and decides nothing anew */
	struct heap heap;
	struct event_resume *resumes;  /* of the predecessor; forgotten at the first reload */
	unsigned n_resumes;
	/* snapshots */
	uint32_t epoch;          /* of the newest snapshot asked for */
	bool snap_open, snap_wanted, snap_known; /* known: one was completed */
	bool early;              /* more is to come of what decides what the first one asks for */
	uint64_t snap_retry_ns;
	unsigned snap_failures;  /* in a row */
	/* other nodes */
	struct peer *peers;      /* by config.nodes */
	unsigned n_peers;
	struct lane *lanes;
	unsigned n_lanes_to;
	uint64_t incarnation;    /* of this core; 0: not needed yet */
	uint64_t sequence;       /* of the last heartbeat */
	uint64_t beat_ns;        /* when the next ones are due */
	uint64_t grace_ns;       /* nobody counts as silent because of what was before */
	uint64_t beat_sent_ns;   /* the last time that all paths had one */
	bool nodes_kept;         /* what is known of them, and the incarnation, are a predecessor's in this process */
	bool stands_in;          /* core_stand_in */
	bool goodbye;
	/* claims: of each node, for all vips; [node * n_vips + vip] */
	struct claim *claims;
	struct claim_slot *claim_slots; /* by id */
	unsigned n_claim_slots;  /* 0: no nodes, or no vips */
	struct claim_queue claims_unsaid;   /* changed, and in no datagram yet */
	struct claim_queue claims_repeated; /* in one, and go first in some more */
	unsigned claim_turn;
	uint32_t claim_round;
	uint64_t claims_paced_ns; /* those that were sent because of changes, one after the other at their pace, end then */
	uint64_t claims_digest;
	struct heartbeat_claim claims_out[HEARTBEAT_CLAIMS];
	unsigned n_claims_out;
	uint64_t repeats_ns;     /* until then the turns are given away in which vips repeat their announcements */
	/* orders of people */
	bool drained;
	uint64_t roles_serial;
	/* stop */
	bool stopping, stopped;
	uint64_t stop_ns;        /* gives up waiting */
	struct action notes[MAX_NOTES];
	unsigned n_notes;
	unsigned n_vip_addresses_6; /* above MAX_LEASED_6 IPv6 addresses have no lease */
	struct core_counters counters;
};

/* Units by number. */
static inline unsigned unit_of_vip(const struct core *core, const struct vip *vip)
{
	(void)core;
	return (unsigned)(vip - core->vips);
}

static inline unsigned unit_of_bond(const struct core *core, const struct bond *bond)
{
	return core->n_vips + (unsigned)(bond - core->bonds);
}

static inline unsigned unit_of_iface(const struct core *core, const struct iface *iface)
{
	return core->n_vips + core->n_bonds + (unsigned)(iface - core->ifaces);
}

static inline unsigned unit_rest(const struct core *core)
{
	return core->n_vips + core->n_bonds + core->cap_ifaces;
}

static inline unsigned unit_peers(const struct core *core)
{
	return unit_rest(core) + 1;
}

static inline unsigned unit_checks(const struct core *core)
{
	return unit_peers(core) + 1;
}

static inline unsigned unit_count(const struct core *core)
{
	return unit_checks(core) + 1;
}

/* Index of a family in tables of two. */
static inline unsigned six(uint8_t family)
{
	return family == FAMILY_6;
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* timer.c: the earliest deadline over all units, and the queue of units that need planning. */
int heap_init(struct heap *, unsigned units);
void heap_free(struct heap *);
void heap_set(struct heap *, unsigned unit, uint64_t due); /* NEVER takes it out */
uint64_t heap_first(const struct heap *, unsigned *unit);  /* NEVER: empty */
int queue_init(struct unit_queue *, unsigned units);
void queue_free(struct unit_queue *);
void queue_add(struct unit_queue *, unsigned unit);

/* The delays of the announcement schedule (design/vrrp.md): 0, 10, 50, 200 ms, 1 s, 5 s. */
extern const uint64_t announce_schedule[ANNOUNCE_STEPS];

/* core.c */
void core_dirty_vip(struct core *, const struct vip *);
void core_retime_vip(struct core *, const struct vip *); /* its timers have moved, and nothing else has changed */
void core_dirty_bond(struct core *, const struct bond *);
void core_dirty_iface(struct core *, const struct iface *);
void core_dirty_rest(struct core *);
void core_dirty_route(struct core *, const struct route_place *); /* whose it is */
void core_dirty_peers(struct core *);
void core_dirty_checks(struct core *);
/* Dirties whoever owns the address. */
void core_dirty_owner(struct core *, const struct addr *);
/* What a reload left of that IP and waits to go until it is elsewhere: orphans, removed vips. */
void core_dirty_left_over(struct core *, const struct addr *);
/* A note for the ring; filled in by the caller. Never NULL: when the ring is full the oldest is lost and counted. */
void core_dispatch(struct core *, const struct event *); /* into the model and policy; nothing is planned */
struct note *core_note(struct core *, enum note_code, struct object);
uint64_t core_random(struct core *);

/* model.c: what is. Each returns quickly when nothing of ours is meant. */
void model_link(struct core *, const struct event *);
void model_link_gone(struct core *, const struct event *);
void model_team(struct core *, const struct event *);
void model_device(struct core *, const struct event *);
/* What identifies a change of a link's MAC: the part of it that differs between NICs. */
int model_mac_target(const uint8_t mac[MAC_SIZE]);
/* The driver's word on the carrier, which may be ahead of the kernel's event. */
void model_looked(struct core *, struct iface *, bool carrier);
/* The free place of a port that a selector has for such a link; NULL: none. */
struct iface *model_find_slot(struct core *, const struct event_link *);
/* What matching needs to know of a link that is bound. */
struct event_link model_link_of(const struct iface *);
void model_address(struct core *, const struct event *);
void model_address_gone(struct core *, const struct event *);
void model_route(struct core *, const struct event *);
void model_route_gone(struct core *, const struct event *);
void model_snap_begin(struct core *, const struct event *);
void model_snap_end(struct core *, const struct event *);
void model_overrun(struct core *);
void model_leftover(struct core *, const struct event *);
void model_leftover_route(struct core *, const struct event *);
void model_want_snapshot(struct core *);
struct iface *model_iface_by_index(struct core *, int ifindex); /* NULL: not ours */
struct iface *model_iface_by_name(struct core *, const char *name);
bool model_event_is_stale(const struct core *, const struct event *, uint32_t *mark); /* as model_is_stale */
void model_rehash_ifaces(struct core *);
void model_hash_addr(struct core *, unsigned addr);
/* An address is there, or is not, by the word of an answer or of the kernel; its owner learns of it. */
void model_place_arrived(struct core *, struct place *, bool ours);
void model_place_left(struct core *, struct place *);
/* The addresses with that IP: start with cursor 0, NULL at the end. */
struct addr *model_addr_next(const struct core *, const struct ip *, unsigned *cursor);
/* Finds the address that the vip sends from, and which of its peers are others; false: none, and the old one stays. */
bool model_source(struct core *, struct vip *);
/* Where a further address of the interface is kept; NULL: there are too many. A link-local one always finds room. */
struct source *model_source_room(struct iface *, const struct ip *);
/* Whether the vip speaks on that interface: its own, or any of its bond's. */
bool model_vip_uses(const struct core *, const struct vip *, const struct iface *);
bool model_is_own_source(const struct core *, const struct lan *, const struct ip *);
bool model_is_own_mac(const struct core *, const struct lan *, const uint8_t mac[MAC_SIZE]);

/* change bookkeeping, model.c */
bool change_ready(const struct core *, const struct change *);  /* nothing in flight, nothing to wait for */
uint64_t change_deadline(const struct core *, const struct change *); /* when it is ready by itself; NEVER: it is, or in flight */
void change_failed(struct core *, struct change *, int error);
void change_done(struct change *);
/* An object of ours was undone: says it (with NOTE_REPAIRED and its cause, or the note given), and makes the fifth within ten
 * seconds wait. */
void change_repair(struct core *, struct change *, struct object, const struct ip *, uint32_t cause);
void change_repair_as(struct core *, struct change *, const struct action *note);

/* port.c, bond.c: which port */
void port_update(struct core *, struct bond *, struct port *);
const struct iface *port_iface(const struct core *, const struct port *);
/* Driver move: the bond's MTU is more than it can carry, so it is used for want of another only. */
bool port_is_small(const struct core *, const struct bond *, const struct port *);
/* Whether it is a place for a device that a glob or driver: may find yet: nothing is told of it. */
bool port_is_hidden(const struct core *, const struct port *);
/* Until when the port is left alone because udev has not finished with it; 0: it is not. */
uint64_t port_waits_for_udev(const struct core *, const struct port *);
void bond_update(struct core *, struct bond *);
void bond_timer(struct core *, struct bond *);
uint64_t bond_deadline(const struct core *, const struct bond *);
int bond_choose(const struct core *, const struct bond *);
bool bond_prefers(const struct core *, const struct bond *, int port);
void bond_switch(struct core *, const struct event_switch *);
/* Whether the port's driver is asked for its carrier: its events may be late, and it is in use, or none is. */
bool bond_looks_at(const struct core *, const struct bond *, const struct port *);
/* Taken apart, or not yet seen since it was: what is known of it and of what is on it is of some moment between. */
bool bond_is_rebuilding(const struct core *, const struct bond *);
/* Whether its options, MTU and MAC are what they should be, as far as they are changed live. */
bool bond_options_right(const struct core *, const struct bond *);
bool bond_is_device(const struct bond *);  /* one with ports: kernel or team */
struct reason bond_mode_reason(const struct iface *); /* that bond or team is in another mode */
bool bond_is_right_device(const struct core *, const struct bond *); /* the device that has its name is of its kind */
bool bond_vlan_fits(const struct core *, const struct bond *); /* the device that has its name is that vlan on that bond */
struct bond *bond_of_port(struct core *, const struct iface *, struct port **); /* NULL: it is none */

/* damping.c */
void damping_loss(struct core *, struct port *);
void damping_update(const struct core *, const struct bond *, struct port *);
unsigned damping_penalty(const struct core *, const struct port *);
uint64_t damping_end(const struct port *); /* when it is used again; only while it is damped */

/* probe.c: does a port reach what it should */
void probe_answer(struct core *, const struct event_probe *);
void probe_timer(struct core *, struct bond *);
void probe_restart(struct core *, struct bond *, struct port *); /* it is there anew */
void probe_judge(struct core *, struct bond *, struct port *);   /* sets its verdict */
uint64_t probe_deadline(const struct core *, const struct bond *);
bool probe_lost_target(const struct core *, const struct bond *, const struct port *, struct ip *, uint64_t *since_ns);
struct target *probe_target(const struct core *, const struct bond *, const struct port *, unsigned i);
const struct config_target *probe_target_cfg(const struct core *, const struct bond *, unsigned i, unsigned *probe);
/* The MAC that a standby asks from. */
void probe_own_mac(const struct core *, const struct bond *, const struct port *, uint8_t mac[MAC_SIZE]);
/* The interface that carries the bond's addresses now; NULL: none. */
struct iface *bond_carrier_iface(const struct core *, const struct bond *);
void bond_announce(struct core *, struct bond *);
/* An address that is not configured came to the interface: one that a port brings to a bond's device is announced from there. */
void bond_brought(struct core *, const struct iface *, struct source *);

/* vip.c: the election */
void vip_link(struct core *, struct vip *);                    /* something about its interface changed */
void vip_advert(struct core *, struct vip *, const struct event_advert *);
void vip_claim(struct core *, struct vip *, struct addr *, const struct event_claim *);
void vip_timer(struct core *, struct vip *);
void vip_stop(struct core *, struct vip *, enum reason_code);
void vip_come_back(const struct core *, struct vip *);             /* with a new configuration in force, or undrained */
void vip_change_protocol(struct core *, struct vip *);         /* after a reload that changed it */
void vip_health(struct core *, struct vip *);                  /* what it rests on came or went */
void vip_hand_over(struct core *, struct vip *, bool force);   /* if it is active, and somebody may take it */
void vip_set_given(struct core *, struct vip *, uint64_t when_ns); /* 0: it preempts again */
void vip_addresses(struct core *, struct vip *);               /* presence of its addresses changed */
void vip_refused(struct core *, struct vip *, const struct addr *, int error);
void vip_announce(struct core *, struct vip *);                /* start the schedule anew */
void vip_schedule_refresh(struct core *, struct vip *);        /* an active one's periodic announcements begin */
uint8_t vip_checksum(const struct vip *);                      /* enum vrrp_checksum, to send */
uint64_t vip_deadline(const struct core *, const struct vip *);
uint64_t vip_down_ns(const struct vip *);                      /* Active_Down_Interval */
uint64_t vip_skew_unit_ns(const struct vip *); /* a 256th of what the skew is made of */
uint64_t vip_skew_ns(const struct vip *);
void vip_check_joining(struct core *, struct vip *);           /* whether it still is */
uint64_t vip_preempt_ns(const struct vip *);                   /* when a preempt-delay ends; NEVER: none runs */
unsigned vip_missing(const struct core *, const struct vip *); /* addresses that are not where they should be */
bool vip_wants_addresses(const struct vip *);
bool vip_holds(const struct vip *);                           /* the same, and it does not leave */
void vip_unblock(struct core *, struct vip *);                 /* its hooks are done, or are not waited for any longer */
enum vip_state vip_state_of(const struct vip *);
struct object vip_object(const struct core *, const struct vip *); /* that actions and notes name */
struct iface *vip_iface(const struct core *, const struct vip *); /* that it speaks on; NULL: none */
struct iface *vip_home(const struct core *, const struct vip *);  /* that has its addresses but for those elsewhere; NULL: none */
struct reason vip_link_trouble(const struct core *, int bond, int iface); /* of the bond, or of the plain interface */
bool vip_is_transient(int error);                              /* of a refusal: it may be another answer soon */
void vip_fault(struct core *, struct vip *, struct reason);    /* what it was to hold was refused: it tries again later */
/* Whether the kernel is given a lifetime for the address (design: IPv6 only up to MAX_LEASED_6 of a node). */
bool vip_address_has_lease(const struct core *, const struct addr *);
/* Prolongs what has a lease; all: tells the kernel the lifetime of every address anew. */
void vip_renew(struct core *, struct vip *, bool all);

/* away.c: addresses of vips on other interfaces than the vips' own */
static inline bool addr_is_away(const struct addr *addr)
{
	return addr->away_bond != NONE || addr->away_iface != NONE;
}
/* The interface that the address of a vip belongs on now; NULL: there is none. */
struct iface *away_iface(const struct core *, const struct vip *, const struct addr *);
/* Whether it is one whose absence keeps nobody from being active: it cannot be put there now. */
bool away_may_be_missing(const struct core *, const struct vip *, const struct addr *);
/* Something about the bond, or about the plain interface, changed; its MAC address, or the port that it uses. */
void away_tell(struct core *, int bond, int iface);
void away_announce(struct core *, int bond, int iface);
struct reason away_reason(const struct core *, const struct addr *); /* why it is not there, or cannot be reached there */
/* succession.c: what a predecessor in this process knew */
void succession_bond(struct core *, const struct event_resume_bond *);
void succession_port(struct core *, const struct event_resume_port *);
void succession_target(struct core *, const struct event_resume_target *);
/* At the end of the first snapshot: what is known of the vip counts from now on. */
void succession_vip(const struct core *, struct vip *);
/* What is known of the vip from a predecessor, in this process or not; NULL: nothing. */
const struct event_resume *succession_find(const struct core *, const struct vip *);
/* succession_node.c: the same of nodes */
bool succession_tell_nodes(const struct core *, unsigned at, struct event *); /* the at-th event; false: there are fewer */
void succession_node(struct core *, const struct event_resume_node *);
void succession_peer(struct core *, const struct event_resume_peer *);
void succession_former(struct core *, const struct event_resume_former *);
void succession_path(struct core *, const struct event_resume_path *);
/* Before the end of the first snapshot, where a predecessor's knowledge of them goes on: true, and nobody is judged yet. They are listened to from
 * now on, and have to say anew what they claim. */
bool succession_nodes_wait(struct core *);
/* A vip that stands anew goes on following whom its predecessor followed. */
void succession_follow(struct core *, struct vip *);
/* Before the state of a vip is told: true, it is not to be told yet. */
bool succession_settle(struct vip *);

/* vmac.c: devices for virtual MAC addresses */
void vmac_add(struct core *, struct vip *);                    /* a new vip's; its interface is known */
void vmac_carry(struct core *, const struct core *old);
void vmac_loan(struct core *, const struct event *);
bool vmac_is_there(const struct core *, const struct vmac *);  /* the device is the right one, and ready for use */
bool vmac_is_wanted(const struct core *, const struct vmac *); /* a vip needs the device */
struct reason vmac_trouble(const struct core *, const struct vip *);
void vmac_tell(struct core *, const struct vmac *);            /* its vips, that something about it changed */
void vmac_link(struct core *, const struct iface *, const struct iface *before, uint32_t cause);
void vmac_deleted(struct core *, const struct iface *, uint32_t cause);
bool vmac_all_let_go(const struct core *);
uint64_t vmac_deadline(const struct core *, const struct vmac *);
uint64_t vmac_loans_deadline(const struct core *, const struct iface *);
void vmac_answer(struct core *, struct vmac *, const struct action *, int error);
void vmac_loan_answer(struct core *, struct iface *, const struct action_sysctl *, int error);

/* rule.c: rules of policy routing */
void rule_event(struct core *, const struct event *);
void rule_leftover(struct core *, const struct event *);
void rule_snap_begin(struct core *);
void rule_sweep(struct core *);
void rule_answer(struct core *, const struct action *, int error); /* 0: it was made */
void rule_carry(struct core *, const struct core *old);
uint64_t rules_deadline(const struct core *, unsigned first, unsigned n);
bool rules_let_go(const struct core *); /* none is left */

/* track.c: what vips rest on */
void track_add(struct core *, struct vip *);
void track_carry(struct core *, const struct core *old);
void track_route(struct core *, const struct event *);
void track_device_gone(struct core *, int ifindex);
void track_sweep(struct core *);
void track_update(struct core *);

/* check.c */
void check_result(struct core *, const struct event_check *);
void check_build(struct core *, const struct config *, const struct core *old); /* those that both have go on */
void check_resume(struct core *, const struct event_resume_check *);
struct reason check_reason(const struct check *);
void check_forget_tests(struct core *); /* of checks that are no longer configured */
void check_timer(struct core *);               /* some may have been without a result for too long */
uint64_t check_deadline(const struct core *);

/* peer.c: the other nodes */
void peer_build(struct core *);
void peer_carry(struct core *, const struct core *old);
void peer_settle(struct core *);                               /* with a new configuration in force */
void peer_heartbeat(struct core *, const struct event_heartbeat *);
void peer_line_ended(struct core *, const struct event_line *);
void peer_update(struct core *);                               /* time has passed, or a link changed */
void peer_timer(struct core *);
uint64_t peer_deadline(const struct core *);
void peer_goodbye(struct core *);                              /* to all, once */
bool peer_is_deaf(const struct core *, const struct peer *);   /* lives, and hears us by no path */
uint64_t peer_round_trip(const struct lane *);                 /* ns, the least of the last ROUND_TRIPS; 0: none was measured */
const struct iface *peer_lane_iface(const struct core *, const struct lane *); /* what the path is on here; NULL: nothing that exists */
void peer_all_due(struct core *);
/* The next heartbeat that is due; start with *cursor 0, false at the end. */
bool peer_next(struct core *, unsigned *cursor, struct object *, struct action_heartbeat *);

/* claim.c: the election by claims */
bool vip_by_claims(const struct vip *);
int claim_build(struct core *);                                /* 0 or -ENOMEM */
void claim_carry(struct core *, unsigned node, const struct core *old, unsigned from);
void claim_policy(struct core *);                              /* decides for every dirty vip, and tells what changed */
void claim_all(struct core *);                                 /* what the others say counts otherwise now */
void claim_heard(struct core *, struct peer *, const struct heartbeat *);
void claim_mark(struct core *, struct peer *);                 /* it runs another configuration now */
void claim_forget(struct core *, struct peer *);               /* it started anew */
bool claim_successor(const struct core *, const struct vip *); /* another node that lives could hold it */
uint64_t claim_deadline(const struct core *, const struct vip *);
void claim_view(const struct core *, const struct vip *, struct vip_view *); /* what the others' claims say of it */
uint64_t claim_sent_ns(const struct core *, const struct vip *); /* the last sign of it to the others */

/* claim_out.c: when claims are told, and which */
void claim_changed(struct core *, struct claim_slot *); /* its `told` did: it goes first */
void claim_fill(struct core *);                         /* claims_out, for the next datagrams */
uint64_t claim_out_ns(const struct core *);             /* when they go because of what changed; 0: at once, NEVER: nothing did */

/* plan.c */
size_t plan(struct core *, struct action *out, size_t cap, bool *more); /* goes on where it ran out of room */
void plan_anew(struct core *); /* something else happened since: what waits is looked at from its beginning */
bool plan_place_wanted(const struct core *, const struct place *);

/* answer.c: EV_DONE and EV_FAILED */
void answer_done(struct core *, const struct event_result *);
void answer_failed(struct core *, const struct event_result *);
void answer_refused(struct core *, const struct action *, int error); /* says so */

/* configure.c: the tables for a configuration */
void core_free_tables(struct core *);

/* Vips by name, so that thousands are matched in the time that a reload may take from the loop. Names may repeat. */
struct names {
	uint32_t *slots; /* index + 1, open addressing */
	unsigned size;
};

/* Both configurations and their vips' names, while one becomes the other. */
struct change_over {
	const struct core *old;
	const struct config *config;
	struct names old_names, new_names;
};

void configure_iface_init(struct iface *, const char *name); /* of no object; name: "" where a selector looks for it */
int configure_iface(struct core *, const char *name); /* found by its name, or added */
struct addr *configure_addr(struct core *, const struct config_address *, enum owner, unsigned index, unsigned number);
void configure_place(struct core *, struct addr *, int iface);
bool configure_same_vip(const struct vip *, const struct config_vip *);
/* A glob or driver:, which may mean several devices. */
bool configure_finds_many(const struct config_port *);
bool configure_same_bond(const struct config_bond *, const struct config_bond *);
const struct vip *configure_old_vip(const struct change_over *, const struct config_vip *);
const struct bond *configure_old_bond(const struct core *old, const struct config_bond *);

/* carry.c: what of the old tables lives on in the new ones */
/* Gives the places that selectors have for ports the names of what they find, for others to share them. */
void carry_names(struct core *, const struct core *old);
void carry_over(struct core *, const struct change_over *);
void carry_rest(struct core *, const struct core *old);

#endif
