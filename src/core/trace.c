/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table of fields per event type serves writing and reading, so that they cannot diverge. */
#include "core/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { KIND_INT, KIND_U8, KIND_U16, KIND_U32, KIND_U64, KIND_HEX, KIND_BOOL, KIND_IP, KIND_MAC, KIND_TEXT };

struct field {
	const char *key;
	size_t offset;
	enum kind kind;
	size_t size; /* KIND_TEXT */
};

#define F(key, member, kind)  { key, offsetof(struct event, member), kind, sizeof(((struct event *)0)->member) }
#define A(key, member, kind)  { key, offsetof(struct action, member), kind, sizeof(((struct action *)0)->member) }
#define END                   { NULL, 0, KIND_INT, 0 }

static const struct field link_fields[] = {
	F("name", u.link.name, KIND_TEXT),
	F("ifindex", u.link.ifindex, KIND_INT),
	F("up", u.link.up, KIND_BOOL),
	F("carrier", u.link.carrier, KIND_BOOL),
	F("master", u.link.master, KIND_INT),
	F("mac", u.link.mac, KIND_MAC),
	F("mtu", u.link.mtu, KIND_U32),
	F("max-mtu", u.link.max_mtu, KIND_U32),
	F("perm-mac", u.link.perm_mac, KIND_MAC),
	F("loopback", u.link.loopback, KIND_BOOL),
	F("vf", u.link.vf, KIND_BOOL),
	F("prompt", u.link.prompt, KIND_BOOL),
	F("uninitialised", u.link.uninitialised, KIND_BOOL),
	F("driver", u.link.driver, KIND_TEXT),
	F("path", u.link.path, KIND_TEXT),
	F("kind", u.link.kind, KIND_U32),
	F("mode", u.link.bond.mode, KIND_U8),
	F("reselect", u.link.bond.reselect, KIND_U8),
	F("fail-over-mac", u.link.bond.fail_over_mac, KIND_U8),
	F("miimon", u.link.bond.miimon, KIND_U32),
	F("active", u.link.bond.active, KIND_INT),
	F("primary", u.link.bond.primary, KIND_INT),
	F("vlan-link", u.link.vlan.link, KIND_INT),
	F("vlan-id", u.link.vlan.id, KIND_U16),
	F("ours", u.link.ours, KIND_BOOL),
	F("cause", u.link.cause, KIND_U32),
	END,
};

static const struct field address_fields[] = {
	F("ifindex", u.address.ifindex, KIND_INT),
	F("ip", u.address.ip, KIND_IP),
	F("prefix", u.address.prefix, KIND_U8),
	F("ours", u.address.ours, KIND_BOOL),
	F("tentative", u.address.tentative, KIND_BOOL),
	F("dadfailed", u.address.dadfailed, KIND_BOOL),
	F("secondary", u.address.secondary, KIND_BOOL),
	F("permanent", u.address.permanent, KIND_BOOL),
	F("valid", u.address.valid_s, KIND_U32),
	F("renewed", u.address.renewed_ns, KIND_U64),
	F("cause", u.address.cause, KIND_U32),
	END,
};

static const struct field route_fields[] = {
	F("ifindex", u.route.ifindex, KIND_INT),
	F("to", u.route.route.to, KIND_IP),
	F("prefix", u.route.route.prefix, KIND_U8),
	F("via", u.route.route.via, KIND_IP),
	F("metric", u.route.route.metric, KIND_U32),
	F("table", u.route.route.table, KIND_U32),
	F("ours", u.route.ours, KIND_BOOL),
	F("cause", u.route.cause, KIND_U32),
	END,
};

static const struct field rule_fields[] = {
	F("from", u.rule.rule.from, KIND_IP),
	F("from-prefix", u.rule.rule.from_prefix, KIND_U8),
	F("to", u.rule.rule.to, KIND_IP),
	F("to-prefix", u.rule.rule.to_prefix, KIND_U8),
	F("family", u.rule.rule.family, KIND_U8),
	F("tos", u.rule.rule.tos, KIND_U8),
	F("table", u.rule.rule.table, KIND_U32),
	F("priority", u.rule.rule.priority, KIND_U32),
	F("mark", u.rule.rule.mark, KIND_U32),
	F("ours", u.rule.ours, KIND_BOOL),
	F("cause", u.rule.cause, KIND_U32),
	END,
};

