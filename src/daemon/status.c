/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/sentence.h"
#include "common/text.h"
#include "daemon/clock.h"
#include "daemon/runner.h"

enum { MAIN_TABLE = 254, BREATHE_EVERY = 16 }; /* objects; about 0.2 ms of work */

static json_t *ip_json(const struct ip *ip)
{
	char text[TEXT_IP_SIZE];

	return ip->family == FAMILY_NONE ? json_null() : json_string(text_ip(ip, text));
}

static json_t *time_json(uint64_t boot_ns)
{
	char text[TEXT_TIME_SIZE];

	return boot_ns ? json_string(text_time(clock_wall(boot_ns), text)) : json_null();
}

/* reason_code, reason, since: every object with a state has them. */
static void add_state(json_t *json, const char *state, const struct reason *reason, uint64_t since_ns)
{
	char text[SENTENCE_SIZE];

	json_object_set_new(json, "state", json_string(state));
	json_object_set_new(json, "reason_code", json_string(reason_code_name(reason->code)));
	json_object_set_new(json, "reason", json_string(sentence_of_reason(reason, text)));
	json_object_set_new(json, "since", time_json(since_ns));
}

static json_t *addresses_json(const struct config_address *addresses, unsigned n)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < n; i++) {
		char ip[TEXT_IP_SIZE], text[TEXT_CIDR_SIZE];
		snprintf(text, sizeof text, "%s/%u", text_ip(&addresses[i].ip, ip), addresses[i].prefix);
		json_array_append_new(json, json_string(text));
	}
	return json;
}

/* Time since then in milliseconds; null: never. */
static json_t *ago_json(uint64_t boot_ns)
{
	uint64_t now_ns = clock_boot();

	return boot_ns ? json_real(now_ns > boot_ns ? (double)(now_ns - boot_ns) / 1e6 : 0) : json_null();
}

static json_t *probe_json(const struct probe_view *probe)
{
	json_t *json = json_object();

	json_object_set_new(json, "name", json_string(probe->name));
	json_object_set_new(json, "kind", json_string(probe->kind == PROBE_NS ? "ns" : "arp"));
	json_object_set_new(json, "target", ip_json(&probe->target));
	json_object_set_new(json, "state", json_string(probe_state_name(probe->state)));
	json_object_set_new(json, "last_answer_ms", ago_json(probe->answered_ns));
	json_object_set_new(json, "sent", json_integer((json_int_t)probe->sent));
	return json;
}

static json_t *port_json(const struct core *core, unsigned bond, const struct port_view *port, unsigned i,
			 unsigned n_probes)
{
	json_t *json = json_object(), *probes = json_array();

	json_object_set_new(json, "name", json_string(port->name));
	json_object_set_new(json, "spec", json_string(port->spec));
	add_state(json, port_state_name(port->state), &port->reason, port->since_ns);
	json_object_set_new(json, "penalty", json_integer(port->penalty));
	json_object_set_new(json, "manual", json_boolean(port->manual));
	json_object_set_new(json, "probes_lost", json_boolean(port->probes_lost));
	for (unsigned t = 0; t < n_probes; t++) {
		struct probe_view probe;
		core_probe(core, bond, i, t, &probe);
		json_array_append_new(probes, probe_json(&probe));
	}
	json_object_set_new(json, "probes", probes);
	return json;
}

static json_t *ports_json(const struct core *core, unsigned index, const struct bond_view *bond)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port_view port;
		core_port(core, index, i, &port);
		if (!port.hidden)
			json_array_append_new(json, port_json(core, index, &port, i, bond->n_probes));
	}
	return json;
}

static const struct config_bond *find_config(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_bonds; i++) {
		if (strcmp(config->bonds[i].name, name) == 0)
			return &config->bonds[i];
	}
	return NULL;
}

/* What bonds and vlans have in common. */
static json_t *device_json(const struct engine *e, const struct bond_view *bond)
{
	const struct config_bond *cfg = find_config(e->config, bond->name);
	json_t *json = json_object();

	json_object_set_new(json, "name", json_string(bond->name));
	add_state(json, bond_state_name(bond->state), &bond->reason, bond->since_ns);
	json_object_set_new(json, "mtu", bond->mtu ? json_integer(bond->mtu) : json_null());
	json_object_set_new(json, "addresses",
			    cfg ? addresses_json(e->config->addresses + cfg->first_address, cfg->n_addresses)
				: json_array());
	return json;
}

