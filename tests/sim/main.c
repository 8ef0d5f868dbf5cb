/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

static void usage(FILE *out)
{
	fprintf(out, "usage: sim [options]\n"
		     "  --seed N         the first world's seed (default 1); the following worlds are N + 1, N + 2 …\n"
		     "  --worlds N       so many worlds (default 1)\n"
		     "  --failovers N    worlds until N takeovers have happened\n"
		     "  --campaign N     the same with a job for each processor, and word of how far it is each minute\n"
		     "  --peers N        so many nodes of others, 0…3 (default: the seed decides); --peer A,B: only of these kinds:\n"
		     "                   keepalived, strict, deaf, zero, garbage\n"
		     "  --paths N        the nodes have heartbeats by so many paths; 0: none (default: the seed decides)\n"
		     "  --named NAME     the world of that name, by each kind of node: a row of the table in standbyd.yaml(5); all: each of them;\n"
		     "                   list: their names\n"
		     "  --jobs N         so many worlds at a time\n"
		     "  --sweep A,B      each world is a short story that is told again for each action or step of it, with a crash,\n"
		     "                   reload, stall … there: crash, crash-lost, reload, reload-changed, stall, hang, suspend, all\n"
		     "  --stride N       only each N-th of them; --at N: only the N-th\n"
		     "  --steps N        ends after N steps of all cores\n"
		     "  --nodes N        2…16 (default: the seed decides)\n"
		     "  --vips N         1…32 (default: the seed decides)\n"
		     "  --time S         virtual seconds of faults in a world (default: the seed decides)\n"
		     "  --kind KIND      plain, move, kernel or team (default: the seed decides, mixed worlds too)\n"
		     "  --only A,B       only these faults; --without A,B: all but these; --fault-mask BITS\n"
		     "  --verbose[=S]    prints every event and action, from virtual second S on\n"
		     "  --trace-hash     the printed hash covers every line of the trace\n"
		     "  --keep-going     counts failures instead of ending at the first\n"
		     "  --quiet          no trace on failure\n"
		     "  --lie ACTION     the kernel only pretends to do that: a check must notice\n");
}

static uint32_t fault_list(const char *list)
{
	uint32_t mask = 0;
	size_t length;

	for (; *list; list += length + (list[length] == ',')) {
		unsigned kind = 0;

		length = strcspn(list, ",");
		while (kind < FAULT_KINDS && (strlen(fault_name((enum fault_kind)kind)) != length ||
					      strncmp(fault_name((enum fault_kind)kind), list, length) != 0))
			kind++;
		if (kind == FAULT_KINDS) {
			fprintf(stderr, "sim: unknown fault '%.*s'; known are:", (int)length, list);
			for (kind = 0; kind < FAULT_KINDS; kind++)
				fprintf(stderr, " %s", fault_name((enum fault_kind)kind));
			fputc('\n', stderr);
			exit(2);
		}
		mask |= 1U << kind;
	}
	return mask;
}

static uint64_t number(const char *text, uint64_t low, uint64_t high)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*end || end == text || value < low || value > high) {
		fprintf(stderr, "sim: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n", text, low, high);
		exit(2);
	}
	return value;
}

static uint32_t peer_list(const char *list)
{
	uint32_t mask = 0;

	for (unsigned kind = 0; kind < PEER_KINDS; kind++)
		if (strstr(list, peer_name((enum peer_kind)kind)))
			mask |= 1U << kind;
	return mask;
}

static uint32_t sweep_list(const char *list)
{
	uint32_t mask = 0;
	size_t length;

	for (; *list; list += length + (list[length] == ',')) {
		length = strcspn(list, ",");
		for (unsigned kind = SWEEP_NONE + 1; kind < SWEEP_KINDS; kind++)
			if (strncmp(list, "all", length) == 0 || (strlen(sweep_name((enum sweep_kind)kind)) == length &&
								  strncmp(sweep_name((enum sweep_kind)kind), list, length) == 0))
				mask |= 1U << kind;
	}
	if (!mask) {
		fprintf(stderr, "sim: nothing to sweep with\n");
		exit(2);
	}
	return mask;
}

static uint32_t action_mask(const char *name)
{
	for (unsigned type = 0; type < ACT_TYPES; type++)
		if (strcmp(action_type_name((enum action_type)type), name) == 0)
			return 1U << type;
	fprintf(stderr, "sim: unknown action '%s'\n", name);
	exit(2);
}

