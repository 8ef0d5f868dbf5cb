/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon and standby-runner tell each other: one JSON object in each message of a SOCK_SEQPACKET socket.
 *
 * The daemon says ("type" comes with each; fields in brackets may be left out):
 *   check   {generation, check: {…}}  a check of that configuration, whole: as struct config_check, see below
 *   apply   {generation}              all of them were said. Those that are unchanged go on where they were, changed ones
 *                                     start anew, what was not said ends. So no message grows with their number.
 *   run     {id, object, hook: {…}, [environment: {NAME: text}], [stdin: text]}
 *                                     a hook's program or unit job; its end is a done or refused of that id. Their order is the
 *                                     daemon's: it says the next one of an object when the one before has ended.
 *   test    {id, check}               one run of a check of the applied configuration, at once, besides its own
 *   cancel  {id}                      ends that run; its done comes as of any other. An id that is not running: nothing.
 * The runner says (struct runner_answer):
 *   result  {check, generation, passed, timed_out, duration_us, output}   of each run; fall and rise are the core's
 *   done    {id, passed, timed_out, duration_us, status, output, reason}
 *   refused {check and generation, or id; reason}   cannot be run at all; a check is tried again at its interval
 *
 * A check: {name, interval_us, timeout_us, late_skip, jitter_us, [user], output_max, memory_max, processes_max} and one at
 * least of command: [text], tcp: {address, port, [send], [expect]}, http: {url, [host], [match], [ca_file], insecure, status_min,
 * status_max, method: "GET" or "HEAD"}, unit: text, process: {pid_file or name}, file: {path, [min_micro], [max_micro]},
 * haproxy: {socket, backend, servers}, ping: {address, count}. Ranges are config.h's.
 * A hook: {name, timeout_us} and one of run: [text], start: unit, stop: unit, restart: unit; with run: [user], output_max,
 * memory_max, processes_max. */
#ifndef STANDBYD_RUNNER_PROTOCOL_H
#define STANDBYD_RUNNER_PROTOCOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/types.h"

enum {
	RUNNER_MESSAGE_MAX = 64 * 1024, /* bytes; a socket's buffer holds some at its default */
	RUNNER_OUTPUT_MAX  = 200,       /* bytes of a last line or a reason that are told on */
};

enum runner_answer_type { RUNNER_RESULT, RUNNER_DONE, RUNNER_REFUSED };

struct runner_answer {
	enum runner_answer_type type;
	char check[NAME_SIZE];   /* RESULT; REFUSED of a check, else "" */
	uint64_t generation;     /* with a check */
	uint64_t id;             /* DONE; REFUSED where no check is named; ≥ 1 */
	bool passed, timed_out;  /* RESULT, DONE */
	uint64_t duration_us;    /* RESULT, DONE */
	int status;              /* DONE: exit status, 128 + signal, -1: it has none */
	char output[RUNNER_OUTPUT_MAX + 1]; /* RESULT, DONE: the last line, printable; "" if there is none */
	char reason[RUNNER_OUTPUT_MAX + 1]; /* DONE, REFUSED: a sentence for people; "": it passed */
};

/* Sends without waiting. 0, -EMSGSIZE: longer than RUNNER_MESSAGE_MAX, -EAGAIN: the other side does not read, -EPIPE,
 * -ECONNRESET and other -errno: it is gone. Nothing is sent in part. */
int runner_send(int fd, const json_t *message);

/* Receives without waiting: 1 and *message (a new reference), 0 or -ECONNRESET: the other side is gone, -EAGAIN,
 * -EBADMSG: not a JSON object, or too long (it is taken from the socket), other -errno.  */
int runner_receive(int fd, json_t **message);

/* A new reference, or NULL: no memory. What is not printable in its texts is told as "?". */
json_t *runner_answer_encode(const struct runner_answer *);

/* 0, or -EBADMSG: a field is missing, of another type, or out of its range; *answer is undefined then. Further fields are
 * ignored. */
int runner_answer_decode(const json_t *message, struct runner_answer *answer);

/* The last line of that text that is not empty, for output: at most RUNNER_OUTPUT_MAX bytes of it, cut between characters,
 * and "?" for each byte that is a control character or not UTF-8. */
void runner_last_line(const char *text, size_t length, char out[RUNNER_OUTPUT_MAX + 1]);

#endif
