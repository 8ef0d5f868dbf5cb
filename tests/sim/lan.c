/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two switches with a trunk between them, a cable per port, and what gets lost, late, doubled or out of order on the
 * way. Packets are the real bytes of src/wire. */
#include <string.h>

#include "sim.h"
#include "wire/arp.h"
#include "wire/nd.h"
#include "wire/vrrp.h"

bool lan_is_port(const struct node *node, unsigned port)
{
	if (port == SIM_PLAIN)
		return node->has_plain;
	if (port >= SIM_LAN_LINKS)
		return node->beat_paths >> (port - SIM_LAN_LINKS + 1) & 1;
	return port == 0 || (port < SIM_PORTS && node->kind != NODE_PLAIN);
}

bool lan_is_listed(const struct node *node, unsigned port)
{
	char name[IFNAME_SIZE] = { 'e', 't', 'h', (char)('0' + port) };

	return node->bond.ports >> port & 1 &&
	       (node->bond.selector != BY_NAME || strcmp(node->links[port].name, name) == 0);
}

int lan_switch_of(const struct node *node, unsigned port)
{
	return node->kind == NODE_PLAIN || port == SIM_PLAIN ? (int)(node->id % 2) : (int)port;
}

bool lan_port_live(const struct world *w, const struct node *node, unsigned port)
{
	return w->cable[node->id][port] && (port >= SIM_LAN_LINKS || w->switch_up[lan_switch_of(node, port)]);
}

int lan_path(const struct node *node, int ifindex)
{
	const struct sim_link *link = NULL;

	for (unsigned i = 0; i < SIM_LINKS; i++)
		if (node->links[i].exists && node->links[i].ifindex == ifindex)
			link = &node->links[i];
	if (!link || !link->up)
		return -1;
	if (!bonding_is_device(link))
		return link->port;
	for (unsigned i = 0; link->active && i < SIM_PORTS; i++)
		if (node->links[i].exists && node->links[i].ifindex == link->active && node->links[i].up)
			return node->links[i].port;
	return -1;
}

/* ---- packets in flight ---- */

static struct packet *packet_take(struct world *w, uint32_t *slot)
{
	struct packet *p;

	if (!w->n_free_packets)
		return NULL;
	*slot = w->free_packets[--w->n_free_packets];
	p = &w->packets[*slot];
	p->references = 1;
	p->vip = p->to = -1;
	p->ttl = VRRP_TTL;
	p->replayed = false;
	return p;
}

void lan_release(struct world *w, uint32_t slot)
{
	if (--w->packets[slot].references == 0)
		w->free_packets[w->n_free_packets++] = slot;
}

static void packet_to(struct world *w, uint32_t slot, unsigned node, unsigned port)
{
	uint64_t delay = w->delay_ns + rng_below(&w->rng, w->jitter_ns + 1) + w->burst_delay_ns;

	if (rng_chance(&w->rng, w->reorder))
		delay += rng_below(&w->rng, 5 * NSEC_PER_MSEC);
	w->packets[slot].references++;
	world_schedule(w, w->now + delay, HAPPEN_PACKET, node, slot, port);
}

static void packet_lost(struct world *w, const struct packet *p)
{
	w->statistics->lost++;
	if (p->kind == PACKET_BEAT)
		beat_lost(w, p);
	if (p->vip >= 0)
		w->vips[p->vip].disturbed_ns = w->now;
}

