/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: what is asked of a service, and how often. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/build.h"
#include "config/load.h"

#define ERROR(place, ...) diagnostics_error(build->reader->diagnostics, (place), __VA_ARGS__)

/* ---- what checks and hooks share ---- */

/* On the loader's thread. A list that cannot be read now does not say that a user is not in it. */
static bool ask_machine(const char *name)
{
	static const int unknown[] = { EIO, EINTR, EMFILE, ENFILE, ENOMEM, ERANGE };
	struct passwd entry, *found;
	char text[4096];
	int error = getpwnam_r(name, &entry, text, sizeof text, &found);
	for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		if (error == unknown[i])
			return true;
	return found != NULL;
}

static bool (*user_exists)(const char *) = ask_machine;

void config_set_user_lookup(bool (*exists)(const char *))
{
	user_exists = exists ? exists : ask_machine;
}

bool build_read_services(struct build *build, const struct sections *sections)
{
	struct config *config = build->config;
	size_t args = 1, whens = 1;
	build->checks = build_read_section(build, &sections->checks, &schema_check, MAX_CHECKS, &config->n_checks);
	build->hooks = build_read_section(build, &sections->hooks, &schema_hook, MAX_HOOKS, &config->n_hooks);
	if (!build->checks || !build->hooks)
		return false;
	build_sort(build->checks, config->n_checks);
	build_sort(build->hooks, config->n_hooks);
	for (unsigned i = 0; i < config->n_checks; i++)
		args += build->checks[i].values[CHECK_COMMAND].n_items;
	for (unsigned i = 0; i < config->n_hooks; i++) {
		args += build->hooks[i].values[HOOK_KEY_RUN].n_items;
		whens += build->hooks[i].values[HOOK_KEY_WHEN].n_items;
	}
	config->checks = calloc(config->n_checks + 1, sizeof *config->checks);
	config->hooks = calloc(config->n_hooks + 1, sizeof *config->hooks);
	config->args = calloc(args, sizeof *config->args);
	config->whens = calloc(whens, sizeof *config->whens);
	return config->checks && config->hooks && config->args && config->whens;
}

config_text build_text(struct build *build, const char *text)
{
	struct config *config = build->config;
	size_t size = text ? strlen(text) + 1 : 1, need = config->texts_size + size + 1;
	if (size == 1)
		return 0;
	if (need > build->texts_room) {
		char *texts = realloc(config->texts, 2 * need);
		if (!texts) {
			build->reader->arena->failed = true;
			return 0;
		}
		config->texts = texts;
		build->texts_room = 2 * need;
	}
	if (!config->texts_size)
		config->texts[config->texts_size++] = '\0';
	memcpy(config->texts + config->texts_size, text, size);
	config->texts_size += size;
	return (config_text)(config->texts_size - size);
}

unsigned build_command(struct build *build, const struct value *list, const char *key, const char *title)
{
	struct config *config = build->config;
	const char *program = list->n_items ? list->items[0].text : "";
	if (list->valid && (program[0] != '/' || program[strlen(program) - 1] == '/'))
		ERROR(&list->items[0].place, "'%s' of %s must begin with the absolute path of a program, not '%.60s'",
		      key, title, program);
	for (unsigned i = 0; i < list->n_items; i++)
		config->args[config->n_args++] = build_text(build, list->items[i].text);
	return list->n_items;
}

/* Another node's users are on that node. */
config_text build_user(struct build *build, const struct value *user, const char *title)
{
	if (!user->valid)
		return 0;
	if (!build->reader->diagnostics->node && !user_exists(user->text))
		ERROR(&user->place,
		      "'user' of %s is '%s', and this machine has no such user; create it, or name another", title,
		      user->text);
	return build_text(build, user->text);
}

struct config_limits build_limits(struct build *build, const struct value *limits, const char *title)
{
	static const struct node nothing = { .kind = NODE_MAP };
	const struct value *values = limits->n_items ? limits->items : NULL;
	if (!values)
		values = read_object(build->reader, &schema_limits, &nothing, &limits->place, title);
	if (!values)
		return (struct config_limits){ 0 };
	return (struct config_limits){
		.output = values[LIMITS_OUTPUT].number,
		.memory = values[LIMITS_MEMORY].number,
		.processes = (unsigned)values[LIMITS_PROCESSES].number,
	};
}