static const struct field result_fields[] = {
	F("action", u.result.action.type, KIND_U32),
	F("gen", u.result.action.gen, KIND_U32),
	F("error", u.result.error, KIND_INT),
	END,
};

static const struct field advert_fields[] = {
	F("ifindex", u.advert.ifindex, KIND_INT),
	F("family", u.advert.family, KIND_U8),
	F("version", u.advert.version, KIND_U8),
	F("vrid", u.advert.vrid, KIND_U8),
	F("priority", u.advert.priority, KIND_U8),
	F("interval", u.advert.interval_ns, KIND_U64),
	F("source", u.advert.source, KIND_IP),
	F("n", u.advert.n_addresses, KIND_U32),
	F("hash", u.advert.address_hash, KIND_HEX),
	F("checksum", u.advert.checksum, KIND_U8),
	F("auth-type", u.advert.auth_type, KIND_U8),
	F("auth", u.advert.auth, KIND_U64),
	END,
};

static const struct field dropped_fields[] = {
	F("ifindex", u.dropped.ifindex, KIND_INT),
	F("reason", u.dropped.reason, KIND_U32),
	F("source", u.dropped.source, KIND_IP),
	END,
};

static const struct field claim_fields[] = {
	F("ifindex", u.claim.ifindex, KIND_INT),
	F("ip", u.claim.ip, KIND_IP),
	F("mac", u.claim.mac, KIND_MAC),
	F("announcement", u.claim.announcement, KIND_BOOL),
	END,
};

static const struct field probe_fields[] = {
	F("ifindex", u.probe.ifindex, KIND_INT),
	F("target", u.probe.target, KIND_IP),
	F("vlan", u.probe.vlan, KIND_U16),
	F("to", u.probe.to, KIND_MAC),
	END,
};

static const struct field team_fields[] = {
	F("ifindex", u.team.ifindex, KIND_INT),
	F("activebackup", u.team.activebackup, KIND_BOOL),
	F("active", u.team.active, KIND_INT),
	END,
};

static const struct field device_fields[] = {
	F("ifindex", u.device.ifindex, KIND_INT),
	END,
};

static const struct field switch_fields[] = {
	F("bond", u.select.bond, KIND_TEXT),
	F("port", u.select.port, KIND_TEXT),
	END,
};

static const struct field role_fields[] = {
	F("order", u.role.order, KIND_U32),
	F("vip", u.role.vip, KIND_TEXT),
	F("force", u.role.force, KIND_BOOL),
	END,
};

static const struct field resume_fields[] = {
	F("vip", u.resume.vip, KIND_TEXT),
	F("active", u.resume.active, KIND_BOOL),
	F("last", u.resume.last_sign_ns, KIND_U64),
	F("checksum", u.resume.checksum, KIND_U8),
	F("kept", u.resume.kept, KIND_BOOL),
	F("state", u.resume.state, KIND_U8),
	F("left", u.resume.left, KIND_BOOL),
	F("priority", u.resume.heard_priority, KIND_U8),
	F("source", u.resume.heard_source, KIND_IP),
	F("since", u.resume.since_ns, KIND_U64),
	F("heard", u.resume.heard_ns, KIND_U64),
	F("interval", u.resume.interval_ns, KIND_U64),
	F("down", u.resume.down_ns, KIND_U64),
	F("lower", u.resume.lower_ns, KIND_U64),
	F("floor", u.resume.lower_floor_ns, KIND_U64),
	F("failed-test", u.resume.failed_test, KIND_TEXT),
	END,
};

static const struct field resume_bond_fields[] = {
	F("bond", u.resume_bond.bond, KIND_TEXT),
	F("state", u.resume_bond.state, KIND_U8),
	F("since", u.resume_bond.since_ns, KIND_U64),
	F("failovers", u.resume_bond.failovers, KIND_U64),
	F("probing", u.resume_bond.probing_ns, KIND_U64),
	F("asked", u.resume_bond.asked_ns, KIND_U64),
	END,
};

