/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs stories and compares what the core says with what the files say it should. `--update` writes it into them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "core/invariant.h"
#include "core/trace.h"
#include "golden.h"

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "tests/unit/golden"
#endif

static void must_round_trip(struct golden *g, const struct event *event)
{
	char first[TRACE_LINE_SIZE], second[TRACE_LINE_SIZE];
	struct event copy;
	size_t at;

	trace_event(event, first, sizeof first);
	if (trace_parse_event(first, &copy, &at) != 0) {
		snprintf(g->error, sizeof g->error, "trace_parse_event refuses '%.120s'", first);
		return;
	}
	trace_event(&copy, second, sizeof second);
	if (strcmp(first, second) != 0)
		snprintf(g->error, sizeof g->error, "trace: '%.80s' becomes '%.80s'", first, second);
}

/* Whoever is reached by that port answers whoever asked. */
static void answer_probe(struct golden *g, const struct action_probe *probe)
{
	const char *link = golden_link_name(g, probe->ifindex);

	for (unsigned i = 0; i < g->n_reach; i++) {
		struct event *event = &g->answers[g->n_answers];

		if (strcmp(g->reach[i].link, link) != 0 || !ip_equal(&g->reach[i].ip, &probe->target))
			continue;
		if (g->n_answers == GOLDEN_ANSWERS) {
			snprintf(g->error, sizeof g->error, "too many answers to probes");
			return;
		}
		*event = (struct event){ .type = EV_PROBE };
		event->u.probe.ifindex = probe->ifindex;
		event->u.probe.target = probe->target;
		event->u.probe.vlan = probe->vlan;
		memcpy(event->u.probe.to, probe->mac, MAC_SIZE);
		g->n_answers++;
	}
}

static void take(struct golden *g, const struct action *a)
{
	golden_print(g, a);
	if (a->type == ACT_NOTE)
		golden_print_hooks(g, a);
	if (a->type == ACT_STOPPED)
		g->dead = true;
	if (a->type == ACT_PROBE)
		answer_probe(g, &a->u.probe);
	if (a->type == ACT_HEARTBEAT) {
		g->incarnation = a->u.heartbeat.message->incarnation;
		g->sequence[a->u.heartbeat.path] = a->u.heartbeat.message->sequence;
	}
	if (a->type == ACT_HEARTBEAT || a->type == ACT_PROBE || a->type == ACT_ADVERT || a->type == ACT_ANNOUNCE || a->type == ACT_NOTE || a->type == ACT_STOPPED)
		return;
	if (g->n_pending < GOLDEN_PENDING)
		g->pending[g->n_pending++] = *a;
	else
		snprintf(g->error, sizeof g->error, "too many pending actions");
}

void golden_feed(struct golden *g, struct event *event)
{
	static const struct event again = { .type = EV_CONTINUE };
	struct action out[64];
	bool more = true;
	const char *broken;

	event->now_ns = g->now;
	if (!event->seen_ns)
		event->seen_ns = g->now;
	must_round_trip(g, event);
	while (more) {
		size_t n = core_step(g->core, event, out, sizeof out / sizeof out[0], &more);

		for (size_t i = 0; i < n; i++)
			take(g, &out[i]);
		*event = again;
		event->now_ns = g->now;
	}
	broken = core_broken(g->core);
	if (broken)
		snprintf(g->error, sizeof g->error, "invariant: %s", broken);
}

/* The kernel tells everybody what was done, the one who asked too. */
static void tell_address(struct golden *g, const struct action *a)
{
	struct event event = { .type = a->type == ACT_ADDRESS_DEL ? EV_ADDRESS_GONE : EV_ADDRESS };

	event.u.address = (struct event_address){
		.ifindex = a->u.address.ifindex,
		.ip = a->u.address.ip,
		.prefix = a->u.address.prefix,
		.ours = true,
		.valid_s = a->u.address.lifetime_s,
		.permanent = a->u.address.lifetime_s == UINT32_MAX,
		.renewed_ns = g->now,
		.cause = 1,
	};
	golden_feed(g, &event);
}

static void tell_route(struct golden *g, const struct action *a)
{
	struct event event = { .type = a->type == ACT_ROUTE_DEL ? EV_ROUTE_GONE : EV_ROUTE };

	event.u.route = (struct event_route){
		.ifindex = a->u.route.ifindex, .route = a->u.route.route, .ours = true, .cause = 1
	};
	golden_feed(g, &event);
}

static void tell_rule(struct golden *g, const struct action *a)
{
	struct event event = { .type = a->type == ACT_RULE_DEL ? EV_RULE_GONE : EV_RULE };

	event.u.rule = (struct event_rule){ .rule = a->u.rule.rule, .ours = true, .cause = 1 };
	golden_feed(g, &event);
}

