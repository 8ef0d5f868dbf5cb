/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ring of jobs with four positions, each only ever growing: taken ≤ done ≤ ready ≤ queued.
 *
 *   taken … done    answered, wait for applier_next
 *   done … ready    the thread's, which works on copies so that the ring may be enlarged meanwhile
 *   ready … queued  submitted, not yet kicked
 *
 * A job keeps its room from submission until its answer is taken, so an answer always has room. Which room a position has
 * is a table's word (`order`): what is hasty goes before what else is ready. To add an IPv6 address takes the kernel up to half a
 * millisecond where there are thousands, an IPv4 address some microseconds: neither IPv4 vips that are being taken over nor the leases of
 * addresses that are there already can wait for that.
 *
 * What libteam tells unasked waits beside it, each with the position of the first answer that comes after it. */
#include "kernel/applier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/executor.h"
#include "kernel/team.h"

struct told {
	uint64_t at;            /* before the answer of that position */
	struct event_team team; /* ifindex 0: something was lost, EV_OVERRUN */
};

struct applier {
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows up to the next empty line */
	struct job *ring;
	uint32_t *order;        /* by position: index in ring, HASTY while such a job waits there; each index once */
	size_t capacity;
	uint64_t taken, done, ready, queued;
	unsigned n_hasty;       /* between done and queued */
	bool stop;
	struct told told[TEAMS_MAX]; /* one for a team */
	unsigned n_told;

	int wake;    /* an eventfd, readable while jobs are ready that the thread has not taken, or it must stop */
	int eventfd;
	struct executor *executor; /* the thread's, but for injections */

	/* applier_next's alone: what it handed out last, and the snapshot that it is in */
	char *text;
	struct snapshot snapshot;
	unsigned at; /* in the first chunk */
	uint32_t epoch;
	bool in_snapshot;
};

#define HASTY (UINT32_C(1) << 31)

static uint32_t *order_of(struct applier *a, uint64_t position)
{
	return &a->order[position % a->capacity];
}

static struct job *slot(struct applier *a, uint64_t position)
{
	return &a->ring[*order_of(a, position) & ~HASTY];
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static void raise_eventfd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN) /* EAGAIN: it is readable already */
		abort();
}

static void clear_eventfd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
		abort();
}

static void wait_for_work(struct applier *a)
{
	struct pollfd fds[1 + TEAMS_MAX] = {{.fd = a->wake, .events = POLLIN}};
	unsigned n = 1 + teams_poll(executor_teams(a->executor), fds + 1);

	while (poll(fds, n, -1) < 0 && errno == EINTR)
		;
}

static bool is_hasty(const struct action *action)
{
	return action->type == ACT_ADDRESS_RENEW ||
	       (action->type == ACT_ADDRESS_ADD && action->object.type == OBJECT_VIP && action->u.address.ip.family == FAMILY_4);
}

/* The first hasty ones that are ready, at most a batch, go to the front; the order is kept among them and among the others. Each
 * object has one change on its way at most, so they overtake nothing of their own address; and a vip's has nothing to wait for:
 * its interface is there, and removals may wait for it. */
static void advance_hasty(struct applier *a)
{
	uint32_t hasty[EXECUTOR_BATCH];
	unsigned n = 0, most = a->n_hasty < EXECUTOR_BATCH ? a->n_hasty : EXECUTOR_BATCH;
	uint64_t end = a->done, to;

	for (; end < a->ready && n < most; end++) {
		if (*order_of(a, end) & HASTY)
			hasty[n++] = *order_of(a, end);
	}
	to = end;
	for (uint64_t at = end; n > 0 && at-- > a->done;) {
		if (!(*order_of(a, at) & HASTY))
			*order_of(a, --to) = *order_of(a, at);
	}
	for (unsigned i = 0; i < n; i++)
		*order_of(a, a->done + i) = hasty[i];
}

/* Copies what waits, at most a batch, which a snapshot ends: what libteam tells of the jobs after it must come after it.
 * Both eventfds are written and cleared under the lock, so that none is lost. *stop: asked to, and nothing is left. */
static size_t take_jobs(struct applier *a, struct job *jobs, bool *stop)
{
	size_t n = 0;

	pthread_mutex_lock(&a->mutex);
	if (a->n_hasty)
		advance_hasty(a);
	for (uint64_t at = a->done; at < a->ready && n < EXECUTOR_BATCH; at++) {
		if (*order_of(a, at) & HASTY)
			a->n_hasty--;
		*order_of(a, at) &= ~HASTY;
		jobs[n++] = *slot(a, at);
		if (jobs[n - 1].action.type == ACT_SNAPSHOT)
			break;
	}
	*stop = a->stop && !n;
	if (a->done + n == a->ready && !a->stop)
		clear_eventfd(a->wake);
	pthread_mutex_unlock(&a->mutex);
	return n;
}

