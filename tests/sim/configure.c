/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's configuration, as the core takes it, of the numbers that a reload may change. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static void configure_bond_addresses(struct node *node, struct config_bond *bond)
{
	for (unsigned i = 0; i < 1U + node->bond.second_address; i++) {
		struct config_address *a = &node->config_addresses[i];

		*a = (struct config_address){ .ip = { .family = FAMILY_4 }, .prefix = 24 };
		memcpy(a->ip.bytes, (uint8_t[]){ 10, 0, (uint8_t)(2 * i), (uint8_t)(node->id + 1) }, 4);
	}
	bond->n_addresses = node->config.n_addresses = 1U + node->bond.second_address;
}

static void configure_bond_routes(struct node *node, struct config_bond *bond)
{
	struct config_route *r = node->config_routes;

	if (node->bond.gateway) {
		*r = (struct config_route){ .to = { .family = FAMILY_4 }, .via = { .family = FAMILY_4 } };
		memcpy(r++->via.bytes, (uint8_t[]){ 10, 0, 0, (uint8_t)node->bond.gateway }, 4);
	}
	if (node->bond.second_route) {
		*r = (struct config_route){ .to = { .family = FAMILY_4, .bytes = { 10, 9 } }, .prefix = 16 };
		r++->via = (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, 252 } };
	}
	bond->n_routes = node->config.n_routes = (unsigned)(r - node->config_routes);
	node->config.routes = node->config_routes;
}

static void configure_probes(struct node *node, struct config_bond *bond)
{
	struct config_probe *probe = &node->config_probe;

	memset(probe, 0, sizeof *probe);
	if (!node->bond.probes)
		return;
	snprintf(probe->name, sizeof probe->name, "gateway");
	probe->kind = PROBE_ARP;
	probe->interval_ns = 200 * NSEC_PER_MSEC;
	probe->lost = 3;
	probe->n_targets = 1;
	probe->targets[0].ip = (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, 254 } };
	probe->targets[0].source = node->config_addresses[0].ip;
	bond->n_probes = node->config.n_probes = 1;
	node->config.probes = probe;
}

static void configure_port(const struct node *node, struct config_port *entry, unsigned port)
{
	uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, (uint8_t)(node->id + 1), (uint8_t)port };

	switch (node->bond.selector) {
	case BY_NAME:
		snprintf(entry->spec, sizeof entry->spec, "eth%u", port);
		break;
	case BY_MAC:
		entry->match = MATCH_MAC;
		memcpy(entry->mac, mac, sizeof mac);
		snprintf(entry->spec, sizeof entry->spec, "mac:02:00:00:00:%02x:%02x", mac[4], mac[5]);
		break;
	case BY_GLOB:
		entry->match = MATCH_GLOB;
		snprintf(entry->spec, sizeof entry->spec, "eth%u*", port);
		break;
	}
}

static void configure_bond(struct node *node)
{
	struct config_bond *bond = &node->config_bond;

	memset(bond, 0, sizeof *bond);
	snprintf(bond->name, sizeof bond->name, "bond%u", node->bond.name);
	bond->driver = node->kind == NODE_KERNEL ? DRIVER_KERNEL : node->kind == NODE_TEAM ? DRIVER_TEAM : DRIVER_MOVE;
	bond->link = -1;
	bond->prefer = -1;
	for (unsigned i = 0; i < SIM_PORTS; i++) {
		unsigned port = node->bond.swapped ? SIM_PORTS - 1 - i : i;

		if (!(node->bond.ports >> port & 1))
			continue;
		if (node->bond.prefer == (int)port)
			bond->prefer = (int)bond->n_ports;
		configure_port(node, &bond->ports[bond->n_ports++], port);
	}
	bond->failback = node->bond.failback;
	bond->hold_ns = node->bond.hold_ns;
	bond->no_damping = node->bond.no_damping;
	configure_bond_addresses(node, bond);
	configure_bond_routes(node, bond);
	configure_probes(node, bond);
	node->config.bonds = bond;
	node->config.n_bonds = 1;
}

static void configure_track(struct node *node, enum track_kind kind, uint8_t lower)
{
	struct config_track *track = &node->config_tracks[node->config.n_tracks++];

	memset(track, 0, sizeof *track);
	track->kind = kind;
	track->lower = lower;
	switch (kind) {
	case TRACK_BOND:
		snprintf(track->name, sizeof track->name, "%s", node->config_bond.name);
		break;
	case TRACK_INTERFACE:
		snprintf(track->name, sizeof track->name, "interface:eth2");
		snprintf(track->ifname, sizeof track->ifname, "eth2");
		break;
	case TRACK_ROUTE:
		snprintf(track->name, sizeof track->name, "route:default");
		track->to.family = FAMILY_4;
		break;
	case TRACK_CHECK:
		break;
	}
}

