/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"

enum { LEASE_MIN_S = 3, LEASE_MIN_6_S = 10 }; /* renewing IPv6 addresses costs the kernel far more */

int build_find_bond(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_bonds; i++)
		if (strcmp(config->bonds[i].name, name) == 0)
			return (int)i;
	return -1;
}

#define ADVERT_MAX_3 (40950 * NSEC_PER_MSEC) /* 4095 cs, 12 bits */

/* The parts of the list, in the order in which they are kept: a link-local address first, where adverts are IPv6 (RFC 9568
 * §5.2.9), then the others that are listed, then those that ride along. */
enum part { PART_LINK_LOCAL, PART_LISTED, PART_OTHERS };

/* Where an entry is a map, the interface that it names; NULL: it is no map. */
static const struct value *elsewhere(const struct value *item)
{
	return item->n_items ? &item->items[PLACE_ON] : NULL;
}

static enum part part_of(const struct config_vip *vip, const struct value *item)
{
	const struct ip *ip = &item->address.ip;
	if (ip->family != vip->family)
		return PART_OTHERS;
	if (elsewhere(item) && strcmp(elsewhere(item)->text, vip->on) != 0)
		return PART_LISTED;
	return ip_is_link_local(ip) ? PART_LINK_LOCAL : PART_LISTED;
}

/* On the vip's own interface if it names that one. */
static void append_address(struct build *build, const struct config_vip *vip, const struct value *item, const char *title)
{
	struct config_address *address = &build->config->addresses[build->config->n_addresses];
	const struct value *on = elsewhere(item);
	build_address(build, item, title);
	if (!on || strcmp(on->text, vip->on) == 0)
		return;
	strcpy(address->on, on->text);
	address->bond = build_find_bond(build->config, on->text);
}

static unsigned append_part(struct build *build, const struct config_vip *vip, const struct object_source *source,
			    enum part part)
{
	const struct value *addresses = &source->values[VIP_ADDRESSES];
	unsigned before = build->config->n_addresses;
	for (unsigned i = 0; i < addresses->n_items; i++)
		if (part_of(vip, &addresses->items[i]) == part)
			append_address(build, vip, &addresses->items[i], source->title);
	return build->config->n_addresses - before;
}

/* Made of the virtual router's MAC address, as an interface with it would have (RFC 4291 appendix A). */
static void derive_link_local(struct build *build, const struct config_vip *vip, const struct object_source *source)
{
	struct value *derived = arena_alloc(build->reader->arena, 1, sizeof *derived); /* its place is kept */
	if (!derived)
		return;
	*derived = source->values[VIP_VRID];
	derived->address = (struct config_address){
		.ip = { FAMILY_6, { 0xfe, 0x80, [8] = 0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x02, vip->vrid } }, .prefix = 128
	};
	if (vip->priority == 255)
		diagnostics_error(build->reader->diagnostics, &source->values[VIP_ADDRESSES].place,
				  "'addresses' of %s must have a link-local address, the owner's own one on '%s': over IPv6 "
				  "adverts list one first",
				  source->title, vip->on);
	build_address(build, derived, source->title);
}

static bool has_family(const struct value *addresses, uint8_t family)
{
	for (unsigned i = 0; i < addresses->n_items; i++)
		if (addresses->items[i].address.ip.family == family)
			return true;
	return false;
}

