/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world: nodes with a real core each, a simulated kernel below it, a LAN of two switches between them, and a clock
 * that jumps from one thing that happens to the next. One seed is one world; the same seed is the same world, byte for
 * byte. */
#ifndef STANDBYD_SIM_H
#define STANDBYD_SIM_H

#include <stddef.h>

#include "core/core.h"
#include "rng.h"

enum {
	SIM_NODES = 16,
	SIM_PEERS = 3,
	SIM_VIPS = 32,
	SIM_VIP_ADDRESSES = 7, /* that a vip may have: IPv4 first, then IPv6; a node's configuration names some */
	SIM_VIP_ADDRESSES_4 = 4, /* the first IPv6 one is link-local where adverts go over IPv6 */
	SIM_TRACKS = 3,		 /* what a vip may rest on, by enum track_kind: the bond, eth2, the default route */
	SIM_PORTS = 2, /* of a bond: port 0 goes to switch 0, port 1 to switch 1 (plain: to node % 2) */
	SIM_PLAIN = 3, /* eth2, a plain interface beside the bond, of nodes that have one */
	SIM_LAN_LINKS = 4, /* eth0, eth1, bond0, eth2; a link's index is its cable's */
	SIM_PATHS = 4,	   /* between nodes: the first may be on the LAN, each other one has a NIC of its own */
	SIM_LINKS = SIM_LAN_LINKS + SIM_PATHS - 1,
	SIM_BOND_ADDRESSES = 2,
	SIM_BOND_ROUTES = 2,
	SIM_ADDRESSES = SIM_VIPS * SIM_VIP_ADDRESSES * 2 + 16,
	SIM_ROUTES = 8,
	SIM_QUEUE = 1024,   /* actions that wait for the applier */
	SIM_RESULTS = 2048, /* results and snapshot items that wait for the loop */
	SIM_LIVE = 4096,    /* netlink messages that wait for the loop */
	SIM_SOCKET = 512,   /* packets that wait for the loop */
	SIM_PACKETS = 8192,
	SIM_TRACE = 256,
	CAMPAIGN_JOBS = 64,
	SIM_FAULTS = 64,
	SIM_BEAT_FAULTS = 16,
	SIM_RECORDS = 64, /* heartbeats that were believed once */
	SIM_PACKET_SIZE = HEARTBEAT_MAX,
};

#define SIM_START	   (1000 * NSEC_PER_SEC)
#define REFUSED_LONG_GRACE (34 * NSEC_PER_SEC) /* the longest back-off */
#define REBUILT_GRACE	   (12 * NSEC_PER_SEC) /* a bond is not built anew more often than every ten seconds */
#define PREEMPT_DELAY_MAX  (5 * NSEC_PER_SEC)
#define HOLD_MAX	   (3 * NSEC_PER_SEC)
#define REFUSED_GRACE	   (5 * NSEC_PER_SEC) /* a refusal makes the core wait before it tries again, longer each time */

/* ---- the queue of what will happen ---- */

enum happen {
	HAPPEN_RUN,	  /* a node's loop wakes */
	HAPPEN_PACKET,	  /* a packet arrives at a node's port */
	HAPPEN_APPLY,	  /* a node's applier executes the head of its queue */
	HAPPEN_EXPIRE,	  /* a node's kernel looks for expired addresses */
	HAPPEN_MIIMON,	  /* a bonding device polls */
	HAPPEN_LINKWATCH, /* a delayed carrier message */
	HAPPEN_FAULT,	  /* the next fault */
	HAPPEN_HEAL,	  /* a fault ends */
	HAPPEN_DELETE,	  /* somebody deletes an address */
	HAPPEN_RELOAD,	  /* another reload, right after one or in the middle of a change */
	HAPPEN_FLAP,	  /* a flapping cable changes */
	HAPPEN_PEER,	  /* a node of others has something to do */
	HAPPEN_BEAT_FAULT, /* the next fault of a path */
	HAPPEN_BEAT_HEAL,  /* one ends */
	HAPPEN_CHECK,	  /* the checks that depend on time alone */
};

struct happening {
	uint64_t time, order; /* order: first scheduled, first served */
	uint32_t a, b;
	uint16_t node;
	uint16_t type;
};

struct heap {
	struct happening *items;
	size_t n, size;
	uint64_t order;
};

void heap_push(struct heap *, struct happening);
bool heap_pop(struct heap *, struct happening *);

/* ---- a node's kernel ---- */

struct sim_link {
	bool exists, up;
	bool carrier; /* plain: cable, switch and IFF_UP; bond: a port counted up */
	int ifindex, master;
	int port; /* cable, -1: a bond */
	char name[IFNAME_SIZE];
	uint8_t mac[MAC_SIZE], own_mac[MAC_SIZE];
	enum link_kind kind;
	uint8_t mode, reselect;
	uint32_t miimon;
	int active, primary;
	bool counted_up; /* as a bond's port: what miimon last found */
	bool poll_armed, watch_armed;
	bool held_down; /* by somebody who wants it down */
	bool prompt;	/* its carrier is told at once */
};

