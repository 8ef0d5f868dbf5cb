/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks and hooks as a person would write them. */
#include <inttypes.h>

#include "common/text.h"
#include "config/print_parts.h"
#include "config/scalar.h"
#include "config/when.h"

/* ---- parts ---- */

/* Arguments are always in quotes, so that none looks like a number. */
static void print_command(FILE *out, const struct config *config, const char *key, unsigned first, unsigned n)
{
	fprintf(out, "    %s: [", key);
	for (unsigned i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		print_text(out, config_text_of(config, config->args[first + i]));
	}
	fputs("]\n", out);
}

/* ", key: text", where there is one. */
static void print_part(FILE *out, const struct config *config, const char *key, config_text text)
{
	if (!text)
		return;
	fprintf(out, ", %s: ", key);
	print_text(out, config_text_of(config, text));
}

/* A line of its own, where there is a text. */
static void print_line(FILE *out, const struct config *config, const char *key, config_text text)
{
	if (!text)
		return;
	fprintf(out, "    %s: ", key);
	print_name(out, config_text_of(config, text));
	fputc('\n', out);
}

static void print_limits(FILE *out, const struct config_limits *limits)
{
	char output[SCALAR_SIZE], memory[SCALAR_SIZE];
	fprintf(out, "    limits: {output: %s, memory: %s, processes: %u}\n", scalar_size(limits->output, output),
		scalar_size(limits->memory, memory), limits->processes);
}

/* ---- checks ---- */

static void print_tcp(FILE *out, const struct config *config, const struct config_check *check)
{
	char ip[TEXT_IP_SIZE];
	bool six = check->tcp.ip.family == FAMILY_6;
	fprintf(out, "    tcp: {to: \"%s%s%s:%d\"", six ? "[" : "", text_ip(&check->tcp.ip, ip), six ? "]" : "",
		check->tcp.port);
	print_part(out, config, "send", check->tcp.send);
	print_part(out, config, "expect", check->tcp.expect);
	fputs("}\n", out);
}

static void print_http(FILE *out, const struct config *config, const struct config_check *check)
{
	fputs("    http: {url: ", out);
	print_text(out, config_text_of(config, check->http.url));
	fprintf(out, ", method: %s, status: \"%d-%d\"", check->http.method == HTTP_HEAD ? "HEAD" : "GET",
		check->http.status_min, check->http.status_max);
	print_part(out, config, "match", check->http.match);
	print_part(out, config, "host", check->http.host);
	print_part(out, config, "ca-file", check->http.ca_file);
	fputs(check->http.insecure ? ", insecure: true}\n" : "}\n", out);
}

static void print_file(FILE *out, const struct config *config, const struct config_check *check)
{
	char text[SCALAR_SIZE];
	fputs("    file: {path: ", out);
	print_text(out, config_text_of(config, check->file.path));
	if (check->file.has_min)
		fprintf(out, ", min: %s", scalar_decimal(check->file.min_micro, text));
	if (check->file.has_max)
		fprintf(out, ", max: %s", scalar_decimal(check->file.max_micro, text));
	fputs("}\n", out);
}

static void print_process(FILE *out, const struct config *config, const struct config_check *check)
{
	fprintf(out, "    process: {%s: ", check->process.name ? "name" : "pid-file");
	print_text(out, config_text_of(config, check->process.name ? check->process.name : check->process.pid_file));
	fputs("}\n", out);
}

static void print_haproxy(FILE *out, const struct config *config, const struct config_check *check)
{
	fputs("    haproxy: {socket: ", out);
	print_text(out, config_text_of(config, check->haproxy.socket));
	fputs(", backend: ", out);
	print_text(out, config_text_of(config, check->haproxy.backend));
	fprintf(out, ", servers: %u}\n", check->haproxy.servers);
}