static void tell_links(struct golden *g, const struct action *a)
{
	struct golden_link *l = golden_link(g, a->u.link.ifname);
	const char *other = a->type == ACT_ENSLAVE || a->type == ACT_RELEASE ? golden_link_name(g, a->u.link.master) : NULL;

	if (l)
		golden_link_tell(g, l);
	if (l && l->link.kind == KIND_TEAM)
		golden_team_tell(g, l);
	for (unsigned i = 0; i < a->u.link.n_ports; i++)
		golden_link_tell(g, golden_link(g, golden_link_name(g, a->u.link.ports[i])));
	l = other ? golden_link(g, other) : NULL;
	if (l)
		golden_link_tell(g, l);
	if (l && l->link.kind == KIND_TEAM)
		golden_team_tell(g, l);
}

static void tell_gone(struct golden *g, const struct action_link *link)
{
	struct event event = { .type = EV_LINK_GONE };

	event.u.link.ifindex = link->ifindex;
	memcpy(event.u.link.name, link->ifname, sizeof event.u.link.name);
	event.u.link.cause = 1;
	golden_feed(g, &event);
}

static void tell(struct golden *g, const struct action *a)
{
	if (a->type >= ACT_ADDRESS_ADD && a->type <= ACT_ADDRESS_DEL)
		tell_address(g, a);
	if (a->type == ACT_ROUTE_ADD || a->type == ACT_ROUTE_DEL)
		tell_route(g, a);
	if (a->type == ACT_RULE_ADD || a->type == ACT_RULE_DEL)
		tell_rule(g, a);
	if ((a->type >= ACT_LINK_UP && a->type <= ACT_LINK_MAC) || a->type == ACT_VMAC_CREATE)
		tell_links(g, a);
	if (a->type == ACT_VMAC_DELETE)
		tell_gone(g, &a->u.link);
}

void golden_make(struct golden *g)
{
	struct action a = g->pending[0];

	g->made_gen = a.gen;
	if (!golden_execute(g, &a))
		tell(g, &a);
}

void golden_answer(struct golden *g, int error)
{
	struct action a = g->pending[0];
	struct event event = { .type = EV_DONE };
	bool made = a.gen && a.gen == g->made_gen;

	memmove(&g->pending[0], &g->pending[1], --g->n_pending * sizeof g->pending[0]);
	if (!error && g->fail_count[a.type]) {
		g->fail_count[a.type]--;
		error = g->fail_errno[a.type];
	}
	if (a.type == ACT_SNAPSHOT) {
		event.type = EV_OVERRUN;
		if (error)
			golden_feed(g, &event);
		else
			golden_snapshot(g, &a);
		return;
	}
	if (!error && a.type == ACT_LOOK && !golden_link(g, a.u.look.ifname))
		error = ENODEV;
	if (!error && !made)
		error = golden_execute(g, &a);
	event.type = error ? EV_FAILED : EV_DONE;
	event.u.result.action = a;
	event.u.result.error = error;
	if (a.type == ACT_LOOK && !error)
		event.u.result.action.u.look.carrier = golden_link(g, a.u.look.ifname)->link.carrier;
	if (a.type == ACT_SYSCTL && a.u.sysctl.read) /* nobody has set any */
		event.u.result.action.u.sysctl.value = 0;
	golden_feed(g, &event);
	if (!error && !made)
		tell(g, &a);
}

void golden_settle(struct golden *g)
{
	unsigned rounds = 0;

	while (g->core && (g->n_answers || (g->auto_done && g->n_pending)) && !g->error[0]) {
		if (g->n_answers) {
			struct event answer = g->answers[0];

			memmove(&g->answers[0], &g->answers[1], --g->n_answers * sizeof g->answers[0]);
			golden_feed(g, &answer);
		} else {
			golden_answer(g, 0);
		}
		if (++rounds > 10000)
			snprintf(g->error, sizeof g->error, "it never comes to rest");
	}
}

void golden_run_until(struct golden *g, uint64_t when)
{
	unsigned stuck = 0;

	while (g->core && !g->dead && !g->error[0]) {
		struct event event = { .type = EV_TIMER };
		uint64_t due = core_deadline(g->core);

		if (due > when)
			break;
		stuck = due > g->now + 1000 ? 0 : stuck + 1; /* a timer that only creeps on is as bad */
		if (due > g->now)
			g->now = due;
		if (stuck > 100)
			snprintf(g->error, sizeof g->error, "the deadline stays in the past");
		golden_feed(g, &event);
		golden_settle(g);
	}
}

/* ---- files ---- */

static char *file_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!f)
		return NULL;
	n = getdelim(&text, &size, 0, f);
	fclose(f);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The lines from `config` to `end` become the configuration that the next start or reload reads. */