static const struct field resume_port_fields[] = {
	F("bond", u.resume_port.bond, KIND_TEXT),
	F("port", u.resume_port.port, KIND_TEXT),
	F("state", u.resume_port.state, KIND_U8),
	F("active", u.resume_port.active, KIND_BOOL),
	F("manual", u.resume_port.manual, KIND_BOOL),
	F("was-healthy", u.resume_port.was_healthy, KIND_BOOL),
	F("damped", u.resume_port.damped, KIND_BOOL),
	F("verdict", u.resume_port.verdict, KIND_U8),
	F("penalty", u.resume_port.penalty, KIND_U32),
	F("since", u.resume_port.since_ns, KIND_U64),
	F("penalty-at", u.resume_port.penalty_ns, KIND_U64),
	F("hold", u.resume_port.hold_ns, KIND_U64),
	F("refused", u.resume_port.refused_ns, KIND_U64),
	F("reached", u.resume_port.reached_ns, KIND_U64),
	END,
};

static const struct field resume_target_fields[] = {
	F("bond", u.resume_target.bond, KIND_TEXT),
	F("port", u.resume_target.port, KIND_TEXT),
	F("number", u.resume_target.number, KIND_U32),
	F("ip", u.resume_target.ip, KIND_IP),
	F("answered", u.resume_target.answered, KIND_BOOL),
	F("told", u.resume_target.told, KIND_BOOL),
	F("lost", u.resume_target.lost, KIND_BOOL),
	F("unanswered", u.resume_target.unanswered, KIND_U32),
	F("sent-at", u.resume_target.sent_ns, KIND_U64),
	F("answered-at", u.resume_target.answered_ns, KIND_U64),
	F("silent", u.resume_target.silent_ns, KIND_U64),
	F("sent", u.resume_target.sent, KIND_U64),
	END,
};

static const struct field leftover_fields[] = {
	F("name", u.leftover.ifname, KIND_TEXT),
	F("ip", u.leftover.ip, KIND_IP),
	F("prefix", u.leftover.prefix, KIND_U8),
	F("bond", u.leftover.bond, KIND_TEXT),
	END,
};

static const struct field leftover_route_fields[] = {
	F("name", u.leftover_route.ifname, KIND_TEXT),
	F("to", u.leftover_route.route.to, KIND_IP),
	F("prefix", u.leftover_route.route.prefix, KIND_U8),
	F("via", u.leftover_route.route.via, KIND_IP),
	F("metric", u.leftover_route.route.metric, KIND_U32),
	F("table", u.leftover_route.route.table, KIND_U32),
	END,
};

static const struct field leftover_rule_fields[] = {
	F("from", u.leftover_rule.rule.from, KIND_IP),
	F("from-prefix", u.leftover_rule.rule.from_prefix, KIND_U8),
	F("to", u.leftover_rule.rule.to, KIND_IP),
	F("to-prefix", u.leftover_rule.rule.to_prefix, KIND_U8),
	F("family", u.leftover_rule.rule.family, KIND_U8),
	F("tos", u.leftover_rule.rule.tos, KIND_U8),
	F("table", u.leftover_rule.rule.table, KIND_U32),
	F("priority", u.leftover_rule.rule.priority, KIND_U32),
	F("mark", u.leftover_rule.rule.mark, KIND_U32),
	END,
};

static const struct field loan_fields[] = {
	F("name", u.loan.ifname, KIND_TEXT),
	F("device", u.loan.device, KIND_BOOL),
	F("key", u.loan.key, KIND_U8),
	F("value", u.loan.value, KIND_INT),
	END,
};

static const struct field heartbeat_fields[] = {
	F("path", u.heartbeat.path, KIND_U32),
	F("ifindex", u.heartbeat.ifindex, KIND_INT),
	F("source", u.heartbeat.source, KIND_IP),
	F("drop", u.heartbeat.drop, KIND_U32),
	F("auth", u.heartbeat.auth, KIND_U32),
	END,
};

static const struct field line_fields[] = {
	F("path", u.line.path, KIND_U32),
	F("other", u.line.other, KIND_IP),
	END,
};

static const struct field check_fields[] = {
	F("check", u.check.check, KIND_TEXT),
	F("passed", u.check.passed, KIND_BOOL),
	F("vip", u.check.vip, KIND_TEXT),
	END,
};