/* Only a team's newest state matters, so an older one that still waits is dropped. More teams than there is room for: that
 * is an overrun like any other. */
static void put_told(struct applier *a, struct event_team team)
{
	unsigned i = 0;

	while (i < a->n_told && a->told[i].team.ifindex != team.ifindex)
		i++;
	if (i < a->n_told)
		memmove(&a->told[i], &a->told[i + 1], (--a->n_told - i) * sizeof a->told[0]);
	if (a->n_told == TEAMS_MAX) {
		a->n_told = 0;
		team = (struct event_team){0};
	}
	a->told[a->n_told++] = (struct told){.at = a->done, .team = team};
}

static void publish(struct applier *a, const struct job *jobs, size_t n)
{
	struct event event;

	pthread_mutex_lock(&a->mutex);
	while (teams_next(executor_teams(a->executor), &event))
		put_told(a, event.type == EV_TEAM ? event.u.team : (struct event_team){0});
	for (size_t i = 0; i < n; i++)
		*slot(a, a->done++) = jobs[i];
	if (a->n_told || n)
		raise_eventfd(a->eventfd);
	pthread_mutex_unlock(&a->mutex);
}

static void *work(void *argument)
{
	struct applier *a = argument;
	struct job jobs[EXECUTOR_BATCH];
	bool stop = false;

	while (!stop) {
		size_t n;

		wait_for_work(a);
		n = take_jobs(a, jobs, &stop);
		executor_run(a->executor, jobs, n);
		teams_run(executor_teams(a->executor));
		publish(a, jobs, n);
	}
	return NULL;
}

/* All signals are the loop's. */
static int start_thread(struct applier *a)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&a->thread, NULL, work, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		pthread_setname_np(a->thread, "applier");
	return error;
}

/* ---- its owner's side ------------------------------------------------------------------------------------------- */

/* The loop may run at a higher priority than the thread that holds the lock. */
static void init_lock(struct applier *a)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&a->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static void destroy(struct applier *a)
{
	pthread_mutex_destroy(&a->mutex);
	executor_free(a->executor);
	if (a->eventfd >= 0)
		close(a->eventfd);
	if (a->wake >= 0)
		close(a->wake);
	free(a->ring);
	free(a->order);
	free(a);
}

static uint32_t *order_new(size_t capacity)
{
	uint32_t *order = calloc(capacity, sizeof *order);

	for (size_t i = 0; order && i < capacity; i++)
		order[i] = (uint32_t)i;
	return order;
}

struct applier *applier_new(size_t capacity)
{
	struct applier *a = calloc(1, sizeof *a);
	int error;

	if (!a)
		return NULL;
	init_lock(a);
	a->capacity = capacity ? capacity : 1;
	a->ring = calloc(a->capacity, sizeof *a->ring);
	a->order = order_new(a->capacity);
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->eventfd = a->wake < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = a->eventfd < 0 ? errno : a->ring && a->order ? 0 : ENOMEM;
	if (!error && !(a->executor = executor_new()))
		error = errno;
	if (!error)
		error = start_thread(a);
	if (!error)
		return a;
	destroy(a);
	errno = error;
	return NULL;
}

void applier_free(struct applier *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->mutex);
	a->ready = a->queued;
	a->stop = true;
	raise_eventfd(a->wake);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(a->thread, NULL);
	for (; a->taken < a->done; a->taken++)
		job_clear(slot(a, a->taken));
	snapshot_free(&a->snapshot);
	free(a->text);
	destroy(a);
}

int applier_reserve(struct applier *a, size_t capacity)
{
	struct job *ring, *old;
	uint32_t *order, *old_order;

	if (capacity <= a->capacity) /* written by this thread only */
		return 0;
	ring = calloc(capacity, sizeof *ring);
	order = order_new(capacity);
	if (!ring || !order) {
		free(ring);
		free(order);
		return -ENOMEM;
	}
	pthread_mutex_lock(&a->mutex);
	for (uint64_t at = a->taken; at < a->queued; at++) {
		ring[at % capacity] = *slot(a, at);
		order[at % capacity] |= *order_of(a, at) & HASTY;
	}
	old = a->ring;
	old_order = a->order;
	a->ring = ring;
	a->order = order;
	a->capacity = capacity;
	pthread_mutex_unlock(&a->mutex);
	free(old);
	free(old_order);
	return 0;
}

