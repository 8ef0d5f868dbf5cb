/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for the links of a bond: its device, the vlan on another, the ports, which of them is active, and the sockets that
 * hear what the probes are answered. One change of a link at a time. */
#include "core/plan.h"

static const uint8_t no_mac[MAC_SIZE];

static struct object port_object(const struct core *core, const struct bond *bond, const struct port *port)
{
	return (struct object){ .type = OBJECT_PORT,
				.index = (uint16_t)(bond - core->bonds),
				.sub = (uint16_t)(port - bond->ports) };
}

static void emit_link(struct core *core, struct out *out, struct change *change, enum action_type type, struct object object,
		      const struct iface *iface, struct action_link link)
{
	struct action *action = plan_emit_change(core, out, change, type, object);

	if (!action)
		return;
	change->target = type == ACT_ENSLAVE	? link.master
			 : type == ACT_LINK_MTU ? (int)link.mtu
			 : type == ACT_LINK_MAC ? model_mac_target(link.mac)
						: link.port;
	action->u.link = link;
	action->u.link.ifindex = iface->ifindex;
	memcpy(action->u.link.ifname, iface->name, IFNAME_SIZE);
	if (object.type == OBJECT_BOND || object.type == OBJECT_PORT)
		action->u.link.driver = core->bonds[object.index].cfg.driver;
}

static bool is_member(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return iface->ifindex && iface->master && iface->master == core->ifaces[bond->iface].ifindex;
}

/* Whether there is any port in it, be it none of ours. */
static bool has_ports(const struct core *core, const struct bond *bond)
{
	if (core->ifaces[bond->iface].other_ports)
		return true;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (is_member(core, bond, &bond->ports[i]))
			return true;
	}
	return false;
}

/* ---- what the device should be ------------------------------------------------------------------------------------ */

/* A virtual function takes no other MAC than its own (drivers refuse it): with one among the ports the bond has the MAC of
 * the active port. One that is in the bond already has shown that it can. */
static bool needs_fail_over_mac(const struct core *core, const struct bond *bond)
{
	for (unsigned i = 0; i < bond->n_ports && bond->cfg.mac_policy != MAC_FIXED; i++) {
		const struct iface *iface = port_iface(core, &bond->ports[i]);
		if (iface->ifindex && iface->vf && !is_member(core, bond, &bond->ports[i]))
			return true;
	}
	return false;
}

/* Of the machine's id, the node's name and the bond's, in an address of local administration. The names are in it because
 * machines that were cloned share an id. */
static void stable_mac(const struct core *core, const struct bond *bond, uint8_t mac[MAC_SIZE])
{
	uint64_t hash = fnv1a(FNV1A_START, core->config.machine_id, sizeof core->config.machine_id);

	hash = fnv1a(hash, core->config.node, strlen(core->config.node) + 1);
	hash = fnv1a(hash, bond->cfg.name, strlen(bond->cfg.name));
	for (unsigned i = 0; i < MAC_SIZE; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
	mac[0] = (uint8_t)((mac[0] | 2) & ~1);
}

/* The address of a device that has no ports yet, or none any more; zero: the kernel's choice. */
static void wanted_mac(const struct core *core, const struct bond *bond, uint8_t mac[MAC_SIZE])
{
	memset(mac, 0, MAC_SIZE);
	if (bond->cfg.mac_policy == MAC_FIXED)
		memcpy(mac, bond->cfg.mac, MAC_SIZE);
	else if (needs_fail_over_mac(core, bond))
		return;
	else if (memcmp(bond->kept_mac, no_mac, MAC_SIZE) != 0)
		memcpy(mac, bond->kept_mac, MAC_SIZE);
	else if (bond->cfg.mac_policy == MAC_STABLE)
		stable_mac(core, bond, mac);
	for (unsigned i = 0; bond->cfg.mac_policy == MAC_PORT && memcmp(mac, no_mac, MAC_SIZE) == 0 && i < bond->n_ports; i++) {
		const struct iface *iface = port_iface(core, &bond->ports[i]);
		const uint8_t *own = memcmp(iface->perm_mac, no_mac, MAC_SIZE) != 0 ? iface->perm_mac : iface->mac;
		if (iface->ifindex)
			memcpy(mac, own, MAC_SIZE);
	}
}

static struct action_link wanted_device(const struct core *core, const struct bond *bond)
{
	struct action_link link = { .mtu = bond->cfg.mtu };

	link.fail_over_mac = needs_fail_over_mac(core, bond) ? BOND_FOM_ACTIVE : BOND_FOM_NONE;
	wanted_mac(core, bond, link.mac);
	return link;
}

/* ---- the device --------------------------------------------------------------------------------------------------- */

static void create(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	if (device->known && change_ready(core, &bond->change))
		emit_link(core, out, &bond->change, ACT_BOND_CREATE, plan_bond_object(core, bond), device,
			  wanted_device(core, bond));
}

/* Taken apart and built anew, its addresses kept: what only an empty bond takes, or another kind of device. */
static void rebuild(struct core *core, struct out *out, struct bond *bond)
{
	struct action_link link = wanted_device(core, bond);
	const struct iface *device = &core->ifaces[bond->iface];

	/* What is known may be older than the last time. */
	if (!change_ready(core, &bond->change) || bond->rebuild_ns > core->now || core->snap_open || core->snap_wanted)
		return;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		const struct iface *iface = port_iface(core, &bond->ports[i]);
		if (bond->ports[i].change.gen)
			return;
		if (is_member(core, bond, &bond->ports[i]))
			link.ports[link.n_ports++] = iface->ifindex;
	}
	if (bond->cfg.mac_policy != MAC_FIXED && link.fail_over_mac == BOND_FOM_NONE)
		memcpy(link.mac, device->mac, MAC_SIZE);
	emit_link(core, out, &bond->change, ACT_BOND_REBUILD, plan_bond_object(core, bond), device, link);
}

