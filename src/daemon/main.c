/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standbyd: the order in which the daemon comes up. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "config/load.h"
#include "daemon/clock.h"
#include "daemon/control.h"
#include "daemon/engine.h"
#include "daemon/hooks.h"
#include "daemon/launcher.h"
#include "daemon/loader.h"
#include "daemon/loop.h"
#include "daemon/options.h"
#include "daemon/privileges.h"
#include "daemon/reexec.h"
#include "daemon/rundir.h"
#include "kernel/release.h"

enum { NETLINK_BUFFER = 8 * 1024 * 1024 }; /* about ten thousand address changes while we sleep */

struct daemon {
	struct options options;
	struct config *config;
	struct keys *keys;
	struct filter filter;
	int rundir, lock, launcher;
	struct handover *handover; /* of a predecessor in this process; NULL: there was none */
	struct control *control;
	struct record_world world;
	struct record_data previous;
	struct orders orders;
	struct loans loans;
	struct engine engine;
};

/* Without it the loop waits for a slow log, which is no reason to do nothing at all. */
static void start_log(void)
{
	int r = log_start_thread();

	if (r < 0)
		log_at(LOG_WARNING, "cannot start the log's thread: %s", strerror(-r));
}

static int fail(const char *what)
{
	log_at(LOG_ERR, "%s: %s", what, strerror(errno));
	return EXIT_FAILED;
}

/* A socket per interface and family, and thousands of interfaces are allowed. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Blocked before any thread exists, so that only the loop's signalfd has them. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int check_kernel(void)
{
	struct utsname name;

	if (uname(&name) < 0 || release_is_at_least(name.release, RELEASE_MAJOR, RELEASE_MINOR))
		return -1;
	log_at(LOG_ERR,
	       "this is Linux %s, and standbyd needs %d.%d or later: without IFA_PROTO it cannot tell its own addresses from "
	       "others'", name.release, RELEASE_MAJOR, RELEASE_MINOR);
	return EXIT_FAILED;
}

static int load_config(struct daemon *d)
{
	d->config = config_load(d->options.config, stderr);
	if (!d->config)
		return EXIT_CONFIG;
	if (d->options.check && d->options.reexec && (check_kernel() >= 0 || privileges_check() < 0))
		return EXIT_FAILED;
	if (d->options.check && !d->options.reexec)
		return EXIT_FINE;
	if (!loader_read_keys(d->config, &d->keys, stderr))
		return EXIT_CONFIG;
	return d->options.check ? EXIT_FINE : -1;
}

static void adopt_paths(struct beats *beats, const struct handover *h)
{
	for (unsigned i = 0; h && i < h->n_paths; i++) {
		if (!beats_adopt(beats, h->paths[i].fd, &h->paths[i].address, h->paths[i].port))
			close(h->paths[i].fd);
	}
}

static int open_sockets(struct daemon *d)
{
	d->control = control_open(d->options.rundir, d->rundir, d->handover ? d->handover->control : -1);
	if (!d->control)
		return EXIT_FAILED;
	d->engine.packets = packets_open();
	if (!d->engine.packets)
		return fail("cannot open the packet sockets");
	d->engine.beats = beats_open();
	if (!d->engine.beats)
		return fail("cannot open the sockets of paths");
	adopt_paths(d->engine.beats, d->handover);
	d->engine.lifelines = lifelines_open();
	if (!d->engine.lifelines)
		return fail("cannot open the connections of paths");
	d->engine.netlink = netlink_events_open(NETLINK_BUFFER);
	if (!d->engine.netlink)
		return fail("cannot open the kernel's event socket");
	d->engine.devices = devices_open();
	if (!d->engine.devices)
		return fail("cannot watch devices");
	return -1;
}

static int open_trace(struct daemon *d)
{
	if (!d->options.trace)
		return -1;
	d->engine.trace = fopen(d->options.trace, d->handover ? "ae" : "we");
	return d->engine.trace ? -1 : fail("cannot open the trace file");
}

static void read_record(struct daemon *d)
{
	int r = record_world(&d->world);

	if (r < 0)
		log_at(LOG_WARNING, "cannot tell boot and namespace: %s; a crash will cost the roles", strerror(-r));
	else
		r = record_read(d->rundir, &d->world, clock_boot(), &d->previous);
	if (r == -ESTALE)
		log_at(LOG_NOTICE, "the state file is of another boot, network namespace or version, ignored");
	else if (r == -EBADMSG)
		log_at(LOG_WARNING, "the state file is damaged, ignored");
	else if (r < 0 && r != -ENOENT)
		log_at(LOG_WARNING, "cannot read the state file: %s", strerror(-r));
}

/* Nothing of it is obeyed by half: a file that is not right is none. */
static void read_orders(struct daemon *d)
{
	int r = orders_read(d->rundir, &d->world, &d->orders);

	if (r == -EBADMSG)
		log_at(LOG_WARNING, "the file of orders is damaged, ignored: this node is not drained, nothing is handed over");
	else if (r < 0 && r != -ENOENT && r != -ESTALE)
		log_at(LOG_WARNING, "cannot read the file of orders: %s", strerror(-r));
}