struct sim_address {
	int ifindex;
	struct ip ip;
	uint8_t prefix;
	bool ours;
	uint32_t valid_s;
	uint64_t renewed_ns, expires_ns; /* NEVER: permanent */
};

struct sim_route {
	int ifindex;
	struct config_route route;
	bool ours;
};

struct waiting_event {
	uint64_t ready_ns;
	struct event event;
};

struct waiting_packet {
	uint64_t seen_ns;
	uint32_t slot;
	int ifindex;
};

struct waiting_action {
	uint64_t submitted_ns;
	struct action action;
	uint64_t key;
};

/* What a sweep does at each place of a story (sweep.c). */
enum sweep_kind {
	SWEEP_NONE,
	SWEEP_CRASH,
	SWEEP_CRASH_LOST,
	SWEEP_RELOAD,
	SWEEP_RELOAD_CHANGED,
	SWEEP_STALL,
	SWEEP_HANG,
	SWEEP_SUSPEND,
	SWEEP_KINDS
};

enum node_kind { NODE_PLAIN, NODE_MOVE, NODE_KERNEL, NODE_TEAM, NODE_KINDS };

/* What the checks know of one vip on one node. */
struct watch {
	enum vip_state state;
	bool known; /* the core has it */
	enum reason_code reason;
	uint8_t priority;
	uint64_t state_since_ns;
	unsigned have[SIM_LINKS], total; /* its addresses in this kernel: masks per link, and how many */
	bool complete;			 /* all that are configured, on one link */
	uint64_t had_ns;		 /* since when it has any */
	uint64_t isolated_ns;		 /* since when it says that it is isolated though the gateway answers; 0: it does not */
	bool usable;			 /* its interface could carry it and what it requires is there, when last looked */
	uint64_t usable_ns;		 /* since when that is as it is */
	struct ip source;		 /* of its last advert */
	uint8_t said;			 /* the priority in it */
	uint64_t window_ns;		 /* a window of one interval began */
	unsigned in_window, zeros_in_window; /* own adverts in it, and goodbyes heard */
	uint64_t beside_ns[SIM_PEERS];	 /* since when it is active beside that one, 0: it is not */
	uint64_t changed_ns;		 /* when that last changed, or `total` became or left 0 */
	uint64_t advert_ns;		 /* last own advert, 0: none since active */
	uint64_t promised_ns;		 /* the interval that it announced */
	uint64_t announced;		 /* addresses announced since the taking began */
	uint64_t told;			 /* the same, but what it let go is forgotten */
	bool advertised;		 /* since active */
	unsigned n_adverts;		 /* since active */
	bool zero_sent;			 /* since active */
	uint64_t farewell_ns;		 /* when */
	uint64_t heard_ns;		 /* last foreign advert with priority > 0 that the core was given */
	uint64_t release_ns;		 /* since when it has reason to let go, 0: none */
	uint64_t any_heard_ns;		 /* last foreign advert of any priority that the core was given */
	uint64_t zero_ns;		 /* since when it knows that the active one left, 0: it does not */
	uint64_t claimed;		 /* while leaving: addresses that another was seen to announce */
	uint64_t claimed_ns;		 /* since when that is all of them, 0: not all */
	uint64_t listen_ns;		 /* woke late as a backup: not active before */
	bool was_late;			 /* since its state changed: the core prolongs Down once */
	uint64_t sign_ns;		 /* the last sign of the process before this one, 0: none */
	bool must_remove;		 /* woke later than the lease: remove before any advert */
	uint64_t configured_ns;		 /* since when it stands under this name, on this interface, with this priority */
	uint64_t reloaded_ns;		 /* the last change of its configuration, of any kind */
	bool removed_leaves;		 /* one that a reload removed is still leaving */
	bool removed_plain;		 /* and does so on the plain interface */
	uint64_t removed_ns;		 /* since when */
	uint64_t lease_ns;		 /* the longest that its addresses may have, as long as the daemon is well */
	uint64_t stray_ns;		 /* since when addresses are here that no vip wants, 0: none */
};

struct record {
	bool active;
	uint8_t checksum;
	uint64_t last_sign_ns, active_ns; /* active_ns: became it then; the kernel's own times of its addresses say it too */
};

struct leftover {
	char ifname[IFNAME_SIZE];
	struct ip ip;
	uint8_t prefix;
	char bond[NAME_SIZE];
};

/* What a reload may change, as numbers; world_configure makes the configuration of it. The old values bound what may
 * still be in force. */
struct vip_setup {
	unsigned name;	 /* serial */
	unsigned wanted; /* mask of its addresses */
	bool plain;	 /* on eth2 */
	enum checksum_policy checksum;
	struct {
		bool used;
		uint8_t lower; /* 0: required */
	} tracks[SIM_TRACKS];
	uint64_t lease_ns, old_lease_ns, old_advert_ns; /* old: the longest of those before it */
};

