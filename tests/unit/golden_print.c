/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One action as one line that a person can compare with the manual. */
#include <inttypes.h>

#include "common/text.h"
#include "core/hook.h"
#include "core/trace.h"
#include "golden.h"

static void print_note(struct golden *g, const struct action *a)
{
	const struct note *n = &a->u.note;
	const char *name = core_object_name(g->core, &a->object);
	char ip[TRACE_IP_SIZE], mac[TEXT_MAC_SIZE];

	if (n->code != NOTE_STATE) {
		fprintf(g->out, "note %s %s", name, note_code_name(n->code));
		if (n->code == NOTE_CONFLICT)
			fprintf(g->out, " %s", text_mac(n->mac, mac));
		if (n->reason.code != REASON_NONE)
			fprintf(g->out, " %s", reason_code_name(n->reason.code));
	} else if (a->object.type == OBJECT_VIP) {
		fprintf(g->out, "%s: %s -> %s, %s", name, vip_state_name(n->previous), vip_state_name(n->state),
			reason_code_name(n->reason.code));
	} else if (a->object.type == OBJECT_BOND) {
		fprintf(g->out, "%s: %s -> %s, %s", name, bond_state_name(n->previous), bond_state_name(n->state),
			reason_code_name(n->reason.code));
	} else if (a->object.type == OBJECT_PEER) {
		fprintf(g->out, "%s: %s -> %s, %s", name, node_state_name(n->previous), node_state_name(n->state),
			reason_code_name(n->reason.code));
	} else if (a->object.type == OBJECT_PATH) {
		struct path_view path;
		core_node_path(g->core, a->object.index, a->object.sub, &path);
		fprintf(g->out, "%s/%s: %s -> %s, %s", name, path.name, path_state_name(n->previous), path_state_name(n->state),
			reason_code_name(n->reason.code));
	} else if (a->object.type == OBJECT_CHECK) {
		fprintf(g->out, "%s: %s -> %s, %s", name, check_state_name(n->previous), check_state_name(n->state),
			reason_code_name(n->reason.code));
	} else {
		fprintf(g->out, "%s: %s -> %s, %s", name, port_state_name(n->previous), port_state_name(n->state),
			reason_code_name(n->reason.code));
	}
	if (n->reason.code == REASON_GROUP_MEMBER || n->reason.code == REASON_REQUIRED)
		fprintf(g->out, " %s", reason_code_name((enum reason_code)n->reason.arg[0]));
	else if (n->reason.arg[0] || n->reason.arg[1])
		fprintf(g->out, " %" PRId64, n->reason.arg[0]);
	if (n->code == NOTE_REFUSED)
		fprintf(g->out, " %s", action_type_name((enum action_type)n->reason.arg[1]));
	else if (n->reason.arg[1])
		fprintf(g->out, " %" PRId64, n->reason.arg[1]);
	if (n->reason.name[0])
		fprintf(g->out, " %s", n->reason.name);
	if (n->reason.ip.family)
		fprintf(g->out, " %s", trace_ip(&n->reason.ip, ip));
}

void golden_print_hooks(struct golden *g, const struct action *a)
{
	struct hook_change change;
	unsigned cursor = 0;
	int i;

	if (!hook_change(g->core, a, &change))
		return;
	while ((i = hook_next(g->config, &change, &cursor)) >= 0)
		fprintf(g->out, "> %.3f hook %s for %s:%s %s, it was %s\n", (double)(g->now - g->start) / 1e6, g->config->hooks[i].name,
			hook_object_name(change.object), change.name, change.word, change.previous[0] ? change.previous : "nothing");
}

static void print_address(struct golden *g, const struct action *a)
{
	char ip[TRACE_IP_SIZE];

	fprintf(g->out, "%s %s %s/%u", action_type_name(a->type), golden_link_name(g, a->u.address.ifindex),
		trace_ip(&a->u.address.ip, ip), a->u.address.prefix);
	if (a->type != ACT_ADDRESS_DEL && a->u.address.lifetime_s != UINT32_MAX)
		fprintf(g->out, " for %us", a->u.address.lifetime_s);
	if (a->type == ACT_ADDRESS_ADD && a->u.address.nodad && a->u.address.ip.family == FAMILY_6)
		fprintf(g->out, " nodad");
}

static void print_route(struct golden *g, const struct action *a)
{
	const struct config_route *r = &a->u.route.route;
	char to[TRACE_IP_SIZE], via[TRACE_IP_SIZE];

	fprintf(g->out, "%s %s %s/%u via %s", action_type_name(a->type), golden_link_name(g, a->u.route.ifindex),
		trace_ip(&r->to, to), r->prefix, trace_ip(&r->via, via));
	if (r->metric)
		fprintf(g->out, " metric %u", r->metric);
	if (r->table)
		fprintf(g->out, " table %u", r->table);
	if (a->u.route.replace)
		fprintf(g->out, " replace");
}