static const struct field resume_check_fields[] = {
	F("check", u.resume_check.check, KIND_TEXT),
	F("state", u.resume_check.state, KIND_U8),
	F("silent", u.resume_check.silent, KIND_BOOL),
	F("in-a-row", u.resume_check.in_a_row, KIND_U32),
	F("definition", u.resume_check.definition, KIND_HEX),
	F("since", u.resume_check.since_ns, KIND_U64),
	F("heard", u.resume_check.heard_ns, KIND_U64),
	END,
};

static const struct field resume_node_fields[] = {
	F("node", u.resume_node.node, KIND_TEXT),
	F("incarnation", u.resume_node.incarnation, KIND_HEX),
	F("sequence", u.resume_node.sequence, KIND_U64),
	END,
};

static const struct field resume_peer_fields[] = {
	F("node", u.resume_peer.node, KIND_TEXT),
	F("state", u.resume_peer.state, KIND_U8),
	F("since", u.resume_peer.since_ns, KIND_U64),
	F("heard", u.resume_peer.heard_ns, KIND_U64),
	F("incarnation", u.resume_peer.incarnation, KIND_HEX),
	F("begun", u.resume_peer.begun_sequence, KIND_U64),
	F("sequence", u.resume_peer.sequence, KIND_U64),
	F("interval", u.resume_peer.interval_ns, KIND_U64),
	F("lost", u.resume_peer.lost, KIND_U32),
	F("vips", u.resume_peer.n_vips, KIND_U32),
	F("digest", u.resume_peer.digest, KIND_HEX),
	F("told", u.resume_peer.digest_told, KIND_BOOL),
	F("version", u.resume_peer.version, KIND_U8),
	END,
};

static const struct field resume_former_fields[] = {
	F("node", u.resume_former.node, KIND_TEXT),
	F("incarnation", u.resume_former.incarnation, KIND_HEX),
	END,
};

static const struct field resume_path_fields[] = {
	F("node", u.resume_path.node, KIND_TEXT),
	F("path", u.resume_path.path, KIND_TEXT),
	F("own", u.resume_path.own, KIND_IP),
	F("other", u.resume_path.other, KIND_IP),
	F("state", u.resume_path.state, KIND_U8),
	F("silent", u.resume_path.silent, KIND_BOOL),
	F("since", u.resume_path.since_ns, KIND_U64),
	F("heard", u.resume_path.heard_ns, KIND_U64),
	F("back", u.resume_path.back_ns, KIND_U64),
	F("sequence", u.resume_path.sequence, KIND_U64),
	F("told", u.resume_path.told_sequence, KIND_U64),
	F("trip", u.resume_path.trip_ns, KIND_U64),
	F("slow", u.resume_path.slow, KIND_BOOL),
	F("sent", u.resume_path.sent, KIND_U64),
	F("received", u.resume_path.received, KIND_U64),
	END,
};

static const struct field hooks_fields[] = {
	F("vip", u.hooks.vip, KIND_TEXT),
	END,
};

static const struct field no_fields[] = { END };

static const struct field *event_fields(enum event_type type)
{
	switch (type) {
	case EV_LINK:
	case EV_LINK_GONE: return link_fields;
	case EV_ADDRESS:
	case EV_ADDRESS_GONE: return address_fields;
	case EV_ROUTE:
	case EV_ROUTE_GONE: return route_fields;
	case EV_RULE:
	case EV_RULE_GONE: return rule_fields;
	case EV_DONE:
	case EV_FAILED: return result_fields;
	case EV_ADVERT: return advert_fields;
	case EV_DROPPED: return dropped_fields;
	case EV_CLAIM: return claim_fields;
	case EV_PROBE: return probe_fields;
	case EV_TEAM: return team_fields;
	case EV_DEVICE: return device_fields;
	case EV_SWITCH: return switch_fields;
	case EV_ROLE: return role_fields;
	case EV_RESUME: return resume_fields;
	case EV_LEFTOVER: return leftover_fields;
	case EV_LEFTOVER_ROUTE: return leftover_route_fields;
	case EV_LEFTOVER_RULE: return leftover_rule_fields;
	case EV_RESUME_BOND: return resume_bond_fields;
	case EV_RESUME_PORT: return resume_port_fields;
	case EV_RESUME_TARGET: return resume_target_fields;
	case EV_LOAN: return loan_fields;
	case EV_HEARTBEAT: return heartbeat_fields;
	case EV_CHECK: return check_fields;
	case EV_RESUME_CHECK: return resume_check_fields;
	case EV_HOOKS: return hooks_fields;
	case EV_RESUME_NODE: return resume_node_fields;
	case EV_RESUME_PEER: return resume_peer_fields;
	case EV_RESUME_FORMER: return resume_former_fields;
	case EV_RESUME_PATH: return resume_path_fields;
	case EV_LINE_ENDED: return line_fields;
	case EV_CONTINUE: case EV_TIMER: case EV_SNAP_BEGIN: case EV_SNAP_END: case EV_OVERRUN: case EV_STOP: case EV_TYPES:
		break;
	}
	return no_fields;
}