struct bond_setup {
	unsigned name;	/* serial */
	unsigned ports; /* mask */
	bool swapped;	/* the order of the ports */
	int prefer;	/* port, -1 */
	enum failback failback;
	uint64_t hold_ns;
	unsigned gateway; /* last byte of the default route's, 0: no default route */
	bool second_route, second_address;
	enum { BY_NAME, BY_MAC, BY_GLOB } selector;
	bool probes, no_damping;
};

struct node {
	unsigned id;
	enum node_kind kind;
	bool has_plain;
	struct vip_setup setup[SIM_VIPS];
	struct bond_setup bond;
	bool reload_at_change; /* in the middle of the next change */
	unsigned edition;      /* of its configuration: another one with each reload that changes it */

	struct sim_link links[SIM_LINKS];
	int next_ifindex;
	struct sim_address addresses[SIM_ADDRESSES];
	unsigned n_addresses;
	struct sim_route routes[SIM_ROUTES];
	unsigned n_routes;
	uint64_t expire_armed_ns;

	struct waiting_event *live;
	unsigned live_head, live_n, live_limit, drop_live;
	bool enobufs;

	bool running, stalled, loop_stalled, stopping, powered;
	bool suspended;	       /* stalled with its whole machine: not even the kernel's clocks go on */
	bool doomed;	       /* dies as soon as the step is over; nothing that it says is done any more */
	enum sweep_kind pause; /* is stalled as soon as the step is over */
	uint64_t unwell_ns;  /* since when it is stalled or gone */
	uint64_t woken_ns;   /* when its process started, or went on after a pause */
	uint64_t process_ns; /* when the process started */
	uint32_t life;	     /* of the process: what was scheduled for an earlier one is void */
	uint64_t boot;
	struct core *core;
	uint64_t run_ns; /* earliest scheduled wake, NEVER: none */
	struct {
		int ifindex;
		uint8_t family;
		bool unicast;
	} listening[SIM_LINKS * 2 + 4];
	unsigned n_listening;
	struct waiting_packet *socket;
	unsigned socket_head, socket_n;
	struct waiting_action *queue;
	unsigned queue_head, queue_n, queue_limit;
	struct action refused[256]; /* what did not fit, answered after the step */
	unsigned n_refused;
	struct action snapshot;
	bool snapshot_waits;
	bool applying;
	unsigned dump_phase;
	struct waiting_event *results;
	unsigned results_head, results_n;
	unsigned refuse_next, refuse_in; /* refuse so many, after so many */
	int refuse_errno;
	uint32_t refuse_types; /* mask of enum action_type: refused for as long as the fault lasts */
	uint64_t failed_since_ns, refused_ns;
	unsigned n_failed; /* answers EV_FAILED within a second */
	uint64_t slow_until_ns;
	uint32_t last_gen;
	uint64_t step_instant_ns;
	unsigned steps_at_instant, timers_in_a_row;

	struct record record[SIM_VIPS];
	uint64_t record_boot;
	struct leftover leftovers[SIM_ADDRESSES];
	unsigned n_leftovers;

	struct config config;
	struct config_vip config_vips[SIM_VIPS];
	struct config_bond config_bond;
	struct config_probe config_probe;
	bool gateway_heard;   /* it has answered this process */
	uint64_t hindered_ns; /* the last fault that touched this node, but for those of the LAN */
	uint64_t idle_ns;     /* since when its bond uses no port that works although one does, 0: it does */
	uint64_t flapper_ns;  /* since when it uses one that flaps although a steady one is there, 0: it does not */
	uint64_t deaf_ns;     /* since when the bond uses a port that reaches nothing while another does, 0: it does not */
	uint64_t beat_ns;	    /* the interval of its heartbeats */
	unsigned beat_lost, beat_paths; /* paths: mask of the world's that it has */
	struct config_node config_nodes[SIM_NODES];
	struct config_path config_paths[SIM_NODES * SIM_PATHS];
	struct config_address config_addresses[SIM_VIPS * SIM_VIP_ADDRESSES + SIM_BOND_ADDRESSES];
	struct config_route config_routes[SIM_BOND_ROUTES];
	struct config_track config_tracks[SIM_VIPS * SIM_TRACKS];
	struct ip config_peers[SIM_VIPS * SIM_NODES];
	bool configured[SIM_VIPS];
	uint8_t priority[SIM_VIPS];
	uint64_t advert_ns[SIM_VIPS];

	struct {
		uint64_t key;
		uint32_t gen;
	} flight[SIM_QUEUE]; /* changes that are not answered yet */
	unsigned n_flight;
	struct watch watch[SIM_VIPS];
	bool drained, undrain_waits, given[SIM_VIPS]; /* what people ordered, as the file of orders has it */
	uint64_t split_ns; /* since when its group is partly active, 0: it is not */
	uint64_t stopping_ns;
	uint64_t deleted_ns; /* when somebody last deleted something here */
	uint64_t excused_ns; /* checks by time start counting here: the last fault that touched this node */
};

/* ---- how safe it was ---- */

/* All times of one sort, of all worlds. */
struct interval {
	uint64_t total_ns, count, beyond; /* beyond: so many were longer than their bound */
	uint64_t longest_ns, longest_bound_ns, longest_seed;
};

