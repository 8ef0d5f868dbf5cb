/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words for the enums: what status, events and traces print. */
#include "core/core.h"

const char *vip_state_name(enum vip_state state)
{
	switch (state) {
	case VIP_INIT: return "init";
	case VIP_BACKUP: return "backup";
	case VIP_ACTIVE: return "active";
	case VIP_LEAVING: return "leaving";
	case VIP_FAULT: return "fault";
	}
	return "unknown";
}

const char *check_state_name(enum check_state state)
{
	switch (state) {
	case CHECK_UNKNOWN: return "unknown";
	case CHECK_PASSED: return "passed";
	case CHECK_FAILED: return "failed";
	}
	return "unknown";
}

const char *bond_state_name(enum bond_state state)
{
	switch (state) {
	case BOND_DOWN: return "down";
	case BOND_DEGRADED: return "degraded";
	case BOND_UP: return "up";
	}
	return "unknown";
}

const char *port_state_name(enum port_state state)
{
	switch (state) {
	case PORT_ABSENT: return "absent";
	case PORT_DOWN: return "down";
	case PORT_HOLD: return "hold";
	case PORT_STANDBY: return "standby";
	case PORT_ACTIVE: return "active";
	}
	return "unknown";
}

const char *node_state_name(enum node_state state)
{
	switch (state) {
	case NODE_WAITING: return "waiting";
	case NODE_ALIVE: return "alive";
	case NODE_LEFT: return "left";
	case NODE_SILENT: return "silent";
	}
	return "unknown";
}

const char *lan_verdict_name(enum lan_verdict verdict)
{
	switch (verdict) {
	case LAN_UNKNOWN: return "unknown";
	case LAN_GOOD: return "good";
	case LAN_DEAD: return "dead";
	}
	return "unknown";
}

const char *path_state_name(enum path_state state)
{
	switch (state) {
	case PATH_WAITING: return "waiting";
	case PATH_UP: return "up";
	case PATH_ONE_WAY: return "one-way";
	case PATH_SILENT: return "silent";
	case PATH_DOWN: return "down";
	}
	return "unknown";
}

const char *heartbeat_drop_name(enum heartbeat_drop drop)
{
	switch (drop) {
	case HEARTBEAT_GOOD: return "none";
	case HEARTBEAT_FOREIGN: return "foreign";
	case HEARTBEAT_TRUNCATED: return "truncated";
	case HEARTBEAT_NAMELESS: return "nameless";
	case HEARTBEAT_RANGE: return "range";
	case HEARTBEAT_TTL: return "ttl";
	case HEARTBEAT_NO_TAG: return "no-tag";
	case HEARTBEAT_TAG_WRONG: return "tag-wrong";
	case HEARTBEAT_KEY_UNKNOWN: return "key-unknown";
	case HEARTBEAT_STRANGER: return "stranger";
	case HEARTBEAT_WRONG_PATH: return "wrong-path";
	case HEARTBEAT_UNPROVEN: return "unproven";
	case HEARTBEAT_REPLAYED: return "replayed";
	case HEARTBEAT_DROPS: break;
	}
	return "unknown";
}

