/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

static void usage(FILE *out)
{
	fprintf(out, "usage: sim [options]\n"
		     "  --seed N         the first world's seed (default 1); the following worlds are N + 1, N + 2 …\n"
		     "  --worlds N       so many worlds (default 1)\n"
		     "  --failovers N    worlds until N takeovers have happened\n"
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
		{ "help", 0, NULL, 'h' },	{ "lie", 1, NULL, 'L' },	{ NULL, 0, NULL, 0 },
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

struct failures {
	const char *check;
	uint64_t count, first_seed;
};

static void count_failure(struct failures *all, size_t n, const struct world *w)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].check && strcmp(all[i].check, w->failed_check) != 0)
			continue;
		if (!all[i].check)
			all[i].first_seed = w->seed;
		all[i].check = w->failed_check;
		all[i].count++;
		return;
	}
}

static void report(const struct statistics *s, double wall)
{
	printf("worlds %" PRIu64 ", virtual time %.1f h, takeovers %" PRIu64 ", steps %" PRIu64 ", packets %" PRIu64
	       " (%" PRIu64 " lost)\n",
	       s->worlds, (double)s->virtual_ns / NSEC_PER_SEC / 3600, s->takeovers, s->steps, s->packets, s->lost);
	printf("faults:");
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		if (s->faults[i])
			printf(" %s %" PRIu64, fault_name((enum fault_kind)i), s->faults[i]);
	printf("\nlongest two holders %.3f s (seed %" PRIu64 "), longest no holder %.3f s (seed %" PRIu64 ")\n",
	       (double)s->two_holders_ns / NSEC_PER_SEC, s->two_seed, (double)s->no_holder_ns / NSEC_PER_SEC,
	       s->none_seed);
	printf("hash %016" PRIx64 ", wall time %.2f s, %.0f takeovers/s, %.0f steps/s\n", s->hash, wall,
	       (double)s->takeovers / wall, (double)s->steps / wall);
}

int main(int argc, char **argv)
{
	static struct world world;
	static struct statistics statistics;
	struct options options = { .seed = 1, .kind = -1, .faults = ALL_FAULTS, .verbose_from_ns = NEVER };
	struct failures failures[64] = { { NULL, 0, 0 } };
	struct timespec begin, end;
	uint64_t seed, failed = 0;

	parse(argc, argv, &options);
	mallopt(M_MMAP_THRESHOLD, 1 << 30); /* daemons come and go: keep their memory */
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	if (!options.worlds)
		options.worlds = options.failovers || options.steps ? UINT64_MAX : 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (seed = options.seed; statistics.worlds < options.worlds; seed++) {
		if (options.failovers && statistics.takeovers >= options.failovers)
			break;
		if (options.steps && statistics.steps >= options.steps)
			break;
		if (world_run(&world, &options, seed, &statistics))
			continue;
		failed++;
		count_failure(failures, sizeof failures / sizeof failures[0], &world);
		if (!options.keep_going)
			break;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	report(&statistics, (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	for (size_t i = 0; i < sizeof failures / sizeof failures[0] && failures[i].check; i++)
		printf("failed %s: %" PRIu64 " worlds, first seed %" PRIu64 "\n", failures[i].check, failures[i].count,
		       failures[i].first_seed);
	return failed ? 1 : 0;
}