/* What is required comes first. */
static void configure_tracks(struct node *node, const struct vip_setup *setup, struct config_vip *c)
{
	c->first_track = node->config.n_tracks;
	for (unsigned lowers = 0; lowers < 2; lowers++)
		for (unsigned i = 0; i < SIM_TRACKS; i++)
			if (setup->tracks[i].used && (setup->tracks[i].lower != 0) == lowers)
				configure_track(node, (enum track_kind)i, setup->tracks[i].lower);
	c->n_tracks = node->config.n_tracks - c->first_track;
}

/* The link-local address that eth0 has, or the primary IPv4 address, wherever that is. */
struct ip configure_peer(const struct world_vip *vip, const struct node *node)
{
	uint8_t id = (uint8_t)(node->id + 1);

	if (vip->family == FAMILY_4)
		return (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, id } };
	return (struct ip){ .family = FAMILY_6, .bytes = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe, [14] = id } };
}

static void configure_peers(struct world *w, struct node *node, const struct world_vip *vip, struct config_vip *c)
{
	c->first_peer = node->config.n_peers;
	for (unsigned n = 0; n < w->n_nodes && vip->unicast; n++)
		if (n != node->id || vip->lists_self)
			node->config_peers[node->config.n_peers++] = configure_peer(vip, &w->nodes[n]);
	c->n_peers = node->config.n_peers - c->first_peer;
}

unsigned configure_listed(const struct world_vip *vip)
{
	unsigned fours = (1U << SIM_VIP_ADDRESSES_4) - 1;

	return vip->family == FAMILY_4 ? fours : ~fours & ((1U << SIM_VIP_ADDRESSES) - 1);
}

/* Those that adverts list first; their order is the numbers'. */
static void configure_vip_addresses(struct node *node, const struct world_vip *vip, unsigned wanted,
				    struct config_vip *c)
{
	unsigned listed = wanted & configure_listed(vip);

	c->first_address = node->config.n_addresses;
	c->n_addresses = (unsigned)__builtin_popcount(wanted);
	c->n_listed = (unsigned)__builtin_popcount(listed);
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++)
		if (listed >> i & 1)
			node->config_addresses[node->config.n_addresses++] = vip->addresses[i];
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++)
		if ((wanted & ~listed) >> i & 1)
			node->config_addresses[node->config.n_addresses++] = vip->addresses[i];
}

int configure_vip_of(const struct world *w, uint8_t vrid, uint8_t family)
{
	for (unsigned v = 0; v < w->n_vips; v++)
		if (w->vips[v].vrid == vrid && w->vips[v].family == family)
			return (int)v;
	return -1;
}

static void configure_vip(struct world *w, struct node *node, unsigned v)
{
	const struct world_vip *vip = &w->vips[v];
	const struct vip_setup *setup = &node->setup[v];
	struct config_vip *c = &node->config_vips[node->config.n_vips++];

	memset(c, 0, sizeof *c);
	snprintf(c->name, sizeof c->name, "vip%u-%u", v, setup->name);
	c->bond = node->kind == NODE_PLAIN || setup->plain ? -1 : 0;
	snprintf(c->on, sizeof c->on, "%s",
		 node->kind == NODE_PLAIN ? "eth0"
		 : setup->plain		  ? "eth2"
					  : node->config_bond.name);
	c->vrid = vip->vrid;
	c->priority = node->priority[v];
	c->family = vip->family;
	c->version = vip->version;
	c->has_auth = vip->has_auth;
	if (vip->has_auth)
		memcpy(c->auth, "secret\0", AUTH_SIZE);
	c->checksum = setup->checksum;
	if (vip->grouped) {
		strcpy(c->group, "g");
		for (unsigned i = 0; i < v; i++)
			c->group_rank += w->vips[i].grouped && node->configured[i];
	}
	c->preempt = vip->preempt;
	c->preempt_delay_ns = vip->preempt_delay_ns;
	c->advert_ns = node->advert_ns[v];
	if (w->beats.by_claims)
		c->protocol = PROTOCOL_HEARTBEAT;
	c->lost = w->beats.by_claims ? node->beat_lost : 0;
	c->lease_ns = setup->lease_ns;
	c->leave_timeout_ns = vip->leave_timeout_ns;
	configure_vip_addresses(node, vip, setup->wanted, c);
	configure_peers(w, node, vip, c);
	configure_tracks(node, setup, c);
}

void configure_node(struct world *w, struct node *node)
{
	memset(&node->config, 0, sizeof node->config);
	snprintf(node->config.node, sizeof node->config.node, "n%u", node->id);
	memcpy(node->config.digest, "0123456789abcdef", 17);
	node->config.vips = node->config_vips;
	node->config.addresses = node->config_addresses;
	node->config.peers = node->config_peers;
	node->config.tracks = node->config_tracks;
	if (node->kind != NODE_PLAIN)
		configure_bond(node);
	for (unsigned v = 0; v < w->n_vips; v++)
		if (node->configured[v])
			configure_vip(w, node, v);
	node->config.self = -1;
	if (w->beats.n_paths)
		beat_configure(w, node);
}
