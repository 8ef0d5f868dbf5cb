/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

static const char mark[] = "filter"; /* of the run directory */

void filter_init(struct filter *filter, int rundir, const char *path)
{
	uint32_t hash = 2166136261U;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619U;
	filter->rundir = rundir;
	snprintf(filter->table, sizeof filter->table, "standbyd_%08" PRIx32, hash);
}

/* The owner of an address takes packets to it in any case (RFC 9568 §6.1). */
static bool is_filtered(const struct config_vip *vip)
{
	return !vip->accept && vip->priority != 255;
}

static bool is_needed(const struct config *config)
{
	for (unsigned i = 0; i < config->n_vips; i++) {
		if (is_filtered(&config->vips[i]))
			return true;
	}
	return false;
}

/* A set of all addresses of that family. One address may be listed by several vips. */
static void print_set(FILE *f, const struct config *config, uint8_t family)
{
	bool first = true;

	fprintf(f, "\tset addresses%u {\n\t\ttype ipv%u_addr\n\t\tflags interval\n\t\tauto-merge\n", family, family);
	for (unsigned i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		for (unsigned j = 0; is_filtered(vip) && j < vip->n_addresses; j++) {
			const struct ip *ip = &config->addresses[vip->first_address + j].ip;
			char text[TEXT_IP_SIZE];
			if (ip->family != family)
				continue;
			fprintf(f, "%s%s", first ? "\t\telements = { " : ", ", text_ip(ip, text));
			first = false;
		}
	}
	fprintf(f, "%s\t}\n", first ? "" : " }\n");
}

/* Neighbour discovery is no traffic to the address (RFC 9568 §6.4.3), and what this node sends to itself never was on the wire. */
static void print_table(FILE *f, const char *table, const struct config *config)
{
	fprintf(f, "table inet %s {\n", table);
	print_set(f, config, FAMILY_4);
	print_set(f, config, FAMILY_6);
	fprintf(f, "\tchain input {\n\t\ttype filter hook input priority filter - 10; policy accept;\n"
		   "\t\tiif lo accept\n"
		   "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept\n"
		   "\t\tip daddr @addresses4 counter drop\n"
		   "\t\tip6 daddr @addresses6 counter drop\n\t}\n}\n");
}

/* All of it or nothing. False: *out was told why. */
static bool run(const char *commands, FILE *out)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	bool done = false;

	if (nft && nft_ctx_buffer_error(nft) == 0 && nft_ctx_buffer_output(nft) == 0) {
		done = nft_run_cmd_from_buffer(nft, commands) == 0;
		if (!done && out) {
			const char *text = nft_ctx_get_error_buffer(nft);
			fprintf(out, "cannot make the packet filter that 'accept: false' needs: %.*s\n",
				(int)strcspn(text, "\n"), text);
		}
	} else if (out) {
		fprintf(out, "cannot make the packet filter that 'accept: false' needs: %s\n", strerror(ENOMEM));
	}
	if (nft)
		nft_ctx_free(nft);
	return done;
}

static bool replace(const struct filter *filter, const struct config *config, FILE *out)
{
	char *commands = NULL;
	size_t size;
	FILE *f = open_memstream(&commands, &size);
	bool done = false;

	if (f) {
		/* So that deleting it cannot fail. */
		fprintf(f, "add table inet %s\ndelete table inet %s\n", filter->table, filter->table);
		if (config)
			print_table(f, filter->table, config);
		if (fclose(f) == 0)
			done = run(commands, out);
	}
	free(commands);
	return done;
}

static bool is_marked(const struct filter *filter)
{
	return faccessat(filter->rundir, mark, F_OK, 0) == 0;
}

bool filter_enforce(const struct filter *filter, const struct config *config, FILE *out)
{
	int fd;

	if (!is_needed(config)) {
		filter_end(filter);
		return true;
	}
	fd = openat(filter->rundir, mark, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fprintf(out, "cannot note in the run directory that there is a packet filter: %s\n", strerror(errno));
		return false;
	}
	close(fd);
	return replace(filter, config, out);
}

void filter_end(const struct filter *filter)
{
	if (is_marked(filter) && replace(filter, NULL, NULL))
		unlinkat(filter->rundir, mark, 0);
}
