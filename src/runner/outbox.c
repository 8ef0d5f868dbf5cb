/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct waiting {
	struct waiting *next;
	struct runner_answer answer;
};

struct outbox {
	sd_event_source *source;
	struct outbox_watch watch;
	int fd; /* a duplicate: the loop watches a descriptor once, and reading is another's */
	struct waiting *first, **end;
	unsigned n_ends;
	bool full, gone;
};

/* 0, or the -errno by which it was not sent. */
static int send_answer(struct outbox *outbox, const struct runner_answer *answer)
{
	json_t *message = runner_answer_encode(answer);
	int r = message ? runner_send(outbox->fd, message) : -ENOMEM;

	json_decref(message);
	return r == -ENOBUFS || r == -EWOULDBLOCK ? -EAGAIN : r;
}

static void lose(struct outbox *outbox, int error)
{
	outbox->gone = true;
	sd_event_source_set_enabled(outbox->source, SD_EVENT_OFF);
	outbox->watch.gone(outbox->watch.userdata, error);
}

static bool is_end(const struct runner_answer *answer)
{
	return answer->type == RUNNER_DONE || answer->check[0] == '\0';
}

static void count_end(struct outbox *outbox, int difference)
{
	outbox->n_ends += (unsigned)difference;

	bool full = outbox->n_ends > OUTBOX_ENDS;
	if (full == outbox->full)
		return;
	outbox->full = full;
	outbox->watch.full(outbox->watch.userdata, full);
}

static void wait_for_room(struct outbox *outbox, const struct runner_answer *answer)
{
	struct waiting *waiting = outbox->first;

	while (waiting &&
	       (is_end(answer) || is_end(&waiting->answer) || strcmp(waiting->answer.check, answer->check) != 0))
		waiting = waiting->next;
	if (waiting) { /* an older one of that check */
		waiting->answer = *answer;
		return;
	}
	waiting = calloc(1, sizeof *waiting);
	if (!waiting) {
		lose(outbox, -ENOMEM);
		return;
	}
	waiting->answer = *answer;
	*outbox->end = waiting;
	outbox->end = &waiting->next;
	sd_event_source_set_enabled(outbox->source, SD_EVENT_ON);
	if (is_end(answer))
		count_end(outbox, 1);
}

void outbox_send(struct outbox *outbox, const struct runner_answer *answer)
{
	int r = -EAGAIN;

	if (outbox->gone)
		return;
	if (!outbox->first)
		r = send_answer(outbox, answer);
	if (r == -EAGAIN)
		wait_for_room(outbox, answer);
	else if (r < 0)
		lose(outbox, r);
}

static void drop_first(struct outbox *outbox)
{
	struct waiting *waiting = outbox->first;
	bool end = is_end(&waiting->answer);

	outbox->first = waiting->next;
	if (!outbox->first)
		outbox->end = &outbox->first;
	free(waiting);
	if (end)
		count_end(outbox, -1);
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct outbox *outbox = userdata;
	int r = 0;

	(void)fd;
	(void)events;
	while (outbox->first && (r = send_answer(outbox, &outbox->first->answer)) == 0)
		drop_first(outbox);
	if (r < 0 && r != -EAGAIN)
		lose(outbox, r);
	else if (!outbox->first)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int outbox_new(sd_event *event, int fd, const struct outbox_watch *watch, struct outbox **out)
{
	struct outbox *outbox = calloc(1, sizeof *outbox);
	int r;

	if (!outbox)
		return -ENOMEM;
	outbox->watch = *watch;
	outbox->end = &outbox->first;
	outbox->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = outbox->fd < 0 ? -errno : sd_event_add_io(event, &outbox->source, outbox->fd, EPOLLOUT, on_room, outbox);
	if (r < 0) {
		outbox_free(outbox);
		return r;
	}
	sd_event_source_set_enabled(outbox->source, SD_EVENT_OFF);
	*out = outbox;
	return 0;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	sd_event_source_disable_unref(outbox->source);
	while (outbox->first)
		drop_first(outbox);
	if (outbox->fd >= 0)
		close(outbox->fd);
	free(outbox);
}