struct safety {
	uint64_t two_holders_ns, no_holder_ns; /* the longest that a check looked at (both connected; somebody able) */
	uint64_t two_seed, none_seed;
	struct interval doubled, orphaned; /* two that hear each other hold; nobody does, although one could */
	uint64_t vip_ns;		   /* the time that all vips existed, together */
};

/* One that may be going on. */
struct span {
	bool on;
	uint64_t since_ns;
};

/* ---- the world ---- */

enum packet_kind { PACKET_VRRP, PACKET_ARP, PACKET_ND, PACKET_PROBE, PACKET_BEAT };

struct packet {
	uint32_t references;
	enum packet_kind kind;
	uint16_t from, length;
	int vip, to; /* to: the only node that it is for, -1: all */
	int ttl;
	unsigned path;	/* PACKET_BEAT: of the world's */
	bool replayed;	/* PACKET_BEAT: by somebody who had recorded it */
	struct ip source, destination;
	uint8_t bytes[SIM_PACKET_SIZE];
};

struct world_vip {
	struct config_address addresses[SIM_VIP_ADDRESSES];
	unsigned n_addresses; /* the most that a node has configured */
	unsigned first;	      /* mask of those in the first configuration */
	uint8_t vrid, family, version;
	bool has_auth, unicast, lists_self; /* lists_self: a node's own address is among its peers */
	int owner;			    /* the node whose own addresses these are, -1 */
	uint64_t advert_ns, lease_ns, leave_timeout_ns; /* advert: the largest of all nodes */
	bool preempt;
	uint64_t preempt_delay_ns;
	bool grouped; /* a member of the world's one group, in the order of the numbers */
	uint64_t any, all;     /* which nodes' kernels have any, all of its addresses */
	uint64_t disturbed_ns; /* the last packet of it that was lost */
	int holder;	       /* the last node that became active, -1 */
	uint64_t held_ns;      /* by claims: when somebody last held it, or nobody could */
	uint64_t order_hash, order_ns; /* by claims: what each may claim of it, and since when */
	struct span doubled, orphaned;
};

/* ---- heartbeats (beat.c, hearing.c) ---- */

/* By what a path goes: the LAN of the vips; a network of its own; one with routers in it. */
enum path_kind { PATH_LAN, PATH_CABLE, PATH_ROUTED };

enum beat_fault_kind {
	BEAT_CUT,     /* some directed pairs of nodes, on one path */
	BEAT_CUT_ALL, /* the same on all paths */
	BEAT_ONE_WAY, /* one directed pair, on one path */
	BEAT_DEAF,    /* a node hears nobody by any path */
	BEAT_DUMB,    /* nobody hears it */
	BEAT_LOSSY,   /* one directed pair loses many, on one path */
	BEAT_SLOW,    /* what goes by one path is late, and out of order */
	BEAT_CABLE,   /* a NIC loses its link */
	BEAT_REPLAY,  /* what was believed once is sent again */
	BEAT_FAULT_KINDS
};

struct beat_fault {
	bool on;
	enum beat_fault_kind kind;
	unsigned path, node;
	uint16_t cut[SIM_NODES]; /* by sender, who does not hear it; of some kinds */
};

/* What is known of what one node says to another by one path. */
struct hearing {
	uint64_t said_ns;    /* the last that its core said */
	uint64_t got_ns;     /* when the last that the other's core believed came in */
	uint64_t told_ns;    /* when that was said */
	uint64_t timeout_ns; /* the silence that it announced last, by whatever path */
	uint64_t until_ns;   /* the other may take it for alive, by this path */
	uint64_t back_ns;    /* when the other began to believe it, by this path, after a silence */
	uint64_t sequence, incarnation; /* in the last that was believed */
	uint64_t interval_ns;		/* that it announced last, by whatever path */
	uint64_t upset_ns;   /* the last that did not get through, or was late */
	enum node_state node; /* what the other takes it for, when last looked */
	enum path_state path;
};

struct beat_record {
	unsigned from, to, path;
	uint16_t length;
	uint8_t bytes[HEARTBEAT_MAX];
};

struct beats_world {
	unsigned n_paths; /* 0: no nodes are configured */
	bool by_claims;	  /* they decide by them who holds the vips, not by VRRP */
	uint64_t changed_ns; /* when a core last took a node or a path for something else */
	uint64_t stirred_ns; /* when one last said so, of a port too, or not all was as clear as order.c needs it */
	enum path_kind kinds[SIM_PATHS];
	uint64_t interval_ns; /* half of the longest that a reload may bring */
	struct rng rng;	      /* of its own: worlds without are what they were */
	struct beat_fault faults[SIM_BEAT_FAULTS];
	struct hearing hearing[SIM_NODES][SIM_NODES][SIM_PATHS]; /* by who says it and who hears it */
	struct beat_record records[SIM_RECORDS];
	unsigned n_records; /* so far */
};