static const char *take_config(struct golden *g, const char *p)
{
	const char *end = strstr(p, "\nend\n");

	if (!end) {
		snprintf(g->error, sizeof g->error, "'config' without 'end'");
		return p;
	}
	free(g->yaml);
	g->yaml = strndup(p, (size_t)(end - p) + 1);
	fwrite(p, 1, (size_t)(end - p) + 5, g->out);
	return end + 5;
}

static void story_run(struct golden *g, const char *text)
{
	char line[512];
	const char *p = text;

	while (*p && !g->error[0]) {
		size_t n = strcspn(p, "\n");

		snprintf(line, sizeof line, "%.*s", (int)n, p);
		p += n + (p[n] == '\n');
		if (line[0] == '>')
			continue;
		/* What time brings until this line stands before it. */
		if (line[0] == '+' && g->core && !strstr(line, " late")) {
			char copy[32];

			snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, " "), line);
			golden_line(g, copy);
		}
		fprintf(g->out, "%s\n", line);
		if (strcmp(line, "config") == 0)
			p = take_config(g, p);
		else if (line[0] != '#')
			golden_line(g, line);
		golden_settle(g);
	}
	if (g->error[0])
		fprintf(g->out, "> ERROR after '%s': %s\n", line, g->error);
}

static char *story_play(const char *text, const char *directory)
{
	struct golden *g = calloc(1, sizeof *g);
	char *result = NULL;
	size_t size;

	if (!g)
		return NULL;
	g->out = open_memstream(&result, &size);
	g->directory = directory;
	g->auto_done = true;
	g->now = g->start = 1000 * NSEC_PER_SEC;
	g->next_ifindex = 2;
	g->hidden[ACT_SNAPSHOT] = g->hidden[ACT_ADDRESS_RENEW] = g->hidden[ACT_LOOK] = g->hidden[ACT_PROBE] =
		g->hidden[ACT_RESOLVE] = g->hidden[ACT_HEARTBEAT] = true;
	story_run(g, text);
	fclose(g->out);
	if (g->core)
		core_free(g->core);
	config_free(g->config);
	config_free(g->old);
	free(g->yaml);
	free(g);
	return result;
}

static void show_difference(const char *path, const char *is, const char *should)
{
	unsigned line = 1;

	while (*is && *should && strcspn(is, "\n") == strcspn(should, "\n") &&
	       strncmp(is, should, strcspn(is, "\n")) == 0) {
		is += strcspn(is, "\n") + (*is ? 1 : 0);
		should += strcspn(should, "\n") + (*should ? 1 : 0);
		line++;
	}
	printf("%s:%u: expected\n", path, line);
	for (int i = 0; i < 6 && *should;
	     i++, should += strcspn(should, "\n") + (should[strcspn(should, "\n")] == '\n'))
		printf("  %.*s\n", (int)strcspn(should, "\n"), should);
	printf("but it says\n");
	for (int i = 0; i < 6 && *is; i++, is += strcspn(is, "\n") + (is[strcspn(is, "\n")] == '\n'))
		printf("  %.*s\n", (int)strcspn(is, "\n"), is);
}

static bool story_check(const char *path, const char *directory, bool update)
{
	char *text = file_read(path), *result = text ? story_play(text, directory) : NULL;
	bool same = result && strcmp(text, result) == 0;
	bool broken = !result || strstr(result, "> ERROR after");
	FILE *f;

	if (!result)
		printf("%s: cannot be read\n", path);
	else if (!same && update) {
		f = fopen(path, "w");
		if (f) {
			fputs(result, f);
			fclose(f);
			printf("%s: rewritten%s\n", path, broken ? ", with an ERROR in it" : "");
		}
	} else if (!same) {
		show_difference(path, result, text);
	}
	free(text);
	free(result);
	return !broken && (same || update);
}

static int is_story(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 6 && strcmp(d->d_name + n - 6, ".trace") == 0;
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/golden.XXXXXX", path[1024];
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
	int first = update ? 2 : 1, failed = 0, n = 0;
	struct dirent **list;

	if (!mkdtemp(directory)) {
		perror(directory);
		return 2;
	}
	if (argc > first) {
		for (int i = first; i < argc; i++, n++)
			failed += !story_check(argv[i], directory, update);
	} else {
		int count = scandir(GOLDEN_DIR, &list, is_story, alphasort);

		for (int i = 0; i < count; i++, n++) {
			snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, list[i]->d_name);
			failed += !story_check(path, directory, update);
			free(list[i]);
		}
		if (count >= 0)
			free(list);
	}
	rmdir(directory);
	printf("%d stories, %d failed\n", n, failed);
	return failed || !n ? 1 : 0;
}