static void take_addresses(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *addresses = &source->values[VIP_ADDRESSES], *family = &source->values[VIP_FAMILY];
	vip->first_address = build->config->n_addresses;
	if (!addresses->n_items)
		return;
	vip->family = family->valid && vip->protocol == PROTOCOL_VRRP ? (uint8_t)family->number : addresses->items[0].address.ip.family;
	vip->n_listed = append_part(build, vip, source, PART_LINK_LOCAL);
	if (vip->protocol == PROTOCOL_VRRP && vip->family == FAMILY_6 && !vip->n_listed) {
		derive_link_local(build, vip, source);
		vip->n_listed = 1;
	}
	vip->n_listed += append_part(build, vip, source, PART_LISTED);
	vip->n_addresses = vip->n_listed + append_part(build, vip, source, PART_OTHERS);
	if (addresses->valid && !has_family(addresses, vip->family))
		diagnostics_error(build->reader->diagnostics, &family->place, "'family' of %s is %s, but it has no %s address",
				  source->title, family->text, vip->family == FAMILY_6 ? "IPv6" : "IPv4");
	if (vip->protocol == PROTOCOL_VRRP && vip->family == FAMILY_6 && vip->n_listed > MAX_VIP_ADDRESSES_6)
		diagnostics_error(build->reader->diagnostics, &addresses->place,
				  "'addresses' of %s has %u IPv6 addresses for adverts over IPv6, the link-local one included; at "
				  "most %d are possible",
				  source->title, vip->n_listed, MAX_VIP_ADDRESSES_6);
}

/* After so long a silence the others take over. RFC 9568 §6.1: Active_Down_Interval, with our own advert interval. */
static uint64_t down_time(const struct config_vip *vip)
{
	if (vip->protocol == PROTOCOL_HEARTBEAT)
		return vip->advert_ns * vip->lost;
	uint64_t scale = vip->version == 2 ? NSEC_PER_SEC : vip->advert_ns; /* RFC 3768 §6.1 */
	return 3 * vip->advert_ns + (256 - vip->priority) * scale / 256;
}

static void refuse_lease(struct build *build, const struct config_vip *vip, const struct object_source *source, uint64_t down_s)
{
	const struct value *lease = &source->values[VIP_LEASE];
	char least[TEXT_DURATION_SIZE], silence[TEXT_DURATION_SIZE];
	text_duration_exact(down_s * NSEC_PER_SEC, least);
	if (vip->protocol == PROTOCOL_HEARTBEAT)
		diagnostics_error(build->reader->diagnostics, &lease->place,
				  "'lease' of %s is %s, but the others notice silence only after 'interval' times 'lost' of "
				  "'heartbeat', %s: make it at least %s, or lower one of them",
				  source->title, lease->text, text_duration_exact(down_time(vip), silence), least);
	else
		diagnostics_error(build->reader->diagnostics, &lease->place,
				  "'lease' of %s must be at least %s: the others notice silence only after 3 adverts and a bit",
				  source->title, least);
}

/* A lease that ends before the others notice the silence would take the addresses off for nothing; one that is longer
 * than need be lets two nodes answer after a crash. */
static void take_lease(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *lease = &source->values[VIP_LEASE];
	bool six = vip->n_listed < vip->n_addresses || vip->family == FAMILY_6;
	uint64_t min_s = six ? LEASE_MIN_6_S : LEASE_MIN_S;
	uint64_t down_s = (down_time(vip) + NSEC_PER_SEC - 1) / NSEC_PER_SEC;

	vip->lease_ns = lease->number;
	if (!lease->given)
		vip->lease_ns = (down_s > min_s ? down_s : min_s) * NSEC_PER_SEC;
	if (!lease->given || !lease->valid || !source->values[VIP_ADVERT].valid || !source->values[VIP_VERSION].valid ||
	    !source->values[VIP_PRIORITY].valid || !source->values[VIP_ADDRESSES].valid)
		return;
	if (lease->number < min_s * NSEC_PER_SEC)
		diagnostics_error(build->reader->diagnostics, &lease->place,
				  "'lease' of %s must be at least 10s because it has IPv6 addresses", source->title);
	else if (lease->number < down_s * NSEC_PER_SEC)
		refuse_lease(build, vip, source, down_s);
}

static bool is_given(const struct value *addresses, unsigned n, const struct ip *ip)
{
	for (unsigned i = 0; i < n; i++)
		if (ip_equal(&addresses->items[i].address.ip, ip))
			return true;
	return false;
}