static void packet_to_nodes(struct world *w, uint32_t slot, unsigned entry, unsigned out)
{
	struct packet *p = &w->packets[slot];
	unsigned first = p->to < 0 ? 0 : (unsigned)p->to, end = p->to < 0 ? w->n_nodes : first + 1;

	for (unsigned n = first; n < end; n++)
		for (unsigned port = 0; port < SIM_LAN_LINKS; port++) {
			const struct node *to = &w->nodes[n];

			if (!lan_is_port(to, port) || (n == p->from && port == out) || !to->powered ||
			    !lan_port_live(w, to, port))
				continue;
			if ((lan_switch_of(to, port) != (int)entry && !w->trunk) ||
			    (p->from < SIM_NODES && w->blocked[p->from] & 1ULL << n) || w->mute[n][port])
				continue;
			if (rng_chance(&w->rng, w->loss + w->burst_loss)) {
				packet_lost(w, p);
				continue;
			}
			packet_to(w, slot, n, port);
			if (rng_chance(&w->rng, w->duplicate))
				packet_to(w, slot, n, port);
		}
}

static void packet_to_peers(struct world *w, uint32_t slot, unsigned entry)
{
	const struct packet *p = &w->packets[slot];

	for (unsigned i = 0; i < w->n_peers; i++) {
		const struct peer *peer = &w->peers[i];

		if (peer->up && p->kind == PACKET_VRRP && p->to < 0 && p->from != SIM_NODES + i && w->switch_up[peer->at] &&
		    (peer->at == entry || w->trunk) && !rng_chance(&w->rng, w->loss + w->burst_loss))
			packet_to(w, slot, SIM_NODES + i, 0);
	}
}

static void packet_send(struct world *w, struct node *node, int ifindex, uint32_t slot)
{
	int port = lan_path(node, ifindex);

	w->statistics->packets++;
	w->packets[slot].from = (uint16_t)node->id;
	if (port >= 0 && lan_port_live(w, node, (unsigned)port) && !w->mute[node->id][port]) {
		packet_to_nodes(w, slot, (unsigned)lan_switch_of(node, (unsigned)port), (unsigned)port);
		packet_to_peers(w, slot, (unsigned)lan_switch_of(node, (unsigned)port));
	} else {
		packet_lost(w, &w->packets[slot]);
	}
	lan_release(w, slot);
}

static void packet_send_at(struct world *w, unsigned at, unsigned from, uint32_t slot)
{
	w->statistics->packets++;
	w->packets[slot].from = (uint16_t)from;
	if (w->switch_up[at]) {
		packet_to_nodes(w, slot, at, 0);
		packet_to_peers(w, slot, at);
	}
	lan_release(w, slot);
}

static size_t advert_bytes(struct packet *p, const struct action_advert *a)
{
	struct ip list[SIM_VIP_ADDRESSES];

	for (unsigned i = 0; i < a->n_addresses && i < SIM_VIP_ADDRESSES; i++)
		list[i] = a->addresses[i].ip;
	if (a->version == 2)
		return vrrp_encode_2(p->bytes, sizeof p->bytes, a->vrid, a->priority, a->interval_cs / 100,
				     a->has_auth ? a->auth : NULL, list, a->n_addresses);
	return vrrp_encode(p->bytes, sizeof p->bytes, a->vrid, a->priority, a->interval_cs, &p->source,
			   &p->destination, list, a->n_addresses, (enum vrrp_checksum)a->checksum);
}

static void advert_to(struct world *w, struct node *node, const struct action_advert *a, const struct ip *peer)
{
	uint32_t slot;
	struct packet *p = packet_take(w, &slot);

	if (!p)
		return;
	p->kind = PACKET_VRRP;
	p->vip = configure_vip_of(w, a->vrid, a->family);
	p->source = a->source;
	p->destination = peer ? *peer : a->family == FAMILY_6 ? vrrp_group_6 : vrrp_group_4;
	if (peer)
		p->to = peer->bytes[a->family == FAMILY_6 ? 14 : 3] - 1;
	p->length = (uint16_t)advert_bytes(p, a);
	if (!p->length || p->to >= (int)w->n_nodes)
		world_fail(w, node, "advert", "it cannot be encoded, or goes to nobody");
	packet_send(w, node, a->ifindex, slot);
}