/* What is peculiar to a node of others (peer.c). */
enum peer_kind {
	PEER_KEEPALIVED, /* the checksum with the pseudo-header only; what is wrong restarts a master's timer */
	PEER_STRICT,	 /* the checksum of RFC 9568 only */
	PEER_DEAF,	 /* does not hear for a while, and takes over */
	PEER_ZERO,	 /* says goodbye every few milliseconds */
	PEER_GARBAGE,	 /* says only what must be dropped, often enough to silence keepalived */
	PEER_KINDS
};

struct peer_vip {
	bool active;
	uint8_t priority;
	uint64_t interval_ns;		       /* of the active one */
	uint64_t down_ns, advert_ns, garp_ns; /* NEVER: not running */
	uint64_t active_ns;		       /* since when it is as it is */
};

struct peer {
	enum peer_kind kind;
	bool up;
	unsigned at; /* a switch */
	uint64_t turn_ns, armed_ns, deaf_until_ns; /* turn: comes or goes */
	struct peer_vip vips[SIM_VIPS];
};

struct peer_advert {
	unsigned vip;
	uint8_t priority, form; /* form: enum vrrp_checksum */
	struct ip source;
	bool garbage;
};

enum fault_kind {
	FAULT_CABLE,
	FAULT_SWITCH,
	FAULT_TRUNK,
	FAULT_PARTITION,
	FAULT_ONE_WAY,
	FAULT_LOSS,
	FAULT_DELAY,
	FAULT_CRASH,
	FAULT_POWER,
	FAULT_STALL,
	FAULT_LOOP_STALL,
	FAULT_STOP,
	FAULT_RELOAD,
	FAULT_ADDRESS_DELETED,
	FAULT_BASE_DELETED,
	FAULT_LINK_RECREATED,
	FAULT_LINK_DOWN,
	FAULT_OVERRUN,
	FAULT_REFUSE,
	FAULT_SLOW,
	FAULT_BAD_PACKET,
	FAULT_CLAIM,
	FAULT_BOND_TOUCHED,
	FAULT_ROUTE_DELETED,
	FAULT_REFUSE_LONG,
	FAULT_MUTE,
	FAULT_GATEWAY,
	FAULT_SWITCHED,
	FAULT_FLAP,
	FAULT_SILENT,
	FAULT_RENAMED,
	FAULT_ROLE,
	FAULT_KINDS
};

_Static_assert(FAULT_KINDS <= 32, "a mask of faults has 32 bits");
#define ALL_FAULTS (UINT32_MAX >> (32 - FAULT_KINDS))

struct fault {
	bool on;
	bool cut; /* FAULT_FLAP: the cable is out now */
	enum fault_kind kind;
	unsigned node, port; /* FAULT_PARTITION: node is one side as a mask; FAULT_ONE_WAY: port does not hear node */
};

enum trace_kind { TRACE_EVENT, TRACE_ACTION, TRACE_TEXT };

struct trace_entry {
	uint64_t time;
	uint16_t node;
	uint16_t kind;
	union {
		struct event event;
		struct action action;
		char text[120];
	} u;
};

/* What kinds of vips moved: one may be of several. */
enum takeover_kind {
	TAKEOVER_IPV6,
	TAKEOVER_V2,
	TAKEOVER_PASSWORD,
	TAKEOVER_UNICAST,
	TAKEOVER_OWNED,
	TAKEOVER_GROUP,
	TAKEOVER_TRACKED,
	TAKEOVER_DELAYED,
	TAKEOVER_NOT_PREEMPTED,
	TAKEOVER_CLAIMS,
	TAKEOVER_KINDS
};

struct statistics {
	uint64_t worlds, virtual_ns, takeovers, steps, packets, lost, faults[FAULT_KINDS];
	struct safety safety[2]; /* of vips by VRRP, and by claims */
	uint64_t orders; /* so often the holder was compared with the order of claims */
	uint64_t beat_worlds, beats, beats_lost, replays, beat_faults[BEAT_FAULT_KINDS];
	uint64_t takeovers_of[TAKEOVER_KINDS];
	uint64_t hash; /* over what every core was told and said */
};

struct options {
	uint64_t seed;
	unsigned nodes, vips; /* 0: the seed decides */
	uint64_t steps;	      /* 0: no limit */
	uint64_t failovers;   /* worlds until so many takeovers have happened */
	uint64_t worlds;
	unsigned jobs;
	int peers;		/* -1: the seed decides */
	int paths;		/* between nodes with heartbeats; 0: no heartbeats, -1: the seed decides */
	uint32_t peer_kinds;	/* mask of enum peer_kind; 0: all */
	uint32_t sweeps;		/* mask of enum sweep_kind; 0: whole worlds */
	uint64_t sweep_stride, sweep_at; /* every so many places; only there */
	uint64_t time_ns;	  /* of faults in one world; 0: the seed decides */
	int kind;		  /* enum node_kind, -1: the seed decides */
	const char *named;	  /* the world of that name, or all that have one; NULL: those of the seeds */
	uint32_t faults;	  /* mask of enum fault_kind */
	uint64_t verbose_from_ns; /* NEVER: not verbose */
	bool trace_hash, keep_going, quiet, progress;
	uint32_t lies; /* mask of enum action_type: what the applier only pretends to do, so that the checks are checked
			*/
};