static bool is_of_kind(const struct bond *bond, const struct iface *device)
{
	return device->kind == (bond->cfg.driver == DRIVER_TEAM ? KIND_TEAM : KIND_BOND);
}

/* The mode, and what else only an empty bond takes. True: it is right. */
static bool plan_mode(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];
	struct action_link link = { .fail_over_mac = BOND_FOM_ACTIVE };
	bool mode = device->bond_mode == BOND_MODE_ACTIVEBACKUP;
	bool fom = device->kind != KIND_BOND || device->bond_fail_over_mac != BOND_FOM_NONE || !needs_fail_over_mac(core, bond);

	if (mode && fom)
		return true;
	if (has_ports(core, bond)) {
		rebuild(core, out, bond);
		return false;
	}
	if (!mode) {
		link.bond_set = BOND_SET_MODE;
		if (device->kind == KIND_BOND)
			link.bond_set |= BOND_SET_MIIMON | BOND_SET_RESELECT;
	}
	link.bond_set |= fom ? 0 : BOND_SET_FAIL_OVER_MAC;
	if (!mode && device->up && device->kind == KIND_BOND) {
		if (change_ready(core, &bond->change))
			emit_link(core, out, &bond->change, ACT_LINK_DOWN, plan_bond_object(core, bond), device,
				  (struct action_link){ 0 });
	} else if (change_ready(core, &bond->change)) {
		emit_link(core, out, &bond->change, ACT_BOND_SET, plan_bond_object(core, bond), device, link);
	}
	return false;
}

static unsigned wrong_options(const struct iface *device)
{
	if (device->kind != KIND_BOND)
		return 0;
	return (device->bond_miimon == BOND_MIIMON_MS ? 0U : BOND_SET_MIIMON) | (device->bond_primary ? BOND_SET_NO_PRIMARY : 0U) |
	       (device->bond_reselect == BOND_RESELECT_FAILURE ? 0U : BOND_SET_RESELECT);
}

/* An address that was given is set at once; any other only while nobody can know the bond by one. */
static bool is_mac_wrong(const struct core *core, const struct bond *bond, uint8_t mac[MAC_SIZE])
{
	const struct iface *device = &core->ifaces[bond->iface];

	if (bond->cfg.mac_policy != MAC_FIXED && (has_ports(core, bond) || device->bond_active))
		return false;
	if (device->kind == KIND_BOND && device->bond_fail_over_mac != BOND_FOM_NONE)
		return false;
	wanted_mac(core, bond, mac);
	return memcmp(mac, no_mac, MAC_SIZE) != 0 && memcmp(mac, device->mac, MAC_SIZE) != 0;
}

static bool is_mtu_wrong(const struct bond *bond, const struct iface *device)
{
	return bond->cfg.mtu && device->mtu && device->mtu != bond->cfg.mtu;
}

bool bond_options_right(const struct core *core, const struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];
	uint8_t mac[MAC_SIZE];

	return !wrong_options(device) && !is_mtu_wrong(bond, device) &&
	       (!bond_is_device(bond) || bond->cfg.mac_policy != MAC_FIXED || !is_mac_wrong(core, bond, mac));
}

