/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reload would do, a sentence for each change. */
#include "common/words.h"

/* ---- what a reload would do ---------------------------------------------------------------------------------------
 */

static void say_route(struct words *w, const struct core *core, const struct action *a)
{
	const struct config_route *route = &a->u.route.route;
	struct object object = { .type = OBJECT_ROUTE, .index = a->object.index, .sub = route->prefix };
	bool removes = a->type == ACT_ROUTE_DEL, named = a->object.type == OBJECT_BOND || a->object.type == OBJECT_VIP;
	char subject[WORDS_SUBJECT_SIZE], via[TEXT_IP_SIZE];

	words_add(w, "%s %s",
		  removes	       ? "removes"
		  : a->u.route.replace ? "replaces"
				       : "adds",
		  words_subject(&object, &route->to, subject));
	if (route->via.family != FAMILY_NONE)
		words_add(w, " via %s", text_ip(&route->via, via));
	if (named)
		words_add(w, " %s %s%s", a->object.type == OBJECT_VIP ? "of" : removes ? "from" : "on",
			  a->object.type == OBJECT_VIP ? "vip " : "", core_object_name(core, &a->object));
}

static void say_rule(struct words *w, const struct core *core, const struct action *a)
{
	const struct config_rule *rule = &a->u.rule.rule;
	char ip[TEXT_IP_SIZE];

	words_add(w, "%s the rule", a->type == ACT_RULE_ADD ? "adds" : "removes");
	if (rule->from.family)
		words_add(w, " from %s/%u", text_ip(&rule->from, ip), rule->from_prefix);
	if (rule->to.family)
		words_add(w, " to %s/%u", text_ip(&rule->to, ip), rule->to_prefix);
	words_add(w, " with priority %u, table %u", rule->priority, rule->table);
	if (a->object.type == OBJECT_VIP)
		words_add(w, " of vip %s", core_object_name(core, &a->object));
}

static void say_address(struct words *w, const struct action *a)
{
	const struct action_address *u = &a->u.address;
	char ip[TEXT_IP_SIZE];

	words_add(w, "%s address %s/%u %s %s", a->type == ACT_ADDRESS_ADD ? "adds" : "removes", text_ip(&u->ip, ip),
		  u->prefix, a->type == ACT_ADDRESS_ADD ? "to" : "from", u->ifname);
}

/* The bond or vlan that the action is about, as its core shows it. */
static bool bond_of(const struct core *core, const struct object *object, struct bond_view *view)
{
	if ((object->type != OBJECT_BOND && object->type != OBJECT_PORT) || object->index >= core_n_bonds(core))
		return false;
	core_bond(core, object->index, view);
	return true;
}

static void say_bond_set(struct words *w, const struct action *a)
{
	static const struct {
		enum bond_set set;
		const char *name;
	} names[] = {
		{ BOND_SET_MODE, "mode" },
		{ BOND_SET_MIIMON, "miimon" },
		{ BOND_SET_NO_PRIMARY, "primary" },
		{ BOND_SET_RESELECT, "primary_reselect" },
		{ BOND_SET_FAIL_OVER_MAC, "fail_over_mac" },
	};
	const char *before = " ";

	words_add(w, "sets");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(a->u.link.bond_set & names[i].set))
			continue;
		words_add(w, "%s%s", before, names[i].name);
		before = ", ";
	}
	words_add(w, " of %s", a->u.link.ifname);
}

static void say_wrong(struct words *w, const struct reason *r)
{
	if (r->code == REASON_BOND_DRIVER)
		words_add(w, "it is %s; ", r->arg[0] == DRIVER_TEAM ? "a team" : "a bonding device");
	else if (r->code == REASON_BOND_MODE && r->arg[0] < 0)
		words_add(w, "it is in another mode; ");
	else if (r->code == REASON_BOND_MODE)
		words_add(w, "it is in mode %s; ", words_bond_mode(r->arg[0]));
}

static void say_rebuild(struct words *w, const struct core *core, const struct action *a)
{
	struct bond_view bond;

	words_add(w, "rebuilds %s: ", a->u.link.ifname);
	if (bond_of(core, &a->object, &bond))
		say_wrong(w, &bond.reason);
	words_add(w, "its addresses and routes are put back in the same breath");
}