struct world {
	const struct options *options;
	uint64_t seed, now;
	struct rng rng;
	struct heap heap;
	enum sweep_kind sweep;
	uint64_t sweep_at, actions, events; /* so many so far, of all nodes */
	unsigned n_nodes, n_vips;
	struct node *nodes;
	struct world_vip vips[SIM_VIPS];
	struct packet *packets;
	uint32_t *free_packets;
	struct peer peers[SIM_PEERS];
	unsigned n_peers;
	struct beats_world beats;
	unsigned n_free_packets;

	bool cable[SIM_NODES][SIM_LINKS], switch_up[2], trunk;
	bool mute[SIM_NODES][SIM_LINKS]; /* carrier is there, nothing passes */
	bool gateway;			 /* it answers; it hangs on the first switch */
	uint64_t apart_ns[SIM_NODES]
			 [SIM_NODES]; /* when two nodes that hold one vip were last seen not to hear each other */
	uint64_t blocked[SIM_NODES];  /* who does not hear this node */
	uint32_t loss, burst_loss, duplicate, reorder, spike; /* millionths */
	uint64_t delay_ns, jitter_ns, burst_delay_ns, apply_ns, loop_ns, linkwatch_ns;
	unsigned cap;
	uint32_t fault_mask;
	uint64_t fault_gap_ns, hold_ns, check_ns;
	bool uneven; /* some node had not all members of the group: parts of it may be on different nodes */
	bool faults_on;
	struct fault faults[SIM_FAULTS];

	struct action out[256];
	struct trace_entry *trace;
	uint64_t trace_n;
	struct statistics *statistics;
	uint64_t hash;
	bool ending;	     /* everybody stops: the story is told */
	bool failed, trying; /* trying: a check only asks, refused says what it found */
	bool refused;
	const char *failed_check;
};

/* make.c */
void make_world(struct world *);
void make_tracks(struct world *, struct node *, unsigned vip); /* draws what it rests on anew */
uint64_t make_down_max(const struct world *); /* the longest Down of any vip */
void *make_memory(size_t n, size_t size);

/* configure.c */
void configure_node(struct world *, struct node *); /* builds node->config from configured[], priority[], setup[] */
int configure_vip_of(const struct world *, uint8_t vrid, uint8_t family); /* the world's number of it, -1: none */
unsigned configure_listed(const struct world_vip *); /* mask of the addresses that its adverts list, of those configured */
/* The address by which a node is known to its unicast peers. */
struct ip configure_peer(const struct world_vip *, const struct node *);

/* world.c */
bool world_run(struct world *, const struct options *, uint64_t seed, struct statistics *); /* true: nothing was broken */
/* The same in parts, for worlds whose story is given. */
void world_begin(struct world *, const struct options *, uint64_t seed, struct statistics *);
bool world_live(struct world *, uint64_t until); /* false: something broke, or it is enough */
void world_watch(struct world *);
bool world_stop(struct world *);
void world_end(struct world *);
void world_schedule(struct world *, uint64_t time, enum happen, unsigned node, uint32_t a, uint32_t b);

/* kernel.c */
void kernel_boot(struct world *, struct node *);
void kernel_off(struct world *, struct node *);
struct sim_link *kernel_link(struct node *, int ifindex);
struct sim_link *kernel_link_named(struct node *, const char *name);
void kernel_refresh(struct world *, struct node *); /* carrier as cables, switches and flags have it */
int kernel_set_up(struct world *, struct node *, struct sim_link *, bool up, uint32_t cause);
int kernel_address_set(struct world *, struct node *, const struct action_address *, bool create, bool ours,
		       uint32_t cause);
int kernel_address_delete(struct world *, struct node *, int ifindex, const struct ip *, uint8_t prefix,
			  uint32_t cause);
int kernel_route_set(struct world *, struct node *, const struct action_route *, bool ours, uint32_t cause);
int kernel_route_delete(struct world *, struct node *, int ifindex, const struct config_route *, uint32_t cause);
void kernel_slept(struct world *, struct node *, uint64_t for_ns); /* its clocks stood still */
void kernel_expire(struct world *, struct node *);
void kernel_delete_link(struct world *, struct node *, struct sim_link *);
void kernel_rename(struct world *, struct node *, struct sim_link *, bool other);
void kernel_create_nic(struct world *, struct node *, unsigned port);
void kernel_base_address(struct world *, struct node *, struct sim_link *);
void kernel_tell_link(struct world *, struct node *, const struct sim_link *, uint32_t cause);
void kernel_tell(struct world *, struct node *, const struct event *);
void kernel_event_link(const struct sim_link *, struct event *);
void kernel_event_address(const struct world *, const struct sim_address *, struct event *);
void kernel_event_route(const struct sim_route *, struct event *);

