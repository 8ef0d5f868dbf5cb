/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: a Varlink server that never lets the loop wait and that no client can make large. */
#ifndef STANDBYD_DAEMON_CONTROL_H
#define STANDBYD_DAEMON_CONTROL_H

#include <systemd/sd-event.h>

#include "daemon/engine.h"

struct control;

/* Opens RUNDIR/io.standbyd, 0660, group standbyd where there is one. Needs privileges. listening: the socket that a predecessor in
 * this process opened (owned from now on), -1: there is none. NULL and the reason was logged. */
struct control *control_open(const char *rundir, int rundir_fd, int listening);

/* Asks for a reload and returns its ticket, 0: not now (the daemon stops). The answer comes by control_reloaded. */
typedef uint64_t control_reload(void *data);

/* Asks for another program in this process's place. NULL: it is begun, and the answer comes by control_reexecuted; else why
 * not. */
typedef const char *control_reexec(void *data);

/* Serves from now on; config_path (borrowed) is what Diff compares with. 0 or -errno. */
int control_attach(struct control *, sd_event *, struct engine *, const char *config_path, control_reload *, control_reexec *,
		   void *data);

enum reload_result { RELOAD_DONE, RELOAD_BAD, RELOAD_FAILED };
/* Answers every client that waits for that ticket or an earlier one. */
void control_reloaded(struct control *, uint64_t ticket, enum reload_result, const char *diagnostics);

enum reexec_result { REEXEC_DONE, REEXEC_BAD, REEXEC_FAILED };
/* Answers whoever asked for it. text: BAD: what is wrong with the configuration, FAILED: why, DONE: the predecessor's version. */
void control_reexecuted(struct control *, enum reexec_result, const char *text);

/* Gives on the socket, who asked for the re-execution, and who follows the events; the others are cut off when their descriptors
 * close. 0 or -errno. */
int control_bequeath(struct control *, struct handover_out *);
/* Takes a client over; after control_attach. */
void control_adopt(struct control *, const struct handover_client *);

/* Removes the socket and cuts everybody off, after a last try to send what waits. */
void control_close(struct control *);

#endif
