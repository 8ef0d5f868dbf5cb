/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes: what is asked, from where, behind which vlan. Read when all bonds and vlans are there. */
#include <string.h>

#include "common/text.h"
#include "config/build.h"

bool build_is_in_network(const struct ip *ip, const struct config_address *network)
{
	unsigned bytes = network->prefix / 8, bits = network->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	return ip->family == network->ip.family && memcmp(ip->bytes, network->ip.bytes, bytes) == 0 &&
	       (!bits || ((ip->bytes[bytes] ^ network->ip.bytes[bytes]) & mask) == 0);
}

/* The bond's or vlan's own address in the target's network; NULL: it has none there. */
static const struct ip *source_of(const struct config *config, const struct config_bond *bond, const struct ip *target)
{
	for (unsigned i = 0; i < bond->n_addresses; i++) {
		const struct config_address *address = &config->addresses[bond->first_address + i];
		if (build_is_in_network(target, address))
			return &address->ip;
	}
	return NULL;
}

/* The addresses tell where a target is: on the bond itself, or on a vlan of it. */
static void find_target(const struct config *config, unsigned index, int vlan, struct config_target *target)
{
	const struct ip *source = vlan < 0 ? source_of(config, &config->bonds[index], &target->ip) : NULL;

	for (unsigned i = 0; !source && i < config->n_bonds; i++) {
		const struct config_bond *other = &config->bonds[i];
		if (other->driver != DRIVER_VLAN || other->link != (int)index || (vlan >= 0 && vlan != (int)i))
			continue;
		source = source_of(config, other, &target->ip);
		if (source || vlan == (int)i)
			target->vlan = other->vlan_id;
	}
	if (source)
		target->source = *source;
}

bool build_is_far(const struct config *config, const struct config_bond *bond, const struct ip *ip)
{
	bool has_any = false;

	if (ip_is_link_local(ip))
		return false;
	for (unsigned i = 0; i < bond->n_addresses; i++)
		has_any |= config->addresses[bond->first_address + i].ip.family == ip->family;
	return has_any && !source_of(config, bond, ip);
}

static bool is_own(const struct config *config, const struct ip *ip)
{
	for (unsigned i = 0; i < config->n_bonds; i++)
		for (unsigned j = 0; j < config->bonds[i].n_addresses; j++)
			if (ip_equal(&config->addresses[config->bonds[i].first_address + j].ip, ip))
				return true;
	return false;
}

static bool check_target(struct build *build, const struct config_probe *probe, const struct value *target, const char *title)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const struct ip *ip = &target->address.ip;

	if (ip->family != (probe->kind == PROBE_ARP ? FAMILY_4 : FAMILY_6)) {
		diagnostics_error(diagnostics, &target->place, "%s is of kind %s, which cannot ask for the IPv%d address %s; use %s",
				  title, probe->kind == PROBE_ARP ? "arp" : "ns", (int)ip->family, target->text,
				  probe->kind == PROBE_ARP ? "ns" : "arp");
		return false;
	}
	if (is_own(build->config, ip)) {
		diagnostics_error(diagnostics, &target->place, "target %s of %s is an address of this node itself", target->text,
				  title);
		return false;
	}
	for (unsigned i = 0; i < probe->n_targets; i++) {
		if (!ip_equal(&probe->targets[i].ip, ip))
			continue;
		diagnostics_error(diagnostics, &target->place, "target %s is given twice in %s", target->text, title);
		return false;
	}
	return true;
}

/* The vlan that a probe names; -1: none. */
static int named_vlan(struct build *build, unsigned index, const struct value *name, const char *title)
{
	const struct config *config = build->config;

	for (unsigned i = 0; name->valid && i < config->n_bonds; i++) {
		const struct config_bond *vlan = &config->bonds[i];
		if (vlan->driver == DRIVER_VLAN && vlan->link == (int)index && strcmp(vlan->name, name->text) == 0)
			return (int)i;
	}
	if (name->valid)
		diagnostics_error(build->reader->diagnostics, &name->place, "'vlan' of %s is '%s', which is no vlan on %s", title,
				  name->text, build->bonds[index].title);
	return -1;
}

static void take_probe(struct build *build, unsigned index, const struct value *value)
{
	struct config *config = build->config;
	struct config_probe *probe = &config->probes[config->n_probes++];
	const struct value *targets = &value->items[PROBE_KEY_TARGETS];
	const char *title = arena_format(build->reader->arena, "probe '%s' of %s", value->text, build->bonds[index].title);
	int vlan = named_vlan(build, index, &value->items[PROBE_KEY_VLAN], title);

	strcpy(probe->name, value->text);
	probe->kind = (enum probe_kind)value->items[PROBE_KEY_KIND].number;
	probe->all = value->items[PROBE_KEY_NEED].number;
	probe->interval_ns = value->items[PROBE_KEY_INTERVAL].number;
	probe->lost = (unsigned)value->items[PROBE_KEY_LOST].number;
	for (unsigned i = 0; value->items[PROBE_KEY_KIND].valid && i < targets->n_items; i++) {
		if (!check_target(build, probe, &targets->items[i], title))
			continue;
		struct config_target *target = &probe->targets[probe->n_targets++];
		target->ip = targets->items[i].address.ip;
		find_target(config, index, vlan, target);
		if (target->source.family == FAMILY_NONE && !target->vlan && build_is_far(config, &config->bonds[index], &target->ip))
			diagnostics_warning(build->reader->diagnostics, &targets->items[i].place,
					    "target %s of %s is in no network of the bond's addresses, and only neighbours answer",
					    targets->items[i].text, title);
	}
}

void build_probes(struct build *build, unsigned index)
{
	struct config_bond *bond = &build->config->bonds[index];
	const struct value *probes = &build->bonds[index].values[BOND_PROBES];

	bond->first_probe = build->config->n_probes;
	for (unsigned i = 0; i < probes->n_items; i++)
		take_probe(build, index, &probes->items[i]);
	bond->n_probes = build->config->n_probes - bond->first_probe;
}