void lan_advert(struct world *w, struct node *node, const struct action_advert *a)
{
	for (unsigned i = 0; i < a->n_peers; i++)
		advert_to(w, node, a, &a->peers[i]);
	if (!a->n_peers)
		advert_to(w, node, a, NULL);
}

static bool announcement_take(struct world *w, const struct ip *ip, const uint8_t mac[MAC_SIZE], uint32_t *slot)
{
	struct packet *p = packet_take(w, slot);
	unsigned address;

	if (!p)
		return false;
	p->vip = check_vip_of(w, ip, &address);
	if (ip->family == FAMILY_4) {
		p->kind = PACKET_ARP;
		p->length = ARP_FRAME;
		arp_announcement(p->bytes, ARP_FORM_REQUEST, mac, ip);
	} else {
		p->kind = PACKET_ND;
		p->length = ND_FRAME;
		nd_announcement(p->bytes, mac, ip, false);
	}
	return true;
}

static void announcement(struct world *w, struct node *node, int ifindex, const struct ip *ip,
			 const uint8_t mac[MAC_SIZE])
{
	uint32_t slot;

	if (announcement_take(w, ip, mac, &slot))
		packet_send(w, node, ifindex, slot);
}

void lan_announce(struct world *w, struct node *node, const struct action_announce *a)
{
	announcement(w, node, a->ifindex, &a->ip, a->mac);
}

/* ---- heartbeats ---- */

static bool has_address(const struct node *node, const struct ip *ip, int ifindex)
{
	for (unsigned i = 0; i < node->n_addresses; i++)
		if (node->addresses[i].ifindex == ifindex && ip_equal(&node->addresses[i].ip, ip))
			return true;
	return false;
}

/* The cable of the vips' LAN at which this address of the node's is now, -1: none. eth2 has it for itself. */
static int address_port(const struct node *node, const struct ip *ip)
{
	for (unsigned i = 0; i < SIM_PLAIN; i++)
		if (node->links[i].exists && has_address(node, ip, node->links[i].ifindex))
			return lan_path(node, node->links[i].ifindex);
	return -1;
}

static bool is_through(const struct world *w, const struct node *node, int port)
{
	return node->powered && port >= 0 && lan_port_live(w, node, (unsigned)port) && !w->mute[node->id][port];
}

/* Whoever replays sits next to the receiver. */
static bool beat_crosses(const struct world *w, const struct packet *p, unsigned *port)
{
	const struct node *from = &w->nodes[p->from], *to = &w->nodes[p->to];
	bool on_lan = w->beats.kinds[p->path] == PATH_LAN;
	int in = on_lan ? address_port(to, &p->destination) : (int)(SIM_LAN_LINKS + p->path - 1);
	int out = on_lan ? address_port(from, &p->source) : in;

	*port = (unsigned)in;
	if (!is_through(w, to, in) || p->replayed)
		return p->replayed && is_through(w, to, in);
	if (!is_through(w, from, out) || !on_lan)
		return is_through(w, from, out);
	return !(w->blocked[from->id] & 1ULL << to->id) &&
	       (w->trunk || lan_switch_of(from, (unsigned)out) == lan_switch_of(to, (unsigned)in));
}

void lan_beat(struct world *w, const struct packet *packet, uint64_t delay_ns)
{
	uint32_t slot;
	unsigned port;
	struct packet *p = packet_take(w, &slot);

	if (!p)
		return;
	delay_ns += w->delay_ns + rng_below(&w->rng, w->jitter_ns + 1) + w->burst_delay_ns;
	if (rng_chance(&w->rng, w->reorder))
		delay_ns += rng_below(&w->rng, 5 * NSEC_PER_MSEC);
	w->statistics->packets++;
	*p = *packet;
	p->references = 1;
	if (!beat_crosses(w, p, &port) || rng_chance(&w->rng, w->loss + w->burst_loss)) {
		packet_lost(w, p);
	} else {
		beat_late(w, p, delay_ns);
		p->references++;
		world_schedule(w, w->now + delay_ns, HAPPEN_PACKET, (unsigned)p->to, slot, port);
		if (rng_chance(&w->rng, w->duplicate))
			packet_to(w, slot, (unsigned)p->to, port);
	}
	lan_release(w, slot);
}

