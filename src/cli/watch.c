/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status tree, drawn again whenever something happens, and each second for what ages; where nobody looks at a screen, the
 * tree once and then a line for each event. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
	PAUSE_MS = 100,  /* between two drawings, however much happens */
	AGE_MS = 1000,
	ROWS = 24,       /* of a terminal that does not say */
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

/* Interrupts a wait; not started anew. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : ROWS;
}

/* As many lines of the text as the screen has; each ends with what clears the rest of its line. */
static void draw(const char *text)
{
	int left = rows() - 1;

	fputs("\033[H", stdout);
	for (; *text && left > 0; left--) {
		size_t length = strcspn(text, "\n");
		printf("%.*s\033[K\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
	printf("\033[J%s", *text ? "…" : "");
	fflush(stdout);
}

/* One drawing of what the daemon says now. EXIT_FINE, or an exit status. */
static int refresh(const struct cli *cli)
{
	int status;
	json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, &status);
	FILE *screen = stdout, *memory;
	char *text = NULL;
	size_t size;

	if (!now)
		return status;
	memory = open_memstream(&text, &size);
	if (memory) {
		stdout = memory;
		print_status(now);
		stdout = screen;
		fclose(memory);
		draw(text);
	}
	free(text);
	json_decref(now);
	return EXIT_FINE;
}

static long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Waits for events, at most so long; takes all that came. 1: some came, 0: none, -1: the connection ended. */
static int take_events(struct connection *c, int ms)
{
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };
	json_t *reply;
	int r, any = 0;

	if (poll(&fd, 1, ms) <= 0)
		return 0;
	r = varlink_read(&c->in, c->fd);
	if (r <= 0 && r != -EAGAIN)
		return -1;
	while ((r = varlink_take(&c->in, &reply)) > 0) {
		any = 1;
		json_decref(reply);
	}
	return r < 0 ? -1 : any;
}

static int watch_screen(const struct cli *cli, struct connection *c)
{
	int status = EXIT_FINE;

	catch_signals();
	fputs("\033[?1049h\033[?25l", stdout); /* another screen, without a cursor */
	while (!ended && status == EXIT_FINE) {
		long long drawn = now_ms();
		int r = 0;
		status = refresh(cli);
		while (!ended && status == EXIT_FINE && r == 0 && now_ms() - drawn < AGE_MS)
			r = take_events(c, (int)(AGE_MS - (now_ms() - drawn)));
		while (!ended && r > 0 && now_ms() - drawn < PAUSE_MS)
			r = take_events(c, (int)(PAUSE_MS - (now_ms() - drawn))) < 0 ? -1 : 1;
		if (r < 0)
			status = EXIT_FAILED;
	}
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (!ended && status == EXIT_FAILED)
		fputs("standbyctl: the daemon closed the connection\n", stderr);
	return ended ? EXIT_FINE : status;
}

/* The tree, then what happens from now on. */
static int watch_lines(const struct cli *cli, struct connection *c)
{
	int status;
	json_t *now = connection_ask(cli, VARLINK_INTERFACE ".Status", NULL, &status);
	bool goes_on = now != NULL;

	if (now)
		print_status(now);
	json_decref(now);
	if (output_flush() != EXIT_FINE)
		return EXIT_FAILED;
	while (goes_on) {
		json_t *reply = connection_reply(c);
		const json_t *event = json_object_get(json_object_get(reply, "parameters"), "event");
		status = reply ? reply_check(reply) : EXIT_FAILED;
		if (status == EXIT_FINE && json_is_object(event))
			status = print_event(event, cli);
		goes_on = status == EXIT_FINE && json_is_true(json_object_get(reply, "continues"));
		json_decref(reply);
	}
	return status;
}

int command_watch(const struct cli *cli)
{
	struct connection c;
	int status = connection_call(&c, cli, VARLINK_INTERFACE ".Events", json_pack("{s:b, s:b}", "follow", true, "new", true), true);

	if (status == EXIT_FINE)
		status = isatty(STDOUT_FILENO) ? watch_screen(cli, &c) : watch_lines(cli, &c);
	connection_close(&c);
	return status;
}