static void print_kind(FILE *out, const struct config *config, const struct config_check *check, enum check_kind kind)
{
	switch (kind) {
	case CHECK_COMMAND:
		print_command(out, config, "command", check->first_arg, check->n_args);
		return;
	case CHECK_TCP:
		print_tcp(out, config, check);
		return;
	case CHECK_HTTP:
		print_http(out, config, check);
		return;
	case CHECK_UNIT:
		print_line(out, config, "unit", check->unit);
		return;
	case CHECK_PROCESS:
		print_process(out, config, check);
		return;
	case CHECK_FILE:
		print_file(out, config, check);
		return;
	case CHECK_HAPROXY:
		print_haproxy(out, config, check);
		return;
	case CHECK_PING:
		fputs("    ping: {to: ", out);
		print_ip(out, &check->ping.ip, -1);
		fprintf(out, ", count: %u}\n", check->ping.count);
		return;
	case CHECK_KINDS:
		return;
	}
}

void print_one_check(const struct config *config, const struct config_check *check, FILE *out)
{
	static const char *const starts[] = {
		[CHECK_UNKNOWN] = "unknown", [CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed"
	};
	fputs("  ", out);
	print_name(out, check->name);
	fputs(":\n", out);
	for (unsigned i = 0; i < CHECK_KINDS; i++)
		if (check->kinds & 1U << i)
			print_kind(out, config, check, (enum check_kind)i);
	print_duration(out, "interval", check->interval_ns);
	if (check->timeout_ns != check->interval_ns || check->late_skip) /* it may be equal, but not written so */
		print_duration(out, "timeout", check->timeout_ns);
	if (check->late_skip)
		fputs("    late: skip\n", out);
	fprintf(out, "    fall: %u\n    rise: %u\n    start: %s\n", check->fall, check->rise, starts[check->start]);
	print_duration(out, "jitter", check->jitter_ns);
	print_line(out, config, "user", check->user);
	if (check->kinds & 1U << CHECK_COMMAND)
		print_limits(out, &check->limits);
}

/* ---- hooks ---- */

/* One for each state, or one for all of them. */
static void print_when(FILE *out, const struct config_when *when, bool first)
{
	char text[NODE_SIZE + 32];
	unsigned n = 0, all = 0;
	for (; when_state(when->object, n); n++)
		all |= 1U << n;
	for (unsigned i = 0; i < (when->states == all ? 1 : n); i++) {
		if (!(when->states & 1U << i))
			continue;
		snprintf(text, sizeof text, "%s:%s%s%s", when_kind(when->object), when->glob,
			 when->states == all ? "" : " ", when->states == all ? "" : when_state(when->object, i));
		fputs(first ? "" : ", ", out);
		print_text(out, text);
		first = false;
	}
}

static void print_whens(FILE *out, const struct config *config, const struct config_hook *hook)
{
	fputs("    when: [", out);
	for (unsigned i = 0; i < hook->n_whens; i++)
		print_when(out, &config->whens[hook->first_when + i], i == 0);
	fputs("]\n", out);
}

void print_one_hook(const struct config *config, const struct config_hook *hook, FILE *out)
{
	static const char *const actions[] = {
		[HOOK_START] = "start", [HOOK_STOP] = "stop", [HOOK_RESTART] = "restart"
	};
	char limit[TEXT_DURATION_SIZE];
	fputs("  ", out);
	print_name(out, hook->name);
	fputs(":\n", out);
	print_whens(out, config, hook);
	if (hook->action == HOOK_RUN)
		print_command(out, config, "run", hook->first_arg, hook->n_args);
	else if (hook->action != HOOK_TEST)
		print_line(out, config, actions[hook->action], hook->unit);
	else if (hook->check >= 0) {
		fputs("    test: ", out);
		print_name(out, config->checks[hook->check].name);
		fputc('\n', out);
	}
	print_duration(out, "timeout", hook->timeout_ns);
	if (hook->blocking_ns)
		fprintf(out, "    blocking: {before: active, limit: %s}\n",
			text_duration_exact(hook->blocking_ns, limit));
	print_line(out, config, "user", hook->user);
	if (hook->action == HOOK_RUN)
		print_limits(out, &hook->limits);
}
