/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words that configuration, core and wire share: addresses, limits, states, reasons. Plain values, libc only. */
#ifndef STANDBYD_CORE_TYPES_H
#define STANDBYD_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Limits. Each is checked where configuration is loaded; the core's tables are allocated from what a configuration
 * really uses, so a limit costs nothing until it is used. */
enum {
	MAX_BONDS         = 64,   /* more than any machine has pairs of NICs */
	MAX_PORTS         = 16,   /* per bond; an active-backup bond wider than that is a mistake */
	MAX_VIPS          = 4096, /* 255 vrids × interfaces × families, as far as one machine is sensible */
	MAX_VIP_ADDRESSES = 255,  /* the count field of an advert is one byte (RFC 9568 §5.2.5) */
	MAX_VIP_ADDRESSES_6 = 64, /* listed ones over IPv6: an advert is never fragmented */
	MAX_BOND_ADDRESSES = 64,
	MAX_BOND_ROUTES   = 64,   /* and of a vip */
	MAX_VIP_RULES     = 32,   /* more than anybody writes by hand */
	MAX_VLANS         = 256,  /* all bonds' together; they share the table of the bonds */
	MAX_PROBES        = 4,    /* per bond: more would only repeat what these say */
	MAX_TARGETS       = 4,    /* per probe */
	MAX_TRACKS        = 16,   /* per vip: what it requires, and what lowers its priority */
	TRACK_NAME_SIZE   = 56,   /* "route:" and an IPv6 network */
	PORT_SPEC_SIZE    = 96,   /* "path:" and an ID_PATH, the longest seen are below 64 */
	NAME_SIZE         = 32,   /* names of vips and bonds, with the NUL */
	NODE_SIZE         = 64,   /* Linux host names are 64 bytes at most */
	IFNAME_SIZE       = 16,   /* IFNAMSIZ */
	MAC_SIZE          = 6,
	MAX_PEERS         = 64,   /* of a unicast vip: each advert goes to each of them */
	MAX_NODES         = 16,   /* each sends to each other one, and a person has to see through it */
	MAX_PATHS         = 4,    /* per node: LAN and cable, and each of them twice */
	MAX_CHECKS        = 4096, /* one for each vip */
	MAX_HOOKS         = 1024,
	MAX_WHENS         = 16,   /* per hook */
	MAX_ARGS          = 64,   /* of a command, its program among them */
	AUTH_SIZE         = 8,    /* the room that a version 2 advert has for its password */
};

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define NEVER         UINT64_MAX

enum family { FAMILY_NONE = 0, FAMILY_4 = 4, FAMILY_6 = 6 };

/* An IP address; IPv4 uses the first four bytes (network order), the rest is zero, so that memcmp compares. */
struct ip {
	uint8_t family; /* enum family */
	uint8_t bytes[16];
};