static int kind_of(const char *name)
{
	static const char *const kinds[] = { "plain", "move", "kernel", "team" };

	for (int i = 0; i < NODE_KINDS; i++)
		if (strcmp(name, kinds[i]) == 0)
			return i;
	usage(stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "seed", 1, NULL, 's' },	{ "worlds", 1, NULL, 'w' },	{ "failovers", 1, NULL, 'f' },
		{ "steps", 1, NULL, 'S' },	{ "nodes", 1, NULL, 'n' },	{ "vips", 1, NULL, 'v' },
		{ "time", 1, NULL, 't' },	{ "kind", 1, NULL, 'k' },	{ "only", 1, NULL, 'o' },
		{ "without", 1, NULL, 'x' },	{ "fault-mask", 1, NULL, 'm' }, { "verbose", 2, NULL, 'V' },
		{ "trace-hash", 0, NULL, 'H' }, { "keep-going", 0, NULL, 'K' }, { "quiet", 0, NULL, 'q' },
		{ "help", 0, NULL, 'h' },	{ "lie", 1, NULL, 'L' },
		{ "sweep", 1, NULL, 'p' },	{ "stride", 1, NULL, 'd' },	{ "at", 1, NULL, 'a' },
		{ "named", 1, NULL, 'N' },
		{ "paths", 1, NULL, 'b' },	{ "peers", 1, NULL, 'P' },	{ "peer", 1, NULL, 'Q' },	{ "jobs", 1, NULL, 'j' },	{ "campaign", 1, NULL, 'c' },		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = number(optarg, 0, UINT64_MAX);
			break;
		case 'w':
			o->worlds = number(optarg, 1, UINT64_MAX);
			break;
		case 'f':
			o->failovers = number(optarg, 1, UINT64_MAX);
			break;
		case 'P':
			o->peers = (int)number(optarg, 0, SIM_PEERS);
			break;
		case 'b':
			o->paths = (int)number(optarg, 0, SIM_PATHS);
			break;
		case 'N':
			if (strcmp(optarg, "list") == 0) {
				named_list();
				exit(0);
			}
			if (!named_is(optarg)) {
				fprintf(stderr, "sim: there is no world '%s'; 'list' names them all\n", optarg);
				exit(2);
			}
			o->named = optarg;
			break;
		case 'Q':
			o->peer_kinds = peer_list(optarg);
			break;
		case 'p':
			o->sweeps = sweep_list(optarg);
			break;
		case 'd':
			o->sweep_stride = number(optarg, 1, UINT64_MAX);
			break;
		case 'a':
			o->sweep_at = number(optarg, 1, UINT64_MAX);
			break;
		case 'c':
			o->failovers = number(optarg, 1, UINT64_MAX);
			o->progress = true;
			o->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
			break;
		case 'j':
			o->jobs = (unsigned)number(optarg, 1, CAMPAIGN_JOBS);
			break;
		case 'S':
			o->steps = number(optarg, 1, UINT64_MAX);
			break;
		case 'n':
			o->nodes = (unsigned)number(optarg, 2, SIM_NODES);
			break;
		case 'v':
			o->vips = (unsigned)number(optarg, 1, SIM_VIPS);
			break;
		case 't':
			o->time_ns = number(optarg, 1, 100000000) * NSEC_PER_SEC;
			break;
		case 'k':
			o->kind = kind_of(optarg);
			break;
		case 'o':
			o->faults = fault_list(optarg);
			break;
		case 'x':
			o->faults &= ~fault_list(optarg);
			break;
		case 'm':
			o->faults = (uint32_t)number(optarg, 0, ALL_FAULTS);
			break;
		case 'V':
			o->verbose_from_ns = optarg ? number(optarg, 0, 1000000000) * NSEC_PER_SEC : 0;
			break;
		case 'H':
			o->trace_hash = true;
			break;
		case 'K':
			o->keep_going = true;
			break;
		case 'L':
			o->lies |= action_mask(optarg);
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1, .kind = -1, .peers = -1, .paths = -1, .faults = ALL_FAULTS, .verbose_from_ns = NEVER, .jobs = 1,
				   .sweep_stride = 1 };

	parse(argc, argv, &options);
	mallopt(M_MMAP_THRESHOLD, 1 << 30); /* daemons come and go: keep their memory */
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	if (!options.worlds)
		options.worlds = options.failovers || options.steps ? UINT64_MAX : 1;
	return campaign_run(&options);
}