static json_t *bond_json(const struct engine *e, unsigned i, const struct bond_view *bond)
{
	json_t *json = device_json(e, bond);
	struct port_view port;

	json_object_set_new(json, "driver", json_string(bond_driver_name(bond->driver)));
	json_object_set_new(json, "active_port", json_null());
	if (bond->active_port >= 0) {
		core_port(e->core, i, (unsigned)bond->active_port, &port);
		json_object_set_new(json, "active_port", json_string(port.name));
	}
	json_object_set_new(json, "manual", json_boolean(bond->manual));
	json_object_set_new(json, "failovers", json_integer((json_int_t)bond->failovers));
	json_object_set_new(json, "ports", ports_json(e->core, i, bond));
	return json;
}

static json_t *vlan_json(const struct engine *e, const struct bond_view *vlan)
{
	json_t *json = device_json(e, vlan);

	json_object_set_new(json, "link", json_string(vlan->link ? vlan->link : ""));
	json_object_set_new(json, "id", json_integer(vlan->vlan_id));
	return json;
}

static json_t *counters_json(const struct vip_counters *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {
		{ "adverts_sent", c->adverts_sent },
		{ "adverts_received", c->adverts_received },
		{ "priority_zero_sent", c->priority_zero_sent },
		{ "priority_zero_received", c->priority_zero_received },
		{ "became_active", c->became_active },
		{ "address_list_differs", c->address_list_differs },
		{ "interval_differs", c->interval_differs },
		{ "conflicts", c->conflicts },
		{ "repairs", c->repairs },
		{ "checksum_rfc9568", c->checksum_rfc9568 },
		{ "checksum_rfc5798", c->checksum_rfc5798 },
		{ "checksum_group", c->checksum_group },
	};
	json_t *json = json_object();

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		json_object_set_new(json, list[i].name, json_integer((json_int_t)list[i].value));
	json_object_set_new(json, "late_max_ms", json_real((double)c->late_max_ns / 1e6));
	return json;
}

static json_t *peers_json(const struct vip_view *vip)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < vip->n_peers; i++)
		json_array_append_new(json, ip_json(&vip->peers[i]));
	return json;
}

/* Whether nobody else can be active: the last advert is older than Down, or was a goodbye. While a vip stands the core's own
 * timer tells. */
static bool is_unheld(const struct vip_view *vip)
{
	return vip->state == VIP_INIT && (!vip->heard_ns || vip->other_left || clock_boot() - vip->heard_ns > vip->down_ns);
}

static json_t *tracks_json(const struct core *core, unsigned v, unsigned n)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < n; i++) {
		struct track_view track;
		char text[SENTENCE_SIZE];
		bool there;
		core_track(core, v, i, &track);
		there = track.reason.code == REASON_NONE;
		json_array_append_new(json, json_pack("{s:s, s:b, s:i, s:b, s:s, s:s}", "name", track.name, "required",
						      track.lower == 0, "lower", track.lower, "there", there,
						      "reason_code", reason_code_name(track.reason.code), "reason",
						      sentence_of_reason(&track.reason, text)));
	}
	return json;
}

static json_t *elsewhere_json(const struct core *core, unsigned v, unsigned n)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < n; i++) {
		struct away_view away;
		char ip[TEXT_IP_SIZE], cidr[TEXT_CIDR_SIZE], text[SENTENCE_SIZE];
		if (!core_away(core, v, i, &away))
			continue;
		snprintf(cidr, sizeof cidr, "%s/%u", text_ip(&away.address->ip, ip), away.address->prefix);
		json_array_append_new(json, json_pack("{s:s, s:s, s:b, s:s, s:s}", "address", cidr, "on", away.address->on,
						      "there", away.there, "reason_code",
						      reason_code_name(away.reason.code), "reason",
						      sentence_of_reason(&away.reason, text)));
	}
	return json;
}

