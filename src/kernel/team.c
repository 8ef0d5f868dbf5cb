/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/team.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/libteam.h"

enum {
	TEAM_PORTS_MAX = 64, /* of which the enabled ones are disabled at once */
	NOTIFY_COUNT = 2,    /* of GARP and IGMP when a port is enabled; the core announces besides */
	NOTIFY_INTERVAL_MS = 100,
};

struct team {
	struct libteam lt;
	uint64_t named;         /* when an action named it last, counted in actions; 0: never */
	uint64_t overruns;      /* of which it was told anew */
	bool look;              /* something may have changed */
	bool was_told;
	struct event_team told;
};

struct teams {
	int (*ask)(void *);
	void *closure;
	uint64_t actions;
	bool lost;              /* a team exists that is no longer watched */
	struct team team[TEAMS_MAX];
};

struct teams *teams_new(int (*ask)(void *), void *closure)
{
	struct teams *t = calloc(1, sizeof *t);

	if (t) {
		t->ask = ask;
		t->closure = closure;
	}
	return t;
}

void teams_free(struct teams *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < TEAMS_MAX; i++)
		libteam_close(&t->team[i].lt);
	free(t);
}

unsigned teams_open(const struct teams *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TEAMS_MAX; i++)
		n += t->team[i].lt.handle != NULL;
	return n;
}

uint64_t teams_overruns(const struct teams *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TEAMS_MAX; i++)
		n += t->team[i].lt.overruns;
	return n;
}

/* ---- which team ------------------------------------------------------------------------------------------------- */

static void team_close(struct team *team)
{
	libteam_close(&team->lt);
	team->named = 0;
	team->was_told = false;
}

/* A closed one, after those whose device is gone have been closed. If all are open, the one that no action has named the
 * longest is closed. */
static struct team *free_team(struct teams *t)
{
	struct team *oldest = &t->team[0], *closed = NULL;

	for (unsigned i = 0; i < TEAMS_MAX; i++) {
		struct team *team = &t->team[i];

		if (team->lt.handle && libteam_gone(&team->lt))
			team_close(team);
		if (!team->lt.handle)
			closed = team;
		else if (team->named < oldest->named)
			oldest = team;
	}
	if (closed)
		return closed;
	team_close(oldest);
	return oldest;
}

/* Opens a broken handle anew. False: it is closed, and *error says why. */
static bool catch_up(struct team *team, int *error)
{
	int ifindex = team->lt.ifindex;

	team->look = true;
	*error = libteam_catch_up(&team->lt);
	if (*error && *error != ENODEV) {
		libteam_close(&team->lt);
		*error = libteam_open(&team->lt, ifindex);
	}
	if (*error)
		team_close(team);
	return *error == 0;
}

/* The team with all that the kernel has told; NULL and *error. */
static struct team *team_of(struct teams *t, int ifindex, int *error)
{
	struct team *team;

