/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/log.h"
#include "config/load.h"
#include "daemon/clock.h"
#include "daemon/loader.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/runner.h"
#include "daemon/transition.h"

enum {
	PUBLISH_A_TURN = 16,
	RETELL_US = 100000,
	LAST_HOOKS_US = 5000000,     /* how long the end waits for hooks of the last changes */
	GATHER_NS = 500000,          /* how long packets of a flood are left to gather: 5 % of the shortest advert interval */
	FLOOD_WINDOW_NS = 20000000,  /* a flood is so much within so long: 4,000 packets a second */
	FLOOD_PACKETS = 80,
};

/* Hundreds of virtual routers at short intervals would wake us for every packet or two, and the wake costs more than the
 * packet. So while packets flood in, their descriptor wakes nobody for GATHER_NS after it did, and then all of them are read
 * at once; when none came meanwhile it wakes again. Nothing is late by it but the answer to a packet, by GATHER_NS at
 * the most: whatever else wakes us, a timer above all, has the packets read first (engine_urgent), and they carry the time
 * of their arrival. */
struct gather {
	uint64_t window_ns;     /* the window's beginning; 0: none yet */
	uint64_t window_count;  /* packets received until then */
	uint64_t count;         /* packets received until packets were last awaited, or the pause began */
	uint64_t until_ns;      /* the end of the pause; NEVER: the descriptor wakes */
	bool flood;
};

struct loop {
	sd_event *event;
	sd_event_source *packets, *beats, *timer, *idle, *watchdog, *retell, *last;
	struct gather gather;
	bool retelling;
	uint64_t watchdog_us; /* between two signs of life for the service manager; 0: it does not ask for any */
	uint64_t armed_us;
	struct engine *engine;
	struct control *control;
	const char *config_path;
	/* reload: one at a time; whoever asks meanwhile waits for the next */
	struct loader *loader;
	sd_event_source *loader_source;
	uint64_t ticket;
	bool reload_again;
	struct transition *transition;
	struct runner *runner;
	int lock;
	const struct handover *handover; /* until the first decision; NULL: there was none */
	bool ready, stopping, ended; /* ended: nothing is waited for any more */
	int status; /* -1: goes on */
};

/* ---- reload ---------------------------------------------------------------------------------------------------- */

static int on_loaded(sd_event_source *source, int fd, uint32_t revents, void *data);

static void reload_answer(struct loop *l, enum reload_result result, const char *text)
{
	control_reloaded(l->control, l->ticket, result, text);
	if (l->ready)
		notify_ready();
}

static void reload_start(struct loop *l)
{
	int r;

	l->ticket++;
	l->reload_again = false;
	if (l->ready)
		notify_reloading();
	l->loader = loader_start(l->config_path, NULL, l->engine->filter);
	if (!l->loader) {
		log_at(LOG_ERR, "cannot reload: %s", strerror(errno));
		reload_answer(l, RELOAD_FAILED, strerror(errno));
		return;
	}
	r = sd_event_add_io(l->event, &l->loader_source, loader_fd(l->loader), EPOLLIN, on_loaded, l);
	if (r < 0) /* Nobody would hear that it is done; the loop itself is out of memory. */
		l->status = EXIT_FAILED;
}

static uint64_t reload_request(void *data)
{
	struct loop *l = data;

	if (l->stopping)
		return 0;
	if (l->loader) {
		l->reload_again = true;
		return l->ticket + 1;
	}
	/* The client is told its ticket before the answer can come: loading answers from the loop at the earliest. */
	reload_start(l);
	return l->loader ? l->ticket : 0;
}

static void log_lines(int level, const char *text)
{
	if (text && text[0])
		log_at(level, "%s", text);
}

static void reload_apply(struct loop *l, struct config *config, struct keys *keys, const char *diagnostics)
{
	int r = engine_configure(l->engine, config, keys, NULL);

	if (r < 0) {
		config_free(config);
		keys_free(keys);
		log_at(LOG_ERR, "cannot take over the configuration: %s", strerror(-r));
		reload_answer(l, RELOAD_FAILED, strerror(-r));
		return;
	}
	engine_plan(l->engine);
	runner_configure(l->runner, l->engine->config);
	l->engine->refused_ns = 0;
	log_lines(LOG_WARNING, diagnostics);
	log_at(LOG_NOTICE, "configuration %s is in force", l->engine->config->digest);
	reload_answer(l, RELOAD_DONE, diagnostics);
}