static json_t *routes_json(const struct core *core, unsigned v, unsigned n)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < n; i++) {
		struct vip_route_view view;
		char ip[TEXT_IP_SIZE], to[TEXT_CIDR_SIZE], text[SENTENCE_SIZE];
		json_t *item;
		core_vip_route(core, v, i, &view);
		snprintf(to, sizeof to, "%s/%u", text_ip(&view.route->to, ip), view.route->prefix);
		item = json_pack("{s:s, s:o, s:s, s:I, s:I, s:b, s:s, s:s}", "to", to, "via", ip_json(&view.route->via), "on",
				 view.on, "table", (json_int_t)(view.route->table ? view.route->table : MAIN_TABLE), "metric",
				 (json_int_t)view.route->metric, "there", view.there, "reason_code",
				 reason_code_name(view.reason.code), "reason", sentence_of_reason(&view.reason, text));
		json_array_append_new(json, item);
	}
	return json;
}

static json_t *network_json(const struct ip *ip, uint8_t prefix)
{
	char text[TEXT_IP_SIZE], network[TEXT_CIDR_SIZE];

	if (ip->family == FAMILY_NONE)
		return json_null();
	snprintf(network, sizeof network, "%s/%u", text_ip(ip, text), prefix);
	return json_string(network);
}

static json_t *rules_json(const struct core *core, unsigned v, unsigned n)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < n; i++) {
		struct rule_view view;
		char text[SENTENCE_SIZE];
		const struct config_rule *rule;
		core_rule(core, v, i, &view);
		rule = view.rule;
		json_array_append_new(json, json_pack("{s:I, s:I, s:o, s:o, s:I, s:i, s:b, s:s, s:s}", "priority",
						      (json_int_t)rule->priority, "table", (json_int_t)rule->table, "from",
						      network_json(&rule->from, rule->from_prefix), "to",
						      network_json(&rule->to, rule->to_prefix), "mark",
						      (json_int_t)rule->mark, "type_of_service", rule->tos, "there",
						      view.there, "reason_code", reason_code_name(view.reason.code),
						      "reason", sentence_of_reason(&view.reason, text)));
	}
	return json;
}

static json_t *check_json(const struct engine *e, unsigned i)
{
	json_t *json = json_object();
	struct check_view check;

	core_check(e->core, i, &check);
	json_object_set_new(json, "name", json_string(check.name));
	add_state(json, check_state_name(check.state), &check.reason, check.since_ns);
	json_object_set_new(json, "output", json_string(runner_output(e->runner, i)));
	json_object_set_new(json, "last_result_ms", ago_json(check.heard_ns));
	json_object_set_new(json, "in_a_row", json_integer(check.in_a_row));
	json_object_set_new(json, "needed", json_integer(check.needed));
	json_object_set_new(json, "silent", json_boolean(check.silent));
	return json;
}

static json_t *vip_json(const struct core *core, unsigned i, const char *node)
{
	struct vip_view vip;
	json_t *json = json_object();
	char mac[TEXT_MAC_SIZE];

	core_vip(core, i, &vip);
	json_object_set_new(json, "name", json_string(vip.name));
	json_object_set_new(json, "vrid", json_integer(vip.vrid));
	json_object_set_new(json, "family", json_string(vip.family == FAMILY_6 ? "ipv6" : "ipv4"));
	json_object_set_new(json, "on", json_string(vip.on));
	json_object_set_new(json, "group", vip.group[0] ? json_string(vip.group) : json_null());
	json_object_set_new(json, "protocol", json_string(vip.protocol == PROTOCOL_VRRP ? "vrrp" : "heartbeat"));
	json_object_set_new(json, "version", json_integer(vip.version));
	add_state(json, vip_state_name(vip.state), &vip.reason, vip.since_ns);
	json_object_set_new(json, "holding", json_boolean(vip.holding));
	json_object_set_new(json, "priority", json_integer(vip.priority));
	json_object_set_new(json, "effective_priority", json_integer(vip.effective_priority));
	json_object_set_new(json, "addresses", addresses_json(vip.addresses, vip.n_addresses));
	json_object_set_new(json, "elsewhere", elsewhere_json(core, i, vip.n_addresses));
	json_object_set_new(json, "routes", routes_json(core, i, vip.n_routes));
	json_object_set_new(json, "routing_policy", rules_json(core, i, vip.n_rules));
	/* Of another one VRRP tells an address and not a name, and heartbeats tell the name. */
	json_object_set_new(json, "active_node", vip.state == VIP_ACTIVE ? json_string(node)
						: vip.active_node[0]	 ? json_string(vip.active_node)
									 : json_null());
	json_object_set_new(json, "mac", vip.mac ? json_string(text_mac(vip.mac, mac)) : json_null());
	json_object_set_new(json, "device", vip.device[0] ? json_string(vip.device) : json_null());
	json_object_set_new(json, "unicast", peers_json(&vip));
	json_object_set_new(json, "checksum", json_string(vrrp_checksum_name(vip.checksum)));
	json_object_set_new(json, "active_source",
			    is_unheld(&vip) || vip.protocol == PROTOCOL_HEARTBEAT ? json_null() : ip_json(&vip.active_source));
	json_object_set_new(json, "last_heard_ms", ago_json(vip.heard_ns));
	json_object_set_new(json, "handed_over", json_boolean(vip.given));
	json_object_set_new(json, "removed", json_boolean(vip.removed));
	json_object_set_new(json, "lease", json_boolean(!vip.lease_none));
	json_object_set_new(json, "accept", json_boolean(vip.accept));
	json_object_set_new(json, "tracks", tracks_json(core, i, vip.n_tracks));
	json_object_set_new(json, "counters", counters_json(vip.counters));
	return json;
}

