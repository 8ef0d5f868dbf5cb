/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/sentence.h"
#include "common/text.h"
#include "config/suggest.h"
#include "daemon/clock.h"
#include "daemon/runner.h"
#include "daemon/status.h"

enum { EVENTS_SHOWN = 5, PENDING_SHOWN = 32 };

/* One explanation as it grows. */
struct explanation {
	const struct engine *engine;
	json_t *sentences, *figures, *pending;
};

static void __attribute__((format(printf, 2, 3))) say(struct explanation *x, const char *format, ...)
{
	char text[2 * SENTENCE_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	json_array_append_new(x->sentences, json_string(text));
}

/* A figure in milliseconds. */
static void figure_ms(struct explanation *x, const char *name, uint64_t ns)
{
	json_object_set_new(x->figures, name, json_real((double)ns / 1e6));
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* "web has been backup for 3 min 2 s: hears 192.0.2.12 with priority 200." */
static void say_state(struct explanation *x, const char *name, const char *state, uint64_t since_ns, const struct reason *reason)
{
	char age[TEXT_DURATION_SIZE], why[SENTENCE_SIZE];

	say(x, "%s has been %s%s%s%s%s.", name, state, since_ns ? " for " : "", since_ns ? text_duration(since(clock_boot(), since_ns), age) : "",
	    reason->code == REASON_NONE ? "" : ": ", reason->code == REASON_NONE ? "" : sentence_of_reason(reason, why));
}

/* ---- what is under way or was refused ----------------------------------------------------------------------------- */

static void add_pending(struct explanation *x, const struct object *object, const struct pending_view *p)
{
	struct action action = { .type = ACT_NOTE, .object = *object, .u.note.code = NOTE_REFUSED };
	char text[SENTENCE_SIZE], ip[TEXT_IP_SIZE] = "", retry[TEXT_DURATION_SIZE] = "";
	bool has_ip = p->ip.family != FAMILY_NONE;

	action.u.note.reason.arg[0] = p->error;
	action.u.note.reason.arg[1] = p->type;
	action.u.note.reason.ip = p->ip;
	if (has_ip)
		text_ip(&p->ip, ip);
	text_duration(p->retry_ns, retry);
	if (p->error)
		say(x, "%s, on %s, refusals in a row: %u; %s%s.", sentence_of_note(x->engine->core, &action, text), p->ifname, p->failures,
		    p->in_flight ? "it is being tried again" : p->retry_ns ? "tried again in " : "tried again at once",
		    p->in_flight || !p->retry_ns ? "" : retry);
	else if (p->in_flight)
		say(x, "A change is on its way to the kernel: %s%s%s on %s.", action_type_name(p->type), has_ip ? " " : "", ip, p->ifname);
	else
		say(x, "%s on %s was undone again and again; it is put right in %s.", has_ip ? ip : "Something", p->ifname, retry);
	json_array_append_new(x->pending, json_pack("{s:s, s:s, s:s?, s:b, s:i, s:s?, s:i, s:f}", "change", action_type_name(p->type),
						    "interface", p->ifname, "address", has_ip ? ip : NULL, "in_flight", p->in_flight,
						    "errno", p->error, "error", p->error ? strerror(p->error) : NULL, "failures",
						    (int)p->failures, "retry_ms", (double)p->retry_ns / 1e6));
}

static void explain_pending(struct explanation *x, const struct object *object)
{
	struct pending_view pending;

	for (unsigned i = 0; i < PENDING_SHOWN && core_pending(x->engine->core, object, i, &pending); i++)
		add_pending(x, object, &pending);
}

/* ---- vips --------------------------------------------------------------------------------------------------------- */

/* The claims, this node's among them: what stands first decides first. */
static void say_claims(struct explanation *x, unsigned v)
{
	json_t *claims = json_array();
	struct claim_view claim;

	for (unsigned i = 0; i < core_n_nodes(x->engine->core); i++) {
		if (!core_claim(x->engine->core, v, i, &claim))
			continue;
		say(x, "%s claims: %s, %s, LAN %s, health %u of 255, priority %u%s.", claim.node, vip_state_name(claim.state),
		    claim.able ? "can hold it" : "cannot hold it", lan_verdict_name(claim.verdict), claim.health, claim.priority,
		    claim.vrrp ? " (by VRRP)" : "");
		json_array_append_new(claims, json_pack("{s:s, s:s, s:b, s:s, s:i, s:i, s:b}", "node", claim.node, "state",
							vip_state_name(claim.state), "able", claim.able, "lan", lan_verdict_name(claim.verdict),
							"health", claim.health, "priority", claim.priority, "vrrp", claim.vrrp));
	}
	json_object_set_new(x->figures, "claims", claims);
}

/* By which paths those claims come, and how long there and back takes: what detection and a handover cannot be shorter than. */
static void say_paths(struct explanation *x)
{
	json_t *paths = json_array();
	char trip[TEXT_DURATION_SIZE];

	for (unsigned i = 0; i < core_n_nodes(x->engine->core); i++) {
		struct node_view node;
		core_node(x->engine->core, i, &node);
		for (unsigned p = 0; p < node.n_paths; p++) {
			struct path_view path;
			core_node_path(x->engine->core, i, p, &path);
			json_array_append_new(paths, json_pack("{s:s, s:s, s:s, s:o}", "node", node.name, "name", path.name, "state",
							       path_state_name(path.state), "round_trip_ms",
							       path.round_trip_ns ? json_real((double)path.round_trip_ns / 1e6) : json_null()));
			if (path.state == PATH_UP && path.round_trip_ns)
				say(x, "Path %s to %s: a heartbeat there and word of it back take %s%s.", path.name, node.name,
				    text_duration(path.round_trip_ns, trip), path.slow ? ", longer than interval × lost" : "");
		}
	}
	json_object_set_new(x->figures, "paths", paths);
}

static void say_who(struct explanation *x, const struct vip_view *vip, const struct vip_figures *f)
{
	char ip[TEXT_IP_SIZE], ago[TEXT_DURATION_SIZE];

	if (!vip->heard_ns) {
		say(x, "No advert of another node was ever heard.");
		return;
	}
	text_ip(&f->heard_source, ip);
	text_duration(since(f->now_ns, vip->heard_ns), ago);
	if (vip->other_left)
		say(x, "The last advert of another came from %s, %s ago: its goodbye.", ip, ago);
	else
		say(x, "The last advert of another came from %s, %s ago, with priority %u.", ip, ago, f->heard_priority);
}

static void say_down(struct explanation *x, const struct vip_view *vip, const struct vip_figures *f)
{
	char down[TEXT_DURATION_SIZE], interval[TEXT_DURATION_SIZE], skew[TEXT_DURATION_SIZE], left[TEXT_DURATION_SIZE];

	if (vip->state != VIP_BACKUP || f->taking || f->down_at_ns == NEVER)
		return;
	say(x, "It takes over when nothing is heard for Down, which is %s: three intervals of %s and a skew of %s for priority %u. That would be in %s.",
	    text_duration(vip->down_ns, down), text_duration(f->interval_ns, interval), text_duration(f->skew_ns, skew),
	    vip->effective_priority, text_duration(f->down_at_ns > f->now_ns ? f->down_at_ns - f->now_ns : 0, left));
	if (f->interval_ns != f->advert_ns)
		say(x, "The interval is that of the active node; its own is %s.", text_duration(f->advert_ns, interval));
	if (f->preempt_at_ns != NEVER)
		say(x, "It hears a lower one, and takes over from it in %s (preempt-delay).",
		    text_duration(f->preempt_at_ns > f->now_ns ? f->preempt_at_ns - f->now_ns : 0, left));
	if (vip->given)
		say(x, "A person handed it over: it does not preempt until the other fails, or 'standbyctl undrain'.");
	else if (!f->preempt)
		say(x, "It does not take over from a lower one that is active: preempt is off.");
}

static void say_active(struct explanation *x, const struct vip_view *vip, const struct vip_figures *f)
{
	char interval[TEXT_DURATION_SIZE], ago[TEXT_DURATION_SIZE], late[TEXT_DURATION_SIZE], ip[TEXT_IP_SIZE];

	if (vip->state != VIP_ACTIVE)
		return;
	if (vip->protocol == PROTOCOL_VRRP)
		say(x, "It sends an advert from %s every %s, the last %s ago; the latest so far left %s late.",
		    text_ip(&f->source, ip), text_duration(f->advert_ns, interval), text_duration(since(f->now_ns, f->sent_ns), ago),
		    text_duration(vip->counters->late_max_ns, late));
	if (!vip->lease_none && vip->priority != 255 && f->renew_at_ns != NEVER)
		say(x, "If this daemon died, the kernel would remove the addresses at the end of their lease of %s; the next renewal is in %s.",
		    text_duration(f->lease_ns, interval), text_duration(f->renew_at_ns > f->now_ns ? f->renew_at_ns - f->now_ns : 0, ago));
}

static void say_place(struct explanation *x, const struct vip_view *vip, const struct vip_figures *f)
{
	char left[TEXT_DURATION_SIZE];

	if (!f->ifname)
		say(x, "It is on %s, which has no interface that could carry it now.", vip->on);
	else if (vip->state != VIP_ACTIVE && vip->state != VIP_LEAVING && !f->taking)
		say(x, "Its addresses would be on %s, which has %slink.", f->ifname, f->link ? "" : "no ");
	else if (f->missing)
		say(x, "%u of its addresses (%u) are not on %s.", f->missing, vip->n_addresses, f->ifname);
	else
		say(x, "Its addresses (%u) are on %s, which has %slink.", vip->n_addresses, f->ifname, f->link ? "" : "no ");
	if (f->ifname && f->source.family == FAMILY_NONE && vip->protocol == PROTOCOL_VRRP)
		say(x, "That interface has no address to send adverts from.");
	if (vip->state == VIP_LEAVING && f->leave_at_ns != NEVER)
		say(x, "It answers until another node has announced itself, for at most %s more.",
		    text_duration(f->leave_at_ns > f->now_ns ? f->leave_at_ns - f->now_ns : 0, left));
	if (f->retry_at_ns != NEVER)
		say(x, "It stands again in %s.", text_duration(f->retry_at_ns > f->now_ns ? f->retry_at_ns - f->now_ns : 0, left));
}

/* "passed" for how long, and what it said last. */
static void say_check(struct explanation *x, unsigned i)
{
	char age[TEXT_DURATION_SIZE], last[TEXT_DURATION_SIZE];
	const char *output = runner_output(x->engine->runner, i);
	uint64_t now_ns = clock_boot();
	struct check_view check;

	core_check(x->engine->core, i, &check);
	text_duration(since(now_ns, check.since_ns), age);
	text_duration(since(now_ns, check.heard_ns), last);
	say(x, "The check %s has been %s for %s; %s%s%s%s%s.", check.name, check_state_name(check.state), age,
	    check.heard_ns ? "its last run ended " : "no run of it has ended", check.heard_ns ? last : "",
	    check.heard_ns ? " ago" : "", check.heard_ns && output[0] ? " and said: " : "", check.heard_ns ? output : "");
	if (check.in_a_row)
		say(x, "%u in a row said the other thing; %u make it so.", check.in_a_row, check.needed);
	if (check.silent)
		say(x, "It should have had a result for long; until it has one, it stays what it is.");
}

/* What it rests on, each with what its absence does. */
static void say_tracks(struct explanation *x, unsigned v, const struct vip_view *vip)
{
	for (unsigned i = 0; i < vip->n_tracks; i++) {
		struct track_view track;
		char why[SENTENCE_SIZE];
		core_track(x->engine->core, v, i, &track);
		sentence_of_reason(&track.reason, why);
		if (track.reason.code == REASON_NONE && track.lower)
			say(x, track.check >= 0 ? "%s does not fail; else the priority would be lower by %u." : "%s is there; without it the priority would be lower by %u.", track.name, track.lower);
		else if (track.reason.code == REASON_NONE)
			say(x, track.check >= 0 ? "It requires %s, which passes." : "It requires %s, which is there.", track.name);
		else if (track.lower)
			say(x, track.check >= 0 ? "%s lowers the priority by %u: %s." : "%s is not there, which lowers the priority by %u: %s.", track.name, track.lower, why);
		else
			say(x, track.check >= 0 ? "It requires %s: %s." : "It requires %s, which is not there: %s.", track.name, why);
		if (track.check >= 0)
			say_check(x, (unsigned)track.check);
	}
}

static void say_priority(struct explanation *x, const struct vip_view *vip)
{
	if (vip->effective_priority == vip->priority)
		say(x, "Its priority is %u, as configured.", vip->priority);
	else
		say(x, "Its priority is %u, and not %u as configured.", vip->effective_priority, vip->priority);
	if (vip->group[0])
		say(x, "It is a member of the group %s, whose members move together and have the lowest priority of them all.", vip->group);
	if (core_drained(x->engine->core))
		say(x, "This node is drained: it takes no vip until 'standbyctl undrain'.");
	if (vip->removed)
		say(x, "It is no longer configured.");
}

static void vip_figures_json(struct explanation *x, const struct vip_view *vip, const struct vip_figures *f)
{
	char ip[TEXT_IP_SIZE];

	json_object_set_new(x->figures, "priority", json_integer(vip->priority));
	json_object_set_new(x->figures, "effective_priority", json_integer(vip->effective_priority));
	figure_ms(x, "advert_ms", f->advert_ns);
	figure_ms(x, "interval_ms", f->interval_ns);
	figure_ms(x, "skew_ms", f->skew_ns);
	figure_ms(x, "down_ms", vip->down_ns);
	figure_ms(x, "lease_ms", f->lease_ns);
	json_object_set_new(x->figures, "missing_addresses", json_integer(f->missing));
	if (f->down_at_ns != NEVER)
		figure_ms(x, "takes_over_in_ms", f->down_at_ns > f->now_ns ? f->down_at_ns - f->now_ns : 0);
	if (f->sent_ns)
		figure_ms(x, "last_sent_ms", since(f->now_ns, f->sent_ns));
	if (!vip->heard_ns || vip->protocol == PROTOCOL_HEARTBEAT)
		return;
	figure_ms(x, "last_heard_ms", since(f->now_ns, vip->heard_ns));
	json_object_set_new(x->figures, "heard_source", json_string(text_ip(&f->heard_source, ip)));
	json_object_set_new(x->figures, "heard_priority", json_integer(f->heard_priority));
}

static void explain_vip(struct explanation *x, unsigned i, const struct vip_view *vip)
{
	const struct object object = { .type = OBJECT_VIP, .index = (uint16_t)i };
	struct vip_figures figures;

	core_vip_figures(x->engine->core, i, &figures);
	figures.now_ns = clock_boot();
	say_state(x, vip->name, vip_state_name(vip->state), vip->since_ns, &vip->reason);
	say_active(x, vip, &figures);
	if (vip->protocol == PROTOCOL_HEARTBEAT) {
		say_claims(x, i);
		say_paths(x);
	} else {
		say_who(x, vip, &figures);
		say_down(x, vip, &figures);
	}
	say_priority(x, vip);
	say_tracks(x, i, vip);
	say_place(x, vip, &figures);
	explain_pending(x, &object);
	vip_figures_json(x, vip, &figures);
}

/* ---- bonds and ports ---------------------------------------------------------------------------------------------- */

static const struct config_bond *config_of(const struct engine *e, const char *name)
{
	for (unsigned i = 0; i < e->config->n_bonds; i++) {
		if (strcmp(e->config->bonds[i].name, name) == 0)
			return &e->config->bonds[i];
	}
	return NULL;
}

/* Whether that port is the preferred one. */
static bool is_preferred(const struct config_bond *cfg, const struct port_view *port)
{
	if (cfg->prefer >= 0)
		return strcmp(cfg->ports[cfg->prefer].spec, port->spec) == 0;
	return cfg->prefer_name[0] && strcmp(cfg->prefer_name, port->name) == 0;
}

static const char *failback_word(enum failback failback)
{
	switch (failback) {
	case FAILBACK_NEVER:
		return "never";
	case FAILBACK_BETTER:
		return "better";
	case FAILBACK_ALWAYS:
		return "always";
	}
	return "";
}

/* Why a port that could be used is not: the reasons in the order in which the choice is made. */
static void say_passed_over(struct explanation *x, const struct config_bond *cfg, const struct port_view *port, int i,
			    const struct port_view *active, int at)
{
	if (active->manual)
		say(x, "%s could be used; a person chose %s, which keeps the traffic until it fails.", port->name, active->name);
	else if (is_preferred(cfg, active))
		say(x, "%s could be used; %s is the preferred one.", port->name, active->name);
	else if (is_preferred(cfg, port) && cfg->failback == FAILBACK_NEVER)
		say(x, "%s could be used and is preferred; %s keeps the traffic until it fails, since failback is never.", port->name,
		    active->name);
	else if (is_preferred(cfg, port))
		say(x, "%s could be used and is preferred; the change to it is on its way, or its probes have still to be answered.",
		    port->name);
	else if (i > at)
		say(x, "%s could be used; %s comes before it in the list of ports.", port->name, active->name);
	else
		say(x, "%s could be used and comes first in the list; %s keeps the traffic until it fails, since failback is %s.", port->name,
		    active->name, failback_word(cfg->failback));
}

static void say_probes(struct explanation *x, unsigned b, unsigned p, const struct bond_view *bond, const char *port)
{
	for (unsigned i = 0; i < bond->n_probes; i++) {
		struct probe_view probe;
		char ip[TEXT_IP_SIZE], ago[TEXT_DURATION_SIZE];
		core_probe(x->engine->core, b, p, i, &probe);
		text_ip(&probe.target, ip);
		text_duration(probe.answered_ns ? since(clock_boot(), probe.answered_ns) : 0, ago);
		if (probe.state == PROBE_SILENT)
			say(x, "Through %s the target %s (probe %s) was asked %" PRIu64 " times and never answered, nor through any other port: it decides nothing.",
			    port, ip, probe.name, probe.sent);
		else if (probe.answered_ns)
			say(x, "Through %s the target %s (probe %s) %s, last %s ago.", port, ip, probe.name,
			    probe.state == PROBE_LOST ? "no longer answers" : "answers", ago);
		else
			say(x, "Through %s the target %s (probe %s) has not answered yet.", port, ip, probe.name);
	}
}

static void explain_port(struct explanation *x, unsigned b, unsigned i, const struct bond_view *bond)
{
	const struct config_bond *cfg = config_of(x->engine, bond->name);
	struct port_view port, active;

	core_port(x->engine->core, b, i, &port);
	say_state(x, port.name, port_state_name(port.state), port.since_ns, &port.reason);
	if (cfg && port.state == PORT_STANDBY && bond->active_port >= 0) {
		core_port(x->engine->core, b, (unsigned)bond->active_port, &active);
		say_passed_over(x, cfg, &port, (int)i, &active, bond->active_port);
	}
	if (cfg && port.state == PORT_ACTIVE && !port.manual)
		say(x, is_preferred(cfg, &port) ? "%s is the preferred one of %s." : "%s carries the traffic of %s.", port.name, bond->name);
	if (port.penalty)
		say(x, "%s has a penalty of %u for flapping: 1000 for each loss, halved every 15 s; above 3000 it is left alone until it is below 1500.",
		    port.name, port.penalty);
	if (port.state != PORT_ABSENT && (port.state != PORT_DOWN || port.probes_lost))
		say_probes(x, b, i, bond, port.name);
}

static void say_choice(struct explanation *x, const struct config_bond *cfg)
{
	char hold[TEXT_DURATION_SIZE];
	const char *prefer = cfg->prefer >= 0 ? cfg->ports[cfg->prefer].spec : cfg->prefer_name;

	say(x, "A port is chosen by hand first, then not in hold, not flapping, reaching its targets, preferred (%s), in the order of the list; "
	       "a healthy one is left by failback %s; a returning one waits %s (hold).",
	    prefer[0] ? prefer : "none", failback_word(cfg->failback), text_duration(cfg->hold_ns, hold));
	json_object_set_new(x->figures, "prefer", prefer[0] ? json_string(prefer) : json_null());
	json_object_set_new(x->figures, "failback", json_string(failback_word(cfg->failback)));
	figure_ms(x, "hold_ms", cfg->hold_ns);
}

static void explain_bond(struct explanation *x, unsigned b, const struct bond_view *bond)
{
	const struct object object = { .type = OBJECT_BOND, .index = (uint16_t)b };
	const struct config_bond *cfg = config_of(x->engine, bond->name);

	say_state(x, bond->name, bond_state_name(bond->state), bond->since_ns, &bond->reason);
	if (bond->driver == DRIVER_VLAN)
		say(x, "It is the vlan %u on %s, and as well as that.", bond->vlan_id, bond->link ? bond->link : "nothing");
	else if (bond->failovers)
		say(x, "Its active port changed %" PRIu64 " time%s since the daemon began.", bond->failovers, bond->failovers == 1 ? "" : "s");
	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port_view port;
		core_port(x->engine->core, b, i, &port);
		if (!port.hidden)
			explain_port(x, b, i, bond);
	}
	if (cfg && bond->driver != DRIVER_VLAN)
		say_choice(x, cfg);
	json_object_set_new(x->figures, "failovers", json_integer((json_int_t)bond->failovers));
	explain_pending(x, &object);
}

/* ---- one object --------------------------------------------------------------------------------------------------- */

static bool is_about(const json_t *event, const char *kind, const char *name)
{
	const char *object = json_string_value(json_object_get(event, "object"));
	const char *type = json_string_value(json_object_get(event, "object_type"));

	return object && type && strcmp(object, name) == 0 && (strcmp(type, kind) == 0 || strcmp(kind, "vlan") == 0);
}

/* The last of the journal that are about it, oldest first. */
static json_t *events_json(const struct engine *e, const char *kind, const char *name)
{
	json_t *events = json_array(), *event;
	uint64_t seq = 0;

	for (; (event = journal_entry(e->journal, &seq)) != NULL; seq++) {
		if (!is_about(event, kind, name)) {
			json_decref(event);
			continue;
		}
		if (json_array_size(events) == EVENTS_SHOWN)
			json_array_remove(events, 0);
		json_array_append_new(events, event);
	}
	return events;
}

static struct explanation begin(const struct engine *e)
{
	return (struct explanation){ .engine = e, .sentences = json_array(), .figures = json_object(), .pending = json_array() };
}

/* Takes what x has. */
static json_t *end(struct explanation *x, const char *kind, const char *name, const char *state, const struct reason *reason,
		   uint64_t since_ns, json_t *warnings)
{
	char time[TEXT_TIME_SIZE], why[SENTENCE_SIZE];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:o}", "kind", kind, "name", name, "state", state,
			 "reason_code", reason_code_name(reason->code), "reason", sentence_of_reason(reason, why), "since",
			 since_ns ? text_time(clock_wall(since_ns), time) : NULL, "sentences", x->sentences, "figures", x->figures, "pending",
			 x->pending, "warnings", warnings, "events", events_json(x->engine, kind, name));
}

