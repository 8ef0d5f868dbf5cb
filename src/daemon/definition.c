/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/definition.h"

#include "common/text.h"

enum { NSEC_PER_USEC = 1000 };

static json_t *us(uint64_t ns)
{
	return json_integer((json_int_t)(ns / NSEC_PER_USEC));
}

/* NULL, which a format's "*" leaves out: there is none. */
static const char *text(const struct config *config, config_text at)
{
	return at ? config_text_of(config, at) : NULL;
}

static json_t *arguments(const struct config *config, unsigned first, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_string(config_text_of(config, config->args[first + i])));
	return list;
}

static void add_program(json_t *json, const struct config *config, const struct config_limits *limits, config_text user)
{
	if (user)
		json_object_set_new(json, "user", json_string(config_text_of(config, user)));
	json_object_set_new(json, "output_max", json_integer((json_int_t)limits->output));
	json_object_set_new(json, "memory_max", json_integer((json_int_t)limits->memory));
	json_object_set_new(json, "processes_max", json_integer(limits->processes));
}

static json_t *file_json(const struct config *config, const struct config_check *c)
{
	json_t *json = json_pack("{s:s}", "path", config_text_of(config, c->file.path));

	if (c->file.has_min)
		json_object_set_new(json, "min_micro", json_integer(c->file.min_micro));
	if (c->file.has_max)
		json_object_set_new(json, "max_micro", json_integer(c->file.max_micro));
	return json;
}

static json_t *http_json(const struct config *config, const struct config_check *c)
{
	return json_pack("{s:s, s:s*, s:s*, s:s*, s:b, s:i, s:i, s:s}", "url", config_text_of(config, c->http.url), "host",
			 text(config, c->http.host), "match", text(config, c->http.match), "ca_file", text(config, c->http.ca_file),
			 "insecure", c->http.insecure, "status_min", c->http.status_min, "status_max", c->http.status_max,
			 "method", c->http.method == HTTP_HEAD ? "HEAD" : "GET");
}

static json_t *kind_json(const struct config *config, const struct config_check *c, enum check_kind kind)
{
	char ip[TEXT_IP_SIZE];

	switch (kind) {
	case CHECK_COMMAND:
		return arguments(config, c->first_arg, c->n_args);
	case CHECK_TCP:
		return json_pack("{s:s, s:i, s:s*, s:s*}", "address", text_ip(&c->tcp.ip, ip), "port", c->tcp.port, "send",
				 text(config, c->tcp.send), "expect", text(config, c->tcp.expect));
	case CHECK_HTTP:
		return http_json(config, c);
	case CHECK_UNIT:
		return json_string(config_text_of(config, c->unit));
	case CHECK_PROCESS:
		return json_pack("{s:s*, s:s*}", "pid_file", text(config, c->process.pid_file), "name", text(config, c->process.name));
	case CHECK_FILE:
		return file_json(config, c);
	case CHECK_HAPROXY:
		return json_pack("{s:s, s:s, s:i}", "socket", config_text_of(config, c->haproxy.socket), "backend",
				 config_text_of(config, c->haproxy.backend), "servers", (int)c->haproxy.servers);
	case CHECK_PING:
		return json_pack("{s:s, s:i}", "address", text_ip(&c->ping.ip, ip), "count", (int)c->ping.count);
	case CHECK_KINDS:
		break;
	}
	return NULL;
}

json_t *definition_of_check(const struct config *config, const struct config_check *c)
{
	static const char *const keys[CHECK_KINDS] = {
		[CHECK_COMMAND] = "command", [CHECK_TCP] = "tcp", [CHECK_HTTP] = "http", [CHECK_UNIT] = "unit",
		[CHECK_PROCESS] = "process", [CHECK_FILE] = "file", [CHECK_HAPROXY] = "haproxy", [CHECK_PING] = "ping",
	};
	json_t *json = json_pack("{s:s, s:o, s:o, s:b, s:o}", "name", c->name, "interval_us", us(c->interval_ns), "timeout_us",
				 us(c->timeout_ns), "late_skip", c->late_skip, "jitter_us", us(c->jitter_ns));

	if (c->kinds & 1U << CHECK_COMMAND)
		add_program(json, config, &c->limits, c->user);
	for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++) {
		if (c->kinds & 1U << kind)
			json_object_set_new(json, keys[kind], kind_json(config, c, kind));
	}
	return json;
}

json_t *definition_of_hook(const struct config *config, const struct config_hook *h)
{
	static const char *const keys[] = { [HOOK_START] = "start", [HOOK_STOP] = "stop", [HOOK_RESTART] = "restart" };
	json_t *json = json_pack("{s:s, s:o}", "name", h->name, "timeout_us", us(h->timeout_ns));

	if (h->action == HOOK_RUN) {
		json_object_set_new(json, "run", arguments(config, h->first_arg, h->n_args));
		add_program(json, config, &h->limits, h->user);
	} else {
		json_object_set_new(json, keys[h->action], json_string(config_text_of(config, h->unit)));
	}
	return json;
}