/* ---- the gateway ---- */

bool lan_reaches_gateway(const struct world *w, const struct node *node, unsigned port)
{
	return w->gateway && lan_port_live(w, node, port) && !w->mute[node->id][port] &&
	       (lan_switch_of(node, port) == 0 || w->trunk);
}

/* Asked through one port, whatever the bond makes of it, and answered there. */
void lan_probe(struct world *w, struct node *node, const struct action_probe *a)
{
	const struct sim_link *link = kernel_link(node, a->ifindex);
	struct packet *p;
	uint32_t slot;

	w->statistics->packets++;
	if (!link || !link->up || link->port < 0 || !lan_reaches_gateway(w, node, (unsigned)link->port) ||
	    rng_chance(&w->rng, 2 * (w->loss + w->burst_loss)))
		return;
	p = packet_take(w, &slot);
	if (!p)
		return;
	p->kind = PACKET_PROBE;
	p->from = (uint16_t)node->id;
	p->source = a->target;
	memcpy(p->bytes, a->mac, MAC_SIZE);
	packet_to(w, slot, node->id, (unsigned)link->port);
	lan_release(w, slot);
}

/* ---- what does not belong there ---- */

static void stranger_bytes(const struct world_vip *vip, struct packet *p)
{
	if (vip->version == 2)
		p->length = (uint16_t)vrrp_encode_2(p->bytes, sizeof p->bytes, vip->vrid, 255, 1,
						    vip->has_auth ? (const uint8_t *)"guessed" : NULL,
						    &vip->addresses[0].ip, 1);
	else
		p->length = (uint16_t)vrrp_encode(
			p->bytes, sizeof p->bytes, vip->vrid, 255, 1, &p->source, &p->destination,
			&vip->addresses[vip->family == FAMILY_6 ? SIM_VIP_ADDRESSES_4 : 0].ip, 1, VRRP_CHECKSUM_RFC5798);
}

static void spoil(struct world *w, struct packet *p)
{
	switch (rng_below(&w->rng, 5)) {
	case 0:
		p->ttl = 254;
		break;
	case 1:
		p->bytes[6] ^= 0x55;
		break;
	case 2:
		p->length -= 3;
		break;
	case 3:
		p->bytes[0] = 0x32;
		break;
	default:
		p->bytes[3] = 0;
		break;
	}
}

void lan_peer_announce(struct world *w, unsigned at, unsigned from, const struct ip *ip)
{
	const uint8_t mac[MAC_SIZE] = { 2, 0xfe, 0, 0, 0, (uint8_t)from };
	uint32_t slot;

	if (announcement_take(w, ip, mac, &slot))
		packet_send_at(w, at, from, slot);
}

void lan_peer_advert(struct world *w, unsigned at, unsigned from, const struct peer_advert *a)
{
	const struct world_vip *vip = &w->vips[a->vip];
	struct ip list[SIM_VIP_ADDRESSES];
	unsigned listed = vip->first & configure_listed(vip), n = 0;
	uint32_t slot;
	struct packet *p = packet_take(w, &slot);

	if (!p)
		return;
	for (unsigned i = 0; i < SIM_VIP_ADDRESSES; i++)
		if (listed >> i & 1)
			list[n++] = vip->addresses[i].ip;
	p->kind = PACKET_VRRP;
	p->source = a->source;
	p->destination = vip->family == FAMILY_6 ? vrrp_group_6 : vrrp_group_4;
	if (vip->version == 2)
		p->length = (uint16_t)vrrp_encode_2(p->bytes, sizeof p->bytes, vip->vrid, a->priority,
						    (unsigned)(vip->advert_ns / NSEC_PER_SEC), NULL, list, n);
	else
		p->length = (uint16_t)vrrp_encode(p->bytes, sizeof p->bytes, vip->vrid, a->priority,
						  (uint16_t)(vip->advert_ns / (10 * NSEC_PER_MSEC)), &p->source,
						  &p->destination, list, n, (enum vrrp_checksum)a->form);
	if (!p->length)
		world_fail(w, NULL, "peer", "its advert cannot be encoded");
	if (a->garbage)
		spoil(w, p);
	packet_send_at(w, at, from, slot);
}

