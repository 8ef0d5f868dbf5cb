/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a vip rests on: `require`, a list of names, and `lower`, a map of names to numbers. A plain name is one of this
 * configuration, so that a wrong one is found; what the kernel has is named with its kind. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"
#include "config/read.h"
#include "config/scalar.h"
#include "config/suggest.h"

static const char interface_prefix[] = "interface:", route_prefix[] = "route:";

static bool refuse_name(struct build *build, const struct value *name, const char *key, const char *title)
{
	const struct config *config = build->config;
	struct suggestion near = { .typed = name->text };
	for (unsigned i = 0; i < config->n_bonds; i++)
		suggest_try(&near, config->bonds[i].name);
	for (unsigned i = 0; i < config->n_checks; i++)
		suggest_try(&near, config->checks[i].name);
	diagnostics_error(build->reader->diagnostics, &name->place,
			  "'%.64s' in '%s' of %s is no check, bond or vlan of this configuration%s%s%s", name->text, key, title,
			  near.word ? "; did you mean '" : "; an interface is interface:NAME, a route route:NETWORK",
			  near.word ? near.word : "", near.word ? "'?" : "");
	return false;
}

static bool parse_route_name(struct build *build, const struct value *name, const struct config_vip *vip, const char *key,
			     const char *title, struct config_track *track)
{
	const char *text = name->text + strlen(route_prefix);
	struct config_address network;
	track->kind = TRACK_ROUTE;
	if (strcmp(text, "default") == 0) {
		track->to = (struct ip){ .family = vip->family };
		return true;
	}
	if (text_parse_cidr(text, &network.ip, &network.prefix) != 0 || strlen(name->text) >= TRACK_NAME_SIZE) {
		diagnostics_error(build->reader->diagnostics, &name->place,
				  "'%.64s' in '%s' of %s is no route: route:default, or route: and a network with its prefix",
				  name->text, key, title);
		return false;
	}
	track->to = network.ip;
	track->prefix = network.prefix;
	for (unsigned bit = network.prefix; bit < 8 * ip_size(network.ip.family); bit++) {
		if (!(network.ip.bytes[bit / 8] >> (7 - bit % 8) & 1))
			continue;
		diagnostics_error(build->reader->diagnostics, &name->place,
				  "'%.64s' in '%s' of %s is no network: it has bits set behind its prefix", name->text, key, title);
		return false;
	}
	return true;
}

static bool parse_name(struct build *build, const struct value *name, const struct config_vip *vip, const char *key,
		       const char *title, struct config_track *track)
{
	if (strncmp(name->text, route_prefix, strlen(route_prefix)) == 0)
		return parse_route_name(build, name, vip, key, title, track);
	if (strncmp(name->text, interface_prefix, strlen(interface_prefix)) == 0) {
		const char *interface = name->text + strlen(interface_prefix);
		track->kind = TRACK_INTERFACE;
		if (read_is_interface_name(interface)) {
			strcpy(track->ifname, interface);
			return true;
		}
		diagnostics_error(build->reader->diagnostics, &name->place,
				  "'%.64s' in '%s' of %s cannot be the name of an interface", interface, key, title);
		return false;
	}
	track->kind = TRACK_BOND;
	for (unsigned i = 0; i < build->config->n_bonds; i++) {
		track->bond = (int)i;
		if (strcmp(build->config->bonds[i].name, name->text) == 0)
			return true;
	}
	track->kind = TRACK_CHECK;
	track->check = build_find_check(build->config, name->text);
	return track->check >= 0 || refuse_name(build, name, key, title);
}

static void take(struct build *build, struct config_vip *vip, const struct value *name, uint64_t lower, const char *key,
		 const char *title)
{
	struct config *config = build->config;
	struct config_track *track = &config->tracks[config->n_tracks];
	*track = (struct config_track){ .check = -1, .lower = (uint8_t)lower };
	if (!parse_name(build, name, vip, key, title, track))
		return;
	strcpy(track->name, name->text);
	for (unsigned i = vip->first_track; i < config->n_tracks; i++) {
		if (strcmp(config->tracks[i].name, track->name) != 0)
			continue;
		diagnostics_error(build->reader->diagnostics, &name->place, "'%s' stands in 'require' or 'lower' of %s already",
				  track->name, title);
		return;
	}
	config->n_tracks++;
	vip->n_tracks++;
}

void build_tracks(struct build *build, unsigned index)
{
	struct config_vip *vip = &build->config->vips[index];
	const struct object_source *source = &build->vips[index];
	const struct value *require = &source->values[VIP_REQUIRE], *lower = &source->values[VIP_LOWER];
	vip->first_track = build->config->n_tracks;
	for (unsigned i = 0; i < require->n_items; i++)
		take(build, vip, &require->items[i], 0, "require", source->title);
	for (unsigned i = 0; i < lower->n_items; i++)
		take(build, vip, &lower->items[i], lower->items[i].number, "lower", source->title);
	if (lower->n_items && vip->priority == 255)
		diagnostics_error(build->reader->diagnostics, &lower->place,
				  "'lower' of %s cannot be: priority 255 is the owner's, and never lower", source->title);
}