int build_find_check(const struct config *config, const char *name)
{
	unsigned first = 0, n = config->n_checks;
	while (n) {
		unsigned half = n / 2;
		int order = strcmp(name, config->checks[first + half].name);
		if (order == 0)
			return (int)(first + half);
		first += order > 0 ? half + 1 : 0;
		n = order > 0 ? n - half - 1 : half;
	}
	return -1;
}

/* ---- kinds ---- */

static void take_http(struct build *build, struct config_check *check, const struct value *values, const char *title)
{
	const struct value *url = &values[HTTP_URL], *match = &values[HTTP_MATCH], *ca = &values[HTTP_CA_FILE];
	const struct value *insecure = &values[HTTP_INSECURE];
	bool plain = url->valid && strncmp(url->text, "https:", 6) != 0;
	check->http.url = build_text(build, url->text);
	check->http.host = build_text(build, values[HTTP_HOST].text);
	check->http.match = build_text(build, match->text);
	check->http.ca_file = build_text(build, ca->text);
	check->http.insecure = insecure->number;
	check->http.status_min = (uint16_t)(values[HTTP_STATUS].number / 1000);
	check->http.status_max = (uint16_t)(values[HTTP_STATUS].number % 1000);
	check->http.method = (enum http_method)values[HTTP_METHOD].number;
	if (match->given && check->http.method == HTTP_HEAD)
		ERROR(&match->place,
		      "'match' of 'http' of %s cannot be with 'method: HEAD', whose answers have no body", title);
	if (plain && (ca->given || insecure->given))
		ERROR(ca->given ? &ca->place : &insecure->place,
		      "'%s' of 'http' of %s is for https:// alone; leave it out, or ask by https",
		      ca->given ? "ca-file" : "insecure", title);
	else if (ca->given && check->http.insecure)
		ERROR(&ca->place,
		      "'ca-file' of 'http' of %s has no effect with 'insecure: true'; leave one of them out", title);
}

static void take_process(struct build *build, struct config_check *check, const struct value *values,
			 const struct place *place, const char *title)
{
	const struct value *pid = &values[PROCESS_PID_FILE], *name = &values[PROCESS_NAME];
	check->process.pid_file = build_text(build, pid->text);
	check->process.name = build_text(build, name->text);
	if (pid->given == name->given)
		ERROR(place, "'process' of %s must have %s: the path of a PID file, or {name: NAME}", title,
		      pid->given ? "one of 'pid-file' and 'name'" : "'pid-file' or 'name'");
	else if (name->valid && strchr(name->text, '/'))
		ERROR(&name->place,
		      "'name' of 'process' of %s is the name that the kernel has, without a path; did you mean '%s'?",
		      title, strrchr(name->text, '/') + 1);
}

static void take_file(struct build *build, struct config_check *check, const struct value *values,
		      const struct place *place, const char *title)
{
	const struct value *min = &values[FILE_MIN], *max = &values[FILE_MAX];
	check->file.path = build_text(build, values[FILE_PATH].text);
	check->file.has_min = min->given;
	check->file.has_max = max->given;
	check->file.min_micro = (int64_t)min->number;
	check->file.max_micro = (int64_t)max->number;
	if (!min->given && !max->given)
		ERROR(place, "'file' of %s must have 'min' or 'max', or any number would be right", title);
	else if (min->valid && max->valid && check->file.min_micro > check->file.max_micro)
		ERROR(&min->place, "'min' of 'file' of %s is above its 'max': no number is right", title);
}

static void take_tcp(struct build *build, struct config_check *check, const struct value *values)
{
	check->tcp.ip = values[TCP_TO].address.ip;
	check->tcp.port = (uint16_t)values[TCP_TO].number;
	check->tcp.send = build_text(build, values[TCP_SEND].text);
	check->tcp.expect = build_text(build, values[TCP_EXPECT].text);
}

static void take_haproxy(struct build *build, struct config_check *check, const struct value *values)
{
	check->haproxy.socket = build_text(build, values[HAPROXY_SOCKET].text);
	check->haproxy.backend = build_text(build, values[HAPROXY_BACKEND].text);
	check->haproxy.servers = (unsigned)values[HAPROXY_SERVERS].number;
}