static const struct field act_advert_fields[] = {
	A("ifindex", u.advert.ifindex, KIND_INT),
	A("version", u.advert.version, KIND_U8),
	A("vrid", u.advert.vrid, KIND_U8),
	A("priority", u.advert.priority, KIND_U8),
	A("interval-cs", u.advert.interval_cs, KIND_U16),
	A("checksum", u.advert.checksum, KIND_U8),
	A("source", u.advert.source, KIND_IP),
	A("mac", u.advert.mac, KIND_MAC),
	A("n", u.advert.n_addresses, KIND_U32),
	A("peers", u.advert.n_peers, KIND_U32),
	END,
};

static const struct field act_announce_fields[] = {
	A("ifindex", u.announce.ifindex, KIND_INT),
	A("ip", u.announce.ip, KIND_IP),
	A("mac", u.announce.mac, KIND_MAC),
	END,
};

static const struct field act_address_fields[] = {
	A("ifname", u.address.ifname, KIND_TEXT),
	A("ip", u.address.ip, KIND_IP),
	A("prefix", u.address.prefix, KIND_U8),
	A("nodad", u.address.nodad, KIND_BOOL),
	A("lifetime", u.address.lifetime_s, KIND_U32),
	END,
};

static const struct field act_route_fields[] = {
	A("ifindex", u.route.ifindex, KIND_INT),
	A("to", u.route.route.to, KIND_IP),
	A("prefix", u.route.route.prefix, KIND_U8),
	A("via", u.route.route.via, KIND_IP),
	A("metric", u.route.route.metric, KIND_U32),
	A("table", u.route.route.table, KIND_U32),
	A("replace", u.route.replace, KIND_BOOL),
	END,
};

static const struct field act_rule_fields[] = {
	A("from", u.rule.rule.from, KIND_IP),
	A("to", u.rule.rule.to, KIND_IP),
	A("table", u.rule.rule.table, KIND_U32),
	A("priority", u.rule.rule.priority, KIND_U32),
	A("mark", u.rule.rule.mark, KIND_U32),
	END,
};

static const struct field act_link_fields[] = {
	A("ifname", u.link.ifname, KIND_TEXT),
	A("master", u.link.master, KIND_INT),
	A("port", u.link.port, KIND_INT),
	A("set", u.link.bond_set, KIND_U32),
	A("mtu", u.link.mtu, KIND_U32),
	A("mac", u.link.mac, KIND_MAC),
	A("vlan-id", u.link.vlan_id, KIND_U16),
	END,
};

static const struct field act_sysctl_fields[] = {
	A("ifname", u.sysctl.ifname, KIND_TEXT),
	A("key", u.sysctl.key, KIND_U32),
	A("value", u.sysctl.value, KIND_INT),
	A("read", u.sysctl.read, KIND_BOOL),
	A("put-back", u.sysctl.put_back, KIND_BOOL),
	END,
};

static const struct field act_listen_fields[] = {
	A("ifname", u.listen.ifname, KIND_TEXT),
	A("ifindex", u.listen.ifindex, KIND_INT),
	A("family", u.listen.family, KIND_U8),
	A("unicast", u.listen.unicast, KIND_BOOL),
	END,
};

static const struct field act_probe_fields[] = {
	A("ifindex", u.probe.ifindex, KIND_INT),
	A("target", u.probe.target, KIND_IP),
	A("source", u.probe.source, KIND_IP),
	A("mac", u.probe.mac, KIND_MAC),
	A("vlan", u.probe.vlan, KIND_U16),
	END,
};

