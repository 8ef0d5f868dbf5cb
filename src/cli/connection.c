/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static int open_connection(struct connection *c, const struct cli *cli)
{
	struct sockaddr_un address;
	int dir = open(cli->rundir, O_PATH | O_DIRECTORY | O_CLOEXEC), error = errno;

	*c = (struct connection){ .fd = -1 };
	if (dir >= 0) {
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		error = varlink_address(cli->rundir, dir, &address) < 0 ? ENAMETOOLONG : 0;
		if (error == 0 && (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0))
			error = errno;
		close(dir);
	}
	if (error == 0)
		return EXIT_FINE;
	if (error == ENOENT || error == ECONNREFUSED) {
		fprintf(stderr, "standbyctl: standbyd is not running (nobody answers in %s)\n", cli->rundir);
		return EXIT_NOT_RUNNING;
	}
	fprintf(stderr, "standbyctl: cannot reach the daemon in %s: %s%s\n", cli->rundir, strerror(error),
		error == EACCES ? "; this is for root and the group standbyd" : "");
	return EXIT_FAILED;
}

int connection_call(struct connection *c, const struct cli *cli, const char *method, json_t *parameters, bool more)
{
	json_t *message = json_pack("{s:s, s:o*}", "method", method, "parameters", parameters);
	int status = open_connection(c, cli);

	if (status == EXIT_FINE) {
		if (more)
			json_object_set_new(message, "more", json_true());
		if (varlink_put(&c->out, message) < 0 || varlink_write(&c->out, c->fd) < 0) {
			fprintf(stderr, "standbyctl: cannot send: %s\n", strerror(errno));
			status = EXIT_FAILED;
		}
	}
	json_decref(message);
	return status;
}

json_t *connection_reply(struct connection *c)
{
	json_t *reply;
	int r;

	while ((r = varlink_take(&c->in, &reply)) == 0) {
		r = varlink_read(&c->in, c->fd);
		if (r > 0)
			continue;
		fprintf(stderr, "standbyctl: the daemon %s%s\n", r == 0 ? "closed the connection" : "cannot be heard: ",
			r == 0 ? "" : strerror(-r));
		return NULL;
	}
	if (r < 0)
		fputs("standbyctl: the daemon sent what is no Varlink message\n", stderr);
	return r > 0 ? reply : NULL;
}

void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	varlink_buffer_free(&c->in);
	varlink_buffer_free(&c->out);
}

json_t *connection_ask(const struct cli *cli, const char *method, json_t *parameters, int *status)
{
	struct connection c;
	json_t *reply = NULL, *result = NULL;

	*status = connection_call(&c, cli, method, parameters, false);
	if (*status == EXIT_FINE) {
		reply = connection_reply(&c);
		*status = reply ? reply_check(reply) : EXIT_FAILED;
	}
	if (*status == EXIT_FINE)
		result = json_incref(json_object_get(reply, "parameters"));
	if (*status == EXIT_FINE && !result)
		*status = EXIT_FAILED;
	json_decref(reply);
	connection_close(&c);
	return result;
}

int reply_check(const json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));
	const json_t *parameters = json_object_get(reply, "parameters");
	const char *text;

	if (!error)
		return EXIT_FINE;
	if (strcmp(error, VARLINK_INTERFACE ".BadConfiguration") == 0) {
		text = json_string_value(json_object_get(parameters, "diagnostics"));
		fprintf(stderr, "%sstandbyctl: the configuration is bad, nothing was changed\n", text ? text : "");
		return EXIT_CONFIG;
	}
	if (strcmp(error, VARLINK_INTERFACE ".NotPermitted") == 0) {
		fputs("standbyctl: only root may do that\n", stderr);
		return EXIT_FAILED;
	}
	text = json_string_value(json_object_get(parameters, "message"));
	fprintf(stderr, "standbyctl: %s\n", text ? text : error);
	return EXIT_FAILED;
}

int print_json(const json_t *json, bool compact)
{
	size_t flags = JSON_REAL_PRECISION(12) | (compact ? JSON_COMPACT : JSON_INDENT(2));

	if (json_dumpf(json, stdout, flags) < 0 && !ferror(stdout)) {
		fputs("standbyctl: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	putchar('\n');
	return output_flush();
}
