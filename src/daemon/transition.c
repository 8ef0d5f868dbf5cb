/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/transition.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sentence.h"
#include "daemon/clock.h"
#include "daemon/notify.h"
#include "daemon/reexec.h"
#include "daemon/runner.h"

enum {
	LOOK_US = 3000,    /* how often it is looked whether it is time */
	ENTRIES_A_TURN = 32,
	LOG_WAIT_MS = 20,  /* for the log's last lines: less than an advert may be late */
};

#define QUIET      (10 * NSEC_PER_MSEC)  /* no advert is to be due for so long, which it takes to begin … */
#define QUIET_WAIT (200 * NSEC_PER_MSEC) /* … and at the end of this wait any moment will do */
#define STAND_IN   NSEC_PER_SEC          /* how long a copy of this process speaks at most, until the next program does */
#define PATIENCE   (30 * NSEC_PER_SEC)   /* with what is half done: a vip that is leaving, for one */

struct transition {
	struct engine *engine;
	struct control *control;
	sd_event *event;
	const struct runner *runner;
	int lock;
	struct reexec_check *check; /* NULL: none is under way */
	sd_event_source *checked, *timer;
	uint64_t since_ns;          /* since when it waits for its moment, 0: it does not */
	uint64_t calm_ns;           /* since when nothing is half done, 0: something is */
	FILE *journal;              /* where the journal's entries are written to … */
	uint64_t next_seq;          /* … the next of them */
};

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	(void)data;
	return 0; /* the turn's end looks */
}

struct transition *transition_new(sd_event *event, struct engine *engine, struct control *control,
				  const struct runner *runner, int lock)
{
	struct transition *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	*t = (struct transition){ .engine = engine, .control = control, .event = event, .runner = runner, .lock = lock };
	if (sd_event_add_time(event, &t->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_time, t) < 0 ||
	    sd_event_source_set_enabled(t->timer, SD_EVENT_OFF) < 0) {
		transition_free(t);
		return NULL;
	}
	return t;
}

static void forget(struct transition *t)
{
	if (t->journal)
		fclose(t->journal);
	t->journal = NULL;
	t->since_ns = t->calm_ns = 0;
	sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
}

void transition_free(struct transition *t)
{
	char *said = NULL;
	bool bad;

	if (!t)
		return;
	sd_event_source_disable_unref(t->checked);
	if (t->check)
		reexec_check_finish(t->check, &said, &bad);
	free(said);
	if (t->timer)
		forget(t);
	sd_event_source_disable_unref(t->timer);
	free(t);
}

static void refuse(struct transition *t, enum reexec_result result, const char *why)
{
	log_at(LOG_ERR, "not re-executed: %s", why);
	forget(t);
	control_reexecuted(t->control, result, why);
}

void transition_cancel(struct transition *t, const char *why)
{
	if (t->since_ns || t->check)
		refuse(t, REEXEC_FAILED, why);
}

/* ---- can the next program do it? --------------------------------------------------------------------------------- */

static int open_journal(struct transition *t)
{
	int fd = memfd_create("standbyd-journal", MFD_CLOEXEC);

	t->journal = fd < 0 ? NULL : fdopen(fd, "w");
	if (!t->journal && fd >= 0)
		close(fd);
	t->next_seq = 0;
	return t->journal ? 0 : -1;
}

static int on_checked(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct transition *t = data;
	char *said = NULL;
	bool bad, fine = reexec_check_finish(t->check, &said, &bad);

	(void)source;
	(void)fd;
	(void)revents;
	t->check = NULL;
	t->checked = sd_event_source_disable_unref(t->checked);
	if (!fine)
		refuse(t, bad ? REEXEC_BAD : REEXEC_FAILED, said && said[0] ? said : "out of memory");
	else if (open_journal(t) < 0)
		refuse(t, REEXEC_FAILED, strerror(errno));
	else
		t->since_ns = clock_boot();
	free(said);
	return 0;
}

const char *transition_request(struct transition *t)
{
	if (t->check || t->since_ns)
		return "another re-execution is under way";
	t->check = reexec_check_start();
	if (!t->check)
		return strerror(errno);
	if (sd_event_add_io(t->event, &t->checked, reexec_check_fd(t->check), EPOLLIN, on_checked, t) < 0) {
		char *said = NULL;
		bool bad;
		reexec_check_finish(t->check, &said, &bad);
		free(said);
		t->check = NULL;
		return strerror(ENOMEM);
	}
	log_at(LOG_NOTICE, "re-executing: asking %s", reexec_path());
	return NULL;
}

/* ---- is it time? -------------------------------------------------------------------------------------------------- */

