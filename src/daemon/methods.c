/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of io.standbyd and org.varlink.service. */
#include <errno.h>
#include <string.h>

#include "daemon/client.h"
#include "daemon/explain.h"
#include "daemon/roles.h"
#include "daemon/status.h"
#include "daemon/switch.h"

static const char description_standbyd[] =
#include "daemon/interface.inc"
	;

/* From the Varlink documentation: every service describes itself so. */
static const char description_service[] =
	"interface org.varlink.service\n"
	"method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"error InterfaceNotFound(interface: string)\n"
	"error MethodNotFound(method: string)\n"
	"error MethodNotImplemented(method: string)\n"
	"error InvalidParameter(parameter: string)\n"
	"error PermissionDenied()\n"
	"error ExpectedMore()\n";

/* Sends {"parameters": …}; takes the reference. */
static int reply(struct client *c, json_t *parameters, bool continues)
{
	json_t *message;
	int r;

	if (c->oneway) {
		json_decref(parameters);
		return 0;
	}
	message = parameters ? json_pack("{s:o}", "parameters", parameters) : NULL;
	if (!message)
		return -ENOMEM;
	if (continues)
		json_object_set_new(message, "continues", json_true());
	r = varlink_put(&c->out, message);
	json_decref(message);
	return r;
}

/* Takes the reference of parameters. */
static int reply_error(struct client *c, const char *error, json_t *parameters)
{
	json_t *message;
	int r;

	if (c->oneway) {
		json_decref(parameters);
		return 0;
	}
	message = parameters ? json_pack("{s:s, s:o}", "error", error, "parameters", parameters) : NULL;
	if (!message)
		return -ENOMEM;
	r = varlink_put(&c->out, message);
	json_decref(message);
	return r;
}

static int invalid(struct client *c, const char *parameter)
{
	return reply_error(c, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", parameter));
}

static int call_get_info(struct client *c, const json_t *parameters)
{
	(void)parameters;
	return reply(c,
		     json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "standbyd", "product", "standbyd", "version",
			       STANDBYD_VERSION, "url", "", "interfaces", "org.varlink.service", VARLINK_INTERFACE),
		     false);
}

static int call_get_description(struct client *c, const json_t *parameters)
{
	const char *interface = json_string_value(json_object_get(parameters, "interface"));
	const char *text;

	if (!interface)
		return invalid(c, "interface");
	if (strcmp(interface, VARLINK_INTERFACE) == 0)
		text = description_standbyd;
	else if (strcmp(interface, "org.varlink.service") == 0)
		text = description_service;
	else
		return reply_error(c, "org.varlink.service.InterfaceNotFound",
				   json_pack("{s:s}", "interface", interface));
	return reply(c, json_pack("{s:s}", "description", text), false);
}

static int call_status(struct client *c, const json_t *parameters)
{
	(void)parameters;
	return reply(c, status_json(c->control->engine), false);
}

/* The last entry of a call without follow: it ends with the one that was held back. */
static int end_events(struct client *c)
{
	json_t *last = c->held ? c->held : json_null();

	c->events = c->behind = false;
	c->held = NULL;
	return reply(c, json_pack("{s:o}", "event", last), false);
}

/* Every entry but the last says that another follows; without follow one is held back until that is known. */
int method_events(struct client *c)
{
	const struct journal *journal = c->control->engine->journal;

	if (!c->events)
		return 0;
	for (unsigned i = 0; i < EVENTS_A_TURN && c->out.length < BACKLOG_MAX; i++) {
		uint64_t wanted = c->next_seq;
		json_t *entry = journal_entry(journal, &c->next_seq), *send = c->follow ? entry : c->held;
		int r;
		if (!entry) {
			c->behind = false;
			return c->follow ? 0 : end_events(c);
		}
		if (wanted > 0 && c->next_seq != wanted && c->follow) {
			json_decref(entry);
			return -EMSGSIZE;
		}
		c->next_seq++;
		c->held = c->follow ? NULL : entry;
		r = send ? reply(c, json_pack("{s:o}", "event", send), true) : 0;
		if (r < 0)
			return r;
	}
	c->behind = c->out.length < BACKLOG_MAX;
	return 0;
}