static void print_rule(struct golden *g, const struct action *a)
{
	const struct config_rule *r = &a->u.rule.rule;
	char ip[TRACE_IP_SIZE];

	fprintf(g->out, "%s %u", action_type_name(a->type), r->priority);
	if (r->from.family)
		fprintf(g->out, " from %s/%u", trace_ip(&r->from, ip), r->from_prefix);
	if (r->to.family)
		fprintf(g->out, " to %s/%u", trace_ip(&r->to, ip), r->to_prefix);
	fprintf(g->out, " table %u", r->table);
	if (r->mark)
		fprintf(g->out, " mark %u", r->mark);
}

static void print_mac_of(struct golden *g, const struct action *a)
{
	static const uint8_t none[MAC_SIZE];
	char mac[TEXT_MAC_SIZE];

	if (memcmp(a->u.link.mac, none, MAC_SIZE) != 0)
		fprintf(g->out, " mac %s", text_mac(a->u.link.mac, mac));
}

static void print_link(struct golden *g, const struct action *a)
{
	fprintf(g->out, "%s %s", action_type_name(a->type), a->u.link.ifname);
	if (a->type == ACT_ENSLAVE)
		fprintf(g->out, " to %s", golden_link_name(g, a->u.link.master));
	if (a->type == ACT_SET_ACTIVE)
		fprintf(g->out, " %s", golden_link_name(g, a->u.link.port));
	if (a->type == ACT_RELEASE)
		fprintf(g->out, " from %s", golden_link_name(g, a->u.link.master));
	if (a->type == ACT_VLAN_CREATE)
		fprintf(g->out, " id %u on %s", a->u.link.vlan_id, golden_link_name(g, a->u.link.master));
	if (a->type == ACT_VMAC_CREATE)
		fprintf(g->out, " on %s", golden_link_name(g, a->u.link.master));
	if (a->u.link.mtu)
		fprintf(g->out, " mtu %u", a->u.link.mtu);
	if (a->u.link.fail_over_mac && a->type != ACT_BOND_SET)
		fprintf(g->out, " fail-over-mac %u", a->u.link.fail_over_mac);
	print_mac_of(g, a);
	for (unsigned i = 0; i < a->u.link.n_ports; i++)
		fprintf(g->out, " %s", golden_link_name(g, a->u.link.ports[i]));
	if (a->type == ACT_BOND_SET)
		fprintf(g->out, "%s%s%s%s%s", a->u.link.bond_set & BOND_SET_MODE ? " mode" : "",
			a->u.link.bond_set & BOND_SET_MIIMON ? " miimon" : "",
			a->u.link.bond_set & BOND_SET_NO_PRIMARY ? " no-primary" : "",
			a->u.link.bond_set & BOND_SET_RESELECT ? " reselect" : "",
			a->u.link.bond_set & BOND_SET_FAIL_OVER_MAC ? " fail-over-mac" : "");
}

static void print_probe(struct golden *g, const struct action_probe *probe)
{
	char ip[TRACE_IP_SIZE], mac[TEXT_MAC_SIZE];

	fprintf(g->out, "probe %s %s %s", golden_link_name(g, probe->ifindex), probe->kind == PROBE_ARP ? "arp" : "ns",
		trace_ip(&probe->target, ip));
	if (probe->vlan)
		fprintf(g->out, " vlan %u", probe->vlan);
	fprintf(g->out, " as %s %s", text_mac(probe->mac, mac), trace_ip(&probe->source, ip));
}

/* Of a virtual router; an interface's own is not worth a word. */
static void print_virtual_mac(struct golden *g, const uint8_t mac[MAC_SIZE])
{
	static const uint8_t prefix[] = { 0x00, 0x00, 0x5e, 0x00 };
	char text[TEXT_MAC_SIZE];

	if (memcmp(mac, prefix, sizeof prefix) == 0)
		fprintf(g->out, " as %s", text_mac(mac, text));
}

static void print_sysctl(struct golden *g, const struct action_sysctl *s)
{
	static const char *const keys[] = { [SYSCTL_ARP_IGNORE] = "arp_ignore", [SYSCTL_ARP_ANNOUNCE] = "arp_announce",
					    [SYSCTL_PROMOTE_SECONDARIES] = "promote_secondaries" };

	fprintf(g->out, "sysctl %s %s", s->ifname, keys[s->key]);
	if (s->read)
		fputs(" ?", g->out);
	else
		fprintf(g->out, s->put_back ? " back to %d" : " %d", s->value);
}

static const char *claimed_name(const struct golden *g, uint64_t id)
{
	for (unsigned i = 0; i < core_n_vips(g->core); i++) {
		static struct vip_view vip;
		core_vip(g->core, i, &vip);
		if (heartbeat_id(vip.name) == id)
			return vip.name;
	}
	return "?";
}