const char *reason_code_name(enum reason_code code)
{
	switch (code) {
	case REASON_NONE: return "none";
	case REASON_STARTING: return "starting";
	case REASON_INTERFACE_ABSENT: return "interface-absent";
	case REASON_NO_SOURCE: return "no-source";
	case REASON_DRAINED: return "drained";
	case REASON_OWNER_ADDRESS: return "owner-address";
	case REASON_LISTENING: return "listening";
	case REASON_OTHER_ACTIVE: return "other-active";
	case REASON_LOST_ELECTION: return "lost-election";
	case REASON_TAKING: return "taking";
	case REASON_HANDED_OVER: return "handed-over";
	case REASON_PREEMPT_DELAY: return "preempt-delay";
	case REASON_GROUP_WAITS: return "group-waits";
	case REASON_GROUP_LEFT: return "group-left";
	case REASON_REQUIRED: return "required";
	case REASON_ROUTE_ABSENT: return "route-absent";
	case REASON_REELECTED: return "reelected";
	case REASON_HEALTH: return "health";
	case REASON_GROUP_MEMBER: return "group-member";
	case REASON_LATE_BACKUP: return "late-backup";
	case REASON_LATE_LOST: return "late-lost";
	case REASON_ADDRESS_REFUSED: return "address-refused";
	case REASON_SILENCE: return "silence";
	case REASON_PREDECESSOR_LEFT: return "predecessor-left";
	case REASON_RESUMED: return "resumed";
	case REASON_OWNER: return "owner";
	case REASON_PREEMPTED: return "preempted";
	case REASON_NOT_TAKEN: return "not-taken";
	case REASON_STOPPING: return "stopping";
	case REASON_REMOVED: return "removed";
	case REASON_LINK_DOWN: return "link-down";
	case REASON_INTERFACE_DOWN: return "interface-down";
	case REASON_INTERFACE_GONE: return "interface-gone";
	case REASON_BOND_DOWN: return "bond-down";
	case REASON_CANNOT_LISTEN: return "cannot-listen";
	case REASON_PORT_CHOSEN: return "port-chosen";
	case REASON_PORT_ONLY: return "port-only";
	case REASON_PORT_READY: return "port-ready";
	case REASON_PORT_HOLD: return "port-hold";
	case REASON_PORT_FOREIGN: return "port-foreign";
	case REASON_PORT_REFUSED: return "port-refused";
	case REASON_PORT_JOINING: return "port-joining";
	case REASON_PORT_MANUAL: return "port-manual";
	case REASON_PORT_MEDDLED: return "port-meddled";
	case REASON_PORT_PROBES_LOST: return "port-probes-lost";
	case REASON_PORT_DAMPED: return "port-damped";
	case REASON_PORT_UNINITIALISED: return "port-uninitialised";
	case REASON_PORT_VF_MAC: return "port-vf-mac";
	case REASON_PORT_MTU: return "port-mtu";
	case REASON_BOND_OK: return "bond-ok";
	case REASON_BOND_NO_STANDBY: return "bond-no-standby";
	case REASON_BOND_NO_PORT: return "bond-no-port";
	case REASON_BOND_BUILDING: return "bond-building";
	case REASON_BOND_REFUSED: return "bond-refused";
	case REASON_BOND_KIND: return "bond-kind";
	case REASON_BOND_MODE: return "bond-mode";
	case REASON_BOND_DRIVER: return "bond-driver";
	case REASON_BOND_PROBES_LOST: return "bond-probes-lost";
	case REASON_VLAN_LINK: return "vlan-link";
	case REASON_VLAN_KIND: return "vlan-kind";
	case REASON_ROUTE_REFUSED: return "route-refused";
	case REASON_VMAC_REFUSED: return "vmac-refused";
	case REASON_VMAC_KIND: return "vmac-kind";
	case REASON_RULE_REFUSED: return "rule-refused";
	case REASON_NODE_WAITING: return "node-waiting";
	case REASON_NODE_HEARD: return "node-heard";
	case REASON_NODE_LEFT: return "node-left";
	case REASON_NODE_SILENT: return "node-silent";
	case REASON_NODE_DAEMON: return "node-daemon-gone";
	case REASON_PATH_WAITING: return "path-waiting";
	case REASON_PATH_OK: return "path-ok";
	case REASON_PATH_ONE_WAY: return "path-one-way";
	case REASON_PATH_SILENT: return "path-silent";
	case REASON_PATH_LINK: return "path-link";
	case REASON_FOLLOWS: return "follows";
	case REASON_CLAIM_WORSE: return "claim-worse";
	case REASON_CLAIM_AWAITED: return "claim-awaited";
	case REASON_CLAIM_DELAY: return "claim-delay";
	case REASON_BETTER_CLAIM: return "better-claim";
	case REASON_BEST_CLAIM: return "best-claim";
	case REASON_NODE_DIED: return "node-died";
	case REASON_DAEMON_DIED: return "daemon-died";
	case REASON_NODE_LET_GO: return "node-let-go";
	case REASON_CLAIM_LOST: return "claim-lost";
	case REASON_ISOLATED: return "isolated";
	case REASON_CHECK_FAILED: return "check-failed";
	case REASON_CHECK_WAITING: return "check-waiting";
	case REASON_CHECK_PASSED: return "check-passed";
	case REASON_TEST_FAILED: return "test-failed";
	case REASON_HOOKS: return "hooks";
	case REASON_COUNT: break;
	}
	return "unknown";
}