static int call_events(struct client *c, const json_t *parameters)
{
	const json_t *follow = json_object_get(parameters, "follow"), *new = json_object_get(parameters, "new");

	if (follow && !json_is_boolean(follow) && !json_is_null(follow))
		return invalid(c, "follow");
	if (new && !json_is_boolean(new) && !json_is_null(new))
		return invalid(c, "new");
	if (!c->more)
		return reply_error(c, "org.varlink.service.ExpectedMore", json_object());
	journal_flush(c->control->engine->journal, c->control->engine->core);
	c->events = true;
	c->follow = json_is_true(follow);
	c->next_seq = json_is_true(new) ? journal_last(c->control->engine->journal) + 1 : 0;
	return method_events(c);
}

static int call_explain(struct client *c, const json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "name"));
	char text[EXPLAIN_TEXT_SIZE];
	json_t *explanation;

	if (!name)
		return invalid(c, "name");
	explanation = explain_json(c->control->engine, name, text);
	if (explanation)
		return reply(c, explanation, false);
	return reply_error(c, VARLINK_INTERFACE ".NoSuchName", json_pack("{s:s%}", "message", text, strlen(text)));
}

static int call_reload(struct client *c, const json_t *parameters)
{
	(void)parameters;
	if (c->uid != 0)
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	c->ticket = c->control->reload(c->control->data);
	if (c->ticket == 0)
		return reply_error(c, VARLINK_INTERFACE ".Failed",
				   json_pack("{s:s}", "message", "not now: the daemon is stopping or short of memory"));
	return 0;
}

int method_reloaded(struct client *c, enum reload_result result, const char *diagnostics)
{
	switch (result) {
	case RELOAD_DONE:
		return reply(c, json_pack("{s:s}", "warnings", diagnostics), false);
	case RELOAD_BAD:
		return reply_error(c, VARLINK_INTERFACE ".BadConfiguration",
				   json_pack("{s:s}", "diagnostics", diagnostics));
	case RELOAD_FAILED:
		break;
	}
	return reply_error(c, VARLINK_INTERFACE ".Failed", json_pack("{s:s}", "message", diagnostics));
}

static int fail(struct client *c, const char *message)
{
	return reply_error(c, VARLINK_INTERFACE ".Failed", json_pack("{s:s}", "message", message));
}

static int call_reexec(struct client *c, const json_t *parameters)
{
	const char *why;

	(void)parameters;
	if (c->uid != 0)
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	why = c->control->reexec(c->control->data);
	c->reexecs = !why;
	return why ? fail(c, why) : 0;
}

int method_reexecuted(struct client *c, enum reexec_result result, const char *text)
{
	if (result == REEXEC_DONE)
		return reply(c, json_pack("{s:s, s:s}", "previous", text, "version", STANDBYD_VERSION), false);
	if (result == REEXEC_BAD)
		return reply_error(c, VARLINK_INTERFACE ".BadConfiguration", json_pack("{s:s%}", "diagnostics", text, strlen(text)));
	return fail(c, text);
}

static int call_switch(struct client *c, const json_t *parameters)
{
	static const char *const errors[] = {
		[SWITCH_NO_BOND] = VARLINK_INTERFACE ".NoSuchBond",
		[SWITCH_VLAN] = VARLINK_INTERFACE ".NoPorts",
		[SWITCH_NO_PORT] = VARLINK_INTERFACE ".NoSuchPort",
		[SWITCH_UNUSABLE] = VARLINK_INTERFACE ".PortUnusable",
	};
	const json_t *port = json_object_get(parameters, "port");
	const char *bond = json_string_value(json_object_get(parameters, "bond"));
	char text[SWITCH_TEXT_SIZE];
	enum switch_result result;

	if (c->uid != 0)
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	if (!bond)
		return invalid(c, "bond");
	if (port && !json_is_null(port) && json_string_length(port) == 0)
		return invalid(c, "port");
	result = switch_port(c->control->engine, bond, json_string_value(port), text);
	if (result != SWITCH_DONE)
		return reply_error(c, errors[result], json_pack("{s:s}", "message", text));
	return reply(c, json_pack("{s:s?}", "port", text[0] ? text : NULL), false);
}

