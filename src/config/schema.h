/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration language as tables. They drive the reader, its suggestions, and the tests that hold
 * contrib/standbyd.schema.json and the manual against them. */
#ifndef STANDBYD_CONFIG_SCHEMA_H
#define STANDBYD_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

enum schema_type {
	SCHEMA_UNREAD,	  /* the key is refused or not supported yet */
	SCHEMA_NUMBER,	  /* value.number, min … max */
	SCHEMA_BOOLEAN,	  /* value.number 0 or 1: true | false only */
	SCHEMA_DURATION,  /* value.number in nanoseconds, min … max, a multiple of step */
	SCHEMA_CHOICE,	  /* value.number is the choice's value */
	SCHEMA_NODE,	  /* value.text: the name of a node */
	SCHEMA_INTERFACE, /* value.text: a name that Linux takes for an interface */
	SCHEMA_PORT,	  /* value.text: the same, a glob, mac:, path: or driver:; value.number: enum port_match, value.mac of mac: */
	SCHEMA_MAC,	  /* value.number: enum mac_policy; value.mac of a given one */
	SCHEMA_IP,	  /* value.address.ip: a unicast address */
	SCHEMA_ADDRESS,	  /* value.address: a unicast address, /32 or /128 without a prefix */
	SCHEMA_CIDR,	  /* value.address: a unicast address with its prefix */
	SCHEMA_NETWORK,	  /* value.address: a network with its prefix, or 'default': FAMILY_NONE, prefix 0 */
	SCHEMA_FILE,	  /* value.text: an absolute path, shorter than max bytes */
	SCHEMA_PASSWORD,  /* value.text: min … max bytes of printable ASCII */
	SCHEMA_OBJECT,	  /* value.items: the values of `object`, by its keys' index */
	SCHEMA_NAMED,	  /* a map of names to objects. In an object: value.items, each with the name as text and the object's values
			   * as items; at the top it is read by its own code */
	SCHEMA_TRACK,	  /* value.text: the name of something that a vip rests on */
	SCHEMA_LOWER,	  /* a map of such names to numbers: value.items, each with text and number */
	SCHEMA_MEMBERS,	  /* a map of names to lists of names, read by its own code */
	SCHEMA_PREFIX,	  /* value.address: a network with its prefix, or a unicast address */
	SCHEMA_TEXT,	  /* value.text: min … max bytes of anything */
	SCHEMA_NAME,	  /* value.text: the name of an object, NAME_SIZE */
	SCHEMA_USER,	  /* value.text: what can be a user's name */
	SCHEMA_UNIT,	  /* value.text: the name of a systemd unit with its suffix, no template */
	SCHEMA_HOST,	  /* value.address.ip: a unicast address, loopback too, no IPv6 link-local one */
	SCHEMA_ENDPOINT,  /* the same and value.number: a port that is not 0 */
	SCHEMA_HOST_NAME, /* value.text: of DNS */
	SCHEMA_URL,	  /* value.text: http or https, with a host, without a user */
	SCHEMA_STATUS,	  /* value.number: of HTTP, the lowest one × 1000 and the highest one, 100 … 599 */
	SCHEMA_SIZE,	  /* value.number in bytes, min … max */
	SCHEMA_DECIMAL,	  /* value.number: int64_t in millionths */
	SCHEMA_CONDITION, /* value.text: of a hook, read by its own code */
	SCHEMA_BRIEF,	  /* value.items by `object`, or a single value: that of its first key */
	SCHEMA_PLACE,	  /* as SCHEMA_ADDRESS, or a map that has `address` or `on`: value.items by `object`, and value.address of it */
};

enum schema_support {
	SCHEMA_SUPPORTED,
	SCHEMA_LATER,	/* of the language, not built yet */
	SCHEMA_REFUSED, /* `why` says why there is none */
};

struct schema_choice {
	const char *word; /* NULL ends the list */
	int value;
};

struct schema_object;

struct schema_key {
	const char *name;
	enum schema_type type;
	enum schema_support support;
	bool list; /* of at least 1 and at most max_items values */
	bool or_one; /* or a single value instead of a list of one */
	bool required;
	bool same_on_all; /* may not be a map by node */
	unsigned max_items;
	uint64_t min, max, step; /* step 0: any */
	const struct schema_choice *choices;
	const struct schema_object *object;
	const char *fallback;	   /* the default as it would be written; NULL: none, or computed */
	const char *why;	   /* added to what is said about a wrong value */
	const char *also_known_as; /* words people write for it elsewhere, separated by spaces */
	const char *about;	   /* noun phrase */
};

struct schema_object {
	const char *kind; /* "bond" */
	const struct schema_key *keys;
	unsigned n_keys;
};

