/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heartbeats between nodes: bytes ↔ struct, as doc/HEARTBEAT.md has them. No sockets, no keys: the tag is for who has those. */
#ifndef STANDBYD_WIRE_HEARTBEAT_H
#define STANDBYD_WIRE_HEARTBEAT_H

#include <stddef.h>

#include "core/types.h"

enum {
	HEARTBEAT_VERSION = 1,
	HEARTBEAT_HEADER = 56,
	HEARTBEAT_TAG = 32,
	HEARTBEAT_MAX = 1200,   /* of the whole datagram: fits the least MTU of IPv6 with its headers */
	HEARTBEAT_PATHS = 8,    /* that two nodes may share */
	HEARTBEAT_NAME = 64,    /* of a node, with the NUL; of paths and software 32 */
	HEARTBEAT_LABEL = 32,
	HEARTBEAT_CLAIMS = 80,  /* so many fit beside the longest names, all paths and the tag */
	HEARTBEAT_INTERVAL_MIN_US = 1000,
	HEARTBEAT_INTERVAL_MAX_US = 60 * 1000 * 1000,
};

enum lan_verdict { LAN_UNKNOWN, LAN_GOOD, LAN_DEAD };

/* Why a datagram is dropped. Those from _TTL on are for who knows more than its bytes: the socket, the keys, the core. */
enum heartbeat_drop {
	HEARTBEAT_GOOD,
	HEARTBEAT_FOREIGN,   /* not ours at all */
	HEARTBEAT_TRUNCATED, /* not as long as it says, an item is cut off, or no room for the tag that it announces */
	HEARTBEAT_NAMELESS,  /* no node or no path in it, or a name that is none: empty, too long, with a NUL in it */
	HEARTBEAT_RANGE,     /* version, interval, lost or incarnation out of range */
	HEARTBEAT_TTL,       /* a router was between, and the path is not routed */
	HEARTBEAT_NO_TAG,    /* where one is required */
	HEARTBEAT_TAG_WRONG,
	HEARTBEAT_KEY_UNKNOWN,
	HEARTBEAT_STRANGER,  /* from a node that is not configured, or that calls itself like this one */
	HEARTBEAT_WRONG_PATH, /* another address or path than that node has there, or by another interface */
	HEARTBEAT_UNPROVEN,  /* does not name this node's incarnation: may be a record of an old one */
	HEARTBEAT_REPLAYED,  /* of an incarnation that another followed, or not newer than what came by that path */
	HEARTBEAT_DROPS
};

struct heartbeat_heard {
	uint64_t path;     /* heartbeat_id of its name */
	uint64_t sequence; /* 0: nothing */
};

struct heartbeat_claim {
	uint64_t vip;      /* heartbeat_id of its name */
	uint8_t state;     /* enum vip_state */
	uint8_t verdict;   /* enum lan_verdict */
	bool able, holding;
	bool vrrp;         /* the sender shares it by VRRP, and does not listen to claims */
	uint8_t health, priority;
};

struct heartbeat {
	uint8_t version;       /* out: of a decoded one */
	bool goodbye;
	uint32_t key;          /* 0: no tag */
	uint32_t interval_us;  /* HEARTBEAT_INTERVAL_MIN_US … _MAX_US */
	uint8_t lost;          /* ≥ 1 */
	uint64_t incarnation;  /* ≠ 0 */
	uint64_t to;           /* the receiver's incarnation; 0: unknown */
	uint64_t sequence;
	uint64_t digest;
	char node[HEARTBEAT_NAME], path[HEARTBEAT_LABEL], software[HEARTBEAT_LABEL]; /* software may be "" */
	unsigned n_heard;
	struct heartbeat_heard heard[HEARTBEAT_PATHS];
	uint16_t n_vips;       /* all that the sender has */
	uint64_t claims_digest;
	unsigned n_claims;     /* in this datagram */
	const uint8_t *claims; /* decoded: into the datagram; see heartbeat_claim_at */
};

/* What stands for a name: its first 48 bits of FNV-1a. */
uint64_t heartbeat_id(const char *name);

/* What a claim adds to the digest of all claims (modulo 2⁶⁴). */
uint64_t heartbeat_claim_sum(const struct heartbeat_claim *);

/* Writes all but the claims and the tag, for whose sizes `size` and the length in the header still have room: 0 if an argument is out of
 * range or it does not fit, else its length. Follow it with heartbeat_put_claim as often as it says true, then heartbeat_finish. */
size_t heartbeat_begin(uint8_t *out, size_t size, const struct heartbeat *);

/* Appends a claim and says true; false: there is no room for another, nothing was written. */
bool heartbeat_put_claim(uint8_t *out, size_t size, size_t *length, const struct heartbeat_claim *);

/* Sets the lengths and returns that of the datagram. With a key its last HEARTBEAT_TAG bytes are zero, for the tag. */
size_t heartbeat_finish(uint8_t *out, size_t length);

/* Reads a datagram. HEARTBEAT_GOOD and *message filled in, or why it must be dropped; *message is then undefined. With message->key
 * the tag is at length − HEARTBEAT_TAG and has to be verified before anything in the message is believed. */
enum heartbeat_drop heartbeat_decode(const uint8_t *bytes, size_t length, struct heartbeat *message);

/* The n-th claim of a decoded message, n < n_claims. False: it speaks of a state that this version does not know. */
bool heartbeat_claim_at(const struct heartbeat *, unsigned n, struct heartbeat_claim *);

#endif
