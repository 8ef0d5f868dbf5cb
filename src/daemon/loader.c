/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/loader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "config/load.h"

struct loader {
	const char *path;
	pthread_t thread;
	int fd;
	struct config *config;
	char *diagnostics;
};

static void *loader_run(void *data)
{
	struct loader *loader = data;
	size_t size;
	FILE *out = open_memstream(&loader->diagnostics, &size);

	if (out) {
		loader->config = config_load(loader->path, out);
		fclose(out);
	}
	eventfd_write(loader->fd, 1);
	return NULL;
}

struct loader *loader_start(const char *path)
{
	struct loader *loader = calloc(1, sizeof *loader);
	int r;

	if (!loader)
		return NULL;
	loader->path = path;
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

struct config *loader_finish(struct loader *loader, char **diagnostics)
{
	struct config *config;

	pthread_join(loader->thread, NULL);
	config = loader->config;
	*diagnostics = loader->diagnostics;
	close(loader->fd);
	free(loader);
	return config;
}