static void take_kind(struct build *build, struct config_check *check, enum check_kind kind, const struct value *value,
		      const char *title)
{
	const struct value *values = value->n_items ? value->items : NULL;
	switch (kind) {
	case CHECK_COMMAND:
		check->first_arg = build->config->n_args;
		check->n_args = build_command(build, value, "command", title);
		return;
	case CHECK_UNIT:
		check->unit = build_text(build, value->text);
		return;
	case CHECK_TCP:
		if (values)
			take_tcp(build, check, values);
		return;
	case CHECK_HTTP:
		if (values)
			take_http(build, check, values, title);
		return;
	case CHECK_PROCESS:
		if (values)
			take_process(build, check, values, &value->place, title);
		return;
	case CHECK_FILE:
		if (values)
			take_file(build, check, values, &value->place, title);
		return;
	case CHECK_HAPROXY:
		if (values)
			take_haproxy(build, check, values);
		return;
	case CHECK_PING:
		if (values) {
			check->ping.ip = values[PING_TO].address.ip;
			check->ping.count = (unsigned)values[PING_COUNT].number;
		}
		return;
	case CHECK_KINDS:
		return;
	}
}

/* ---- when ---- */

static void take_times(struct build *build, struct config_check *check, const struct value *values, const char *title)
{
	const struct value *interval = &values[CHECK_INTERVAL], *timeout = &values[CHECK_TIMEOUT],
			   *jitter = &values[CHECK_JITTER];
	char text[TEXT_DURATION_SIZE];
	const uint64_t tenth = interval->number / 10;
	check->interval_ns = interval->number;
	check->timeout_ns = timeout->valid ? timeout->number : interval->number;
	check->late_skip = values[CHECK_LATE].valid;
	check->jitter_ns = jitter->valid ? jitter->number : tenth - tenth % 1000;
	if (interval->valid && timeout->valid && !values[CHECK_LATE].given && timeout->number >= interval->number)
		ERROR(&timeout->place,
		      "'timeout' of %s is not shorter than its interval, %s; shorten it, or write 'late: skip': a run "
		      "that is due while "
		      "one runs is left out",
		      title, text_duration_exact(interval->number, text));
	if (interval->valid && jitter->valid && jitter->number > interval->number)
		ERROR(&jitter->place, "'jitter' of %s is longer than its interval, %s", title,
		      text_duration_exact(interval->number, text));
}

static void take_command_keys(struct build *build, struct config_check *check, const struct value *values,
			      const char *title)
{
	const struct value *user = &values[CHECK_USER], *limits = &values[CHECK_LIMITS];
	const bool command = values[CHECK_COMMAND].given;
	check->user = build_user(build, user, title);
	if (command)
		check->limits = build_limits(build, limits, title);
	else if (user->given || limits->given)
		ERROR(user->given ? &user->place : &limits->place, "'%s' of %s is for a 'command' alone; leave it out",
		      user->given ? "user" : "limits", title);
}

static void refuse_nothing(struct build *build, const struct object_source *source)
{
	const char *known = "";
	for (unsigned i = 0; i < CHECK_KINDS; i++)
		known = arena_format(build->reader->arena, "%s%s%s", known, i ? ", " : "", schema_check.keys[i].name);
	ERROR(&source->name->place, "%s asks for nothing; give it at least one of: %s", source->title, known);
}

static void take_check(struct build *build, unsigned index)
{
	struct config_check *check = &build->config->checks[index];
	const struct object_source *source = &build->checks[index];
	const struct value *values = source->values;
	strcpy(check->name, source->name->text);
	for (unsigned i = 0; i < CHECK_KINDS; i++) {
		if (!values[i].given)
			continue;
		check->kinds |= 1U << i;
		take_kind(build, check, (enum check_kind)i, &values[i], source->title);
	}
	if (!check->kinds)
		refuse_nothing(build, source);
	take_times(build, check, values, source->title);
	take_command_keys(build, check, values, source->title);
	check->fall = (unsigned)values[CHECK_FALL].number;
	check->rise = (unsigned)values[CHECK_RISE].number;
	check->start = (enum check_state)values[CHECK_START].number;
}

/* 'require' and 'lower' name both. */
static void check_name(struct build *build, unsigned index)
{
	const struct object_source *source = &build->checks[index];
	int bond = build_find_bond(build->config, source->name->text);
	if (bond < 0)
		return;
	ERROR(&source->name->place,
	      "%s has the name of %s, and a vip's 'require' could mean either; rename one of them", source->title,
	      build->bonds[bond].title);
	diagnostics_note(build->reader->diagnostics, &build->bonds[bond].name->place, "it is here");
}

void build_checks(struct build *build)
{
	for (unsigned i = 0; i < build->config->n_checks; i++) {
		take_check(build, i);
		check_name(build, i);
	}
}