/* Removed from the configuration, and let go: only the next reload forgets it. */
static bool has_gone(const struct core *core, unsigned i)
{
	struct vip_view vip;

	core_vip(core, i, &vip);
	return vip.removed && vip.state == VIP_INIT;
}

static void __attribute__((format(printf, 2, 3))) warn(json_t *warnings, const char *format, ...)
{
	char text[SENTENCE_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	json_array_append_new(warnings, json_string(text));
}

static void warn_of_probe(json_t *warnings, const char *bond, const char *port, const struct probe_view *probe)
{
	char ip[TEXT_IP_SIZE], age[TEXT_DURATION_SIZE];
	uint64_t now_ns = clock_boot();

	text_ip(&probe->target, ip);
	if (probe->answered_ns)
		text_duration(now_ns > probe->answered_ns ? now_ns - probe->answered_ns : 0, age);
	warn(warnings, "bond %s: through port %s %s (probe %s) %s%s", bond, port, ip, probe->name,
	     probe->answered_ns ? "has not answered for " : "has never answered, through another it has",
	     probe->answered_ns ? age : "");
}

/* Lost on one port: a standby that would carry nothing is to be known before it is needed. */
static void warn_of_probes(json_t *warnings, const struct core *core, unsigned b, unsigned p,
			   const struct bond_view *bond)
{
	struct port_view port;

	core_port(core, b, p, &port);
	for (unsigned i = 0; port.probes_lost && i < bond->n_probes; i++) {
		struct probe_view probe;
		core_probe(core, b, p, i, &probe);
		if (probe.state == PROBE_LOST)
			warn_of_probe(warnings, bond->name, port.name, &probe);
	}
}

/* Whether a target is asked through some port and has never answered through any. */
static bool is_silent(const struct core *core, unsigned b, const struct bond_view *bond, unsigned target,
		      struct probe_view *probe)
{
	bool silent = false;

	for (unsigned p = 0; p < bond->n_ports; p++) {
		struct port_view port;
		core_port(core, b, p, &port);
		if (port.hidden)
			continue;
		core_probe(core, b, p, target, probe);
		if (probe->state == PROBE_ANSWERED || probe->state == PROBE_LOST || probe->answered_ns)
			return false;
		silent |= probe->state == PROBE_SILENT;
	}
	return silent;
}

static void warn_of_port(json_t *warnings, const struct core *core, unsigned b, unsigned p,
			 const struct bond_view *bond)
{
	struct port_view port;
	char left[TEXT_DURATION_SIZE];

	core_port(core, b, p, &port);
	if (port.hidden)
		return;
	warn_of_probes(warnings, core, b, p, bond);
	if (port.reason.code == REASON_PORT_DAMPED)
		warn(warnings, "bond %s: port %s flaps (penalty %u) and is left alone for another %s", bond->name,
		     port.name, port.penalty,
		     text_duration((uint64_t)(port.reason.arg[1] > 0 ? port.reason.arg[1] : 0), left));
	if (port.manual)
		warn(warnings,
		     "bond %s: port %s was chosen by hand and keeps the traffic until it fails; 'standbyctl switch "
		     "%s auto' gives the choice back",
		     bond->name, port.name, bond->name);
}

static void warn_of_bond(json_t *warnings, const struct core *core, unsigned b, const struct bond_view *bond)
{
	struct probe_view probe;
	char ip[TEXT_IP_SIZE];

	for (unsigned p = 0; p < bond->n_ports; p++)
		warn_of_port(warnings, core, b, p, bond);
	for (unsigned i = 0; i < bond->n_probes; i++) {
		if (is_silent(core, b, bond, i, &probe))
			warn(warnings,
			     "bond %s: %s (probe %s) has never answered through any port, so it decides nothing",
			     bond->name, text_ip(&probe.target, ip), probe.name);
	}
}

/* A required one is told by the vip's own state. */
static void warn_of_tracks(json_t *warnings, const struct core *core, unsigned v, const struct vip_view *vip)
{
	for (unsigned i = 0; i < vip->n_tracks; i++) {
		struct track_view track;
		char text[SENTENCE_SIZE];
		core_track(core, v, i, &track);
		if (track.lower && track.reason.code != REASON_NONE)
			warn(warnings, "vip %s: its priority is %u and not %u: lowered by %u for %s: %s", vip->name,
			     vip->effective_priority, vip->priority, track.lower, track.name,
			     sentence_of_reason(&track.reason, text));
	}
}

static void warn_of_rules(json_t *warnings, const struct core *core, unsigned v, const struct vip_view *vip)
{
	for (unsigned i = 0; i < vip->n_rules; i++) {
		struct rule_view view;
		char text[SENTENCE_SIZE];
		core_rule(core, v, i, &view);
		if (view.reason.code != REASON_NONE)
			warn(warnings, "vip %s: its rule with priority %u cannot be there: %s", vip->name, view.rule->priority,
			     sentence_of_reason(&view.reason, text));
	}
}

/* What is not there while it should be, or could not be if it should. The vip's own link is told by its state. */
static void warn_of_routes(json_t *warnings, const struct core *core, unsigned v, const struct vip_view *vip)
{
	for (unsigned i = 0; i < vip->n_routes; i++) {
		struct vip_route_view view;
		char ip[TEXT_IP_SIZE], text[SENTENCE_SIZE];
		core_vip_route(core, v, i, &view);
		if (view.there || view.reason.code == REASON_NONE ||
		    (view.reason.code != REASON_ROUTE_REFUSED && !view.route->on[0]))
			continue;
		warn(warnings, "vip %s: its route to %s/%u by %s cannot be there: %s", vip->name,
		     text_ip(&view.route->to, ip), view.route->prefix, view.on, sentence_of_reason(&view.reason, text));
	}
}

/* On a standby too: it is to be known before the addresses are needed. */
static void warn_of_away(json_t *warnings, const struct core *core, unsigned v, const struct vip_view *vip)
{
	for (unsigned i = 0; i < vip->n_addresses; i++) {
		struct away_view away;
		char ip[TEXT_IP_SIZE], text[SENTENCE_SIZE];
		if (core_away(core, v, i, &away) && away.reason.code != REASON_NONE)
			warn(warnings, "vip %s: its address %s on %s cannot be used: %s", vip->name,
			     text_ip(&away.address->ip, ip), away.address->on, sentence_of_reason(&away.reason, text));
	}
}

void status_warn_of_vip(json_t *warnings, const struct core *core, unsigned i)
{
	struct vip_view vip;
	char late[TEXT_DURATION_SIZE];

	core_vip(core, i, &vip);
	const struct vip_counters *c = vip.counters;
	warn_of_tracks(warnings, core, i, &vip);
	warn_of_away(warnings, core, i, &vip);
	warn_of_routes(warnings, core, i, &vip);
	warn_of_rules(warnings, core, i, &vip);
	if (vip.given && vip.state != VIP_LEAVING)
		warn(warnings,
		     "vip %s: was handed over by hand, and does not preempt until the other fails; 'standbyctl undrain' ends "
		     "that",
		     vip.name);
	if (core_drained(core) && !vip.removed && is_unheld(&vip))
		warn(warnings, "vip %s: no other node is heard to hold it while this one is drained", vip.name);
	if (vip.lease_none)
		warn(warnings, "vip %s: too many IPv6 addresses for a kernel lease, so they outlive a dead daemon",
		     vip.name);
	if (c->conflicts)
		warn(warnings, "vip %s: another machine claimed its address, %" PRIu64 " times so far", vip.name,
		     c->conflicts);
	if (c->address_list_differs)
		warn(warnings, "vip %s: another node announces other addresses, %" PRIu64 " adverts so far", vip.name,
		     c->address_list_differs);
	if (c->interval_differs)
		warn(warnings, "vip %s: another node announces another advert interval, %" PRIu64 " adverts so far",
		     vip.name, c->interval_differs);
	if (c->late_max_ns > 100 * NSEC_PER_MSEC)
		warn(warnings, "vip %s: an own advert was %s late", vip.name, text_duration(c->late_max_ns, late));
}

static void warn_of_node(json_t *warnings, const struct engine *e)
{
	char time[TEXT_TIME_SIZE];

	if (core_drained(e->core))
		warn(warnings, "this node is drained: it takes no vip, even if nobody else does; 'standbyctl undrain' ends "
			       "that");
	if (e->refused_ns)
		warn(warnings, "the configuration on disk was refused at %s, the one before it is in force",
		     text_time(clock_wall(e->refused_ns), time));
	if (core_counters(e->core)->notes_lost)
		warn(warnings, "%" PRIu64 " events were lost for the journal", core_counters(e->core)->notes_lost);
	if (packets_counters(e->packets)->lost)
		warn(warnings, "%" PRIu64 " packets came so fast that they were lost before they were read", packets_counters(e->packets)->lost);
}

/* Drops that mean two nodes of one virtual router which do not agree, and so may both be active. */
static void warn_of_drops(json_t *warnings, const struct core_counters *c)
{
	static const struct {
		enum drop_reason reason;
		const char *what;
	} list[] = {
		{ DROP_TTL, "with another TTL or hop limit than 255, so from behind a router or from a node that sets it too low" },
		{ DROP_VERSION, "of another version of VRRP than the vip's" },
		{ DROP_V2_INTERVAL, "with another interval than the vip's, which version 2 forbids" },
		{ DROP_V2_AUTH, "with another authentication than the vip's" },
		{ DROP_NOT_PEER, "from a node that is not among the vip's unicast peers" },
		{ DROP_FIRST_ADDRESS, "over IPv6 whose list does not begin with a link-local address" },
	};

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		if (c->dropped[list[i].reason])
			warn(warnings, "%" PRIu64 " adverts were dropped so far that were %s", c->dropped[list[i].reason],
			     list[i].what);
	}
}