int applier_submit(struct applier *a, const struct action *action)
{
	int result = -ENOBUFS;

	pthread_mutex_lock(&a->mutex);
	if (a->queued - a->taken < a->capacity) {
		*slot(a, a->queued) = (struct job){.action = *action, .fd = -1};
		if (is_hasty(action)) {
			*order_of(a, a->queued) |= HASTY;
			a->n_hasty++;
		}
		a->queued++;
		result = 0;
	}
	pthread_mutex_unlock(&a->mutex);
	return result;
}

void applier_kick(struct applier *a)
{
	pthread_mutex_lock(&a->mutex);
	if (a->ready != a->queued) {
		a->ready = a->queued;
		raise_eventfd(a->wake);
	}
	pthread_mutex_unlock(&a->mutex);
}

bool applier_idle(struct applier *a)
{
	bool idle;

	pthread_mutex_lock(&a->mutex);
	idle = a->taken == a->queued && !a->in_snapshot && a->n_told == 0;
	pthread_mutex_unlock(&a->mutex);
	return idle;
}

int applier_fd(const struct applier *a)
{
	return a->eventfd;
}

void applier_inject(struct applier *a, unsigned nth, int error)
{
	pthread_mutex_lock(&a->mutex);
	executor_inject(a->executor, nth, error);
	pthread_mutex_unlock(&a->mutex);
}

bool applier_inject_waits(struct applier *a)
{
	return executor_inject_waits(a->executor);
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

/* The next item of the snapshot that is being handed out, or its end. */
static void next_item(struct applier *a, struct event *event)
{
	struct snapshot_chunk *chunk = a->snapshot.first;

	if (chunk && a->at == chunk->n) {
		a->snapshot.first = chunk->next;
		a->at = 0;
		free(chunk);
		chunk = a->snapshot.first;
	}
	if (chunk) {
		*event = chunk->items[a->at++];
		return;
	}
	a->snapshot.last = NULL;
	a->in_snapshot = false;
	*event = (struct event){.type = EV_SNAP_END, .epoch = a->epoch};
}

static void snapshot_result(struct applier *a, const struct job *job, struct event *event)
{
	uint32_t epoch = job->action.u.snapshot.epoch;

	if (job->error) {
		*event = (struct event){.type = EV_OVERRUN, .epoch = epoch};
		return;
	}
	a->snapshot = job->snapshot;
	a->at = 0;
	a->epoch = epoch;
	a->in_snapshot = true;
	*event = (struct event){.type = EV_SNAP_BEGIN, .epoch = epoch};
}

static void change_result(const struct job *job, struct event *event)
{
	*event = (struct event){.type = job->error ? EV_FAILED : EV_DONE};
	event->u.result.action = job->action;
	event->u.result.error = job->error;
}

static void told_result(struct applier *a, struct event *event)
{
	struct event_team team = a->told[0].team;

	memmove(&a->told[0], &a->told[1], --a->n_told * sizeof a->told[0]);
	*event = (struct event){.type = team.ifindex ? EV_TEAM : EV_OVERRUN};
	if (team.ifindex)
		event->u.team = team;
}

enum result { RESULT_NONE, RESULT_TOLD, RESULT_JOB };

/* Takes the oldest: what libteam told as an event, an answered job as a copy. None: the eventfd is cleared. */
static enum result take_result(struct applier *a, struct job *job, struct event *event)
{
	enum result result = RESULT_NONE;

	pthread_mutex_lock(&a->mutex);
	if (a->n_told && a->told[0].at <= a->taken) {
		told_result(a, event);
		result = RESULT_TOLD;
	} else if (a->taken < a->done) {
		*job = *slot(a, a->taken++);
		result = RESULT_JOB;
	} else {
		clear_eventfd(a->eventfd);
	}
	pthread_mutex_unlock(&a->mutex);
	return result;
}

bool applier_next(struct applier *a, struct event *event, int *fd, const char **text)
{
	enum result result;
	struct job job;

	free(a->text);
	a->text = NULL;
	*fd = -1;
	*text = "";
	if (a->in_snapshot) {
		next_item(a, event);
		return true;
	}
	result = take_result(a, &job, event);
	if (result != RESULT_JOB)
		return result == RESULT_TOLD;
	if (job.action.type == ACT_SNAPSHOT)
		snapshot_result(a, &job, event);
	else
		change_result(&job, event);
	*fd = job.fd;
	a->text = job.text;
	if (a->text)
		*text = a->text;
	return true;
}
