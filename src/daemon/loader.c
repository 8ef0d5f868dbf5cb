/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/loader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "config/load.h"
#include "kernel/executor.h"

struct loader {
	const char *path;
	bool looks, routes, all_tables, rules; /* what to look for at least */
	bool seen;
	struct snapshot snapshot;
	pthread_t thread;
	int fd;
	struct config *config;
	struct keys *keys;
	const struct filter *filter;
	char *diagnostics;
};

/* A route that only the configuration in force has would be removed by a reload: it is looked for too. */
static void look_for(struct loader *loader, const struct config *config)
{
	loader->routes |= config->n_routes > 0;
	loader->rules |= config->n_rules > 0;
	for (unsigned i = 0; i < config->n_routes; i++)
		loader->all_tables |= config->routes[i].table != 0;
}

/* With sockets of its own: the applier's queue is for changes. */
static void look(struct loader *loader)
{
	struct executor *executor = executor_new();
	struct job job = { .action = { .type = ACT_SNAPSHOT }, .fd = -1 };

	if (!executor)
		return;
	look_for(loader, loader->config);
	job.action.u.snapshot.routes = loader->routes;
	job.action.u.snapshot.all_tables = loader->all_tables;
	job.action.u.snapshot.rules = loader->rules;
	executor_run(executor, &job, 1);
	loader->seen = job.error == 0;
	loader->snapshot = job.snapshot;
	job.snapshot = (struct snapshot){ 0 };
	job_clear(&job);
	executor_free(executor);
}

bool loader_read_keys(const struct config *config, struct keys **keys, FILE *out)
{
	char *error = NULL;

	*keys = NULL;
	if (!config->heartbeat.key_file[0] || keys_load(config->heartbeat.key_file, keys, &error) == 0)
		return true;
	fprintf(out, "%s\n", error ? error : strerror(ENOMEM));
	free(error);
	return false;
}

static void read_both(struct loader *loader, FILE *out)
{
	loader->config = config_load(loader->path, out);
	if (loader->config && (!loader_read_keys(loader->config, &loader->keys, out) ||
			       (loader->filter && !filter_enforce(loader->filter, loader->config, out)))) {
		config_free(loader->config);
		loader->config = NULL;
	}
}

static void *loader_run(void *data)
{
	struct loader *loader = data;
	size_t size;
	FILE *out = open_memstream(&loader->diagnostics, &size);

	if (out) {
		read_both(loader, out);
		fclose(out);
	}
	if (loader->config && loader->looks)
		look(loader);
	eventfd_write(loader->fd, 1);
	return NULL;
}

struct loader *loader_start(const char *path, const struct config *in_force, const struct filter *filter)
{
	struct loader *loader = calloc(1, sizeof *loader);
	int r;

	if (!loader)
		return NULL;
	loader->path = path;
	loader->filter = filter;
	loader->looks = in_force != NULL;
	if (in_force)
		look_for(loader, in_force);
	loader->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loader->fd < 0) {
		free(loader);
		return NULL;
	}
	r = pthread_create(&loader->thread, NULL, loader_run, loader);
	if (r != 0) {
		close(loader->fd);
		free(loader);
		errno = r;
		return NULL;
	}
	return loader;
}

int loader_fd(const struct loader *loader)
{
	return loader->fd;
}

bool loader_snapshot(struct loader *loader, struct snapshot *snapshot)
{
	*snapshot = loader->snapshot;
	loader->snapshot = (struct snapshot){ 0 };
	return loader->seen;
}

struct keys *loader_keys(struct loader *loader)
{
	struct keys *keys = loader->keys;

	loader->keys = NULL;
	return keys;
}

struct config *loader_finish(struct loader *loader, char **diagnostics)
{
	struct config *config;

	pthread_join(loader->thread, NULL);
	config = loader->config;
	*diagnostics = loader->diagnostics;
	close(loader->fd);
	snapshot_free(&loader->snapshot);
	keys_free(loader->keys);
	free(loader);
	return config;
}