static void print_claims(struct golden *g, const struct action_heartbeat *heartbeat)
{
	for (unsigned i = 0; i < heartbeat->n_claims; i++) {
		const struct heartbeat_claim *c = &heartbeat->claims[i];
		fprintf(g->out, "%s%s:%s%s%s:%s:health=%u:priority=%u", i ? " " : " claims ", claimed_name(g, c->vip),
			vip_state_name((enum vip_state)c->state), c->able ? "" : ":unable", c->vrrp ? ":vrrp" : "", lan_verdict_name((enum lan_verdict)c->verdict),
			c->health, c->priority);
	}
}

static void print_heartbeat(struct golden *g, const struct action *a)
{
	const struct heartbeat *m = a->u.heartbeat.message;
	char ip[TRACE_IP_SIZE];

	fprintf(g->out, "heartbeat %s %s to %s", core_object_name(g->core, &a->object), m->path, trace_ip(&a->u.heartbeat.to, ip));
	if (m->to)
		fprintf(g->out, " started %" PRIu64, m->to);
	for (unsigned i = 0; i < m->n_heard; i++)
		fprintf(g->out, "%s%" PRIu64, i ? " " : " heard ", m->heard[i].sequence);
	if (m->goodbye)
		fprintf(g->out, " goodbye");
	print_claims(g, &a->u.heartbeat);
}

static void print_action(struct golden *g, const struct action *a)
{
	char ip[TRACE_IP_SIZE];

	switch (a->type) {
	case ACT_ADVERT:
		fprintf(g->out, "advert %s vrid %u priority %u interval %ucs from %s",
			golden_link_name(g, a->u.advert.ifindex), a->u.advert.vrid, a->u.advert.priority,
			a->u.advert.interval_cs, trace_ip(&a->u.advert.source, ip));
		for (unsigned i = 0; i < a->u.advert.n_peers; i++)
			fprintf(g->out, "%s%s", i ? " " : " to ", trace_ip(&a->u.advert.peers[i], ip));
		if (a->u.advert.version == 2)
			fprintf(g->out, " version 2%s%.8s", a->u.advert.has_auth ? " auth " : "",
				(const char *)a->u.advert.auth);
		if (a->u.advert.checksum == VRRP_CHECKSUM_RFC9568)
			fprintf(g->out, " rfc9568");
		print_virtual_mac(g, a->u.advert.mac);
		break;
	case ACT_ANNOUNCE:
		fprintf(g->out, "announce %s %s", golden_link_name(g, a->u.announce.ifindex),
			trace_ip(&a->u.announce.ip, ip));
		print_virtual_mac(g, a->u.announce.mac);
		break;
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_RENEW:
	case ACT_ADDRESS_DEL:
		print_address(g, a);
		break;
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		print_route(g, a);
		break;
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
		print_rule(g, a);
		break;
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
	case ACT_BOND_CREATE:
	case ACT_BOND_SET:
	case ACT_BOND_REBUILD:
	case ACT_VLAN_CREATE:
	case ACT_VMAC_CREATE:
	case ACT_VMAC_SET:
	case ACT_VMAC_DELETE:
	case ACT_ENSLAVE:
	case ACT_RELEASE:
	case ACT_LINK_MTU:
	case ACT_LINK_MAC:
	case ACT_SET_ACTIVE:
		print_link(g, a);
		break;
	case ACT_SYSCTL:
		print_sysctl(g, &a->u.sysctl);
		break;
	case ACT_LISTEN:
	case ACT_UNLISTEN:
		if (a->u.listen.probes)
			fprintf(g->out, "%s %s probes", action_type_name(a->type), a->u.listen.ifname);
		else
			fprintf(g->out, "%s %s ipv%u%s", action_type_name(a->type), a->u.listen.ifname, a->u.listen.family,
				a->u.listen.unicast ? " unicast" : "");
		break;
	case ACT_NOTE:
		print_note(g, a);
		break;
	case ACT_PROBE:
		print_probe(g, &a->u.probe);
		break;
	case ACT_LOOK:
		fprintf(g->out, "look %s", a->u.look.ifname);
		break;
	case ACT_HEARTBEAT:
		print_heartbeat(g, a);
		break;
	case ACT_RESOLVE:
		fprintf(g->out, "resolve %d", a->u.resolve.ifindex);
		break;
	case ACT_SNAPSHOT:
	case ACT_STOPPED:
	case ACT_TYPES:
		fprintf(g->out, "%s", action_type_name(a->type));
		break;
	}
}

void golden_print(struct golden *g, const struct action *a)
{
	uint64_t us = (g->now - g->start) / 1000;

	if (g->hidden[a->type])
		return;
	fprintf(g->out, "> %" PRIu64 ".%03" PRIu64 " ", us / 1000, us % 1000);
	print_action(g, a);
	fputc('\n', g->out);
}