static int on_loaded(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop *l = data;
	char *diagnostics = NULL;
	struct keys *keys = loader_keys(l->loader);
	struct config *config = loader_finish(l->loader, &diagnostics);
	const char *text = diagnostics ? diagnostics : "";

	(void)source;
	(void)fd;
	(void)revents;
	l->loader = NULL;
	l->loader_source = sd_event_source_disable_unref(l->loader_source);
	if (l->stopping) {
		config_free(config);
		keys_free(keys);
		reload_answer(l, RELOAD_FAILED, "the daemon is stopping");
	} else if (config) {
		reload_apply(l, config, keys, text);
	} else {
		l->engine->refused_ns = clock_boot();
		log_lines(LOG_ERR, text);
		log_at(LOG_ERR, "the configuration is bad, nothing was changed");
		reload_answer(l, RELOAD_BAD, text);
	}
	free(diagnostics);
	if (l->reload_again && !l->stopping)
		reload_start(l);
	return 0;
}

/* ---- re-execution ------------------------------------------------------------------------------------------------- */

static const char *reexec_request(void *data)
{
	struct loop *l = data;

	return l->stopping ? "the daemon is stopping" : transition_request(l->transition);
}

/* This program has taken over: everybody may know. */
static void reexec_done(struct loop *l)
{
	const struct handover *h = l->handover;
	struct action note = { .type = ACT_NOTE, .object = { .type = OBJECT_NODE }, .u.note.code = NOTE_REEXECUTED };
	uint64_t now_ns = clock_boot();

	l->handover = NULL;
	snprintf(note.u.note.reason.name, sizeof note.u.note.reason.name, "%.20s → %.20s", h->version, STANDBYD_VERSION);
	note.u.note.reason.arg[0] = now_ns > h->at_ns ? (int64_t)(now_ns - h->at_ns) : 0;
	journal_add(l->engine->journal, l->engine->core, &note, now_ns);
	control_reexecuted(l->control, REEXEC_DONE, h->version);
}

/* ---- sources --------------------------------------------------------------------------------------------------- */

/* Packets and the clock: the loop itself does the work after every wake (engine_urgent). */
static int on_packets(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source;
	(void)fd;
	(void)revents;
	(void)data;
	return 0;
}

static int on_lifelines(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)fd;
	(void)revents;
	engine_lifelines(l->engine);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)usec;
	l->armed_us = UINT64_MAX;
	return 0;
}

static int on_netlink(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop *l = data;
	int r = engine_netlink(l->engine);

	(void)source;
	(void)fd;
	(void)revents;
	if (r < 0) {
		log_at(LOG_ERR, "the kernel's event socket is broken: %s", strerror(-r));
		l->status = EXIT_FAILED; /* a successor adopts what we hold, and has a new socket */
	}
	return 0;
}

static int on_applier(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)fd;
	(void)revents;
	engine_applier(l->engine);
	return 0;
}

static int on_devices(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)fd;
	(void)revents;
	engine_devices(l->engine);
	return 0;
}

/* Nothing waits that is more urgent: sentences, the log, STATUS. */
static int on_idle(sd_event_source *source, void *data)
{
	struct loop *l = data;

	(void)source;
	journal_publish(l->engine->journal, l->engine->core, PUBLISH_A_TURN);
	if (!journal_pending(l->engine->journal) && !l->stopping)
		notify_status(l->engine->core);
	return 0;
}

static int on_watchdog(sd_event_source *source, uint64_t usec, void *data)
{
	struct loop *l = data;

	notify_watchdog();
	sd_event_source_set_time(source, usec + l->watchdog_us);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_retell(sd_event_source *source, uint64_t usec, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)usec;
	notify_again();
	l->retelling = false; /* the turn's end sees whether it must go on */
	return 0;
}

static int on_last(sd_event_source *source, uint64_t usec, void *data)
{
	struct loop *l = data;

	(void)source;
	(void)usec;
	log_at(LOG_WARNING, "hooks are still under way, and end with the daemon");
	l->ended = true;
	return 0;
}

