/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/print_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/text.h"
#include "config/load.h"

static bool is_plain(const char *text)
{
	const char *const letters = "0123456789._-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	return strspn(text, letters + strlen("0123456789._-")) > 0 && !text[strspn(text, letters)];
}

void print_name(FILE *out, const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "y", "n", "null" };
	bool plain = is_plain(text);
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(text, words[i]) == 0)
			plain = false;
	if (plain) {
		fputs(text, out);
		return;
	}
	print_text(out, text);
}

void print_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	fputc('"', out);
}

void print_ip(FILE *out, const struct ip *ip, int prefix)
{
	char text[TEXT_IP_SIZE];
	const char *quote = ip->family == FAMILY_6 ? "\"" : "";
	fprintf(out, "%s%s", quote, text_ip(ip, text));
	if (prefix >= 0)
		fprintf(out, "/%d", prefix);
	fputs(quote, out);
}

static void print_addresses(FILE *out, const struct config *config, unsigned first, unsigned n)
{
	if (!n)
		return;
	fputs("    addresses: [", out);
	for (unsigned i = 0; i < n; i++) {
		const struct config_address *address = &config->addresses[first + i];
		fputs(i ? ", " : "", out);
		fputs(address->on[0] ? "{address: " : "", out);
		print_ip(out, &address->ip, address->prefix);
		if (address->on[0]) {
			fputs(", on: ", out);
			print_name(out, address->on);
			fputc('}', out);
		}
	}
	fputs("]\n", out);
}

void print_duration(FILE *out, const char *key, uint64_t ns)
{
	char text[TEXT_DURATION_SIZE];
	fprintf(out, "    %s: %s\n", key, text_duration_exact(ns, text));
}

static void print_route(FILE *out, const struct config_route *route)
{
	static const struct ip zero;
	fputs("      - {to: ", out);
	if (route->prefix == 0 && memcmp(route->to.bytes, zero.bytes, sizeof zero.bytes) == 0 &&
	    route->via.family != FAMILY_NONE)
		fputs("default", out);
	else
		print_ip(out, &route->to, route->prefix);
	if (route->via.family != FAMILY_NONE) {
		fputs(", via: ", out);
		print_ip(out, &route->via, -1);
	}
	fprintf(out, ", metric: %" PRIu32, route->metric);
	if (route->table)
		fprintf(out, ", table: %" PRIu32, route->table);
	if (route->from.family != FAMILY_NONE) {
		fputs(", from: ", out);
		print_ip(out, &route->from, -1);
	}
	if (route->on_link)
		fputs(", on-link: true", out);
	if (route->mtu)
		fprintf(out, ", mtu: %" PRIu32, route->mtu);
	if (route->on[0]) {
		fputs(", on: ", out);
		print_name(out, route->on);
	}
	fputs("}\n", out);
}

static void print_routes(FILE *out, const struct config *config, unsigned first, unsigned n)
{
	if (n)
		fputs("    routes:\n", out);
	for (unsigned i = 0; i < n; i++)
		print_route(out, &config->routes[first + i]);
}

static void print_rule(FILE *out, const struct config_rule *rule)
{
	fprintf(out, "      - {priority: %" PRIu32 ", table: %" PRIu32, rule->priority, rule->table);
	if (rule->from.family) {
		fputs(", from: ", out);
		print_ip(out, &rule->from, rule->from_prefix);
	}
	if (rule->to.family) {
		fputs(", to: ", out);
		print_ip(out, &rule->to, rule->to_prefix);
	}
	if (rule->mark)
		fprintf(out, ", mark: %" PRIu32, rule->mark);
	if (rule->tos)
		fprintf(out, ", type-of-service: %d", rule->tos);
	fputs("}\n", out);
}

static void print_belongings(FILE *out, const struct config *config, const struct config_bond *bond)
{
	print_addresses(out, config, bond->first_address, bond->n_addresses);
	print_routes(out, config, bond->first_route, bond->n_routes);
}

/* `vlan` is told of every probe whose targets are behind one, so that what is printed means the same without addresses. */
static void print_probe(FILE *out, const struct config *config, const struct config_bond *bond, const struct config_probe *probe)
{
	char interval[TEXT_DURATION_SIZE];
	fputs("      ", out);
	print_name(out, probe->name);
	fprintf(out, ": {kind: %s, targets: [", probe->kind == PROBE_ARP ? "arp" : "ns");
	for (unsigned i = 0; i < probe->n_targets; i++) {
		fputs(i ? ", " : "", out);
		print_ip(out, &probe->targets[i].ip, -1);
	}
	fprintf(out, "], need: %s, interval: %s, lost: %u", probe->all ? "all" : "any",
		text_duration_exact(probe->interval_ns, interval), probe->lost);
	bool tagged = probe->n_targets > 0;
	for (unsigned i = 0; i < probe->n_targets; i++)
		tagged = tagged && probe->targets[i].vlan && probe->targets[i].vlan == probe->targets[0].vlan;
	for (unsigned i = 0; tagged && i < config->n_bonds; i++) {
		const struct config_bond *vlan = &config->bonds[i];
		if (vlan->driver != DRIVER_VLAN || &config->bonds[vlan->link] != bond || vlan->vlan_id != probe->targets[0].vlan)
			continue;
		fputs(", vlan: ", out);
		print_name(out, vlan->name);
	}
	fputs("}\n", out);
}