const char *drop_reason_name(enum drop_reason reason)
{
	switch (reason) {
	case DROP_NONE: return "none";
	case DROP_OWN_SOURCE: return "own-source";
	case DROP_TTL: return "ttl";
	case DROP_VERSION: return "version";
	case DROP_TYPE: return "type";
	case DROP_TRUNCATED: return "truncated";
	case DROP_CHECKSUM: return "checksum";
	case DROP_VRID: return "vrid";
	case DROP_COUNT: return "count";
	case DROP_INTERVAL: return "interval";
	case DROP_FIRST_ADDRESS: return "first-address";
	case DROP_DESTINATION: return "destination";
	case DROP_V2_INTERVAL: return "v2-interval";
	case DROP_V2_AUTH: return "v2-auth";
	case DROP_NOT_PEER: return "not-peer";
	case DROP_REASONS: break;
	}
	return "unknown";
}

const char *vrrp_checksum_name(enum vrrp_checksum form)
{
	switch (form) {
	case VRRP_CHECKSUM_RFC9568: return "rfc9568";
	case VRRP_CHECKSUM_RFC5798: return "rfc5798";
	case VRRP_CHECKSUM_GROUP: return "group";
	}
	return "unknown";
}

const char *note_code_name(enum note_code code)
{
	switch (code) {
	case NOTE_STATE: return "state";
	case NOTE_REPAIRED: return "repaired";
	case NOTE_REPAIR_BACKOFF: return "repair-backoff";
	case NOTE_REFUSED: return "refused";
	case NOTE_CONFLICT: return "conflict";
	case NOTE_INTERVAL: return "interval";
	case NOTE_ADDRESS_LIST: return "address-list";
	case NOTE_OWNER_CLASH: return "owner-clash";
	case NOTE_OVERRUN: return "overrun";
	case NOTE_LATE: return "late";
	case NOTE_ADOPTED: return "adopted";
	case NOTE_ACTIVE_PORT: return "active-port";
	case NOTE_PROBE_LOST: return "probe-lost";
	case NOTE_PROBE_BACK: return "probe-back";
	case NOTE_TARGET_SILENT: return "target-silent";
	case NOTE_MANUAL: return "manual";
	case NOTE_RELEASED: return "released";
	case NOTE_CHANGED: return "changed";
	case NOTE_CHECKSUM: return "checksum";
	case NOTE_REBUILT: return "rebuilt";
	case NOTE_DRAINED: return "drained";
	case NOTE_UNDRAINED: return "undrained";
	case NOTE_REEXECUTED: return "re-executed";
	case NOTE_DIGEST: return "digest";
	case NOTE_NEWER: return "newer";
	case NOTE_CHECK_SILENT: return "check-silent";
	case NOTE_CHECK_BACK: return "check-back";
	case NOTE_TAKING: return "taking";
	case NOTE_PATH_SLOW: return "path-slow";
	case NOTE_PATH_PROMPT: return "path-prompt";
	case NOTE_DAEMON_GONE: return "daemon-gone";
	case NOTE_CODES: break;
	}
	return "unknown";
}

