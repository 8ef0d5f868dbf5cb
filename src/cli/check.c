/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "cli/cli.h"
#include "config/load.h"

int command_check(const struct cli *cli)
{
	const char *path = cli->arguments[0] ? cli->arguments[0] : CONFIG_DEFAULT_PATH;
	struct config *config = config_load(path, stderr);

	if (!config)
		return EXIT_CONFIG;
	if (cli->verbose)
		config_print(config, stdout);
	else
		printf("%s: fine; node %s, %u %s, %u %s, configuration %s\n", path, config->node, config->n_bonds,
		       config->n_bonds == 1 ? "bond" : "bonds", config->n_vips, config->n_vips == 1 ? "vip" : "vips",
		       config->digest);
	config_free(config);
	return EXIT_FINE;
}
