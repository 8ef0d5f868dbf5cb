/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Worlds one after the other, in several processes if asked to, until enough has happened or something broke; and the
 * report. Each process takes the next seed, so that whatever their number all seeds up to the last one were played. */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

enum { FAILURES = 64, CHECK_NAME = 32 };

struct failures {
	char check[CHECK_NAME];
	uint64_t count, first_seed;
};

struct job {
	struct statistics statistics;
	struct failures failures[FAILURES];
	_Atomic uint64_t seed; /* that it is at */
};

/* What the processes share. */
struct campaign {
	const struct options *options;
	_Atomic uint64_t next_seed, worlds, takeovers, steps, failed;
	_Atomic bool enough; /* a person says so: worlds that are begun are ended, and the report comes */
	struct timespec begin;
	struct job jobs[CAMPAIGN_JOBS];
};

static double seconds_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

static void count_failure(struct failures *all, const char *check, uint64_t seed, uint64_t count)
{
	for (size_t i = 0; i < FAILURES; i++) {
		if (all[i].count && strcmp(all[i].check, check) != 0)
			continue;
		if (!all[i].count || seed < all[i].first_seed)
			all[i].first_seed = seed;
		snprintf(all[i].check, sizeof all[i].check, "%s", check);
		all[i].count += count;
		return;
	}
}

/* ---- one process ---- */

static bool goes_on(struct campaign *c, uint64_t seed)
{
	const struct options *o = c->options;

	if (seed - o->seed >= o->worlds || c->enough || (c->failed && !o->keep_going))
		return false;
	return (!o->failovers || c->takeovers < o->failovers) && (!o->steps || c->steps < o->steps);
}

static void job_run(struct campaign *c, struct job *job)
{
	static struct world world;
	uint64_t seed;

	while (seed = c->next_seed++, goes_on(c, seed)) {
		uint64_t takeovers = job->statistics.takeovers, steps = job->statistics.steps;

		job->seed = seed;
		if (!(c->options->named ? named_run : c->options->sweeps ? sweep_run : world_run)(&world, c->options, seed, &job->statistics)) {
			count_failure(job->failures, world.failed_check, seed, 1);
			c->failed++;
		}
		c->takeovers += job->statistics.takeovers - takeovers;
		c->steps += job->statistics.steps - steps;
		c->worlds++;
	}
}

/* ---- several ---- */

static void progress(const struct campaign *c)
{
	double wall = seconds_since(&c->begin);

	fprintf(stderr, "%.0f s: %" PRIu64 " takeovers in %" PRIu64 " worlds, %.0f takeovers/s\n", wall, c->takeovers,
		c->worlds, (double)c->takeovers / wall);
}

/* A process that died died of its seed. */
static void job_ended(struct campaign *c, const struct job *job, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	printf("FAILED process: seed %" PRIu64 ", status 0x%x\n", job->seed, (unsigned)status);
	record_replay(c->options, job->seed, SWEEP_NONE, 0);
	c->failed++;
}

static void jobs_wait(struct campaign *c, const pid_t *pids, unsigned n)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	double told = 0;
	unsigned left = n;
	int status;

	while (left) {
		pid_t pid = waitpid(-1, &status, c->options->progress ? WNOHANG : 0);

		for (unsigned i = 0; i < n; i++)
			if (pid > 0 && pids[i] == pid) {
				job_ended(c, &c->jobs[i], status);
				left--;
			}
		if (pid == 0)
			nanosleep(&tick, NULL);
		if (c->options->progress && seconds_since(&c->begin) - told >= 60) {
			told = seconds_since(&c->begin);
			progress(c);
		}
	}
}

static void jobs_run(struct campaign *c, unsigned n)
{
	pid_t pids[CAMPAIGN_JOBS];

	fflush(stdout);
	for (unsigned i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			perror("sim: fork");
			exit(2);
		}
		if (pids[i] > 0)
			continue;
		job_run(c, &c->jobs[i]);
		fflush(stdout);
		_exit(0);
	}
	jobs_wait(c, pids, n);
}

/* ---- the report ---- */

static void interval_add(struct interval *sum, const struct interval *part)
{
	sum->total_ns += part->total_ns;
	sum->count += part->count;
	sum->beyond += part->beyond;
	if (part->longest_ns <= sum->longest_ns)
		return;
	sum->longest_ns = part->longest_ns;
	sum->longest_bound_ns = part->longest_bound_ns;
	sum->longest_seed = part->longest_seed;
}

static void longest_add(uint64_t *longest, uint64_t *seed, uint64_t part, uint64_t part_seed)
{
	if (part <= *longest)
		return;
	*longest = part;
	*seed = part_seed;
}

static void safety_add(struct safety *sum, const struct safety *part)
{
	sum->vip_ns += part->vip_ns;
	interval_add(&sum->doubled, &part->doubled);
	interval_add(&sum->orphaned, &part->orphaned);
	longest_add(&sum->two_holders_ns, &sum->two_seed, part->two_holders_ns, part->two_seed);
	longest_add(&sum->no_holder_ns, &sum->none_seed, part->no_holder_ns, part->none_seed);
}

static void statistics_add(struct statistics *sum, const struct statistics *part)
{
	sum->worlds += part->worlds;
	sum->virtual_ns += part->virtual_ns;
	sum->takeovers += part->takeovers;
	sum->steps += part->steps;
	sum->packets += part->packets;
	sum->lost += part->lost;
	sum->hash += part->hash;
	sum->beat_worlds += part->beat_worlds;
	sum->orders += part->orders;
	sum->beats += part->beats;
	sum->beats_lost += part->beats_lost;
	sum->replays += part->replays;
	for (unsigned i = 0; i < BEAT_FAULT_KINDS; i++)
		sum->beat_faults[i] += part->beat_faults[i];
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		sum->faults[i] += part->faults[i];
	for (unsigned i = 0; i < TAKEOVER_KINDS; i++)
		sum->takeovers_of[i] += part->takeovers_of[i];
	for (unsigned i = 0; i < 2; i++)
		safety_add(&sum->safety[i], &part->safety[i]);
}