static int call_handover(struct client *c, const json_t *parameters)
{
	static const char *const errors[] = {
		[HANDOVER_NO_VIP] = VARLINK_INTERFACE ".NoSuchVip",
		[HANDOVER_NOT_ACTIVE] = VARLINK_INTERFACE ".VipNotActive",
		[HANDOVER_OWNED] = VARLINK_INTERFACE ".VipOwned",
		[HANDOVER_NOBODY] = VARLINK_INTERFACE ".NobodyHeard",
	};
	const char *vip = json_string_value(json_object_get(parameters, "vip"));
	const json_t *force = json_object_get(parameters, "force");
	char text[ROLES_TEXT_SIZE];
	enum handover_result result;

	if (c->uid != 0)
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	if (!vip)
		return invalid(c, "vip");
	if (force && !json_is_boolean(force) && !json_is_null(force))
		return invalid(c, "force");
	result = roles_hand_over(c->control->engine, vip, json_is_true(force), text);
	if (result != HANDOVER_BEGUN)
		return reply_error(c, errors[result], json_pack("{s:s}", "message", text));
	return reply(c, json_object(), false);
}

static int drain(struct client *c, bool drained)
{
	if (c->uid != 0)
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	roles_drain(c->control->engine, drained);
	return reply(c, json_object(), false);
}

static int call_drain(struct client *c, const json_t *parameters)
{
	(void)parameters;
	return drain(c, true);
}

static int call_undrain(struct client *c, const json_t *parameters)
{
	(void)parameters;
	return drain(c, false);
}

static int call_diff(struct client *c, const json_t *parameters)
{
	json_t *text = json_object_get(parameters, "text");

	if (text && !json_is_string(text) && !json_is_null(text))
		return invalid(c, "text");
	if (c->uid != 0 && json_is_string(text))
		return reply_error(c, VARLINK_INTERFACE ".NotPermitted", json_object());
	c->diffs = true; /* whoever serves the client begins it */
	c->diff_text = json_is_string(text) ? json_incref(text) : NULL;
	return 0;
}

int method_diffed(struct client *c, const json_t *result, const char *diagnostics)
{
	if (result)
		return reply(c, json_copy((json_t *)result), false);
	if (diagnostics[0])
		return reply_error(c, VARLINK_INTERFACE ".BadConfiguration",
				   json_pack("{s:s}", "diagnostics", diagnostics));
	return reply_error(c, VARLINK_INTERFACE ".Failed",
			   json_pack("{s:s}", "message", "the daemon is short of memory"));
}

static const struct {
	const char *name;
	int (*call)(struct client *, const json_t *parameters);
} methods[] = {
	{ VARLINK_INTERFACE ".Status", call_status },
	{ VARLINK_INTERFACE ".Events", call_events },
	{ VARLINK_INTERFACE ".Explain", call_explain },
	{ VARLINK_INTERFACE ".Reload", call_reload },
	{ VARLINK_INTERFACE ".Reexec", call_reexec },
	{ VARLINK_INTERFACE ".Diff", call_diff },
	{ VARLINK_INTERFACE ".Switch", call_switch },
	{ VARLINK_INTERFACE ".Handover", call_handover },
	{ VARLINK_INTERFACE ".Drain", call_drain },
	{ VARLINK_INTERFACE ".Undrain", call_undrain },
	{ "org.varlink.service.GetInfo", call_get_info },
	{ "org.varlink.service.GetInterfaceDescription", call_get_description },
};

static int not_found(struct client *c, const char *method)
{
	const char *dot = strrchr(method, '.');
	size_t length = dot ? (size_t)(dot - method) : 0;
	bool ours = (length == strlen(VARLINK_INTERFACE) && strncmp(method, VARLINK_INTERFACE, length) == 0) ||
		    (length == strlen("org.varlink.service") && strncmp(method, "org.varlink.service", length) == 0);

	if (ours)
		return reply_error(c, "org.varlink.service.MethodNotFound", json_pack("{s:s}", "method", method));
	return reply_error(c, "org.varlink.service.InterfaceNotFound",
			   json_pack("{s:s%}", "interface", method, length));
}

int method_call(struct client *c, const json_t *request)
{
	const char *method = json_string_value(json_object_get(request, "method"));
	const json_t *parameters = json_object_get(request, "parameters");

	if (!method || (parameters && !json_is_object(parameters)))
		return -EBADMSG;
	c->oneway = json_is_true(json_object_get(request, "oneway"));
	c->more = json_is_true(json_object_get(request, "more"));
	for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++) {
		if (strcmp(methods[i].name, method) == 0)
			return methods[i].call(c, parameters);
	}
	return not_found(c, method);
}