static void print_link_options(FILE *out, const struct config_bond *bond)
{
	static const char *const policies[] = { [MAC_STABLE] = "stable", [MAC_PORT] = "port" };
	char mac[TEXT_MAC_SIZE];
	if (bond->mtu)
		fprintf(out, "    mtu: %" PRIu32 "\n", bond->mtu);
	if (bond->driver == DRIVER_MOVE || bond->driver == DRIVER_VLAN)
		return;
	if (bond->mac_policy == MAC_FIXED)
		fprintf(out, "    mac: \"%s\"\n", text_mac(bond->mac, mac));
	else
		fprintf(out, "    mac: %s\n", policies[bond->mac_policy]);
}

static void print_bond(FILE *out, const struct config *config, const struct config_bond *bond)
{
	static const char *const drivers[] = {
		[DRIVER_KERNEL] = "kernel", [DRIVER_MOVE] = "move", [DRIVER_TEAM] = "team"
	};
	static const char *const failbacks[] = {
		[FAILBACK_NEVER] = "never", [FAILBACK_BETTER] = "better", [FAILBACK_ALWAYS] = "always"
	};
	fputs("  ", out);
	print_name(out, bond->name);
	fprintf(out, ":\n    driver: %s\n    ports: [", drivers[bond->driver]);
	for (unsigned i = 0; i < bond->n_ports; i++) {
		fputs(i ? ", " : "", out);
		print_name(out, bond->ports[i].spec);
	}
	fputs("]\n", out);
	if (bond->prefer >= 0 || bond->prefer_name[0]) {
		fputs("    prefer: ", out);
		print_name(out, bond->prefer >= 0 ? bond->ports[bond->prefer].spec : bond->prefer_name);
		fputc('\n', out);
	}
	fprintf(out, "    failback: %s\n", failbacks[bond->failback]);
	print_duration(out, "hold", bond->hold_ns);
	fprintf(out, "    damping: %s\n", bond->no_damping ? "false" : "true");
	print_link_options(out, bond);
	print_belongings(out, config, bond);
	if (bond->n_probes)
		fputs("    probes:\n", out);
	for (unsigned i = 0; i < bond->n_probes; i++)
		print_probe(out, config, bond, &config->probes[bond->first_probe + i]);
}

static void print_vlan(FILE *out, const struct config *config, const struct config_bond *vlan)
{
	fputs("  ", out);
	print_name(out, vlan->name);
	fputs(":\n    link: ", out);
	print_name(out, vlan->link < 0 ? "" : config->bonds[vlan->link].name);
	fprintf(out, "\n    id: %d\n", vlan->vlan_id);
	print_link_options(out, vlan);
	print_belongings(out, config, vlan);
}

static void print_peers(FILE *out, const struct config *config, const struct config_vip *vip)
{
	if (!vip->n_peers)
		return;
	fputs("    unicast: [", out);
	for (unsigned i = 0; i < vip->n_peers; i++) {
		fputs(i ? ", " : "", out);
		print_ip(out, &config->peers[vip->first_peer + i], -1);
	}
	fputs("]\n", out);
}

static void print_mac(FILE *out, const struct config_vip *vip)
{
	if (vip->device[0])
		fputs("    mac: virtual\n", out);
}

static void print_checksum(FILE *out, const struct config_vip *vip)
{
	static const char *const policies[] = { [CHECKSUM_RFC9568] = "rfc9568", [CHECKSUM_RFC5798] = "rfc5798" };
	if (vip->checksum != CHECKSUM_AUTO)
		fprintf(out, "    checksum: %s\n", policies[vip->checksum]);
}

static void print_version(FILE *out, const struct config_vip *vip)
{
	char password[AUTH_SIZE + 1] = "";
	if (vip->version == 3)
		return;
	fprintf(out, "    version: %d\n", vip->version);
	if (!vip->has_auth)
		return;
	memcpy(password, vip->auth, AUTH_SIZE);
	fputs("    auth: {kind: pass, password: ", out);
	print_name(out, password);
	fputs("}\n", out);
}