/* The rest of the journal; all that was published before is written already. */
static void write_journal(struct transition *t, struct handover_out *out)
{
	struct journal *journal = t->engine->journal;

	journal_flush(journal, t->engine->core);
	while (!journal_bequeath(journal, &t->next_seq, t->journal, ENTRIES_A_TURN))
		;
	if (fflush(t->journal) == 0 && handover_keep(out, fileno(t->journal)) == 0)
		fprintf(handover_file(out), "journal %d %llu\n", fileno(t->journal), (unsigned long long)journal_last(journal));
}

static bool is_active(const struct core *core)
{
	struct vip_view vip;

	for (unsigned i = 0; i < core_n_vips(core); i++) {
		core_vip(core, i, &vip);
		if (vip.state == VIP_ACTIVE)
			return true;
	}
	return false;
}

/* A program takes tens of milliseconds to begin, which is too long for the shortest adverts and heartbeats: until then a copy of this process
 * sends them. It hears other nodes, so that they know it, and nobody else, and ends with the process. 0: there is none. */
static pid_t start_stand_in(struct transition *t, int heard)
{
	pid_t parent = getpid(), pid = t->engine->config->n_nodes || is_active(t->engine->core) ? fork() : 0;

	if (getpid() == parent)
		return pid > 0 ? pid : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		engine_stand_in(t->engine, clock_boot() + STAND_IN, heard);
	_exit(0);
}

static void end_stand_in(pid_t pid)
{
	if (pid == 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Returns only if it failed: -errno. */
static int become(struct transition *t, struct handover_out *out)
{
	int r = handover_keep(out, t->lock);
	pid_t stand_in;
	int heard;

	fprintf(handover_file(out), "lock %d\n", t->lock);
	if (r == 0)
		r = control_bequeath(t->control, out);
	if (r == 0)
		r = runner_bequeath(t->runner, out);
	if (r < 0)
		return r;
	write_journal(t, out);
	r = handover_write(out, t->engine->core, t->engine->packets, t->engine->beats);
	if (r < 0)
		return r;
	log_at(LOG_NOTICE, "re-executing %s", reexec_path());
	notify_reloading();
	heard = handover_open_heard(out);
	stand_in = start_stand_in(t, heard);
	log_stop(LOG_WAIT_MS); /* what a log that does not read has not got by then is lost */
	fprintf(handover_file(out), "stand-in %d\n", (int)stand_in);
	r = handover_seal(out);
	if (r == 0)
		r = reexec_run();
	end_stand_in(stand_in);
	if (heard >= 0)
		close(heard);
	core_was_deaf(t->engine->core, clock_boot());
	log_start_thread();
	notify_ready();
	return r;
}

static void go(struct transition *t)
{
	struct handover_out *out = handover_new();
	int r = out ? become(t, out) : -errno;

	handover_free(out);
	refuse(t, REEXEC_FAILED, strerror(-r));
}

static void give_up(struct transition *t, const struct object *what)
{
	const char *name = core_object_name(t->engine->core, what);
	char text[SENTENCE_SIZE];

	if (what->type == OBJECT_VIP)
		snprintf(text, sizeof text, "vip %s is still taking over or leaving; try again when it has ended", name);
	else if (what->type == OBJECT_BOND)
		snprintf(text, sizeof text, "bond %s is still being changed; try again when that has ended", name);
	else
		snprintf(text, sizeof text, "there is always something under way; try again");
	refuse(t, REEXEC_FAILED, text);
}

/* Right after the adverts that are due have been sent, and for as long as possible before the next. */
static bool is_quiet(const struct transition *t, uint64_t now_ns)
{
	uint64_t deadline = core_deadline(t->engine->core), waited = now_ns - t->calm_ns;
	uint64_t needed = waited < QUIET_WAIT ? QUIET - QUIET * waited / QUIET_WAIT : 0;

	return deadline > now_ns && deadline - now_ns >= needed;
}

void transition_turn(struct transition *t, bool busy)
{
	uint64_t now_ns = clock_boot();
	struct object what = { .type = OBJECT_NODE };
	bool written;

	if (!t->since_ns)
		return;
	written = journal_bequeath(t->engine->journal, &t->next_seq, t->journal, ENTRIES_A_TURN);
	sd_event_source_set_time_relative(t->timer, LOOK_US);
	sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
	busy |= t->engine->stand_in != 0; /* of the last time: this program is to see its end */
	if (busy || !written || !core_may_succeed(t->engine->core, &what) || !applier_idle(t->engine->applier)) {
		t->calm_ns = 0;
		if (now_ns - t->since_ns > PATIENCE)
			give_up(t, &what);
		return;
	}
	if (!t->calm_ns)
		t->calm_ns = now_ns;
	if (is_quiet(t, now_ns))
		go(t);
}