/* Everything is let go: hooks that tell of it are waited for. */
static void end_with_hooks(struct loop *l)
{
	bool waits = !l->ended && runner_busy(l->runner);

	if (waits && !l->last)
		waits = sd_event_add_time_relative(l->event, &l->last, CLOCK_MONOTONIC, LAST_HOOKS_US, 0, on_last, l) >= 0;
	if (!waits)
		l->status = EXIT_FINE;
}

static void retell_later(struct loop *l)
{
	l->retelling = true;
	sd_event_source_set_time_relative(l->retell, RETELL_US);
	sd_event_source_set_enabled(l->retell, SD_EVENT_ONESHOT);
}

/* sd_event_set_watchdog would wait for a manager that does not read. */
static int add_watchdog(struct loop *l)
{
	int r = sd_watchdog_enabled(0, &l->watchdog_us);

	if (r <= 0)
		return r;
	l->watchdog_us /= 3;
	return sd_event_add_time_relative(l->event, &l->watchdog, CLOCK_MONOTONIC, 0, l->watchdog_us / 8, on_watchdog, l);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct loop *l = data;

	(void)source;
	if (l->stopping) {
		log_at(LOG_WARNING,
		       "told to stop again, exiting at once; the kernel removes the addresses when their lease ends");
		log_stop(LOG_STOP_MS);
		_exit(EXIT_FAILED);
	}
	log_at(LOG_NOTICE, "stopping (signal %u)", info->ssi_signo);
	l->stopping = true;
	transition_cancel(l->transition, "the daemon is stopping");
	notify_stopping();
	engine_stop(l->engine);
	return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)source;
	(void)info;
	reload_request(data);
	return 0;
}

/* All kernel sources have one priority, so that sd-event takes them in turn and none starves; what outranks them is
 * done by engine_urgent before each. */