/* Names have characters that make some readers see a map: quotes. */
static void print_tracks(FILE *out, const struct config *config, const struct config_vip *vip, bool lower)
{
	unsigned n = 0;
	for (unsigned i = vip->first_track; i < vip->first_track + vip->n_tracks; i++) {
		const struct config_track *track = &config->tracks[i];
		if ((track->lower > 0) != lower)
			continue;
		fputs(n++ ? ", " : lower ? "    lower: {" : "    require: [", out);
		print_name(out, track->name);
		if (lower)
			fprintf(out, ": %d", track->lower);
	}
	fputs(!n ? "" : lower ? "}\n" : "]\n", out);
}

static void print_vip(FILE *out, const struct config *config, const struct config_vip *vip)
{
	static const char *const protocols[] = { [PROTOCOL_VRRP] = "vrrp", [PROTOCOL_HEARTBEAT] = "heartbeat" };
	fputs("  ", out);
	print_name(out, vip->name);
	fputs(":\n    on: ", out);
	print_name(out, vip->on);
	fprintf(out, "\n    protocol: %s\n", protocols[vip->protocol]);
	if (vip->vrid)
		fprintf(out, "    vrid: %d\n", vip->vrid);
	fprintf(out, "    priority: %d\n", vip->priority);
	print_version(out, vip);
	print_addresses(out, config, vip->first_address, vip->n_addresses);
	if (vip->protocol == PROTOCOL_VRRP && vip->family == FAMILY_6)
		fputs("    family: ipv6\n", out);
	print_peers(out, config, vip);
	if (vip->protocol == PROTOCOL_VRRP)
		print_duration(out, "advert", vip->advert_ns);
	print_mac(out, vip);
	print_checksum(out, vip);
	fprintf(out, "    preempt: %s\n", vip->preempt ? "true" : "false");
	print_duration(out, "preempt-delay", vip->preempt_delay_ns);
	print_duration(out, "lease", vip->lease_ns);
	print_duration(out, "leave-timeout", vip->leave_timeout_ns);
	if (vip->announce_ns)
		print_duration(out, "announce", vip->announce_ns);
	if (!vip->accept)
		fputs("    accept: false\n", out);
	print_tracks(out, config, vip, false);
	print_tracks(out, config, vip, true);
	print_routes(out, config, vip->first_route, vip->n_routes);
	if (vip->n_rules)
		fputs("    routing-policy:\n", out);
	for (unsigned i = 0; i < vip->n_rules; i++)
		print_rule(out, &config->rules[vip->first_rule + i]);
}

void print_one_bond(const struct config *config, const struct config_bond *bond, FILE *out)
{
	if (bond->driver == DRIVER_VLAN)
		print_vlan(out, config, bond);
	else
		print_bond(out, config, bond);
}

void print_one_vip(const struct config *config, const struct config_vip *vip, FILE *out)
{
	print_vip(out, config, vip);
	if (!vip->group[0])
		return;
	fputs("    group: ", out);
	print_name(out, vip->group);
	fputc('\n', out);
}

static int by_group(const void *a, const void *b)
{
	const struct config_vip *one = *(const struct config_vip *const *)a, *other = *(const struct config_vip *const *)b;
	int order = strcmp(one->group, other->group);
	return order ? order : one->group_rank < other->group_rank ? -1 : 1;
}

/* By name, for what order they are written in means nothing. */
static bool print_groups(FILE *out, const struct config *config)
{
	const struct config_vip **members = calloc(config->n_vips + 1, sizeof *members);
	unsigned n = 0;
	for (unsigned i = 0; members && i < config->n_vips; i++)
		if (config->vips[i].group[0])
			members[n++] = &config->vips[i];
	if (n)
		qsort(members, n, sizeof *members, by_group);
	fputs(n ? "\ngroups:\n" : "", out);
	for (unsigned i = 0; i < n; i++) {
		bool first = !i || strcmp(members[i - 1]->group, members[i]->group) != 0;
		fputs(first ? "  " : ", ", out);
		if (first)
			print_name(out, members[i]->group);
		fputs(first ? ": [" : "", out);
		print_name(out, members[i]->name);
		fputs(i + 1 == n || strcmp(members[i + 1]->group, members[i]->group) != 0 ? "]\n" : "", out);
	}
	free(members);
	return members != NULL;
}

static void print_path(FILE *out, const struct config_path *path)
{
	fputs("      ", out);
	print_name(out, path->name);
	fputs(": {on: ", out);
	print_name(out, path->on);
	fputs(", address: ", out);
	print_ip(out, &path->address, -1);
	fprintf(out, ", routed: %s}\n", path->routed ? "true" : "false");
}

void print_one_node(const struct config *config, const struct config_node *node, FILE *out)
{
	fputs("  ", out);
	print_name(out, node->name);
	fputs(":\n    paths:\n", out);
	for (unsigned i = 0; i < node->n_paths; i++)
		print_path(out, &config->paths[node->first_path + i]);
}