	for (unsigned i = 0; i < TEAMS_MAX; i++) {
		team = &t->team[i];
		if (team->lt.handle && team->lt.ifindex == ifindex)
			return catch_up(team, error) ? team : NULL;
	}
	team = free_team(t);
	*error = libteam_open(&team->lt, ifindex);
	team->look = true;
	return *error ? NULL : team;
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static int set_number(struct teams *t, struct team *team, const char *name, uint32_t number)
{
	struct libteam_option option = {.name = name, .type = LIBTEAM_NUMBER, .number = number};

	return libteam_set(&team->lt, &option, t->ask, t->closure);
}

static int enable(struct teams *t, struct team *team, int port, bool enabled)
{
	struct libteam_option option = {.name = "enabled", .port = port, .type = LIBTEAM_FLAG, .number = enabled};

	return libteam_set(&team->lt, &option, t->ask, t->closure);
}

static const char *const number_names[TEAM_NUMBERS] = {"notify_peers_count", "notify_peers_interval", "mcast_rejoin_count",
						       "mcast_rejoin_interval"};

/* The mode comes last: while it is another, EV_TEAM says that something is missing. */
static int set_mode(struct teams *t, struct team *team)
{
	static const uint32_t numbers[TEAM_NUMBERS] = {NOTIFY_COUNT, NOTIFY_INTERVAL_MS, NOTIFY_COUNT, NOTIFY_INTERVAL_MS};
	struct libteam_option mode = {.name = "mode", .type = LIBTEAM_WORD, .word = "activebackup"};
	int error = 0;

	for (unsigned i = 0; !error && i < TEAM_NUMBERS; i++)
		error = set_number(t, team, number_names[i], numbers[i]);
	return error ? error : libteam_set(&team->lt, &mode, t->ask, t->closure);
}

static int set_mac(struct teams *t, struct team *team, const uint8_t *mac)
{
	static const uint8_t none[MAC_SIZE];
	int error = 0;

	if (memcmp(mac, none, MAC_SIZE) == 0)
		return 0;
	error = t->ask(t->closure);
	return error ? error : libteam_set_mac(&team->lt, mac, MAC_SIZE);
}

/* libteam has no function for that. */
static int set_mtu(struct teams *t, struct team *team, uint32_t mtu)
{
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int error = mtu ? t->ask(t->closure) : 0, fd;

	if (error || !mtu)
		return error;
	if (mtu > INT32_MAX)
		return EINVAL;
	if (!if_indextoname((unsigned)team->lt.ifindex, request.ifr_name))
		return ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	error = ioctl(fd, SIOCSIFMTU, &request) < 0 ? errno : 0;
	close(fd);
	return error;
}

static int create(struct teams *t, const struct action_link *a)
{
	struct team *team;
	int error;

	if (!a->ifname[0] || strnlen(a->ifname, IFNAME_SIZE) == IFNAME_SIZE)
		return EINVAL;
	error = t->ask(t->closure);
	if (error)
		return error;
	team = free_team(t);
	error = libteam_create(&team->lt, a->ifname);
	if (error)
		return error;
	team->look = true;
	team->named = t->actions;
	error = set_mode(t, team);
	if (!error)
		error = set_mac(t, team, a->mac);
	if (!error)
		error = set_mtu(t, team, a->mtu);
	if (error) {
		libteam_destroy(&team->lt);
		team_close(team);
	}
	return error;
}

static void disable_others(struct teams *t, struct team *team, int active)
{
	int ports[TEAM_PORTS_MAX];
	unsigned n = libteam_ports(&team->lt, ports, TEAM_PORTS_MAX);

	for (unsigned i = 0; i < n; i++)
		if (ports[i] != active)
			enable(t, team, ports[i], false);
}

/* No request is asked about here: it puts back what was. */
static int go_ahead(void *closure)
{
	(void)closure;
	return 0;
}

static void put_back(struct team *team, int former)
{
	struct libteam_option active = {.name = "activeport", .type = LIBTEAM_NUMBER, .number = (uint32_t)former};

	if (former)
		libteam_set(&team->lt, &active, go_ahead, NULL);
}

void team_keep(struct teams *t, int ifindex, struct team_options *options)
{
	int error;
	struct team *team = team_of(t, ifindex, &error);

	*options = (struct team_options){0};
	options->known = team && libteam_word(&team->lt, "mode", options->mode, sizeof options->mode);
	for (unsigned i = 0; options->known && i < TEAM_NUMBERS; i++)
		options->known = libteam_number(&team->lt, number_names[i], &options->numbers[i]);
}

void team_put_back(struct teams *t, int ifindex, const struct team_options *options)
{
	struct libteam_option mode = {.name = "mode", .type = LIBTEAM_WORD, .word = options->mode};
	int error;
	struct team *team = options->known ? team_of(t, ifindex, &error) : NULL;

	if (!team)
		return;
	libteam_set(&team->lt, &mode, go_ahead, NULL);
	for (unsigned i = 0; i < TEAM_NUMBERS; i++) {
		struct libteam_option number = {.name = number_names[i], .type = LIBTEAM_NUMBER, .number = options->numbers[i]};

		libteam_set(&team->lt, &number, go_ahead, NULL);
	}
}

/* A port that is enabled already would be enabled in silence: it is disabled first, which harms nobody, as it is not the
 * active one. The former port stays enabled until the new one is: with no enabled port a team sends nothing. That it cannot
 * be disabled is no failure, since a port that is not active carries nothing; the next change tries again. */
static int set_active(struct teams *t, struct team *team, int port)
{
	struct libteam_option active = {.name = "activeport", .type = LIBTEAM_NUMBER, .number = (uint32_t)port};
	int former = libteam_active(&team->lt), error = 0;

	if (!libteam_has_port(&team->lt, port))
		team->lt.stale = true;
	if (team->lt.stale && !catch_up(team, &error))
		return error;
	if (!libteam_has_port(&team->lt, port))
		return ENOENT;
	if (former != port)
		error = enable(t, team, port, false);
	if (!error)
		error = libteam_set(&team->lt, &active, t->ask, t->closure);
	if (error)
		return error;
	error = enable(t, team, port, true);
	if (error) {
		put_back(team, former);
		return error;
	}
	disable_others(t, team, port);
	return 0;
}

bool team_makes(const struct action *a)
{
	return (a->type == ACT_BOND_CREATE || a->type == ACT_BOND_SET || a->type == ACT_SET_ACTIVE) &&
	       a->u.link.driver == DRIVER_TEAM;
}

int team_execute(struct teams *t, const struct action *a)
{
	const struct action_link *link = &a->u.link;
	struct team *team;
	int error = EINVAL;

	t->actions++;
	if (a->type == ACT_BOND_CREATE)
		return create(t, link);
	if (a->type == ACT_BOND_SET && link->bond_set != BOND_SET_MODE)
		return EINVAL;
	team = team_of(t, link->ifindex, &error);
	if (!team)
		return error;
	team->named = t->actions;
	error = a->type == ACT_BOND_SET ? set_mode(t, team) : set_active(t, team, link->port);
	return error && team->lt.handle && !catch_up(team, &(int){0}) ? ENODEV : error;
}

void team_enslaved(struct teams *t, int master)
{
	int error;
	struct team *team = team_of(t, master, &error);

	t->actions++;
	if (!team)
		return;
	team->named = t->actions;
	disable_others(t, team, libteam_active(&team->lt));
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static struct event_team state_of(const struct team *team)
{
	int active = libteam_active(&team->lt);

	return (struct event_team){
		.ifindex = team->lt.ifindex,
		.activebackup = libteam_is_activebackup(&team->lt),
		.active = libteam_has_port(&team->lt, active) && libteam_port_enabled(&team->lt, active) ? active : 0,
	};
}

void team_look(struct teams *t, int ifindex, struct event_team *out)
{
	int error;
	struct team *team = team_of(t, ifindex, &error);

	*out = (struct event_team){.ifindex = ifindex};
	if (!team)
		return;
	*out = team->told = state_of(team);
	team->was_told = true;
	team->look = false;
	team->overruns = team->lt.overruns;
}

unsigned teams_poll(const struct teams *t, struct pollfd *fds)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TEAMS_MAX; i++)
		if (t->team[i].lt.handle)
			fds[n++] = (struct pollfd){.fd = libteam_fd(&t->team[i].lt), .events = POLLIN};
	return n;
}

