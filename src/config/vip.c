/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/text.h"
#include "config/build.h"

enum { LEASE_MIN_S = 3, LEASE_MIN_6_S = 10 }; /* renewing IPv6 addresses costs the kernel far more */

static int find_bond(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_bonds; i++)
		if (strcmp(config->bonds[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void append_family(struct build *build, const struct value *addresses, bool listed, const char *title)
{
	for (unsigned i = 0; i < addresses->n_items; i++)
		if ((addresses->items[i].address.ip.family == addresses->items[0].address.ip.family) == listed)
			build_address(build, &addresses->items[i], title);
}

static void take_addresses(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	struct config *config = build->config;
	const struct value *addresses = &source->values[VIP_ADDRESSES];
	vip->first_address = config->n_addresses;
	if (!addresses->n_items)
		return;
	const struct value *first = &addresses->items[0];
	vip->family = first->address.ip.family;
	append_family(build, addresses, true, source->title);
	vip->n_listed = config->n_addresses - vip->first_address;
	append_family(build, addresses, false, source->title);
	vip->n_addresses = config->n_addresses - vip->first_address;
	if (vip->family == FAMILY_6 && addresses->valid)
		diagnostics_error(build->reader->diagnostics, &first->place,
				  "an IPv6 address first in %s (VRRP over IPv6) is not supported yet", source->title);
}

/* RFC 9568 §6.1: Active_Down_Interval, with our own advert interval. */
static uint64_t down_time(const struct config_vip *vip)
{
	return 3 * vip->advert_ns + (256 - vip->priority) * vip->advert_ns / 256;
}

/* A lease that ends before the others notice the silence would take the addresses off for nothing; one that is longer
 * than need be lets two nodes answer after a crash. */
static void take_lease(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *lease = &source->values[VIP_LEASE];
	char least[TEXT_DURATION_SIZE];
	bool six = vip->n_listed < vip->n_addresses || vip->family == FAMILY_6;
	uint64_t min_s = six ? LEASE_MIN_6_S : LEASE_MIN_S;
	uint64_t down_s = (down_time(vip) + NSEC_PER_SEC - 1) / NSEC_PER_SEC;

	vip->lease_ns = lease->number;
	if (!lease->given)
		vip->lease_ns = (down_s > min_s ? down_s : min_s) * NSEC_PER_SEC;
	if (!lease->given || !lease->valid || !source->values[VIP_ADVERT].valid ||
	    !source->values[VIP_PRIORITY].valid || !source->values[VIP_ADDRESSES].valid)
		return;
	if (lease->number < min_s * NSEC_PER_SEC)
		diagnostics_error(build->reader->diagnostics, &lease->place,
				  "'lease' of %s must be at least 10s because it has IPv6 addresses", source->title);
	else if (lease->number < down_s * NSEC_PER_SEC)
		diagnostics_error(
			build->reader->diagnostics, &lease->place,
			"'lease' of %s must be at least %s: the others notice silence only after 3 adverts and a bit",
			source->title, text_duration_exact(down_s * NSEC_PER_SEC, least));
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
		vip->bond = find_bond(config, vip->on);
	}
	vip->vrid = (uint8_t)values[VIP_VRID].number;
	vip->priority = (uint8_t)values[VIP_PRIORITY].number;
	vip->preempt = values[VIP_PREEMPT].number;
	vip->advert_ns = values[VIP_ADVERT].number;
	vip->leave_timeout_ns = values[VIP_LEAVE_TIMEOUT].number;
	take_addresses(build, vip, source);
	take_lease(build, vip, source);
	if (values[VIP_PREEMPT_DELAY].valid && values[VIP_PREEMPT_DELAY].number)
		diagnostics_error(build->reader->diagnostics, &values[VIP_PREEMPT_DELAY].place,
				  "'preempt-delay' of %s other than 0s is not supported yet", source->title);
	if (vip->priority == 255 && values[VIP_PREEMPT].valid && !vip->preempt)
		diagnostics_warning(
			build->reader->diagnostics, &values[VIP_PREEMPT].place,
			"'preempt: false' of %s has no effect at priority 255: the owner always takes its addresses",
			source->title);
}