static inline bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* fe80::/10 (RFC 4291 §2.5.6). */
static inline bool ip_is_link_local(const struct ip *ip)
{
	return ip->family == FAMILY_6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

/* Order of two addresses of one family as unsigned numbers in network order (RFC 9568 §6.4.3): <0, 0, >0. */
static inline int ip_compare(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static inline unsigned ip_size(uint8_t family)
{
	return family == FAMILY_6 ? 16 : 4;
}

/* What an object is and which one. Actions, notes and reasons name their object so; the index counts in the
 * configuration that is in force. */
enum object_type {
	OBJECT_NONE, OBJECT_NODE, OBJECT_BOND, OBJECT_PORT, OBJECT_VIP, OBJECT_ADDRESS, OBJECT_ROUTE, OBJECT_VIP_ROUTE, OBJECT_RULE,
	OBJECT_PEER, /* another node; index: of the node in the configuration */
	OBJECT_PATH, /* to another node; index: of the node, sub: of the path, as core_node_path counts */
	OBJECT_CHECK, /* index: in the configuration */
};

struct object {
	enum object_type type;
	uint16_t index; /* of the bond or vip */
	uint16_t sub;   /* OBJECT_PORT: the port within its bond; OBJECT_ADDRESS: within its owner; OBJECT_ROUTE (index: its
			 * bond) and OBJECT_VIP_ROUTE, OBJECT_RULE (its vip): the prefix length */
};

/* States as product.md names them. */
enum vip_state { VIP_INIT, VIP_BACKUP, VIP_ACTIVE, VIP_LEAVING, VIP_FAULT };
enum bond_state { BOND_DOWN, BOND_DEGRADED, BOND_UP };
enum port_state { PORT_ABSENT, PORT_DOWN, PORT_HOLD, PORT_STANDBY, PORT_ACTIVE };
enum node_state { NODE_WAITING, NODE_ALIVE, NODE_LEFT, NODE_SILENT };
enum check_state { CHECK_UNKNOWN, CHECK_PASSED, CHECK_FAILED };
enum path_state { PATH_WAITING, PATH_UP, PATH_ONE_WAY, PATH_SILENT, PATH_DOWN };

/* Why an object is in its state. The sentence is made outside the core (common/sentence.h) from the code and the
 * arguments; the comment says what the arguments are. Times are nanoseconds. */
enum reason_code {
	REASON_NONE,
	/* init */
	REASON_STARTING,          /* waiting for the first snapshot */
	REASON_INTERFACE_ABSENT,  /* the interface does not exist (yet) */
	REASON_NO_SOURCE,         /* the interface has no address of the vip's family to send from */
	REASON_DRAINED,           /* a person drained this node */
	REASON_OWNER_ADDRESS,     /* priority 255, but the address is not on the interface */
	/* backup */
	REASON_LISTENING,         /* just started: listens one Down time; arg0 Down, arg1 age of a predecessor's last sign, 0: none */
	REASON_OTHER_ACTIVE,      /* hears another; arg0 its priority, ip its source */
	REASON_LOST_ELECTION,     /* heard a better one while active; arg0 its priority, arg1 ours, ip its source */
	REASON_TAKING,            /* decided to take over, addresses are being added; arg0 how many are missing */
	REASON_HANDED_OVER,       /* given away by a person; arg0 the other's priority, ip its source, FAMILY_NONE: none heard yet */
	REASON_PREEMPT_DELAY,     /* waits before it preempts; arg0 the other's priority, arg1 the remaining time, ip its source */
	REASON_GROUP_WAITS,       /* would take over, but a member of its group cannot yet: name */
	REASON_LATE_BACKUP,       /* woke up late, listens again; arg0 how late */
	REASON_LATE_LOST,         /* was active, woke up later than the lease or another took over; arg0 how late */
	REASON_ADDRESS_REFUSED,   /* the kernel refused an address; arg0 errno, ip the address */
	/* active */
	REASON_SILENCE,           /* heard nobody for Down; arg0 how long since the last advert, arg1 Down */
	REASON_PREDECESSOR_LEFT,  /* heard priority 0; ip who left */
	REASON_RESUMED,           /* adopted what a predecessor of this process held; arg0 how old its last sign is */
	REASON_OWNER,             /* priority 255 */
	REASON_PREEMPTED,         /* took over from a lower one; arg0 its priority, arg1 ours, ip its source */
	REASON_NOT_TAKEN,         /* handed over, and nobody took it; arg0 how long it was waited for */
	REASON_REELECTED,         /* preempt is off and its health worsened: it asked for an election and won; arg0 its priority, arg1 the configured one */
	/* leaving */
	REASON_HEALTH,            /* preempt is off and its health worsened: asks for an election; arg0 its priority, arg1 the one before */
	REASON_STOPPING,          /* the daemon stops */
	REASON_REMOVED,           /* removed from the configuration */
	REASON_GROUP_LEFT,        /* a member of its group left this node: name */
	/* fault */
	REASON_REQUIRED,          /* something that it requires is not there: name; arg0 why, a reason code */
	REASON_ROUTE_ABSENT,      /* of what is required: the routing table has no such route */
	REASON_GROUP_MEMBER,      /* a member of its group cannot be held here: name; arg0 why, a reason code */
	REASON_LINK_DOWN,         /* the interface has no carrier */
	REASON_INTERFACE_DOWN,    /* the interface is administratively down */
	REASON_INTERFACE_GONE,    /* the interface was deleted */
	REASON_BOND_DOWN,         /* the bond below has no active port */
	REASON_CANNOT_LISTEN,     /* the VRRP socket was refused; arg0 errno */
	/* ports */
	REASON_PORT_CHOSEN,       /* active: preferred, first, or only one */
	REASON_PORT_ONLY,         /* active: no other port is healthy */
	REASON_PORT_READY,        /* standby, healthy */
	REASON_PORT_HOLD,         /* healthy, but not for long enough; arg0 the remaining time, arg1 hold */
	REASON_PORT_FOREIGN,      /* belongs to another master; arg0 its ifindex */
	REASON_PORT_REFUSED,      /* the kernel refused to take it; arg0 errno */
	REASON_PORT_JOINING,      /* being enslaved */
	REASON_PORT_MANUAL,       /* active: a person switched to it, until it fails */
	REASON_PORT_MEDDLED,      /* of NOTE_ACTIVE_PORT alone: neither we nor a failure changed it */
	REASON_PORT_PROBES_LOST,  /* has link, but its probes are not answered; ip a target, arg0 since how long */
	REASON_PORT_DAMPED,       /* flapped too often; arg0 the penalty, arg1 the time until it may be used again */
	REASON_PORT_UNINITIALISED, /* udev has not finished with it: it may be renamed yet */
	REASON_PORT_VF_MAC,       /* an SR-IOV virtual function cannot take the bond's fixed MAC address */
	REASON_PORT_MTU,          /* cannot carry the bond's MTU; arg0 its largest, arg1 the bond's */
	/* bonds */
	REASON_BOND_OK,           /* active port and a healthy standby */
	REASON_BOND_NO_STANDBY,   /* active port, nothing behind it */
	REASON_BOND_NO_PORT,      /* no port has link */
	REASON_BOND_BUILDING,     /* being created or changed */
	REASON_BOND_REFUSED,      /* the kernel refused to create or change it; arg0 errno */
	REASON_BOND_KIND,         /* the name belongs to a device that is no bond */
	REASON_BOND_MODE,         /* it exists in another mode and is being rebuilt; arg0 the mode's number, -1: a team */
	REASON_BOND_DRIVER,       /* it exists as a device of the other driver and is being rebuilt; arg0 enum bond_driver */
	REASON_BOND_PROBES_LOST,  /* degraded: no port's probes are answered, carrier decides; ip a target */
	REASON_VLAN_LINK,         /* vlan: what it is on has no link or does not exist */
	REASON_VLAN_KIND,         /* vlan: the name belongs to a device that is not this vlan */
	/* what vips carry besides their own addresses */
	REASON_ROUTE_REFUSED,     /* the kernel refused to make it; arg0 errno */
	REASON_RULE_REFUSED,      /* the same of a rule */
	/* vips with a MAC address of their own */
	REASON_VMAC_REFUSED,      /* fault: the kernel refused its device; arg0 errno, name the device */
	REASON_VMAC_KIND,         /* fault: the name belongs to a device that is not ours; name */
	/* nodes, and the paths to them */
	REASON_NODE_WAITING,      /* never heard since the start */
	REASON_NODE_HEARD,        /* alive */
	REASON_NODE_LEFT,         /* said goodbye */
	REASON_NODE_SILENT,       /* by no path; arg0 for how long, arg1 after how long it counts as dead */
	REASON_PATH_WAITING,      /* nothing came by it since the start */
	REASON_PATH_OK,           /* both hear each other */
	REASON_PATH_ONE_WAY,      /* the other does not hear this node by it; arg0 for how long, 0: never did */
	REASON_PATH_SILENT,       /* arg0 for how long nothing came */
	REASON_PATH_LINK,         /* what it is on has no link here */
	/* vips by claims; name is the other node, arg0 by what one claim is better than the other, enum claim_advantage */
	REASON_FOLLOWS,           /* backup: it holds the vip, with the better claim */
	REASON_CLAIM_WORSE,       /* backup: it has the better claim, and is to take the vip */
	REASON_CLAIM_AWAITED,     /* backup: it lives, and has not said yet what it claims */
	REASON_CLAIM_DELAY,       /* backup: its claim is worse, but it holds the vip; arg1 the remaining time */
	REASON_BETTER_CLAIM,      /* active: took it from that one */
	REASON_BEST_CLAIM,        /* active: nobody held it, and no claim is better */
	REASON_NODE_DIED,         /* active: who held it is silent */
	REASON_NODE_LET_GO,       /* active: who held it does not any more, or leaves it */
	REASON_CLAIM_LOST,        /* leaving: that one holds it now, with the better claim */
	REASON_ISOLATED,          /* fault: no node is heard by any path, and the LAN is dead */
	/* what vips rest on */
	REASON_CHECK_FAILED,      /* of what is required: so many results in a row said so */
	REASON_CHECK_WAITING,     /* of what is required, or a check: no run has ended yet, and `start` says nothing */
	REASON_CHECK_PASSED,      /* of a check */
	REASON_TEST_FAILED,       /* as if it were required: the test after taking over failed, and the check has not passed since */
	REASON_HOOKS,             /* backup: decided to take over, its blocking hooks are awaited */
	REASON_NODE_DAEMON,       /* of a node: its daemon is gone, the node's kernel lives; arguments as REASON_NODE_SILENT's */
	REASON_DAEMON_DIED,       /* active: the daemon of who held it is gone, and its addresses may answer until its lease ends; name */
	REASON_COUNT
};

/* By what one claim is better than another; what stands first decides first (doc/HEARTBEAT.md). */
enum claim_advantage {
	BY_NOTHING,
	BY_ABLE,      /* it can hold the vip */
	BY_LAST_WORD, /* it holds it, and cannot be told of better claims */
	BY_LAN,
	BY_HEALTH,
	BY_HOLDING,
	BY_PRIORITY,
	BY_ADDRESS,
	CLAIM_ADVANTAGES
};

struct reason {
	enum reason_code code;
	int64_t arg[2];
	struct ip ip;
	char name[TRACK_NAME_SIZE]; /* of another object that is the reason; "": none */
};

/* The two ways to sum an IPv4 v3 message: RFC 9568 §5.2.8 sums the message alone; RFC 5798 was read by keepalived and FRR
 * as "with pseudo-header". Over IPv6 both mean the pseudo-header. GROUP is what old keepalived made of it in unicast packets:
 * the group's address in the pseudo-header, where the destination should be; it is understood, never chosen. */
enum vrrp_checksum { VRRP_CHECKSUM_RFC9568, VRRP_CHECKSUM_RFC5798, VRRP_CHECKSUM_GROUP };

/* Why a packet was dropped (RFC 9568 §7.1, and the checklist of design/vrrp.md); also the counters' names. */
enum drop_reason {
	DROP_NONE,
	DROP_OWN_SOURCE,    /* our own advert came back */
	DROP_TTL,           /* TTL or hop limit is not 255 */
	DROP_VERSION,
	DROP_TYPE,          /* not an advertisement */
	DROP_TRUNCATED,     /* shorter than it says, or longer */
	DROP_CHECKSUM,
	DROP_VRID,          /* not ours on that interface */
	DROP_COUNT,         /* no address in it */
	DROP_INTERVAL,      /* advertisement interval 0 */
	DROP_FIRST_ADDRESS, /* IPv6: the first address is not link-local */
	DROP_DESTINATION,   /* neither the group nor an address of ours */
	DROP_V2_INTERVAL,   /* version 2: another interval than ours */
	DROP_V2_AUTH,       /* version 2: another authentication than ours */
	DROP_NOT_PEER,      /* unicast: not from one of the configured peers */
	DROP_REASONS
};

/* FNV-1a over those bytes, going on from `hash`; begin with FNV1A_START. */
#define FNV1A_START 0xcbf29ce484222325ULL

static inline uint64_t fnv1a(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

#endif