static const struct field act_look_fields[] = {
	A("ifname", u.look.ifname, KIND_TEXT),
	END,
};

static const struct field act_resolve_fields[] = {
	A("ifindex", u.resolve.ifindex, KIND_INT),
	END,
};

static const struct field act_heartbeat_fields[] = {
	A("path", u.heartbeat.path, KIND_U32),
	A("from", u.heartbeat.from, KIND_IP),
	A("to", u.heartbeat.to, KIND_IP),
	END,
};

static const struct field act_snapshot_fields[] = {
	A("epoch", u.snapshot.epoch, KIND_U32),
	END,
};

static const struct field act_note_fields[] = {
	A("arg0", u.note.reason.arg[0], KIND_U64),
	A("arg1", u.note.reason.arg[1], KIND_U64),
	A("ip", u.note.reason.ip, KIND_IP),
	A("name", u.note.reason.name, KIND_TEXT),
	END,
};

static const struct field *action_fields(enum action_type type)
{
	switch (type) {
	case ACT_ADVERT: return act_advert_fields;
	case ACT_ANNOUNCE: return act_announce_fields;
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL: return act_address_fields;
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL: return act_route_fields;
	case ACT_RULE_ADD:
	case ACT_RULE_DEL: return act_rule_fields;
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_ENSLAVE:
	case ACT_SET_ACTIVE:
	case ACT_BOND_REBUILD:
	case ACT_VLAN_CREATE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_SET:
	case ACT_VMAC_DELETE: return act_link_fields;
	case ACT_PROBE: return act_probe_fields;
	case ACT_LOOK: return act_look_fields;
	case ACT_SYSCTL: return act_sysctl_fields;
	case ACT_LISTEN:
	case ACT_UNLISTEN: return act_listen_fields;
	case ACT_RESOLVE: return act_resolve_fields;
	case ACT_HEARTBEAT: return act_heartbeat_fields;
	case ACT_SNAPSHOT: return act_snapshot_fields;
	case ACT_NOTE: return act_note_fields;
	case ACT_STOPPED: case ACT_TYPES: break;
	}
	return no_fields;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static char *trace_ip6(const uint8_t bytes[16], char *text)
{
	unsigned best = 8, best_length = 1, length = 0;
	char *end = text;

	for (unsigned i = 0; i < 8; i++) { /* the longest run of zero groups becomes "::" (RFC 5952) */
		unsigned n = 0;
		while (i + n < 8 && !bytes[2 * (i + n)] && !bytes[2 * (i + n) + 1])
			n++;
		if (n > best_length) {
			best = i;
			best_length = n;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			end += sprintf(end, "::");
			i += best_length - 1;
			length = 0;
			continue;
		}
		end += sprintf(end, "%s%x", length++ ? ":" : "", bytes[2 * i] << 8 | bytes[2 * i + 1]);
	}
	return text;
}

char *trace_ip(const struct ip *ip, char *text)
{
	if (ip->family == FAMILY_6)
		return trace_ip6(ip->bytes, text);
	if (ip->family == FAMILY_4)
		sprintf(text, "%u.%u.%u.%u", ip->bytes[0], ip->bytes[1], ip->bytes[2], ip->bytes[3]);
	else
		strcpy(text, "-");
	return text;
}

static int parse_ip4(const char *text, struct ip *ip)
{
	for (unsigned i = 0; i < 4; i++) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		if (end == text || n > 255 || *end != (i < 3 ? '.' : 0))
			return -EINVAL;
		ip->bytes[i] = (uint8_t)n;
		text = end + 1;
	}
	ip->family = FAMILY_4;
	return 0;
}