static json_t *path_json(const struct path_view *path)
{
	json_t *json = json_object();

	json_object_set_new(json, "name", json_string(path->name));
	json_object_set_new(json, "on", json_string(path->on));
	json_object_set_new(json, "from", ip_json(&path->from));
	json_object_set_new(json, "to", ip_json(&path->to));
	add_state(json, path_state_name(path->state), &path->reason, path->since_ns);
	json_object_set_new(json, "last_heard_ms", ago_json(path->heard_ns));
	json_object_set_new(json, "last_told_ms", ago_json(path->told_ns));
	json_object_set_new(json, "round_trip_ms", path->round_trip_ns ? json_real((double)path->round_trip_ns / 1e6) : json_null());
	json_object_set_new(json, "sent", json_integer((json_int_t)path->sent));
	json_object_set_new(json, "received", json_integer((json_int_t)path->received));
	return json;
}

static json_t *node_json(const struct core *core, unsigned i)
{
	struct node_view node;
	json_t *json = json_object(), *paths = json_array();

	core_node(core, i, &node);
	for (unsigned p = 0; p < node.n_paths; p++) {
		struct path_view path;
		core_node_path(core, i, p, &path);
		json_array_append_new(paths, path_json(&path));
	}
	json_object_set_new(json, "name", json_string(node.name));
	json_object_set_new(json, "self", json_boolean(node.self));
	if (node.self)
		node.reason = (struct reason){ .code = REASON_NONE };
	add_state(json, node_state_name(node.state), &node.reason, node.since_ns);
	json_object_set_new(json, "digest_matches", node.self        ? json_true()
						    : node.digest_known ? json_boolean(node.digest_matches)
									: json_null());
	json_object_set_new(json, "software", node.self ? json_string(STANDBYD_VERSION) : json_string(node.software));
	json_object_set_new(json, "last_heard_ms", ago_json(node.heard_ns));
	json_object_set_new(json, "timeout_ms", node.timeout_ns ? json_real((double)node.timeout_ns / 1e6) : json_null());
	json_object_set_new(json, "paths", paths);
	return json;
}

