/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses that adverts are sent from, and whose packets are our own. */
#include "core/internal.h"

/* IPv4: the primary address, one with a network rather than a bare /32; IPv6: link-local (RFC 9568 §5.1.1.1, §5.1.2.1), but not to a
 * peer that is not. */
static bool iface_source(const struct iface *iface, uint8_t family, bool routed, struct ip *out)
{
	const struct source *best = NULL;

	for (unsigned i = 0; i < iface->n_sources; i++) {
		const struct source *source = &iface->sources[i];
		if (source->ip.family != family || (family == FAMILY_6 && ip_is_link_local(&source->ip) == routed))
			continue;
		if (!best || (best->prefix == 32 && source->prefix < 32) || (best->secondary && !source->secondary))
			best = source;
	}
	if (best)
		*out = best->ip;
	return best != NULL;
}

static bool lan_source(const struct core *core, const struct lan *lan, uint8_t family, bool routed, struct ip *out)
{
	const struct bond *bond;
	const struct iface *iface;

	if (lan->bond == NONE)
		return iface_source(&core->ifaces[lan->iface], family, routed, out);
	bond = &core->bonds[lan->bond];
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		const struct ip *ip = &core->addrs[bond->first_addr + i].ip;
		if (ip->family == family && family == FAMILY_4) {
			*out = *ip;
			return true;
		}
	}
	iface = bond_carrier_iface(core, bond);
	return iface && iface_source(iface, family, routed, out);
}

/* One list serves all nodes: our own address in it is what the others know us by, and none to send to. The others come first in it
 * from now on. */
static bool sort_peers(struct core *core, struct vip *vip, struct ip *own)
{
	struct ip *peers = core->config.peers + vip->cfg.first_peer;
	unsigned n = 0;

	for (unsigned i = 0; i < vip->cfg.n_peers; i++) {
		struct ip peer = peers[i];
		if (model_is_own_source(core, &core->lans[vip->lan], &peer))
			continue;
		peers[i] = peers[n];
		peers[n++] = peer;
	}
	vip->n_peers = n;
	if (n < vip->cfg.n_peers)
		*own = peers[n];
	return n < vip->cfg.n_peers;
}

bool model_source(struct core *core, struct vip *vip)
{
	const struct ip *peer = core->config.peers + vip->cfg.first_peer;
	const struct lan *lan = &core->lans[vip->lan];

	if (!vip->cfg.n_peers)
		return lan_source(core, lan, vip->cfg.family, false, &vip->source);
	if (sort_peers(core, vip, &vip->source))
		return true;
	return lan_source(core, lan, vip->cfg.family, !ip_is_link_local(peer), &vip->source) ||
	       lan_source(core, lan, vip->cfg.family, false, &vip->source);
}

struct source *model_source_room(struct iface *iface, const struct ip *ip)
{
	if (iface->n_sources < MAX_SOURCES)
		return &iface->sources[iface->n_sources++];
	for (unsigned i = MAX_SOURCES; i-- > 0 && ip_is_link_local(ip);) {
		if (!ip_is_link_local(&iface->sources[i].ip))
			return &iface->sources[i];
	}
	return NULL;
}

static bool iface_has(const struct iface *iface, const struct ip *ip)
{
	for (unsigned i = 0; i < iface->n_sources; i++) {
		if (ip_equal(&iface->sources[i].ip, ip))
			return true;
	}
	return false;
}

bool model_is_own_source(const struct core *core, const struct lan *lan, const struct ip *ip)
{
	const struct bond *bond;

	if (lan->bond == NONE)
		return iface_has(&core->ifaces[lan->iface], ip);
	bond = &core->bonds[lan->bond];
	for (unsigned i = 0; i < bond->n_addrs; i++) {
		if (ip_equal(&core->addrs[bond->first_addr + i].ip, ip))
			return true;
	}
	if (bond->iface != NONE)
		return iface_has(&core->ifaces[bond->iface], ip);
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (iface_has(&core->ifaces[bond->ports[i].iface], ip))
			return true;
	}
	return false;
}

bool model_is_own_mac(const struct core *core, const struct lan *lan, const uint8_t mac[MAC_SIZE])
{
	const struct bond *bond;

	if (lan->bond == NONE)
		return memcmp(core->ifaces[lan->iface].mac, mac, MAC_SIZE) == 0;
	bond = &core->bonds[lan->bond];
	if (bond->iface != NONE && memcmp(core->ifaces[bond->iface].mac, mac, MAC_SIZE) == 0)
		return true;
	for (unsigned i = 0; i < bond->n_ports; i++) {
		if (memcmp(core->ifaces[bond->ports[i].iface].mac, mac, MAC_SIZE) == 0)
			return true;
	}
	return false;
}
