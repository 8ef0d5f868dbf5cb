/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By which protocol a vip is shared, and which of its keys belong to that one. */
#include "config/build.h"

/* What VRRP alone has, and what there is in its place. */
static const struct {
	enum vip_key key;
	const char *name, *instead;
} vrrp_keys[] = {
	{ VIP_VERSION, "version", "heartbeats have no choice of it, leave it out" },
	{ VIP_FAMILY, "family", "heartbeats go by 'paths' in 'nodes', whatever the vip's addresses are: leave it out" },
	{ VIP_UNICAST, "unicast", "heartbeats go to the addresses of 'paths' in 'nodes'" },
	{ VIP_ADVERT, "advert", "use 'interval' of 'heartbeat', for all vips" },
	{ VIP_CHECKSUM, "checksum", "heartbeats have no choice of it, leave it out" },
	{ VIP_AUTH, "auth", "use 'key-file' of 'heartbeat', for all vips" },
};

static void refuse_vrrp_keys(struct build *build, const struct object_source *source)
{
	bool said = source->values[VIP_PROTOCOL].given;
	for (unsigned i = 0; i < sizeof vrrp_keys / sizeof vrrp_keys[0]; i++) {
		const struct value *value = &source->values[vrrp_keys[i].key];
		if (value->given)
			diagnostics_error(build->reader->diagnostics, &value->place, "'%s' of %s is for 'protocol: vrrp' alone%s; %s",
					  vrrp_keys[i].name, source->title,
					  said ? "" : ", and where 'nodes' are given the default is heartbeat", vrrp_keys[i].instead);
	}
}

static void check_heartbeat(struct build *build, const struct config_vip *vip, const struct object_source *source)
{
	struct diagnostics *diagnostics = build->reader->diagnostics;
	const struct value *values = source->values;
	if (!build->has_nodes) {
		diagnostics_error(diagnostics, &values[VIP_PROTOCOL].place,
				  "'protocol: heartbeat' of %s needs 'nodes', which says who they are; add that, or use 'protocol: vrrp'",
				  source->title);
		return;
	}
	refuse_vrrp_keys(build, source);
	if (vip->priority == 255)
		diagnostics_error(diagnostics, &values[VIP_PRIORITY].place,
				  "'priority' of %s must be 1 to 254, not 255, which is for the owner of the addresses and needs "
				  "'protocol: vrrp'",
				  source->title);
	if (values[VIP_MAC].valid && values[VIP_MAC].number && !values[VIP_VRID].given)
		diagnostics_error(diagnostics, &values[VIP_MAC].place,
				  "'mac: virtual' of %s needs a 'vrid', 1 to 255, which that MAC address ends in", source->title);
}

static void check_vrrp(struct build *build, const struct object_source *source)
{
	if (!source->values[VIP_VRID].given)
		diagnostics_error(build->reader->diagnostics, &source->name->place,
				  "%s has no 'vrid' (the virtual router's number, 1 to 255)", source->title);
}

void build_protocol(struct build *build, struct config_vip *vip, const struct object_source *source)
{
	const struct value *protocol = &source->values[VIP_PROTOCOL];
	const struct config_heartbeat *heartbeat = &build->config->heartbeat;
	vip->protocol = build->has_nodes ? PROTOCOL_HEARTBEAT : PROTOCOL_VRRP;
	if (protocol->given)
		vip->protocol = protocol->valid ? (enum vip_protocol)protocol->number : PROTOCOL_VRRP;
	if (protocol->given && !protocol->valid)
		return; /* which of the keys are wrong depends on it */
	if (vip->protocol == PROTOCOL_VRRP) {
		check_vrrp(build, source);
		return;
	}
	vip->advert_ns = heartbeat->interval_ns;
	vip->lost = heartbeat->lost;
	check_heartbeat(build, vip, source);
}