/* A packet on a vrid of ours that must be dropped. */
void lan_bad_packet(struct world *w, struct node *node)
{
	struct world_vip *vip = &w->vips[rng_below(&w->rng, w->n_vips)];
	uint32_t slot;
	struct packet *p = packet_take(w, &slot);

	if (!p)
		return;
	p->kind = PACKET_VRRP;
	p->source = (struct ip){ .family = FAMILY_4, .bytes = { 10, 0, 0, 200 } };
	if (vip->family == FAMILY_6)
		p->source = (struct ip){ .family = FAMILY_6, .bytes = { 0xfe, 0x80, [15] = 200 } };
	p->destination = vip->family == FAMILY_6 ? vrrp_group_6 : vrrp_group_4;
	stranger_bytes(vip, p);
	spoil(w, p);
	packet_send(w, node, node->links[0].ifindex, slot);
}

/* Somebody else answers for one of our addresses. */
void lan_foreign_claim(struct world *w, struct node *node, unsigned vip)
{
	const uint8_t mac[MAC_SIZE] = { 2, 0xff, 0, 0, 0, (uint8_t)rng_below(&w->rng, 4) };

	announcement(w, node, node->links[0].ifindex, &w->vips[vip].addresses[0].ip, mac);
}

/* ---- arriving ---- */

static bool wanted(const struct node *node, const struct packet *p, int ifindex)
{
	uint8_t family = p->source.family;
	bool unicast = p->to >= 0;

	if (p->kind == PACKET_ARP || p->kind == PACKET_ND || p->kind == PACKET_BEAT)
		return true;
	if (p->kind == PACKET_PROBE)
		family = FAMILY_NONE;
	if (unicast && !has_address(node, &p->destination, ifindex))
		return false;
	for (unsigned i = 0; i < node->n_listening; i++)
		if (node->listening[i].ifindex == ifindex && node->listening[i].family == family &&
		    (unicast || !node->listening[i].unicast))
			return true;
	return false;
}

void lan_arrive(struct world *w, struct node *node, unsigned port, uint32_t slot)
{
	const struct sim_link *link = &node->links[port];
	const struct sim_link *bond = link->master ? kernel_link(node, link->master) : NULL;
	struct packet *p = &w->packets[slot];
	int ifindex = link->ifindex;
	struct waiting_packet *wait;

	if (p->kind == PACKET_PROBE)
		bond = NULL; /* its socket is on the port itself */
	if (!node->powered || node->suspended || !link->exists || !link->up || !lan_port_live(w, node, port) || w->mute[node->id][port] ||
	    (bond && bond->active != link->ifindex) || (bond && !bond->up)) {
		if (p->kind == PACKET_BEAT)
			packet_lost(w, p);
		lan_release(w, slot);
		return;
	}
	if (bond)
		ifindex = bond->ifindex;
	if (!node->running || !wanted(node, p, ifindex) || node->socket_n == SIM_SOCKET) {
		if (node->running && (p->vip < 0 || check_is_path(node, (unsigned)p->vip, ifindex)))
			packet_lost(w, p);
		lan_release(w, slot);
		return;
	}
	wait = &node->socket[(node->socket_head + node->socket_n++) % SIM_SOCKET];
	wait->seen_ns = w->now;
	wait->slot = slot;
	wait->ifindex = ifindex;
	shell_wake_at(w, node, w->now + rng_below(&w->rng, w->loop_ns));
}