static int parse_ip6(const char *text, struct ip *ip)
{
	uint16_t groups[8] = { 0 };
	unsigned n = 0, gap = 8;

	while (*text && n < 8) {
		char *end;
		unsigned long group;
		if (text[0] == ':' && text[1] == ':') {
			if (gap < 8)
				return -EINVAL;
			gap = n;
			text += 2;
			continue;
		}
		text += *text == ':' && n ? 1 : 0;
		group = strtoul(text, &end, 16);
		if (end == text || group > 0xffff)
			return -EINVAL;
		groups[n++] = (uint16_t)group;
		text = end;
	}
	if (*text || (gap == 8 && n != 8))
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		unsigned at = i < gap ? i : i + 8 - n;
		ip->bytes[2 * at] = (uint8_t)(groups[i] >> 8);
		ip->bytes[2 * at + 1] = (uint8_t)groups[i];
	}
	ip->family = FAMILY_6;
	return 0;
}

int trace_parse_ip(const char *text, struct ip *ip)
{
	memset(ip, 0, sizeof *ip);
	if (strcmp(text, "-") == 0)
		return 0;
	return strchr(text, ':') ? parse_ip6(text, ip) : parse_ip4(text, ip);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

struct line {
	char *text;
	size_t length, size;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, line->size - line->length, format, args);
	va_end(args);
	if (n > 0)
		line->length += (size_t)n < line->size - line->length ? (size_t)n : line->size - line->length - 1;
}