/* What is changed live, one thing at a time, ending with setting it up. */
static void plan_options(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];
	struct object object = plan_bond_object(core, bond);
	struct action_link link = { .bond_set = wrong_options(device) };

	if (!change_ready(core, &bond->change))
		return;
	if (link.bond_set && change_ready(core, &bond->options))
		emit_link(core, out, &bond->change, ACT_BOND_SET, object, device, link);
	else if (is_mac_wrong(core, bond, link.mac) && change_ready(core, &bond->options))
		emit_link(core, out, &bond->change, ACT_LINK_MAC, object, device, link);
	else if (is_mtu_wrong(bond, device) && change_ready(core, &bond->options))
		emit_link(core, out, &bond->change, ACT_LINK_MTU, object, device, (struct action_link){ .mtu = bond->cfg.mtu });
	else if (!device->up && !bond->raised)
		emit_link(core, out, &bond->change, ACT_LINK_UP, object, device, (struct action_link){ 0 });
}

/* True: it is a bond in the right mode, ports may be taken. */
static bool plan_device(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	if (!device->ifindex) {
		create(core, out, bond);
		return false;
	}
	if (!is_of_kind(bond, device)) {
		if (device->kind == KIND_BOND || device->kind == KIND_TEAM)
			rebuild(core, out, bond);
		return false;
	}
	if (device->kind == KIND_TEAM && !device->team_known)
		return false;
	if (!plan_mode(core, out, bond))
		return false;
	plan_options(core, out, bond);
	return true;
}

static void plan_vlan(struct core *core, struct out *out, struct bond *bond)
{
	const struct bond *below = &core->bonds[bond->link];
	const struct iface *device = &core->ifaces[bond->iface], *link = &core->ifaces[below->iface];
	struct object object = plan_bond_object(core, bond);
	struct action_link made = { .master = link->ifindex, .vlan_id = bond->cfg.vlan_id, .mtu = bond->cfg.mtu };

	if (!change_ready(core, &bond->change))
		return;
	if (!device->ifindex) {
		/* It may not be larger than what it is on, nor be on what is about to be another device. */
		if (device->known && link->ifindex && bond_is_right_device(core, below) &&
		    !(below->change.gen && below->change.type == ACT_BOND_REBUILD) && (!made.mtu || made.mtu <= link->mtu))
			emit_link(core, out, &bond->change, ACT_VLAN_CREATE, object, device, made);
	} else if (!bond_vlan_fits(core, bond)) {
		return;
	} else if (is_mtu_wrong(bond, device) && made.mtu <= link->mtu && change_ready(core, &bond->options)) {
		emit_link(core, out, &bond->change, ACT_LINK_MTU, object, device, (struct action_link){ .mtu = made.mtu });
	} else if (!device->up && !bond->raised && link->up) {
		emit_link(core, out, &bond->change, ACT_LINK_UP, object, device, (struct action_link){ 0 });
	}
}

/* ---- ports -------------------------------------------------------------------------------------------------------- */

static void plan_active_port(struct core *core, struct out *out, struct bond *bond)
{
	const struct iface *device = &core->ifaces[bond->iface];

	/* The bonding driver takes the word only while it has an active port, from none it chooses by itself; a team never
	 * chooses. */
	if (bond->wanted == NONE || (!device->bond_active && device->kind == KIND_BOND) || bond->wanted == bond->active ||
	    !device->up || !bond->ports[bond->wanted].healthy || !change_ready(core, &bond->change))
		return;
	emit_link(core, out, &bond->change, ACT_SET_ACTIVE, plan_bond_object(core, bond), device,
		  (struct action_link){ .port = port_iface(core, &bond->ports[bond->wanted])->ifindex });
}

static bool may_join(const struct core *core, const struct bond *bond, const struct port *port)
{
	const struct iface *iface = port_iface(core, port);

	return !port_waits_for_udev(core, port) && !iface->loopback && !(iface->vf && bond->cfg.mac_policy == MAC_FIXED) &&
	       !(bond->cfg.mtu && iface->max_mtu && bond->cfg.mtu > iface->max_mtu);
}

static void plan_port(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	struct iface *iface = &core->ifaces[port->iface];

	if (!iface->ifindex || iface->master || iface->releasing.gen || !may_join(core, bond, port) ||
	    !change_ready(core, &port->change))
		return;
	emit_link(core, out, &port->change, ACT_ENSLAVE, port_object(core, bond, port), iface,
		  (struct action_link){ .master = core->ifaces[bond->iface].ifindex });
}