static void add_vips(struct engine *e, const char *name, json_t *list)
{
	for (unsigned i = 0; i < core_n_vips(e->core); i++) {
		struct vip_view vip;
		struct explanation x;
		json_t *warnings;
		core_vip(e->core, i, &vip);
		if (strcmp(vip.name, name) != 0 || (vip.removed && vip.state == VIP_INIT))
			continue;
		x = begin(e);
		warnings = json_array();
		explain_vip(&x, i, &vip);
		status_warn_of_vip(warnings, e->core, i);
		json_array_append_new(list, end(&x, "vip", vip.name, vip_state_name(vip.state), &vip.reason, vip.since_ns, warnings));
	}
}

/* A port by its device, or by its entry of the list. */
static void add_ports(struct engine *e, unsigned b, const struct bond_view *bond, const char *name, json_t *list)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		struct port_view port;
		struct explanation x;
		core_port(e->core, b, i, &port);
		if (port.hidden || (strcmp(port.name, name) != 0 && strcmp(port.spec, name) != 0))
			continue;
		x = begin(e);
		explain_port(&x, b, i, bond);
		say(&x, "It is a port of %s, which is %s.", bond->name, bond_state_name(bond->state));
		json_object_set_new(x.figures, "penalty", json_integer(port.penalty));
		json_array_append_new(list, end(&x, "port", port.name, port_state_name(port.state), &port.reason, port.since_ns, json_array()));
	}
}