static void take_peers(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *unicast = &source->values[VIP_UNICAST], *addresses = &source->values[VIP_ADDRESSES];
	struct config *config = build->config;
	vip->first_peer = config->n_peers;
	for (unsigned i = 0; i < unicast->n_items; i++) {
		const struct value *item = &unicast->items[i];
		const struct ip *ip = &item->address.ip;
		if (vip->family && ip->family != vip->family)
			diagnostics_error(build->reader->diagnostics, &item->place,
					  "'unicast' of %s has %s, but its adverts are %s", source->title, item->text,
					  vip->family == FAMILY_6 ? "IPv6" : "IPv4");
		else if (is_given(addresses, addresses->n_items, ip))
			diagnostics_error(build->reader->diagnostics, &item->place,
					  "'unicast' of %s has %s, which is one of its virtual addresses; name the nodes' own",
					  source->title, item->text);
		else if (is_given(unicast, i, ip))
			diagnostics_error(build->reader->diagnostics, &item->place, "'unicast' of %s has %s twice", source->title,
					  item->text);
		config->peers[config->n_peers++] = *ip;
	}
	vip->n_peers = config->n_peers - vip->first_peer;
}

static void take_routes(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *routes = &source->values[VIP_ROUTES];
	struct config *config = build->config;
	vip->first_rule = config->n_rules;
	build_rules(build, &source->values[VIP_POLICY], source->title);
	vip->n_rules = config->n_rules - vip->first_rule;
	vip->first_route = config->n_routes;
	build_routes(build, routes, source->title);
	vip->n_routes = config->n_routes - vip->first_route;
	for (unsigned i = vip->first_route; i < config->n_routes; i++)
		if (strcmp(config->routes[i].on, vip->on) == 0)
			config->routes[i].on[0] = '\0';
	build_check_gateways(build, vip->first_address, vip->n_addresses, routes, source->title);
}

static void take_auth(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *auth = &source->values[VIP_AUTH];
	if (!auth->given || !auth->valid)
		return;
	vip->has_auth = true;
	memcpy(vip->auth, auth->items[AUTH_PASSWORD].text, strlen(auth->items[AUTH_PASSWORD].text));
	if (vip->version == 3)
		diagnostics_error(build->reader->diagnostics, &auth->place,
				  "'auth' of %s needs 'version: 2': version 3 has no authentication (RFC 9568 section 9)",
				  source->title);
}

/* By what it is for, so that it is found again after a restart, with a hash of its interface's name, which may be too long. */
static void name_device(struct config_vip *vip)
{
	uint32_t hash = 2166136261U;
	for (const char *on = vip->on; *on; on++)
		hash = (hash ^ (unsigned char)*on) * 16777619U;
	snprintf(vip->device, sizeof vip->device, "vrrp%c-%u-%05x", vip->family == FAMILY_6 ? '6' : '4', vip->vrid,
		 (hash ^ hash >> 20) & 0xfffff);
}

/* The device with the virtual router's MAC address is on one interface; its addresses are nobody's own; and what has no group to
 * speak to has nobody whose switches and neighbours would be spared anything. */
static void take_mac(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *mac = &source->values[VIP_MAC];
	struct diagnostics *diagnostics = build->reader->diagnostics;
	if (!mac->valid || !mac->number || !vip->vrid)
		return;
	name_device(vip);
	if (vip->bond >= 0 && build->config->bonds[vip->bond].driver == DRIVER_MOVE)
		diagnostics_error(diagnostics, &mac->place,
				  "'mac: virtual' of %s is not possible on '%s', whose driver is move: the device with that MAC "
				  "address cannot move between its ports; use 'mac: interface', or driver kernel or team",
				  source->title, vip->on);
	if (vip->priority == 255)
		diagnostics_error(diagnostics, &mac->place,
				  "'mac: virtual' of %s is not possible at priority 255: the owner's addresses stay on its interface",
				  source->title);
	if (vip->n_peers)
		diagnostics_error(diagnostics, &mac->place,
				  "'mac: virtual' of %s is not possible with 'unicast': adverts go to the multicast group from that "
				  "MAC address", source->title);
}

/* RFC 9568 §6.1, Accept_Mode. */
static void take_accept(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *accept = &source->values[VIP_ACCEPT];
	vip->accept = accept->number;
	if (accept->valid && !accept->number && vip->priority == 255)
		diagnostics_warning(build->reader->diagnostics, &accept->place,
				    "'accept: false' of %s has no effect at priority 255: the owner takes packets to its addresses",
				    source->title);
}