/* The bonding driver gives its ports its own MAC. A team in this mode leaves that to others, and without it a port takes what comes
 * in for the team for another host's (net/team/team_mode_activebackup.c). When a port leaves, the team gives it back its own. */
static void plan_port_mac(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	struct iface *iface = &core->ifaces[port->iface];
	const struct iface *device = &core->ifaces[bond->iface];
	struct action_link link = { 0 };

	if (device->kind != KIND_TEAM || !is_member(core, bond, port) || memcmp(device->mac, no_mac, MAC_SIZE) == 0 ||
	    memcmp(iface->mac, device->mac, MAC_SIZE) == 0 || !change_ready(core, &port->change))
		return;
	memcpy(link.mac, device->mac, MAC_SIZE);
	emit_link(core, out, &port->change, ACT_LINK_MAC, port_object(core, bond, port), iface, link);
}

/* Whether it is a port of that device after all: a later reload has listed it again. */
static bool is_listed_in(const struct core *core, const struct iface *iface, int master)
{
	const struct bond *bond = iface->bond == NONE || iface->port == NONE ? NULL : &core->bonds[iface->bond];

	return bond && bond->iface != NONE && core->ifaces[bond->iface].ifindex == master;
}

void plan_release(struct core *core, struct out *out, struct iface *iface)
{
	bool port = iface->bond != NONE && iface->port != NONE;

	if (!iface->release_from || iface->releasing.gen || (port && core->bonds[iface->bond].ports[iface->port].change.gen))
		return;
	if (!iface->ifindex || iface->master != iface->release_from || is_listed_in(core, iface, iface->release_from)) {
		iface->release_from = 0;
		return;
	}
	if (change_ready(core, &iface->releasing))
		emit_link(core, out, &iface->releasing, ACT_RELEASE, (struct object){ .type = OBJECT_NODE }, iface,
			  (struct action_link){ .master = iface->release_from });
}

static void plan_sysctl(struct core *core, struct out *out, struct bond *bond, struct iface *iface, enum sysctl_key key,
			int value)
{
	struct action *action;

	if (!iface->ifindex || iface->sysctl_done[key] || !change_ready(core, &iface->sysctl[key]))
		return;
	action = plan_emit_change(core, out, &iface->sysctl[key], ACT_SYSCTL, plan_bond_object(core, bond));
	if (!action)
		return;
	action->u.sysctl = (struct action_sysctl){ .ifindex = iface->ifindex, .key = key, .value = value };
	memcpy(action->u.sysctl.ifname, iface->name, IFNAME_SIZE);
}

/* Without it the removal of one address takes with it all that came after it in its network (net/ipv4/devinet.c). */
static void plan_promote(struct core *core, struct out *out, struct bond *bond, struct iface *iface)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bond->n_addrs; i++)
		n += core->addrs[bond->first_addr + i].ip.family == FAMILY_4;
	if (n > 1)
		plan_sysctl(core, out, bond, iface, SYSCTL_PROMOTE_SECONDARIES, 1);
}

/* A plain NIC's event may be late: its driver knows better. */
static void plan_look(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	struct iface *iface = &core->ifaces[port->iface];
	struct action *action;

	if (!bond_looks_at(core, bond, port) || iface->look_ns > core->now || !change_ready(core, &iface->looking))
		return;
	action = plan_emit_change(core, out, &iface->looking, ACT_LOOK, port_object(core, bond, port));
	if (!action)
		return;
	action->u.look.ifindex = iface->ifindex;
	memcpy(action->u.look.ifname, iface->name, IFNAME_SIZE);
	iface->look_ns = core->now + LOOK_INTERVAL;
}

/* Two ports in one LAN: only the one that has an address may answer for it. */
static void plan_moving_port(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	struct iface *iface = &core->ifaces[port->iface];

	if (!iface->ifindex || iface->master)
		return;
	plan_sysctl(core, out, bond, iface, SYSCTL_ARP_IGNORE, 1);
	plan_sysctl(core, out, bond, iface, SYSCTL_ARP_ANNOUNCE, 2);
	plan_promote(core, out, bond, iface);
	if (bond->cfg.mtu && iface->mtu && iface->mtu != bond->cfg.mtu && (!iface->max_mtu || bond->cfg.mtu <= iface->max_mtu) &&
	    change_ready(core, &iface->mtu_change))
		emit_link(core, out, &iface->mtu_change, ACT_LINK_MTU, port_object(core, bond, port), iface,
			  (struct action_link){ .mtu = bond->cfg.mtu });
	if (!iface->up && !port_waits_for_udev(core, port) && !port->raised && change_ready(core, &port->change))
		emit_link(core, out, &port->change, ACT_LINK_UP, port_object(core, bond, port), iface,
			  (struct action_link){ 0 });
	plan_look(core, out, bond, port);
}