static int add_sources(struct loop *l)
{
	struct engine *e = l->engine;
	int r = sd_event_add_io(l->event, &l->packets, packets_fd(e->packets), EPOLLIN, on_packets, l);

	if (r >= 0)
		r = sd_event_add_io(l->event, &l->beats, beats_fd(e->beats), EPOLLIN, on_packets, l);
	if (r >= 0)
		r = sd_event_add_io(l->event, NULL, lifelines_fd(e->lifelines), EPOLLIN, on_lifelines, l);
	if (r >= 0)
		r = sd_event_add_io(l->event, NULL, netlink_events_fd(e->netlink), EPOLLIN, on_netlink, l);
	if (r >= 0)
		r = sd_event_add_io(l->event, NULL, applier_fd(e->applier), EPOLLIN, on_applier, l);
	if (r >= 0 && devices_fd(e->devices) >= 0)
		r = sd_event_add_io(l->event, NULL, devices_fd(e->devices), EPOLLIN, on_devices, l);
	if (r >= 0)
		r = sd_event_add_time(l->event, &l->timer, CLOCK_BOOTTIME, UINT64_MAX, 1, on_timer, l);
	if (r >= 0)
		r = sd_event_add_signal(l->event, NULL, SIGTERM, on_stop, l);
	if (r >= 0)
		r = sd_event_add_signal(l->event, NULL, SIGINT, on_stop, l);
	if (r >= 0)
		r = sd_event_add_signal(l->event, NULL, SIGHUP, on_hangup, l);
	if (r >= 0)
		r = sd_event_add_defer(l->event, &l->idle, on_idle, l);
	if (r >= 0)
		r = sd_event_add_time(l->event, &l->retell, CLOCK_MONOTONIC, UINT64_MAX, 0, on_retell, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->retell, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(l->idle, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0 && !(l->transition = transition_new(l->event, e, l->control, l->runner, l->lock)))
		r = -ENOMEM;
	if (r >= 0)
		r = control_attach(l->control, l->event, e, l->config_path, reload_request, reexec_request, l);
	return r;
}

/* ---- turns ----------------------------------------------------------------------------------------------------- */

static void measure_flood(struct gather *g, uint64_t received, uint64_t now_ns)
{
	if (now_ns - g->window_ns < FLOOD_WINDOW_NS)
		return;
	g->flood = (received - g->window_count) * FLOOD_WINDOW_NS >= (now_ns - g->window_ns) * FLOOD_PACKETS;
	g->window_ns = now_ns;
	g->window_count = received;
}

/* more: packets wait that there was no time for. */
static void gather_packets(struct loop *l, bool more)
{
	struct gather *g = &l->gather;
	uint64_t received = packets_counters(l->engine->packets)->received, now_ns = clock_boot();
	bool pause;

	measure_flood(g, received, now_ns);
	if (g->until_ns != NEVER && now_ns < g->until_ns && !more)
		return;
	pause = g->flood && !more && received != g->count;
	if (pause != (g->until_ns != NEVER))
		sd_event_source_set_enabled(l->packets, pause ? SD_EVENT_OFF : SD_EVENT_ON);
	g->count = received;
	g->until_ns = pause ? now_ns + GATHER_NS : NEVER;
}

static void arm_timer(struct loop *l)
{
	uint64_t core = core_deadline(l->engine->core), deadline = core < l->gather.until_ns ? core : l->gather.until_ns;
	uint64_t us = deadline == NEVER ? UINT64_MAX : deadline / 1000 + (deadline % 1000 != 0);

	if (us == l->armed_us)
		return;
	l->armed_us = us;
	sd_event_source_set_time(l->timer, us);
	sd_event_source_set_enabled(l->timer, us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void after_turn(struct loop *l)
{
	struct engine *e = l->engine;

	engine_settle(e);
	if (e->decided && !l->ready) {
		l->ready = true;
		notify_ready();
		sd_event_source_set_enabled(l->idle, SD_EVENT_ONESHOT);
		if (l->handover)
			reexec_done(l);
	}
	if (journal_pending(e->journal))
		sd_event_source_set_enabled(l->idle, SD_EVENT_ONESHOT);
	if (notify_kept() && !l->retelling)
		retell_later(l);
	sd_event_source_set_enabled(l->beats, e->stood_in ? SD_EVENT_OFF : SD_EVENT_ON);
	runner_turn(l->runner);
	if (e->stopped && l->status < 0)
		end_with_hooks(l);
	arm_timer(l);
	transition_turn(l->transition, l->loader || l->stopping || !l->ready);
}

/* One wake of the loop. Whatever woke us, packets and the clock come first. */
static int turn(struct loop *l)
{
	int r = sd_event_prepare(l->event);
	bool more;

	if (r == 0)
		r = sd_event_wait(l->event, UINT64_MAX);
	if (r <= 0)
		return r;
	more = engine_urgent(l->engine);
	r = sd_event_dispatch(l->event);
	gather_packets(l, more);
	after_turn(l);
	return r;
}

int loop_run(struct engine *engine, struct control *control, const char *config_path, const struct handover *handover,
	     int lock, const char *rundir, int launcher)
{
	struct loop l = { .engine = engine, .control = control, .config_path = config_path, .status = -1,
			  .handover = handover, .lock = lock, .armed_us = UINT64_MAX, .gather.until_ns = NEVER };
	int r = sd_event_new(&l.event);

	if (r >= 0 && !(l.runner = runner_new(l.event, engine, rundir, launcher, handover)))
		r = -ENOMEM;
	engine->runner = l.runner;
	if (r >= 0)
		r = add_sources(&l);
	if (r >= 0)
		r = add_watchdog(&l);
	if (r < 0) {
		log_at(LOG_ERR, "cannot set up the event loop: %s", strerror(-r));
		l.status = EXIT_FAILED;
	} else {
		for (unsigned i = 0; handover && i < handover->n_clients; i++)
			control_adopt(control, &handover->clients[i]);
		runner_configure(l.runner, engine->config);
		after_turn(&l);
	}
	while (l.status < 0) {
		r = turn(&l);
		if (r < 0 && r != -EINTR) {
			log_at(LOG_ERR, "the event loop failed: %s", strerror(-r));
			l.status = EXIT_FAILED;
		}
	}
	journal_flush(engine->journal, engine->core);
	control_close(control);
	sd_event_source_disable_unref(l.packets);
	sd_event_source_disable_unref(l.beats);
	transition_free(l.transition);
	engine->runner = NULL;
	runner_free(l.runner);
	sd_event_source_disable_unref(l.timer);
	sd_event_source_disable_unref(l.idle);
	sd_event_source_disable_unref(l.watchdog);
	sd_event_source_disable_unref(l.retell);
	sd_event_source_disable_unref(l.last);
	sd_event_source_disable_unref(l.loader_source);
	sd_event_unref(l.event);
	return l.status;
}