void print_heartbeat(const struct config *config, FILE *out)
{
	static const char *const policies[] = {
		[HEARTBEAT_AUTH_OFF] = "off", [HEARTBEAT_AUTH_PERMISSIVE] = "permissive", [HEARTBEAT_AUTH_REQUIRED] = "required"
	};
	const struct config_heartbeat *heartbeat = &config->heartbeat;
	char interval[TEXT_DURATION_SIZE];
	fprintf(out, "heartbeat:\n  interval: %s\n  lost: %u\n  port: %d\n", text_duration_exact(heartbeat->interval_ns, interval),
		heartbeat->lost, heartbeat->port);
	if (heartbeat->key_file[0]) {
		fputs("  key-file: ", out);
		print_name(out, heartbeat->key_file);
		fputc('\n', out);
	}
	fputs("  auth: ", out);
	print_name(out, policies[heartbeat->auth]);
	fputc('\n', out);
}

static void print_nodes(FILE *out, const struct config *config)
{
	if (!config->n_nodes)
		return;
	fputs("\nnodes:\n", out);
	for (unsigned i = 0; i < config->n_nodes; i++)
		print_one_node(config, &config->nodes[i], out);
	fputc('\n', out);
	print_heartbeat(config, out);
}

static bool print_all(const struct config *config, const struct config_bond *const *bonds,
		      const struct config_vip *const *vips, FILE *out)
{
	unsigned n_vlans = 0;
	for (unsigned i = 0; i < config->n_bonds; i++)
		n_vlans += config->bonds[i].driver == DRIVER_VLAN;
	fputs(config->n_bonds > n_vlans ? "\nbonds:\n" : "", out);
	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct config_bond *bond = bonds ? bonds[i] : &config->bonds[i];
		if (bond->driver != DRIVER_VLAN)
			print_bond(out, config, bond);
	}
	fputs(n_vlans ? "\nvlans:\n" : "", out);
	for (unsigned i = 0; i < config->n_bonds; i++) {
		const struct config_bond *bond = bonds ? bonds[i] : &config->bonds[i];
		if (bond->driver == DRIVER_VLAN)
			print_vlan(out, config, bond);
	}
	print_nodes(out, config);
	fputs(config->n_vips ? "\nvips:\n" : "", out);
	for (unsigned i = 0; i < config->n_vips; i++)
		print_vip(out, config, vips ? vips[i] : &config->vips[i]);
	fputs(config->n_checks ? "\nchecks:\n" : "", out);
	for (unsigned i = 0; i < config->n_checks; i++)
		print_one_check(config, &config->checks[i], out);
	fputs(config->n_hooks ? "\nhooks:\n" : "", out);
	for (unsigned i = 0; i < config->n_hooks; i++)
		print_one_hook(config, &config->hooks[i], out);
	return print_groups(out, config);
}

void config_print(const struct config *config, FILE *out)
{
	fputs("version: 1\nnode: ", out);
	print_name(out, config->node);
	fputc('\n', out);
	print_all(config, NULL, NULL, out);
}

/* ---- digest ---- */

static int by_bond_name(const void *a, const void *b)
{
	return strcmp((*(const struct config_bond *const *)a)->name, (*(const struct config_bond *const *)b)->name);
}

static int by_vip_name(const void *a, const void *b)
{
	return strcmp((*(const struct config_vip *const *)a)->name, (*(const struct config_vip *const *)b)->name);
}

static bool hash_sorted(const struct config *config, const struct config_bond **bonds, const struct config_vip **vips,
			uint64_t *hash)
{
	char *text = NULL;
	size_t size = 0;
	for (unsigned i = 0; i < config->n_bonds; i++)
		bonds[i] = &config->bonds[i];
	for (unsigned i = 0; i < config->n_vips; i++)
		vips[i] = &config->vips[i];
	qsort(bonds, config->n_bonds, sizeof *bonds, by_bond_name);
	qsort(vips, config->n_vips, sizeof *vips, by_vip_name);
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return false;
	bool whole = print_all(config, bonds, vips, out) && !ferror(out);
	if (fclose(out) != 0 || !whole) {
		free(text);
		return false;
	}
	*hash = fnv1a(FNV1A_START, text, size);
	free(text);
	return true;
}

bool print_hash_config(const struct config *config, uint64_t *hash)
{
	const struct config_bond **bonds = calloc(config->n_bonds + 1, sizeof *bonds);
	const struct config_vip **vips = calloc(config->n_vips + 1, sizeof *vips);
	bool done = bonds && vips && hash_sorted(config, bonds, vips, hash);
	free(bonds);
	free(vips);
	return done;
}