/* ---- probes ------------------------------------------------------------------------------------------------------- */

static void emit_probe_socket(struct core *core, struct out *out, struct iface *iface, enum action_type type)
{
	struct action *action = plan_emit_change(core, out, &iface->probe_listening, type, (struct object){ .type = OBJECT_NODE });

	if (!action)
		return;
	action->u.listen = (struct action_listen){ .ifindex = iface->probing_ifindex, .probes = true };
	memcpy(action->u.listen.mac, iface->probing_mac, MAC_SIZE);
	memcpy(action->u.listen.ifname, iface->name, IFNAME_SIZE);
}

/* The socket of a port's probes: for this device and this MAC, while there is something to probe. */
static void plan_probe_socket(struct core *core, struct out *out, struct bond *bond, struct port *port)
{
	struct iface *iface = &core->ifaces[port->iface];
	bool wanted = bond->n_targets && iface->ifindex && (bond->iface == NONE ? !iface->master : is_member(core, bond, port));
	uint8_t mac[MAC_SIZE];

	probe_own_mac(core, bond, port, mac);
	if (iface->probing == LISTEN_ON &&
	    (!wanted || iface->probing_ifindex != iface->ifindex || memcmp(iface->probing_mac, mac, MAC_SIZE) != 0)) {
		if (iface->probe_listening.gen)
			return;
		emit_probe_socket(core, out, iface, ACT_UNLISTEN);
		if (!out->full)
			iface->probing = LISTEN_OFF;
		return;
	}
	if (!wanted || iface->probing == LISTEN_ON || !change_ready(core, &iface->probe_listening))
		return;
	iface->probing_ifindex = iface->ifindex;
	memcpy(iface->probing_mac, mac, MAC_SIZE);
	emit_probe_socket(core, out, iface, ACT_LISTEN);
}

/* The port in use asks as the bond itself does; a standby as nobody (struct action_probe). */
static void fill_probe(const struct core *core, const struct bond *bond, struct port *port, const struct config_target *cfg,
		       struct action_probe *probe)
{
	bool active = bond->active == port - bond->ports;

	probe->target = cfg->ip;
	probe->vlan = cfg->vlan;
	probe->ifindex = port_iface(core, port)->ifindex;
	if (active)
		probe->source = cfg->source;
	if (active && bond->iface != NONE)
		memcpy(probe->mac, core->ifaces[bond->iface].mac, MAC_SIZE);
	else
		memcpy(probe->mac, port_iface(core, port)->probing_mac, MAC_SIZE);
	memcpy(port->probe_mac, probe->mac, MAC_SIZE);
}

void plan_probes(struct core *core, struct out *out, struct bond *bond)
{
	for (unsigned i = 0; i < bond->n_ports && bond->n_targets && !bond->removed; i++) {
		struct port *port = &bond->ports[i];
		for (unsigned j = 0; j < bond->n_targets; j++) {
			struct target *target = probe_target(core, bond, port, j);
			struct action *action;
			unsigned probe;
			if (!target->due)
				continue;
			action = plan_emit(out, ACT_PROBE, port_object(core, bond, port));
			if (!action)
				return;
			fill_probe(core, bond, port, probe_target_cfg(core, bond, j, &probe), &action->u.probe);
			action->u.probe.kind = core->config.probes[bond->cfg.first_probe + probe].kind;
			target->due = false;
			target->sent_ns = core->now;
			target->sent++;
		}
	}
}

void plan_links(struct core *core, struct out *out, struct bond *bond)
{
	if (bond->iface != NONE)
		plan_promote(core, out, bond, &core->ifaces[bond->iface]);
	if (bond->link != NONE) {
		plan_vlan(core, out, bond);
		return;
	}
	if (bond->iface != NONE) {
		plan_active_port(core, out, bond); /* first: packets are being lost */
		if (plan_device(core, out, bond)) {
			for (unsigned i = 0; i < bond->n_ports; i++) {
				plan_port(core, out, bond, &bond->ports[i]);
				plan_port_mac(core, out, bond, &bond->ports[i]);
			}
		}
	}
	for (unsigned i = 0; i < bond->n_ports && !out->full; i++) {
		if (bond->iface == NONE)
			plan_moving_port(core, out, bond, &bond->ports[i]);
		plan_probe_socket(core, out, bond, &bond->ports[i]);
	}
}