static double seconds(uint64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

static void report_interval(const char *what, const struct interval *i, uint64_t vip_ns)
{
	printf("%s: %.1f s in all (%.4f %% of the vips' time), %" PRIu64 " times, %" PRIu64
	       " beyond the bound of the last fault alone, longest %.3f s, bound %.3f s (seed %" PRIu64 ")\n",
	       what, seconds(i->total_ns), vip_ns ? 100.0 * seconds(i->total_ns) / seconds(vip_ns) : 0, i->count, i->beyond,
	       seconds(i->longest_ns), seconds(i->longest_bound_ns), i->longest_seed);
}

static void report_safety(const char *of, const struct safety *s)
{
	if (of)
		printf("%s:\n", of);
	report_interval("two that hear each other hold", &s->doubled, s->vip_ns);
	report_interval("nobody holds though one could", &s->orphaned, s->vip_ns);
	printf("undisturbed: longest two holders %.3f s (seed %" PRIu64 "), longest no holder %.3f s (seed %" PRIu64 ")\n",
	       seconds(s->two_holders_ns), s->two_seed, seconds(s->no_holder_ns), s->none_seed);
}

static void report_kinds(const struct statistics *s)
{
	static const char *const names[TAKEOVER_KINDS] = {
		[TAKEOVER_IPV6] = "IPv6",      [TAKEOVER_V2] = "version 2",	[TAKEOVER_PASSWORD] = "password",
		[TAKEOVER_UNICAST] = "unicast", [TAKEOVER_OWNED] = "owned",	[TAKEOVER_GROUP] = "in a group",
		[TAKEOVER_TRACKED] = "tracked", [TAKEOVER_DELAYED] = "preempt-delay", [TAKEOVER_NOT_PREEMPTED] = "preempt off",
		[TAKEOVER_CLAIMS] = "by claims",
	};

	printf("takeovers:");
	for (unsigned i = 0; i < TAKEOVER_KINDS; i++)
		printf("%s %s %" PRIu64, i ? "," : "", names[i], s->takeovers_of[i]);
	printf("\nfaults:");
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		if (s->faults[i])
			printf(" %s %" PRIu64, fault_name((enum fault_kind)i), s->faults[i]);
	putchar('\n');
}

static void report_beats(const struct statistics *s)
{
	if (!s->beat_worlds)
		return;
	printf("heartbeats: %" PRIu64 " worlds, %" PRIu64 " said, %" PRIu64 " lost, %" PRIu64 " replayed; faults of paths:", s->beat_worlds,
	       s->beats, s->beats_lost, s->replays);
	for (unsigned i = 0; i < BEAT_FAULT_KINDS; i++)
		printf(" %s %" PRIu64, beat_fault_name((enum beat_fault_kind)i), s->beat_faults[i]);
	putchar('\n');
}

static void report(const struct campaign *c, const struct statistics *s, double wall)
{
	uint64_t first = c->options->seed;

	printf("seeds %" PRIu64 " to %" PRIu64 ", worlds %" PRIu64 ", virtual time %.1f h, takeovers %" PRIu64
	       ", steps %" PRIu64 ", packets %" PRIu64 " (%" PRIu64 " lost)\n",
	       first, first + s->worlds - 1, s->worlds, seconds(s->virtual_ns) / 3600, s->takeovers, s->steps, s->packets,
	       s->lost);
	report_kinds(s);
	report_beats(s);
	report_safety(NULL, &s->safety[0]);
	if (s->safety[1].vip_ns) {
		report_safety("by claims", &s->safety[1]);
		printf("the holder was compared with the order of claims %" PRIu64 " times\n", s->orders);
	}
	printf("hash %016" PRIx64 ", wall time %.2f s, %u jobs, %.0f takeovers/s, %.0f steps/s\n", s->hash, wall,
	       c->options->jobs, (double)s->takeovers / wall, (double)s->steps / wall);
}

static struct campaign *running;

static void enough(int signal)
{
	(void)signal;
	running->enough = true;
}

int campaign_run(struct options *options)
{
	struct campaign *c = running = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct statistics sum;
	static struct failures failures[FAILURES];

	if (c == MAP_FAILED) {
		perror("sim: mmap");
		exit(2);
	}
	c->options = options;
	c->next_seed = options->seed;
	clock_gettime(CLOCK_MONOTONIC, &c->begin);
	signal(SIGINT, enough);
	signal(SIGTERM, enough);
	if (options->jobs > 1)
		jobs_run(c, options->jobs);
	else
		job_run(c, &c->jobs[0]);
	for (unsigned j = 0; j < options->jobs; j++) {
		statistics_add(&sum, &c->jobs[j].statistics);
		for (unsigned i = 0; i < FAILURES && c->jobs[j].failures[i].count; i++)
			count_failure(failures, c->jobs[j].failures[i].check, c->jobs[j].failures[i].first_seed,
				      c->jobs[j].failures[i].count);
	}
	report(c, &sum, seconds_since(&c->begin));
	for (size_t i = 0; i < FAILURES && failures[i].count; i++)
		printf("failed %s: %" PRIu64 " worlds, first seed %" PRIu64 "\n", failures[i].check, failures[i].count,
		       failures[i].first_seed);
	return c->failed ? 1 : 0;
}
