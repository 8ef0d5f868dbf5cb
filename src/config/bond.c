/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fnmatch.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"
#include "config/suggest.h"

/* Drivers of virtual functions whose MAC address is the host's to give. */
static const char *const vf_drivers[] = { "iavf", "i40evf", "igbvf", "ixgbevf" };

static void take_ports(struct build *build, struct config_bond *bond, const struct object_source *source)
{
	const struct value *ports = &source->values[BOND_PORTS];

	for (unsigned i = 0; i < ports->n_items; i++) {
		struct config_port *port = &bond->ports[bond->n_ports++];
		const struct value *value = &ports->items[i];
		port->match = (enum port_match)value->number;
		if (port->match != MATCH_MAC) {
			strcpy(port->spec, value->text); /* the schema limits both length and number */
			continue;
		}
		memcpy(port->mac, value->mac, MAC_SIZE);
		strcpy(port->spec, "mac:");
		text_mac(port->mac, port->spec + strlen(port->spec));
	}
	for (unsigned i = 0; i < bond->n_ports && bond->mac_policy == MAC_FIXED; i++) {
		for (unsigned j = 0; j < sizeof vf_drivers / sizeof vf_drivers[0]; j++) {
			if (bond->ports[i].match == MATCH_DRIVER &&
			    strcmp(config_port_text(&bond->ports[i]), vf_drivers[j]) == 0)
				diagnostics_error(build->reader->diagnostics, &ports->items[i].place,
						  "'%s' finds SR-IOV virtual functions, which cannot take the fixed 'mac' of %s",
						  bond->ports[i].spec, source->title);
		}
	}
}

/* A device's name may be meant that only a glob or driver: will find. */
static bool may_be_found(const struct config_bond *bond, const char *name)
{
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (bond->ports[i].match == MATCH_DRIVER ||
		    (bond->ports[i].match == MATCH_GLOB && fnmatch(bond->ports[i].spec, name, 0) == 0))
			return true;
	}
	return false;
}

static void take_prefer(struct build *build, struct config_bond *bond, const struct object_source *source)
{
	const struct value *prefer = &source->values[BOND_PREFER];
	struct suggestion near = { .typed = prefer->text };
	bond->prefer = -1;
	if (!prefer->valid || !source->values[BOND_PORTS].valid)
		return;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const struct config_port *port = &bond->ports[i];
		bool same = port->match == MATCH_MAC ? prefer->number == MATCH_MAC && memcmp(port->mac, prefer->mac, MAC_SIZE) == 0
						     : strcmp(port->spec, prefer->text) == 0;
		if (same)
			bond->prefer = (int)i;
		suggest_try(&near, port->spec);
	}
	if (bond->prefer >= 0)
		return;
	if (prefer->number == MATCH_NAME && may_be_found(bond, prefer->text)) {
		strcpy(bond->prefer_name, prefer->text);
		return;
	}
	diagnostics_error(build->reader->diagnostics, &prefer->place,
			  "'prefer' of %s is '%s', which is none of its ports%s%s%s", source->title, prefer->text,
			  near.word ? "; did you mean '" : "", near.word ? near.word : "", near.word ? "'?" : "");
}

static void take_mac(struct build *build, struct config_bond *bond, const struct object_source *source)
{
	const struct value *mac = &source->values[BOND_MAC];

	bond->mac_policy = (enum mac_policy)mac->number;
	if (bond->mac_policy == MAC_FIXED)
		memcpy(bond->mac, mac->mac, MAC_SIZE);
	if (mac->given && mac->valid && bond->driver == DRIVER_MOVE)
		diagnostics_error(build->reader->diagnostics, &mac->place,
				  "%s has no MAC address to set: with 'driver: move' the addresses are on the ports themselves",
				  source->title);
}

static bool has_ipv6(const struct value *addresses)
{
	for (unsigned i = 0; i < addresses->n_items; i++)
		if (addresses->items[i].address.ip.family == FAMILY_6)
			return true;
	return false;
}

/* RFC 8200 §5: no link below 1280 carries IPv6; the kernel takes the addresses off. */
static void check_mtu(struct build *build, const struct value *mtu, const struct value *addresses, const char *title)
{
	if (mtu->valid && mtu->number < 1280 && has_ipv6(addresses))
		diagnostics_error(build->reader->diagnostics, &mtu->place,
				  "'mtu' of %s must be at least 1280 because it has IPv6 addresses", title);
}

void build_bond(struct build *build, unsigned index)
{
	struct config *config = build->config;
	struct config_bond *bond = &config->bonds[index];
	const struct object_source *source = &build->bonds[index];
	const struct value *values = source->values;

	strcpy(bond->name, source->name->text);
	bond->link = -1;
	bond->driver = (enum bond_driver)values[BOND_DRIVER].number;
	bond->failback = (enum failback)values[BOND_FAILBACK].number;
	bond->hold_ns = values[BOND_HOLD].number;
	bond->no_damping = values[BOND_DAMPING].valid && !values[BOND_DAMPING].number;
	bond->mtu = (uint32_t)values[BOND_MTU].number;
	take_mac(build, bond, source);
	take_ports(build, bond, source);
	take_prefer(build, bond, source);
	check_mtu(build, &values[BOND_MTU], &values[BOND_ADDRESSES], source->title);
	build_belongings(build, bond, &values[BOND_ADDRESSES], &values[BOND_ROUTES], source->title);
}

/* ---- vlans ---- */

static void take_link(struct build *build, struct config_bond *vlan, const struct object_source *source)
{
	const struct value *link = &source->values[VLAN_LINK];
	struct suggestion near = { .typed = link->text };
	const struct config_bond *bond = NULL;

	for (unsigned i = 0; link->valid && i < build->n_bonds; i++) {
		suggest_try(&near, build->config->bonds[i].name);
		if (strcmp(build->config->bonds[i].name, link->text) != 0)
			continue;
		vlan->link = (int)i;
		bond = &build->config->bonds[i];
	}
	if (!link->valid)
		return;
	if (!bond)
		diagnostics_error(build->reader->diagnostics, &link->place, "'link' of %s is '%s', which is no bond%s%s%s",
				  source->title, link->text, near.word ? "; did you mean '" : "", near.word ? near.word : "",
				  near.word ? "'?" : "");
	else if (bond->driver == DRIVER_MOVE)
		diagnostics_error(build->reader->diagnostics, &link->place,
				  "%s cannot be on bond '%s': with 'driver: move' it has no device of its own", source->title,
				  bond->name);
	else if (vlan->mtu && bond->mtu && vlan->mtu > bond->mtu)
		diagnostics_error(build->reader->diagnostics, &source->values[VLAN_MTU].place,
				  "'mtu' of %s is %u, larger than the %u of bond '%s' that carries it", source->title, vlan->mtu,
				  bond->mtu, bond->name);
}

void build_vlan(struct build *build, unsigned index)
{
	struct config_bond *vlan = &build->config->bonds[index];
	const struct object_source *source = &build->bonds[index];
	const struct value *values = source->values;

	strcpy(vlan->name, source->name->text);
	vlan->driver = DRIVER_VLAN;
	vlan->link = vlan->prefer = -1;
	vlan->vlan_id = (uint16_t)values[VLAN_ID].number;
	vlan->mtu = (uint32_t)values[VLAN_MTU].number;
	take_link(build, vlan, source);
	check_mtu(build, &values[VLAN_MTU], &values[VLAN_ADDRESSES], source->title);
	build_belongings(build, vlan, &values[VLAN_ADDRESSES], &values[VLAN_ROUTES], source->title);
}