/* bonding.c */
int bonding_create(struct world *, struct node *, const struct action_link *, uint32_t cause);
bool bonding_is_device(const struct sim_link *); /* a bond or a team */
void bonding_event_team(const struct sim_link *, struct event *);
/* libteam tells what it sees, by the applier's way. */
void bonding_tell_team(struct world *, struct node *, const struct sim_link *);
int bonding_set(struct world *, struct node *, struct sim_link *, unsigned set, uint32_t cause);
int bonding_enslave(struct world *, struct node *, struct sim_link *port, int master, uint32_t cause);
int bonding_rebuild(struct world *, struct node *, struct sim_link *bond, const struct action_link *, uint32_t cause);
int bonding_set_active(struct world *, struct node *, struct sim_link *bond, int port, uint32_t cause);
void bonding_release(struct world *, struct node *, struct sim_link *port, uint32_t cause);
void bonding_arm(struct world *, struct node *, struct sim_link *port);
void bonding_poll(struct world *, struct node *, struct sim_link *bond);

/* applier.c */
bool applier_take(struct world *, struct node *, const struct action *);
void applier_run(struct world *, struct node *);

/* lan.c */
void lan_advert(struct world *, struct node *, const struct action_advert *);
void lan_announce(struct world *, struct node *, const struct action_announce *);
void lan_probe(struct world *, struct node *, const struct action_probe *);
bool lan_reaches_gateway(const struct world *, const struct node *, unsigned port);
void lan_bad_packet(struct world *, struct node *);
void lan_foreign_claim(struct world *, struct node *, unsigned vip);
void lan_arrive(struct world *, struct node *, unsigned port, uint32_t slot);
void lan_release(struct world *, uint32_t slot);
bool lan_is_listed(const struct node *, unsigned port); /* a port of the bond, by the name that it has now */
bool lan_is_port(const struct node *, unsigned port); /* whether it has that cable */
bool lan_port_live(const struct world *, const struct node *, unsigned port); /* cable and switch */
int lan_switch_of(const struct node *, unsigned port);
int lan_path(const struct node *, int ifindex); /* the cable that a packet out of this interface takes, -1: none */

/* One datagram of a node's to another by one path of the world; whether it may pass that path at all is for beat.c. */
void lan_beat(struct world *, const struct packet *, uint64_t delay_ns);

void lan_peer_advert(struct world *, unsigned at, unsigned from, const struct peer_advert *);
void lan_peer_announce(struct world *, unsigned at, unsigned from, const struct ip *);

/* beat.c */
void beat_choose(struct world *);		       /* whether there are any, and by which paths; before the nodes are made */
void beat_vip(const struct world *, struct world_vip *); /* makes it one by claims, if the world's are */
void beat_make(struct world *);			       /* the nodes' share */
void beat_configure(struct world *, struct node *);    /* nodes, paths and heartbeat of node->config */
void beat_send(struct world *, struct node *, const struct action *);
void beat_read(struct world *, const struct node *, const struct packet *, int ifindex, struct heartbeat *, struct event *);
void beat_lost(struct world *, const struct packet *);
void beat_late(struct world *, const struct packet *, uint64_t delay_ns); /* sent now, it comes in so much later */
void beat_cables(struct world *);		       /* which NICs have no link, for faults.c */
void beat_reload(struct world *, struct node *);       /* a person changes interval or lost */
void beat_fault_happen(struct world *);
void beat_fault_heal(struct world *, unsigned slot);
void beat_heal_all(struct world *);
void beat_fault_put(struct world *, const struct beat_fault *); /* until all are healed */
bool beat_shared(const struct world *, unsigned a, unsigned b, unsigned path);
const char *beat_fault_name(enum beat_fault_kind);

/* hearing.c */
struct heard {
	struct node_view node;
	struct path_view path;
};
/* As the core has it; false: it has no such path. */
bool hearing_view(const struct world *, const struct node *, unsigned other, unsigned path, struct heard *);
void hearing_began(struct world *, struct node *); /* a process */
void hearing_woken(struct world *, struct node *); /* it goes on */
void hearing_said(struct world *, struct node *, unsigned to, unsigned path);
void hearing_given(struct world *, struct node *, const struct packet *, const struct event *, const struct heard *before);
void hearing_check(struct world *);
bool hearing_connected(const struct world *, unsigned a, unsigned b); /* both take the other for alive, and a path for up */

/* named.c */
bool named_run(struct world *, const struct options *, uint64_t seed, struct statistics *);
bool named_is(const char *name); /* whether there is one, or it is "all" */
void named_list(void);

/* peer.c */
void peers_make(struct world *);
void peers_begin(struct world *);
void peers_end(struct world *);
void peer_run(struct world *, unsigned id); /* SIM_NODES and up */
void peer_schedule(struct world *, struct peer *);
void peer_hear(struct world *, unsigned id, const struct packet *);
bool peer_is_polite(const struct peer *); /* it follows the standard, as it reads it */
const char *peer_name(enum peer_kind);