static void add_bonds(struct engine *e, const char *name, json_t *list)
{
	for (unsigned i = 0; i < core_n_bonds(e->core); i++) {
		struct bond_view bond;
		struct explanation x;
		json_t *warnings;
		core_bond(e->core, i, &bond);
		if (bond.removed)
			continue;
		add_ports(e, i, &bond, name, list);
		if (strcmp(bond.name, name) != 0)
			continue;
		x = begin(e);
		warnings = json_array();
		explain_bond(&x, i, &bond);
		status_warn_of_bond(warnings, e->core, i);
		json_array_append_new(list, end(&x, bond.driver == DRIVER_VLAN ? "vlan" : "bond", bond.name, bond_state_name(bond.state),
						&bond.reason, bond.since_ns, warnings));
	}
}

static void add_checks(struct engine *e, const char *name, json_t *list)
{
	for (unsigned i = 0; i < core_n_checks(e->core); i++) {
		struct check_view check;
		struct explanation x;
		core_check(e->core, i, &check);
		if (strcmp(check.name, name) != 0)
			continue;
		x = begin(e);
		say_check(&x, i);
		json_object_set_new(x.figures, "output", json_string(runner_output(e->runner, i)));
		json_array_append_new(list, end(&x, "check", check.name, check_state_name(check.state), &check.reason, check.since_ns,
						json_array()));
	}
}