static void put_value(struct line *line, const struct field *field, const void *at)
{
	char text[TRACE_IP_SIZE];
	const uint8_t *mac = at;
	int64_t number;

	switch (field->kind) {
	case KIND_INT:
		put(line, "%d", *(const int *)at);
		break;
	case KIND_U8:
		put(line, "%u", *(const uint8_t *)at);
		break;
	case KIND_U16:
		put(line, "%u", *(const uint16_t *)at);
		break;
	case KIND_U32:
		put(line, "%u", *(const uint32_t *)at);
		break;
	case KIND_U64:
		memcpy(&number, at, sizeof number);
		put(line, "%lld", (long long)number);
		break;
	case KIND_HEX:
		put(line, "%llx", (unsigned long long)*(const uint64_t *)at);
		break;
	case KIND_BOOL:
		put(line, "%d", *(const bool *)at);
		break;
	case KIND_IP:
		put(line, "%s", trace_ip(at, text));
		break;
	case KIND_MAC:
		put(line, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
		break;
	case KIND_TEXT:
		put(line, "%.*s", (int)field->size, (const char *)at);
		break;
	}
}

static void put_fields(struct line *line, const struct field *field, const void *base)
{
	for (; field->key; field++) {
		put(line, " %s=", field->key);
		put_value(line, field, (const char *)base + field->offset);
	}
}

size_t trace_event(const struct event *event, char *text, size_t size)
{
	struct line line = { .text = text, .size = size };

	put(&line, "%s now=%llu", event_type_name(event->type), (unsigned long long)event->now_ns);
	if (event->seen_ns)
		put(&line, " seen=%llu", (unsigned long long)event->seen_ns);
	if (event->epoch)
		put(&line, " epoch=%u", event->epoch);
	put_fields(&line, event_fields(event->type), event);
	return line.length;
}

static const char *object_word(enum object_type type)
{
	switch (type) {
	case OBJECT_NONE: return "none";
	case OBJECT_NODE: return "node";
	case OBJECT_BOND: return "bond";
	case OBJECT_PORT: return "port";
	case OBJECT_VIP: return "vip";
	case OBJECT_ADDRESS: return "address";
	case OBJECT_ROUTE:
	case OBJECT_VIP_ROUTE: return "route";
	case OBJECT_RULE: return "rule";
	case OBJECT_PEER: return "peer";
	case OBJECT_PATH: return "path";
	case OBJECT_CHECK: return "check";
	}
	return "unknown";
}

static const char *state_word(enum object_type type, uint8_t state)
{
	if (type == OBJECT_VIP)
		return vip_state_name((enum vip_state)state);
	if (type == OBJECT_BOND)
		return bond_state_name((enum bond_state)state);
	if (type == OBJECT_PEER)
		return node_state_name((enum node_state)state);
	if (type == OBJECT_PATH)
		return path_state_name((enum path_state)state);
	if (type == OBJECT_CHECK)
		return check_state_name((enum check_state)state);
	return port_state_name((enum port_state)state);
}

size_t trace_action(const struct action *action, char *text, size_t size)
{
	struct line line = { .text = text, .size = size };
	const struct note *note = &action->u.note;

	put(&line, "%s", action_type_name(action->type));
	if (action->gen)
		put(&line, " gen=%u", action->gen);
	put(&line, " %s=%u.%u", object_word(action->object.type), action->object.index, action->object.sub);
	if (action->type == ACT_NOTE) {
		put(&line, " %s", note_code_name(note->code));
		if (note->code == NOTE_STATE)
			put(&line, " %s->%s %s", state_word(action->object.type, note->previous),
			    state_word(action->object.type, note->state), reason_code_name(note->reason.code));
	}
	put_fields(&line, action_fields(action->type), action);
	return line.length;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static int parse_mac(const char *text, uint8_t mac[MAC_SIZE])
{
	for (unsigned i = 0; i < MAC_SIZE; i++) {
		char *end;
		unsigned long n = strtoul(text, &end, 16);
		if (end == text || n > 255 || *end != (i < MAC_SIZE - 1 ? ':' : 0))
			return -EINVAL;
		mac[i] = (uint8_t)n;
		text = end + 1;
	}
	return 0;
}

static int store_number(const struct field *field, void *at, const char *text)
{
	char *end;
	uint64_t wide = field->kind == KIND_HEX ? strtoull(text, &end, 16) : (uint64_t)strtoll(text, &end, 10);
	uint8_t u8 = (uint8_t)wide;
	uint16_t u16 = (uint16_t)wide;
	uint32_t u32 = (uint32_t)wide;

	if (end == text || *end)
		return -EINVAL;
	switch (field->kind) {
	case KIND_U8:
		if (wide > UINT8_MAX)
			return -EINVAL;
		memcpy(at, &u8, sizeof u8);
		break;
	case KIND_U16:
		if (wide > UINT16_MAX)
			return -EINVAL;
		memcpy(at, &u16, sizeof u16);
		break;
	case KIND_INT:
	case KIND_U32:
		memcpy(at, &u32, sizeof u32);
		break;
	case KIND_U64:
	case KIND_HEX:
		memcpy(at, &wide, sizeof wide);
		break;
	case KIND_BOOL:
		if (wide > 1)
			return -EINVAL;
		*(bool *)at = wide;
		break;
	case KIND_IP:
	case KIND_MAC:
	case KIND_TEXT:
		return -EINVAL;
	}
	return 0;
}

static int parse_value(const struct field *field, void *at, const char *text)
{
	if (field->kind == KIND_IP)
		return trace_parse_ip(text, at);
	if (field->kind == KIND_MAC)
		return parse_mac(text, at);
	if (field->kind != KIND_TEXT)
		return store_number(field, at, text);
	if (strlen(text) >= field->size)
		return -EINVAL;
	strcpy(at, text);
	return 0;
}

static const struct field common_fields[] = {
	F("now", now_ns, KIND_U64),
	F("seen", seen_ns, KIND_U64),
	F("epoch", epoch, KIND_U32),
	END,
};

static int parse_word(struct event *event, char *word)
{
	const struct field *tables[] = { common_fields, event_fields(event->type) };
	char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	*value++ = 0;
	for (unsigned i = 0; i < 2; i++) {
		for (const struct field *field = tables[i]; field->key; field++) {
			if (strcmp(field->key, word) == 0)
				return parse_value(field, (char *)event + field->offset, value);
		}
	}
	return -EINVAL;
}

static int parse_type(struct event *event, const char *word)
{
	for (int type = 0; type < EV_TYPES; type++) {
		if (strcmp(event_type_name((enum event_type)type), word) == 0) {
			event->type = (enum event_type)type;
			return 0;
		}
	}
	return -EINVAL;
}

int trace_parse_event(const char *text, struct event *event, size_t *at)
{
	char word[TRACE_LINE_SIZE];
	bool first = true;
	const char *start = text;

	memset(event, 0, sizeof *event);
	for (;;) {
		size_t length;
		start += strspn(start, " \t\n");
		*at = (size_t)(start - text);
		length = strcspn(start, " \t\n");
		if (!length)
			return first ? -EINVAL : 0;
		if (length >= sizeof word)
			return -EINVAL;
		memcpy(word, start, length);
		word[length] = 0;
		if (first ? parse_type(event, word) : parse_word(event, word))
			return -EINVAL;
		first = false;
		start += length;
	}
}