static void warn_of_slow_path(json_t *warnings, const struct core *core, unsigned node, unsigned path, const struct path_view *view)
{
	struct action note = { .type = ACT_NOTE, .object = { .type = OBJECT_PATH, .index = (uint16_t)node, .sub = (uint16_t)path } };
	char text[SENTENCE_SIZE];

	note.u.note.code = NOTE_PATH_SLOW;
	note.u.note.reason.arg[0] = (int64_t)view->round_trip_ns;
	note.u.note.reason.arg[1] = (int64_t)view->allowed_ns;
	warn(warnings, "%s", sentence_of_note(core, &note, text));
}

/* A path that died matters before the last one does. */
static void warn_of_peer(json_t *warnings, const struct core *core, unsigned i)
{
	struct node_view node;
	char text[SENTENCE_SIZE];

	core_node(core, i, &node);
	if (node.digest_known && !node.digest_matches && !node.self)
		warn(warnings, "node %s: runs another configuration than this node", node.name);
	if (node.state == NODE_SILENT || (!node.self && node.reason.code == REASON_NODE_DAEMON))
		warn(warnings, "node %s: %s", node.name, sentence_of_reason(&node.reason, text));
	for (unsigned p = 0; p < node.n_paths && node.state == NODE_ALIVE; p++) {
		struct path_view path;
		core_node_path(core, i, p, &path);
		if (path.state != PATH_UP)
			warn(warnings, "node %s: path %s: %s", node.name, path.name, sentence_of_reason(&path.reason, text));
		else if (path.slow && path.round_trip_ns > path.allowed_ns)
			warn_of_slow_path(warnings, core, i, p, &path);
	}
}