/* Which of the descriptors are readable is asked of the kernel once for all of them. */
void teams_run(struct teams *t)
{
	struct pollfd fds[TEAMS_MAX];
	unsigned n = teams_poll(t, fds), at = 0;
	int error;

	if (!n || poll(fds, n, 0) <= 0)
		return;
	for (unsigned i = 0; i < TEAMS_MAX; i++)
		if (t->team[i].lt.handle && fds[at++].revents && !catch_up(&t->team[i], &error) && error != ENODEV)
			t->lost = true;
}

static bool differs(const struct event_team *a, const struct event_team *b)
{
	return a->ifindex != b->ifindex || a->activebackup != b->activebackup || a->active != b->active;
}

bool teams_next(struct teams *t, struct event *event)
{
	if (t->lost) {
		t->lost = false;
		*event = (struct event){.type = EV_OVERRUN};
		return true;
	}
	for (unsigned i = 0; i < TEAMS_MAX; i++) {
		struct team *team = &t->team[i];
		struct event_team now;

		if (!team->lt.handle || !team->look)
			continue;
		team->look = false;
		now = state_of(team);
		if (team->was_told && team->overruns == team->lt.overruns && !differs(&now, &team->told))
			continue;
		team->told = now;
		team->was_told = true;
		team->overruns = team->lt.overruns;
		*event = (struct event){.type = EV_TEAM};
		event->u.team = now;
		return true;
	}
	return false;
}
