/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { KEY_SIZE = 32, ID_DIGITS = 10 };

/* 0: it is none. */
static uint32_t parse_id(const char *text)
{
	size_t n = strspn(text, "0123456789");
	uint64_t id = 0;

	if (text[n] != '\0' || n > ID_DIGITS)
		return 0;
	for (; *text; text++)
		id = id * 10 + (uint64_t)(*text - '0');
	return id <= UINT32_MAX ? (uint32_t)id : 0;
}

int command_keygen(const struct cli *cli)
{
	uint32_t id = cli->arguments[0] ? parse_id(cli->arguments[0]) : 1;
	uint8_t key[KEY_SIZE];
	char digits[2 * KEY_SIZE + 1];

	if (id == 0) {
		fprintf(stderr, "standbyctl: '%s' is no id of a key, which is 1 … 4294967295\n", cli->arguments[0]);
		return EXIT_USAGE;
	}
	if (sodium_init() < 0) {
		fputs("standbyctl: libsodium cannot be started\n", stderr);
		return EXIT_FAILED;
	}
	randombytes_buf(key, sizeof key);
	printf("%u: %s\n", id, sodium_bin2hex(digits, sizeof digits, key, sizeof key));
	sodium_memzero(key, sizeof key);
	sodium_memzero(digits, sizeof digits);
	return EXIT_FINE;
}
