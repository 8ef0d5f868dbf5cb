/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/sentence.h"
#include "config/diff.h"
#include "config/load.h"
#include "daemon/clock.h"
#include "daemon/loader.h"

struct differ {
	sd_event *event;
	struct engine *engine;
	const char *path;
	diff_done *done;
	void *data;
	struct loader *loader; /* NULL: idle */
	sd_event_source *source;
	int text; /* memory that holds the configuration to load, -1: none */
	char text_path[32];
};

struct differ *differ_new(sd_event *event, struct engine *engine, const char *path, diff_done *done, void *data)
{
	struct differ *differ = calloc(1, sizeof *differ);

	if (differ)
		*differ = (struct differ){
			.event = event, .engine = engine, .path = path, .done = done, .data = data, .text = -1
		};
	return differ;
}

static void close_text(struct differ *differ)
{
	if (differ->text >= 0)
		close(differ->text);
	differ->text = -1;
}

/* ---- what would change ------------------------------------------------------------------------------------------ */

/* The lines of a text, as an array. */
static json_t *lines_json(const char *text)
{
	json_t *json = json_array();

	while (text && *text) {
		size_t length = strcspn(text, "\n");
		json_array_append_new(json, json_stringn(text, length));
		text += length + (text[length] == '\n');
	}
	return json;
}

static json_t *changes_json(const struct config *old, const struct config *next)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	if (!out)
		return NULL;
	config_diff(old, next, out);
	json = fclose(out) == 0 ? lines_json(text) : NULL;
	free(text);
	return json;
}

/* What the preview is made of, and what becomes of it. */
struct look {
	const struct snapshot_chunk *chunk; /* of what the kernel has, the next */
	unsigned at;
	json_t *actions;
};

static void add_action(void *data, const struct core *next, const struct action *action)
{
	struct look *look = data;
	char text[SENTENCE_SIZE];

	if (sentence_of_action(next, action, text)[0])
		json_array_append_new(look->actions, json_string(text));
}

static bool next_item(void *data, struct event *event)
{
	struct look *look = data;

	while (look->chunk && look->at == look->chunk->n) {
		look->chunk = look->chunk->next;
		look->at = 0;
	}
	if (look->chunk)
		*event = look->chunk->items[look->at++];
	return look->chunk != NULL;
}

/* kernel: NULL if it could not be looked at. */
static json_t *actions_json(const struct engine *e, const struct config *next, const struct snapshot *kernel)
{
	struct look look = { .chunk = kernel ? kernel->first : NULL, .actions = json_array() };
	struct preview preview = { .each = add_action, .item = kernel ? next_item : NULL, .closure = &look };

	if (core_preview(e->core, next, clock_boot(), &preview) == 0)
		return look.actions;
	json_decref(look.actions);
	return NULL;
}

static void answer(struct differ *differ, const struct config *next, const struct snapshot *kernel, const char *diagnostics)
{
	const struct engine *e = differ->engine;
	json_t *changes, *actions, *result;

	if (!next) {
		differ->done(differ->data, NULL, diagnostics);
		return;
	}
	changes = changes_json(e->config, next);
	actions = changes ? actions_json(e, next, kernel) : NULL;
	result = json_pack("{s:i, s:o, s:o, s:s}", "schema", DIFF_SCHEMA, "changes", changes, "actions", actions,
			   "warnings", diagnostics);
	differ->done(differ->data, result, "");
	json_decref(result);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static int on_loaded(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct differ *differ = data;
	char *diagnostics = NULL;
	struct snapshot kernel;
	bool seen = loader_snapshot(differ->loader, &kernel);
	struct config *config = loader_finish(differ->loader, &diagnostics);

	(void)source;
	(void)fd;
	(void)revents;
	differ->loader = NULL;
	differ->source = sd_event_source_disable_unref(differ->source);
	close_text(differ);
	answer(differ, config, seen ? &kernel : NULL, diagnostics ? diagnostics : "");
	snapshot_free(&kernel);
	config_free(config);
	free(diagnostics);
	return 0;
}

/* The text as a file that only this process has. */
static int open_text(struct differ *differ, const char *text)
{
	size_t left = strlen(text);

	differ->text = memfd_create("standbyd.yaml", MFD_CLOEXEC);
	if (differ->text < 0)
		return -errno;
	while (left > 0) {
		ssize_t n = write(differ->text, text, left);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		left -= (size_t)n;
	}
	snprintf(differ->text_path, sizeof differ->text_path, "/proc/self/fd/%d", differ->text);
	return 0;
}

int differ_start(struct differ *differ, const char *text)
{
	int r;

	if (differ->loader)
		return -EBUSY;
	r = text ? open_text(differ, text) : 0;
	if (r == 0) {
		differ->loader = loader_start(text ? differ->text_path : differ->path, differ->engine->config, NULL);
		r = differ->loader ? 0 : -errno;
	}
	if (r == 0)
		r = sd_event_add_io(differ->event, &differ->source, loader_fd(differ->loader), EPOLLIN, on_loaded,
				    differ);
	if (r >= 0)
		return 0;
	if (differ->loader) {
		char *diagnostics;
		config_free(loader_finish(differ->loader, &diagnostics));
		free(diagnostics);
		differ->loader = NULL;
	}
	close_text(differ);
	return r;
}

void differ_free(struct differ *differ)
{
	if (!differ)
		return;
	sd_event_source_disable_unref(differ->source);
	if (differ->loader)
		return; /* its thread may sit on a slow disk: the process is about to end, and does not wait for it */
	free(differ);
}
