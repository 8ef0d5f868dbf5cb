/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *const types[] = { [RUNNER_RESULT] = "result", [RUNNER_DONE] = "done", [RUNNER_REFUSED] = "refused" };

int runner_send(int fd, const json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);

	if (!text)
		return -ENOMEM;

	size_t length = strlen(text);
	ssize_t sent = -1;
	if (length <= RUNNER_MESSAGE_MAX)
		sent = send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		errno = EMSGSIZE;

	int r = sent < 0 ? -errno : 0;
	free(text);
	return r;
}

int runner_receive(int fd, json_t **message)
{
	char *text = malloc(RUNNER_MESSAGE_MAX);
	int r = 1;

	if (!text)
		return -ENOMEM;

	ssize_t length = recv(fd, text, RUNNER_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
	if (length < 0) {
		r = -errno;
	} else if (length == 0) {
		r = 0;
	} else if (length > RUNNER_MESSAGE_MAX) {
		r = -EBADMSG;
	} else {
		*message = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(*message)) {
			json_decref(*message);
			r = -EBADMSG;
		}
	}
	free(text);
	return r;
}

/* Bytes that a UTF-8 character has which begins with that one; 0: none does (RFC 3629 §4). */
static size_t length_by(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Bytes of the printable character that begins there; 0: none does. */
static size_t character(const unsigned char *p, size_t left)
{
	size_t n = length_by(p[0]);

	if (n == 0 || n > left || p[0] < 0x20 || p[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	bool control = p[0] == 0xc2 && p[1] < 0xa0; /* C1 */
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
	bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
	return control || overlong || surrogate || beyond ? 0 : n;
}

static void printable(const char *text, size_t length, char out[RUNNER_OUTPUT_MAX + 1])
{
	size_t used = 0;

	for (size_t i = 0; i < length;) {
		size_t n = character((const unsigned char *)text + i, length - i);
		size_t room = n ? n : 1;

		if (used + room > RUNNER_OUTPUT_MAX)
			break;
		if (n)
			memcpy(out + used, text + i, n);
		else
			out[used] = '?';
		used += room;
		i += room;
	}
	out[used] = '\0';
}

void runner_last_line(const char *text, size_t length, char out[RUNNER_OUTPUT_MAX + 1])
{
	while (length > 0 && strchr("\r\n \t", text[length - 1]))
		length--;

	size_t start = length;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	printable(text + start, length - start, out);
}

static int put_text(json_t *message, const char *key, const char *text)
{
	char out[RUNNER_OUTPUT_MAX + 1];

	printable(text, strlen(text), out);
	return json_object_set_new(message, key, json_string(out));
}

static int put_integer(json_t *message, const char *key, uint64_t value)
{
	return json_object_set_new(message, key, json_integer((json_int_t)value));
}

static int put_end(json_t *message, const struct runner_answer *answer)
{
	return json_object_set_new(message, "passed", json_boolean(answer->passed)) |
	       json_object_set_new(message, "timed_out", json_boolean(answer->timed_out)) |
	       put_integer(message, "duration_us", answer->duration_us) | put_text(message, "output", answer->output);
}

json_t *runner_answer_encode(const struct runner_answer *answer)
{
	json_t *message = json_object();
	int r = json_object_set_new(message, "type", json_string(types[answer->type]));

	if (answer->type != RUNNER_DONE && answer->check[0])
		r |= json_object_set_new(message, "check", json_string(answer->check)) |
		     put_integer(message, "generation", answer->generation);
	else
		r |= put_integer(message, "id", answer->id);
	if (answer->type != RUNNER_REFUSED)
		r |= put_end(message, answer);
	if (answer->type == RUNNER_DONE)
		r |= json_object_set_new(message, "status", json_integer(answer->status));
	if (answer->type != RUNNER_RESULT)
		r |= put_text(message, "reason", answer->reason);
	if (r == 0)
		return message;
	json_decref(message);
	return NULL;
}

static bool take_text(const json_t *message, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(message, key);

	if (!json_is_string(value) || json_string_length(value) >= size)
		return false;
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

static bool take_integer(const json_t *message, const char *key, json_int_t min, json_int_t max, json_int_t *out)
{
	const json_t *value = json_object_get(message, key);

	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= min && *out <= max;
}

static bool take_unsigned(const json_t *message, const char *key, json_int_t min, uint64_t *out)
{
	json_int_t value;

	if (!take_integer(message, key, min, INT64_MAX, &value))
		return false;
	*out = (uint64_t)value;
	return true;
}

static bool take_bool(const json_t *message, const char *key, bool *out)
{
	const json_t *value = json_object_get(message, key);

	*out = json_is_true(value);
	return json_is_boolean(value);
}

static bool take_type(const json_t *message, enum runner_answer_type *type)
{
	const char *text = json_string_value(json_object_get(message, "type"));

	for (unsigned i = 0; text && i < sizeof types / sizeof *types; i++) {
		if (strcmp(text, types[i]) != 0)
			continue;
		*type = (enum runner_answer_type)i;
		return true;
	}
	return false;
}

static bool take_check(const json_t *message, struct runner_answer *answer)
{
	return take_text(message, "check", answer->check, sizeof answer->check) && answer->check[0] &&
	       take_unsigned(message, "generation", 0, &answer->generation);
}

static bool take_end(const json_t *message, struct runner_answer *answer)
{
	return take_bool(message, "passed", &answer->passed) && take_bool(message, "timed_out", &answer->timed_out) &&
	       take_unsigned(message, "duration_us", 0, &answer->duration_us) &&
	       take_text(message, "output", answer->output, sizeof answer->output);
}

static bool take_done(const json_t *message, struct runner_answer *answer)
{
	json_int_t status;

	if (!take_unsigned(message, "id", 1, &answer->id) || !take_end(message, answer) ||
	    !take_integer(message, "status", -1, 255, &status))
		return false;
	answer->status = (int)status;
	return take_text(message, "reason", answer->reason, sizeof answer->reason);
}

static bool take_refused(const json_t *message, struct runner_answer *answer)
{
	bool named = json_object_get(message, "check");

	if (!(named ? take_check(message, answer) : take_unsigned(message, "id", 1, &answer->id)))
		return false;
	return take_text(message, "reason", answer->reason, sizeof answer->reason);
}

int runner_answer_decode(const json_t *message, struct runner_answer *answer)
{
	bool fine = false;

	memset(answer, 0, sizeof *answer);
	if (!take_type(message, &answer->type))
		return -EBADMSG;
	switch (answer->type) {
	case RUNNER_RESULT:
		fine = take_check(message, answer) && take_end(message, answer);
		break;
	case RUNNER_DONE:
		fine = take_done(message, answer);
		break;
	case RUNNER_REFUSED:
		fine = take_refused(message, answer);
		break;
	}
	return fine ? 0 : -EBADMSG;
}