const char *action_type_name(enum action_type type)
{
	switch (type) {
	case ACT_ADVERT: return "advert";
	case ACT_ANNOUNCE: return "announce";
	case ACT_PROBE: return "probe";
	case ACT_ADDRESS_ADD: return "address-add";
	case ACT_ADDRESS_RENEW: return "address-renew";
	case ACT_ADDRESS_DEL: return "address-del";
	case ACT_ROUTE_ADD: return "route-add";
	case ACT_ROUTE_DEL: return "route-del";
	case ACT_RULE_ADD: return "rule-add";
	case ACT_RULE_DEL: return "rule-del";
	case ACT_LINK_UP: return "link-up";
	case ACT_LINK_DOWN: return "link-down";
	case ACT_BOND_CREATE: return "bond-create";
	case ACT_BOND_SET: return "bond-set";
	case ACT_BOND_REBUILD: return "bond-rebuild";
	case ACT_VLAN_CREATE: return "vlan-create";
	case ACT_ENSLAVE: return "enslave";
	case ACT_RELEASE: return "release";
	case ACT_SET_ACTIVE: return "set-active";
	case ACT_LINK_MTU: return "link-mtu";
	case ACT_LINK_MAC: return "link-mac";
	case ACT_LOOK: return "look";
	case ACT_SYSCTL: return "sysctl";
	case ACT_LISTEN: return "listen";
	case ACT_UNLISTEN: return "unlisten";
	case ACT_RESOLVE: return "resolve";
	case ACT_SNAPSHOT: return "snapshot";
	case ACT_NOTE: return "note";
	case ACT_STOPPED: return "stopped";
	case ACT_VMAC_CREATE: return "vmac-create";
	case ACT_VMAC_SET: return "vmac-set";
	case ACT_VMAC_DELETE: return "vmac-delete";
	case ACT_HEARTBEAT: return "heartbeat";
	case ACT_TYPES: break;
	}
	return "unknown";
}

const char *event_type_name(enum event_type type)
{
	switch (type) {
	case EV_CONTINUE: return "continue";
	case EV_TIMER: return "timer";
	case EV_LINK: return "link";
	case EV_LINK_GONE: return "link-gone";
	case EV_ADDRESS: return "address";
	case EV_ADDRESS_GONE: return "address-gone";
	case EV_ROUTE: return "route";
	case EV_ROUTE_GONE: return "route-gone";
	case EV_RULE: return "rule";
	case EV_RULE_GONE: return "rule-gone";
	case EV_SNAP_BEGIN: return "snap-begin";
	case EV_SNAP_END: return "snap-end";
	case EV_OVERRUN: return "overrun";
	case EV_DONE: return "done";
	case EV_FAILED: return "failed";
	case EV_ADVERT: return "advert";
	case EV_DROPPED: return "dropped";
	case EV_CLAIM: return "claim";
	case EV_PROBE: return "probe";
	case EV_TEAM: return "team";
	case EV_DEVICE: return "device";
	case EV_SWITCH: return "switch";
	case EV_ROLE: return "role";
	case EV_RESUME: return "resume";
	case EV_LEFTOVER: return "leftover";
	case EV_STOP: return "stop";
	case EV_RESUME_BOND: return "resume-bond";
	case EV_RESUME_PORT: return "resume-port";
	case EV_RESUME_TARGET: return "resume-target";
	case EV_LOAN: return "loan";
	case EV_HEARTBEAT: return "heartbeat";
	case EV_CHECK: return "check";
	case EV_RESUME_CHECK: return "resume-check";
	case EV_HOOKS: return "hooks";
	case EV_LEFTOVER_ROUTE: return "leftover-route";
	case EV_LEFTOVER_RULE: return "leftover-rule";
	case EV_RESUME_NODE: return "resume-node";
	case EV_RESUME_PEER: return "resume-peer";
	case EV_RESUME_FORMER: return "resume-former";
	case EV_RESUME_PATH: return "resume-path";
	case EV_LINE_ENDED: return "line-ended";
	case EV_TYPES: break;
	}
	return "unknown";
}

const char *probe_state_name(enum probe_state state)
{
	switch (state) {
	case PROBE_WAITING: return "waiting";
	case PROBE_SILENT: return "silent";
	case PROBE_ANSWERED: return "answered";
	case PROBE_LOST: return "lost";
	}
	return "unknown";
}

const char *bond_driver_name(enum bond_driver driver)
{
	switch (driver) {
	case DRIVER_KERNEL: return "kernel";
	case DRIVER_MOVE: return "move";
	case DRIVER_TEAM: return "team";
	case DRIVER_VLAN: return "vlan";
	}
	return "unknown";
}