static void say_vlan(struct words *w, const struct core *core, const struct action *a)
{
	struct bond_view vlan;

	words_add(w, "creates vlan %s, id %u", a->u.link.ifname, a->u.link.vlan_id);
	if (bond_of(core, &a->object, &vlan) && vlan.link)
		words_add(w, " on %s", vlan.link);
}

/* Taken into or released from its bond. */
static void say_port(struct words *w, const struct core *core, const struct action *a, const char *verb,
		     const char *where)
{
	struct bond_view bond;

	words_add(w, "%s %s", verb, a->u.link.ifname);
	if (bond_of(core, &a->object, &bond))
		words_add(w, " %s %s", where, bond.name);
}

static void say_sysctl(struct words *w, const struct action *a)
{
	static const char *const keys[SYSCTL_KEYS] = {
		[SYSCTL_ARP_IGNORE] = "arp_ignore",
		[SYSCTL_ARP_ANNOUNCE] = "arp_announce",
		[SYSCTL_PROMOTE_SECONDARIES] = "promote_secondaries",
	};

	if (!a->u.sysctl.read)
		words_add(w, a->u.sysctl.put_back ? "puts %s of %s back to %d" : "sets %s of %s to %d", keys[a->u.sysctl.key], a->u.sysctl.ifname, a->u.sysctl.value);
}

static void say_listen(struct words *w, const struct action *a)
{
	if (!a->u.listen.probes)
		words_add(w, "%s listening for VRRP on %s", a->type == ACT_LISTEN ? "begins" : "ends",
			  a->u.listen.ifname);
}

static void say_action(struct words *w, const struct core *core, const struct action *a)
{
	const struct action_link *link = &a->u.link;
	char mac[TEXT_MAC_SIZE];

	switch (a->type) {
	case ACT_ADVERT:
		if (a->u.advert.priority == 0)
			words_add(w, "vip %s says goodbye", core_object_name(core, &a->object));
		break;
	case ACT_ADDRESS_ADD:
	case ACT_ADDRESS_DEL:
		say_address(w, a);
		break;
	case ACT_ROUTE_ADD:
	case ACT_ROUTE_DEL:
		say_route(w, core, a);
		break;
	case ACT_RULE_ADD:
	case ACT_RULE_DEL:
		say_rule(w, core, a);
		break;
	case ACT_LINK_UP:
	case ACT_LINK_DOWN:
		words_add(w, "sets %s %s", link->ifname, a->type == ACT_LINK_UP ? "up" : "down");
		break;
	case ACT_BOND_CREATE:
		words_add(w, "creates bond %s, driver %s", link->ifname, bond_driver_name(link->driver));
		break;
	case ACT_BOND_SET:
		say_bond_set(w, a);
		break;
	case ACT_BOND_REBUILD:
		say_rebuild(w, core, a);
		break;
	case ACT_VLAN_CREATE:
		say_vlan(w, core, a);
		break;
	case ACT_ENSLAVE:
		say_port(w, core, a, "takes", "into");
		break;
	case ACT_RELEASE:
		say_port(w, core, a, "releases", "from");
		break;
	case ACT_SET_ACTIVE:
		words_add(w, "switches %s to another port", link->ifname);
		break;
	case ACT_LINK_MTU:
		words_add(w, "sets the MTU of %s to %u", link->ifname, link->mtu);
		break;
	case ACT_LINK_MAC:
		words_add(w, "sets the MAC address of %s to %s", link->ifname, text_mac(link->mac, mac));
		break;
	case ACT_VMAC_CREATE:
		words_add(w, "creates %s with MAC address %s", link->ifname, text_mac(link->mac, mac));
		break;
	case ACT_VMAC_DELETE:
		words_add(w, "deletes %s", link->ifname);
		break;
	case ACT_SYSCTL:
		say_sysctl(w, a);
		break;
	case ACT_LISTEN:
	case ACT_UNLISTEN:
		say_listen(w, a);
		break;
	case ACT_VMAC_SET:
	case ACT_ANNOUNCE:
	case ACT_PROBE:
	case ACT_ADDRESS_RENEW:
	case ACT_LOOK:
	case ACT_RESOLVE:
	case ACT_HEARTBEAT:
	case ACT_SNAPSHOT:
	case ACT_NOTE:
	case ACT_STOPPED:
	case ACT_TYPES:
		break;
	}
}

char *sentence_of_action(const struct core *core, const struct action *action, char out[SENTENCE_SIZE])
{
	struct words w = { .out = out };
	out[0] = '\0';
	say_action(&w, core, action);
	return out;
}