static void suggest(const struct engine *e, const char *name, char text[EXPLAIN_TEXT_SIZE])
{
	struct suggestion suggestion = { .typed = name };

	for (unsigned i = 0; i < core_n_vips(e->core); i++) {
		struct vip_view vip;
		core_vip(e->core, i, &vip);
		suggest_try(&suggestion, vip.name);
	}
	for (unsigned i = 0; i < core_n_bonds(e->core); i++) {
		struct bond_view bond;
		core_bond(e->core, i, &bond);
		suggest_try(&suggestion, bond.name);
	}
	for (unsigned i = 0; i < core_n_checks(e->core); i++) {
		struct check_view check;
		core_check(e->core, i, &check);
		suggest_try(&suggestion, check.name);
	}
	snprintf(text, EXPLAIN_TEXT_SIZE, "there is no vip, check, bond, vlan or port '%.64s'%s%.64s%s", name,
		 suggestion.word ? "; did you mean '" : "", suggestion.word ? suggestion.word : "", suggestion.word ? "'?" : "");
}

json_t *explain_json(struct engine *e, const char *name, char text[EXPLAIN_TEXT_SIZE])
{
	json_t *list = json_array();

	journal_flush(e->journal, e->core);
	add_vips(e, name, list);
	add_bonds(e, name, list);
	add_checks(e, name, list);
	if (json_array_size(list) > 0)
		return json_pack("{s:i, s:s, s:o}", "schema", STATUS_SCHEMA, "node", e->config->node, "explanations", list);
	json_decref(list);
	suggest(e, name, text);
	return NULL;
}
