/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: the journal where stderr is connected to it, else stderr. Never blocks on anything slower than that. */
#ifndef STANDBYD_COMMON_LOG_H
#define STANDBYD_COMMON_LOG_H

/* Levels are syslog's (LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG). 'program' is kept, not copied; messages
 * less urgent than 'level' are dropped. Call it before other threads start. */
void log_open(const char *program, int level);
/* Any thread. Each line of the text becomes a line of the log; control characters are made harmless; longer than 2 KiB is
 * cut; errno is kept. */
void log_at(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
