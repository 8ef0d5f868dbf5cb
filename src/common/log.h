/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: the journal where stderr is connected to it, else stderr. A program that must not wait for either lets a
 * thread write. */
#ifndef STANDBYD_COMMON_LOG_H
#define STANDBYD_COMMON_LOG_H

/* Levels are syslog's (LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG). 'program' is kept, not copied; messages
 * less urgent than 'level' are dropped. Call it before other threads start. */
void log_open(const char *program, int level);
/* Any thread. Each line of the text becomes a line of the log; control characters are made harmless; longer than 2 KiB is
 * cut; errno is kept. */
void log_at(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on a thread writes, and log_at never waits: it queues at most 1,024 lines and drops further ones, whose
 * number is logged when there is room again. The thread has the caller's capabilities and blocks all signals. 0 or
 * -errno, and nothing has changed. */
int log_start_thread(void);
/* Lets the thread write what is queued and ends it; log_at writes by itself again. After timeout_ms gives up, with
 * the thread as it was, and returns -ETIMEDOUT. 0: done, or there is no thread. One caller at a time. */
int log_stop(unsigned timeout_ms);
enum { LOG_STOP_MS = 1000 }; /* how long a program that exits waits for its last lines */

#endif