static void warn_of_beats(json_t *warnings, const struct engine *e)
{
	const struct core_counters *c = core_counters(e->core);
	bool permissive = e->config->heartbeat.auth == HEARTBEAT_AUTH_PERMISSIVE;
	static const struct {
		enum heartbeat_drop drop;
		const char *what;
	} list[] = {
		{ HEARTBEAT_TTL, "came through a router, although their path is not 'routed'" },
		{ HEARTBEAT_NO_TAG, "are not authenticated" },
		{ HEARTBEAT_TAG_WRONG, "have a wrong tag: another key under the same id, or forged" },
		{ HEARTBEAT_KEY_UNKNOWN, "are made with a key that this node does not have" },
		{ HEARTBEAT_STRANGER, "are of a node that is not configured here" },
		{ HEARTBEAT_WRONG_PATH, "came by another path, address or interface than they name" },
	};

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		bool believed = permissive && list[i].drop >= HEARTBEAT_NO_TAG && list[i].drop <= HEARTBEAT_KEY_UNKNOWN;
		if (c->heartbeat_dropped[list[i].drop])
			warn(warnings, "%" PRIu64 " heartbeats were %s so far %s %s", c->heartbeat_dropped[list[i].drop],
			     believed ? "believed" : "dropped", believed ? "although they" : "that", list[i].what);
	}
}

static void warn_of_check(json_t *warnings, const struct core *core, unsigned i)
{
	struct check_view check;
	uint64_t now_ns = clock_boot();
	char age[TEXT_DURATION_SIZE];

	core_check(core, i, &check);
	if (check.silent)
		warn(warnings, "check %s: has had no result for %s, and still counts as %s", check.name,
		     text_duration(now_ns > check.awaited_ns ? now_ns - check.awaited_ns : 0, age), check_state_name(check.state));
}