static void read_loans(struct daemon *d)
{
	int r = loans_read(d->rundir, &d->world, &d->loans);

	if (r == -EBADMSG)
		log_at(LOG_WARNING, "the file of loans is damaged, ignored: devices and sysctls of a predecessor may be left");
	else if (r < 0 && r != -ENOENT && r != -ESTALE)
		log_at(LOG_WARNING, "cannot read the file of loans: %s", strerror(-r));
}

static int make_engine(struct daemon *d)
{
	struct engine *e = &d->engine;
	uint64_t seed = clock_boot();

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0)
		log_at(LOG_DEBUG, "no random seed yet: %s", strerror(errno));
	e->rundir = d->rundir;
	e->world = d->world;
	e->core = core_new(seed);
	e->journal = journal_new();
	if (d->handover && e->journal && d->handover->journal >= 0)
		journal_inherit(e->journal, d->handover->journal, d->handover->journal_seq);
	e->hooks = hooks_new();
	for (unsigned i = 0; e->hooks && d->handover && i < d->handover->n_hooks; i++)
		hooks_inherit(e->hooks, d->handover->hooks[i]);
	e->record = record_new(d->rundir, &d->world);
	filter_init(&d->filter, d->rundir, d->options.rundir);
	e->filter = &d->filter;
	if (!filter_enforce(&d->filter, d->config, stderr))
		return EXIT_FAILED;
	e->applier = applier_new(engine_capacity(d->config));
	if (!e->applier)
		return fail("cannot start the applier");
	if (!e->hooks || !e->core || !e->journal || !e->record || engine_configure(e, d->config, d->keys, &d->previous) < 0) {
		errno = ENOMEM;
		return fail("cannot take over the configuration");
	}
	d->config = NULL; /* the engine's now */
	d->keys = NULL;
	log_at(LOG_INFO, "udev %s", devices_fd(e->devices) >= 0 ? "speaks for this network namespace"
							       : "does not speak for this network namespace, no device is waited for");
	log_at(LOG_NOTICE, "standbyd " STANDBYD_VERSION " on node %s, configuration %s", e->config->node,
	       e->config->digest);
	return -1;
}

static int run(struct daemon *d)
{
	struct control *control = d->control;

	engine_inherit(&d->engine, d->handover);
	engine_obey(&d->engine, &d->orders);
	engine_lent(&d->engine, &d->loans);
	engine_resume(&d->engine, &d->previous);
	engine_plan(&d->engine);
	engine_settle(&d->engine);
	d->control = NULL; /* the loop closes it */
	return loop_run(&d->engine, control, d->options.config, d->handover, d->lock, d->options.rundir, d->launcher);
}

static void clean_up(struct daemon *d)
{
	struct engine *e = &d->engine;

	control_close(d->control);
	if (e->stopped)
		filter_end(&d->filter);
	if (e->applier)
		applier_free(e->applier);
	if (e->packets)
		packets_close(e->packets);
	beats_close(e->beats);
	lifelines_close(e->lifelines);
	if (e->netlink)
		netlink_events_close(e->netlink);
	devices_close(e->devices);
	record_free(e->record);
	journal_free(e->journal);
	hooks_free(e->hooks);
	core_free(e->core);
	config_free(e->config);
	keys_free(e->keys);
	keys_free(d->keys);
	config_free(d->config);
	record_data_free(&d->previous);
	orders_free(&d->orders);
	loans_free(&d->loans);
	free(e->answers);
	free(e->listening);
	handover_done(d->handover);
	if (e->trace)
		fclose(e->trace);
	if (d->rundir >= 0)
		close(d->rundir);
}

/* Each step returns -1 to go on, or the exit status. */
static int start(struct daemon *d)
{
	int status = load_config(d);

	if (status < 0)
		status = check_kernel();
	if (status < 0)
		status = privileges_check() < 0 ? EXIT_FAILED : -1;
	if (status < 0) {
		d->launcher = d->handover ? d->handover->launcher : launcher_start(d->options.runner);
		d->rundir = rundir_open(d->options.rundir, &d->lock);
		status = d->rundir < 0 ? EXIT_FAILED : -1;
	}
	if (status < 0)
		status = open_sockets(d);
	if (status < 0)
		status = open_trace(d);
	if (status < 0)
		status = privileges_drop() < 0 ? EXIT_FAILED : -1;
	if (status < 0) {
		start_log();
		read_record(d);
		read_orders(d);
		read_loans(d);
		status = make_engine(d);
	}
	if (status < 0)
		status = run(d);
	return status;
}

int main(int argc, char **argv)
{
	static struct daemon d = { .rundir = -1, .lock = -1, .launcher = -1 };
	int status;

	reexec_remember(argc, argv);
	status = options_parse(argc, argv, &d.options);
	if (status >= 0)
		return status;
	log_open("standbyd", d.options.level);
	d.handover = d.options.check ? NULL : handover_take();
	if (d.handover)
		d.lock = d.handover->lock;
	raise_limits();
	block_signals();
	status = start(&d);
	clean_up(&d);
	log_stop(LOG_STOP_MS);
	return status;
}