/* What one version has and the other has not. */
static void check_version(struct build *build, const struct config_vip *vip, const struct object_source *source)
{
	const struct value *values = source->values, *advert = &values[VIP_ADVERT];
	struct diagnostics *diagnostics = build->reader->diagnostics;
	if (vip->version == 3 && advert->valid && vip->advert_ns > ADVERT_MAX_3)
		diagnostics_error(diagnostics, &advert->place, "'advert' of %s must be 10ms to 40.95s, not %s", source->title,
				  advert->text);
	if (vip->version != 2)
		return;
	if (advert->valid && vip->advert_ns % NSEC_PER_SEC)
		diagnostics_error(diagnostics, &advert->place,
				  "'advert' of %s must be whole seconds, 1s to 255s, with 'version: 2', not %s", source->title,
				  advert->text);
	if (vip->family == FAMILY_6)
		diagnostics_error(diagnostics, &values[VIP_VERSION].place,
				  "'version' of %s cannot be 2 with IPv6 adverts: version 2 is for IPv4 alone", source->title);
	if (vip->checksum != CHECKSUM_AUTO)
		diagnostics_warning(diagnostics, &values[VIP_CHECKSUM].place,
				    "'checksum' of %s has no effect with 'version: 2', which has only one form", source->title);
}

/* Whom they go to, and what is in them. */
static void take_adverts(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	take_peers(build, vip, source);
	take_auth(build, vip, source);
	check_version(build, vip, source);
}

void build_vip(struct build *build, unsigned index)
{
	struct config *config = build->config;
	struct config_vip *vip = &config->vips[index];
	const struct object_source *source = &build->vips[index];
	const struct value *values = source->values;

	strcpy(vip->name, source->name->text);
	vip->bond = -1;
	if (values[VIP_ON].valid) {
		strcpy(vip->on, values[VIP_ON].text);
		vip->bond = build_find_bond(config, vip->on);
	}
	vip->vrid = (uint8_t)values[VIP_VRID].number;
	vip->priority = (uint8_t)values[VIP_PRIORITY].number;
	vip->checksum = (enum checksum_policy)values[VIP_CHECKSUM].number;
	vip->preempt = values[VIP_PREEMPT].number;
	vip->version = (uint8_t)values[VIP_VERSION].number;
	vip->preempt_delay_ns = values[VIP_PREEMPT_DELAY].number;
	vip->advert_ns = values[VIP_ADVERT].number;
	vip->leave_timeout_ns = values[VIP_LEAVE_TIMEOUT].number;
	vip->announce_ns = values[VIP_ANNOUNCE].number;
	build_protocol(build, vip, source);
	if (values[VIP_ANNOUNCE].valid && vip->announce_ns && vip->announce_ns < NSEC_PER_SEC)
		diagnostics_error(build->reader->diagnostics, &values[VIP_ANNOUNCE].place,
				  "'announce' of %s must be 0s, or 1s to 1h, not %s", source->title, values[VIP_ANNOUNCE].text);
	take_addresses(build, vip, source);
	take_lease(build, vip, source);
	take_routes(build, vip, source);
	if (vip->protocol == PROTOCOL_VRRP)
		take_adverts(build, vip, source);
	take_mac(build, vip, source);
	take_accept(build, vip, source);
	if (values[VIP_PREEMPT_DELAY].given && values[VIP_PREEMPT_DELAY].number && (!vip->preempt || vip->priority == 255))
		diagnostics_warning(build->reader->diagnostics, &values[VIP_PREEMPT_DELAY].place,
				    "'preempt-delay' of %s has no effect%s", source->title,
				    vip->preempt ? " at priority 255: the owner always takes its addresses"
						 : " with 'preempt: false'");
	if (vip->priority == 255 && values[VIP_PREEMPT].valid && !vip->preempt)
		diagnostics_warning(
			build->reader->diagnostics, &values[VIP_PREEMPT].place,
			"'preempt: false' of %s has no effect at priority 255: the owner always takes its addresses",
			source->title);
}
