/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ring of jobs with four positions, each only ever growing: taken ≤ done ≤ ready ≤ queued.
 *
 *   taken … done    answered, wait for applier_next
 *   done … ready    the thread's, which works on copies so that the ring may be enlarged meanwhile
 *   ready … queued  submitted, not yet kicked
 *
 * A job keeps its place from submission until its answer is taken, so an answer always has room. */
#include "kernel/applier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/executor.h"

struct applier {
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows up to the next empty line */
	pthread_cond_t work;
	struct job *ring;
	size_t capacity;
	uint64_t taken, done, ready, queued;
	bool stop;

	int eventfd;
	struct executor *executor; /* the thread's, but for injections */

	/* applier_next's alone: what it handed out last, and the snapshot that it is in */
	char *text;
	struct snapshot snapshot;
	unsigned at; /* in the first chunk */
	uint32_t epoch;
	bool in_snapshot;
};

static struct job *slot(struct applier *a, uint64_t position)
{
	return &a->ring[position % a->capacity];
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

/* Copies what waits, at most a batch; 0: asked to stop and nothing is left. */
static size_t take_jobs(struct applier *a, struct job *jobs)
{
	size_t n = 0;

	pthread_mutex_lock(&a->mutex);
	while (a->done == a->ready && !a->stop)
		pthread_cond_wait(&a->work, &a->mutex);
	for (uint64_t at = a->done; at < a->ready && n < EXECUTOR_BATCH; at++)
		jobs[n++] = *slot(a, at);
	pthread_mutex_unlock(&a->mutex);
	return n;
}

/* The eventfd is written under the lock, as it is cleared, so that none is lost. */
static void publish_jobs(struct applier *a, const struct job *jobs, size_t n)
{
	uint64_t one = 1;

	pthread_mutex_lock(&a->mutex);
	for (size_t i = 0; i < n; i++)
		*slot(a, a->done++) = jobs[i];
	if (write(a->eventfd, &one, sizeof one) < 0 && errno != EAGAIN) /* EAGAIN: it is readable already */
		abort();
	pthread_mutex_unlock(&a->mutex);
}

static void *work(void *argument)
{
	struct applier *a = argument;
	struct job jobs[EXECUTOR_BATCH];
	size_t n;

	while ((n = take_jobs(a, jobs)) > 0) {
		executor_run(a->executor, jobs, n);
		publish_jobs(a, jobs, n);
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
static void init_locks(struct applier *a)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&a->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	pthread_cond_init(&a->work, NULL);
}

static void destroy(struct applier *a)
{
	pthread_cond_destroy(&a->work);
	pthread_mutex_destroy(&a->mutex);
	executor_free(a->executor);
	if (a->eventfd >= 0)
		close(a->eventfd);
	free(a->ring);
	free(a);
}

struct applier *applier_new(size_t capacity)
{
	struct applier *a = calloc(1, sizeof *a);
	int error;

	if (!a)
		return NULL;
	init_locks(a);
	a->capacity = capacity ? capacity : 1;
	a->ring = calloc(a->capacity, sizeof *a->ring);
	a->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = !a->ring ? ENOMEM : a->eventfd < 0 ? errno : 0;
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
	pthread_cond_signal(&a->work);
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

	if (capacity <= a->capacity) /* written by this thread only */
		return 0;
	ring = calloc(capacity, sizeof *ring);
	if (!ring)
		return -ENOMEM;
	pthread_mutex_lock(&a->mutex);
	for (uint64_t at = a->taken; at < a->queued; at++)
		ring[at % capacity] = *slot(a, at);
	old = a->ring;
	a->ring = ring;
	a->capacity = capacity;
	pthread_mutex_unlock(&a->mutex);
	free(old);
	return 0;
}

int applier_submit(struct applier *a, const struct action *action)
{
	int result = -ENOBUFS;

	pthread_mutex_lock(&a->mutex);
	if (a->queued - a->taken < a->capacity) {
		*slot(a, a->queued++) = (struct job){.action = *action, .fd = -1};
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
		pthread_cond_signal(&a->work);
	}
	pthread_mutex_unlock(&a->mutex);
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

/* Copies the oldest answered job out of the ring; false: none, and the eventfd is cleared. */
static bool take_result(struct applier *a, struct job *job)
{
	uint64_t count;
	bool any;

	pthread_mutex_lock(&a->mutex);
	any = a->taken < a->done;
	if (any)
		*job = *slot(a, a->taken++);
	else if (read(a->eventfd, &count, sizeof count) < 0 && errno != EAGAIN)
		abort();
	pthread_mutex_unlock(&a->mutex);
	return any;
}

bool applier_next(struct applier *a, struct event *event, int *fd, const char **text)
{
	struct job job;

	free(a->text);
	a->text = NULL;
	*fd = -1;
	*text = "";
	if (a->in_snapshot) {
		next_item(a, event);
		return true;
	}
	if (!take_result(a, &job))
		return false;
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