/* shell.c */
void shell_start(struct world *, struct node *);
void shell_kill(struct world *, struct node *);
void shell_stop(struct world *, struct node *);
void shell_reload(struct world *, struct node *);
/* A person chooses the bond's port; NULL: gives the choice back. */
void shell_switch(struct world *, struct node *, const char *port);
bool shell_role(struct world *, struct node *, enum role_order, unsigned vip); /* false: not possible now */
void shell_stall(struct world *, struct node *, bool loop_only, bool suspended);
void shell_wake(struct world *, struct node *);
void shell_run(struct world *, struct node *);
void shell_wake_at(struct world *, struct node *, uint64_t when);
void shell_post(struct world *, struct node *, const struct event *); /* a result of the applier */

/* faults.c */
void fault_happen(struct world *);
void fault_compute(struct world *); /* cables, switches and reachability, of the faults that are on */
void fault_flap(struct world *, unsigned slot);
void fault_heal(struct world *, unsigned slot);
void fault_delete(struct world *, struct node *);
void fault_heal_all(struct world *);
const char *fault_name(enum fault_kind);

void fault_put(struct world *, enum fault_kind, unsigned node, unsigned port); /* until all are healed */
void fault_restart(struct world *, struct node *, uint64_t after_ns); /* a node that dies now starts again then */
void fault_pause(struct world *, struct node *, bool loop_only, bool suspended, uint64_t for_ns);

/* reload.c */
bool reload_happen(struct world *, struct node *); /* false: not possible now */
bool reload_now(struct world *, struct node *, bool changed);

/* sweep.c */
const char *sweep_name(enum sweep_kind);
bool sweep_run(struct world *, const struct options *, uint64_t seed, struct statistics *);
bool sweep_action(struct world *, struct node *);
void sweep_step(struct world *, struct node *);
void sweep_pause(struct world *, struct node *);

/* check.c */
void check_addresses(struct world *, struct node *, const struct ip *, int link, int change);
void check_failed(struct world *, struct node *, const struct action *);
void check_expired(struct world *, struct node *, const struct ip *);
void check_states(struct world *, struct node *);
void check_step(struct world *, struct node *, size_t n);
void check_answer(struct world *, struct node *, const struct event *);
void check_submit(struct world *, struct node *, const struct action *);
uint64_t check_key(const struct action *);
void check_advert_sent(struct world *, struct node *, const struct action_advert *);
void check_announced(struct world *, struct node *, const struct ip *);
void check_note(struct world *, struct node *, const struct action *);
void check_claim_heard(struct world *, struct node *, const struct ip *, int ifindex);
void check_reloaded(struct world *, struct node *);
void check_removed(struct world *, struct node *, const struct action_address *, uint64_t submitted_ns);
void check_advert_heard(struct world *, struct node *, const struct event_advert *);
void check_stopped(struct world *, struct node *);
void check_record_lost(struct world *, struct node *); /* what is left of it is the kernel's to remove */
void check_woken(struct world *, struct node *, uint64_t late_ns);
void check_time(struct world *);
void check_disturb_lan(struct world *, struct node *);
void check_disturb(struct world *, struct node *, uint64_t grace_ns);
bool check_is_grouped(const struct world *, const struct node *, unsigned vip); /* with another that is configured here */
bool check_is_owner(const struct world *, const struct node *, unsigned vip); /* the addresses are its own */
bool check_is_path(const struct node *, unsigned vip, int ifindex); /* whether the vip, as configured, speaks there */
void check_owner(struct world *, struct node *, unsigned vip);		       /* whether it holds what is its own */
int check_vip_of(const struct world *, const struct ip *, unsigned *address);
uint64_t check_down(const struct world *, const struct node *, unsigned vip);

/* For safety.c: as the checks see it. */
bool check_is_well(const struct node *);
bool check_connected(const struct world *, unsigned a, unsigned b, unsigned vip);
bool check_is_able(const struct world *, const struct node *, unsigned vip); /* nothing that a person can see keeps it from holding it */
bool check_could_hold(const struct world *, const struct node *, unsigned vip);
uint64_t check_pair_bound(const struct world *, unsigned vip); /* for how long two may hold it */
uint64_t check_none_bound(const struct world *, unsigned vip); /* for how long nobody may */

/* order.c */
void order_stirred(struct world *);
void order_check(struct world *);
void order_settled(struct world *);

/* settled.c */
void check_settled(struct world *);
void check_nothing_left(struct world *);

/* safety.c */
struct safety *safety_of(const struct world *); /* where this world's are counted */
void safety_account(struct world *, unsigned vip);
void safety_account_all(struct world *);
void safety_end(struct world *);

/* campaign.c */
int campaign_run(struct options *); /* 0: nothing was broken */

/* record.c */
void record_replay(const struct options *, uint64_t seed, enum sweep_kind, uint64_t sweep_at); /* prints the command that shows that world again */
void trace_add_event(struct world *, const struct node *, const struct event *);
void trace_add_action(struct world *, const struct node *, const struct action *);
void trace_add_text(struct world *, unsigned node, const char *format, ...) __attribute__((format(printf, 3, 4)));
void world_fail(struct world *, const struct node *, const char *check, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