static json_t *beats_dropped_json(const struct core_counters *c)
{
	json_t *json = json_object();

	for (enum heartbeat_drop i = HEARTBEAT_GOOD + 1; i < HEARTBEAT_DROPS; i++)
		json_object_set_new(json, heartbeat_drop_name(i), json_integer((json_int_t)c->heartbeat_dropped[i]));
	return json;
}

static json_t *dropped_json(const struct core_counters *c)
{
	json_t *json = json_object();

	for (enum drop_reason i = DROP_NONE + 1; i < DROP_REASONS; i++)
		json_object_set_new(json, drop_reason_name(i), json_integer((json_int_t)c->dropped[i]));
	return json;
}

static json_t *totals_json(const struct engine *e)
{
	const struct core_counters *c = core_counters(e->core);
	const struct packets_counters *p = packets_counters(e->packets);
	const struct beats_counters *b = beats_counters(e->beats);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "overruns", (json_int_t)c->overruns,
			 "snapshots", (json_int_t)c->snapshots, "repairs", (json_int_t)c->repairs,
			 "refusals", (json_int_t)c->refusals, "notes_lost", (json_int_t)c->notes_lost,
			 "packets_sent", (json_int_t)p->sent, "packets_received", (json_int_t)p->received,
			 "packets_lost", (json_int_t)p->lost, "send_errors", (json_int_t)p->send_errors, "heartbeats_sent", (json_int_t)b->sent, "heartbeats_received",
			 (json_int_t)b->received, "heartbeat_send_errors", (json_int_t)b->send_errors);
}

/* Thousands of objects take tens of milliseconds: what is urgent goes in between. Objects do not come or go
 * meanwhile. */
static void breathe(struct engine *e, unsigned i)
{
	if (i % BREATHE_EVERY != BREATHE_EVERY - 1)
		return;
	engine_urgent(e);
	engine_settle(e);
}

void status_warn_of_bond(json_t *warnings, const struct core *core, unsigned i)
{
	struct bond_view bond;

	core_bond(core, i, &bond);
	warn_of_bond(warnings, core, i, &bond);
}

json_t *status_json(struct engine *e)
{
	json_t *bonds = json_array(), *vlans = json_array(), *vips = json_array(), *warnings = json_array();
	json_t *nodes = json_array(), *checks = json_array();
	const char *node = e->config->node;

	warn_of_node(warnings, e);
	warn_of_drops(warnings, core_counters(e->core));
	for (unsigned i = 0; i < core_n_bonds(e->core); i++, breathe(e, i)) {
		struct bond_view bond;
		core_bond(e->core, i, &bond);
		if (bond.removed) /* the core keeps it while something is still to be let go */
			continue;
		json_array_append_new(bond.driver == DRIVER_VLAN ? vlans : bonds,
				      bond.driver == DRIVER_VLAN ? vlan_json(e, &bond) : bond_json(e, i, &bond));
		warn_of_bond(warnings, e->core, i, &bond);
	}
	for (unsigned i = 0; i < core_n_vips(e->core); i++, breathe(e, i)) {
		if (has_gone(e->core, i))
			continue;
		json_array_append_new(vips, vip_json(e->core, i, node));
		status_warn_of_vip(warnings, e->core, i);
	}
	for (unsigned i = 0; i < core_n_nodes(e->core); i++) {
		json_array_append_new(nodes, node_json(e->core, i));
		warn_of_peer(warnings, e->core, i);
	}
	if (runner_trouble(e->runner))
		warn(warnings, "%s: checks say what they said, hooks wait", runner_trouble(e->runner));
	for (unsigned i = 0; i < core_n_checks(e->core); i++, breathe(e, i)) {
		json_array_append_new(checks, check_json(e, i));
		warn_of_check(warnings, e->core, i);
	}
	warn_of_beats(warnings, e);
	return json_pack("{s:i, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", STATUS_SCHEMA, "node",
			 node, "digest", e->config->digest, "drained", core_drained(e->core), "bonds", bonds, "vlans", vlans, "vips", vips, "nodes", nodes,
			 "checks", checks, "warnings", warnings, "dropped", dropped_json(core_counters(e->core)), "heartbeats_dropped",
			 beats_dropped_json(core_counters(e->core)), "counters",
			 totals_json(e));
}
