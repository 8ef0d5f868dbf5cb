/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kind of check has to bring, and what the kinds share. Only probe.c and probe_*.c know it. */
#ifndef STANDBYD_RUNNER_PROBE_KIND_H
#define STANDBYD_RUNNER_PROBE_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "runner/probe.h"

enum {
	PROBE_REASON_SIZE = 80,
	PROBE_QUOTE_SIZE = 64,
	PROBE_ANSWER_MAX = 1 << 20, /* bytes of one answer that are looked through at most */
};

struct probes {
	sd_event *event;
	struct http_hub *http;	/* probe_http.c's, NULL before its first probe */
	struct unit_hub *units; /* probe_unit.c's, in the same way */
};

void http_hub_free(struct http_hub *); /* NULL is fine */
void unit_hub_free(struct unit_hub *);

/* The beginning of each kind's own structure. */
struct probe {
	const struct probe_verbs *kind;
	struct probes *probes;
	struct probe_watch watch;
	bool running;
	bool told; /* changed was called, and no run has begun since */
};

struct probe_verbs {
	size_t size; /* of its structure, zero when open is called */
	/* 0, -EBADMSG, -ENOMEM; close is called whatever it returns. */
	int (*open)(struct probe *, const json_t *definition);
	/* Ends, now or later, by probe_end. */
	void (*run)(struct probe *);
	/* Gives back what the run has; called at each end of a run, before its result is told. */
	void (*stop)(struct probe *);
	/* Gives back the rest, of a probe that was opened in part too, but for the structure. No run is under way. */
	void (*close)(struct probe *);
};

extern const struct probe_verbs probe_tcp, probe_http, probe_unit, probe_process, probe_file, probe_haproxy, probe_ping;

/* Ends the run under way. The caller must not touch the probe any more: it may be gone. */
__attribute__((format(printf, 3, 4))) void probe_end(struct probe *, bool passed, const char *format, ...);

/* Ends it as failed, for that errno value. */
void probe_fail(struct probe *, int error);

/* What is watched has changed. Nor may the probe be touched after this. */
void probe_change(struct probe *);

/* ---- fields of a definition: 0, -EBADMSG: missing, of another type or out of its range, -ENOMEM ---- */

/* *text: to be freed; NULL: not there, and not needed. */
int probe_take_text(const json_t *definition, const char *key, bool needed, char **text);
int probe_take_integer(const json_t *definition, const char *key, json_int_t min, json_int_t max, json_int_t *value);
/* The text "address", as a socket's address without a port. */
int probe_take_address(const json_t *definition, struct sockaddr_storage *address, socklen_t *length);

/* ---- words ---- */

/* What an errno value means, beginning in lower case. Returns out. */
const char *probe_reason(int error, char out[PROBE_REASON_SIZE]);

/* That text in quotation marks, on one line: escaped as in C, and cut with an ellipsis. Returns out. */
const char *probe_quote(const char *text, char out[PROBE_QUOTE_SIZE]);

/* ---- files ---- */

/* Reads at most size - 1 bytes from the beginning of a regular file, without waiting, and ends them with a zero.
 * NULL, or why not. */
const char *probe_read(const char *path, char *out, size_t size, char reason[PROBE_REASON_SIZE]);

#endif