/* Indexes of the tables' keys, as far as the code asks for them; not supported ones follow. */
enum top_key { TOP_VERSION, TOP_NODE, TOP_BONDS, TOP_VLANS, TOP_VIPS, TOP_GROUPS, TOP_NODES, TOP_HEARTBEAT, TOP_CHECKS, TOP_HOOKS };
enum bond_key {
	BOND_DRIVER,
	BOND_PORTS,
	BOND_PREFER,
	BOND_FAILBACK,
	BOND_HOLD,
	BOND_DAMPING,
	BOND_MTU,
	BOND_MAC,
	BOND_ADDRESSES,
	BOND_ROUTES,
	BOND_PROBES
};
enum vlan_key { VLAN_LINK, VLAN_ID, VLAN_MTU, VLAN_ADDRESSES, VLAN_ROUTES };
enum probe_key { PROBE_KEY_KIND, PROBE_KEY_TARGETS, PROBE_KEY_NEED, PROBE_KEY_INTERVAL, PROBE_KEY_LOST, PROBE_KEY_VLAN };
enum route_key { ROUTE_TO, ROUTE_VIA, ROUTE_METRIC, ROUTE_TABLE, ROUTE_FROM, ROUTE_ON_LINK, ROUTE_MTU, ROUTE_ON };
enum rule_key { RULE_FROM, RULE_TO, RULE_TABLE, RULE_PRIORITY, RULE_MARK, RULE_TOS };
enum auth_key { AUTH_KIND, AUTH_PASSWORD };
enum place_key { PLACE_ADDRESS, PLACE_ON };
enum node_key { NODE_PATHS };
enum path_key { PATH_ON, PATH_ADDRESS, PATH_ROUTED };
enum heartbeat_key { HEARTBEAT_KEY_INTERVAL, HEARTBEAT_KEY_LOST, HEARTBEAT_KEY_PORT, HEARTBEAT_KEY_FILE, HEARTBEAT_KEY_AUTH };
enum vip_key {
	VIP_ON,
	VIP_PROTOCOL,
	VIP_VERSION,
	VIP_VRID,
	VIP_PRIORITY,
	VIP_ADDRESSES,
	VIP_FAMILY,
	VIP_UNICAST,
	VIP_ADVERT,
	VIP_MAC,
	VIP_ACCEPT,
	VIP_CHECKSUM,
	VIP_AUTH,
	VIP_PREEMPT,
	VIP_PREEMPT_DELAY,
	VIP_LEASE,
	VIP_LEAVE_TIMEOUT,
	VIP_ANNOUNCE,
	VIP_ROUTES,
	VIP_POLICY,
	VIP_REQUIRE,
	VIP_LOWER
};

/* The tests come first, by enum check_kind. */
enum check_key {
	CHECK_INTERVAL = CHECK_KINDS,
	CHECK_TIMEOUT,
	CHECK_LATE,
	CHECK_FALL,
	CHECK_RISE,
	CHECK_START,
	CHECK_JITTER,
	CHECK_USER,
	CHECK_LIMITS
};
enum tcp_key { TCP_TO, TCP_SEND, TCP_EXPECT };
enum http_key { HTTP_URL, HTTP_STATUS, HTTP_MATCH, HTTP_METHOD, HTTP_HOST, HTTP_CA_FILE, HTTP_INSECURE };
enum process_key { PROCESS_PID_FILE, PROCESS_NAME };
enum file_key { FILE_PATH, FILE_MIN, FILE_MAX };
enum haproxy_key { HAPROXY_SOCKET, HAPROXY_BACKEND, HAPROXY_SERVERS };
enum ping_key { PING_TO, PING_COUNT };
enum limits_key { LIMITS_OUTPUT, LIMITS_MEMORY, LIMITS_PROCESSES };
/* From HOOK_KEY_RUN on by enum hook_action. */
enum hook_key {
	HOOK_KEY_WHEN,
	HOOK_KEY_RUN,
	HOOK_KEY_START,
	HOOK_KEY_STOP,
	HOOK_KEY_RESTART,
	HOOK_KEY_TEST,
	HOOK_KEY_TIMEOUT,
	HOOK_KEY_BLOCKING,
	HOOK_KEY_USER,
	HOOK_KEY_LIMITS
};
enum blocking_key { BLOCKING_BEFORE, BLOCKING_LIMIT };

extern const struct schema_object schema_top, schema_bond, schema_vlan, schema_probe, schema_route, schema_auth, schema_place, schema_vip_route, schema_rule,
	schema_vip, schema_group, schema_node, schema_path, schema_heartbeat, schema_check, schema_tcp, schema_http, schema_process, schema_file,
	schema_haproxy, schema_ping, schema_limits, schema_hook, schema_blocking;

enum { SCHEMA_KEYS_MAX = 24 }; /* of one object */

#endif
