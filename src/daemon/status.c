/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/sentence.h"
#include "common/text.h"
#include "daemon/clock.h"

enum { BREATHE_EVERY = 16 }; /* objects; about 0.2 ms of work */

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

static json_t *port_json(const struct core *core, unsigned bond, unsigned i)
{
	struct port_view port;
	json_t *json = json_object();

	core_port(core, bond, i, &port);
	json_object_set_new(json, "name", json_string(port.name));
	add_state(json, port_state_name(port.state), &port.reason, port.since_ns);
	return json;
}

static json_t *bond_json(const struct core *core, unsigned i)
{
	struct bond_view bond;
	json_t *json = json_object(), *ports = json_array();

	core_bond(core, i, &bond);
	json_object_set_new(json, "name", json_string(bond.name));
	json_object_set_new(json, "driver", json_string(bond.driver == DRIVER_KERNEL ? "kernel" : "move"));
	add_state(json, bond_state_name(bond.state), &bond.reason, bond.since_ns);
	json_object_set_new(json, "active_port", json_null());
	json_object_set_new(json, "failovers", json_integer((json_int_t)bond.failovers));
	for (unsigned p = 0; p < bond.n_ports; p++) {
		json_t *port = port_json(core, i, p);
		json_array_append_new(ports, port);
		if ((int)p == bond.active_port)
			json_object_set(json, "active_port", json_object_get(port, "name"));
	}
	json_object_set_new(json, "ports", ports);
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
	};
	json_t *json = json_object();

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		json_object_set_new(json, list[i].name, json_integer((json_int_t)list[i].value));
	json_object_set_new(json, "late_max_ms", json_real((double)c->late_max_ns / 1e6));
	return json;
}

static json_t *addresses_json(const struct vip_view *vip)
{
	json_t *json = json_array();

	for (unsigned i = 0; i < vip->n_addresses; i++) {
		char ip[TEXT_IP_SIZE], text[TEXT_CIDR_SIZE];
		snprintf(text, sizeof text, "%s/%u", text_ip(&vip->addresses[i].ip, ip), vip->addresses[i].prefix);
		json_array_append_new(json, json_string(text));
	}
	return json;
}

static json_t *vip_json(const struct core *core, unsigned i, const char *node)
{
	struct vip_view vip;
	json_t *json = json_object();

	core_vip(core, i, &vip);
	json_object_set_new(json, "name", json_string(vip.name));
	json_object_set_new(json, "vrid", json_integer(vip.vrid));
	json_object_set_new(json, "family", json_string(vip.family == FAMILY_6 ? "ipv6" : "ipv4"));
	json_object_set_new(json, "on", json_string(vip.on));
	json_object_set_new(json, "protocol", json_string("vrrp"));
	add_state(json, vip_state_name(vip.state), &vip.reason, vip.since_ns);
	json_object_set_new(json, "holding", json_boolean(vip.holding));
	json_object_set_new(json, "priority", json_integer(vip.priority));
	json_object_set_new(json, "effective_priority", json_integer(vip.effective_priority));
	json_object_set_new(json, "addresses", addresses_json(&vip));
	/* VRRP tells an address and not a name. */
	json_object_set_new(json, "active_node", vip.state == VIP_ACTIVE ? json_string(node) : json_null());
	json_object_set_new(json, "active_source", ip_json(&vip.active_source));
	json_object_set_new(json, "removed", json_boolean(vip.removed));
	json_object_set_new(json, "lease", json_boolean(!vip.lease_none));
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

static void warn_of_vip(json_t *warnings, const struct core *core, unsigned i)
{
	struct vip_view vip;
	char late[TEXT_DURATION_SIZE];

	core_vip(core, i, &vip);
	const struct vip_counters *c = vip.counters;
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

	if (e->refused_ns)
		warn(warnings, "the configuration on disk was refused at %s, the one before it is in force",
		     text_time(clock_wall(e->refused_ns), time));
	if (core_counters(e->core)->notes_lost)
		warn(warnings, "%" PRIu64 " events were lost for the journal", core_counters(e->core)->notes_lost);
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

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "overruns", (json_int_t)c->overruns,
			 "snapshots", (json_int_t)c->snapshots, "repairs", (json_int_t)c->repairs,
			 "refusals", (json_int_t)c->refusals, "notes_lost", (json_int_t)c->notes_lost,
			 "packets_sent", (json_int_t)p->sent, "packets_received", (json_int_t)p->received,
			 "send_errors", (json_int_t)p->send_errors);
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

json_t *status_json(struct engine *e)
{
	json_t *bonds = json_array(), *vips = json_array(), *warnings = json_array();
	const char *node = e->config->node;

	warn_of_node(warnings, e);
	for (unsigned i = 0; i < core_n_bonds(e->core); i++, breathe(e, i))
		json_array_append_new(bonds, bond_json(e->core, i));
	for (unsigned i = 0; i < core_n_vips(e->core); i++, breathe(e, i)) {
		if (has_gone(e->core, i))
			continue;
		json_array_append_new(vips, vip_json(e->core, i, node));
		warn_of_vip(warnings, e->core, i);
	}
	return json_pack("{s:i, s:s, s:s, s:o, s:o, s:[], s:[], s:o, s:o, s:o}", "schema", STATUS_SCHEMA, "node", node,
			 "digest", e->config->digest, "bonds", bonds, "vips", vips, "nodes", "checks",
			 "warnings", warnings, "dropped", dropped_json(core_counters(e->core)),
			 "counters", totals_json(e));
}
